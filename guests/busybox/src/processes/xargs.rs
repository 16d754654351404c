//! xargs: builds and runs command lines from its input.

use coracle_sdk::process::{self, Command, ExitStatus, Selector};
use coracle_sdk::{Errno, File, env, open};

use crate::applet::{Applet, Call, Failure, Outcome, lossy, say};
use crate::files::confirm;
use crate::input::{Input, Source};
use crate::numbers;

pub static APPLET: Applet = Applet {
    name: "xargs",
    directory: "/usr/bin",
    summary: "Run programs with arguments from input",
    usage: "[OPTIONS] [PROGRAM [ARGUMENT]...]

Run PROGRAM (default echo) with words from standard input as arguments

\t-0\tArguments end with zero bytes
\t-d C\tArguments end with C
\t-a FILE\tRead from FILE
\t-r\tDon't run PROGRAM if there is no input
\t-t\tPrint each command first
\t-p\tAsk before each command
\t-n N\tAt most N arguments
\t-L N\tAt most N lines of input
\t-s N\tAt most N bytes of command line
\t-I STR\tReplace STR in ARGUMENTs by a line of input
\t-E STR\tStop at this word
\t-P N\tRun up to N programs at once
\t-x\tExit if a command line gets too long",
    run,
};

struct Runner<'a> {
    call: &'a Call,
    base: Vec<Vec<u8>>,
    environment: Vec<Vec<u8>>,
    trace: bool,
    ask: bool,
    parallel: usize,
    running: usize,
    status: u8,
    input: Option<File>,
    terminal: bool,
}

impl Runner<'_> {
    /// Runs one command; an error ends everything.
    fn command(&mut self, arguments: Vec<Vec<u8>>) -> Result<(), Failure> {
        if self.trace || self.ask {
            let line = arguments.iter().map(|argument| lossy(argument).into_owned()).collect::<Vec<_>>().join(" ");
            if self.ask {
                if !confirm(&format!("{line} ?...")) {
                    return Ok(());
                }
            } else {
                say(&format!("{line}\n"));
            }
        }
        while self.running >= self.parallel {
            self.reap()?;
        }
        let name = arguments.first().cloned().unwrap_or_default();
        let mut command = Command::search(arguments);
        command.environment = Some(self.environment.clone());
        if let Some(input) = &self.input
            && !self.terminal
        {
            command = command.file(0, input);
        }
        match command.spawn() {
            Ok(_) => self.running += 1,
            Err(errno) => {
                self.call.warn(format_args!("{}: {errno}", lossy(&name)));
                let status = if errno == Errno::NOENT { 127 } else { 126 };
                while self.running > 0 {
                    self.reap()?;
                }
                return Err(Failure::Silent(status));
            }
        }
        if self.parallel == 1 {
            self.reap()?;
        }
        Ok(())
    }

    fn reap(&mut self) -> Result<(), Failure> {
        let change = match process::wait(Selector::Any, true, false) {
            Ok(Some(change)) => change,
            Ok(None) | Err(Errno::INTR) => return Ok(()),
            Err(errno) => return Err(Failure::new(errno.to_string())),
        };
        self.running = self.running.saturating_sub(1);
        match change.status {
            ExitStatus::Exited(0) => {}
            ExitStatus::Exited(255) => {
                self.call.warn(format_args!("{}: exited with status 255; aborting", lossy(&self.base[0])));
                return Err(Failure::Silent(124));
            }
            ExitStatus::Exited(126) => self.status = 126,
            ExitStatus::Exited(127) => self.status = 127,
            ExitStatus::Exited(_) => self.status = 123,
            ExitStatus::Signaled(signal) => {
                self.call.warn(format_args!("{}: terminated by signal {}", lossy(&self.base[0]), signal.number()));
                return Err(Failure::Silent(125));
            }
            ExitStatus::Stopped(_) | ExitStatus::Continued => self.running += 1,
        }
        Ok(())
    }
}

/// Words as the shell quotes them, and whether a line ended behind them.
struct Words {
    input: Input,
    zero: Option<u8>,
    lines: bool,
    end: Option<Vec<u8>>,
    ended: bool,
    missing_quote: Option<u8>,
}

impl Words {
    fn next(&mut self) -> coracle_sdk::Result<Option<(Vec<u8>, bool)>> {
        if self.ended {
            return Ok(None);
        }
        if let Some(delimiter) = self.zero {
            return Ok(self.input.line(delimiter)?.map(|line| (crate::input::trimmed(line, delimiter).to_vec(), true)));
        }
        let mut word = Vec::new();
        let mut started = false;
        let mut quote = None;
        let mut line_end = false;
        loop {
            let Some(byte) = self.input.byte()? else {
                self.missing_quote = quote;
                break;
            };
            match (byte, quote) {
                (b'\n', Some(_)) => {
                    self.missing_quote = quote;
                    break;
                }
                (b'\\', None) => {
                    started = true;
                    match self.input.byte()? {
                        Some(byte) => word.push(byte),
                        None => break,
                    }
                }
                (b'\'' | b'"', None) => {
                    quote = Some(byte);
                    started = true;
                }
                (byte, Some(open)) if byte == open => quote = None,
                (b'\n', None) => {
                    if started {
                        // A line that ends with a blank goes on with the next.
                        line_end = true;
                        break;
                    }
                }
                (b' ' | b'\t', None) if !self.lines => {
                    if started {
                        // Look whether only blanks follow on the line.
                        while matches!(self.input.peek()?, Some(b' ' | b'\t')) {
                            self.input.byte()?;
                        }
                        break;
                    }
                }
                (b' ' | b'\t', None) if !started => {}
                (byte, _) => {
                    word.push(byte);
                    started = true;
                }
            }
        }
        if self.missing_quote.is_some() {
            return Ok(None);
        }
        if !started {
            return Ok(None);
        }
        if self.end.as_ref() == Some(&word) {
            self.ended = true;
            return Ok(None);
        }
        Ok(Some((word, line_end)))
    }
}

