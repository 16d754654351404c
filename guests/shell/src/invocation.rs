//! Starting the shell (XCU sh): operands, options, what is read first, and how
//! it ends.

use crate::edit::terminal_source;
use crate::files::{Files, Stream};
use crate::interp::{FileSource, StandardInput};
use crate::options::Options;
use crate::shell::{Frame, Run, Separators, Shell, Unwind};
use crate::syntax::{MemorySource, Parser, Source};
use crate::variables::{Flags, Value, Variables};
use coracle_sdk::signal::{self, Disposition, Signal};
use coracle_sdk::{fs, process, terminal, time};
use std::rc::Rc;

/// What the command line asks for.
#[derive(Default)]
struct Request {
    command: Option<Vec<u8>>,
    standard_input: bool,
    interactive: bool,
    login: bool,
    no_profile: bool,
    no_rc: bool,
    operands: Vec<Vec<u8>>,
}

/// Runs the shell with its arguments; the status it ends with.
pub fn run(arguments: Vec<Vec<u8>>, interactive: bool) -> u8 {
    let arg0 = arguments.first().cloned().unwrap_or_else(|| b"sh".to_vec());
    let base = arg0.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let (base, login) = match base.strip_prefix(b"-") {
        Some(rest) => (rest, true),
        None => (base, false),
    };
    let mut shell = Shell::new(&arg0, base.ends_with(b"bash"));
    let handed_over = process::handover();
    if !handed_over.is_empty() {
        let answer = shell.run_handed_over(&handed_over);
        return leave(&mut shell, answer);
    }
    shell.import_environment();
    let mut request = Request { interactive, login, ..Request::default() };
    if let Err(status) = read_arguments(&mut shell, &mut request, arguments.get(1..).unwrap_or_default()) {
        return status;
    }
    let answer = start(&mut shell, request);
    leave(&mut shell, answer)
}

fn leave(shell: &mut Shell, answer: Run) -> u8 {
    match answer {
        Ok(status) => shell.status = status,
        Err(Unwind::Pipe) => shell.status = 141,
        Err(_) => {}
    }
    let status = shell.run_exit_trap();
    if shell.interactive {
        shell.hang_up();
    }
    status as u8
}

impl Shell {
    /// A shell without variables.
    pub fn new(arg0: &[u8], bash: bool) -> Self {
        let mut files = Files::default();
        for (number, file) in coracle_sdk::inherited() {
            files.set(number, Some(Rc::new(Stream::File(file))));
        }
        Self {
            variables: Variables::default(),
            functions: Rc::default(),
            aliases: Rc::default(),
            options: Options::initial(bash),
            positional: Rc::default(),
            arg0: arg0.into(),
            files,
            status: 0,
            last_background: None,
            pid: process::id(),
            jobs: crate::jobs::Jobs::default(),
            traps: crate::traps::Traps::default(),
            directory: Vec::new(),
            hashed: Default::default(),
            separators: Rc::new(Separators::new(None, false)),
            utf8: false,
            line: 1,
            frames: Vec::new(),
            loops: 0,
            calls: 0,
            errexit_ignored: 0,
            subshell: 0,
            in_place: 0,
            substitution_status: None,
            getopts: Default::default(),
            directory_stack: Vec::new(),
            started: time::monotonic(),
            seconds_offset: 0,
            interactive: false,
            pipe_status: Vec::new(),
            command_string: false,
            disabled_builtins: Rc::default(),
            process_substitutions: Vec::new(),
            substitution_files: Vec::new(),
            completions: Rc::default(),
            history: Default::default(),
            last_argument: Vec::new(),
            current_command: None,
            in_trap: 0,
            umask_known: None,
            exit_warned: false,
            coprocesses: Vec::new(),
            terminal: None,
            own_group: 0,
            captures: Vec::new(),
            keep_redirections: false,
            not_special: false,
            read_only_functions: Default::default(),
            local_options: Vec::new(),
            array_operands: Vec::new(),
        }
    }

