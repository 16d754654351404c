//! Bracket expressions (XBD 9.3.5): `[a-z]`, `[^[:space:]]`, `[[.x.][=y=]]`, as
//! patterns and regular expressions share them.

/// A character: a code point, or a byte that is not part of one (from
/// [`BYTES`] on).
pub type Character = u32;

/// Where single bytes that are no UTF-8 are put, above every code point.
pub const BYTES: Character = 0x11_0000;

/// The first character of a text and its length; bytes by themselves unless
/// `utf8`.
#[inline]
pub fn decode(text: &[u8], utf8: bool) -> Option<(Character, usize)> {
    let first = *text.first()?;
    if first < 0x80 {
        return Some((Character::from(first), 1));
    }
    if !utf8 {
        return Some((BYTES + Character::from(first), 1));
    }
    let length = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Some((BYTES + Character::from(first), 1)),
    };
    match text.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok()).and_then(|text| text.chars().next()) {
        Some(character) => Some((Character::from(character), length)),
        None => Some((BYTES + Character::from(first), 1)),
    }
}

/// The character classes of the POSIX locale, for all of Unicode where that says
/// something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Class {
    Alnum,
    Alpha,
    Blank,
    Cntrl,
    Digit,
    Graph,
    Lower,
    Print,
    Punct,
    Space,
    Upper,
    Xdigit,
    Word,
}

impl Class {
    /// By its name between `[:` and `:]`.
    pub fn parse(name: &[u8]) -> Option<Class> {
        Some(match name {
            b"alnum" => Class::Alnum,
            b"alpha" => Class::Alpha,
            b"blank" => Class::Blank,
            b"cntrl" => Class::Cntrl,
            b"digit" => Class::Digit,
            b"graph" => Class::Graph,
            b"lower" => Class::Lower,
            b"print" => Class::Print,
            b"punct" => Class::Punct,
            b"space" => Class::Space,
            b"upper" => Class::Upper,
            b"xdigit" => Class::Xdigit,
            b"word" => Class::Word,
            _ => return None,
        })
    }

    /// Whether a character is in the class.
    pub fn contains(self, character: Character) -> bool {
        if let Ok(byte) = u8::try_from(character)
            && byte < 0x80
        {
            return match self {
                Class::Alnum => byte.is_ascii_alphanumeric(),
                Class::Alpha => byte.is_ascii_alphabetic(),
                Class::Blank => byte == b' ' || byte == b'\t',
                Class::Cntrl => byte.is_ascii_control(),
                Class::Digit => byte.is_ascii_digit(),
                Class::Graph => byte.is_ascii_graphic(),
                Class::Lower => byte.is_ascii_lowercase(),
                Class::Print => (32..127).contains(&byte),
                Class::Punct => byte.is_ascii_punctuation(),
                Class::Space => matches!(byte, b' ' | 9..=13),
                Class::Upper => byte.is_ascii_uppercase(),
                Class::Xdigit => byte.is_ascii_hexdigit(),
                Class::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            };
        }
        let Some(character) = char::from_u32(character) else { return false };
        match self {
            Class::Alnum | Class::Word => character.is_alphanumeric(),
            Class::Alpha => character.is_alphabetic(),
            Class::Blank | Class::Space => character.is_whitespace() && character != '\u{a0}',
            Class::Cntrl => character.is_control(),
            Class::Digit | Class::Xdigit => false,
            Class::Graph => !character.is_control() && !character.is_whitespace(),
            Class::Lower => character.is_lowercase(),
            Class::Print => !character.is_control(),
            Class::Punct => !character.is_control() && !character.is_whitespace() && !character.is_alphanumeric(),
            Class::Upper => character.is_uppercase(),
        }
    }
}

