//! Building fields (XCU 2.6.5): characters arrive quoted, literal or from an
//! expansion, and only the last kind is split at IFS.

use super::Mode;
use crate::pattern::PatternText;
use crate::shell::Separators;

/// A finished field.
#[derive(Debug)]
pub struct Field {
    /// Its characters.
    pub text: PatternText,
    /// Has a character that pathname expansion looks at.
    pub globbing: bool,
}

/// Collects the fields of one word.
#[derive(Debug)]
pub struct FieldBuilder {
    mode: Mode,
    /// The fields that are complete.
    pub fields: Vec<Field>,
    text: PatternText,
    globbing: bool,
    /// There is a field, even if it is empty.
    open: bool,
    /// White space from an expansion has just ended a field, so that one other
    /// separator may still belong to it.
    after_space: bool,
    /// Literal text is split too: the word of `${name:-word}`.
    pub split_text: bool,
}

impl FieldBuilder {
    /// No fields yet.
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            fields: Vec::new(),
            text: PatternText::default(),
            globbing: false,
            open: false,
            after_space: false,
            split_text: false,
        }
    }

    /// How parts are treated.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Something to see whether anything was added.
    pub fn mark(&self) -> (usize, usize, bool) {
        (self.fields.len(), self.text.bytes.len(), self.open)
    }

    /// There is a field now, even if nothing follows.
    pub fn touch(&mut self) {
        self.open = true;
        self.after_space = false;
    }

    /// Characters that mean themselves.
    pub fn quoted(&mut self, bytes: &[u8]) {
        match self.mode {
            Mode::Single => self.text.bytes.extend_from_slice(bytes),
            Mode::Regex => {
                for byte in bytes {
                    if matches!(
                        byte,
                        b'\\'
                            | b'.'
                            | b'['
                            | b']'
                            | b'('
                            | b')'
                            | b'*'
                            | b'+'
                            | b'?'
                            | b'{'
                            | b'}'
                            | b'|'
                            | b'^'
                            | b'$'
                    ) {
                        self.text.bytes.push(b'\\');
                    }
                    self.text.bytes.push(*byte);
                }
            }
            Mode::Fields | Mode::Pattern => self.text.push_quoted(bytes),
        }
        self.touch();
    }

    /// Literal characters of the script, or of an expansion that is not split.
    pub fn active(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.mode == Mode::Fields && !self.globbing {
            self.globbing = bytes.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\' | b'('));
        }
        self.text.push_active(bytes);
        self.touch();
    }

    /// The result of an unquoted expansion.
    pub fn split(&mut self, bytes: &[u8], separators: &Separators) {
        if self.mode != Mode::Fields {
            if !bytes.is_empty() {
                self.text.push_active(bytes);
                self.touch();
            }
            return;
        }
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            match separators.of(*first) {
                0 => {
                    let length = rest.iter().position(|byte| separators.of(*byte) != 0).unwrap_or(rest.len());
                    let (run, after) = rest.split_at(length);
                    self.active(run);
                    rest = after;
                }
                class => {
                    if class == 1 {
                        if self.open {
                            self.finish_field(false);
                            self.after_space = true;
                        }
                    } else if self.open {
                        self.finish_field(false);
                    } else if self.after_space {
                        self.after_space = false;
                    } else {
                        self.open = true;
                        self.finish_field(false);
                    }
                    rest = rest.get(1..).unwrap_or_default();
                }
            }
        }
    }

    /// Ends the current field; with `even_empty` also one without characters.
    pub fn finish_field(&mut self, even_empty: bool) {
        if self.open || even_empty {
            let text = std::mem::take(&mut self.text);
            self.fields.push(Field { text, globbing: self.globbing });
        }
        self.globbing = false;
        self.open = false;
        self.after_space = false;
    }

    /// The one string of a mode that does not split.
    pub fn into_single(self) -> Vec<u8> {
        self.text.bytes
    }

    /// The one pattern.
    pub fn into_pattern(self) -> PatternText {
        self.text
    }
}
