//! Where the parser's bytes come from, a line at a time: memory, a script
//! file, standard input shared with the commands, a person at a terminal.

use std::rc::Rc;

/// Why there is no next line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceError {
    /// The person gave the line up (SIGINT).
    Interrupted,
    /// Reading failed; the message.
    Failed(Vec<u8>),
}

/// Gives a script's lines.
pub trait Source {
    /// Appends the next line with its newline; `false` at the end of input.
    /// `continued` tells that a command has begun already (PS2).
    fn more(&mut self, buffer: &mut Vec<u8>, continued: bool) -> Result<bool, SourceError>;
    /// Whether a line is there without asking anybody; memory only.
    fn is_memory(&self) -> bool {
        false
    }
}

/// A script that is all in memory: `-c`, `eval`, substitutions.
pub struct MemorySource {
    text: Rc<[u8]>,
    at: usize,
}

impl MemorySource {
    /// A source of `text`.
    pub fn new(text: impl Into<Rc<[u8]>>) -> Self {
        Self { text: text.into(), at: 0 }
    }
}

impl Source for MemorySource {
    fn more(&mut self, buffer: &mut Vec<u8>, _continued: bool) -> Result<bool, SourceError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(false);
        }
        let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        buffer.extend(rest.iter().take(length).filter(|byte| **byte != 0));
        self.at += length;
        Ok(true)
    }
    fn is_memory(&self) -> bool {
        true
    }
}
