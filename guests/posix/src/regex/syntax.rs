//! From the text of a basic or extended regular expression to a tree (XBD 9.3,
//! 9.4, with GNU's `\|` `\+` `\?` `\w` `\s` `\b` `\<` `` \` `` and the rest).

use super::{Error, Flags};
use crate::bracket::{BYTES, Bracket, Character, Class, Fault, Style, decode, other_case};

/// The most an interval may ask for (RE_DUP_MAX).
const REPEAT_MOST: u32 = 32767;

/// How deep groups may nest.
const DEPTH_MOST: usize = 250;

/// A place between characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Assertion {
    LineStart,
    LineEnd,
    TextStart,
    TextEnd,
    WordBoundary,
    NotWordBoundary,
    WordStart,
    WordEnd,
    NotAfterWord,
    NotBeforeWord,
}

/// A set of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// Characters below 128; without UTF-8 all bytes.
    pub bytes: [bool; 256],
    /// Code points from 128 on, with UTF-8.
    pub wide: Vec<(Character, Character)>,
}

impl Set {
    fn empty() -> Set {
        Set { bytes: [false; 256], wide: Vec::new() }
    }
}

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    Empty,
    Set(Box<Set>),
    Concat(Vec<Node>),
    Alternate(Vec<Node>),
    Repeat(Box<Node>, u32, Option<u32>),
    Group(Box<Node>, usize),
    Back(usize),
    Assert(Assertion),
}

pub struct Parsed {
    pub root: Node,
    pub groups: usize,
    pub has_back: bool,
}

