//! Parameter expansion (XCU 2.6.2): which value, then what is done with it.

use super::{Expanded, FieldBuilder, Mode};
use crate::shell::{Shell, Unwind};
use crate::syntax::ast::{Operation, Parameter, ParameterName, Subscript, Word};
use crate::variables::{Flags, Value};

/// A parameter's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Got {
    /// There is none.
    Unset,
    /// A string.
    One(Vec<u8>),
    /// `$@`, `$*`, every element of an array.
    Many {
        /// The strings.
        values: Vec<Vec<u8>>,
        /// `*` rather than `@`.
        star: bool,
    },
}

/// An element's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// In an indexed array; negative counts from the end.
    Number(i64),
    /// In an associative array.
    Text(Vec<u8>),
}

/// The values of an array in order.
pub fn elements(value: &Value) -> Vec<Vec<u8>> {
    match value {
        Value::Unset => Vec::new(),
        Value::Scalar(text) => vec![text.clone()],
        Value::Indexed(elements) => elements.values().cloned().collect(),
        Value::Associative(elements) => elements.iter().map(|(_, value)| value.clone()).collect(),
    }
}

impl Shell {
    /// Expands `$name` and `${…}` into the builder.
    pub fn expand_parameter(
        &mut self,
        parameter: &Parameter,
        quoted: bool,
        builder: &mut FieldBuilder,
    ) -> Expanded<()> {
        if let (ParameterName::Variable(name), Operation::Value, None, false) =
            (&parameter.name, &parameter.operation, &parameter.index, parameter.indirect)
            && let Some(variable) = self.variables.get(name)
            && let Value::Scalar(text) = &variable.value
            && !variable.flags.has(Flags::NAMEREF)
        {
            if quoted {
                builder.quoted(text);
            } else {
                builder.split(text, &self.separators);
            }
            return Ok(());
        }
        self.expand_operation(parameter, quoted, builder)
    }

    /// The value of a parameter before its operation.
    pub fn parameter_value(&mut self, parameter: &Parameter) -> Expanded<Got> {
        if parameter.indirect {
            return self.indirect_value(parameter);
        }
        match &parameter.name {
            ParameterName::Variable(name) => self.variable_value(name, parameter.index.as_ref()),
            ParameterName::Positional(number) => Ok(self.positional_value(*number)),
            ParameterName::Special(byte) => Ok(self.special_value(*byte)),
        }
    }

    fn positional_value(&self, number: u32) -> Got {
        let at = number as usize;
        if at == 0 {
            return Got::One(self.arg0.to_vec());
        }
        self.positional.get(at - 1).map_or(Got::Unset, |value| Got::One(value.clone()))
    }

    fn special_value(&self, byte: u8) -> Got {
        match byte {
            b'@' | b'*' => Got::Many { values: self.positional.to_vec(), star: byte == b'*' },
            b'#' => Got::One(self.positional.len().to_string().into_bytes()),
            b'?' => Got::One(self.status.to_string().into_bytes()),
            b'$' => Got::One(self.pid.to_string().into_bytes()),
            b'!' => self.last_background.map_or(Got::Unset, |pid| Got::One(pid.to_string().into_bytes())),
            b'-' => Got::One(self.options.letters(self.interactive, if self.command_string { b"c" } else { b"" })),
            _ => Got::One(self.arg0.to_vec()),
        }
    }

    fn variable_value(&mut self, name: &[u8], index: Option<&Subscript>) -> Expanded<Got> {
        let resolved;
        let name = match self.variables.get(name) {
            Some(variable) if variable.flags.has(Flags::NAMEREF) => {
                resolved = self.resolve_name(name);
                if let Some(open) = resolved.iter().position(|byte| *byte == b'[') {
                    let (base, rest) = resolved.split_at(open);
                    let inner = rest.get(1..rest.len().saturating_sub(1)).unwrap_or_default();
                    return match inner {
                        b"@" | b"*" => self
                            .variable_value(base, Some(if inner == b"@" { &Subscript::At } else { &Subscript::Star })),
                        _ => {
                            let key = self.key_from_text(base, inner)?;
                            Ok(self.element(base, &key).map_or(Got::Unset, Got::One))
                        }
                    };
                }
                &resolved
            }
            _ => name,
        };
        match index {
            None => Ok(self.get(name).map_or(Got::Unset, Got::One)),
            Some(Subscript::At | Subscript::Star) => {
                let star = index == Some(&Subscript::Star);
                let values = match self.variables.get(name) {
                    Some(variable) => elements(&variable.value),
                    None => self
                        .dynamic_array(name)
                        .or_else(|| self.dynamic(name).map(|value| vec![value]))
                        .unwrap_or_default(),
                };
                Ok(Got::Many { values, star })
            }
            Some(Subscript::Word(_)) => {
                let Some(index) = index else { return Ok(Got::Unset) };
                let key = self.subscript_key(name, index)?;
                Ok(self.element(name, &key).map_or(Got::Unset, Got::One))
            }
        }
    }

    fn indirect_value(&mut self, parameter: &Parameter) -> Expanded<Got> {
        if let ParameterName::Variable(name) = &parameter.name
            && parameter.index.is_none()
            && let Some(variable) = self.variables.get(name)
            && variable.flags.has(Flags::NAMEREF)
        {
            return Ok(variable.value.scalar().map_or(Got::Unset, |target| Got::One(target.clone())));
        }
        let direct = Parameter { indirect: false, operation: Operation::Value, ..parameter.clone() };
        let target = match self.parameter_value(&direct)? {
            Got::One(target) => target,
            Got::Many { values, .. } => values.join(&b' '),
            Got::Unset => Vec::new(),
        };
        if target.is_empty() {
            if self.bash() {
                let mut message = match &parameter.name {
                    ParameterName::Variable(name) => name.clone(),
                    _ => b"!".to_vec(),
                };
                message.extend_from_slice(b": invalid indirect expansion");
                self.complain(&message);
                self.status = 1;
                return Err(Unwind::Error);
            }
            return Ok(Got::Unset);
        }
        self.value_of_text(&target)
    }

