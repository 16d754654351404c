//! Variable substitution and quote removal, as the Dockerfile reference has them
//! ("Environment replacement").

use std::iter::Peekable;
use std::str::Chars;

/// Nested `${a:-${b:-…}}` deeper than this are refused.
const DEPTH: usize = 32;

/// Substitutes variables, removes quotes and escapes: one word stays one word.
///
/// # Errors
/// A sentence: an unclosed brace, an unknown modifier, `${name:?sentence}`.
pub fn word(text: &str, escape: char, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut scanner = Scanner { letters: text.chars().peekable(), escape, lookup, depth: 0, keep_quotes: false };
    scanner.until(None)
}

/// Substitutes variables and leaves quotes alone: the body of a here-document.
///
/// # Errors
/// As [`word`].
pub fn body(text: &str, escape: char, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut scanner = Scanner { letters: text.chars().peekable(), escape, lookup, depth: 0, keep_quotes: true };
    scanner.until(None)
}

struct Scanner<'a> {
    letters: Peekable<Chars<'a>>,
    escape: char,
    lookup: &'a dyn Fn(&str) -> Option<String>,
    depth: usize,
    keep_quotes: bool,
}

impl Scanner<'_> {
    fn until(&mut self, end: Option<char>) -> Result<String, String> {
        let mut out = String::new();
        while let Some(letter) = self.letters.next() {
            match letter {
                _ if Some(letter) == end => return Ok(out),
                '\'' if !self.keep_quotes => loop {
                    match self.letters.next() {
                        Some('\'') => break,
                        Some(letter) => out.push(letter),
                        None => {
                            return Err("unexpected end of statement while looking for matching single-quote".into());
                        }
                    }
                },
                '"' if !self.keep_quotes => self.double_quoted(&mut out)?,
                '$' => out.push_str(&self.variable()?),
                _ if letter == self.escape => match self.letters.next() {
                    Some(escaped) if self.keep_quotes && escaped != '$' && escaped != self.escape => {
                        out.push(letter);
                        out.push(escaped);
                    }
                    Some(escaped) => out.push(escaped),
                    None => out.push(letter),
                },
                _ => out.push(letter),
            }
        }
        match end {
            None => Ok(out),
            Some(_) => Err("syntax error: missing '}'".into()),
        }
    }

    fn double_quoted(&mut self, out: &mut String) -> Result<(), String> {
        while let Some(letter) = self.letters.next() {
            match letter {
                '"' => return Ok(()),
                '$' => out.push_str(&self.variable()?),
                _ if letter == self.escape => match self.letters.next() {
                    Some(escaped) if escaped == '"' || escaped == '$' || escaped == self.escape => out.push(escaped),
                    Some(other) => {
                        out.push(letter);
                        out.push(other);
                    }
                    None => return Err("unexpected end of statement while looking for matching double-quote".into()),
                },
                _ => out.push(letter),
            }
        }
        Err("unexpected end of statement while looking for matching double-quote".into())
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(&letter) = self.letters.peek() {
            let digit_first = name.is_empty() && letter.is_ascii_digit();
            if letter.is_ascii_alphanumeric() || letter == '_' {
                name.push(letter);
                self.letters.next();
                if digit_first {
                    break;
                }
            } else {
                break;
            }
        }
        name
    }

    fn variable(&mut self) -> Result<String, String> {
        if self.letters.peek() != Some(&'{') {
            let name = self.name();
            if name.is_empty() {
                return Ok("$".to_owned());
            }
            return Ok((self.lookup)(&name).unwrap_or_default());
        }
        self.letters.next();
        let name = self.name();
        if name.is_empty() {
            return Err("syntax error: bad substitution".into());
        }
        let value = (self.lookup)(&name);
        let Some(modifier) = self.letters.next() else { return Err("syntax error: missing '}'".into()) };
        if modifier == '}' {
            return Ok(value.unwrap_or_default());
        }
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("syntax error: substitutions are nested too deeply".into());
        }
        let result = self.modified(&name, value, modifier);
        self.depth -= 1;
        result
    }

    fn modified(&mut self, name: &str, value: Option<String>, modifier: char) -> Result<String, String> {
        match modifier {
            ':' => {
                let kind = self.letters.next().ok_or("syntax error: missing '}'")?;
                let word = self.until(Some('}'))?;
                choose(name, value.filter(|value| !value.is_empty()), kind, word, "is not set or is empty")
            }
            '-' | '+' | '?' => {
                let word = self.until(Some('}'))?;
                choose(name, value, modifier, word, "is not set")
            }
            '#' | '%' => {
                let greedy = self.letters.next_if_eq(&modifier).is_some();
                let pattern = self.until(Some('}'))?;
                Ok(cut(&value.unwrap_or_default(), &pattern, modifier == '#', greedy))
            }
            '/' => {
                let all = self.letters.next_if_eq(&'/').is_some();
                let pattern = self.until(Some('/'))?;
                let replacement = self.until(Some('}'))?;
                Ok(replace(&value.unwrap_or_default(), &pattern, &replacement, all))
            }
            other => Err(format!("unsupported modifier ({other}) in substitution")),
        }
    }
}

