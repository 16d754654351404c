//! Words: quotes (XCU 2.2), the places where expansions begin (2.6), and the
//! characters that end a word in each place a word can stand.

use super::ast::{Parameter, ParameterName, Part, ProcessSubstitution, Substitution, Word};
use super::error::ParseErrorKind;
use super::parser::{Parsed, Parser};
use super::{is_name_byte, is_name_start};
use std::rc::Rc;

/// What ends an unquoted run of word characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// A blank, newline or operator.
    Meta,
    /// The `}` of a parameter expansion.
    Brace,
    /// `/` or `}`: the pattern of `${name/pattern/replacement}`.
    Slash,
    /// The `)` of an extended pattern.
    ExtendedPattern,
    /// A blank outside parentheses: the right side of `=~`.
    Regex,
    /// `]` of a subscript.
    Bracket,
}

/// What ends text inside double quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DoubleUntil {
    /// `"`
    Quote,
    /// `}`: the word of an operator in a quoted parameter expansion.
    Brace,
    /// End of the text: a here-document.
    End,
}

impl Parser {
    /// A word as a command's argument; empty when none starts here.
    pub(super) fn word(&mut self) -> Parsed<Word> {
        let parts = self.nested(|parser| parser.word_parts(Until::Meta))?;
        Ok(self.finish_word(parts, false))
    }

    /// The right side of an assignment.
    pub(super) fn assignment_word(&mut self) -> Parsed<Word> {
        let parts = self.nested(|parser| parser.word_parts(Until::Meta))?;
        Ok(self.finish_word(parts, true))
    }

    /// Marks tildes and works out what the expander may skip.
    pub(super) fn finish_word(&self, parts: Vec<Part>, assignment: bool) -> Word {
        let parts = mark_tildes(parts, assignment);
        let braces =
            self.settings.braces && parts.iter().any(|part| matches!(part, Part::Text(text) if text.contains(&b'{')));
        let plain = !braces
            && match parts.as_slice() {
                [Part::Quoted(_)] => true,
                [Part::Text(text)] => {
                    !text.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'))
                        && (!text.contains(&b'(') || assignment)
                }
                _ => false,
            };
        Word { parts, braces, plain }
    }

    /// Unquoted text up to what `until` says, which is left unread.
    pub(super) fn word_parts(&mut self, until: Until) -> Parsed<Vec<Part>> {
        let mut parts = Vec::new();
        let mut text = Vec::new();
        let mut parentheses = 0_u32;
        let mut brackets = 0_u32;
        macro_rules! flush {
            () => {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
            };
        }
        while let Some(byte) = self.peek()? {
            match until {
                Until::Meta => match byte {
                    b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' => break,
                    b'<' | b'>' => {
                        if self.peek_raw_at(1)? == Some(b'(')
                            && (self.settings.bash || !text.is_empty() || parts.is_empty())
                        {
                            flush!();
                            parts.push(self.process_substitution()?);
                            continue;
                        }
                        break;
                    }
                    _ => {}
                },
                Until::Brace if byte == b'}' => break,
                Until::Slash if byte == b'}' || byte == b'/' => break,
                Until::ExtendedPattern if byte == b')' => break,
                Until::Bracket => match byte {
                    b']' if brackets == 0 => break,
                    b']' => brackets -= 1,
                    b'[' => brackets += 1,
                    _ => {}
                },
                Until::Regex => match byte {
                    b' ' | b'\t' | b'\n' if parentheses == 0 => break,
                    b'(' => parentheses += 1,
                    b')' if parentheses == 0 => break,
                    b')' => parentheses -= 1,
                    b'&' if parentheses == 0 && self.peek_raw_at(1)? == Some(b'&') => break,
                    b'|' if parentheses == 0 && self.peek_raw_at(1)? == Some(b'|') => break,
                    _ => {}
                },
                _ => {}
            }
            match byte {
                b'\'' => {
                    flush!();
                    self.bump();
                    parts.push(Part::Quoted(self.single_quoted()?));
                }
                b'"' => {
                    flush!();
                    self.bump();
                    let inner = self.nested(|parser| parser.double_parts(DoubleUntil::Quote))?;
                    self.bump();
                    parts.push(Part::Double(inner));
                }
                b'\\' => {
                    self.bump();
                    match self.peek_raw()? {
                        Some(next) => {
                            self.bump();
                            flush!();
                            match parts.last_mut() {
                                Some(Part::Quoted(last)) => last.push(next),
                                _ => parts.push(Part::Quoted(vec![next])),
                            }
                        }
                        None => text.push(b'\\'),
                    }
                }
                b'$' => {
                    if let Some(part) = self.dollar(false)? {
                        flush!();
                        parts.push(part);
                    } else {
                        text.push(b'$');
                    }
                }
                b'`' => {
                    flush!();
                    parts.push(self.backquoted(false)?);
                }
                b'?' | b'*' | b'+' | b'@' | b'!'
                    if self.settings.extglob && until != Until::Regex && self.peek_raw_at(1)? == Some(b'(') =>
                {
                    text.push(byte);
                    text.push(b'(');
                    self.bump();
                    self.bump();
                    flush!();
                    let inner = self.nested(|parser| parser.word_parts(Until::ExtendedPattern))?;
                    parts.extend(inner);
                    if self.peek()?.is_none() {
                        return Err(self.error(ParseErrorKind::Unterminated(")")));
                    }
                    self.bump();
                    text.push(b')');
                }
                _ => {
                    text.push(byte);
                    self.bump();
                }
            }
        }
        flush!();
        Ok(parts)
    }

