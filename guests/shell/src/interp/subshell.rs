//! Subshells (XCU 2.12): `( … )` and `$( … )` in this process where nobody can
//! tell, or as a process of their own.

use super::external::SpawnOptions;
use super::state::Body;
use crate::files::{Capture, Handle, Stream};
use crate::shell::{Run, Shell, Unwind};
use crate::syntax::ast::{Command, List, ProcessSubstitution, RedirectionAction, Substitution};
use coracle_sdk::fs;
use coracle_sdk::process::{self, Pid, Program};
use std::rc::Rc;

impl Shell {
    /// `( … )`
    pub(super) fn run_subshell(&mut self, list: &Rc<List>) -> Run {
        if needs_process(list) {
            let options = SpawnOptions::default();
            return match self.spawn_subshell(Body::List(list), options) {
                Ok(pid) => self.wait_foreground(&[pid], || crate::syntax::print::list(list)),
                Err(status) => Ok(status),
            };
        }
        self.in_place_subshell(|shell| shell.run_list(list))
    }

    /// Runs something here and puts everything back that it changed; its
    /// status.
    pub fn in_place_subshell(&mut self, run: impl FnOnce(&mut Self) -> Run) -> Run {
        self.enter(crate::shell::CALL_COST)?;
        let functions = self.functions.clone();
        let aliases = self.aliases.clone();
        let options = self.options;
        let positional = self.positional.clone();
        let files = self.files.clone();
        let jobs = std::mem::take(&mut self.jobs);
        let traps = self.traps.clone();
        let directory = self.directory.clone();
        let directory_stack = self.directory_stack.clone();
        let loops = self.loops;
        let last_background = self.last_background;
        let getopts = self.getopts.clone();
        let disabled = self.disabled_builtins.clone();
        let umask = self.umask_known.take();
        let line = self.line;
        let hashed = self.hashed.clone();
        let interactive = std::mem::replace(&mut self.interactive, false);
        let monitor = std::mem::replace(&mut self.options.monitor, false);
        let terminal = if monitor { self.terminal.take() } else { None };
        let errexit_ignored = self.errexit_ignored;
        self.variables.push_scope(true);
        self.subshell += 1;
        self.in_place += 1;
        self.reset_traps_for_subshell(true);
        self.status = if self.status == 0 { 0 } else { self.status };
        self.jobs.ended = Default::default();
        let run = run(self);
        let ended = match run {
            Ok(status) => status,
            Err(Unwind::Pipe) => 141,
            Err(Unwind::Interrupt) => 130,
            Err(_) => self.status,
        };
        self.status = ended;
        let status = self.run_exit_trap();
        // Signals this subshell asked for go back to what they did.
        let inner: Vec<u8> = self.traps.actions.keys().copied().chain(traps.actions.keys().copied()).collect();
        let pending = std::mem::take(&mut self.traps.pending);
        let changed = self.traps.actions != traps.actions;
        self.subshell -= 1;
        self.in_place -= 1;
        self.interactive = interactive;
        self.options = options;
        let queued = self.traps.queued.clone();
        self.traps = traps;
        self.traps.queued = queued;
        self.traps.pending = pending;
        if changed {
            self.restore_dispositions(&inner);
        }
        self.variables.pop_scope();
        self.functions = functions;
        self.aliases = aliases;
        self.positional = positional;
        self.files = files;
        self.jobs = jobs;
        if self.directory != directory {
            // Where it is gone there is no way back.
            let _ = fs::change_directory(&directory);
            self.directory = directory;
        }
        self.directory_stack = directory_stack;
        self.loops = loops;
        self.last_background = last_background;
        self.getopts = getopts;
        self.disabled_builtins = disabled;
        if let Some(mask) = self.umask_known.take() {
            process::set_umask(mask);
        }
        self.umask_known = umask;
        self.line = line;
        self.errexit_ignored = errexit_ignored;
        if terminal.is_some() {
            self.terminal = terminal;
        }
        if self.is_stale() {
            self.refresh();
        }
        self.hashed = hashed;
        self.calls -= crate::shell::CALL_COST;
        self.status = status;
        match run {
            Err(Unwind::Interrupt) => Err(Unwind::Interrupt),
            _ => Ok(status),
        }
    }