fn run(call: &Call) -> Outcome {
    let options = call.options(
        "+ 0,null d:,delimiter a:,arg-file r,no-run-if-empty t,verbose p,interactive n:,max-args L:,max-lines l:: s:,max-chars \
         I:,replace i:: E:,eof e:: P:,max-procs x,exit o,open-tty process-slot-var: show-limits",
    )?;
    let zero = match options.last_of(&["0", "d"]) {
        Some("0") => Some(0),
        Some(_) => {
            let text = options.value("d").unwrap_or_default();
            let (text, _) = crate::escape::expand(text, crate::escape::Dialect::Format);
            let [byte] = text.as_slice() else {
                return Err(Failure::new("argument delimiter must be a single character"));
            };
            Some(*byte)
        }
        None => None,
    };
    let count = |name: &str| options.value(name).map(numbers::parse::<usize>).transpose();
    let replace = if options.has("I") {
        options.value("I").map(<[u8]>::to_vec)
    } else if options.has("i") {
        Some(options.value("i").unwrap_or(b"{}").to_vec())
    } else {
        None
    };
    let mut most_arguments = count("n")?;
    let most_lines = match (count("L")?, options.has("l")) {
        (Some(lines), _) => Some(lines),
        (None, true) => Some(options.value("l").map_or(Ok(1), numbers::parse::<usize>)?),
        _ => None,
    };
    if most_arguments == Some(0) || most_lines == Some(0) {
        return Err(Failure::new("value 0 for an option should be >= 1"));
    }
    if most_lines.is_some() && options.last_of(&["n", "L", "l"]) != Some("n") {
        most_arguments = None;
    }
    let size = count("s")?.unwrap_or(128 * 1024).max(1);
    let parallel = match count("P")? {
        Some(0) => 1024,
        Some(parallel) => parallel,
        None => 1,
    };
    let mut base = options.operands.clone();
    if base.is_empty() {
        base.push(b"echo".to_vec());
    }
    let source = match options.value("a") {
        Some(path) => Source::open(path).map_err(|errno| Failure::about(path, errno))?,
        None => Source::stdin().map_err(|errno| Failure::about("standard input", errno))?,
    };
    let mut runner = Runner {
        call,
        base: base.clone(),
        environment: env::entries(),
        trace: options.has("t"),
        ask: options.has("p"),
        parallel,
        running: 0,
        status: 0,
        // The programs must not eat what xargs reads.
        input: if options.has("a") { None } else { open("/dev/null").ok() },
        terminal: options.has("o"),
    };
    let end = options.value("E").or(options.value("e")).map(<[u8]>::to_vec).filter(|end| !end.is_empty());
    let mut words =
        Words { input: Input::new(source), zero, lines: replace.is_some(), end, ended: false, missing_quote: None };
    let fixed: usize = base.iter().map(|argument| argument.len() + 1).sum();
    let mut batch: Vec<Vec<u8>> = Vec::new();
    let (mut length, mut lines, mut ran) = (fixed, 0, false);
    loop {
        let next = words.next().map_err(|errno| Failure::about("read error", errno))?;
        let Some((word, line_end)) = next else { break };
        if let Some(mark) = &replace {
            ran = true;
            let arguments: Vec<Vec<u8>> = base.iter().map(|argument| substitute(argument, mark, &word)).collect();
            runner.command(arguments)?;
            continue;
        }
        if length + word.len() + 1 > size && !batch.is_empty() {
            if options.has("x") {
                return Err(Failure::new("argument list too long"));
            }
            ran = true;
            runner.command([base.clone(), std::mem::take(&mut batch)].concat())?;
            length = fixed;
            lines = 0;
        }
        if fixed + word.len() + 1 > size {
            return Err(Failure::new("argument line too long"));
        }
        length += word.len() + 1;
        batch.push(word);
        lines += usize::from(line_end);
        if most_arguments == Some(batch.len()) || most_lines.is_some_and(|most| lines >= most) {
            ran = true;
            runner.command([base.clone(), std::mem::take(&mut batch)].concat())?;
            length = fixed;
            lines = 0;
        }
    }
    if let Some(quote) = words.missing_quote {
        let quote = if quote == b'\'' { "single" } else { "double" };
        return Err(Failure::new(format!("unmatched {quote} quote")));
    }
    if !batch.is_empty() || (!ran && !options.has("r") && replace.is_none()) {
        runner.command([base.clone(), batch].concat())?;
    }
    while runner.running > 0 {
        runner.reap()?;
    }
    Ok(runner.status)
}

fn substitute(text: &[u8], mark: &[u8], by: &[u8]) -> Vec<u8> {
    if mark.is_empty() {
        return text.to_vec();
    }
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, mark) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(by);
        rest = &rest[at + mark.len()..];
    }
    out.extend_from_slice(rest);
    out
}
