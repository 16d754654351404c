//! Options as getopt_long() reads them: short ones in clusters, long ones by
//! unique prefix, operands anywhere unless the applet says that the first one
//! ends the options.
//!
//! A specification is one line of words: `n,number c:,bytes color:: +` — the
//! name an applet asks by comes first (one letter, or a long name), further
//! names follow; `:` demands a value, `::` allows one; `+` stops at the first
//! operand; `-NUM` takes `-5` for the option named `NUM`.

use crate::applet::{Call, Failure, lossy};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    None,
    Required,
    Optional,
}

#[derive(Debug)]
struct Known<'a> {
    name: &'a str,
    others: Vec<&'a str>,
    value: Value,
}

impl Known<'_> {
    fn long_names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name).chain(self.others.iter().copied()).filter(|name| name.len() > 1)
    }

    fn is_short(&self, letter: u8) -> bool {
        let is = |name: &str| name.as_bytes() == [letter];
        is(self.name) || self.others.iter().any(|name| is(name))
    }
}

/// What the command line said.
#[derive(Debug, Default)]
pub struct Options {
    found: Vec<(String, Option<Vec<u8>>)>,
    /// The arguments that are no options.
    pub operands: Vec<Vec<u8>>,
}

impl Options {
    pub fn parse(call: &Call, specification: &str) -> Result<Options, Failure> {
        let mut in_order = false;
        let mut number = None;
        let mut known = Vec::new();
        for word in specification.split_whitespace() {
            if word == "+" {
                in_order = true;
            } else if let Some(name) = word.strip_prefix("-NUM=") {
                number = Some(name);
            } else {
                let mut value = Value::None;
                let mut names = Vec::new();
                for name in word.split(',') {
                    let bare = name.trim_end_matches(':');
                    match name.len() - bare.len() {
                        0 => {}
                        1 => value = Value::Required,
                        _ => value = Value::Optional,
                    }
                    names.push(bare);
                }
                known.push(Known { name: names[0], others: names.split_off(1), value });
            }
        }
        let mut options = Options::default();
        let mut arguments = call.arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == b"--" {
                options.operands.extend(arguments.by_ref().cloned());
            } else if let Some(long) = argument.strip_prefix(b"--") {
                options.long(call, &known, long, &mut arguments)?;
            } else if argument.len() > 1 && argument[0] == b'-' {
                if let Some(name) = number
                    && argument[1..].iter().all(u8::is_ascii_digit)
                {
                    options.found.push((name.to_string(), Some(argument[1..].to_vec())));
                    continue;
                }
                options.cluster(call, &known, &argument[1..], number, &mut arguments)?;
            } else {
                options.operands.push(argument.clone());
                if in_order {
                    options.operands.extend(arguments.by_ref().cloned());
                }
            }
        }
        Ok(options)
    }

    fn long<'a>(
        &mut self,
        call: &Call,
        known: &[Known<'_>],
        text: &[u8],
        rest: &mut impl Iterator<Item = &'a Vec<u8>>,
    ) -> Result<(), Failure> {
        let (name, inline) = match text.iter().position(|byte| *byte == b'=') {
            Some(at) => (&text[..at], Some(text[at + 1..].to_vec())),
            None => (text, None),
        };
        let exact = known.iter().find(|known| known.long_names().any(|long| long.as_bytes() == name));
        let option = match exact {
            Some(option) => option,
            None => {
                let mut candidates =
                    known.iter().filter(|known| known.long_names().any(|long| long.as_bytes().starts_with(name)));
                match (candidates.next(), candidates.next()) {
                    (Some(option), None) => option,
                    (Some(_), Some(_)) => {
                        return Err(call.misuse(format!("option '--{}' is ambiguous", lossy(&name))));
                    }
                    _ if name == b"help" => return Err(Failure::Help),
                    _ => return Err(call.misuse(format!("unrecognized option '--{}'", lossy(&name)))),
                }
            }
        };
        let value = match (option.value, inline) {
            (Value::None, Some(_)) => {
                return Err(call.misuse(format!("option '--{}' doesn't allow an argument", lossy(&name))));
            }
            (Value::Required, None) => match rest.next() {
                Some(value) => Some(value.clone()),
                None => {
                    return Err(call.misuse(format!("option '--{}' requires an argument", lossy(&name))));
                }
            },
            (_, inline) => inline,
        };
        self.found.push((option.name.to_string(), value));
        Ok(())
    }

    fn cluster<'a>(
        &mut self,
        call: &Call,
        known: &[Known<'_>],
        letters: &[u8],
        number: Option<&str>,
        rest: &mut impl Iterator<Item = &'a Vec<u8>>,
    ) -> Result<(), Failure> {
        let mut at = 0;
        while let Some(&letter) = letters.get(at) {
            at += 1;
            if let Some(name) = number
                && letter.is_ascii_digit()
            {
                let end =
                    letters[at..].iter().position(|byte| !byte.is_ascii_digit()).map_or(letters.len(), |n| at + n);
                self.found.push((name.to_string(), Some(letters[at - 1..end].to_vec())));
                at = end;
                continue;
            }
            let Some(option) = known.iter().find(|known| known.is_short(letter)) else {
                return Err(call.misuse(format!("invalid option -- '{}'", lossy(&[letter]))));
            };
            let tail = &letters[at..];
            let value = match option.value {
                Value::None => None,
                Value::Required if tail.is_empty() => match rest.next() {
                    Some(value) => Some(value.clone()),
                    None => {
                        let text = format!("option requires an argument -- '{}'", lossy(&[letter]));
                        return Err(call.misuse(text));
                    }
                },
                Value::Optional if tail.is_empty() => None,
                _ => {
                    at = letters.len();
                    Some(tail.to_vec())
                }
            };
            self.found.push((option.name.to_string(), value));
        }
        Ok(())
    }

    /// Whether the option was given.
    pub fn has(&self, name: &str) -> bool {
        self.found.iter().any(|(found, _)| found == name)
    }

    /// How often the option was given.
    pub fn count(&self, name: &str) -> usize {
        self.found.iter().filter(|(found, _)| found == name).count()
    }

    /// The last value given for the option.
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.found.iter().rev().find(|(found, _)| found == name).and_then(|(_, value)| value.as_deref())
    }

    /// Every value given for the option, in order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.found.iter().filter(move |(found, _)| found == name).filter_map(|(_, value)| value.as_deref())
    }

    /// Which of these options came last, for those that undo each other.
    pub fn last_of<'a>(&self, names: &[&'a str]) -> Option<&'a str> {
        self.found.iter().rev().find_map(|(found, _)| names.iter().find(|name| *name == found).copied())
    }

    /// Every option with its value, in the order of the command line.
    pub fn in_order(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.found.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// The operands, or `-` where there are none.
    pub fn files(&self) -> Vec<Vec<u8>> {
        if self.operands.is_empty() { vec![b"-".to_vec()] } else { self.operands.clone() }
    }
}