    /// After `'`: the bytes up to the closing one, which is read.
    fn single_quoted(&mut self) -> Parsed<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            match self.peek_raw()? {
                None => return Err(self.error(ParseErrorKind::Unterminated("'"))),
                Some(byte) => {
                    self.bump();
                    if byte == b'\'' {
                        return Ok(text);
                    }
                    text.push(byte);
                }
            }
        }
    }

    /// The parts of a here-document's text.
    pub(super) fn here_parts(&mut self) -> Parsed<Vec<Part>> {
        self.double_parts(DoubleUntil::End)
    }

    /// Text inside double quotes; its end is left unread.
    pub(super) fn double_parts(&mut self, until: DoubleUntil) -> Parsed<Vec<Part>> {
        let mut parts = Vec::new();
        let mut text = Vec::new();
        let mut inner_quote = false;
        loop {
            let Some(byte) = self.peek()? else {
                if until == DoubleUntil::End {
                    break;
                }
                let what = if until == DoubleUntil::Quote || inner_quote { "\"" } else { "}" };
                return Err(self.error(ParseErrorKind::Unterminated(what)));
            };
            match byte {
                b'"' if until == DoubleUntil::Quote => break,
                b'"' if until == DoubleUntil::Brace => {
                    inner_quote = !inner_quote;
                    self.bump();
                }
                b'}' if until == DoubleUntil::Brace && !inner_quote => break,
                b'\\' => {
                    self.bump();
                    match self.peek_raw()? {
                        Some(next @ (b'$' | b'`' | b'\\')) => {
                            self.bump();
                            text.push(next);
                        }
                        Some(b'"') if until != DoubleUntil::End => {
                            self.bump();
                            text.push(b'"');
                        }
                        Some(b'}') if until == DoubleUntil::Brace => {
                            self.bump();
                            text.push(b'}');
                        }
                        _ => text.push(b'\\'),
                    }
                }
                b'$' => match self.dollar(true)? {
                    Some(part) => {
                        if !text.is_empty() {
                            parts.push(Part::Text(std::mem::take(&mut text)));
                        }
                        parts.push(part);
                    }
                    None => text.push(b'$'),
                },
                b'`' => {
                    if !text.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut text)));
                    }
                    parts.push(self.backquoted(until != DoubleUntil::End)?);
                }
                _ => {
                    text.push(byte);
                    self.bump();
                }
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(parts)
    }

    /// At `$`: the expansion it begins, or `None` (and `$` is read) when it
    /// begins none.
    pub(super) fn dollar(&mut self, quoted: bool) -> Parsed<Option<Part>> {
        self.bump();
        let Some(byte) = self.peek()? else { return Ok(None) };
        let simple = |name| {
            Some(Part::Parameter(Box::new(Parameter {
                name,
                index: None,
                indirect: false,
                operation: super::ast::Operation::Value,
                braced: false,
            })))
        };
        match byte {
            b'{' => {
                self.bump();
                self.nested(|parser| parser.braced_parameter(quoted)).map(Some)
            }
            b'(' => {
                if self.peek_second()? == Some(b'(') {
                    let mark = self.mark();
                    self.bump();
                    self.peek()?;
                    self.bump();
                    let arithmetic = self.nested(|parser| parser.arithmetic_until_close())?;
                    if let Some(arithmetic) = arithmetic {
                        return Ok(Some(Part::Arithmetic(Box::new(arithmetic))));
                    }
                    self.reset(mark);
                }
                self.bump();
                let body = self.nested(|parser| parser.substituted_list("$("))?;
                Ok(Some(Part::Command(Rc::new(Substitution { body, backquoted: false }))))
            }
            b'[' if self.settings.bash => {
                let mark = self.mark();
                self.bump();
                match self.nested(|parser| parser.arithmetic_until(b"]"))? {
                    Some(arithmetic) => {
                        self.bump();
                        Ok(Some(Part::Arithmetic(Box::new(arithmetic))))
                    }
                    None => {
                        self.reset(mark);
                        Ok(None)
                    }
                }
            }
            b'\'' if !quoted => {
                self.bump();
                self.ansi_c_quoted().map(|text| Some(Part::Quoted(text)))
            }
            b'"' if !quoted && self.settings.bash => {
                self.bump();
                let inner = self.nested(|parser| parser.double_parts(DoubleUntil::Quote))?;
                self.bump();
                Ok(Some(Part::Double(inner)))
            }
            b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!' => {
                self.bump();
                Ok(simple(ParameterName::Special(byte)))
            }
            b'0' => {
                self.bump();
                Ok(simple(ParameterName::Special(b'0')))
            }
            b'1'..=b'9' => {
                self.bump();
                Ok(simple(ParameterName::Positional(u32::from(byte - b'0'))))
            }
            _ if is_name_start(byte) => Ok(simple(ParameterName::Variable(self.name()?))),
            _ => Ok(None),
        }
    }

    /// The name at the position.
    pub(super) fn name(&mut self) -> Parsed<Vec<u8>> {
        let mut name = Vec::new();
        while let Some(byte) = self.peek()? {
            if !is_name_byte(byte) {
                break;
            }
            name.push(byte);
            self.bump();
        }
        Ok(name)
    }

    /// After `$(` or `<(`: the list and its `)`.
    pub(super) fn substituted_list(&mut self, _opened_by: &'static str) -> Parsed<super::ast::List> {
        let outer = std::mem::take(&mut self.pending);
        let body = self.compound_list_or_empty(Some(")"))?;
        self.skip_newlines()?;
        match self.peek()? {
            Some(b')') => self.bump(),
            None => return Err(self.error(ParseErrorKind::Unterminated(")"))),
            Some(_) => return Err(self.unexpected(Some(")"))),
        }
        let inner = std::mem::replace(&mut self.pending, outer);
        self.pending.extend(inner);
        Ok(body)
    }

    fn process_substitution(&mut self) -> Parsed<Part> {
        let output = self.peek()? == Some(b'>');
        self.bump();
        self.bump();
        let body = self.nested(|parser| parser.substituted_list("<("))?;
        Ok(Part::Process(Rc::new(ProcessSubstitution { output, body })))
    }

    /// At `` ` ``: reads up to the closing one and parses what is between.
    pub(super) fn backquoted(&mut self, quoted: bool) -> Parsed<Part> {
        let first_line = self.line;
        self.bump();
        let mut text = Vec::new();
        loop {
            match self.peek_raw()? {
                None => return Err(self.error(ParseErrorKind::Unterminated("`"))),
                Some(b'`') => {
                    self.bump();
                    break;
                }
                Some(b'\\') => {
                    self.bump();
                    match self.peek_raw()? {
                        Some(next @ (b'$' | b'`' | b'\\')) => {
                            self.bump();
                            text.push(next);
                        }
                        Some(b'"') if quoted => {
                            self.bump();
                            text.push(b'"');
                        }
                        Some(b'\n') => {
                            self.bump();
                        }
                        _ => text.push(b'\\'),
                    }
                }
                Some(byte) => {
                    self.bump();
                    text.push(byte);
                }
            }
        }
        let mut inner = Parser::for_text(text, first_line, self.settings.clone());
        inner.depth = self.depth;
        inner.begun = true;
        let body = inner.nested(|parser| {
            let body = parser.compound_list_or_empty(None)?;
            parser.skip_newlines()?;
            if parser.peek()?.is_some() {
                return Err(parser.unexpected(None));
            }
            Ok(body)
        })?;
        Ok(Part::Command(Rc::new(Substitution { body, backquoted: true })))
    }

    /// After `$'`: the text up to the closing quote, escapes replaced.
    fn ansi_c_quoted(&mut self) -> Parsed<Vec<u8>> {
        let mut raw = Vec::new();
        loop {
            match self.peek_raw()? {
                None => return Err(self.error(ParseErrorKind::Unterminated("'"))),
                Some(b'\'') => {
                    self.bump();
                    break;
                }
                Some(b'\\') => {
                    self.bump();
                    raw.push(b'\\');
                    if let Some(next) = self.peek_raw()? {
                        self.bump();
                        raw.push(next);
                    }
                }
                Some(byte) => {
                    self.bump();
                    raw.push(byte);
                }
            }
        }
        Ok(crate::escapes::ansi_c(&raw))
    }
}