    /// Takes the environment over and sets what POSIX says (XCU 2.5.3).
    fn import_environment(&mut self) {
        for entry in coracle_sdk::env::entries() {
            let Some(equals) = entry.iter().position(|byte| *byte == b'=') else { continue };
            let (name, value) = entry.split_at(equals);
            let value = value.get(1..).unwrap_or_default();
            if let Some(function) = name.strip_prefix(b"BASH_FUNC_").and_then(|rest| rest.strip_suffix(b"%%"))
                && self.options.bash
            {
                let text = [function, b" ", value].concat();
                // A definition that does not parse is no function.
                let _ = self.run_text(text.into(), 1, "environment");
                continue;
            }
            if !crate::syntax::is_name(name) || matches!(name, b"IFS" | b"OPTIND") {
                continue;
            }
            let slot = self.variables.slot(name);
            slot.value = Value::Scalar(value.to_vec());
            slot.flags.set(Flags::EXPORT, true);
        }
        self.variables.set(b"IFS", &b" \t\n"[..]);
        self.variables.set(b"OPTIND", &b"1"[..]);
        self.variables.set(b"PS4", &b"+ "[..]);
        if !self.options.bash {
            self.variables.set(b"PPID", process::parent_id().to_string());
        }
        let believed = self.variables.scalar(b"PWD").cloned().filter(|path| {
            path.first() == Some(&b'/') && !path.split(|byte| *byte == b'/').any(|part| part == b"." || part == b"..")
        });
        let real = fs::working_directory().unwrap_or_else(|_| b"/".to_vec());
        self.directory = match believed {
            Some(path) if path == real => path,
            Some(path) if matches!((fs::stat(&path), fs::stat(b".")), (Ok(there), Ok(here)) if there.same_file(&here)) => {
                path
            }
            _ => real,
        };
        let directory = self.directory.clone();
        let exported = self.options.bash;
        let slot = self.variables.slot(b"PWD");
        slot.value = Value::Scalar(directory);
        if exported {
            slot.flags.set(Flags::EXPORT, true);
        }
        if self.options.bash {
            let level = self.variables.scalar(b"SHLVL").and_then(|text| crate::builtins::number(text)).unwrap_or(0) + 1;
            let slot = self.variables.slot(b"SHLVL");
            slot.value = Value::Scalar(level.to_string().into_bytes());
            slot.flags.set(Flags::EXPORT, true);
        }
        self.variables.environment_changed();
        self.variables.stale.locale = true;
        self.refresh();
        self.getopts = Default::default();
        for number in [1, 2, 3, 10, 12, 13, 14, 15] {
            if Signal::from_number(number).is_some_and(|signal| signal::disposition(signal) == Disposition::Ignore) {
                self.traps.ignored_at_start.push(number);
            }
        }
    }

    /// Finds the terminal that job control works on.
    pub fn find_terminal(&mut self) {
        let shared = [2, 0, 1]
            .into_iter()
            .filter_map(|number| self.files.file(number))
            .find(|file| terminal::is_terminal(file))
            .and_then(|file| file.share().ok());
        self.terminal = shared.map(Rc::new);
        self.own_group = process::group(0).unwrap_or(0);
    }

    /// SIGHUP for what is left when an interactive login shell ends.
    fn hang_up(&mut self) {
        for job in &self.jobs.list {
            if matches!(job.state(), crate::jobs::State::Stopped(_))
                && let Some(group) = job.group
            {
                // Gone already is as good.
                let _ = process::kill(process::Target::Group(group), Some(Signal::HUP));
                let _ = process::kill(process::Target::Group(group), Some(Signal::CONT));
            }
        }
    }
}

