//! Patterns of the shell (XCU 2.14, fnmatch()), compiled once and matched often,
//! with ksh's extended forms on request.

use crate::bracket::{Bracket, Character, Style, decode, other_case};

/// How a pattern is read and matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// A slash is matched only by a slash (FNM_PATHNAME).
    pub pathname: bool,
    /// A leading period is matched only by a period (FNM_PERIOD).
    pub period: bool,
    /// A backslash is itself (FNM_NOESCAPE).
    pub no_escape: bool,
    /// Case is ignored (FNM_CASEFOLD).
    pub fold: bool,
    /// `?(…)`, `*(…)`, `+(…)`, `@(…)`, `!(…)` (FNM_EXTMATCH).
    pub extended: bool,
    /// Characters are bytes, not UTF-8.
    pub bytes: bool,
}

#[derive(Clone, Debug)]
enum Token {
    Literal(Character),
    Any,
    Star,
    Set(Bracket),
    Group(u8, Vec<Vec<Token>>),
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    tokens: Vec<Token>,
    flags: Flags,
    groups: bool,
}

impl Pattern {
    /// Compiles a pattern. Every text is one: what is no bracket expression is
    /// taken literally.
    pub fn new(pattern: &[u8], flags: Flags) -> Pattern {
        let mut groups = false;
        let tokens = parse(pattern, flags, &mut groups, 0);
        Pattern { tokens, flags, groups }
    }

    /// Whether all of `text` is matched.
    pub fn matches(&self, text: &[u8]) -> bool {
        if self.groups {
            let mut failed = std::collections::HashSet::new();
            return Grouped { text, flags: self.flags }.tokens(
                &self.tokens,
                0,
                &mut |at| at == text.len(),
                &mut failed,
                0,
            );
        }
        self.simple(text)
    }

    /// The text the pattern stands for when it matches only one.
    pub fn literal(&self) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        for token in &self.tokens {
            match token {
                Token::Literal(character) => push(&mut text, *character),
                _ => return None,
            }
        }
        Some(text)
    }

    fn simple(&self, text: &[u8]) -> bool {
        let tokens = &self.tokens;
        let (mut at, mut token) = (0, 0);
        // Where the last star stands, and how far it reaches.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match tokens.get(token) {
                Some(Token::Star) => {
                    if hidden(text, at, self.flags) {
                        return false;
                    }
                    token += 1;
                    retry = Some((token, at));
                    continue;
                }
                None if at == text.len() => return true,
                Some(other) if at < text.len() => {
                    if let Some(length) = one(other, text, at, self.flags) {
                        at += length;
                        token += 1;
                        continue;
                    }
                }
                _ => {}
            }
            // The last star takes one character more.
            let Some((after, reach)) = retry else { return false };
            let Some((character, length)) = decode(&text[reach..], !self.flags.bytes) else { return false };
            if self.flags.pathname && character == u32::from(b'/') {
                return false;
            }
            retry = Some((after, reach + length));
            (token, at) = (after, reach + length);
        }
    }
}

/// fnmatch()
pub fn matches(pattern: &[u8], text: &[u8], flags: Flags) -> bool {
    Pattern::new(pattern, flags).matches(text)
}

/// Whether a pattern has a character that is not taken literally.
pub fn is_magic(pattern: &[u8]) -> bool {
    Pattern::new(pattern, Flags::default()).literal().is_none()
}

fn push(text: &mut Vec<u8>, character: Character) {
    match char::from_u32(character) {
        Some(character) => text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        None => text.push((character & 0xff) as u8),
    }
}

