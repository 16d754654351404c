//! `compgen`, `complete`, `history`, `fc`, `help`: what scripts call of them.

use crate::pattern::{Pattern, PatternText};
use crate::shell::{Run, Shell};
use std::rc::Rc;

/// Accepted without effect: `bind`, `compopt`.
pub fn ignore(_: &mut Shell, _: &[Vec<u8>]) -> Run {
    Ok(0)
}

/// `help [name…]`
pub fn help(shell: &mut Shell, _: &[Vec<u8>]) -> Run {
    let mut names: Vec<&str> = super::NAMES.to_vec();
    names.sort_unstable();
    let mut out = String::new();
    for name in names {
        out.push_str(name);
        out.push('\n');
    }
    shell.print("help", out.as_bytes())
}

/// Collects the words an option of compgen asks for.
fn generate(
    shell: &mut Shell,
    letter: u8,
    value: &[u8],
    prefix: &[u8],
    out: &mut Vec<Vec<u8>>,
) -> Result<(), crate::shell::Unwind> {
    match letter {
        b'W' => {
            let mut parser = crate::syntax::Parser::for_text(value.to_vec(), shell.line, shell.parser_settings());
            let text = match parser.prompt_parts() {
                Ok(parts) => {
                    let mut builder = crate::expand::FieldBuilder::new(crate::expand::Mode::Single);
                    shell.expand_parts(&parts, true, &mut builder)?;
                    builder.into_single()
                }
                Err(_) => value.to_vec(),
            };
            let separators = shell.separators.clone();
            out.extend(
                text.split(|byte| separators.of(*byte) != 0).filter(|word| !word.is_empty()).map(<[u8]>::to_vec),
            );
        }
        b'a' => out.extend(shell.aliases.keys().cloned()),
        b'b' => out.extend(super::NAMES.iter().map(|name| name.as_bytes().to_vec())),
        b'c' => {
            out.extend(shell.aliases.keys().cloned());
            out.extend(super::NAMES.iter().map(|name| name.as_bytes().to_vec()));
            out.extend(shell.functions.keys().cloned());
            for directory in shell.path().split(|byte| *byte == b':') {
                if let Ok(entries) = coracle_sdk::fs::read_dir(if directory.is_empty() { b"." } else { directory }) {
                    out.extend(entries.filter_map(Result::ok).map(|entry| entry.name));
                }
            }
        }
        b'd' | b'f' => {
            let mut text = PatternText::default();
            text.push_quoted(prefix);
            text.push_active(b"*");
            let rules = crate::expand::glob::Rules {
                options: crate::pattern::Options::default(),
                dotglob: false,
                globstar: false,
                skip_dots: true,
            };
            out.extend(rules.expand(&text).unwrap_or_default().into_iter().filter(|path| {
                letter == b'f' || coracle_sdk::fs::stat(path).is_ok_and(|attributes| attributes.is_dir())
            }));
        }
        b'e' => out.extend(
            shell
                .variables
                .iter()
                .filter(|(_, variable)| variable.flags.has(crate::variables::Flags::EXPORT))
                .map(|(name, _)| name.to_vec()),
        ),
        b'j' => out.extend(shell.jobs.list.iter().map(|job| job.text.clone())),
        b'k' => out.extend(
            [
                "if", "then", "else", "elif", "fi", "case", "esac", "for", "select", "while", "until", "do", "done",
                "in", "function", "time", "{", "}", "!", "[[", "]]", "coproc",
            ]
            .iter()
            .map(|word| word.as_bytes().to_vec()),
        ),
        b'u' => out.extend(crate::accounts::names()),
        b'v' => out.extend(shell.variables.iter().map(|(name, _)| name.to_vec())),
        _ => {}
    }
    Ok(())
}