    /// The value of what `text` names: `name`, `name[index]`, `3`, `@`.
    pub fn value_of_text(&mut self, text: &[u8]) -> Expanded<Got> {
        match text {
            [byte @ (b'@' | b'*' | b'#' | b'?' | b'$' | b'!' | b'-')] => return Ok(self.special_value(*byte)),
            _ if text.iter().all(u8::is_ascii_digit) => {
                let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(u32::MAX);
                return Ok(self.positional_value(number));
            }
            _ => {}
        }
        if let Some(open) = text.iter().position(|byte| *byte == b'[')
            && text.ends_with(b"]")
        {
            let (name, rest) = text.split_at(open);
            let inner = rest.get(1..rest.len() - 1).unwrap_or_default();
            return match inner {
                b"@" => self.variable_value(name, Some(&Subscript::At)),
                b"*" => self.variable_value(name, Some(&Subscript::Star)),
                _ => {
                    let key = self.key_from_text(name, inner)?;
                    Ok(self.element(name, &key).map_or(Got::Unset, Got::One))
                }
            };
        }
        if !crate::syntax::is_name(text) {
            let mut message = text.to_vec();
            message.extend_from_slice(b": invalid variable name");
            self.complain(&message);
            self.status = 1;
            return Err(Unwind::Error);
        }
        self.variable_value(text, None)
    }

    /// A subscript's text, expanded.
    pub fn subscript_text(&mut self, index: &Subscript) -> Expanded<Vec<u8>> {
        match index {
            Subscript::At => Ok(b"@".to_vec()),
            Subscript::Star => Ok(b"*".to_vec()),
            Subscript::Word(word) => self.expand_single(word),
        }
    }

    /// The key that a subscript stands for in the variable `name`.
    pub fn subscript_key(&mut self, name: &[u8], index: &Subscript) -> Expanded<Key> {
        let text = self.subscript_text(index)?;
        self.key_from_text(name, &text)
    }

    /// The key that an expanded subscript stands for.
    pub fn key_from_text(&mut self, name: &[u8], text: &[u8]) -> Expanded<Key> {
        let name = self.resolve_name(name);
        if self.variables.get(&name).is_some_and(|variable| variable.flags.has(Flags::ASSOCIATIVE)) {
            return Ok(Key::Text(text.to_vec()));
        }
        Ok(Key::Number(self.evaluate_text(text)?))
    }

    /// An element's value.
    pub fn element(&self, name: &[u8], key: &Key) -> Option<Vec<u8>> {
        let Some(variable) = self.variables.get(name) else {
            let values = self.dynamic_array(name).or_else(|| self.dynamic(name).map(|value| vec![value]))?;
            let Key::Number(at) = key else { return None };
            let at = if *at < 0 { *at + values.len() as i64 } else { *at };
            return values.get(usize::try_from(at).ok()?).cloned();
        };
        match (&variable.value, key) {
            (Value::Indexed(elements), Key::Number(at)) => {
                let at = if *at < 0 { elements.keys().next_back()? + 1 + at } else { *at };
                elements.get(&at).cloned()
            }
            (Value::Associative(elements), Key::Text(key)) => elements.get(key).cloned(),
            (Value::Scalar(text), Key::Number(0 | -1)) => Some(text.clone()),
            _ => None,
        }
    }

    /// Adds a value to the builder.
    pub fn emit(&self, got: Got, quoted: bool, builder: &mut FieldBuilder) {
        match got {
            Got::Unset => {}
            Got::One(text) => {
                if quoted {
                    builder.quoted(&text);
                } else {
                    builder.split(&text, &self.separators);
                }
            }
            Got::Many { values, star } => {
                let fields = builder.mode() == Mode::Fields;
                if quoted && star || !fields {
                    let joined = if star {
                        match &self.separators.joiner {
                            Some(joiner) => values.join(joiner.as_slice()),
                            None => values.concat(),
                        }
                    } else {
                        values.join(&b' ')
                    };
                    if quoted {
                        if !values.is_empty() || star {
                            builder.quoted(&joined);
                        }
                    } else {
                        builder.split(&joined, &self.separators);
                    }
                    return;
                }
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        builder.finish_field(quoted);
                    }
                    if quoted {
                        builder.quoted(value);
                    } else {
                        builder.split(value, &self.separators);
                    }
                }
            }
        }
    }

    /// Expands the word of an operation in the place of the parameter.
    pub fn expand_operand(&mut self, word: &Word, builder: &mut FieldBuilder) -> Expanded<()> {
        let before = std::mem::replace(&mut builder.split_text, true);
        let answer = self.expand_parts(&word.parts, false, builder);
        builder.split_text = before;
        answer
    }

    /// `set -u`: says that `name` has no value.
    pub fn unbound(&mut self, name: &[u8]) {
        let mut message = name.to_vec();
        message.extend_from_slice(if self.bash() { b": unbound variable" } else { b": parameter not set" });
        self.complain(&message);
        self.status = if self.bash() { 127 } else { 2 };
    }
}
