//! Compound commands and function definitions (XCU 2.9.4, 2.9.5 and bash's).

use super::ast::{Arithmetic, CaseEnd, CaseItem, Command, Compound, CompoundKind, List, Word};
use super::error::ParseErrorKind;
use super::is_name;
use super::parser::{Parsed, Parser};
use std::rc::Rc;

impl Parser {
    /// The compound command that the reserved word `word` begins, if it does.
    pub(super) fn compound(&mut self, word: &[u8]) -> Parsed<Option<Command>> {
        let line = self.line;
        let kind = match word {
            b"{" => {
                self.take(word);
                let list = self.compound_list("}")?;
                self.expect("}")?;
                CompoundKind::Group(list)
            }
            b"if" => {
                self.take(word);
                self.if_command()?
            }
            b"while" | b"until" => {
                self.take(word);
                let condition = self.compound_list("do")?;
                let body = self.do_group()?;
                if word == b"while" {
                    CompoundKind::While(condition, body)
                } else {
                    CompoundKind::Until(condition, body)
                }
            }
            b"for" => {
                self.take(word);
                self.for_command()?
            }
            b"select" if self.settings.bash => {
                self.take(word);
                let (name, words, body) = self.loop_words()?;
                CompoundKind::Select { name, words, body }
            }
            b"case" => {
                self.take(word);
                self.case_command()?
            }
            b"[[" => {
                self.take(word);
                CompoundKind::Conditional(self.conditional_command()?)
            }
            b"function" => {
                // A command of that name may exist where this is no keyword.
                let mark = self.mark();
                self.take(word);
                self.skip_blanks()?;
                let name = self.word()?;
                let Some(name) = name.unquoted_literal().map(<[u8]>::to_vec).filter(|name| !name.is_empty()) else {
                    self.reset(mark);
                    return if self.settings.bash { Err(self.unexpected(None)) } else { Ok(None) };
                };
                self.skip_blanks()?;
                if self.peek()? == Some(b'(') {
                    let mark = self.mark();
                    self.bump();
                    self.skip_blanks()?;
                    if self.peek()? == Some(b')') {
                        self.bump();
                    } else {
                        self.reset(mark);
                    }
                }
                return self.function_body(name, line).map(Some);
            }
            b"coproc" if self.settings.bash => {
                self.take(word);
                return self.coprocess(line).map(Some);
            }
            _ => return Ok(None),
        };
        let redirections = self.redirections()?;
        Ok(Some(Command::Compound(Rc::new(Compound { line, kind, redirections }))))
    }

    /// Steps over a reserved word that `literal_here` saw.
    fn take(&mut self, word: &[u8]) {
        self.at += word.len();
    }

    /// Steps over the reserved word that must come next.
    fn expect(&mut self, word: &'static str) -> Parsed<()> {
        self.skip_newlines()?;
        if self.literal_here()?.as_deref() == Some(word.as_bytes()) {
            self.take(word.as_bytes());
            Ok(())
        } else {
            Err(self.unexpected(Some(word)))
        }
    }

    fn at_word(&mut self, word: &[u8]) -> Parsed<bool> {
        self.skip_newlines()?;
        Ok(self.literal_here()?.as_deref() == Some(word))
    }

    /// At `(`: a subshell, or `(( … ))`.
    pub(super) fn parenthesis(&mut self) -> Parsed<Command> {
        let line = self.line;
        if self.peek_raw_at(1)? == Some(b'(') {
            let mark = self.mark();
            self.bump();
            self.bump();
            if let Some(arithmetic) = self.nested(Self::arithmetic_until_close)? {
                let redirections = self.redirections()?;
                return Ok(Command::Compound(Rc::new(Compound {
                    line,
                    kind: CompoundKind::Arithmetic(arithmetic),
                    redirections,
                })));
            }
            self.reset(mark);
        }
        self.bump();
        let list = self.compound_list(")")?;
        self.skip_newlines()?;
        if self.peek()? != Some(b')') {
            return Err(self.unexpected(Some(")")));
        }
        self.bump();
        let redirections = self.redirections()?;
        Ok(Command::Compound(Rc::new(Compound { line, kind: CompoundKind::Subshell(Rc::new(list)), redirections })))
    }

    fn if_command(&mut self) -> Parsed<CompoundKind> {
        let mut branches = Vec::new();
        loop {
            let condition = self.compound_list("then")?;
            self.expect("then")?;
            let body = self.compound_list("fi")?;
            branches.push((condition, body));
            if self.at_word(b"elif")? {
                self.take(b"elif");
                continue;
            }
            let mut otherwise = None;
            if self.at_word(b"else")? {
                self.take(b"else");
                otherwise = Some(self.compound_list("fi")?);
            }
            self.expect("fi")?;
            return Ok(CompoundKind::If(branches, otherwise));
        }
    }

    fn do_group(&mut self) -> Parsed<List> {
        self.expect("do")?;
        let body = self.compound_list("done")?;
        self.expect("done")?;
        Ok(body)
    }