pub fn parse(pattern: &[u8], flags: Flags) -> Result<Parsed, Error> {
    let mut parser =
        Parser { text: pattern, at: 0, flags, groups: 0, open: Vec::new(), closed: Vec::new(), has_back: false };
    let root = parser.alternatives(0)?;
    if parser.at < pattern.len() {
        return Err(Error("Unmatched ) or \\)"));
    }
    Ok(Parsed { root, groups: parser.groups, has_back: parser.has_back })
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    flags: Flags,
    groups: usize,
    open: Vec<usize>,
    closed: Vec<usize>,
    has_back: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Token {
    Open,
    Close,
    Bar,
    Star,
    Plus,
    Question,
    Interval,
    Character,
}

impl Parser<'_> {
    /// What stands here, and how long its name is.
    fn token(&self) -> Option<(Token, usize)> {
        let first = *self.text.get(self.at)?;
        let extended = self.flags.extended;
        let (letter, length) = if first == b'\\' && !extended {
            (*self.text.get(self.at + 1)?, 2)
        } else if first == b'\\' {
            return Some((Token::Character, 2));
        } else {
            (first, 1)
        };
        let special = (length == 2) != extended;
        let token = match letter {
            b'*' if length == 1 => Token::Star,
            b'(' if special => Token::Open,
            b')' if special => Token::Close,
            b'|' if special => Token::Bar,
            b'+' if special => Token::Plus,
            b'?' if special => Token::Question,
            b'{' if special => Token::Interval,
            _ => Token::Character,
        };
        Some((token, length))
    }

    fn alternatives(&mut self, depth: usize) -> Result<Node, Error> {
        if depth > DEPTH_MOST {
            return Err(Error("Regular expression too big"));
        }
        let mut branches = vec![self.branch(depth)?];
        while let Some((Token::Bar, length)) = self.token() {
            self.at += length;
            branches.push(self.branch(depth)?);
        }
        Ok(if branches.len() == 1 { branches.remove(0) } else { Node::Alternate(branches) })
    }

    fn branch(&mut self, depth: usize) -> Result<Node, Error> {
        let mut items: Vec<Node> = Vec::new();
        // At the beginning a basic expression's star is itself.
        let mut beginning = true;
        while let Some((token, length)) = self.token() {
            let node = match token {
                Token::Bar | Token::Close => break,
                Token::Open => {
                    self.at += length;
                    self.groups += 1;
                    let group = self.groups;
                    self.open.push(group);
                    let inside = self.alternatives(depth + 1)?;
                    match self.token() {
                        Some((Token::Close, length)) => self.at += length,
                        _ => return Err(Error("Unmatched ( or \\(")),
                    }
                    self.open.pop();
                    self.closed.push(group);
                    Node::Group(Box::new(inside), group)
                }
                Token::Star | Token::Plus | Token::Question | Token::Interval if beginning => {
                    if self.flags.extended && token == Token::Interval && !self.valid_interval() {
                        self.at += 1;
                        self.literal(u32::from(b'{'))
                    } else if self.flags.extended || (token == Token::Interval) {
                        return Err(Error("Invalid preceding regular expression"));
                    } else {
                        // `\+` after nothing is a plus.
                        self.at += length;
                        let letter = self.text[self.at - 1];
                        self.literal(u32::from(letter))
                    }
                }
                Token::Star | Token::Plus | Token::Question | Token::Interval => {
                    let (least, most) = match token {
                        Token::Star => (0, None),
                        Token::Plus => (1, None),
                        Token::Question => (0, Some(1)),
                        _ if self.flags.extended && !self.valid_interval() => {
                            self.at += 1;
                            items.push(self.literal(u32::from(b'{')));
                            continue;
                        }
                        _ => self.interval(length)?,
                    };
                    if token != Token::Interval {
                        self.at += length;
                    }
                    let last = items.pop().unwrap_or(Node::Empty);
                    items.push(match (last, least, most) {
                        // Repetitions of repetitions stay one level deep.
                        (Node::Repeat(inner, 0, None), ..) => Node::Repeat(inner, 0, None),
                        (last, least, most) => Node::Repeat(Box::new(last), least, most),
                    });
                    continue;
                }
                Token::Character => match self.character(beginning)? {
                    Some(node) => {
                        let anchor = node == Node::Assert(Assertion::LineStart) && !self.flags.extended;
                        items.push(node);
                        beginning = beginning && anchor;
                        continue;
                    }
                    None => break,
                },
            };
            items.push(node);
            beginning = false;
        }
        Ok(match items.len() {
            0 => Node::Empty,
            1 => items.remove(0),
            _ => Node::Concat(items),
        })
    }

    /// Whether an extended expression's `{` begins an interval.
    fn valid_interval(&self) -> bool {
        let rest = self.text.get(self.at + 1..).unwrap_or_default();
        let Some(end) = rest.iter().position(|byte| *byte == b'}') else { return false };
        let inside = &rest[..end];
        let commas = inside.iter().filter(|byte| **byte == b',').count();
        inside.iter().all(|byte| byte.is_ascii_digit() || *byte == b',') && commas <= 1 && !inside.is_empty()
    }

    fn interval(&mut self, length: usize) -> Result<(u32, Option<u32>), Error> {
        self.at += length;
        let number = |parser: &mut Self| -> Result<Option<u32>, Error> {
            let start = parser.at;
            let mut value = 0u32;
            while let Some(digit) = parser.text.get(parser.at).filter(|byte| byte.is_ascii_digit()) {
                value = value.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
                parser.at += 1;
            }
            if value > REPEAT_MOST {
                return Err(Error("Regular expression too big"));
            }
            Ok(if parser.at > start { Some(value) } else { None })
        };
        let least = number(self)?;
        let most = if self.text.get(self.at) == Some(&b',') {
            self.at += 1;
            number(self)?
        } else {
            Some(least.ok_or(Error("Invalid content of \\{\\}"))?)
        };
        let close: &[u8] = if self.flags.extended { b"}" } else { b"\\}" };
        match self.text.get(self.at..) {
            Some(rest) if rest.starts_with(close) => self.at += close.len(),
            Some([]) | None => return Err(Error("Unmatched \\{")),
            Some(_) => return Err(Error("Invalid content of \\{\\}")),
        }
        let least = least.unwrap_or(0);
        if most.is_some_and(|most| most < least) {
            return Err(Error("Invalid content of \\{\\}"));
        }
        Ok((least, most))
    }

    fn literal(&self, character: Character) -> Node {
        let mut set = Set::empty();
        let mut add = |character: Character| {
            if !(0x80..BYTES).contains(&character) {
                set.bytes[(character & 0xff) as usize] = true;
            } else {
                set.wide.push((character, character));
            }
        };
        add(character);
        if self.flags.fold {
            let other = other_case(character);
            if other != character {
                add(other);
            }
        }
        Node::Set(Box::new(set))
    }

    /// Every character for which `test` holds, below 128 and, by `wide`, above.
    fn class(&self, class: Class, negated: bool) -> Node {
        let mut set = Set::empty();
        for byte in 0..=255u8 {
            let character = if byte < 0x80 { u32::from(byte) } else { BYTES + u32::from(byte) };
            set.bytes[usize::from(byte)] = (byte < 0x80 || !self.flags.utf8) && class.contains(character) != negated;
        }
        if self.flags.utf8 {
            let mut start = None;
            for character in 0x80..=0x11_0000u32 {
                let inside = character < 0x11_0000 && class.contains(character) != negated;
                match (inside, start) {
                    (true, None) => start = Some(character),
                    (false, Some(first)) => {
                        set.wide.push((first, character - 1));
                        start = None;
                    }
                    _ => {}
                }
            }
        }
        Node::Set(Box::new(set))
    }

    /// An ordinary character, an anchor, an escape; `None` where the branch ends.
    fn character(&mut self, beginning: bool) -> Result<Option<Node>, Error> {
        let first = self.text[self.at];
        let rest = &self.text[self.at + 1..];
        let extended = self.flags.extended;
        match first {
            b'\\' => {
                let Some(&letter) = rest.first() else { return Err(Error("Trailing backslash")) };
                self.at += 2;
                Ok(Some(match letter {
                    b'1'..=b'9' => {
                        let group = usize::from(letter - b'0');
                        if !self.closed.contains(&group) {
                            return Err(Error("Invalid back reference"));
                        }
                        self.has_back = true;
                        Node::Back(group)
                    }
                    b'w' => self.class(Class::Word, false),
                    b'W' => self.class(Class::Word, true),
                    b's' => self.class(Class::Space, false),
                    b'S' => self.class(Class::Space, true),
                    b'b' => Node::Assert(Assertion::WordBoundary),
                    b'B' => Node::Assert(Assertion::NotWordBoundary),
                    b'<' => Node::Assert(Assertion::WordStart),
                    b'>' => Node::Assert(Assertion::WordEnd),
                    b'`' => Node::Assert(Assertion::TextStart),
                    b'\'' => Node::Assert(Assertion::TextEnd),
                    _ => {
                        self.at -= 1;
                        let (character, length) = decode(&self.text[self.at..], self.flags.utf8).unwrap_or((0, 1));
                        self.at += length;
                        self.literal(character)
                    }
                }))
            }
            b'^' if extended || beginning => {
                self.at += 1;
                Ok(Some(Node::Assert(Assertion::LineStart)))
            }
            b'$' if extended || rest.is_empty() || rest.starts_with(b"\\)") || rest.starts_with(b"\\|") => {
                self.at += 1;
                Ok(Some(Node::Assert(Assertion::LineEnd)))
            }
            b'.' => {
                self.at += 1;
                let mut set = Set::empty();
                for byte in 0..=255u8 {
                    set.bytes[usize::from(byte)] = byte < 0x80 || !self.flags.utf8;
                }
                set.bytes[usize::from(b'\n')] = !self.flags.newline;
                if self.flags.utf8 {
                    set.wide.push((0x80, 0x10_ffff));
                }
                Ok(Some(Node::Set(Box::new(set))))
            }
            b'[' => {
                let (bracket, after) =
                    Bracket::parse(self.text, self.at + 1, Style::Regex, self.flags.utf8).map_err(fault)?;
                self.at = after;
                Ok(Some(self.bracket(&bracket)))
            }
            _ => {
                let (character, length) = decode(&self.text[self.at..], self.flags.utf8).unwrap_or((0, 1));
                self.at += length;
                Ok(Some(self.literal(character)))
            }
        }
    }

    fn bracket(&self, bracket: &Bracket) -> Node {
        let mut set = Set::empty();
        for byte in 0..=255u8 {
            let character = if byte < 0x80 { u32::from(byte) } else { BYTES + u32::from(byte) };
            set.bytes[usize::from(byte)] =
                (byte < 0x80 || !self.flags.utf8) && bracket.matches(character, self.flags.fold);
        }
        if self.flags.newline && bracket.is_negated() {
            set.bytes[usize::from(b'\n')] = false;
        }
        if self.flags.utf8 {
            let listed = bracket.wide_ranges(self.flags.fold);
            if bracket.is_negated() {
                let mut next = 0x80;
                for (start, end) in listed {
                    if start > next {
                        set.wide.push((next, start - 1));
                    }
                    next = next.max(end.saturating_add(1));
                }
                if next <= 0x10_ffff {
                    set.wide.push((next, 0x10_ffff));
                }
            } else {
                set.wide = listed
                    .into_iter()
                    .filter(|(start, _)| *start <= 0x10_ffff)
                    .map(|(start, end)| (start, end.min(0x10_ffff)))
                    .collect();
            }
        }
        Node::Set(Box::new(set))
    }
}

fn fault(fault: Fault) -> Error {
    Error(match fault {
        Fault::Unmatched => "Unmatched [, [^, [:, [., or [=",
        Fault::Class => "Invalid character class name",
        Fault::Collation => "Invalid collation character",
        Fault::Range => "Invalid range end",
    })
}