/// The other case of a character, or itself.
pub fn other_case(character: Character) -> Character {
    if character < 0x80 {
        let byte = character as u8;
        return Character::from(if byte.is_ascii_lowercase() {
            byte.to_ascii_uppercase()
        } else {
            byte.to_ascii_lowercase()
        });
    }
    let Some(c) = char::from_u32(character) else { return character };
    let single = |mut mapped: std::char::ToLowercase| mapped.next().filter(|_| mapped.next().is_none());
    let single_upper = |mut mapped: std::char::ToUppercase| mapped.next().filter(|_| mapped.next().is_none());
    match (single(c.to_lowercase()), single_upper(c.to_uppercase())) {
        (Some(lower), _) if lower != c => Character::from(lower),
        (_, Some(upper)) if upper != c => Character::from(upper),
        _ => character,
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Range(Character, Character),
    Class(Class),
}

/// A parsed bracket expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bracket {
    negated: bool,
    items: Vec<Item>,
}

/// What is wrong with a bracket expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No closing bracket.
    Unmatched,
    /// `[:nonsense:]`
    Class,
    /// `[[.nonsense.]]`
    Collation,
    /// `[z-a]`
    Range,
}

/// Whether a bracket expression is part of a pattern or a regular expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `!` negates as `^` does, a backslash quotes, an empty range is empty.
    Pattern,
    /// Only `^` negates, a backslash is itself, an empty range is an error.
    Regex,
}

impl Bracket {
    /// Reads the expression whose `[` ends at `at`; answers it and where the text
    /// goes on.
    pub fn parse(text: &[u8], at: usize, style: Style, utf8: bool) -> Result<(Bracket, usize), Fault> {
        let mut at = at;
        let mut bracket = Bracket { negated: false, items: Vec::new() };
        match text.get(at) {
            Some(b'^') => bracket.negated = true,
            Some(b'!') if style == Style::Pattern => bracket.negated = true,
            _ => {}
        }
        at += usize::from(bracket.negated);
        let mut first = true;
        loop {
            if text.get(at) == Some(&b']') && !first {
                return Ok((bracket, at + 1));
            }
            first = false;
            if text.get(at) == Some(&b'[')
                && text.get(at + 1) == Some(&b':')
                && let Some((name, after)) = delimited(text, at + 2, b':')
            {
                bracket.items.push(Item::Class(Class::parse(name).ok_or(Fault::Class)?));
                at = after;
                continue;
            }
            let (start, equivalence, after) = bracket_element(text, at, style, utf8)?;
            at = after;
            let is_range =
                !equivalence && text.get(at) == Some(&b'-') && !matches!(text.get(at + 1), Some(b']') | None);
            if !is_range {
                bracket.items.push(Item::Range(start, start));
                continue;
            }
            let (end, _, after) = bracket_element(text, at + 1, style, utf8)?;
            at = after;
            if start <= end {
                bracket.items.push(Item::Range(start, end));
            } else if style == Style::Regex {
                return Err(Fault::Range);
            }
        }
    }

    /// Whether a character is matched; `fold` ignores case.
    pub fn matches(&self, character: Character, fold: bool) -> bool {
        let listed = |character: Character| {
            self.items.iter().any(|item| match item {
                Item::Range(start, end) => (*start..=*end).contains(&character),
                Item::Class(class) => class.contains(character),
            })
        };
        (listed(character) || (fold && listed(other_case(character)))) != self.negated
    }

    /// Whether it matches everything that is not listed.
    pub fn is_negated(&self) -> bool {
        self.negated
    }

