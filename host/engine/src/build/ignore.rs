//! `.dockerignore`: which files of a context an instruction can see.
//!
//! A pattern is matched against the path and against each of its parents, the
//! last matching pattern decides, `!` lets files in again, `**` stands for any
//! number of directories (Go's `filepath.Match` otherwise). The same patterns
//! serve `COPY --exclude`.

/// The patterns of one file, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IgnorePatterns {
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    negated: bool,
    parts: Vec<String>,
}

impl IgnorePatterns {
    /// Reads a `.dockerignore`: one pattern a line, `#` comments, blank lines.
    pub fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self::new(text.lines().filter(|line| !line.starts_with('#')))
    }

    /// From single patterns.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        let patterns = patterns.into_iter().filter_map(|line| {
            let line = line.trim();
            let (negated, line) = match line.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, line),
            };
            let mut parts: Vec<String> = Vec::new();
            for part in line.split('/') {
                match part {
                    "" | "." => {}
                    ".." => drop(parts.pop()),
                    part => parts.push(part.to_owned()),
                }
            }
            (!line.is_empty()).then_some(Pattern { negated, parts })
        });
        Self { patterns: patterns.collect() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether a later `!` pattern could let in something below an ignored directory.
    pub fn has_exceptions(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.negated)
    }

    /// Whether `path` (relative, `/` between names) is left out.
    pub fn ignores(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        let mut ignored = false;
        for pattern in &self.patterns {
            if pattern.negated != ignored {
                continue;
            }
            let wanted: Vec<&str> = pattern.parts.iter().map(String::as_str).collect();
            let hit = (1..=parts.len()).any(|end| parts.get(..end).is_some_and(|parent| path_matches(&wanted, parent)));
            if hit {
                ignored = !pattern.negated;
            }
        }
        ignored
    }
}

fn path_matches(pattern: &[&str], path: &[&str]) -> bool {
    match pattern {
        [] => path.is_empty(),
        ["**"] => true,
        ["**", rest @ ..] => (0..=path.len()).any(|skip| path.get(skip..).is_some_and(|path| path_matches(rest, path))),
        [part, rest @ ..] => path.split_first().is_some_and(|(name, path)| {
            let (part, name) = (part.chars().collect::<Vec<_>>(), name.chars().collect::<Vec<_>>());
            name_matches(&part, &name) && path_matches(rest, path)
        }),
    }
}

/// Go's `filepath.Match` on one name: `*`, `?`, `[a-z]`, `[^a]`, `\x`.
pub fn name_matches(pattern: &[char], name: &[char]) -> bool {
    match pattern {
        [] => name.is_empty(),
        ['*', rest @ ..] => (0..=name.len()).any(|skip| name.get(skip..).is_some_and(|name| name_matches(rest, name))),
        ['?', rest @ ..] => name.split_first().is_some_and(|(_, name)| name_matches(rest, name)),
        ['[', rest @ ..] => {
            let Some((first, name)) = name.split_first() else { return false };
            match class(rest, *first) {
                Some((true, rest)) => name_matches(rest, name),
                _ => false,
            }
        }
        ['\\', literal, rest @ ..] | [literal, rest @ ..] => {
            name.split_first().is_some_and(|(first, name)| first == literal && name_matches(rest, name))
        }
    }
}

/// A bracket expression: whether `letter` is in it, and what follows it.
fn class(mut pattern: &[char], letter: char) -> Option<(bool, &[char])> {
    let negated = pattern.first() == Some(&'^');
    if negated {
        pattern = pattern.get(1..)?;
    }
    let mut found = false;
    let mut first = true;
    loop {
        match pattern {
            [']', rest @ ..] if !first => return Some((found != negated, rest)),
            [low, '-', high, rest @ ..] if *high != ']' => {
                found |= (*low..=*high).contains(&letter);
                pattern = rest;
            }
            ['\\', one, rest @ ..] | [one, rest @ ..] => {
                found |= *one == letter;
                pattern = rest;
            }
            [] => return None,
        }
        first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::IgnorePatterns;

    #[test]
    fn the_reference_s_examples() {
        let file = "# comment\n*/temp*\n*/*/temp*\ntemp?\n/docs\n*.md\n!README.md\n**/*.o\nlib/\n!lib/keep/[a-c]\n";
        let patterns = IgnorePatterns::parse(file);
        for (path, ignored) in [
            ("somedir/temporary.txt", true),
            ("somedir/subdir/temporary.txt", true),
            ("tempa", true),
            ("temp", false),
            ("docs/a/b", true),
            ("a.md", true),
            ("README.md", false),
            ("x/a.md", false),
            ("a.o", true),
            ("x/y/z.o", true),
            ("lib/x", true),
            ("lib/keep/b", false),
            ("lib/keep/d", true),
            ("src/main.c", false),
        ] {
            assert_eq!(patterns.ignores(path), ignored, "{path}");
        }
    }

    #[test]
    fn everything_but() {
        let patterns = IgnorePatterns::parse("**\n!src/**\n!Cargo.toml");
        assert!(patterns.ignores("target/x"));
        assert!(!patterns.ignores("src/a/b.rs"));
        assert!(!patterns.ignores("Cargo.toml"));
        assert!(patterns.has_exceptions());
    }
}
