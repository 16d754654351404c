//! Lists, pipelines and simple commands (XCU 2.9.1 to 2.9.3).

use super::ast::{
    AndOr, AndOrOperator, ArrayElement, Assignment, AssignmentValue, Command, Descriptor, Function, List, ListItem,
    Part, Pipeline, Redirection, RedirectionAction, Simple, Timing, Word,
};
use super::error::ParseErrorKind;
use super::parser::{Parsed, Parser};
use super::{is_name, is_name_byte, is_name_start};
use std::rc::Rc;

/// Words that end a list where a command could begin.
const CLOSERS: [&[u8]; 8] = [b"then", b"else", b"elif", b"fi", b"do", b"done", b"esac", b"}"];

impl Parser {
    /// A complete command: and-or lists up to the newline or the end.
    pub(super) fn line_list(&mut self) -> Parsed<List> {
        let mut list = List::default();
        loop {
            if self.at_closer()? {
                return Err(self.unexpected(None));
            }
            let and_or = self.and_or(None)?;
            let background = self.separator()?;
            list.items.push(ListItem { and_or, background: background == Some(true) });
            self.skip_blanks()?;
            match self.peek()? {
                None => return Ok(list),
                Some(b'\n') => {
                    self.newline()?;
                    return Ok(list);
                }
                Some(_) if background.is_some() => {}
                Some(_) => return Err(self.unexpected(None)),
            }
        }
    }

    /// A list inside a compound command; it may not be empty.
    pub(super) fn compound_list(&mut self, expecting: &'static str) -> Parsed<List> {
        let list = self.compound_list_or_empty(Some(expecting))?;
        if list.items.is_empty() {
            // bash and dash name the word that came too early.
            let expecting = if self.peek()?.is_none() { Some(expecting) } else { None };
            return Err(self.unexpected(expecting));
        }
        Ok(list)
    }

    /// A list inside a compound command up to a word that closes it, unread.
    pub(super) fn compound_list_or_empty(&mut self, expecting: Option<&'static str>) -> Parsed<List> {
        let mut list = List::default();
        loop {
            self.skip_newlines()?;
            if self.peek()?.is_none() || self.at_closer()? {
                return Ok(list);
            }
            let and_or = self.and_or(expecting)?;
            let separator = self.separator()?;
            list.items.push(ListItem { and_or, background: separator == Some(true) });
            if separator.is_none() {
                self.skip_blanks()?;
                match self.peek()? {
                    Some(b'\n') => {}
                    None => return Ok(list),
                    Some(_) if self.at_closer()? => return Ok(list),
                    Some(_) => return Err(self.unexpected(expecting)),
                }
            }
        }
    }

    /// Whether a list ends here: `)`, `;;`, a reserved word that closes.
    fn at_closer(&mut self) -> Parsed<bool> {
        self.skip_blanks()?;
        Ok(match self.peek()? {
            Some(b')') => true,
            Some(b';') => matches!(self.peek_second()?, Some(b';' | b'&')),
            Some(b'}' | b't' | b'e' | b'f' | b'd') => match self.literal_here()? {
                Some(word) => CLOSERS.contains(&word.as_slice()),
                None => false,
            },
            _ => false,
        })
    }

    /// `;` or `&` after an and-or list: whether it was `&`.
    fn separator(&mut self) -> Parsed<Option<bool>> {
        self.skip_blanks()?;
        match self.peek()? {
            Some(b';') if !matches!(self.peek_second()?, Some(b';' | b'&')) => {
                self.bump();
                Ok(Some(false))
            }
            Some(b'&') if self.peek_second()? != Some(b'&') => {
                self.bump();
                Ok(Some(true))
            }
            _ => Ok(None),
        }
    }

    fn and_or(&mut self, expecting: Option<&'static str>) -> Parsed<AndOr> {
        let first = self.pipeline(expecting)?;
        let mut rest = Vec::new();
        loop {
            self.skip_blanks()?;
            let operator = if self.eat(b"&&")? {
                AndOrOperator::And
            } else if self.eat(b"||")? {
                AndOrOperator::Or
            } else {
                return Ok(AndOr { first, rest });
            };
            self.skip_newlines()?;
            rest.push((operator, self.pipeline(expecting)?));
        }
    }