fn read_arguments(shell: &mut Shell, request: &mut Request, arguments: &[Vec<u8>]) -> Result<(), u8> {
    let mut at = 0;
    let mut command = false;
    while let Some(argument) = arguments.get(at) {
        if let Some(long) = argument.strip_prefix(b"--").filter(|long| !long.is_empty()) {
            at += 1;
            match long {
                b"login" => request.login = true,
                b"norc" => request.no_rc = true,
                b"noprofile" => request.no_profile = true,
                b"posix" => shell.options.posix = true,
                b"noediting" | b"debugger" | b"restricted" | b"verbose" => {}
                b"rcfile" | b"init-file" => at += 1,
                b"version" => {
                    // A closed standard output is the only way to fail.
                    let _ = shell.files.write(1, b"Coracle shell, compatible with bash 5.2\n");
                    return Err(0);
                }
                _ => {
                    shell.write_error(&[&shell.arg0[..], b": ", argument, b": invalid option\n"].concat());
                    return Err(2);
                }
            }
            continue;
        }
        let (on, letters) = match argument.split_first() {
            Some((b'-', letters)) => (true, letters),
            Some((b'+', letters)) if !letters.is_empty() => (false, letters),
            _ => break,
        };
        at += 1;
        if on && (letters.is_empty() || letters == b"-") {
            break;
        }
        let mut named = 0;
        for letter in letters {
            match letter {
                b'c' if on => command = true,
                b's' if on => request.standard_input = true,
                b'i' if on => request.interactive = true,
                b'l' if on => request.login = true,
                b'o' => named += 1,
                b'O' if shell.options.bash => {
                    if let Some(slot) = arguments.get(at).and_then(|name| shell.options.by_shopt(name)) {
                        *slot = on;
                    }
                    at += 1;
                }
                other => {
                    if !crate::builtins::options::set_letter(shell, *other, on) {
                        let text: Vec<u8> = if shell.options.bash {
                            [&shell.arg0[..], b": -", &[*other], b": invalid option\n"].concat()
                        } else {
                            [&shell.arg0[..], b": 0: Illegal option -", &[*other], b"\n"].concat()
                        };
                        shell.write_error(&text);
                        return Err(2);
                    }
                }
            }
        }
        for _ in 0..named {
            let name = arguments.get(at).cloned().unwrap_or_default();
            at += 1;
            if !crate::builtins::options::set_named(shell, &name, on) {
                shell.write_error(&[&shell.arg0[..], b": ", &name, b": invalid option name\n"].concat());
                return Err(2);
            }
        }
    }
    let mut operands = arguments.get(at..).unwrap_or_default();
    if command {
        let Some(text) = operands.first() else {
            let text: &[u8] = if shell.options.bash {
                b": -c: option requires an argument\n"
            } else {
                b": 0: -c requires an argument\n"
            };
            shell.write_error(&[&shell.arg0[..], text].concat());
            return Err(2);
        };
        request.command = Some(text.clone());
        operands = operands.get(1..).unwrap_or_default();
    }
    request.operands = operands.to_vec();
    Ok(())
}

fn start(shell: &mut Shell, request: Request) -> Run {
    let on_terminal = |shell: &Shell, number| shell.files.file(number).is_some_and(terminal::is_terminal);
    shell.interactive = request.interactive
        || (request.command.is_none()
            && (request.operands.is_empty() || request.standard_input)
            && on_terminal(shell, 0)
            && on_terminal(shell, 2));
    if shell.interactive {
        shell.begin_interactive();
    }
    if request.login && !request.no_profile {
        shell.read_profile(b"/etc/profile")?;
        if let Some(home) = shell.get(b"HOME") {
            let candidates: &[&[u8]] =
                if shell.bash() { &[b"/.bash_profile", b"/.bash_login", b"/.profile"] } else { &[b"/.profile"] };
            for name in candidates {
                let path = [&home[..], name].concat();
                if fs::stat(&path).is_ok() {
                    shell.read_profile(&path)?;
                    break;
                }
            }
        }
    }
    if shell.interactive && !request.no_rc {
        if !shell.bash() || shell.options.posix {
            if let Some(file) = shell.get(b"ENV") {
                let path = shell.expand_prompt_text(&file)?;
                shell.read_profile(&path)?;
            }
        } else if !request.login
            && let Some(home) = shell.get(b"HOME")
        {
            let path = [&home[..], b"/.bashrc"].concat();
            shell.read_profile(&path)?;
        }
    } else if !shell.interactive
        && shell.bash()
        && let Some(file) = shell.get(b"BASH_ENV").filter(|file| !file.is_empty())
    {
        let path = shell.expand_prompt_text(&file)?;
        shell.read_profile(&path)?;
    }
    if let Some(text) = request.command {
        let mut operands = request.operands.into_iter();
        if let Some(name) = operands.next() {
            shell.arg0 = name.into();
        }
        shell.positional = Rc::new(operands.collect());
        shell.command_string = true;
        shell.frames.push(Frame {
            function: Rc::from(&b"main"[..]),
            source: Rc::from(&b""[..]),
            call_line: 0,
            is_function: false,
        });
        return main_program(shell, Box::new(MemorySource::new(text)));
    }
    let mut operands = request.operands.into_iter();
    if !request.standard_input
        && let Some(path) = operands.next()
    {
        shell.positional = Rc::new(operands.collect());
        return run_script(shell, path);
    }
    shell.positional = Rc::new(operands.collect());
    shell.frames.push(Frame {
        function: Rc::from(&b"main"[..]),
        source: Rc::from(&b"main"[..]),
        call_line: 0,
        is_function: false,
    });
    if shell.interactive {
        return shell.run_interactive(terminal_source);
    }
    main_program(shell, Box::new(StandardInput::new(shell.files.file(0).and_then(|file| file.share().ok()))))
}

