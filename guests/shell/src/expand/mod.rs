//! Word expansion (XCU 2.6): from words to fields, in POSIX's order, in one
//! walk over a word's parts that splits as it goes.

mod arithmetic;
mod braces;
mod fields;
pub mod glob;
mod operation;
mod parameter;
mod prompt;
mod transform;

pub use fields::FieldBuilder;
pub use operation::{change_case, character_count};
pub use parameter::{Got, Key, elements};
pub use transform::{array_literal, attribute_letters};

use crate::pattern::{Pattern, PatternText};
use crate::shell::{Shell, Unwind};
use crate::syntax::ast::{AssignmentValue, Part, Word};

/// The result of an expansion.
pub type Expanded<T> = Result<T, Unwind>;

/// Where a word's parts go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A command's words: split into fields, then pathname expansion.
    Fields,
    /// One string: assignments, `case` words, here-documents.
    Single,
    /// A pattern: one string that keeps what was quoted.
    Pattern,
    /// A regular expression of `=~`: quoted characters are escaped.
    Regex,
}

impl Shell {
    /// Expands a command's words into fields.
    pub fn expand_words(&mut self, words: &[Word], out: &mut Vec<Vec<u8>>) -> Expanded<()> {
        for word in words {
            self.expand_word(word, out)?;
        }
        Ok(())
    }

    /// Expands one word into fields.
    pub fn expand_word(&mut self, word: &Word, out: &mut Vec<Vec<u8>>) -> Expanded<()> {
        if let Some(text) = word.plain_text() {
            out.push(text.to_vec());
            return Ok(());
        }
        if word.braces && self.options.braceexpand {
            for word in braces::expand(word) {
                self.expand_parts_to_fields(&word.parts, out)?;
            }
            return Ok(());
        }
        self.expand_parts_to_fields(&word.parts, out)
    }

    fn expand_parts_to_fields(&mut self, parts: &[Part], out: &mut Vec<Vec<u8>>) -> Expanded<()> {
        let mut builder = FieldBuilder::new(Mode::Fields);
        self.expand_parts(parts, false, &mut builder)?;
        builder.finish_field(false);
        for field in builder.fields {
            if field.globbing && !self.options.noglob {
                self.expand_pathname(field.text, out)?;
            } else {
                out.push(field.text.bytes);
            }
        }
        Ok(())
    }

    /// Expands a word into one string, without splitting or pathnames.
    pub fn expand_single(&mut self, word: &Word) -> Expanded<Vec<u8>> {
        match word.parts.as_slice() {
            [] => return Ok(Vec::new()),
            [Part::Text(text) | Part::Quoted(text)] => return Ok(text.clone()),
            _ => {}
        }
        let mut builder = FieldBuilder::new(Mode::Single);
        self.expand_parts(&word.parts, false, &mut builder)?;
        Ok(builder.into_single())
    }

    /// Expands a word into a pattern's text.
    pub fn expand_pattern_text(&mut self, word: &Word) -> Expanded<PatternText> {
        let mut builder = FieldBuilder::new(Mode::Pattern);
        self.expand_parts(&word.parts, false, &mut builder)?;
        Ok(builder.into_pattern())
    }

    /// Expands a word into a pattern.
    pub fn expand_pattern(&mut self, word: &Word) -> Expanded<Pattern> {
        let text = self.expand_pattern_text(word)?;
        Ok(Pattern::new(&text, self.pattern_options()))
    }

    /// Expands the right side of `=~`.
    pub fn expand_regex(&mut self, word: &Word) -> Expanded<Vec<u8>> {
        let mut builder = FieldBuilder::new(Mode::Regex);
        self.expand_parts(&word.parts, false, &mut builder)?;
        Ok(builder.into_single())
    }