/// Splits tilde prefixes (XCU 2.6.1) off unquoted text: at the word's start,
/// in assignments also after the first `=` (gone by now) and each `:`.
pub(super) fn mark_tildes(parts: Vec<Part>, assignment: bool) -> Vec<Part> {
    let has_tilde = parts.iter().any(|part| matches!(part, Part::Text(text) if text.contains(&b'~')));
    if !has_tilde {
        return parts;
    }
    let mut out = Vec::with_capacity(parts.len() + 2);
    let count = parts.len();
    for (index, part) in parts.into_iter().enumerate() {
        let Part::Text(text) = part else {
            out.push(part);
            continue;
        };
        let last = index + 1 == count;
        let mut start = 0;
        let mut from = 0;
        let mut at_start = index == 0;
        loop {
            let rest = text.get(from..).unwrap_or_default();
            if at_start && rest.first() == Some(&b'~') {
                let stop = rest.iter().position(|byte| *byte == b'/' || (assignment && *byte == b':'));
                let complete = stop.is_some() || last;
                let end = from + stop.unwrap_or(rest.len());
                let user = text.get(from + 1..end).unwrap_or_default();
                let plausible = user.iter().all(|byte| is_name_byte(*byte) || matches!(byte, b'-' | b'+' | b'.'));
                if complete && plausible {
                    if from > start {
                        out.push(Part::Text(text.get(start..from).unwrap_or_default().to_vec()));
                    }
                    out.push(Part::Tilde(user.to_vec()));
                    start = end;
                    from = end;
                }
            }
            if !assignment {
                break;
            }
            match text.get(from..).unwrap_or_default().iter().position(|byte| *byte == b':') {
                Some(colon) => {
                    from += colon + 1;
                    at_start = true;
                }
                None => break,
            }
        }
        if start < text.len() {
            out.push(Part::Text(text.get(start..).unwrap_or_default().to_vec()));
        }
    }
    out
}

impl Parser {
    /// The parts of a prompt's text, which expands as if in double quotes.
    pub fn prompt_parts(&mut self) -> Parsed<Vec<Part>> {
        self.begun = true;
        self.here_parts()
    }
}
