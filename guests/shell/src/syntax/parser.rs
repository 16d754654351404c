//! The parser's state: the buffered text, the position, aliases being
//! expanded, here-documents waiting for their bodies.
//!
//! There is no separate token pass: words, quotes and substitutions nest in
//! each other, so one set of functions reads characters and calls itself.

use super::ast::{HereDocument, List};
use super::error::{ParseError, ParseErrorKind};
use super::input::{MemorySource, Source, SourceError};
use std::collections::HashMap;
use std::rc::Rc;

/// How deep commands, words and substitutions may nest. A level costs up to
/// 3 KiB of stack and a wasm guest has 1 MiB of it.
pub(super) const DEPTH_LIMIT: u32 = 180;

/// What the shell's options and aliases mean to the parser.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// bash's reading where it differs from POSIX.
    pub bash: bool,
    /// `shopt -s extglob`
    pub extglob: bool,
    /// Aliases are expanded.
    pub expand_aliases: bool,
    /// Brace expansion is on.
    pub braces: bool,
    /// The aliases.
    pub aliases: Rc<HashMap<Vec<u8>, Vec<u8>>>,
    /// The name of the file being read, for functions.
    pub source_name: Rc<[u8]>,
}

/// An alias whose replacement text is being read.
struct ActiveAlias {
    name: Vec<u8>,
    end: usize,
}

/// A here-document whose body starts after the next newline.
pub(super) struct PendingHere {
    pub document: HereDocument,
    pub delimiter: Vec<u8>,
    pub quoted: bool,
    pub strip_tabs: bool,
}

/// Reads complete commands from a source.
pub struct Parser {
    source: Box<dyn Source>,
    pub(super) settings: Settings,
    pub(super) buffer: Vec<u8>,
    pub(super) at: usize,
    pub(super) line: u32,
    ended: bool,
    pub(super) depth: u32,
    active: Vec<ActiveAlias>,
    /// An alias ended in a blank: the word at or after this place is tried too.
    pub(super) alias_next: Option<usize>,
    pub(super) pending: Vec<PendingHere>,
    /// A command has begun, so a further line is a continuation.
    pub(super) begun: bool,
    /// Here-documents that ended with the input rather than their delimiter:
    /// the line they started in and the delimiter.
    pub unterminated_here: Vec<(u32, Vec<u8>)>,
    /// Substituted text: `)` closes it where it is nested.
    consumed: u64,
}

/// A place to come back to.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    at: usize,
    line: u32,
}

pub(super) type Parsed<T> = Result<T, ParseError>;

impl Parser {
    /// A parser over `source`, whose first line is number 1.
    pub fn new(source: Box<dyn Source>, settings: Settings) -> Self {
        Self {
            source,
            settings,
            buffer: Vec::new(),
            at: 0,
            line: 1,
            ended: false,
            depth: 0,
            active: Vec::new(),
            alias_next: None,
            pending: Vec::new(),
            begun: false,
            unterminated_here: Vec::new(),
            consumed: 0,
        }
    }

    /// A parser over text in memory whose first line has the number `line`.
    pub fn for_text(text: impl Into<Rc<[u8]>>, line: u32, settings: Settings) -> Self {
        let mut parser = Self::new(Box::new(MemorySource::new(text)), settings);
        parser.line = line;
        parser
    }

    /// Options or aliases changed.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// The line about to be read.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// The text read since the last complete command, for `set -v` and history.
    pub fn source_mut(&mut self) -> &mut dyn Source {
        self.source.as_mut()
    }

    /// Forgets what is left of the current line, after an error.
    pub fn discard_line(&mut self) {
        self.buffer.clear();
        self.at = 0;
        self.pending.clear();
        self.active.clear();
        self.alias_next = None;
    }

    /// The next complete command: everything up to a newline that ends one.
    /// `None` at the end of input.
    pub fn next_command(&mut self) -> Parsed<Option<List>> {
        self.begun = false;
        self.depth = 0;
        self.alias_next = None;
        loop {
            self.skip_blanks()?;
            if self.pending.is_empty() && self.at > 4096 && self.active.is_empty() {
                self.consumed += self.at as u64;
                self.buffer.drain(..self.at);
                self.at = 0;
            }
            match self.peek()? {
                None => return Ok(None),
                Some(b'\n') => self.newline()?,
                Some(_) => break,
            }
        }
        self.begun = true;
        let list = self.line_list()?;
        if self.at >= self.buffer.len() {
            self.consumed += self.at as u64;
            self.buffer.clear();
            self.at = 0;
            self.active.clear();
        }
        self.begun = false;
        Ok(Some(list))
    }