/// `compgen [options] [word]`
pub fn compgen(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let mut options = super::Options::new(arguments);
    let mut wanted: Vec<(u8, Vec<u8>)> = Vec::new();
    let (mut before, mut after, mut filter) = (Vec::new(), Vec::new(), None);
    let operands = loop {
        match options.next(b"abcdefgjksuvAGWFCXPSo") {
            super::Parsed::Option(letter @ (b'W' | b'A' | b'G' | b'F' | b'C' | b'X' | b'P' | b'S' | b'o')) => {
                let value = options.value().map(<[u8]>::to_vec).unwrap_or_default();
                match letter {
                    b'P' => before = value,
                    b'S' => after = value,
                    b'X' => filter = Some(value),
                    b'A' => {
                        let letter = match value.as_slice() {
                            b"alias" => b'a',
                            b"builtin" => b'b',
                            b"command" => b'c',
                            b"directory" => b'd',
                            b"export" => b'e',
                            b"file" => b'f',
                            b"function" => b'1',
                            b"job" => b'j',
                            b"keyword" => b'k',
                            b"user" => b'u',
                            b"variable" => b'v',
                            b"setopt" => b'2',
                            b"shopt" => b'3',
                            b"signal" => b'4',
                            _ => b'0',
                        };
                        wanted.push((letter, Vec::new()));
                    }
                    other => wanted.push((other, value)),
                }
            }
            super::Parsed::Option(letter) => wanted.push((letter, Vec::new())),
            super::Parsed::Bad(letter) => return shell.bad_option(b"compgen", letter, "compgen [-abcdefgjksuv] [-o option] [-A action] [-G globpat] [-W wordlist] [-F function] [-C command] [-X filterpat] [-P prefix] [-S suffix] [word]"),
            super::Parsed::Operands(operands) => break operands,
        }
    };
    let prefix = operands.first().cloned().unwrap_or_default();
    let mut words = Vec::new();
    for (letter, value) in wanted {
        let mut some = Vec::new();
        match letter {
            b'1' => some.extend(shell.functions.keys().cloned()),
            b'2' => some.extend(crate::options::Options::SET.iter().map(|(name, _)| name.as_bytes().to_vec())),
            b'3' => some.extend(crate::options::Options::SHOPT.iter().map(|name| name.as_bytes().to_vec())),
            b'4' => some
                .extend(coracle_sdk::signal::Signal::all().map(|signal| format!("SIG{}", signal.name()).into_bytes())),
            b'F' => {
                if let Some(function) = shell.functions.get(&value).cloned() {
                    shell.variables.remove(b"COMPREPLY");
                    shell.call_function(
                        &function,
                        vec![value.clone(), b"compgen".to_vec(), prefix.clone(), Vec::new()],
                    )?;
                    some.extend(
                        shell
                            .variables
                            .get(b"COMPREPLY")
                            .map(|variable| crate::expand::elements(&variable.value))
                            .unwrap_or_default(),
                    );
                }
                words.extend(some);
                continue;
            }
            other => generate(shell, other, &value, &prefix, &mut some)?,
        }
        if letter != b'W' {
            some.sort();
            some.dedup();
        }
        words.extend(some.into_iter().filter(|word| word.starts_with(&prefix)));
    }
    if let Some(filter) = filter {
        let (negated, text) = match filter.strip_prefix(b"!") {
            Some(rest) => (true, rest.to_vec()),
            None => (false, filter),
        };
        let mut source = PatternText::default();
        source.push_active(&text);
        let pattern = Pattern::new(&source, shell.pattern_options());
        words.retain(|word| pattern.matches(word) == negated);
    }
    let found = !words.is_empty();
    let mut out = Vec::new();
    for word in words {
        out.extend_from_slice(&before);
        out.extend_from_slice(&word);
        out.extend_from_slice(&after);
        out.push(b'\n');
    }
    shell.print("compgen", &out)?;
    Ok(i32::from(!found))
}

/// `complete [options] name…`
pub fn complete(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let mut options = super::Options::new(arguments);
    let (mut print, mut remove) = (false, false);
    let operands = loop {
        match options.next(b"abcdefgjksuvprDEIAGWFCXPSo") {
            super::Parsed::Option(b'p') => print = true,
            super::Parsed::Option(b'r') => remove = true,
            super::Parsed::Option(b'W' | b'A' | b'G' | b'F' | b'C' | b'X' | b'P' | b'S' | b'o') => {
                options.value();
            }
            super::Parsed::Option(_) => {}
            super::Parsed::Bad(letter) => return shell.bad_option(b"complete", letter, "complete [-abcdefgjksuv] [-pr] [-DEI] [-o option] [-A action] [-G globpat] [-W wordlist] [-F function] [-C command] [-X filterpat] [-P prefix] [-S suffix] [name ...]"),
            super::Parsed::Operands(operands) => break operands,
        }
    };
    if print || (operands.is_empty() && !remove) {
        let mut out = Vec::new();
        let mut status = 0;
        for (name, line) in shell.completions.iter().filter(|(name, _)| operands.is_empty() || operands.contains(name))
        {
            let _ = name;
            out.extend_from_slice(line);
            out.push(b'\n');
        }
        for name in operands {
            if !shell.completions.contains_key(name) {
                status = 1;
            }
        }
        shell.print("complete", &out)?;
        return Ok(status);
    }
    let line: Vec<u8> = arguments
        .get(..arguments.len() - operands.len())
        .unwrap_or_default()
        .iter()
        .map(|word| crate::escapes::quote_if_needed(word))
        .collect::<Vec<_>>()
        .join(&b' ');
    let map = Rc::make_mut(&mut shell.completions);
    if remove && operands.is_empty() {
        map.clear();
    }
    for name in operands {
        if remove {
            map.remove(name);
        } else {
            map.insert(name.clone(), [&line[..], b" ", name].concat());
        }
    }
    Ok(0)
}

