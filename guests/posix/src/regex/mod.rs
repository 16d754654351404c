//! POSIX regular expressions (XBD 9): basic and extended, leftmost-longest, with
//! back-references and GNU's additions, on bytes or UTF-8.
//!
//! A match costs time linear in the text: a deterministic automaton built as it
//! runs says where it lies; only groups and back-references are backtracked.

mod automaton;
mod backtrack;
mod program;
mod syntax;

use std::cell::RefCell;

use memchr::memmem;

use automaton::Automaton;
use program::Program;
use syntax::{Assertion, Node};

/// How an expression is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Extended syntax (REG_EXTENDED).
    pub extended: bool,
    /// Case is ignored (REG_ICASE).
    pub fold: bool,
    /// `^` and `$` also match at newlines, `.` and `[^…]` never match one
    /// (REG_NEWLINE).
    pub newline: bool,
    /// Characters are UTF-8, not bytes.
    pub utf8: bool,
    /// A match must not touch word characters outside of it (grep -w).
    pub word: bool,
    /// A match must be a whole line (grep -x).
    pub line: bool,
}

/// What is wrong with an expression, in regerror()'s words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(pub &'static str);

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Error {}

/// Where a group matched.
pub type Span = Option<(usize, usize)>;

/// A compiled regular expression.
pub struct Regex {
    program: Program,
    flags: Flags,
    groups: usize,
    has_back: bool,
    /// The expression is these bytes and nothing else.
    literal: Option<memmem::Finder<'static>>,
    /// Every match contains these bytes.
    needed: Option<memmem::Finder<'static>>,
    /// Every match begins with one of these, unless it may be empty.
    first: Option<Box<First>>,
    /// Every match begins at the beginning of the text.
    at_start: bool,
    anywhere: RefCell<Option<Automaton>>,
    here: RefCell<Option<Automaton>>,
}

struct First {
    table: [bool; 256],
    few: Vec<u8>,
}

impl std::fmt::Debug for Regex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Regex({:?}, {} groups)", self.flags, self.groups)
    }
}

impl Regex {
    /// Compiles an expression.
    pub fn new(pattern: &[u8], flags: Flags) -> Result<Regex, Error> {
        let mut parsed = syntax::parse(pattern, flags)?;
        for (wanted, before, after) in [
            (flags.word, Assertion::NotAfterWord, Assertion::NotBeforeWord),
            (flags.line, Assertion::LineStart, Assertion::LineEnd),
        ] {
            if wanted {
                parsed.root = Node::Concat(vec![Node::Assert(before), parsed.root, Node::Assert(after)]);
            }
        }
        let program = program::compile(&parsed.root)?;
        let whole = literal(&parsed.root);
        let mut runs = Runs::default();
        runs.node(&parsed.root);
        let needed = runs.finish();
        let mut table = [false; 256];
        let first = if first_bytes(&parsed.root, &mut table) {
            None
        } else {
            let few: Vec<u8> = (0..=255u8).filter(|byte| table[usize::from(*byte)]).collect();
            Some(Box::new(First { table, few: if few.len() <= 3 { few } else { Vec::new() } }))
        };
        Ok(Regex {
            at_start: starts_at_start(&parsed.root, flags.newline),
            groups: parsed.groups,
            has_back: parsed.has_back,
            literal: whole.filter(|bytes| !bytes.is_empty()).map(|bytes| memmem::Finder::new(&bytes).into_owned()),
            needed: needed.map(|bytes| memmem::Finder::new(&bytes).into_owned()),
            first,
            program,
            flags,
            anywhere: RefCell::new(None),
            here: RefCell::new(None),
        })
    }

