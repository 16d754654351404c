//! The operations of `${name…}`: defaults, lengths, pattern removal and
//! replacement, substrings, case.

use super::parameter::{Got, elements};
use super::{Expanded, FieldBuilder};
use crate::pattern::{Pattern, character_length};
use crate::shell::{Shell, Unwind};
use crate::syntax::ast::{Operation, Parameter, ParameterName, ReplaceScope, Subscript, Word};
use crate::variables::{Flags, Value};

/// How many characters `text` has.
pub fn character_count(text: &[u8], utf8: bool) -> usize {
    if !utf8 {
        return text.len();
    }
    let mut at = 0;
    let mut count = 0;
    while at < text.len() {
        at += character_length(text, at, true);
        count += 1;
    }
    count
}

/// The characters from `start` to `end`, both counted in characters.
fn characters(text: &[u8], start: usize, end: usize, utf8: bool) -> Vec<u8> {
    if !utf8 {
        return text.get(start.min(text.len())..end.min(text.len())).unwrap_or_default().to_vec();
    }
    let mut at = 0;
    let mut count = 0;
    let mut from = text.len();
    let mut to = text.len();
    loop {
        if count == start {
            from = at;
        }
        if count == end {
            to = at;
            break;
        }
        if at >= text.len() {
            break;
        }
        at += character_length(text, at, true);
        count += 1;
    }
    text.get(from.min(to)..to).unwrap_or_default().to_vec()
}

/// How a parameter is called in messages.
pub fn display_name(parameter: &Parameter) -> Vec<u8> {
    match &parameter.name {
        ParameterName::Variable(name) => {
            let mut out = name.clone();
            match &parameter.index {
                Some(Subscript::At) => out.extend_from_slice(b"[@]"),
                Some(Subscript::Star) => out.extend_from_slice(b"[*]"),
                Some(Subscript::Word(word)) => {
                    out.push(b'[');
                    out.extend_from_slice(&crate::syntax::print::word(word));
                    out.push(b']');
                }
                None => {}
            }
            out
        }
        ParameterName::Positional(number) => number.to_string().into_bytes(),
        ParameterName::Special(byte) => vec![*byte],
    }
}

impl Shell {
    /// Expands a parameter that is more than a plain variable.
    pub(super) fn expand_operation(
        &mut self,
        parameter: &Parameter,
        quoted: bool,
        builder: &mut FieldBuilder,
    ) -> Expanded<()> {
        match &parameter.operation {
            Operation::Bad(text) => {
                let mut message = Vec::new();
                if self.bash() {
                    message.extend_from_slice(b"${");
                    message.extend_from_slice(text);
                    message.extend_from_slice(b"}: bad substitution");
                } else {
                    message.extend_from_slice(b"Bad substitution");
                }
                self.complain(&message);
                self.status = if self.bash() { 1 } else { 2 };
                return Err(Unwind::Error);
            }
            Operation::Names { at } => {
                let ParameterName::Variable(prefix) = &parameter.name else { return Ok(()) };
                let mut names: Vec<Vec<u8>> = self
                    .variables
                    .iter()
                    .filter(|(name, variable)| name.starts_with(prefix) && variable.value != Value::Unset)
                    .map(|(name, _)| name.to_vec())
                    .collect();
                names.sort();
                self.emit(Got::Many { values: names, star: !*at }, quoted, builder);
                return Ok(());
            }
            Operation::Keys { at } => {
                let ParameterName::Variable(name) = &parameter.name else { return Ok(()) };
                let values = self.keys(name);
                self.emit(Got::Many { values, star: !*at }, quoted, builder);
                return Ok(());
            }
            _ => {}
        }
        let got = self.parameter_value(parameter)?;
        match &parameter.operation {
            Operation::Default { colon, word } => {
                if self.lacks(&got, *colon) {
                    self.expand_operand(word, builder)
                } else {
                    self.emit(got, quoted, builder);
                    Ok(())
                }
            }
            Operation::Alternative { colon, word } => {
                if self.lacks(&got, *colon) {
                    Ok(())
                } else {
                    self.expand_operand(word, builder)
                }
            }
            Operation::Assign { colon, word } => {
                if !self.lacks(&got, *colon) {
                    self.emit(got, quoted, builder);
                    return Ok(());
                }
                let value = self.expand_single(word)?;
                self.assign_parameter(parameter, value)?;
                let got = self.parameter_value(parameter)?;
                self.emit(got, quoted, builder);
                Ok(())
            }
            Operation::Error { colon, word } => {
                if !self.lacks(&got, *colon) {
                    self.emit(got, quoted, builder);
                    return Ok(());
                }
                let mut message = display_name(parameter);
                message.extend_from_slice(b": ");
                match word {
                    Some(word) => {
                        let text = self.expand_single(word)?;
                        message.extend_from_slice(&text);
                    }
                    None => message.extend_from_slice(match (self.bash(), colon) {
                        (true, true) => b"parameter null or not set",
                        (true, false) => b"parameter not set",
                        (false, true) => b"parameter not set or null",
                        (false, false) => &b"parameter not set"[..],
                    }),
                }
                self.complain(&message);
                self.status = if self.bash() { 127 } else { 2 };
                if !self.interactive {
                    return Err(Unwind::Exit);
                }
                self.status = 1;
                Err(Unwind::Error)
            }
            operation => {
                if self.options.nounset && self.is_unset(parameter, &got) {
                    let name = display_name(parameter);
                    self.unbound(&name);
                    return Err(Unwind::Error);
                }
                let result = self.apply_operation(parameter, operation, got)?;
                self.emit(result, quoted, builder);
                Ok(())
            }
        }
    }