/// `history [-c] [-d n] [n]`
pub fn history(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    match arguments.get(1).map(Vec::as_slice) {
        Some(b"-c") => {
            shell.history.clear();
            Ok(0)
        }
        Some(b"-d") => {
            let number = arguments
                .get(2)
                .and_then(|text| super::number(text))
                .and_then(|number| usize::try_from(number).ok())
                .unwrap_or(0);
            if shell.history.remove(number) {
                return Ok(0);
            }
            shell.builtin_error(b"history", b"history position out of range");
            Ok(1)
        }
        Some(b"-s") => {
            let text = arguments.get(2..).unwrap_or_default().join(&b' ');
            shell.history.add(&text, None);
            Ok(0)
        }
        Some(b"-a" | b"-r" | b"-w" | b"-n" | b"-p") => Ok(0),
        count => {
            let count =
                count.and_then(super::number).and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
            let skip = shell.history.lines().len().saturating_sub(count);
            let mut out = Vec::new();
            for (number, line) in shell.history.entries().skip(skip) {
                out.extend_from_slice(format!("{number:5}  ").as_bytes());
                out.extend_from_slice(line);
                out.push(b'\n');
            }
            shell.print("history", &out)
        }
    }
}

/// `fc -l [first [last]]`, `fc -s [old=new] [first]`
pub fn fc(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let (mut list, mut numbers, mut reverse, mut again) = (false, true, false, false);
    let mut operands = arguments.get(1..).unwrap_or_default();
    while let Some(first) = operands.first() {
        match first.split_first() {
            Some((b'-', letters))
                if !letters.is_empty() && letters.iter().all(|letter| matches!(letter, b'l' | b'n' | b'r' | b's')) =>
            {
                for letter in letters {
                    match letter {
                        b'l' => list = true,
                        b'n' => numbers = false,
                        b'r' => reverse = true,
                        _ => again = true,
                    }
                }
                operands = operands.get(1..).unwrap_or_default();
            }
            _ => break,
        }
    }
    let entries: Vec<(usize, Vec<u8>)> = shell.history.entries().map(|(number, line)| (number, line.clone())).collect();
    let place = |text: &Vec<u8>| -> Option<usize> {
        match super::number(text) {
            Some(number) if number > 0 => entries.iter().position(|(known, _)| *known as i64 == number),
            Some(number) => entries.len().checked_sub(number.unsigned_abs() as usize),
            None => entries.iter().rposition(|(_, line)| line.starts_with(text)),
        }
    };
    if again {
        let (old, new, rest) = match operands
            .first()
            .and_then(|first| first.iter().position(|byte| *byte == b'=').map(|at| first.split_at(at)))
        {
            Some((old, new)) => {
                (old.to_vec(), new.get(1..).unwrap_or_default().to_vec(), operands.get(1..).unwrap_or_default())
            }
            None => (Vec::new(), Vec::new(), operands),
        };
        let at = rest.first().map_or(entries.len().checked_sub(1), place);
        let Some((_, line)) = at.and_then(|at| entries.get(at)) else {
            shell.builtin_error(b"fc", b"no command found");
            return Ok(1);
        };
        let mut text = line.clone();
        if !old.is_empty()
            && let Some(found) = text.windows(old.len()).position(|window| window == old)
        {
            text.splice(found..found + old.len(), new);
        }
        shell.write_error(&[&text[..], b"\n"].concat());
        let line = shell.line;
        return shell.run_text(text.into(), line, "eval");
    }
    if !list {
        shell.builtin_error(b"fc", b"no editor");
        return Ok(1);
    }
    let last = entries.len().saturating_sub(1);
    let first = operands.first().map_or(Some(entries.len().saturating_sub(16)), place);
    let end = operands.get(1).map_or(Some(last), place);
    let (Some(first), Some(end)) = (first, end) else {
        shell.builtin_error(b"fc", b"history specification out of range");
        return Ok(1);
    };
    let mut chosen: Vec<&(usize, Vec<u8>)> =
        entries.iter().skip(first.min(end)).take(first.abs_diff(end) + 1).collect();
    if reverse || first > end {
        chosen.reverse();
    }
    let mut out = Vec::new();
    for (number, line) in chosen {
        if numbers {
            out.extend_from_slice(number.to_string().as_bytes());
        }
        out.extend_from_slice(b"\t ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    shell.print("fc", &out)
}
