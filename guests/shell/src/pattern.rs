//! Patterns (XCU 2.14): `*`, `?`, bracket expressions with classes, ranges and
//! equivalences, and bash's `@(…)` family.
//!
//! Without groups a pattern is run as a nondeterministic automaton, so that no
//! pattern makes a long string slow; groups are tried with backtracking under a
//! step limit.

/// Text whose special characters count unless their place is listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PatternText {
    /// The characters.
    pub bytes: Vec<u8>,
    /// Places of quoted characters that would be special, ascending.
    pub quoted: Vec<usize>,
}

/// Whether a pattern could give `byte` a meaning.
pub fn is_special(byte: u8) -> bool {
    matches!(
        byte,
        b'*' | b'?'
            | b'&'
            | b'['
            | b']'
            | b'\\'
            | b'-'
            | b'!'
            | b'^'
            | b'('
            | b')'
            | b'|'
            | b'@'
            | b'+'
            | b':'
            | b'.'
            | b'='
    )
}

impl PatternText {
    /// Text without meaning.
    pub fn literal(text: &[u8]) -> Self {
        let mut out = Self::default();
        out.push_quoted(text);
        out
    }
    /// Appends characters that mean themselves.
    pub fn push_quoted(&mut self, text: &[u8]) {
        for byte in text {
            if is_special(*byte) {
                self.quoted.push(self.bytes.len());
            }
            self.bytes.push(*byte);
        }
    }
    /// Appends characters that have their meaning.
    pub fn push_active(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
    }
}

