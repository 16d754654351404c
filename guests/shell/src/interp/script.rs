//! Reading and running: scripts, standard input, `-c`, `eval`, `.`.

use crate::shell::{Run, Shell, Unwind};
use crate::syntax::{MemorySource, ParseErrorKind, Parser, Source, SourceError};
use coracle_sdk::poll;
use coracle_sdk::{Errno, File};
use std::io::SeekFrom;
use std::rc::Rc;

/// A script file that only the shell reads.
pub struct FileSource {
    file: File,
    buffer: Vec<u8>,
    at: usize,
    ended: bool,
}

impl FileSource {
    /// Reads from the file's position.
    pub fn new(file: File) -> Self {
        Self { file, buffer: Vec::new(), at: 0, ended: false }
    }
}

fn failed(errno: Errno) -> SourceError {
    SourceError::Failed(format!("read error: {errno}").into_bytes())
}

impl Source for FileSource {
    fn more(&mut self, buffer: &mut Vec<u8>, _continued: bool) -> Result<bool, SourceError> {
        loop {
            let rest = self.buffer.get(self.at..).unwrap_or_default();
            let newline = rest.iter().position(|byte| *byte == b'\n');
            if newline.is_some() || self.ended {
                let length = newline.map_or(rest.len(), |at| at + 1);
                buffer.extend(rest.iter().take(length).filter(|byte| **byte != 0));
                self.at += length;
                return Ok(length > 0);
            }
            let rest = rest.to_vec();
            match self.file.read_some(1 << 16) {
                Ok(chunk) if chunk.is_empty() => self.ended = true,
                Ok(chunk) => {
                    self.buffer = rest;
                    self.buffer.extend_from_slice(&chunk);
                    self.at = 0;
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
    }
}

/// Standard input, shared with the commands: never read past a line.
pub struct StandardInput {
    file: Option<File>,
}

impl StandardInput {
    /// Reads from what descriptor 0 is.
    pub fn new(file: Option<File>) -> Self {
        Self { file }
    }
}

impl Source for StandardInput {
    fn more(&mut self, buffer: &mut Vec<u8>, _continued: bool) -> Result<bool, SourceError> {
        let Some(file) = &self.file else { return Ok(false) };
        match read_line_shared(file, b'\n', usize::MAX, true) {
            Ok(line) => {
                buffer.extend(line.iter().copied().filter(|byte| *byte != 0));
                Ok(!line.is_empty())
            }
            Err((_, Errno::ISDIR)) => Ok(false),
            Err((_, errno)) => Err(failed(errno)),
        }
    }
}

/// Reads up to and with `delimiter`, leaving the file's position right after
/// it. An error comes with what was read before it.
pub fn read_line_shared(file: &File, delimiter: u8, max: usize, retry: bool) -> Result<Vec<u8>, (Vec<u8>, Errno)> {
    let mut line = Vec::new();
    let seekable = file.seek_to(SeekFrom::Current(0)).is_ok() && !coracle_sdk::terminal::is_terminal(file);
    loop {
        let want = if seekable { 512.min(max - line.len()) } else { 1 };
        if want == 0 {
            return Ok(line);
        }
        match file.read_some(want) {
            Ok(chunk) if chunk.is_empty() => return Ok(line),
            Ok(chunk) => match chunk.iter().position(|byte| *byte == delimiter) {
                Some(at) => {
                    line.extend_from_slice(chunk.get(..=at).unwrap_or_default());
                    let surplus = chunk.len() - at - 1;
                    if surplus > 0
                        && let Err(errno) = file.seek_to(SeekFrom::Current(-(surplus as i64)))
                    {
                        return Err((line, errno));
                    }
                    return Ok(line);
                }
                None => line.extend_from_slice(&chunk),
            },
            Err(Errno::INTR) if retry => {}
            Err(Errno::AGAIN) => {
                // Somebody made the shared description non-blocking.
                if let Err(errno) = poll::wait(&[poll::Source::Readable(file)], None) {
                    return Err((line, errno));
                }
            }
            Err(errno) => return Err((line, errno)),
        }
    }
}

impl Shell {
    /// Runs text inside the running script: `eval`, traps.
    pub fn run_text(&mut self, text: Rc<[u8]>, line: u32, what: &'static str) -> Run {
        self.enter(crate::shell::CALL_COST)?;
        let mut parser = Parser::for_text(text, line, self.parser_settings());
        let answer = self.run_parser(&mut parser, Some(what));
        self.calls -= crate::shell::CALL_COST;
        answer
    }

    /// Runs every command a parser gives, up to an error.
    pub fn run_parser(&mut self, parser: &mut Parser, what: Option<&'static str>) -> Run {
        let mut status = 0;
        let mut ran = false;
        loop {
            parser.set_settings(self.parser_settings());
            match parser.next_command() {
                Ok(None) => {
                    self.warn_here_documents(parser);
                    if !ran {
                        self.status = 0;
                    }
                    return Ok(if ran { status } else { 0 });
                }
                Ok(Some(list)) => {
                    self.warn_here_documents(parser);
                    if self.options.noexec && !self.interactive {
                        continue;
                    }
                    ran = true;
                    match self.run_list(&list) {
                        Ok(done) => status = done,
                        // bash gives up the line and reads on.
                        Err(Unwind::Error)
                            if what.is_none() && self.bash() && self.in_place == 0 && !self.command_string =>
                        {
                            status = self.status
                        }
                        Err(unwind) => return Err(unwind),
                    }
                    if self.options.onecmd {
                        return Err(Unwind::Exit);
                    }
                }
                Err(error) => {
                    if error.kind == ParseErrorKind::Interrupted {
                        return Err(Unwind::Interrupt);
                    }
                    let label = match what {
                        None if self.command_string => Some("-c"),
                        other => other,
                    };
                    self.complain_syntax(&error, label);
                    if self.bash() && matches!(what, Some("eval")) {
                        self.status = if error.is_end_of_input() { 1 } else { 2 };
                        return Ok(self.status);
                    }
                    return Err(Unwind::Error);
                }
            }
        }
    }

    fn warn_here_documents(&mut self, parser: &mut Parser) {
        for (line, delimiter) in parser.unterminated_here.drain(..) {
            if self.bash() {
                let mut message =
                    format!("warning: here-document at line {line} delimited by end-of-file (wanted `").into_bytes();
                message.extend_from_slice(&delimiter);
                message.extend_from_slice(b"')");
                self.complain(&message);
            }
        }
    }

    /// Runs a file's commands in this shell: `.`, ENV, profiles.
    pub fn run_file(&mut self, file: File, name: &[u8]) -> Run {
        let mut text = Vec::new();
        loop {
            match file.read_all(&mut text) {
                Ok(()) => break,
                Err(Errno::INTR) => self.collect_signals(),
                Err(errno) => {
                    let mut message = name.to_vec();
                    message.extend_from_slice(format!(": {errno}").as_bytes());
                    self.complain(&message);
                    return Ok(1);
                }
            }
        }
        self.enter(crate::shell::CALL_COST)?;
        let call_line = self.line;
        self.frames.push(crate::shell::Frame {
            function: Rc::from(&b"source"[..]),
            source: Rc::from(name),
            call_line,
            is_function: false,
        });
        let mut parser = Parser::new(Box::new(MemorySource::new(text)), self.parser_settings());
        let answer = match self.run_parser(&mut parser, Some("file")) {
            Err(Unwind::Return) => Ok(self.status),
            other => other,
        };
        if self.traps.actions.contains_key(&crate::traps::RETURN) {
            self.run_event_trap(crate::traps::RETURN)?;
        }
        self.frames.pop();
        self.line = call_line;
        self.calls -= crate::shell::CALL_COST;
        answer
    }
}
