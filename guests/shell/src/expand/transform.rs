//! `${name@operator}` (bash): quoting, escapes, prompts, attributes.

use super::Expanded;
use super::operation::{change_case, map};
use super::parameter::Got;
use crate::escapes;
use crate::shell::Shell;
use crate::syntax::ast::{Parameter, ParameterName};
use crate::variables::{Flags, Value, Variable};

/// The letters of a variable's attributes, as `declare -p` and `@a` give them.
pub fn attribute_letters(variable: &Variable) -> Vec<u8> {
    let mut out = Vec::new();
    for (flag, letter) in [
        (Flags::INDEXED, b'a'),
        (Flags::ASSOCIATIVE, b'A'),
        (Flags::INTEGER, b'i'),
        (Flags::CAPITALIZE, b'c'),
        (Flags::LOWER, b'l'),
        (Flags::NAMEREF, b'n'),
        (Flags::READONLY, b'r'),
        (Flags::TRACE, b't'),
        (Flags::UPPER, b'u'),
        (Flags::EXPORT, b'x'),
    ] {
        if variable.flags.has(flag) {
            out.push(letter);
        }
    }
    out
}

impl Shell {
    pub(super) fn transform(&mut self, parameter: &Parameter, letter: u8, got: Got) -> Expanded<Got> {
        let utf8 = self.utf8;
        let name = match &parameter.name {
            ParameterName::Variable(name) => Some(self.resolve_name(name)),
            _ => None,
        };
        Ok(match letter {
            b'Q' => map(got, |text| escapes::quote_transform(&text)),
            b'E' => map(got, |text| escapes::ansi_c(&text)),
            b'U' => map(got, |text| change_case(&text, b'^', true, None, utf8)),
            b'u' => map(got, |text| change_case(&text, b'^', false, None, utf8)),
            b'L' => map(got, |text| change_case(&text, b',', true, None, utf8)),
            b'P' => match got {
                Got::One(text) => Got::One(self.expand_prompt_text(&text)?),
                Got::Many { values, star } => {
                    let mut out = Vec::with_capacity(values.len());
                    for value in values {
                        out.push(self.expand_prompt_text(&value)?);
                    }
                    Got::Many { values: out, star }
                }
                Got::Unset => Got::Unset,
            },
            b'a' => {
                let letters = name.as_ref().and_then(|name| self.variables.get(name)).map(attribute_letters);
                match (got, letters) {
                    (Got::Many { values, star }, Some(letters)) => {
                        Got::Many { values: vec![letters; values.len()], star }
                    }
                    (_, Some(letters)) => Got::One(letters),
                    (Got::Unset, None) => Got::Unset,
                    _ => Got::One(Vec::new()),
                }
            }
            b'A' => match (&got, name) {
                (Got::Unset, _) => Got::Unset,
                (_, Some(name)) => {
                    let whole = parameter.index.is_some();
                    Got::One(self.declaration(&name, whole))
                }
                (Got::Many { values, .. }, None) => {
                    let mut out = b"set --".to_vec();
                    for value in values {
                        out.push(b' ');
                        out.extend_from_slice(&escapes::quote_transform(value));
                    }
                    Got::One(out)
                }
                (Got::One(_), None) => Got::One(Vec::new()),
            },
            b'K' | b'k' => {
                let pairs =
                    name.as_ref().and_then(|name| self.variables.get(name)).map(|variable| match &variable.value {
                        Value::Indexed(elements) => elements
                            .iter()
                            .map(|(key, value)| (key.to_string().into_bytes(), value.clone()))
                            .collect::<Vec<_>>(),
                        Value::Associative(elements) => {
                            elements.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
                        }
                        _ => Vec::new(),
                    });
                match (got, pairs) {
                    (Got::Many { star, .. }, Some(pairs)) if !pairs.is_empty() => {
                        if letter == b'k' {
                            Got::Many {
                                values: pairs.into_iter().flat_map(|(key, value)| [key, value]).collect(),
                                star,
                            }
                        } else {
                            let mut out = Vec::new();
                            for (key, value) in pairs {
                                if !out.is_empty() {
                                    out.push(b' ');
                                }
                                out.extend_from_slice(&escapes::quote_if_needed(&key));
                                out.push(b' ');
                                out.extend_from_slice(&escapes::quote_double(&value));
                            }
                            Got::One(out)
                        }
                    }
                    (got, _) => map(got, |text| escapes::quote_transform(&text)),
                }
            }
            _ => got,
        })
    }

    /// The command that declares a variable as it is.
    pub fn declaration(&self, name: &[u8], whole: bool) -> Vec<u8> {
        let Some(variable) = self.variables.get(name) else { return Vec::new() };
        let letters = attribute_letters(variable);
        let mut out = Vec::new();
        if !letters.is_empty() {
            out.extend_from_slice(b"declare -");
            out.extend_from_slice(&letters);
            out.push(b' ');
        }
        out.extend_from_slice(name);
        if whole && self.is_array(name) {
            out.push(b'=');
            out.extend_from_slice(&array_literal(&variable.value));
        } else if let Some(value) = variable.value.scalar() {
            out.push(b'=');
            out.extend_from_slice(&escapes::quote_transform(value));
        }
        let _ = self.all_elements(name);
        out
    }
}

/// `([0]="a" [1]="b")`
pub fn array_literal(value: &Value) -> Vec<u8> {
    let mut out = vec![b'('];
    match value {
        Value::Indexed(elements) => {
            for (index, (key, value)) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                out.extend_from_slice(format!("[{key}]=").as_bytes());
                out.extend_from_slice(&escapes::quote_double(value));
            }
        }
        Value::Associative(elements) => {
            for (key, value) in elements.iter() {
                out.push(b'[');
                let plain = key.iter().all(|byte| {
                    byte.is_ascii_alphanumeric()
                        || matches!(byte, b'_' | b'-' | b'.' | b'/' | b':' | b',' | b'+' | b'%')
                }) && !key.is_empty();
                out.extend_from_slice(&if plain { key.clone() } else { escapes::quote_double(key) });
                out.extend_from_slice(b"]=");
                out.extend_from_slice(&escapes::quote_double(value));
                out.push(b' ');
            }
        }
        _ => {}
    }
    out.push(b')');
    out
}