    fn is_unset(&self, parameter: &Parameter, got: &Got) -> bool {
        match got {
            Got::Unset => true,
            Got::One(_) => false,
            Got::Many { values, .. } => {
                // An empty `$@` is no error; in bash neither is an empty array.
                let _ = parameter;
                let _ = values;
                false
            }
        }
    }

    fn lacks(&self, got: &Got, colon: bool) -> bool {
        match got {
            Got::Unset => true,
            Got::One(text) => colon && text.is_empty(),
            Got::Many { values, star } => match values.as_slice() {
                [] => true,
                [one] => colon && one.is_empty(),
                // Only a null IFS can join several empty strings to nothing.
                several => colon && several.iter().all(Vec::is_empty) && (*star && self.separators.joiner.is_none()),
            },
        }
    }

    fn assign_parameter(&mut self, parameter: &Parameter, value: Vec<u8>) -> Expanded<()> {
        let target = if parameter.indirect {
            let direct = Parameter { indirect: false, operation: Operation::Value, ..parameter.clone() };
            match self.parameter_value(&direct)? {
                Got::One(name) => name,
                _ => Vec::new(),
            }
        } else {
            match &parameter.name {
                ParameterName::Variable(name) => match &parameter.index {
                    Some(index @ Subscript::Word(_)) => {
                        let key = self.subscript_key(name, index)?;
                        return self.assign_element(name, key, value, false);
                    }
                    _ => name.clone(),
                },
                _ => Vec::new(),
            }
        };
        if !crate::syntax::is_name(&target) {
            let mut message = display_name(parameter);
            message.extend_from_slice(if self.bash() {
                b": cannot assign in this way"
            } else {
                b": bad variable name"
            });
            self.complain(&message);
            self.status = if self.bash() { 1 } else { 2 };
            return Err(Unwind::Error);
        }
        self.assign_scalar(&target, value, false)
    }

    /// The keys of an array.
    pub fn keys(&self, name: &[u8]) -> Vec<Vec<u8>> {
        let name = self.resolve_name(name);
        match self.variables.get(&name).map(|variable| &variable.value) {
            Some(Value::Indexed(elements)) => elements.keys().map(|key| key.to_string().into_bytes()).collect(),
            Some(Value::Associative(elements)) => elements.iter().map(|(key, _)| key.clone()).collect(),
            Some(Value::Scalar(_)) => vec![b"0".to_vec()],
            Some(Value::Unset) => Vec::new(),
            None => match self.dynamic_array(&name) {
                Some(values) => (0..values.len()).map(|at| at.to_string().into_bytes()).collect(),
                None => Vec::new(),
            },
        }
    }

    fn apply_operation(&mut self, parameter: &Parameter, operation: &Operation, got: Got) -> Expanded<Got> {
        let utf8 = self.utf8;
        Ok(match operation {
            Operation::Length => Got::One(
                match got {
                    Got::Unset => 0,
                    Got::One(text) => character_count(&text, utf8),
                    Got::Many { values, .. } => values.len(),
                }
                .to_string()
                .into_bytes(),
            ),
            Operation::RemovePrefix { longest, pattern } => {
                let pattern = self.expand_pattern(pattern)?;
                map(got, |text| match pattern.match_from(&text, 0, *longest) {
                    Some(end) => text.get(end..).unwrap_or_default().to_vec(),
                    None => text,
                })
            }
            Operation::RemoveSuffix { longest, pattern } => {
                let pattern = self.expand_pattern(pattern)?;
                map(got, |text| remove_suffix(&pattern, text, *longest, utf8))
            }
            Operation::Replace { scope, pattern, replacement } => self.replace(got, *scope, pattern, replacement)?,
            Operation::Substring { offset, length } => {
                let offset = self.evaluate(offset)?;
                let length = match length {
                    Some(length) => Some(self.evaluate(length)?),
                    None => None,
                };
                self.substring(parameter, got, offset, length)?
            }
            Operation::Case { kind, all, pattern } => {
                let pattern = match pattern {
                    Some(pattern) => Some(self.expand_pattern(pattern)?),
                    None => None,
                };
                map(got, |text| change_case(&text, *kind, *all, pattern.as_ref(), utf8))
            }
            Operation::Transform(letter) => self.transform(parameter, *letter, got)?,
            _ => got,
        })
    }