    fn pipeline(&mut self, expecting: Option<&'static str>) -> Parsed<Pipeline> {
        let mut pipeline = Pipeline { negated: false, timing: None, stages: Vec::new() };
        let mut prefixed = false;
        loop {
            self.skip_blanks()?;
            while self.expand_alias()? {
                self.skip_blanks()?;
            }
            match self.peek()? {
                Some(b'!') if self.literal_here()?.as_deref() == Some(b"!") => {
                    self.bump();
                    pipeline.negated = !pipeline.negated;
                    prefixed = true;
                }
                Some(b't') if self.settings.bash && self.literal_here()?.as_deref() == Some(b"time") => {
                    self.eat(b"time")?;
                    self.skip_blanks()?;
                    pipeline.timing = Some(Timing::Format);
                    if self.literal_here()?.as_deref() == Some(b"-p") {
                        self.eat(b"-p")?;
                        pipeline.timing = Some(Timing::Posix);
                        self.skip_blanks()?;
                    }
                    if self.literal_here()?.as_deref() == Some(b"--") {
                        self.eat(b"--")?;
                    }
                    prefixed = true;
                }
                _ => break,
            }
        }
        if prefixed && (pipeline.timing.is_some() || self.settings.bash) {
            self.skip_blanks()?;
            if matches!(self.peek()?, None | Some(b'\n' | b';' | b')')) {
                return Ok(pipeline);
            }
        }
        loop {
            let stage = self.nested(|parser| parser.command(expecting))?;
            pipeline.stages.push(stage);
            self.skip_blanks()?;
            if self.peek()? != Some(b'|') || self.peek_second()? == Some(b'|') {
                return Ok(pipeline);
            }
            self.bump();
            if self.peek_raw()? == Some(b'&') {
                self.bump();
                // `a |& b` is `a 2>&1 | b`.
                let both = Redirection {
                    descriptor: Descriptor::Number(2),
                    action: RedirectionAction::DuplicateOutput(Word::literal(b"1".to_vec())),
                };
                if let Some(last) = pipeline.stages.last_mut() {
                    match last {
                        Command::Simple(simple) => Rc::make_mut(simple).redirections.push(both),
                        Command::Compound(compound) => Rc::make_mut(compound).redirections.push(both),
                        Command::Function(_) => {}
                    }
                }
            }
            self.skip_newlines()?;
        }
    }

    pub(super) fn command(&mut self, expecting: Option<&'static str>) -> Parsed<Command> {
        loop {
            self.skip_blanks()?;
            match self.peek()? {
                Some(b'(') => return self.parenthesis(),
                None | Some(b'\n' | b';' | b'&' | b'|' | b')') => return Err(self.unexpected(expecting)),
                _ => {}
            }
            if let Some(word) = self.literal_here()? {
                if let Some(command) = self.compound(&word)? {
                    return Ok(command);
                }
                if CLOSERS.contains(&word.as_slice()) {
                    return Err(self.unexpected(expecting));
                }
                if self.expand_alias()? {
                    continue;
                }
            }
            return self.simple();
        }
    }

    /// Redirections after a compound command.
    pub(super) fn redirections(&mut self) -> Parsed<Vec<Redirection>> {
        let mut list = Vec::new();
        loop {
            self.skip_blanks()?;
            match self.redirection()? {
                Some(redirection) => list.push(redirection),
                None => return Ok(list),
            }
        }
    }

    fn simple(&mut self) -> Parsed<Command> {
        let mut simple = Simple { line: self.line, ..Simple::default() };
        let mut declaration = false;
        let mut declaration_prefix = false;
        let mut started = false;
        loop {
            self.skip_blanks()?;
            match self.peek()? {
                None | Some(b'\n' | b';' | b'|' | b')') => break,
                Some(b'(') => {
                    if simple.assignments.is_empty() && simple.redirections.is_empty() && simple.words.len() == 1 {
                        let name = simple.words.first().cloned().unwrap_or_default();
                        return self.function_after_name(&name, simple.line);
                    }
                    return Err(self.unexpected(None));
                }
                _ => {}
            }
            if let Some(redirection) = self.redirection()? {
                simple.redirections.push(redirection);
                started = true;
                continue;
            }
            if self.peek()? == Some(b'&') {
                break;
            }
            let alias_wanted = self.alias_wanted();
            if simple.words.is_empty() {
                if let Some(assignment) = self.assignment()? {
                    simple.assignments.push(assignment);
                    started = true;
                    continue;
                }
                if (started || alias_wanted) && self.expand_alias()? {
                    continue;
                }
            } else if alias_wanted && self.expand_alias()? {
                continue;
            }
            if declaration && let Some(assignment) = self.assignment()? {
                simple.words.push(Word {
                    parts: vec![Part::Assignment(Box::new(assignment))],
                    braces: false,
                    plain: false,
                });
                continue;
            }
            let word = self.word()?;
            if word.parts.is_empty() {
                return Err(self.unexpected(None));
            }
            let text = word.unquoted_literal();
            if simple.words.is_empty() || declaration_prefix {
                declaration = matches!(text, Some(b"export" | b"readonly" | b"local" | b"declare" | b"typeset"));
                declaration_prefix = matches!(text, Some(b"command" | b"builtin"));
            }
            simple.words.push(word);
        }
        if simple.words.is_empty() && simple.assignments.is_empty() && simple.redirections.is_empty() {
            return Err(self.unexpected(None));
        }
        Ok(Command::Simple(Rc::new(simple)))
    }