    /// Expands parts, quoted or not, into the builder.
    pub fn expand_parts(&mut self, parts: &[Part], quoted: bool, builder: &mut FieldBuilder) -> Expanded<()> {
        for part in parts {
            match part {
                Part::Text(text) => {
                    if quoted {
                        builder.quoted(text);
                    } else if builder.split_text {
                        builder.split(text, &self.separators);
                    } else {
                        builder.active(text);
                    }
                }
                Part::Quoted(text) => builder.quoted(text),
                Part::Double(inner) => self.expand_double(inner, builder)?,
                Part::Tilde(user) => {
                    let home = self.expand_tilde(user);
                    builder.quoted(&home);
                }
                Part::Parameter(parameter) => self.expand_parameter(parameter, quoted, builder)?,
                Part::Command(substitution) => {
                    let output = self.command_substitution(substitution)?;
                    if quoted {
                        builder.quoted(&output);
                    } else {
                        builder.split(&output, &self.separators);
                    }
                }
                Part::Arithmetic(arithmetic) => {
                    let value = self.evaluate(arithmetic)?;
                    let text = value.to_string();
                    if quoted {
                        builder.quoted(text.as_bytes());
                    } else {
                        builder.split(text.as_bytes(), &self.separators);
                    }
                }
                Part::Process(process) => {
                    let path = self.process_substitution(process)?;
                    builder.quoted(&path);
                }
                Part::Assignment(assignment) => {
                    // An operand that only looks like an assignment.
                    builder.active(&assignment.name);
                    if let Some(index) = &assignment.index {
                        builder.active(b"[");
                        let text = self.subscript_text(index)?;
                        builder.quoted(&text);
                        builder.active(b"]");
                    }
                    builder.active(if assignment.append { b"+=" } else { b"=" });
                    match &assignment.value {
                        AssignmentValue::Scalar(word) => self.expand_parts(&word.parts, false, builder)?,
                        AssignmentValue::Array(_) => builder.active(b"()"),
                    }
                }
            }
        }
        Ok(())
    }

    fn expand_double(&mut self, parts: &[Part], builder: &mut FieldBuilder) -> Expanded<()> {
        // `"$@"` without parameters is no field at all, yet `""` is one.
        let before = builder.mark();
        self.expand_parts(parts, true, builder)?;
        let vanishes = !parts.is_empty() && parts.iter().all(vanishing) && builder.mark() == before;
        if !vanishes {
            builder.touch();
        }
        Ok(())
    }

    /// `~` and `~user` (XCU 2.6.1).
    pub fn expand_tilde(&mut self, user: &[u8]) -> Vec<u8> {
        let unchanged = || {
            let mut text = b"~".to_vec();
            text.extend_from_slice(user);
            text
        };
        match user {
            b"" => match self.get(b"HOME") {
                Some(home) => home,
                None => self.home_of_self().unwrap_or_else(unchanged),
            },
            b"+" => self.get(b"PWD").unwrap_or_else(unchanged),
            b"-" => self.get(b"OLDPWD").unwrap_or_else(unchanged),
            _ => {
                if let Ok(text) = std::str::from_utf8(user)
                    && let Ok(offset) = text.trim_start_matches('+').parse::<i64>()
                    && self.options.bash
                {
                    let stack = self.directory_stack_with_current();
                    let at = if offset < 0 || text.starts_with('-') { stack.len() as i64 + offset } else { offset };
                    return usize::try_from(at).ok().and_then(|at| stack.get(at).cloned()).unwrap_or_else(unchanged);
                }
                crate::accounts::home(user).unwrap_or_else(unchanged)
            }
        }
    }

    fn home_of_self(&self) -> Option<Vec<u8>> {
        crate::accounts::home_of_id(coracle_sdk::process::identity().user)
    }
}

/// Whether a part of a double-quoted string may leave no field behind.
fn vanishing(part: &Part) -> bool {
    use crate::syntax::ast::{Operation, ParameterName, Subscript};
    match part {
        Part::Parameter(parameter) => {
            (parameter.name == ParameterName::Special(b'@')
                || parameter.index == Some(Subscript::At)
                || matches!(parameter.operation, Operation::Keys { at: true } | Operation::Names { at: true }))
                && !matches!(parameter.operation, Operation::Length)
                || match &parameter.operation {
                    Operation::Default { word, .. }
                    | Operation::Alternative { word, .. }
                    | Operation::Assign { word, .. } => {
                        matches!(word.parts.as_slice(), [Part::Double(inner)] if !inner.is_empty() && inner.iter().all(vanishing))
                    }
                    _ => parameter.indirect && parameter.index.is_none(),
                }
        }
        _ => false,
    }
}