/// How matching treats characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Characters are UTF-8; bytes otherwise.
    pub utf8: bool,
    /// `shopt -s extglob`, and always in `[[ ]]`.
    pub extended: bool,
    /// `shopt -s nocasematch` or `nocaseglob`.
    pub fold_case: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Byte(u8),
    Any,
    Star,
    Bracket(Bracket),
    Group(u8, Vec<Vec<Item>>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Bracket {
    negated: bool,
    members: Vec<Member>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Member {
    Range(u32, u32),
    Class(Class),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
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

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    items: Vec<Item>,
    options: Options,
    groups: bool,
}

struct Compiler<'a> {
    text: &'a PatternText,
    at: usize,
    options: Options,
    groups: bool,
    depth: u32,
}

impl Compiler<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.bytes.get(at).copied()
    }

    /// Whether the byte at `at` has its special meaning.
    fn active(&self, at: usize) -> bool {
        self.text.quoted.binary_search(&at).is_err()
    }

    fn is(&self, at: usize, byte: u8) -> bool {
        self.byte(at) == Some(byte) && self.active(at)
    }

    fn items(&mut self, in_group: bool) -> Vec<Item> {
        let mut items = Vec::new();
        while let Some(byte) = self.byte(self.at) {
            let at = self.at;
            if !self.active(at) {
                items.push(Item::Byte(byte));
                self.at += 1;
                continue;
            }
            if in_group && matches!(byte, b'|' | b')') {
                break;
            }
            if self.options.extended
                && matches!(byte, b'@' | b'?' | b'*' | b'+' | b'!')
                && self.is(at + 1, b'(')
                && self.depth < 32
                && let Some(group) = self.group(byte)
            {
                items.push(group);
                continue;
            }
            self.at += 1;
            match byte {
                b'*' => {
                    if items.last() != Some(&Item::Star) {
                        items.push(Item::Star);
                    }
                }
                b'?' => items.push(Item::Any),
                b'[' => match self.bracket() {
                    Some(bracket) => items.push(Item::Bracket(bracket)),
                    None => items.push(Item::Byte(b'[')),
                },
                b'\\' => match self.byte(self.at) {
                    Some(next) => {
                        self.at += 1;
                        items.push(Item::Byte(next));
                    }
                    None => items.push(Item::Byte(b'\\')),
                },
                other => items.push(Item::Byte(other)),
            }
        }
        items
    }

    fn group(&mut self, kind: u8) -> Option<Item> {
        let start = self.at;
        self.at += 2;
        self.depth += 1;
        let mut alternatives = Vec::new();
        loop {
            alternatives.push(self.items(true));
            if self.is(self.at, b'|') {
                self.at += 1;
                continue;
            }
            self.depth -= 1;
            if self.is(self.at, b')') {
                self.at += 1;
                self.groups = true;
                return Some(Item::Group(kind, alternatives));
            }
            self.at = start;
            return None;
        }
    }

    /// After `[`; `None` when it is no bracket expression.
    fn bracket(&mut self) -> Option<Bracket> {
        let start = self.at;
        let mut at = start;
        let negated = self.is(at, b'!') || self.is(at, b'^');
        if negated {
            at += 1;
        }
        let mut members = Vec::new();
        let mut first = true;
        loop {
            let byte = self.byte(at)?;
            if byte == b']' && self.active(at) && !first {
                at += 1;
                break;
            }
            first = false;
            if byte == b'[' && self.active(at) && matches!(self.byte(at + 1), Some(b':' | b'.' | b'=')) {
                let kind = self.byte(at + 1)?;
                if let Some((text, after)) = self.delimited(at + 2, kind) {
                    if kind == b':' {
                        match class(&text) {
                            Some(class) => members.push(Member::Class(class)),
                            None => return None,
                        }
                        at = after;
                        continue;
                    }
                    let (low, _) = decode(&text, 0, self.options.utf8);
                    at = self.range(low, after, &mut members);
                    continue;
                }
            }
            let (low, after) = self.member(at)?;
            at = self.range(low, after, &mut members);
        }
        self.at = at;
        Some(Bracket { negated, members })
    }

    /// The character at `at` in a bracket expression and the place after it.
    fn member(&self, at: usize) -> Option<(u32, usize)> {
        let mut at = at;
        if self.is(at, b'\\') && self.byte(at + 1).is_some() {
            at += 1;
        }
        self.byte(at)?;
        Some(decode(&self.text.bytes, at, self.options.utf8))
    }

    /// Adds `low` or, where `-` follows, the range; answers the place after.
    fn range(&self, low: u32, at: usize, members: &mut Vec<Member>) -> usize {
        if self.is(at, b'-') && self.byte(at + 1).is_some() && !self.is(at + 1, b']') {
            let end = if self.is(at + 1, b'[') && matches!(self.byte(at + 2), Some(b'.' | b'=')) {
                self.delimited(at + 3, self.byte(at + 2).unwrap_or(b'.'))
                    .map(|(text, after)| (decode(&text, 0, self.options.utf8).0, after))
            } else {
                self.member(at + 1)
            };
            if let Some((high, after)) = end {
                members.push(Member::Range(low, high));
                return after;
            }
        }
        members.push(Member::Range(low, low));
        at
    }

    /// `text` in `[:text:]`, from after the first colon, and the place after.
    fn delimited(&self, from: usize, kind: u8) -> Option<(Vec<u8>, usize)> {
        let mut at = from;
        loop {
            let byte = self.byte(at)?;
            if byte == kind && self.byte(at + 1) == Some(b']') && at > from {
                return Some((self.text.bytes.get(from..at)?.to_vec(), at + 2));
            }
            if byte == b'/' {
                return None;
            }
            at += 1;
        }
    }
}

