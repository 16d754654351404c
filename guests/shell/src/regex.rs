//! Extended regular expressions (XBD 9.4) for `=~`: leftmost, then longest,
//! found with backtracking under a step limit.

/// What does not parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadRegex;

/// The ranges of the match and its groups.
pub type Groups = Vec<Option<(usize, usize)>>;

#[derive(Debug)]
enum Node {
    Byte(u8),
    Any,
    Set { negated: bool, pattern: crate::pattern::Pattern },
    Start,
    End,
    WordEdge(u8),
    Group(usize, Vec<Vec<Node>>),
    Repeat(Box<Node>, u32, Option<u32>),
    Back(usize),
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    groups: usize,
    depth: u32,
    options: crate::pattern::Options,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn alternatives(&mut self) -> Result<Vec<Vec<Node>>, BadRegex> {
        let mut all = vec![self.sequence()?];
        while self.peek() == Some(b'|') {
            self.at += 1;
            all.push(self.sequence()?);
        }
        Ok(all)
    }

    fn sequence(&mut self) -> Result<Vec<Node>, BadRegex> {
        let mut nodes: Vec<Node> = Vec::new();
        while let Some(byte) = self.peek() {
            let node = match byte {
                b'|' => break,
                b')' if self.depth > 0 => break,
                b'(' => {
                    self.at += 1;
                    self.groups += 1;
                    let number = self.groups;
                    self.depth += 1;
                    if self.depth > 60 {
                        return Err(BadRegex);
                    }
                    let inner = self.alternatives()?;
                    self.depth -= 1;
                    if self.peek() != Some(b')') {
                        return Err(BadRegex);
                    }
                    Node::Group(number, inner)
                }
                b'.' => Node::Any,
                b'^' => Node::Start,
                b'$' => Node::End,
                b'[' => {
                    let node = self.set()?;
                    nodes.push(node);
                    self.repeats(&mut nodes)?;
                    continue;
                }
                b'*' | b'+' | b'?' if nodes.is_empty() => return Err(BadRegex),
                b'\\' => {
                    self.at += 1;
                    match self.peek() {
                        None => return Err(BadRegex),
                        Some(letter @ (b'b' | b'B' | b'<' | b'>')) => Node::WordEdge(letter),
                        Some(letter @ (b'w' | b'W' | b's' | b'S')) => {
                            let class: &[u8] =
                                if matches!(letter, b'w' | b'W') { b"[[:alnum:]_]" } else { b"[[:space:]]" };
                            Node::Set { negated: letter.is_ascii_uppercase(), pattern: self.compile(class) }
                        }
                        Some(digit @ b'1'..=b'9') => Node::Back(usize::from(digit - b'0')),
                        Some(other) => Node::Byte(other),
                    }
                }
                other => Node::Byte(other),
            };
            self.at += 1;
            nodes.push(node);
            self.repeats(&mut nodes)?;
        }
        Ok(nodes)
    }

    fn compile(&self, text: &[u8]) -> crate::pattern::Pattern {
        let mut pattern = crate::pattern::PatternText::default();
        pattern.push_active(text);
        crate::pattern::Pattern::new(&pattern, crate::pattern::Options { extended: false, ..self.options })
    }

    fn set(&mut self) -> Result<Node, BadRegex> {
        let start = self.at;
        self.at += 1;
        let negated = self.peek() == Some(b'^');
        if negated {
            self.at += 1;
        }
        let inner = self.at;
        let mut first = true;
        loop {
            match self.peek() {
                None => return Err(BadRegex),
                Some(b']') if !first => break,
                Some(b'[') if matches!(self.text.get(self.at + 1), Some(b':' | b'.' | b'=')) => {
                    let kind = self.text.get(self.at + 1).copied().unwrap_or(b':');
                    let rest = self.text.get(self.at + 2..).unwrap_or_default();
                    match rest.windows(2).position(|pair| pair == [kind, b']']) {
                        Some(length) => self.at += length + 4,
                        None => return Err(BadRegex),
                    }
                }
                Some(_) => self.at += 1,
            }
            first = false;
        }
        let mut text = b"[".to_vec();
        let body = self.text.get(inner..self.at).unwrap_or_default();
        // A shell's bracket reads `!` and `\` its own way; a regular
        // expression's does not.
        let mut body = body.to_vec();
        if body.first().is_some_and(|byte| matches!(byte, b'!' | b'^')) && body.len() > 1 {
            let first = body.remove(0);
            body.push(first);
        }
        for byte in body {
            if byte == b'\\' {
                text.push(b'\\');
            }
            text.push(byte);
        }
        text.push(b']');
        self.at += 1;
        let _ = start;
        Ok(Node::Set { negated, pattern: self.compile(&text) })
    }