    fn restore_dispositions(&mut self, numbers: &[u8]) {
        for number in numbers {
            let Some(signal) =
                coracle_sdk::signal::Signal::from_number(*number).filter(|_| *number < crate::traps::DEBUG)
            else {
                continue;
            };
            let disposition = match self.traps.actions.get(number) {
                None if self.traps.ignored_at_start.contains(number) => coracle_sdk::signal::Disposition::Ignore,
                None => self.default_disposition(signal),
                Some(crate::traps::Action::Ignore) => coracle_sdk::signal::Disposition::Ignore,
                Some(crate::traps::Action::Run(_)) => coracle_sdk::signal::Disposition::Queue,
            };
            self.set_disposition(signal, disposition);
        }
    }

    /// The output of `$( … )` without its trailing newlines (XCU 2.6.3).
    pub fn command_substitution(&mut self, substitution: &Substitution) -> Result<Vec<u8>, Unwind> {
        let mut output = self.captured(&substitution.body)?;
        if output.contains(&0) {
            if self.bash() {
                self.complain(b"warning: command substitution: ignored null byte in input");
            }
            output.retain(|byte| *byte != 0);
        }
        while output.last() == Some(&b'\n') {
            output.pop();
        }
        Ok(output)
    }

    fn captured(&mut self, body: &List) -> Result<Vec<u8>, Unwind> {
        if let Some(path) = self.file_substitution(body)? {
            return Ok(path);
        }
        let stream = Rc::new(Stream::Capture(Capture::default()));
        self.captures.push(stream.clone());
        let errexit = self.options.errexit;
        if !self.options.inherit_errexit && !self.options.posix {
            self.options.errexit = false;
        }
        let options_errexit = self.options.errexit;
        let status = self.in_place_subshell(|shell| {
            shell.files.set(1, Some(stream.clone()));
            shell.options.errexit = options_errexit;
            if needs_process(body) {
                return match shell.spawn_subshell(Body::List(body), SpawnOptions::default()) {
                    Ok(pid) => shell.wait_foreground(&[pid], Vec::new),
                    Err(status) => Ok(status),
                };
            }
            shell.run_list(body)
        });
        self.options.errexit = errexit;
        self.drain_capture(&stream)?;
        self.captures.pop();
        let status = status?;
        self.status = status;
        self.substitution_status = Some(status);
        match stream.as_ref() {
            Stream::Capture(capture) => Ok(capture.take()),
            Stream::File(_) => Ok(Vec::new()),
        }
    }

    /// `$(<file)`
    fn file_substitution(&mut self, body: &List) -> Result<Option<Vec<u8>>, Unwind> {
        let [item] = body.items.as_slice() else { return Ok(None) };
        let [Command::Simple(simple)] = item.and_or.first.stages.as_slice() else { return Ok(None) };
        if item.background || !item.and_or.rest.is_empty() || !simple.words.is_empty() || !simple.assignments.is_empty()
        {
            return Ok(None);
        }
        let [redirection] = simple.redirections.as_slice() else { return Ok(None) };
        if !matches!(redirection.action, RedirectionAction::Read(_))
            || !matches!(
                redirection.descriptor,
                crate::syntax::ast::Descriptor::Default | crate::syntax::ast::Descriptor::Number(0)
            )
        {
            return Ok(None);
        }
        let undo = match self.redirect(&simple.redirections) {
            Ok(undo) => undo,
            Err(Some(unwind)) => return Err(unwind),
            Err(None) => {
                self.substitution_status = Some(self.status);
                return Ok(Some(Vec::new()));
            }
        };
        let mut text = Vec::new();
        let mut status = 0;
        if let Some(file) = self.files.file(0)
            && let Err(errno) = file.read_all(&mut text)
        {
            self.complain(format!("read error: {errno}").as_bytes());
            status = 1;
        }
        self.undo(undo);
        self.substitution_status = Some(status);
        Ok(Some(text))
    }