fn class(name: &[u8]) -> Option<Class> {
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

impl Class {
    fn has(self, code: u32, utf8: bool) -> bool {
        let Ok(byte) = u8::try_from(code) else { return self.has_wide(code) };
        if byte >= 0x80 {
            return utf8 && self.has_wide(code);
        }
        match self {
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Alpha => byte.is_ascii_alphabetic(),
            Self::Blank => byte == b' ' || byte == b'\t',
            Self::Cntrl => byte.is_ascii_control(),
            Self::Digit => byte.is_ascii_digit(),
            Self::Graph => byte.is_ascii_graphic(),
            Self::Lower => byte.is_ascii_lowercase(),
            Self::Print => byte.is_ascii_graphic() || byte == b' ',
            Self::Punct => byte.is_ascii_punctuation(),
            Self::Space => byte.is_ascii_whitespace() || byte == 11,
            Self::Upper => byte.is_ascii_uppercase(),
            Self::Xdigit => byte.is_ascii_hexdigit(),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
        }
    }

    fn has_wide(self, code: u32) -> bool {
        let Some(character) = char::from_u32(code) else { return false };
        match self {
            Self::Alnum | Self::Word => character.is_alphanumeric(),
            Self::Alpha => character.is_alphabetic(),
            Self::Lower => character.is_lowercase(),
            Self::Upper => character.is_uppercase(),
            Self::Space => character.is_whitespace(),
            Self::Graph | Self::Print => !character.is_control(),
            Self::Punct => !character.is_alphanumeric() && !character.is_control() && !character.is_whitespace(),
            Self::Cntrl => character.is_control(),
            Self::Blank | Self::Digit | Self::Xdigit => false,
        }
    }
}

/// The length of the character at `at`: its bytes when they are UTF-8, else 1.
pub fn character_length(text: &[u8], at: usize, utf8: bool) -> usize {
    let Some(first) = text.get(at) else { return 0 };
    if !utf8 || *first < 0xc2 {
        return 1;
    }
    let length = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return 1,
    };
    match text.get(at..at + length) {
        Some(bytes) if std::str::from_utf8(bytes).is_ok() => length,
        _ => 1,
    }
}

/// The character at `at` and the place after it.
fn decode(text: &[u8], at: usize, utf8: bool) -> (u32, usize) {
    let length = character_length(text, at, utf8);
    let bytes = text.get(at..at + length).unwrap_or_default();
    let code = match bytes {
        [byte] => u32::from(*byte),
        _ => std::str::from_utf8(bytes).ok().and_then(|text| text.chars().next()).map_or(0, u32::from),
    };
    (code, at + length.max(1))
}

fn fold(code: u32) -> u32 {
    char::from_u32(code).map_or(code, |character| character.to_lowercase().next().map_or(code, u32::from))
}

impl Bracket {
    fn has(&self, code: u32, options: Options) -> bool {
        let folded = if options.fold_case { fold(code) } else { code };
        let hit = self.members.iter().any(|member| match member {
            Member::Range(low, high) => {
                (*low <= code && code <= *high)
                    || (options.fold_case && {
                        let upper = char::from_u32(code)
                            .map_or(code, |character| character.to_uppercase().next().map_or(code, u32::from));
                        (*low <= folded && folded <= *high) || (*low <= upper && upper <= *high)
                    })
            }
            Member::Class(class) => {
                class.has(code, options.utf8)
                    || (options.fold_case
                        && matches!(class, Class::Lower | Class::Upper)
                        && Class::Alpha.has(code, options.utf8))
            }
        });
        hit != self.negated
    }
}

/// How many steps a pattern with groups may take before it counts as no match.
const STEP_LIMIT: u32 = 2_000_000;

impl Pattern {
    /// Compiles `text`; every text is a pattern.
    pub fn new(text: &PatternText, options: Options) -> Self {
        let mut compiler = Compiler { text, at: 0, options, groups: false, depth: 0 };
        let items = compiler.items(false);
        Self { items, options, groups: compiler.groups }
    }

    /// The only string it matches, if there is one.
    pub fn as_literal(&self) -> Option<Vec<u8>> {
        if self.options.fold_case {
            return None;
        }
        self.items.iter().map(|item| if let Item::Byte(byte) = item { Some(*byte) } else { None }).collect()
    }

    /// Whether it begins with a literal dot, so that hidden names may match.
    pub fn begins_with_dot(&self) -> bool {
        self.items.first() == Some(&Item::Byte(b'.'))
    }