    fn for_command(&mut self) -> Parsed<CompoundKind> {
        self.skip_blanks()?;
        if self.peek()? == Some(b'(') && self.peek_raw_at(1)? == Some(b'(') {
            self.bump();
            self.bump();
            let start = self.for_clause(b";")?;
            self.bump();
            let condition = self.for_clause(b";")?;
            self.bump();
            let step = self.for_clause(b")")?;
            if !self.eat(b"))")? {
                return Err(self.unexpected(None));
            }
            self.skip_blanks()?;
            if self.peek()? == Some(b';') {
                self.bump();
            }
            let body = self.loop_body()?;
            return Ok(CompoundKind::ArithmeticFor { start, condition, step, body });
        }
        let (name, words, body) = self.loop_words()?;
        Ok(CompoundKind::For { name, words, body })
    }

    fn for_clause(&mut self, stop: &'static [u8]) -> Parsed<Option<Arithmetic>> {
        let Some(arithmetic) = self.nested(|parser| parser.arithmetic_until(stop))? else {
            return Err(self.error(ParseErrorKind::Unterminated("))")));
        };
        Ok((!super::print::is_blank(&arithmetic.text)).then_some(arithmetic))
    }

    /// `do … done` or, in bash, `{ … }`.
    fn loop_body(&mut self) -> Parsed<List> {
        if self.at_word(b"{")? {
            self.take(b"{");
            let body = self.compound_list("}")?;
            self.expect("}")?;
            return Ok(body);
        }
        self.do_group()
    }

    /// `name [in words] ; do … done`
    fn loop_words(&mut self) -> Parsed<(Vec<u8>, Option<Vec<Word>>, List)> {
        self.skip_blanks()?;
        let mark = self.mark();
        let word = self.word()?;
        let name = match word.unquoted_literal() {
            Some(name) if is_name(name) => name.to_vec(),
            _ if word.parts.is_empty() => return Err(self.unexpected(None)),
            _ => {
                let text = self.text_since(mark);
                return Err(self.error(ParseErrorKind::BadForVariable(text)));
            }
        };
        self.skip_blanks()?;
        let mut words = None;
        if self.peek()? == Some(b';') {
            self.bump();
        } else if self.at_word(b"in")? {
            self.take(b"in");
            let mut list = Vec::new();
            loop {
                self.skip_blanks()?;
                match self.peek()? {
                    Some(b';') => {
                        self.bump();
                        break;
                    }
                    Some(b'\n') => break,
                    None => return Err(self.unexpected(Some("do"))),
                    _ => {}
                }
                if self.alias_wanted() && self.expand_alias()? {
                    continue;
                }
                let word = self.word()?;
                if word.parts.is_empty() {
                    return Err(self.unexpected(None));
                }
                list.push(word);
            }
            words = Some(list);
        }
        self.skip_newlines()?;
        let body = self.loop_body()?;
        Ok((name, words, body))
    }

    fn case_command(&mut self) -> Parsed<CompoundKind> {
        self.skip_blanks()?;
        let word = self.word()?;
        if word.parts.is_empty() {
            return Err(self.unexpected(None));
        }
        self.expect("in")?;
        let mut items = Vec::new();
        loop {
            self.skip_newlines()?;
            while self.alias_wanted() && self.expand_alias()? {
                self.skip_newlines()?;
            }
            if self.peek()?.is_none() {
                return Err(self.unexpected(Some("esac")));
            }
            if self.literal_here()?.as_deref() == Some(b"esac") {
                self.take(b"esac");
                return Ok(CompoundKind::Case(word, items));
            }
            if self.peek()? == Some(b'(') {
                self.bump();
            }
            let mut patterns = Vec::new();
            loop {
                self.skip_blanks()?;
                let pattern = self.word()?;
                if pattern.parts.is_empty() {
                    return Err(self.unexpected(None));
                }
                patterns.push(pattern);
                self.skip_blanks()?;
                match self.peek()? {
                    Some(b'|') => self.bump(),
                    Some(b')') => {
                        self.bump();
                        break;
                    }
                    _ => return Err(self.unexpected(Some(")"))),
                }
            }
            let body = self.compound_list_or_empty(Some(";;"))?;
            self.skip_newlines()?;
            let end = if self.eat(b";;&")? {
                CaseEnd::Continue
            } else if self.eat(b";;")? {
                CaseEnd::Break
            } else if self.eat(b";&")? {
                CaseEnd::FallThrough
            } else if self.at_word(b"esac")? {
                CaseEnd::Break
            } else {
                return Err(self.unexpected(Some(";;")));
            };
            items.push(CaseItem { patterns, body, end });
        }
    }

    fn coprocess(&mut self, line: u32) -> Parsed<Command> {
        self.skip_blanks()?;
        let mut name = b"COPROC".to_vec();
        let mark = self.mark();
        if let Some(word) = self.literal_here()?
            && is_name(&word)
            && !matches!(word.as_slice(), b"if" | b"while" | b"until" | b"for" | b"case" | b"select" | b"function")
        {
            self.take(&word);
            self.skip_blanks()?;
            let compound = match self.peek()? {
                Some(b'(') => true,
                _ => matches!(
                    self.literal_here()?.as_deref(),
                    Some(b"{" | b"if" | b"while" | b"until" | b"for" | b"case" | b"select" | b"[[")
                ),
            };
            if compound {
                name = word;
            } else {
                self.reset(mark);
            }
        }
        let command = self.nested(Self::coprocess_command)?;
        Ok(Command::Compound(Rc::new(Compound {
            line,
            kind: CompoundKind::Coprocess(name, Box::new(command)),
            redirections: Vec::new(),
        })))
    }

    fn coprocess_command(&mut self) -> Parsed<Command> {
        self.command(None)
    }
}