    /// Starts a shell that has this one's state and runs `body`.
    pub fn spawn_subshell(&mut self, body: Body<'_>, mut options: SpawnOptions) -> Result<Pid, i32> {
        options.handover = match self.encode_state(&body) {
            Ok(bytes) => bytes,
            Err(()) => {
                self.complain(b"cannot hand the shell's state over");
                return Err(2);
            }
        };
        let mut arguments = vec![self.arg0.to_vec()];
        arguments.extend(self.positional.iter().cloned());
        self.spawn(Program::Myself, arguments, &options).map_err(|(_, errno)| {
            self.complain(format!("cannot fork: {errno}").as_bytes());
            if errno == coracle_sdk::Errno::AGAIN { 254 } else { 2 }
        })
    }

    /// `<( … )` and `>( … )`: the path of the pipe's other end.
    pub fn process_substitution(&mut self, process: &ProcessSubstitution) -> Result<Vec<u8>, Unwind> {
        let (reader, writer) = match coracle_sdk::pipe() {
            Ok(pipe) => pipe,
            Err(errno) => {
                self.complain(format!("cannot make pipe for process substitution: {errno}").as_bytes());
                self.status = 1;
                return Err(Unwind::Error);
            }
        };
        let mut options = SpawnOptions { background: true, ..SpawnOptions::default() };
        let (ours, theirs) = if process.output { (writer, reader) } else { (reader, writer) };
        options.files.push((if process.output { 0 } else { 1 }, Some(Handle::File(Rc::new(theirs)))));
        match self.spawn_subshell(Body::List(&process.body), options) {
            Ok(pid) => {
                self.last_background = Some(pid);
                self.process_substitutions.push(pid);
            }
            Err(status) => {
                self.status = status;
                return Err(Unwind::Error);
            }
        }
        let number =
            (10..=63).rev().find(|number| self.files.get(*number).is_none()).unwrap_or_else(|| self.files.free(64));
        self.files.set(number, Some(Rc::new(Stream::File(ours))));
        self.substitution_files.push(number);
        Ok(format!("/dev/fd/{number}").into_bytes())
    }

    /// Closes the pipes of `<( )` after the command that used them.
    pub(super) fn end_process_substitutions(&mut self) {
        for number in std::mem::take(&mut self.substitution_files) {
            self.files.set(number, None);
        }
        // Their statuses are kept: `wait $!` may ask.
        self.process_substitutions.clear();
        self.jobs.reap();
    }
}

/// Whether a list asks for something only a process of its own can give.
fn needs_process(list: &List) -> bool {
    list.items.iter().any(|item| {
        std::iter::once(&item.and_or.first).chain(item.and_or.rest.iter().map(|(_, pipeline)| pipeline)).any(
            |pipeline| {
                pipeline.stages.iter().any(|command| match command {
                    Command::Simple(simple) => {
                        simple
                            .words
                            .first()
                            .and_then(|word| word.unquoted_literal())
                            .is_some_and(|name| matches!(name, b"ulimit" | b"suspend" | b"disown"))
                            || simple.words.iter().any(|word| word.parts.iter().any(mentions_own_pid))
                            || simple.assignments.iter().any(|assignment| match &assignment.value {
                                crate::syntax::ast::AssignmentValue::Scalar(word) => {
                                    word.parts.iter().any(mentions_own_pid)
                                }
                                crate::syntax::ast::AssignmentValue::Array(_) => false,
                            })
                    }
                    Command::Compound(compound) => match &compound.kind {
                        crate::syntax::ast::CompoundKind::Group(list) => needs_process(list),
                        _ => false,
                    },
                    Command::Function(_) => false,
                })
            },
        )
    })
}

fn mentions_own_pid(part: &crate::syntax::ast::Part) -> bool {
    use crate::syntax::ast::{ParameterName, Part};
    match part {
        Part::Parameter(parameter) => matches!(&parameter.name, ParameterName::Variable(name) if name == b"BASHPID"),
        Part::Text(text) | Part::Quoted(text) => text.windows(11).any(|window| window == b"/proc/self/"),
        Part::Double(parts) => parts.iter().any(mentions_own_pid),
        _ => false,
    }
}