    /// The listed ranges beyond ASCII, with classes written out, for compiling.
    pub fn wide_ranges(&self, fold: bool) -> Vec<(Character, Character)> {
        let mut ranges = Vec::new();
        for item in &self.items {
            match item {
                Item::Range(start, end) => {
                    if *end >= 0x80 {
                        ranges.push(((*start).max(0x80), *end));
                    }
                    if fold {
                        for character in (*start..=*end).take(4096) {
                            let other = other_case(character);
                            if other >= 0x80 && other != character {
                                ranges.push((other, other));
                            }
                        }
                    }
                }
                Item::Class(class) => {
                    let mut run: Option<(Character, Character)> = None;
                    for character in 0x80..0x2_0000 {
                        if class.contains(character) || (fold && class.contains(other_case(character))) {
                            run = Some(run.map_or((character, character), |(start, _)| (start, character)));
                        } else if let Some(done) = run.take() {
                            ranges.push(done);
                        }
                    }
                    ranges.extend(run);
                }
            }
        }
        ranges.sort_unstable();
        let mut merged: Vec<(Character, Character)> = Vec::new();
        for (start, end) in ranges {
            match merged.last_mut() {
                Some(last) if start <= last.1.saturating_add(1) => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        merged
    }
}

/// What stands before `mark]`, and where the text goes on.
fn delimited(text: &[u8], at: usize, mark: u8) -> Option<(&[u8], usize)> {
    let rest = text.get(at..)?;
    let end = rest.windows(2).position(|pair| pair == [mark, b']'])?;
    Some((&rest[..end], at + end + 2))
}

/// One character, collating symbol or equivalence class.
fn bracket_element(text: &[u8], at: usize, style: Style, utf8: bool) -> Result<(Character, bool, usize), Fault> {
    if text.get(at) == Some(&b'[')
        && let Some(mark @ (b'.' | b'=')) = text.get(at + 1)
    {
        let (name, after) = delimited(text, at + 2, *mark).ok_or(Fault::Unmatched)?;
        return match decode(name, utf8) {
            Some((character, length)) if length == name.len() => Ok((character, *mark == b'=', after)),
            _ => named(name).map(|character| (character, *mark == b'=', after)).ok_or(Fault::Collation),
        };
    }
    let mut at = at;
    if style == Style::Pattern && text.get(at) == Some(&b'\\') && at + 1 < text.len() {
        at += 1;
    }
    let (character, length) = decode(text.get(at..).unwrap_or_default(), utf8).ok_or(Fault::Unmatched)?;
    Ok((character, false, at + length))
}

/// A few collating symbols by name (XBD 6.1).
fn named(name: &[u8]) -> Option<Character> {
    Some(Character::from(match name {
        b"space" => b' ',
        b"hyphen" | b"hyphen-minus" => b'-',
        b"period" | b"full-stop" => b'.',
        b"comma" => b',',
        b"slash" | b"solidus" => b'/',
        b"backslash" | b"reverse-solidus" => b'\\',
        b"left-square-bracket" => b'[',
        b"right-square-bracket" => b']',
        b"circumflex" => b'^',
        b"underscore" | b"low-line" => b'_',
        b"newline" => b'\n',
        b"tab" => b'\t',
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(text: &str, character: char) -> bool {
        let (bracket, end) = Bracket::parse(text.as_bytes(), 1, Style::Regex, true).unwrap();
        assert_eq!(end, text.len());
        bracket.matches(u32::from(character), false)
    }

    #[test]
    fn brackets_follow_posix() {
        assert!(matches("[abc]", 'b'));
        assert!(matches("[]a]", ']'));
        assert!(matches("[^]a]", 'b'));
        assert!(matches("[a-c]", 'b'));
        assert!(matches("[a-]", '-'));
        assert!(matches("[-a]", '-'));
        assert!(matches("[[:digit:]x]", '7'));
        assert!(matches("[[.-.]]", '-'));
        assert!(matches("[[=a=]]", 'a'));
        assert!(matches("[\\]", '\\'));
        assert!(matches("[α-ω]", 'β'));
        assert!(!matches("[^a]", 'a'));
        assert_eq!(Bracket::parse(b"[abc", 1, Style::Regex, true), Err(Fault::Unmatched));
        assert_eq!(Bracket::parse(b"[z-a]", 1, Style::Regex, true), Err(Fault::Range));
        assert_eq!(Bracket::parse(b"[[:no:]]", 1, Style::Regex, true), Err(Fault::Class));
    }
}