fn parse(pattern: &[u8], flags: Flags, groups: &mut bool, depth: usize) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < pattern.len() {
        let byte = pattern[at];
        if flags.extended
            && depth < 64
            && matches!(byte, b'?' | b'*' | b'+' | b'@' | b'!')
            && pattern.get(at + 1) == Some(&b'(')
            && let Some((alternatives, after)) = alternatives(pattern, at + 2, flags)
        {
            *groups = true;
            let parsed = alternatives.iter().map(|text| parse(text, flags, groups, depth + 1)).collect();
            tokens.push(Token::Group(byte, parsed));
            at = after;
            continue;
        }
        match byte {
            b'*' => {
                if !matches!(tokens.last(), Some(Token::Star)) {
                    tokens.push(Token::Star);
                }
                at += 1;
            }
            b'?' => {
                tokens.push(Token::Any);
                at += 1;
            }
            b'[' => match Bracket::parse(pattern, at + 1, Style::Pattern, !flags.bytes) {
                // With FNM_PATHNAME a bracket expression cannot hold a slash.
                Ok((bracket, after)) if !(flags.pathname && pattern[at..after].contains(&b'/')) => {
                    tokens.push(Token::Set(bracket));
                    at = after;
                }
                _ => {
                    tokens.push(Token::Literal(u32::from(b'[')));
                    at += 1;
                }
            },
            b'\\' if !flags.no_escape && at + 1 < pattern.len() => {
                let (character, length) = decode(&pattern[at + 1..], !flags.bytes).unwrap_or((0, 1));
                tokens.push(Token::Literal(character));
                at += 1 + length;
            }
            _ => {
                let (character, length) = decode(&pattern[at..], !flags.bytes).unwrap_or((0, 1));
                tokens.push(Token::Literal(character));
                at += length;
            }
        }
    }
    tokens
}