    fn repeats(&mut self, nodes: &mut Vec<Node>) -> Result<(), BadRegex> {
        loop {
            let (low, high) = match self.peek() {
                Some(b'*') => (0, None),
                Some(b'+') => (1, None),
                Some(b'?') => (0, Some(1)),
                Some(b'{') => {
                    let rest = self.text.get(self.at + 1..).unwrap_or_default();
                    let Some(length) = rest.iter().position(|byte| *byte == b'}') else { return Ok(()) };
                    let body = std::str::from_utf8(rest.get(..length).unwrap_or_default()).map_err(|_| BadRegex)?;
                    let (low, high) = match body.split_once(',') {
                        None => {
                            let count = body.parse().map_err(|_| BadRegex)?;
                            (count, Some(count))
                        }
                        Some((low, "")) => (low.parse().map_err(|_| BadRegex)?, None),
                        Some((low, high)) => (
                            if low.is_empty() { 0 } else { low.parse().map_err(|_| BadRegex)? },
                            Some(high.parse().map_err(|_| BadRegex)?),
                        ),
                    };
                    if low > 32_767 || high.is_some_and(|high| high > 32_767 || high < low) {
                        return Err(BadRegex);
                    }
                    self.at += length + 1;
                    (low, high)
                }
                _ => return Ok(()),
            };
            self.at += 1;
            let Some(node) = nodes.pop() else { return Err(BadRegex) };
            nodes.push(Node::Repeat(Box::new(node), low, high));
        }
    }
}

struct Matcher<'a> {
    text: &'a [u8],
    options: crate::pattern::Options,
    steps: u32,
    depth: u32,
}

const STEP_LIMIT: u32 = 3_000_000;
const DEPTH_LIMIT: u32 = if cfg!(target_os = "wasi") { 250 } else { 5_000 };