fn run_script(shell: &mut Shell, path: Vec<u8>) -> Run {
    let mut opened = match fs::stat(&path) {
        Ok(attributes) if attributes.is_dir() => Err(coracle_sdk::Errno::ISDIR),
        _ => coracle_sdk::open(&path),
    };
    let mut name = path.clone();
    if opened.is_err() && !path.contains(&b'/') {
        // XCU sh: a name without a slash is looked for in PATH.
        for directory in shell.path().split(|byte| *byte == b':') {
            let candidate = [directory, b"/", &path].concat();
            if fs::stat(&candidate).is_ok_and(|attributes| attributes.is_file())
                && let Ok(file) = coracle_sdk::open(&candidate)
            {
                opened = Ok(file);
                name = candidate;
                break;
            }
        }
    }
    let file = match opened {
        Ok(file) => file,
        Err(errno) => {
            let text = if shell.bash() {
                let arg0 = shell.arg0.clone();
                if errno == coracle_sdk::Errno::ISDIR {
                    [&path[..], b": ", &path, b": Is a directory\n"].concat()
                } else {
                    [&arg0[..], b": ", &path, b": ", errno.message().as_bytes(), b"\n"].concat()
                }
            } else {
                [
                    &shell.arg0[..],
                    b": 0: cannot open ",
                    &path,
                    b": ",
                    if errno == coracle_sdk::Errno::NOENT { b"No such file" } else { errno.message().as_bytes() },
                    b"\n",
                ]
                .concat()
            };
            shell.write_error(&text);
            shell.status = if errno == coracle_sdk::Errno::NOENT && shell.bash() {
                127
            } else if shell.bash() {
                126
            } else {
                2
            };
            return Ok(shell.status);
        }
    };
    shell.arg0 = path.into();
    shell.frames.push(Frame {
        function: Rc::from(&b"main"[..]),
        source: Rc::from(name),
        call_line: 0,
        is_function: false,
    });
    main_program(shell, Box::new(FileSource::new(file)))
}

fn main_program(shell: &mut Shell, source: Box<dyn Source>) -> Run {
    let mut parser = Parser::new(source, shell.parser_settings());
    match shell.run_parser(&mut parser, None) {
        // `return` outside everything ends a script.
        Err(Unwind::Return) => Ok(shell.status),
        other => other,
    }
}

impl Shell {
    fn read_profile(&mut self, path: &[u8]) -> Result<(), Unwind> {
        let Ok(file) = coracle_sdk::open(path) else { return Ok(()) };
        match self.run_file(file, path) {
            Ok(_) | Err(Unwind::Error | Unwind::Return) => Ok(()),
            Err(unwind) => Err(unwind),
        }
    }
}