    // ---- characters ----

    fn fill(&mut self) -> Parsed<bool> {
        if self.ended {
            return Ok(false);
        }
        match self.source.more(&mut self.buffer, self.begun) {
            Ok(true) => Ok(true),
            Ok(false) => {
                self.ended = true;
                Ok(false)
            }
            Err(SourceError::Interrupted) => Err(self.error(ParseErrorKind::Interrupted)),
            Err(SourceError::Failed(text)) => Err(self.error(ParseErrorKind::Read(text))),
        }
    }

    /// The byte at the position, line continuations not removed.
    pub(super) fn peek_raw(&mut self) -> Parsed<Option<u8>> {
        loop {
            if let Some(byte) = self.buffer.get(self.at) {
                return Ok(Some(*byte));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// The byte `ahead` places further, line continuations not removed.
    pub(super) fn peek_raw_at(&mut self, ahead: usize) -> Parsed<Option<u8>> {
        loop {
            if let Some(byte) = self.buffer.get(self.at + ahead) {
                return Ok(Some(*byte));
            }
            // A newline ends what may be looked at without asking for more.
            if self.buffer.last() == Some(&b'\n') && self.at < self.buffer.len() && !self.continued_at_end() {
                return Ok(None);
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    fn continued_at_end(&self) -> bool {
        self.buffer.ends_with(b"\\\n")
    }

    /// The byte at the position with line continuations removed (XCU 2.2.1).
    pub(super) fn peek(&mut self) -> Parsed<Option<u8>> {
        loop {
            match self.peek_raw()? {
                Some(b'\\') if self.peek_raw_at(1)? == Some(b'\n') => {
                    self.at += 2;
                    self.line += 1;
                }
                other => return Ok(other),
            }
        }
    }

    /// The byte after the one `peek` answers, line continuations removed.
    pub(super) fn peek_second(&mut self) -> Parsed<Option<u8>> {
        let mark = self.mark();
        if self.peek()?.is_none() {
            return Ok(None);
        }
        if self.buffer.get(self.at) == Some(&b'\n') {
            self.reset(mark);
            return Ok(None);
        }
        self.at += 1;
        let second = self.peek();
        self.reset(mark);
        second
    }

    /// Steps over the byte that `peek` answered.
    pub(super) fn bump(&mut self) {
        if self.buffer.get(self.at) == Some(&b'\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    /// Steps over `text` when it comes next.
    pub(super) fn eat(&mut self, text: &[u8]) -> Parsed<bool> {
        let mark = self.mark();
        for expected in text {
            if self.peek()? != Some(*expected) {
                self.reset(mark);
                return Ok(false);
            }
            self.bump();
        }
        Ok(true)
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { at: self.at, line: self.line }
    }

    pub(super) fn reset(&mut self, mark: Mark) {
        self.at = mark.at;
        self.line = mark.line;
    }

    /// Bytes between `mark` and the position.
    pub(super) fn text_since(&self, mark: Mark) -> Vec<u8> {
        self.buffer.get(mark.at..self.at).unwrap_or_default().to_vec()
    }

    // ---- blanks, comments, newlines ----

    /// Steps over blanks and a comment.
    pub(super) fn skip_blanks(&mut self) -> Parsed<()> {
        loop {
            match self.peek()? {
                Some(b' ' | b'\t') => self.bump(),
                Some(b'#') => {
                    while !matches!(self.peek_raw()?, None | Some(b'\n')) {
                        self.at += 1;
                    }
                    return Ok(());
                }
                _ => return Ok(()),
            }
        }
    }

    /// Steps over a newline and reads the here-documents that wait for it.
    pub(super) fn newline(&mut self) -> Parsed<()> {
        self.bump();
        if !self.pending.is_empty() {
            self.read_here_documents()?;
        }
        Ok(())
    }

    /// Steps over blanks, comments and newlines.
    pub(super) fn skip_newlines(&mut self) -> Parsed<()> {
        loop {
            self.skip_blanks()?;
            if self.peek()? == Some(b'\n') {
                self.newline()?;
            } else {
                return Ok(());
            }
        }
    }

    // ---- aliases ----

    /// The unquoted word at the position, when it is nothing but that.
    pub(super) fn literal_here(&mut self) -> Parsed<Option<Vec<u8>>> {
        self.peek()?;
        let mut ahead = 0;
        loop {
            match self.peek_raw_at(ahead)? {
                None | Some(b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')') => break,
                Some(b'\\') if self.peek_raw_at(ahead + 1)? == Some(b'\n') => {
                    // A continuation inside the word: joined here, so that the
                    // buffer holds the word in one piece.
                    self.buffer.drain(self.at + ahead..self.at + ahead + 2);
                    self.line += 1;
                }
                Some(b'\\' | b'\'' | b'"' | b'$' | b'`') => return Ok(None),
                Some(_) => ahead += 1,
            }
        }
        Ok((ahead > 0).then(|| self.buffer.get(self.at..self.at + ahead).unwrap_or_default().to_vec()))
    }

    /// Whether an alias may be replaced at the position after a blank-ended one.
    pub(super) fn alias_wanted(&mut self) -> bool {
        match self.alias_next {
            Some(end) if self.at >= end => {
                self.alias_next = None;
                true
            }
            _ => false,
        }
    }

    /// Replaces an alias at the position by its text.
    pub(super) fn expand_alias(&mut self) -> Parsed<bool> {
        if !self.settings.expand_aliases || self.settings.aliases.is_empty() {
            return Ok(false);
        }
        let Some(word) = self.literal_here()? else { return Ok(false) };
        let at = self.at;
        self.active.retain(|alias| alias.end > at);
        if self.active.len() > 64 || self.active.iter().any(|alias| alias.name == word) {
            return Ok(false);
        }
        let Some(text) = self.settings.aliases.get(&word).cloned() else { return Ok(false) };
        let removed = word.len();
        for alias in &mut self.active {
            alias.end = alias.end + text.len() - removed.min(alias.end + text.len());
        }
        if let Some(end) = &mut self.alias_next {
            *end = (*end + text.len()).saturating_sub(removed);
        }
        let end = at + text.len();
        if matches!(text.last(), Some(b' ' | b'\t')) {
            self.alias_next = Some(end);
        }
        self.buffer.splice(at..at + removed, text);
        // One past the end: a word that the alias's last character begins to
        // touch still belongs to it.
        self.active.push(ActiveAlias { name: word, end: end.max(at + 1) });
        Ok(true)
    }

    // ---- errors and depth ----

    /// An error at the position.
    pub(super) fn error(&self, kind: ParseErrorKind) -> ParseError {
        let at = self.at.min(self.buffer.len());
        let (before, after) = self.buffer.split_at(at);
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let (start, before) = if start == before.len() && start > 0 && after.is_empty() {
            let shorter = &before[..start - 1];
            (shorter.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1), shorter)
        } else {
            (start, before)
        };
        let mut text = before.get(start..).unwrap_or_default().to_vec();
        text.extend(after.iter().take_while(|byte| **byte != b'\n'));
        ParseError { line: self.line, text, kind }
    }

    /// The token at the position is not wanted.
    pub(super) fn unexpected(&mut self, expecting: Option<&'static str>) -> ParseError {
        let token = match self.next_token() {
            Ok(token) => token,
            Err(error) => return error,
        };
        self.error(ParseErrorKind::Unexpected { token, expecting })
    }

    fn next_token(&mut self) -> Parsed<Vec<u8>> {
        self.skip_blanks()?;
        let Some(first) = self.peek()? else { return Ok(b"end of file".to_vec()) };
        if first == b'\n' {
            return Ok(b"newline".to_vec());
        }
        for operator in
            [&b"&&"[..], b"||", b";;&", b";;", b";&", b"<<-", b"<<<", b"<<", b">>", b"<&", b">&", b"<>", b">|", b"|&"]
        {
            let mark = self.mark();
            if self.eat(operator)? {
                self.reset(mark);
                return Ok(operator.to_vec());
            }
        }
        if matches!(first, b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>') {
            return Ok(vec![first]);
        }
        let mark = self.mark();
        let _ = self.word()?;
        let text = self.text_since(mark);
        self.reset(mark);
        Ok(text)
    }

    /// Runs `parse` one level deeper.
    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEPTH_LIMIT {
            return Err(self.error(ParseErrorKind::TooDeep));
        }
        self.depth += 1;
        let answer = parse(self);
        self.depth -= 1;
        answer
    }
}