/// The parts between `|` up to the closing parenthesis.
fn alternatives(pattern: &[u8], start: usize, flags: Flags) -> Option<(Vec<Vec<u8>>, usize)> {
    let mut parts = Vec::new();
    let (mut at, mut from, mut depth) = (start, start, 0);
    while at < pattern.len() {
        match pattern[at] {
            b'\\' if !flags.no_escape => at += 1,
            b'[' => {
                if let Ok((_, after)) = Bracket::parse(pattern, at + 1, Style::Pattern, !flags.bytes) {
                    at = after - 1;
                }
            }
            b'(' => depth += 1,
            b')' if depth == 0 => {
                parts.push(pattern[from..at].to_vec());
                return Some((parts, at + 1));
            }
            b')' => depth -= 1,
            b'|' if depth == 0 => {
                parts.push(pattern[from..at].to_vec());
                from = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// A leading period that only a period may match.
fn hidden(text: &[u8], at: usize, flags: Flags) -> bool {
    flags.period && text.get(at) == Some(&b'.') && (at == 0 || (flags.pathname && text[at - 1] == b'/'))
}

/// The length that one token for one character matches.
fn one(token: &Token, text: &[u8], at: usize, flags: Flags) -> Option<usize> {
    let (character, length) = decode(&text[at..], !flags.bytes)?;
    let slash = flags.pathname && character == u32::from(b'/');
    let matched = match token {
        Token::Literal(literal) => *literal == character || (flags.fold && *literal == other_case(character)),
        Token::Any => !slash && !hidden(text, at, flags),
        Token::Set(bracket) => !slash && !hidden(text, at, flags) && bracket.matches(character, flags.fold),
        Token::Star | Token::Group(..) => false,
    };
    matched.then_some(length)
}

/// Matching with groups: backtracking, with what failed remembered at the top.
struct Grouped<'a> {
    text: &'a [u8],
    flags: Flags,
}

type Failed = std::collections::HashSet<(usize, usize)>;

impl Grouped<'_> {
    fn tokens(
        &self,
        tokens: &[Token],
        at: usize,
        rest: &mut dyn FnMut(usize) -> bool,
        failed: &mut Failed,
        depth: usize,
    ) -> bool {
        if depth > 2000 {
            return false;
        }
        let Some((token, after)) = tokens.split_first() else { return rest(at) };
        // The remaining tokens' address tells positions of one list apart.
        let key = (tokens.as_ptr() as usize, at);
        if depth == 0 && failed.contains(&key) {
            return false;
        }
        let matched = match token {
            Token::Star => {
                !hidden(self.text, at, self.flags) && {
                    let mut reach = at;
                    loop {
                        if self.tokens(after, reach, rest, failed, depth) {
                            break true;
                        }
                        match decode(&self.text[reach..], !self.flags.bytes) {
                            Some((character, length)) if !(self.flags.pathname && character == u32::from(b'/')) => {
                                reach += length;
                            }
                            _ => break false,
                        }
                    }
                }
            }
            Token::Group(kind, alternatives) => self.group(*kind, alternatives, after, at, rest, failed, depth),
            single => match one(single, self.text, at, self.flags) {
                Some(length) => self.tokens(after, at + length, rest, failed, depth),
                None => false,
            },
        };
        if !matched && depth == 0 {
            failed.insert(key);
        }
        matched
    }

    #[allow(clippy::too_many_arguments)]
    fn group(
        &self,
        kind: u8,
        alternatives: &[Vec<Token>],
        after: &[Token],
        at: usize,
        rest: &mut dyn FnMut(usize) -> bool,
        failed: &mut Failed,
        depth: usize,
    ) -> bool {
        match kind {
            b'!' => {
                if hidden(self.text, at, self.flags) {
                    return false;
                }
                // Every end that none of the alternatives reaches.
                let mut end = at;
                loop {
                    let mut none = Failed::new();
                    let reached = alternatives
                        .iter()
                        .any(|part| self.tokens(part, at, &mut |position| position == end, &mut none, depth + 1));
                    if !reached && self.tokens(after, end, rest, failed, depth) {
                        return true;
                    }
                    match decode(&self.text[end..], !self.flags.bytes) {
                        Some((character, length)) if !(self.flags.pathname && character == u32::from(b'/')) => {
                            end += length;
                        }
                        _ => return false,
                    }
                }
            }
            b'?' | b'*' if self.tokens(after, at, rest, failed, depth) => true,
            _ => {
                let repeats = kind == b'*' || kind == b'+';
                // Ends reachable by repetitions, each tried once.
                let mut ends = vec![at];
                let mut seen = std::collections::HashSet::from([at]);
                let mut first = true;
                while let Some(start) = ends.pop() {
                    let mut found = Vec::new();
                    for part in alternatives {
                        let mut none = Failed::new();
                        self.tokens(
                            part,
                            start,
                            &mut |position| {
                                found.push(position);
                                false
                            },
                            &mut none,
                            depth + 1,
                        );
                    }
                    found.sort_unstable();
                    found.dedup();
                    for end in found {
                        let new = seen.insert(end);
                        if (new || (first && end == at)) && self.tokens(after, end, rest, failed, depth) {
                            return true;
                        }
                        if new && repeats {
                            ends.push(end);
                        }
                    }
                    first = false;
                }
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str) -> bool {
        matches(pattern.as_bytes(), text.as_bytes(), Flags { extended: true, ..Flags::default() })
    }

    #[test]
    fn patterns_follow_fnmatch() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*.c", "main.c", true),
            ("*.c", "main.h", false),
            ("a?c", "abc", true),
            ("a?c", "aéc", true),
            ("[!a]*", "abc", false),
            ("[a-c]x", "bx", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("[", "[", true),
            ("[a", "[a", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXbY", false),
            ("*a*b*c*d*e*f*g*h", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("@(foo|bar)", "bar", true),
            ("@(foo|bar)", "baz", false),
            ("?(a)b", "b", true),
            ("*(ab)", "ababab", true),
            ("+(ab)", "", false),
            ("!(foo)", "bar", true),
            ("!(foo)", "foo", false),
            ("!(foo)", "foobar", true),
            ("*(a|b)c", "abbac", true),
            ("@(a|@(b|c))d", "cd", true),
            ("+([0-9])", "12345", true),
            ("+([0-9])", "12a45", false),
            ("*.!(c)", "x.h", true),
            ("*.!(c)", "x.c", false),
        ] {
            assert_eq!(check(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn slashes_and_periods_can_be_special() {
        let flags = Flags { pathname: true, period: true, ..Flags::default() };
        assert!(!matches(b"*", b"a/b", flags));
        assert!(matches(b"*/*", b"a/b", flags));
        assert!(!matches(b"*", b".a", flags));
        assert!(!matches(b"a/*", b"a/.b", flags));
        assert!(matches(b".*", b".a", flags));
        assert!(matches(b"A*", b"abc", Flags { fold: true, ..Flags::default() }));
    }
}