    /// `name=value` and its kin at the position.
    fn assignment(&mut self) -> Parsed<Option<Assignment>> {
        if !self.peek()?.is_some_and(is_name_start) {
            return Ok(None);
        }
        let mark = self.mark();
        let mut length = 0;
        // Looking before reading keeps aliases and reserved words untouched.
        while self.peek_raw_at(length)?.is_some_and(is_name_byte) {
            length += 1;
        }
        match self.peek_raw_at(length)? {
            Some(b'=' | b'+' | b'[' | b'\\') => {}
            _ => return Ok(None),
        }
        let name = self.name()?;
        let mut index = None;
        if self.peek()? == Some(b'[') {
            if !self.subscript_then_assign()? {
                self.reset(mark);
                return Ok(None);
            }
            index = Some(self.subscript()?);
        }
        let append = self.peek()? == Some(b'+') && self.peek_second()? == Some(b'=');
        if append {
            self.bump();
            self.peek()?;
        }
        if self.peek()? != Some(b'=') {
            self.reset(mark);
            return Ok(None);
        }
        self.bump();
        let value = if index.is_none() && self.peek()? == Some(b'(') {
            self.bump();
            AssignmentValue::Array(self.array_elements()?)
        } else {
            AssignmentValue::Scalar(self.assignment_word()?)
        };
        Ok(Some(Assignment { name, index, append, value }))
    }

    /// Whether the `[` at the position closes with `]=` or `]+=`.
    fn subscript_then_assign(&mut self) -> Parsed<bool> {
        let mark = self.mark();
        let answer = match self.subscript() {
            Ok(_) => self.peek()? == Some(b'=') || self.peek()? == Some(b'+') && self.peek_second()? == Some(b'='),
            Err(error) if error.kind == ParseErrorKind::TooDeep => return Err(error),
            Err(_) => false,
        };
        self.reset(mark);
        Ok(answer)
    }

    fn array_elements(&mut self) -> Parsed<Vec<ArrayElement>> {
        let mut elements = Vec::new();
        loop {
            self.skip_newlines()?;
            match self.peek()? {
                None => return Err(self.error(ParseErrorKind::Unterminated(")"))),
                Some(b')') => {
                    self.bump();
                    return Ok(elements);
                }
                Some(b';' | b'&' | b'|' | b'(') => return Err(self.unexpected(None)),
                Some(b'[') => {
                    if self.subscript_then_assign()? {
                        let index = self.subscript()?;
                        let append = self.eat(b"+")?;
                        self.eat(b"=")?;
                        let value = self.assignment_word()?;
                        elements.push(ArrayElement { index: Some(index), append, value });
                        continue;
                    }
                }
                Some(_) => {}
            }
            let value = self.word()?;
            if value.parts.is_empty() {
                return Err(self.unexpected(None));
            }
            elements.push(ArrayElement { index: None, append: false, value });
        }
    }