    /// How many groups the expression has.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Whether some part of `text` matches.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.earliest_end(text, 0).is_some()
    }

    /// Where the match that ends first ends, at `start` or after it: what tools
    /// that only want to know the line ask.
    pub fn earliest_end(&self, text: &[u8], start: usize) -> Option<usize> {
        if let Some(literal) = &self.literal {
            return literal.find(text.get(start..)?).map(|at| start + at + literal.needle().len());
        }
        if self.has_back {
            return self.find_at(text, start).map(|(_, end)| end);
        }
        if let Some(needed) = &self.needed {
            // Nothing can match before the line of the needed bytes.
            needed.find(text.get(start..)?)?;
        }
        let mut slot = self.anywhere.borrow_mut();
        let automaton = slot.get_or_insert_with(|| Automaton::new(&self.program, true, self.flags.newline));
        automaton.earliest(&self.program, text, start)
    }

    /// The bytes every match contains, if there are such: a text without them
    /// need not be looked at.
    pub fn needed(&self) -> Option<&[u8]> {
        self.needed.as_ref().map(|finder| finder.needle())
    }

    /// The leftmost longest match that begins at `start` or after it. What
    /// stands before `start` counts for `^`, `\b` and `\<`.
    pub fn find_at(&self, text: &[u8], start: usize) -> Option<(usize, usize)> {
        if let Some(literal) = &self.literal {
            let at = start + literal.find(text.get(start..)?)?;
            return Some((at, at + literal.needle().len()));
        }
        if self.has_back {
            return self.backtracked(text, start).map(|(start, end, _)| (start, end));
        }
        if start > text.len() || (self.at_start && start > 0) {
            return None;
        }
        let last = if self.at_start {
            0
        } else if text.len() - start > 192 {
            // One look at the text says whether it is worth trying.
            self.earliest_end(text, start)?
        } else {
            text.len()
        };
        let mut slot = self.here.borrow_mut();
        let automaton = slot.get_or_insert_with(|| Automaton::new(&self.program, false, self.flags.newline));
        let mut at = start;
        loop {
            at = self.candidate(text, at)?;
            if at > last {
                return None;
            }
            if let Some(end) = automaton.longest(&self.program, text, at) {
                return Some((at, end));
            }
            at += 1;
        }
    }

    /// The next place where a match can begin.
    #[inline]
    fn candidate(&self, text: &[u8], at: usize) -> Option<usize> {
        let Some(first) = &self.first else { return if at <= text.len() { Some(at) } else { None } };
        let rest = text.get(at..)?;
        let skip = match *first.few.as_slice() {
            [a] => memchr::memchr(a, rest)?,
            [a, b] => memchr::memchr2(a, b, rest)?,
            [a, b, c] => memchr::memchr3(a, b, c, rest)?,
            _ => rest.iter().position(|byte| first.table[usize::from(*byte)])?,
        };
        Some(at + skip)
    }

    fn search<'a>(&'a self, text: &'a [u8]) -> backtrack::Search<'a> {
        backtrack::Search {
            program: &self.program,
            text,
            slots: (self.groups + 1) * 2,
            fold: self.flags.fold,
            newline: self.flags.newline,
        }
    }

    fn backtracked(&self, text: &[u8], start: usize) -> Option<(usize, usize, backtrack::Slots)> {
        let search = self.search(text);
        let mut steps = 0;
        let mut at = start;
        loop {
            if self.at_start && at > 0 {
                return None;
            }
            at = self.candidate(text, at)?;
            if let Some((end, slots)) = search.longest(at, &mut steps) {
                return Some((at, end, slots));
            }
            at += 1;
        }
    }

    /// The leftmost longest match from `start` on, and where its groups matched;
    /// the first span is the whole match.
    pub fn captures_at(&self, text: &[u8], start: usize) -> Option<Vec<Span>> {
        let (from, to, slots) = if self.has_back {
            let (from, to, slots) = self.backtracked(text, start)?;
            (from, to, Some(slots))
        } else {
            let (from, to) = self.find_at(text, start)?;
            let slots = if self.groups > 0 { self.search(text).groups(from, to) } else { None };
            (from, to, slots)
        };
        let mut spans = vec![Some((from, to))];
        for group in 1..=self.groups {
            spans.push(slots.as_ref().and_then(|slots| slots[group * 2].zip(slots[group * 2 + 1])));
        }
        Some(spans)
    }
}

/// The bytes a tree without choices stands for.
fn literal(node: &Node) -> Option<Vec<u8>> {
    match node {
        Node::Empty => Some(Vec::new()),
        Node::Set(set) => single(set),
        Node::Concat(items) => {
            let parts: Option<Vec<Vec<u8>>> = items.iter().map(literal).collect();
            parts.map(|parts| parts.concat())
        }
        _ => None,
    }
}

fn single(set: &syntax::Set) -> Option<Vec<u8>> {
    let mut bytes = set.bytes.iter().enumerate().filter(|(_, inside)| **inside);
    match (bytes.next(), bytes.next(), set.wide.as_slice()) {
        (Some((byte, _)), None, []) => Some(vec![byte as u8]),
        (None, None, [(start, end)]) if start == end => {
            char::from_u32(*start).map(|character| character.to_string().into_bytes())
        }
        _ => None,
    }
}

/// Collects the longest run of bytes that every match contains.
#[derive(Default)]
struct Runs {
    run: Vec<u8>,
    best: Vec<u8>,
}

impl Runs {
    fn node(&mut self, node: &Node) {
        match node {
            Node::Empty | Node::Assert(_) => {}
            Node::Set(set) => match single(set) {
                Some(bytes) => self.run.extend(bytes),
                None => self.cut(),
            },
            Node::Concat(items) => items.iter().for_each(|item| self.node(item)),
            Node::Group(inside, _) => self.node(inside),
            Node::Repeat(inside, least, _) if *least > 0 => {
                self.cut();
                self.node(inside);
                self.cut();
            }
            Node::Repeat(..) | Node::Alternate(_) | Node::Back(_) => self.cut(),
        }
    }

    fn cut(&mut self) {
        if self.run.len() > self.best.len() {
            self.best = std::mem::take(&mut self.run);
        }
        self.run.clear();
    }

    fn finish(mut self) -> Option<Vec<u8>> {
        self.cut();
        if self.best.is_empty() { None } else { Some(self.best) }
    }
}

/// Marks the bytes a match can begin with; true when it may begin with none.
fn first_bytes(node: &Node, table: &mut [bool; 256]) -> bool {
    match node {
        Node::Empty | Node::Assert(_) | Node::Back(_) => true,
        Node::Set(set) => {
            for (mark, inside) in table.iter_mut().zip(set.bytes) {
                *mark |= inside;
            }
            if !set.wide.is_empty() {
                table[0x80..].fill(true);
            }
            false
        }
        Node::Concat(items) => items.iter().all(|item| first_bytes(item, table)),
        Node::Alternate(branches) => branches.iter().fold(false, |empty, branch| first_bytes(branch, table) | empty),
        Node::Repeat(inside, least, most) => {
            if *most == Some(0) {
                return true;
            }
            first_bytes(inside, table) | (*least == 0)
        }
        Node::Group(inside, _) => first_bytes(inside, table),
    }
}

fn starts_at_start(node: &Node, newline: bool) -> bool {
    match node {
        Node::Assert(Assertion::TextStart) => true,
        Node::Assert(Assertion::LineStart) => !newline,
        Node::Concat(items) => items.first().is_some_and(|item| starts_at_start(item, newline)),
        Node::Group(inside, _) => starts_at_start(inside, newline),
        Node::Alternate(branches) => branches.iter().all(|branch| starts_at_start(branch, newline)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
