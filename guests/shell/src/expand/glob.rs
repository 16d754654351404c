//! Pathname expansion (XCU 2.6.6, 2.14.3): a field's components against the
//! directories they name.

use super::Expanded;
use crate::pattern::{Options, Pattern, PatternText};
use crate::shell::{Shell, Unwind};
use coracle_sdk::fs;

/// A component of a path: matched, or taken as it is.
enum Component {
    Literal(Vec<u8>),
    Match(Pattern),
    /// `**` with globstar.
    Deep,
}

/// More names than this are not collected.
const LIMIT: usize = 4_000_000;

impl Shell {
    /// Appends the names that match, or the field itself when none does.
    pub fn expand_pathname(&mut self, text: PatternText, out: &mut Vec<Vec<u8>>) -> Expanded<()> {
        let options = Options { utf8: self.utf8, extended: self.options.extglob, fold_case: self.options.nocaseglob };
        let ignored = if self.options.bash { self.get(b"GLOBIGNORE").filter(|value| !value.is_empty()) } else { None };
        let rules = Rules {
            options,
            dotglob: self.options.dotglob || ignored.is_some(),
            globstar: self.options.globstar,
            skip_dots: true,
        };
        let mut found = match rules.expand(&text) {
            Some(found) => found,
            None => {
                out.push(text.bytes);
                return Ok(());
            }
        };
        if let Some(ignored) = ignored {
            let patterns: Vec<Pattern> = ignored
                .split(|byte| *byte == b':')
                .map(|pattern| {
                    let mut text = PatternText::default();
                    text.push_active(pattern);
                    Pattern::new(&text, options)
                })
                .collect();
            found.retain(|name| !patterns.iter().any(|pattern| pattern.matches(name)));
        }
        if !found.is_empty() {
            out.append(&mut found);
            return Ok(());
        }
        if self.options.failglob {
            let mut message = b"no match: ".to_vec();
            message.extend_from_slice(&text.bytes);
            self.complain(&message);
            self.status = 1;
            return Err(Unwind::Error);
        }
        if !self.options.nullglob {
            out.push(text.bytes);
        }
        Ok(())
    }
}

/// How names are matched.
pub struct Rules {
    /// How characters are matched.
    pub options: Options,
    /// A leading dot needs no literal one.
    pub dotglob: bool,
    /// `**` crosses directories.
    pub globstar: bool,
    /// `.` and `..` never match.
    pub skip_dots: bool,
}

impl Rules {
    /// The names that match, sorted; `None` when nothing in the text matches
    /// by pattern.
    pub fn expand(&self, text: &PatternText) -> Option<Vec<Vec<u8>>> {
        let mut components = Vec::new();
        let mut any = false;
        let mut start = 0;
        let mut quoted = text.quoted.iter().copied().peekable();
        loop {
            let rest = text.bytes.get(start..).unwrap_or_default();
            let length = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
            let mut part = PatternText { bytes: rest.get(..length).unwrap_or_default().to_vec(), quoted: Vec::new() };
            while let Some(place) = quoted.peek() {
                if *place >= start + length {
                    break;
                }
                part.quoted.push(place - start);
                quoted.next();
            }
            let pattern = Pattern::new(&part, self.options);
            let component = match pattern.as_literal() {
                Some(literal) => Component::Literal(literal),
                None if self.globstar && part.bytes == b"**" && part.quoted.is_empty() => Component::Deep,
                None => Component::Match(pattern),
            };
            any |= !matches!(component, Component::Literal(_));
            components.push(component);
            start += length + 1;
            if start > text.bytes.len() {
                break;
            }
        }
        if !any {
            return None;
        }
        let mut found = Vec::new();
        self.walk(Vec::new(), &components, &mut found, 0);
        found.sort_unstable();
        if self.globstar {
            found.dedup();
        }
        Some(found)
    }

    fn walk(&self, prefix: Vec<u8>, components: &[Component], found: &mut Vec<Vec<u8>>, depth: u32) {
        if found.len() >= LIMIT || depth > 512 {
            return;
        }
        let Some((component, rest)) = components.split_first() else {
            found.push(prefix);
            return;
        };
        match component {
            Component::Literal(name) => {
                let mut path = prefix;
                path.extend_from_slice(name);
                if rest.is_empty() {
                    // An empty last component asks for a directory.
                    if fs::lstat(&path).is_ok() {
                        found.push(path);
                    }
                } else {
                    path.push(b'/');
                    self.walk(path, rest, found, depth + 1);
                }
            }
            Component::Match(pattern) => {
                for name in self.names(&prefix, |name| {
                    pattern.matches(name) && (name.first() != Some(&b'.') || pattern.begins_with_dot() || self.dotglob)
                }) {
                    let mut path = prefix.clone();
                    path.extend_from_slice(&name.0);
                    if rest.is_empty() {
                        found.push(path);
                    } else if name.1 || fs::stat(&path).is_ok_and(|attributes| attributes.is_dir()) {
                        path.push(b'/');
                        self.walk(path, rest, found, depth + 1);
                    }
                }
            }
            Component::Deep => {
                if rest.is_empty() {
                    if !prefix.is_empty() {
                        found.push(prefix.clone());
                    }
                    for (name, directory) in self.names(&prefix, |name| name.first() != Some(&b'.') || self.dotglob) {
                        let mut path = prefix.clone();
                        path.extend_from_slice(&name);
                        found.push(path.clone());
                        if directory {
                            path.push(b'/');
                            let mut deeper = Vec::new();
                            self.walk(path.clone(), components, &mut deeper, depth + 1);
                            found.extend(deeper.into_iter().filter(|name| *name != path));
                        }
                    }
                } else {
                    self.walk(prefix.clone(), rest, found, depth + 1);
                    for (name, directory) in self.names(&prefix, |name| name.first() != Some(&b'.') || self.dotglob) {
                        if directory {
                            let mut path = prefix.clone();
                            path.extend_from_slice(&name);
                            path.push(b'/');
                            self.walk(path, components, found, depth + 1);
                        }
                    }
                }
            }
        }
    }

    /// Names in a directory that are wanted, and whether each is a directory.
    fn names(&self, prefix: &[u8], wanted: impl Fn(&[u8]) -> bool) -> Vec<(Vec<u8>, bool)> {
        let directory = if prefix.is_empty() { b"." } else { prefix };
        let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
        entries
            .filter_map(Result::ok)
            .filter(|entry| wanted(&entry.name) && !(self.skip_dots && matches!(entry.name.as_slice(), b"." | b"..")))
            .map(|entry| (entry.name, entry.kind == fs::Kind::Directory))
            .collect()
    }
}