    /// The redirection at the position, if one begins there.
    pub(super) fn redirection(&mut self) -> Parsed<Option<Redirection>> {
        let Some(first) = self.peek()? else { return Ok(None) };
        let mut descriptor = Descriptor::Default;
        match first {
            b'<' | b'>' => {
                if self.peek_raw_at(1)? == Some(b'(') {
                    return Ok(None);
                }
            }
            b'&' => {
                if self.peek_raw_at(1)? != Some(b'>') {
                    return Ok(None);
                }
                self.bump();
                self.bump();
                let append = self.eat(b">")?;
                let word = self.redirection_word()?;
                let action =
                    if append { RedirectionAction::AppendBoth(word) } else { RedirectionAction::WriteBoth(word) };
                return Ok(Some(Redirection { descriptor, action }));
            }
            b'0'..=b'9' => {
                let mut length = 1;
                while self.peek_raw_at(length)?.is_some_and(|byte| byte.is_ascii_digit()) {
                    length += 1;
                }
                if !matches!(self.peek_raw_at(length)?, Some(b'<' | b'>')) {
                    return Ok(None);
                }
                let digits = self.buffer.get(self.at..self.at + length).unwrap_or_default();
                let Some(number) = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()) else {
                    return Ok(None);
                };
                descriptor = Descriptor::Number(number);
                self.at += length;
            }
            b'{' => {
                let mut length = 1;
                while self.peek_raw_at(length)?.is_some_and(is_name_byte) {
                    length += 1;
                }
                if self.peek_raw_at(length)? != Some(b'}')
                    || !matches!(self.peek_raw_at(length + 1)?, Some(b'<' | b'>'))
                {
                    return Ok(None);
                }
                let name = self.buffer.get(self.at + 1..self.at + length).unwrap_or_default().to_vec();
                if !is_name(&name) {
                    return Ok(None);
                }
                descriptor = Descriptor::Variable(name);
                self.at += length + 1;
            }
            _ => return Ok(None),
        }
        let action = if self.eat(b"<<<")? {
            RedirectionAction::HereString(self.redirection_word()?)
        } else if self.eat(b"<<-")? {
            RedirectionAction::Here(self.here_document(true)?)
        } else if self.eat(b"<<")? {
            RedirectionAction::Here(self.here_document(false)?)
        } else if self.eat(b"<&")? {
            RedirectionAction::DuplicateInput(self.redirection_word()?)
        } else if self.eat(b"<>")? {
            RedirectionAction::ReadWrite(self.redirection_word()?)
        } else if self.eat(b"<")? {
            RedirectionAction::Read(self.redirection_word()?)
        } else if self.eat(b">>")? {
            RedirectionAction::Append(self.redirection_word()?)
        } else if self.eat(b">&")? {
            let word = self.redirection_word()?;
            let expands = !matches!(word.parts.as_slice(), [Part::Text(text)] if text.iter().all(u8::is_ascii_digit) || text == b"-" || text.strip_suffix(b"-").is_some_and(|rest| rest.iter().all(u8::is_ascii_digit)));
            let literal = matches!(word.parts.as_slice(), [Part::Text(_) | Part::Quoted(_)]);
            if expands && literal && descriptor == Descriptor::Default && self.settings.bash {
                RedirectionAction::WriteBoth(word)
            } else {
                RedirectionAction::DuplicateOutput(word)
            }
        } else if self.eat(b">|")? {
            RedirectionAction::Clobber(self.redirection_word()?)
        } else {
            self.bump();
            RedirectionAction::Write(self.redirection_word()?)
        };
        Ok(Some(Redirection { descriptor, action }))
    }

    fn redirection_word(&mut self) -> Parsed<Word> {
        self.skip_blanks()?;
        let word = self.word()?;
        if word.parts.is_empty() { Err(self.unexpected(None)) } else { Ok(word) }
    }

    /// After a word, at `(`: the rest of a function definition.
    fn function_after_name(&mut self, name: &Word, line: u32) -> Parsed<Command> {
        self.bump();
        self.skip_blanks()?;
        if self.peek()? != Some(b')') {
            return Err(self.unexpected(Some(")")));
        }
        self.bump();
        let Some(text) = name.unquoted_literal().map(<[u8]>::to_vec) else {
            return Err(self.error(ParseErrorKind::BadFunctionName(printable(name))));
        };
        if !self.settings.bash && !is_name(&text) && text.iter().any(|byte| matches!(byte, b'$' | b'`' | b'=' | b'/')) {
            return Err(self.error(ParseErrorKind::BadFunctionName(text)));
        }
        self.function_body(text, line)
    }

    pub(super) fn function_body(&mut self, name: Vec<u8>, line: u32) -> Parsed<Command> {
        self.skip_newlines()?;
        let body = self.nested(|parser| parser.command(None))?;
        if self.settings.bash && !matches!(body, Command::Compound(_)) {
            return Err(self.unexpected(None));
        }
        Ok(Command::Function(Rc::new(Function { name, line, source: self.settings.source_name.to_vec(), body })))
    }
}

/// A word's text for a message.
fn printable(word: &Word) -> Vec<u8> {
    super::print::word(word)
}