type Continuation<'c> = &'c mut dyn FnMut(&mut Matcher<'_>, usize, &mut Groups) -> bool;

impl Matcher<'_> {
    fn run(&mut self, nodes: &[Node], at: usize, groups: &mut Groups, done: Continuation<'_>) -> bool {
        self.steps += 1;
        if self.steps > STEP_LIMIT || self.depth > DEPTH_LIMIT {
            return false;
        }
        let Some((node, rest)) = nodes.split_first() else { return done(self, at, groups) };
        self.depth += 1;
        let answer = self.node(node, rest, at, groups, done);
        self.depth -= 1;
        answer
    }

    /// The place after one character that `node` matches.
    fn single(&self, node: &Node, at: usize) -> Option<usize> {
        let byte = *self.text.get(at)?;
        match node {
            Node::Byte(expected) => {
                (byte == *expected || (self.options.fold_case && byte.eq_ignore_ascii_case(expected))).then_some(at + 1)
            }
            Node::Any => Some(at + crate::pattern::character_length(self.text, at, self.options.utf8)),
            Node::Set { negated, pattern } => {
                let end = at + crate::pattern::character_length(self.text, at, self.options.utf8);
                (pattern.matches(self.text.get(at..end).unwrap_or_default()) != *negated).then_some(end)
            }
            _ => None,
        }
    }

    fn word_at(&self, at: usize) -> bool {
        self.text.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    }

    fn node(&mut self, node: &Node, rest: &[Node], at: usize, groups: &mut Groups, done: Continuation<'_>) -> bool {
        match node {
            Node::Byte(_) | Node::Any | Node::Set { .. } => match self.single(node, at) {
                Some(after) => self.run(rest, after, groups, done),
                None => false,
            },
            Node::Start => at == 0 && self.run(rest, at, groups, done),
            Node::End => at == self.text.len() && self.run(rest, at, groups, done),
            Node::WordEdge(kind) => {
                let before = at > 0 && self.word_at(at - 1);
                let after = self.word_at(at);
                let holds = match kind {
                    b'b' => before != after,
                    b'B' => before == after,
                    b'<' => !before && after,
                    _ => before && !after,
                };
                holds && self.run(rest, at, groups, done)
            }
            Node::Back(number) => {
                let Some((start, end)) = groups.get(*number).copied().flatten() else { return false };
                let text = self.text;
                let wanted = text.get(start..end).unwrap_or_default();
                text.get(at..).is_some_and(|rest| rest.starts_with(wanted))
                    && self.run(rest, at + wanted.len(), groups, done)
            }
            Node::Group(number, alternatives) => alternatives.iter().any(|alternative| {
                let before = groups.get(*number).copied().flatten();
                let hit = self.run(alternative, at, groups, &mut |matcher, end, groups| {
                    let old = groups.get(*number).copied().flatten();
                    if let Some(slot) = groups.get_mut(*number) {
                        *slot = Some((at, end));
                    }
                    if matcher.run(rest, end, groups, done) {
                        return true;
                    }
                    if let Some(slot) = groups.get_mut(*number) {
                        *slot = old;
                    }
                    false
                });
                if !hit && let Some(slot) = groups.get_mut(*number) {
                    *slot = before;
                }
                hit
            }),
            Node::Repeat(inner, low, high) => {
                if matches!(inner.as_ref(), Node::Byte(_) | Node::Any | Node::Set { .. }) {
                    // One character at a time needs no recursion.
                    let mut ends = vec![at];
                    while high.is_none_or(|high| ends.len() <= high as usize) {
                        match ends.last().and_then(|last| self.single(inner, *last)) {
                            Some(after) => ends.push(after),
                            None => break,
                        }
                    }
                    while ends.len() > *low as usize {
                        let Some(end) = ends.pop() else { break };
                        if self.run(rest, end, groups, done) {
                            return true;
                        }
                    }
                    return false;
                }
                self.repeat(inner, *low, *high, rest, at, groups, done)
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one step of a recursion carries its whole state")]
    fn repeat(
        &mut self,
        inner: &Node,
        low: u32,
        high: Option<u32>,
        rest: &[Node],
        at: usize,
        groups: &mut Groups,
        done: Continuation<'_>,
    ) -> bool {
        if high != Some(0) {
            let hit = self.node(inner, &[], at, groups, &mut |matcher, end, groups| {
                if end == at && low == 0 {
                    return false;
                }
                if matcher.depth > DEPTH_LIMIT {
                    return false;
                }
                matcher.depth += 1;
                let answer =
                    matcher.repeat(inner, low.saturating_sub(1), high.map(|high| high - 1), rest, end, groups, done);
                matcher.depth -= 1;
                answer
            });
            if hit {
                return true;
            }
        }
        low == 0 && self.run(rest, at, groups, done)
    }
}

/// Finds the leftmost longest match.
pub fn search(regex: &[u8], text: &[u8], fold_case: bool, utf8: bool) -> Result<Option<Groups>, BadRegex> {
    let options = crate::pattern::Options { utf8, extended: false, fold_case };
    let mut parser = Parser { text: regex, at: 0, groups: 0, depth: 0, options };
    let alternatives = parser.alternatives()?;
    if parser.at < regex.len() {
        return Err(BadRegex);
    }
    let count = parser.groups + 1;
    let anchored = alternatives.iter().all(|nodes| matches!(nodes.first(), Some(Node::Start)));
    let mut matcher = Matcher { text, options, steps: 0, depth: 0 };
    let whole = Node::Group(0, alternatives);
    let mut start = 0;
    loop {
        let mut best: Option<(usize, Groups)> = None;
        let mut groups: Groups = vec![None; count];
        let nodes = std::slice::from_ref(&whole);
        let budget = matcher.steps.saturating_add(20_000);
        matcher.run(nodes, start, &mut groups, &mut |matcher, end, groups| {
            if best.as_ref().is_none_or(|(longest, _)| end > *longest) {
                let mut found = groups.clone();
                if let Some(first) = found.first_mut() {
                    *first = Some((start, end));
                }
                best = Some((end, found));
            }
            end == matcher.text.len() || matcher.steps > budget
        });
        if let Some((_, groups)) = best {
            return Ok(Some(groups));
        }
        if start >= text.len() || anchored || matcher.steps > STEP_LIMIT {
            return Ok(None);
        }
        start += crate::pattern::character_length(text, start, utf8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(regex: &str, text: &str) -> Option<Vec<Option<String>>> {
        search(regex.as_bytes(), text.as_bytes(), false, true).unwrap().map(|groups| {
            groups.into_iter().map(|range| range.map(|(start, end)| text[start..end].to_string())).collect()
        })
    }

    #[test]
    fn the_leftmost_longest_match_wins() {
        assert_eq!(groups("a|ab", "xab"), Some(vec![Some("ab".into())]));
        assert_eq!(
            groups("^([a-z]+)=([0-9]*)$", "key=42"),
            Some(vec![Some("key=42".into()), Some("key".into()), Some("42".into())])
        );
        assert_eq!(groups("b{2,3}c", "abbbbc").unwrap()[0].as_deref(), Some("bbbc"));
        assert_eq!(groups("(ab)*c", "ababc").unwrap()[1].as_deref(), Some("ab"));
        assert_eq!(groups("x$", "yx\n"), None);
    }

    #[test]
    fn bad_expressions_are_told() {
        assert!(search(b"(", b"", false, true).is_err());
        assert!(search(b"[a", b"", false, true).is_err());
    }
}
