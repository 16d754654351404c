//! Diagnostics on standard error, worded and prefixed as dash and bash do it,
//! and standard output of builtins.

use crate::shell::{Run, Shell, Unwind};
use crate::syntax::ParseError;
use coracle_sdk::Errno;

impl Shell {
    /// What stands before a message: name and line.
    pub fn message_prefix(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.bash() {
            match self.frames.iter().rev().find(|frame| !frame.source.is_empty()) {
                Some(frame) if &*frame.source != b"main" && !self.interactive => out.extend_from_slice(&frame.source),
                _ => out.extend_from_slice(&self.arg0),
            }
            if !self.interactive {
                out.extend_from_slice(format!(": line {}", self.line).as_bytes());
            }
        } else {
            out.extend_from_slice(&self.arg0);
            out.extend_from_slice(format!(": {}", self.line).as_bytes());
        }
        out.extend_from_slice(b": ");
        out
    }

    /// Writes a message to standard error.
    pub fn complain(&mut self, message: &[u8]) {
        let mut out = self.message_prefix();
        out.extend_from_slice(message);
        out.push(b'\n');
        self.write_error(&out);
    }

    /// Writes `subject: message` to standard error.
    pub fn complain_about(&mut self, subject: &[u8], message: &str) {
        let mut out = subject.to_vec();
        out.extend_from_slice(b": ");
        out.extend_from_slice(message.as_bytes());
        self.complain(&out);
    }

    /// Writes to standard error as it is.
    pub fn write_error(&mut self, text: &[u8]) {
        // There is nowhere to tell that standard error does not work.
        let _ = self.files.write(2, text);
    }

    /// A builtin's output; the status that its success or failure gives.
    pub fn print(&mut self, builtin: &str, text: &[u8]) -> Run {
        match self.files.write(1, text) {
            Ok(()) => Ok(0),
            Err(Errno::PIPE)
                if self.in_place > 0 && !self.traps.is_ignored(coracle_sdk::signal::Signal::PIPE.number()) =>
            {
                Err(Unwind::Pipe)
            }
            Err(errno) => {
                let message = if self.bash() {
                    format!("{builtin}: write error: {errno}")
                } else {
                    format!("{builtin}: I/O error")
                };
                self.complain(message.as_bytes());
                Ok(1)
            }
        }
    }

    /// Reports a syntax error in the text called `what` and sets the status.
    pub fn complain_syntax(&mut self, error: &ParseError, what: Option<&str>) {
        self.line = error.line;
        if self.bash() {
            for message in error.bash_messages() {
                let mut out =
                    match self.frames.iter().rev().find(|frame| !frame.source.is_empty() && !frame.is_function) {
                        Some(frame) if &*frame.source != b"main" => frame.source.to_vec(),
                        _ => self.arg0.to_vec(),
                    };
                if let Some(what) = what {
                    out.extend_from_slice(b": ");
                    out.extend_from_slice(what.as_bytes());
                }
                if !self.interactive {
                    out.extend_from_slice(format!(": line {}", error.line).as_bytes());
                }
                out.extend_from_slice(b": ");
                out.extend_from_slice(&message);
                out.push(b'\n');
                self.write_error(&out);
            }
        } else {
            let message = error.posix_message();
            self.complain(&message);
        }
        self.status = 2;
    }
}