    fn step(&self, item: &Item, text: &[u8], at: usize) -> Option<usize> {
        match item {
            Item::Byte(byte) => {
                let actual = *text.get(at)?;
                if actual == *byte || (self.options.fold_case && actual.eq_ignore_ascii_case(byte)) {
                    Some(at + 1)
                } else {
                    None
                }
            }
            Item::Any => {
                text.get(at)?;
                Some(at + character_length(text, at, self.options.utf8))
            }
            Item::Bracket(bracket) => {
                text.get(at)?;
                let (code, after) = decode(text, at, self.options.utf8);
                bracket.has(code, self.options).then_some(after)
            }
            Item::Star | Item::Group(..) => None,
        }
    }

    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &[u8]) -> bool {
        if self.groups {
            let mut steps = 0;
            return self.backtrack(&self.items, text, 0, &mut steps, &mut |end| end == text.len());
        }
        // The last star seen can always take one more character.
        let mut item = 0;
        let mut at = 0;
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match self.items.get(item) {
                None if at == text.len() => return true,
                Some(Item::Star) => {
                    item += 1;
                    retry = Some((item, at));
                    continue;
                }
                Some(other) => {
                    if let Some(after) = self.step(other, text, at) {
                        item += 1;
                        at = after;
                        continue;
                    }
                }
                None => {}
            }
            match retry {
                Some((back, from)) if from < text.len() => {
                    let next = from + character_length(text, from, self.options.utf8);
                    retry = Some((back, next));
                    item = back;
                    at = next;
                }
                _ => return false,
            }
        }
    }

    /// The end of the shortest or longest match that starts at `from`.
    pub fn match_from(&self, text: &[u8], from: usize, longest: bool) -> Option<usize> {
        if self.groups {
            let mut best: Option<usize> = None;
            let mut steps = 0;
            self.backtrack(&self.items, text, from, &mut steps, &mut |end| {
                best = Some(match best {
                    None => end,
                    Some(so_far) if longest => so_far.max(end),
                    Some(so_far) => so_far.min(end),
                });
                if longest { end == text.len() } else { end == from }
            });
            return best;
        }
        if self.items.iter().all(|item| matches!(item, Item::Byte(_))) {
            let mut at = from;
            for item in &self.items {
                at = self.step(item, text, at)?;
            }
            return Some(at);
        }
        // The set of items that may come next, for each place in the text. A
        // character may be several bytes, so places wait in a small queue.
        let count = self.items.len();
        let mut sets: Vec<Vec<bool>> = vec![vec![false; count + 1]; 5];
        let mut best = None;
        if let Some(first) = sets.first_mut().and_then(|set| set.first_mut()) {
            *first = true;
        }
        let mut at = from;
        loop {
            let mut set = std::mem::take(sets.get_mut(0)?);
            let mut live = false;
            let mut index = 0;
            while index <= count {
                if set.get(index) == Some(&true) {
                    match self.items.get(index) {
                        None => {
                            best = Some(at);
                            if !longest {
                                return best;
                            }
                        }
                        Some(Item::Star) => {
                            if let Some(next) = set.get_mut(index + 1) {
                                *next = true;
                            }
                            if at < text.len() {
                                let length = character_length(text, at, self.options.utf8);
                                if let Some(slot) = sets.get_mut(length).and_then(|set| set.get_mut(index)) {
                                    *slot = true;
                                }
                            }
                        }
                        Some(item) => {
                            if let Some(after) = self.step(item, text, at)
                                && let Some(slot) = sets.get_mut(after - at).and_then(|set| set.get_mut(index + 1))
                            {
                                *slot = true;
                            }
                        }
                    }
                }
                index += 1;
            }
            set.fill(false);
            sets.rotate_left(1);
            if let Some(last) = sets.last_mut() {
                *last = set;
            }
            for set in &sets {
                live |= set.iter().any(|flag| *flag);
            }
            if !live || at >= text.len() {
                return best;
            }
            at += 1;
        }
    }

    fn backtrack(
        &self,
        items: &[Item],
        text: &[u8],
        at: usize,
        steps: &mut u32,
        done: &mut dyn FnMut(usize) -> bool,
    ) -> bool {
        *steps += 1;
        if *steps > STEP_LIMIT {
            return false;
        }
        let Some((item, rest)) = items.split_first() else { return done(at) };
        match item {
            Item::Star => {
                let mut from = at;
                loop {
                    if self.backtrack(rest, text, from, steps, done) {
                        return true;
                    }
                    if from >= text.len() {
                        return false;
                    }
                    from += character_length(text, from, self.options.utf8);
                }
            }
            Item::Group(kind, alternatives) => match kind {
                b'@' => alternatives.iter().any(|alternative| {
                    self.backtrack(alternative, text, at, &mut *steps, &mut |end| {
                        let mut inner = 0;
                        self.backtrack(rest, text, end, &mut inner, done)
                    })
                }),
                b'?' => {
                    alternatives.iter().any(|alternative| {
                        self.backtrack(alternative, text, at, &mut *steps, &mut |end| {
                            let mut inner = 0;
                            self.backtrack(rest, text, end, &mut inner, done)
                        })
                    }) || self.backtrack(rest, text, at, steps, done)
                }
                b'*' | b'+' => {
                    if *kind == b'*' && self.backtrack(rest, text, at, steps, done) {
                        return true;
                    }
                    let ends = self.repeat_ends(alternatives, text, at, steps);
                    ends.into_iter().any(|end| self.backtrack(rest, text, end, steps, done))
                }
                _ => {
                    // `!(…)`: every end that no alternative reaches exactly.
                    let mut ends = Vec::new();
                    for alternative in alternatives {
                        self.backtrack(alternative, text, at, steps, &mut |end| {
                            ends.push(end);
                            false
                        });
                    }
                    let mut end = at;
                    loop {
                        if !ends.contains(&end) && self.backtrack(rest, text, end, steps, done) {
                            return true;
                        }
                        if end >= text.len() {
                            return false;
                        }
                        end += character_length(text, end, self.options.utf8);
                    }
                }
            },
            other => match self.step(other, text, at) {
                Some(after) => self.backtrack(rest, text, after, steps, done),
                None => false,
            },
        }
    }

    /// Every place that one or more of the alternatives in a row can reach.
    fn repeat_ends(&self, alternatives: &[Vec<Item>], text: &[u8], at: usize, steps: &mut u32) -> Vec<usize> {
        let mut reached = vec![false; text.len() + 1];
        let mut queue = vec![at];
        let mut ends = Vec::new();
        while let Some(from) = queue.pop() {
            for alternative in alternatives {
                self.backtrack(alternative, text, from, steps, &mut |end| {
                    if let Some(seen) = reached.get_mut(end)
                        && !*seen
                    {
                        *seen = true;
                        ends.push(end);
                        if end > from {
                            queue.push(end);
                        }
                    }
                    false
                });
            }
        }
        ends.sort_unstable_by(|a, b| b.cmp(a));
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let mut source = PatternText::default();
        source.push_active(pattern.as_bytes());
        Pattern::new(&source, Options { utf8: true, extended: true, fold_case: false }).matches(text.as_bytes())
    }

    #[test]
    fn stars_questions_and_brackets_match_as_posix_says() {
        assert!(matches("a*c", "abbc"));
        assert!(!matches("a*c", "abbd"));
        assert!(matches("[[:alpha:]]?", "xé"));
        assert!(matches("[!a-c]", "d"));
        assert!(matches("[]a]", "]"));
        assert!(matches("[a-", "[a-"));
        assert!(matches("\\*", "*"));
    }

    #[test]
    fn groups_repeat_choose_and_negate() {
        assert!(matches("@(foo|bar).c", "bar.c"));
        assert!(matches("+(ab)", "ababab"));
        assert!(!matches("+(ab)", ""));
        assert!(matches("*(ab|c)", ""));
        assert!(matches("!(*.c)", "x.h"));
        assert!(!matches("!(*.c)", "x.c"));
        assert!(matches("?(a)b", "b"));
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        let text = "a".repeat(3000);
        assert!(!matches("*a*a*a*a*a*a*a*a*b", &text));
    }
}