fn choose(name: &str, value: Option<String>, kind: char, word: String, fault: &str) -> Result<String, String> {
    match (kind, value) {
        ('-', value) => Ok(value.unwrap_or(word)),
        ('+', value) => Ok(value.map(|_| word).unwrap_or_default()),
        ('?', Some(value)) => Ok(value),
        ('?', None) if word.is_empty() => Err(format!("{name}: {fault}")),
        ('?', None) => Err(format!("{name}: {word}")),
        (other, _) => Err(format!("unsupported modifier ({other}) in substitution")),
    }
}

/// Whether `pattern` (`*`, `?`, `\x`) matches all of `text`.
fn matches(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|skip| text.get(skip..).is_some_and(|text| matches(rest, text))),
        ['?', rest @ ..] => text.split_first().is_some_and(|(_, text)| matches(rest, text)),
        ['\\', literal, rest @ ..] | [literal, rest @ ..] => {
            text.split_first().is_some_and(|(first, text)| first == literal && matches(rest, text))
        }
    }
}

fn cut(value: &str, pattern: &str, front: bool, greedy: bool) -> String {
    let pattern: Vec<char> = pattern.chars().collect();
    let letters: Vec<char> = value.chars().collect();
    let mut lengths: Vec<usize> = (0..=letters.len()).collect();
    if greedy {
        lengths.reverse();
    }
    for length in lengths {
        let (matched, rest) = if front {
            letters.split_at(length)
        } else {
            let (rest, matched) = letters.split_at(letters.len() - length);
            (matched, rest)
        };
        if matches(&pattern, matched) {
            return rest.iter().collect();
        }
    }
    value.to_owned()
}

fn replace(value: &str, pattern: &str, replacement: &str, all: bool) -> String {
    let pattern: Vec<char> = pattern.chars().collect();
    let letters: Vec<char> = value.chars().collect();
    let mut out = String::new();
    let mut start = 0;
    while start < letters.len() {
        // The longest match that begins here.
        let found = (start + 1..=letters.len())
            .rev()
            .find(|end| letters.get(start..*end).is_some_and(|part| matches(&pattern, part)));
        match found {
            Some(end) => {
                out.push_str(replacement);
                start = end;
                if !all {
                    break;
                }
            }
            None => {
                out.extend(letters.get(start));
                start += 1;
            }
        }
    }
    out.extend(letters.iter().skip(start));
    out
}

#[cfg(test)]
mod tests {
    use super::word;

    fn expand(text: &str) -> Result<String, String> {
        word(text, '\\', &|name| match name {
            "a" => Some("foo.tar.gz".into()),
            "empty" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn all_forms_of_the_reference() {
        for (text, expected) in [
            ("$a", "foo.tar.gz"),
            ("${a}x", "foo.tar.gzx"),
            ("$ax", ""),
            ("\\$a", "$a"),
            ("'$a'", "$a"),
            ("\"$a 'q'\"", "foo.tar.gz 'q'"),
            ("${b:-d}", "d"),
            ("${empty:-d}", "d"),
            ("${empty-d}", ""),
            ("${b-${a}}", "foo.tar.gz"),
            ("${a:+set}", "set"),
            ("${b:+set}", ""),
            ("${empty+set}", "set"),
            ("${a#*.}", "tar.gz"),
            ("${a##*.}", "gz"),
            ("${a%.*}", "foo.tar"),
            ("${a%%.*}", "foo"),
            ("${a/o/0}", "f0o.tar.gz"),
            ("${a//o/0}", "f00.tar.gz"),
            ("a\\ b", "a b"),
            ("$", "$"),
            ("100%", "100%"),
        ] {
            assert_eq!(expand(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn faults_are_sentences() {
        assert_eq!(expand("${b:?must be set}"), Err("b: must be set".into()));
        assert_eq!(expand("${b?}"), Err("b: is not set".into()));
        assert!(expand("${a").is_err());
        assert!(expand("${a:~x}").is_err());
        assert!(expand(&"${b:-".repeat(100)).is_err());
    }
}
