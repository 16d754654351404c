//! `${…}`: which parameter and which operation (XCU 2.6.2 and bash's).

use super::ast::{Arithmetic, Operation, Parameter, ParameterName, Part, ReplaceScope, Subscript, Word};
use super::error::ParseErrorKind;
use super::is_name_start;
use super::parser::{Parsed, Parser};
use super::word::{DoubleUntil, Until, mark_tildes};

impl Parser {
    /// After `${`: everything up to and with the `}`.
    pub(super) fn braced_parameter(&mut self, quoted: bool) -> Parsed<Part> {
        let start = self.mark();
        let parameter = self.braced_parameter_inner(quoted)?;
        match parameter {
            Some(parameter) => Ok(Part::Parameter(Box::new(parameter))),
            None => {
                // Unknown: skip to its end; expanding it is the error.
                self.reset(start);
                let _ = self.skip_to_brace(quoted)?;
                let text = self.text_since(start);
                if self.peek()?.is_none() {
                    return Err(self.error(ParseErrorKind::Unterminated("}")));
                }
                self.bump();
                Ok(Part::Parameter(Box::new(Parameter {
                    name: ParameterName::Special(b'?'),
                    index: None,
                    indirect: false,
                    operation: Operation::Bad(text),
                    braced: true,
                })))
            }
        }
    }

    fn skip_to_brace(&mut self, quoted: bool) -> Parsed<Vec<Part>> {
        if quoted { self.double_parts(DoubleUntil::Brace) } else { self.word_parts(Until::Brace) }
    }

    fn braced_parameter_inner(&mut self, quoted: bool) -> Parsed<Option<Parameter>> {
        let first = self.peek()?;
        if first == Some(b'#') {
            let mark = self.mark();
            self.bump();
            if self.peek()? != Some(b'}') {
                if let Some(name) = self.parameter_name()? {
                    let index = self.parameter_index(&name)?;
                    if self.peek()? == Some(b'}') {
                        self.bump();
                        return Ok(Some(Parameter {
                            name,
                            index,
                            indirect: false,
                            operation: Operation::Length,
                            braced: true,
                        }));
                    }
                }
            }
            self.reset(mark);
        }
        let mut indirect = false;
        if first == Some(b'!') {
            let mark = self.mark();
            self.bump();
            match self.peek()? {
                Some(byte)
                    if is_name_start(byte)
                        || byte.is_ascii_digit()
                        || matches!(byte, b'#' | b'@' | b'*' | b'?' | b'!') =>
                {
                    indirect = true;
                    if matches!(byte, b'#' | b'@' | b'*' | b'?' | b'!') && !matches!(self.peek_second()?, Some(b'}')) {
                        indirect = false;
                        self.reset(mark);
                    }
                }
                _ => self.reset(mark),
            }
        }
        let Some(name) = self.parameter_name()? else { return Ok(None) };
        if indirect && let ParameterName::Variable(_) = &name {
            for (byte, at) in [(b'*', false), (b'@', true)] {
                if self.peek()? == Some(byte) && self.peek_second()? == Some(b'}') {
                    self.bump();
                    self.peek()?;
                    self.bump();
                    return Ok(Some(Parameter {
                        name,
                        index: None,
                        indirect,
                        operation: Operation::Names { at },
                        braced: true,
                    }));
                }
            }
        }
        let index = self.parameter_index(&name)?;
        if indirect && matches!(index, Some(Subscript::At | Subscript::Star)) && self.peek()? == Some(b'}') {
            self.bump();
            let at = index == Some(Subscript::At);
            return Ok(Some(Parameter {
                name,
                index: None,
                indirect: false,
                operation: Operation::Keys { at },
                braced: true,
            }));
        }
        let Some(operation) = self.operation(quoted)? else { return Ok(None) };
        match self.peek()? {
            Some(b'}') => {
                self.bump();
                Ok(Some(Parameter { name, index, indirect, operation, braced: true }))
            }
            None => Err(self.error(ParseErrorKind::Unterminated("}"))),
            Some(_) => Ok(None),
        }
    }

    fn parameter_name(&mut self) -> Parsed<Option<ParameterName>> {
        let Some(byte) = self.peek()? else { return Err(self.error(ParseErrorKind::Unterminated("}"))) };
        if is_name_start(byte) {
            return Ok(Some(ParameterName::Variable(self.name()?)));
        }
        if byte.is_ascii_digit() {
            let mut number = 0_u32;
            let mut digits = 0;
            while let Some(digit @ b'0'..=b'9') = self.peek()? {
                number = number.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
                digits += 1;
                self.bump();
            }
            return Ok(Some(if number == 0 && digits == 1 {
                ParameterName::Special(b'0')
            } else {
                ParameterName::Positional(number)
            }));
        }
        if matches!(byte, b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!') {
            self.bump();
            return Ok(Some(ParameterName::Special(byte)));
        }
        Ok(None)
    }

    fn parameter_index(&mut self, name: &ParameterName) -> Parsed<Option<Subscript>> {
        if !matches!(name, ParameterName::Variable(_)) || self.peek()? != Some(b'[') {
            return Ok(None);
        }
        self.subscript().map(Some)
    }

