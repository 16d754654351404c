//! The interactive shell: prompts, lines, one command after the other.

use crate::interp::read_line_shared;
use crate::shell::{Run, Shell, Unwind};
use crate::syntax::{ParseErrorKind, Parser, Source, SourceError};
use coracle_sdk::signal::Signal;
use coracle_sdk::{Errno, File};
use std::cell::RefCell;
use std::rc::Rc;

/// What the prompt and the reader of lines share.
#[derive(Default)]
pub struct Conversation {
    /// The first prompt.
    pub first: Vec<u8>,
    /// The prompt of further lines.
    pub further: Vec<u8>,
    /// What was read since the last command.
    pub typed: Vec<u8>,
    /// Where lines come from.
    pub input: Option<File>,
    /// Where prompts go.
    pub output: Option<File>,
}

/// Lines without editing, as from a pipe.
struct PlainSource(Rc<RefCell<Conversation>>);

impl Source for PlainSource {
    fn more(&mut self, buffer: &mut Vec<u8>, continued: bool) -> Result<bool, SourceError> {
        let mut conversation = self.0.borrow_mut();
        let prompt = if continued { conversation.further.clone() } else { conversation.first.clone() };
        if let Some(output) = &conversation.output {
            // Without a place for prompts the input is still good.
            let _ = output.write_full(&prompt);
        }
        let Some(input) = &conversation.input else { return Ok(false) };
        match read_line_shared(input, b'\n', usize::MAX, false) {
            Ok(line) => {
                conversation.typed.extend_from_slice(&line);
                buffer.extend_from_slice(&line);
                Ok(!line.is_empty())
            }
            Err((_, Errno::INTR)) => Err(SourceError::Interrupted),
            Err((_, errno)) => Err(SourceError::Failed(format!("read error: {errno}").into_bytes())),
        }
    }
}

/// The reader of lines for a conversation.
pub fn terminal_source(conversation: Rc<RefCell<Conversation>>) -> Box<dyn Source> {
    Box::new(PlainSource(conversation))
}

impl Shell {
    /// Signals, job control and prompts of an interactive shell.
    pub fn begin_interactive(&mut self) {
        self.interactive = true;
        self.options.expand_aliases = true;
        self.find_terminal();
        if self.terminal.is_some() {
            self.options.monitor = true;
            // A group of its own, in front: as every job will have.
            let pid = coracle_sdk::process::id();
            if self.own_group != pid && coracle_sdk::process::set_group(0, 0).is_ok() {
                self.own_group = pid;
            }
        }
        for signal in [Signal::INT, Signal::QUIT, Signal::TERM, Signal::TSTP, Signal::TTIN, Signal::TTOU] {
            let disposition = self.default_disposition(signal);
            self.set_disposition(signal, disposition);
        }
        self.take_terminal();
        let default: &[u8] = if self.bash() {
            b"\\s-\\v\\$ "
        } else if coracle_sdk::process::identity().user == 0 {
            b"# "
        } else {
            b"$ "
        };
        if self.get(b"PS1").is_none() {
            self.variables.set(b"PS1", default);
        }
        if self.get(b"PS2").is_none() {
            self.variables.set(b"PS2", &b"> "[..]);
        }
    }

    fn prompt(&mut self, name: &[u8]) -> Vec<u8> {
        let text = self.get(name).unwrap_or_default();
        let status = self.status;
        let mut out = self.expand_prompt_text(&text).unwrap_or(text);
        self.status = status;
        out.retain(|byte| !matches!(byte, 1 | 2));
        out
    }

    /// Reads and runs commands until the end of input or `exit`.
    pub fn run_interactive(&mut self, source: fn(Rc<RefCell<Conversation>>) -> Box<dyn Source>) -> Run {
        let conversation = Rc::new(RefCell::new(Conversation {
            input: self.files.file(0).and_then(|file| file.share().ok()),
            output: self.files.file(2).and_then(|file| file.share().ok()),
            ..Conversation::default()
        }));
        let mut parser = Parser::new(source(conversation.clone()), self.parser_settings());
        loop {
            self.notify_jobs();
            if let Err(unwind) = self.run_pending_traps()
                && unwind == Unwind::Exit
            {
                return Err(unwind);
            }
            if let Some(command) = self.get(b"PROMPT_COMMAND").filter(|command| self.bash() && !command.is_empty()) {
                let status = self.status;
                // Its failure is no reason not to prompt.
                let _ = self.run_text(command.into(), self.line, "PROMPT_COMMAND");
                self.status = status;
            }
            {
                let first = self.prompt(b"PS1");
                let further = self.prompt(b"PS2");
                let mut conversation = conversation.borrow_mut();
                conversation.first = first;
                conversation.further = further;
                conversation.typed.clear();
            }
            parser.set_settings(self.parser_settings());
            let parsed = parser.next_command();
            let typed = conversation.borrow().typed.clone();
            let line = typed.strip_suffix(b"\n").unwrap_or(&typed);
            if !line.iter().all(u8::is_ascii_whitespace) {
                self.history.add(line, None);
            }
            match parsed {
                Ok(None) => {
                    if self.options.ignoreeof {
                        self.write_error(b"Use \"exit\" to leave the shell.\n");
                        continue;
                    }
                    self.write_error(if self.bash() { b"exit\n" } else { b"\n" });
                    return Ok(self.status);
                }
                Ok(Some(list)) => match self.run_list(&list) {
                    Ok(_) => {}
                    Err(Unwind::Exit) => return Err(Unwind::Exit),
                    Err(Unwind::Interrupt) => {
                        self.write_error(b"\n");
                        self.status = 130;
                        parser.discard_line();
                    }
                    Err(_) => parser.discard_line(),
                },
                Err(error) if error.kind == ParseErrorKind::Interrupted => {
                    self.collect_signals();
                    self.traps.pending.retain(|number| *number != Signal::INT.number());
                    self.write_error(b"\n");
                    self.status = 130;
                    parser.discard_line();
                }
                Err(error) => {
                    self.complain_syntax(&error, None);
                    parser.discard_line();
                }
            }
        }
    }
}
