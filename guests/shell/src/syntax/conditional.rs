//! `[[ … ]]`: its own little grammar, where `<`, `&&` and `(` are operators
//! and the right side of `==` is a pattern, of `=~` a regular expression.

use super::ast::{Conditional, Word};
use super::error::ParseErrorKind;
use super::parser::{Parsed, Parser};
use super::word::Until;

impl Parser {
    /// After `[[`: the expression and `]]`.
    pub(super) fn conditional_command(&mut self) -> Parsed<Conditional> {
        let expression = self.conditional_or()?;
        self.skip_newlines()?;
        if self.literal_here()?.as_deref() == Some(b"]]") {
            self.at += 2;
            return Ok(expression);
        }
        Err(self.conditional_error())
    }

    fn conditional_error(&mut self) -> super::ParseError {
        let error = self.unexpected(Some("]]"));
        match error.kind {
            ParseErrorKind::Unexpected { token, .. } if token != b"end of file" => {
                super::ParseError { kind: ParseErrorKind::Conditional(token), ..error }
            }
            _ => error,
        }
    }

    fn conditional_or(&mut self) -> Parsed<Conditional> {
        let mut left = self.conditional_and()?;
        loop {
            self.skip_newlines()?;
            if !self.eat(b"||")? {
                return Ok(left);
            }
            let right = self.conditional_and()?;
            left = Conditional::Or(Box::new(left), Box::new(right));
        }
    }

    fn conditional_and(&mut self) -> Parsed<Conditional> {
        let mut left = self.conditional_term()?;
        loop {
            self.skip_newlines()?;
            if !self.eat(b"&&")? {
                return Ok(left);
            }
            let right = self.conditional_term()?;
            left = Conditional::And(Box::new(left), Box::new(right));
        }
    }

    fn conditional_term(&mut self) -> Parsed<Conditional> {
        self.nested(|parser| {
            parser.skip_newlines()?;
            if parser.literal_here()?.as_deref() == Some(b"!") {
                parser.bump();
                return Ok(Conditional::Not(Box::new(parser.conditional_term()?)));
            }
            if parser.peek()? == Some(b'(') {
                parser.bump();
                let inner = parser.conditional_or()?;
                parser.skip_newlines()?;
                if parser.peek()? != Some(b')') {
                    return Err(parser.conditional_error());
                }
                parser.bump();
                return Ok(Conditional::Group(Box::new(inner)));
            }
            parser.conditional_primary()
        })
    }

    fn operand(&mut self) -> Parsed<Word> {
        self.skip_blanks()?;
        if self.literal_here()?.as_deref() == Some(b"]]") {
            return Err(self.conditional_error());
        }
        let word = self.word()?;
        if word.parts.is_empty() { Err(self.conditional_error()) } else { Ok(word) }
    }

    fn pattern_operand(&mut self) -> Parsed<Word> {
        let before = std::mem::replace(&mut self.settings.extglob, true);
        let word = self.operand();
        self.settings.extglob = before;
        word
    }

    fn conditional_primary(&mut self) -> Parsed<Conditional> {
        if let Some(operator) = self.literal_here()?
            && let [b'-', letter] = operator.as_slice()
            && letter.is_ascii_alphabetic()
        {
            let letter = *letter;
            let mark = self.mark();
            self.at += 2;
            self.skip_blanks()?;
            let next = self.literal_here()?;
            let ends = match self.peek()? {
                None | Some(b'\n' | b')' | b'&' | b'|') => true,
                Some(b'<' | b'>') => true,
                _ => matches!(next.as_deref(), Some(b"]]" | b"==" | b"=" | b"!=" | b"=~")),
            };
            if !ends {
                let word = self.operand()?;
                return Ok(Conditional::Unary(letter, word));
            }
            if matches!(next.as_deref(), Some(b"==" | b"=" | b"!=" | b"=~")) {
                // `[[ -f = x ]]` compares; `[[ -f == ]]` tests the file `==`.
                self.at += next.as_deref().map_or(0, <[u8]>::len);
                self.skip_blanks()?;
                let lone = self.literal_here()?.as_deref() == Some(b"]]");
                self.reset(mark);
                if lone {
                    self.at += 2;
                    let word = self.operand()?;
                    return Ok(Conditional::Unary(letter, word));
                }
            } else {
                self.reset(mark);
            }
        }
        let left = self.operand()?;
        self.skip_blanks()?;
        let operator: &[u8] = match self.peek()? {
            Some(b'<') if self.peek_raw_at(1)? != Some(b'(') => b"<",
            Some(b'>') if self.peek_raw_at(1)? != Some(b'(') => b">",
            _ => match self.literal_here()?.as_deref() {
                Some(b"==") => b"==",
                Some(b"=") => b"=",
                Some(b"!=") => b"!=",
                Some(b"=~") => b"=~",
                Some(b"-eq") => b"-eq",
                Some(b"-ne") => b"-ne",
                Some(b"-lt") => b"-lt",
                Some(b"-le") => b"-le",
                Some(b"-gt") => b"-gt",
                Some(b"-ge") => b"-ge",
                Some(b"-nt") => b"-nt",
                Some(b"-ot") => b"-ot",
                Some(b"-ef") => b"-ef",
                Some(b"]]") => return Ok(Conditional::Word(left)),
                _ => match self.peek()? {
                    None | Some(b'\n' | b')' | b'&' | b'|') => return Ok(Conditional::Word(left)),
                    _ => return Err(self.conditional_error()),
                },
            },
        };
        self.at += operator.len();
        let right = match operator {
            b"=~" => {
                self.skip_blanks()?;
                let parts = self.nested(|parser| parser.word_parts(Until::Regex))?;
                if parts.is_empty() {
                    return Err(self.conditional_error());
                }
                Word { parts, braces: false, plain: false }
            }
            b"==" | b"=" | b"!=" => self.pattern_operand()?,
            _ => self.operand()?,
        };
        Ok(Conditional::Binary(operator.to_vec(), left, right))
    }
}
