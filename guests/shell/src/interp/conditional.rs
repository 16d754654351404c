//! `[[ … ]]`

use crate::builtins::test;
use crate::pattern::Pattern;
use crate::shell::{Run, Shell, Unwind};
use crate::syntax::ast::{Conditional, Word};

impl Shell {
    /// Evaluates `[[ ]]`: 0 true, 1 false, 2 error.
    pub(super) fn run_conditional(&mut self, expression: &Conditional) -> Run {
        match self.condition(expression) {
            Ok(value) => Ok(i32::from(!value)),
            Err(Failure::Status(status)) => Ok(status),
            Err(Failure::Unwind(Unwind::Error)) if self.bash() => Ok(1),
            Err(Failure::Unwind(unwind)) => Err(unwind),
        }
    }

    fn condition(&mut self, expression: &Conditional) -> Result<bool, Failure> {
        Ok(match expression {
            Conditional::Not(inner) => !self.condition(inner)?,
            Conditional::And(left, right) => self.condition(left)? && self.condition(right)?,
            Conditional::Or(left, right) => self.condition(left)? || self.condition(right)?,
            Conditional::Group(inner) => self.condition(inner)?,
            Conditional::Word(word) => {
                let text = self.operand(word)?;
                self.trace_condition(&[b"-n", &text]);
                !text.is_empty()
            }
            Conditional::Unary(letter, word) => {
                let text = self.operand(word)?;
                self.trace_condition(&[&[b'-', *letter], &text]);
                match test::unary(self, *letter, &text) {
                    Ok(value) => value,
                    Err(message) => return Err(self.condition_failed(&message)),
                }
            }
            Conditional::Binary(operator, left, right) => {
                let left = self.operand(left)?;
                match operator.as_slice() {
                    b"==" | b"=" | b"!=" => {
                        let text = self.expand_pattern_text(right).map_err(Failure::Unwind)?;
                        self.trace_condition(&[&left, operator, &text.bytes]);
                        let options = crate::pattern::Options { extended: true, ..self.pattern_options() };
                        Pattern::new(&text, options).matches(&left) == (operator != b"!=")
                    }
                    b"=~" => {
                        let regex = self.expand_regex(right).map_err(Failure::Unwind)?;
                        self.trace_condition(&[&left, operator, &regex]);
                        self.match_regex(&regex, &left)?
                    }
                    _ => {
                        let right = self.operand(right)?;
                        self.trace_condition(&[&left, operator, &right]);
                        match operator.as_slice() {
                            b"<" => left < right,
                            b">" => left > right,
                            b"-nt" | b"-ot" | b"-ef" => test::compare_files(operator, &left, &right),
                            _ => {
                                let left = self.evaluate_text(&left).map_err(Failure::Unwind)?;
                                let right = self.evaluate_text(&right).map_err(Failure::Unwind)?;
                                test::compare_numbers(operator, left, right)
                            }
                        }
                    }
                }
            }
        })
    }

    fn operand(&mut self, word: &Word) -> Result<Vec<u8>, Failure> {
        self.expand_single(word).map_err(Failure::Unwind)
    }

    fn trace_condition(&mut self, words: &[&[u8]]) {
        if self.options.xtrace {
            let words: Vec<Vec<u8>> = words
                .iter()
                .map(|word| if word.is_empty() { b"''".to_vec() } else { crate::escapes::quote_if_needed(word) })
                .collect();
            self.trace_line(&[&b"[["[..], &words.join(&b' '), b"]]"].join(&b' '));
        }
    }

    fn condition_failed(&mut self, message: &[u8]) -> Failure {
        self.complain(message);
        Failure::Status(2)
    }

    fn match_regex(&mut self, regex: &[u8], text: &[u8]) -> Result<bool, Failure> {
        let groups = match crate::regex::search(regex, text, self.options.nocasematch, self.utf8) {
            Ok(groups) => groups,
            Err(_) => return Err(Failure::Status(2)),
        };
        let matched = groups.is_some();
        let elements: std::collections::BTreeMap<i64, Vec<u8>> = groups
            .unwrap_or_default()
            .into_iter()
            .enumerate()
            .map(|(index, range)| {
                (index as i64, range.and_then(|(start, end)| text.get(start..end)).unwrap_or_default().to_vec())
            })
            .collect();
        let slot = self.variables.slot(b"BASH_REMATCH");
        slot.value = crate::variables::Value::Indexed(std::rc::Rc::new(elements));
        slot.flags.set(crate::variables::Flags::INDEXED, true);
        Ok(matched)
    }
}

/// Why an expression has no value.
enum Failure {
    /// Reported; the status.
    Status(i32),
    /// Something unwinds.
    Unwind(Unwind),
}