    /// At `[`: the subscript with both brackets.
    pub(super) fn subscript(&mut self) -> Parsed<Subscript> {
        self.bump();
        let parts = self.nested(|parser| parser.word_parts(Until::Bracket))?;
        if self.peek()?.is_none() {
            return Err(self.error(ParseErrorKind::Unterminated("]")));
        }
        self.bump();
        Ok(match parts.as_slice() {
            [Part::Text(text)] if text == b"@" => Subscript::At,
            [Part::Text(text)] if text == b"*" => Subscript::Star,
            _ => Subscript::Word(Word { parts, braces: false, plain: false }),
        })
    }

    fn operation(&mut self, quoted: bool) -> Parsed<Option<Operation>> {
        let Some(byte) = self.peek()? else { return Err(self.error(ParseErrorKind::Unterminated("}"))) };
        match byte {
            b'}' => Ok(Some(Operation::Value)),
            b':' => {
                let second = self.peek_second()?;
                if matches!(second, Some(b'-' | b'=' | b'?' | b'+')) {
                    self.bump();
                    self.peek()?;
                    return self.word_operation(true, quoted).map(Some);
                }
                self.bump();
                let Some(offset) = self.arithmetic_until(b":}")? else { return Ok(None) };
                let mut length = None;
                if self.peek()? == Some(b':') {
                    self.bump();
                    let Some(arithmetic) = self.arithmetic_until(b"}")? else { return Ok(None) };
                    length = Some(arithmetic);
                }
                if offset.text.parts.is_empty() && length.is_none() {
                    return Ok(None);
                }
                Ok(Some(Operation::Substring { offset, length }))
            }
            b'-' | b'=' | b'?' | b'+' => self.word_operation(false, quoted).map(Some),
            b'#' => {
                self.bump();
                let longest = self.eat(b"#")?;
                Ok(Some(Operation::RemovePrefix { longest, pattern: self.pattern_word(Until::Brace)? }))
            }
            b'%' => {
                self.bump();
                let longest = self.eat(b"%")?;
                Ok(Some(Operation::RemoveSuffix { longest, pattern: self.pattern_word(Until::Brace)? }))
            }
            b'/' => {
                self.bump();
                let scope = match self.peek()? {
                    Some(b'/') => ReplaceScope::All,
                    Some(b'#') => ReplaceScope::Prefix,
                    Some(b'%') => ReplaceScope::Suffix,
                    _ => ReplaceScope::First,
                };
                if scope != ReplaceScope::First {
                    self.bump();
                }
                let mut pattern = self.pattern_word(Until::Slash)?;
                // `${x////y}`: a slash right after `//` belongs to the pattern.
                if pattern.parts.is_empty()
                    && self.peek()? == Some(b'/')
                    && scope == ReplaceScope::All
                    && self.peek_second()? == Some(b'/')
                {
                    self.bump();
                    pattern = self.pattern_word(Until::Slash)?;
                    pattern.parts.insert(0, Part::Quoted(b"/".to_vec()));
                }
                let replacement = if self.peek()? == Some(b'/') {
                    self.bump();
                    let parts = self.nested(|parser| parser.word_parts(Until::Brace))?;
                    self.finish_word(if quoted { parts } else { mark_tildes(parts, false) }, false)
                } else {
                    Word::default()
                };
                Ok(Some(Operation::Replace { scope, pattern, replacement }))
            }
            b'^' | b',' | b'~' => {
                self.bump();
                let all = self.eat(&[byte])?;
                let pattern = if self.peek()? == Some(b'}') { None } else { Some(self.pattern_word(Until::Brace)?) };
                Ok(Some(Operation::Case { kind: byte, all, pattern }))
            }
            b'@' => {
                self.bump();
                match self.peek()? {
                    Some(letter @ (b'Q' | b'E' | b'P' | b'A' | b'a' | b'U' | b'u' | b'L' | b'K' | b'k')) => {
                        self.bump();
                        Ok(Some(Operation::Transform(letter)))
                    }
                    _ => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    fn pattern_word(&mut self, until: Until) -> Parsed<Word> {
        let parts = self.nested(|parser| parser.word_parts(until))?;
        Ok(Word { parts: mark_tildes(parts, false), braces: false, plain: false })
    }

    fn word_operation(&mut self, colon: bool, quoted: bool) -> Parsed<Operation> {
        let operator = self.peek()?;
        self.bump();
        let word = if quoted {
            let parts = self.nested(|parser| parser.double_parts(DoubleUntil::Brace))?;
            if parts.is_empty() {
                Word::default()
            } else {
                Word { parts: vec![Part::Double(parts)], braces: false, plain: false }
            }
        } else {
            let parts = self.nested(|parser| parser.word_parts(Until::Brace))?;
            let assign = operator == Some(b'=');
            Word { parts: mark_tildes(parts, assign), braces: false, plain: false }
        };
        Ok(match operator {
            Some(b'-') => Operation::Default { colon, word },
            Some(b'=') => Operation::Assign { colon, word },
            Some(b'+') => Operation::Alternative { colon, word },
            _ => Operation::Error { colon, word: (!word.parts.is_empty()).then_some(word) },
        })
    }

    /// Arithmetic text up to one of `stops` outside parentheses and brackets,
    /// left unread; `None` when the input ends first.
    pub(super) fn arithmetic_until(&mut self, stops: &'static [u8]) -> Parsed<Option<Arithmetic>> {
        let parts = self.arithmetic_parts(stops)?;
        if self.peek()?.is_none() {
            return Ok(None);
        }
        Ok(Some(super::arithmetic::compile(parts)))
    }
}