    fn replace(&mut self, got: Got, scope: ReplaceScope, pattern: &Word, replacement: &Word) -> Expanded<Got> {
        let text = self.expand_pattern_text(pattern)?;
        let empty_pattern = text.bytes.is_empty();
        let pattern = Pattern::new(&text, self.pattern_options());
        let replacement_text = self.expand_pattern_text(replacement)?;
        let ampersand = self.options.bash && self.options.patsub_replacement;
        let utf8 = self.utf8;
        let substitute = |out: &mut Vec<u8>, matched: &[u8]| {
            let mut bytes = replacement_text.bytes.iter().enumerate();
            while let Some((at, byte)) = bytes.next() {
                let active = replacement_text.quoted.binary_search(&at).is_err();
                if ampersand && *byte == b'&' && active {
                    out.extend_from_slice(matched);
                } else if ampersand
                    && *byte == b'\\'
                    && active
                    && matches!(replacement_text.bytes.get(at + 1), Some(b'&' | b'\\'))
                {
                    out.extend(bytes.next().map(|(_, byte)| *byte));
                } else {
                    out.push(*byte);
                }
            }
        };
        Ok(map(got, |text| {
            if empty_pattern && !matches!(scope, ReplaceScope::Prefix | ReplaceScope::Suffix) {
                return text;
            }
            let mut out = Vec::with_capacity(text.len());
            match scope {
                ReplaceScope::Prefix => match pattern.match_from(&text, 0, true) {
                    Some(end) => {
                        let (matched, rest) = text.split_at(end);
                        substitute(&mut out, matched);
                        out.extend_from_slice(rest);
                    }
                    None => return text,
                },
                ReplaceScope::Suffix => {
                    let mut at = 0;
                    loop {
                        let rest = text.get(at..).unwrap_or_default();
                        if pattern.matches(rest) {
                            out.extend_from_slice(text.get(..at).unwrap_or_default());
                            substitute(&mut out, rest);
                            return out;
                        }
                        if at >= text.len() {
                            return text;
                        }
                        at += character_length(&text, at, utf8);
                    }
                }
                ReplaceScope::First | ReplaceScope::All => {
                    let mut at = 0;
                    while at <= text.len() {
                        match pattern.match_from(&text, at, true) {
                            Some(end) if end > at || (at == 0 && text.is_empty()) => {
                                substitute(&mut out, text.get(at..end).unwrap_or_default());
                                at = end;
                                if scope == ReplaceScope::First || text.is_empty() {
                                    break;
                                }
                            }
                            _ => {
                                if at >= text.len() {
                                    break;
                                }
                                let length = character_length(&text, at, utf8);
                                out.extend_from_slice(text.get(at..at + length).unwrap_or_default());
                                at += length;
                            }
                        }
                    }
                    out.extend_from_slice(text.get(at..).unwrap_or_default());
                }
            }
            out
        }))
    }

