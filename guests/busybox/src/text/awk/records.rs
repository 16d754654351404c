//! Records out of a file, by any RS.

use coracle_posix::regex::Regex;
use coracle_sdk::Result;

use crate::input::{Input, trimmed};

/// What ends a record.
#[derive(Clone, Debug)]
pub enum Separator {
    Byte(u8),
    /// Empty lines, for RS="".
    Paragraph,
    Expression(std::rc::Rc<Regex>),
}

pub struct Records {
    input: Input,
    /// Read but not used up, for expressions.
    pending: Vec<u8>,
    ended: bool,
}

impl Records {
    pub fn new(input: Input) -> Records {
        Records { input, pending: Vec::new(), ended: false }
    }

    /// The next record into `record`, what ended it into `end`; false at the end.
    pub fn next(&mut self, separator: &Separator, record: &mut Vec<u8>, end: &mut Vec<u8>) -> Result<bool> {
        record.clear();
        end.clear();
        if !self.pending.is_empty() && !matches!(separator, Separator::Expression(_)) {
            // RS was an expression until now: go on with what is left.
            let byte = if let Separator::Byte(byte) = separator { *byte } else { b'\n' };
            match memchr::memchr(byte, &self.pending) {
                Some(at) => {
                    record.extend_from_slice(&self.pending[..at]);
                    end.push(byte);
                    self.pending.drain(..=at);
                    return Ok(true);
                }
                None => {
                    record.append(&mut self.pending);
                    if let Some(line) = self.input.line(byte)? {
                        let text = trimmed(line, byte);
                        end.extend_from_slice(&line[text.len()..]);
                        record.extend_from_slice(text);
                    }
                    return Ok(true);
                }
            }
        }
        match separator {
            Separator::Byte(byte) => match self.input.line(*byte)? {
                Some(line) => {
                    let text = trimmed(line, *byte);
                    record.extend_from_slice(text);
                    end.extend_from_slice(&line[text.len()..]);
                    Ok(true)
                }
                None => Ok(false),
            },
            Separator::Paragraph => {
                let mut any = false;
                loop {
                    let Some(line) = self.input.line(b'\n')? else { return Ok(any) };
                    let text = trimmed(line, b'\n');
                    if text.is_empty() {
                        if any {
                            // Further empty lines belong to this end.
                            end.extend_from_slice(b"\n\n");
                            while matches!(self.input.peek()?, Some(b'\n')) {
                                self.input.byte()?;
                                end.push(b'\n');
                            }
                            return Ok(true);
                        }
                        continue;
                    }
                    if any {
                        record.push(b'\n');
                    }
                    record.extend_from_slice(text);
                    any = true;
                }
            }
            Separator::Expression(regex) => loop {
                if let Some((start, stop)) = regex.find_at(&self.pending, 0)
                    && stop > start
                    && (stop < self.pending.len() || self.ended)
                {
                    record.extend_from_slice(&self.pending[..start]);
                    end.extend_from_slice(&self.pending[start..stop]);
                    self.pending.drain(..stop);
                    return Ok(true);
                }
                match self.input.chunk()? {
                    Some(chunk) => self.pending.extend_from_slice(chunk),
                    None if self.ended => {
                        if self.pending.is_empty() {
                            return Ok(false);
                        }
                        record.append(&mut self.pending);
                        // A final newline is no part of the last record.
                        if record.last() == Some(&b'\n') && regex.is_match(b"\n") {
                            record.pop();
                        }
                        return Ok(true);
                    }
                    None => self.ended = true,
                }
            },
        }
    }
}