    fn substring(&mut self, parameter: &Parameter, got: Got, offset: i64, length: Option<i64>) -> Expanded<Got> {
        let negative_length = |shell: &mut Self, length: i64| {
            shell.complain(format!("{length}: substring expression < 0").as_bytes());
            shell.status = 1;
            Unwind::Error
        };
        Ok(match got {
            Got::Unset => Got::Unset,
            Got::One(text) => {
                let count = character_count(&text, self.utf8) as i64;
                let start = if offset < 0 { count + offset } else { offset };
                if start < 0 || start > count {
                    return Ok(Got::One(Vec::new()));
                }
                let end = match length {
                    None => count,
                    Some(length) if length < 0 => {
                        let end = count + length;
                        if end < start {
                            return Err(negative_length(self, length));
                        }
                        end
                    }
                    Some(length) => start.saturating_add(length).min(count),
                };
                Got::One(characters(&text, start as usize, end as usize, self.utf8))
            }
            Got::Many { values, star } => {
                if length.is_some_and(|length| length < 0) {
                    return Err(negative_length(self, length.unwrap_or(0)));
                }
                // Positional parameters count from $0, arrays by index.
                if matches!(parameter.name, ParameterName::Special(_)) {
                    let mut all = vec![self.arg0.to_vec()];
                    all.extend(values);
                    let count = all.len() as i64;
                    let start = if offset < 0 { count + offset } else { offset };
                    let taken = if start < 0 { Vec::new() } else { take(all, start as usize, length) };
                    return Ok(Got::Many { values: taken, star });
                }
                let indexed = match &parameter.name {
                    ParameterName::Variable(name) => {
                        let name = self.resolve_name(name);
                        match self.variables.get(&name).map(|variable| &variable.value) {
                            Some(Value::Indexed(elements)) => Some(elements.clone()),
                            _ => None,
                        }
                    }
                    _ => None,
                };
                let taken = match indexed {
                    Some(elements) => {
                        let end = elements.keys().next_back().map_or(0, |last| last + 1);
                        let start = if offset < 0 { end + offset } else { offset };
                        if start < 0 {
                            Vec::new()
                        } else {
                            elements
                                .range(start..)
                                .map(|(_, value)| value.clone())
                                .take(length.map_or(usize::MAX, |length| length as usize))
                                .collect()
                        }
                    }
                    None => {
                        let count = values.len() as i64;
                        let start = if offset < 0 { count + offset } else { offset };
                        if start < 0 { Vec::new() } else { take(values, start as usize, length) }
                    }
                };
                Got::Many { values: taken, star }
            }
        })
    }

    /// Every element of a variable, for `@A` and `@K`.
    pub(super) fn all_elements(&self, name: &[u8]) -> Vec<Vec<u8>> {
        self.variables.get(name).map(|variable| elements(&variable.value)).unwrap_or_default()
    }

    /// Whether a variable is an array.
    pub(super) fn is_array(&self, name: &[u8]) -> bool {
        self.variables
            .get(name)
            .is_some_and(|variable| variable.flags.has(Flags::INDEXED) || variable.flags.has(Flags::ASSOCIATIVE))
    }
}

fn take(values: Vec<Vec<u8>>, start: usize, length: Option<i64>) -> Vec<Vec<u8>> {
    values.into_iter().skip(start).take(length.map_or(usize::MAX, |length| length as usize)).collect()
}

/// Applies `change` to each string.
pub(super) fn map(got: Got, mut change: impl FnMut(Vec<u8>) -> Vec<u8>) -> Got {
    match got {
        Got::Unset => Got::Unset,
        Got::One(text) => Got::One(change(text)),
        Got::Many { values, star } => Got::Many { values: values.into_iter().map(change).collect(), star },
    }
}

fn remove_suffix(pattern: &Pattern, text: Vec<u8>, longest: bool, utf8: bool) -> Vec<u8> {
    if let Some(literal) = pattern.as_literal() {
        return match text.strip_suffix(literal.as_slice()) {
            Some(rest) => rest.to_vec(),
            None => text,
        };
    }
    let mut starts = Vec::with_capacity(text.len() + 1);
    let mut at = 0;
    while at < text.len() {
        starts.push(at);
        at += character_length(&text, at, utf8);
    }
    starts.push(text.len());
    let hit = |start: &usize| pattern.matches(text.get(*start..).unwrap_or_default());
    let found = if longest { starts.iter().copied().find(hit) } else { starts.iter().copied().rev().find(hit) };
    match found {
        Some(start) => text.get(..start).unwrap_or_default().to_vec(),
        None => text,
    }
}

/// Changes the case of the first or all characters that match.
pub fn change_case(text: &[u8], kind: u8, all: bool, pattern: Option<&Pattern>, utf8: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    let mut first = true;
    while at < text.len() {
        let length = character_length(text, at, utf8);
        let bytes = text.get(at..at + length).unwrap_or_default();
        at += length;
        let wanted = (all || first) && pattern.is_none_or(|pattern| pattern.matches(bytes));
        first = false;
        match std::str::from_utf8(bytes).ok().and_then(|text| text.chars().next()) {
            Some(character) if wanted => {
                let upper = match kind {
                    b'^' => true,
                    b',' => false,
                    _ => character.is_lowercase(),
                };
                let mut buffer = [0; 4];
                if upper {
                    for character in character.to_uppercase() {
                        out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
                    }
                } else {
                    for character in character.to_lowercase() {
                        out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
                    }
                }
            }
            _ => out.extend_from_slice(bytes),
        }
    }
    out
}
