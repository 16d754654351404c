//! cut: selects bytes, characters or fields of lines.

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::input::{Input, trimmed};
use crate::output::Out;

pub static APPLET: Applet = Applet {
    name: "cut",
    directory: "/usr/bin",
    summary: "Print selected fields of lines",
    usage: "-b|-c|-f LIST [-d DELIM] [-s] [-n] [FILE]...

Print selected parts of the lines of FILEs

\t-b LIST\tOnly these bytes
\t-c LIST\tOnly these characters
\t-f LIST\tOnly these fields
\t-d C\tFields are separated by C (default tab)
\t-D\tKeep the order of LIST, print lines without C only with it
\t-s\tDrop lines without the separator
\t-z\tLines end with a zero byte
\t--complement\tEverything else
\t--output-delimiter=STRING
LIST is N, N-, N-M, -M, separated by commas",
    run,
};

fn ranges(text: &[u8]) -> Option<Vec<(usize, usize)>> {
    let mut ranges = Vec::new();
    for part in text.split(|byte| *byte == b',' || *byte == b' ') {
        let number = |text: &[u8], default| {
            if text.is_empty() {
                Some(default)
            } else {
                std::str::from_utf8(text).ok()?.parse::<usize>().ok().filter(|n| *n > 0)
            }
        };
        let range = match part.iter().position(|byte| *byte == b'-') {
            Some(_) if part == b"-" => return None,
            Some(at) => (number(&part[..at], 1)?, number(&part[at + 1..], usize::MAX)?),
            None if part.is_empty() => return None,
            None => (number(part, 1)?, number(part, 1)?),
        };
        if range.0 > range.1 {
            return None;
        }
        ranges.push(range);
    }
    Some(ranges)
}

/// Sorted and merged; the complement where asked for.
fn normalise(mut ranges: Vec<(usize, usize)>, complement: bool) -> Vec<(usize, usize)> {
    ranges.sort_unstable();
    let mut merged: Vec<(usize, usize)> = Vec::new();
    for (start, end) in ranges {
        match merged.last_mut() {
            // Neighbours stay apart: between them stands an output delimiter.
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    if !complement {
        return merged;
    }
    let mut rest = Vec::new();
    let mut next = 1;
    for (start, end) in merged {
        if start > next {
            rest.push((next, start - 1));
        }
        next = end.saturating_add(1);
        if end == usize::MAX {
            return rest;
        }
    }
    rest.push((next, usize::MAX));
    rest
}

fn run(call: &Call) -> Outcome {
    let options = call.options(
        "b:,bytes c:,characters f:,fields d:,delimiter D s,only-delimited n z,zero-terminated complement output-delimiter:",
    )?;
    let kinds: Vec<&str> = ["b", "c", "f"].into_iter().filter(|kind| options.has(kind)).collect();
    let &[kind] = kinds.as_slice() else {
        return Err(call.misuse(if kinds.is_empty() {
            "expected a list of bytes, characters, or fields"
        } else {
            "only one type of list may be specified"
        }));
    };
    let text = options.values(kind).collect::<Vec<_>>().join(&b',');
    let list = ranges(&text).ok_or_else(|| Failure::new(format!("invalid range {}", lossy(&text))))?;
    if kind != "f" && (options.has("d") || options.has("s")) {
        return Err(Failure::new(if options.has("d") {
            "a delimiter may be specified only when operating on fields"
        } else {
            "suppressing non-delimited lines makes sense only when operating on fields"
        }));
    }
    let list = if options.has("D") { list } else { normalise(list, options.has("complement")) };
    let delimiter = match options.value("d") {
        Some(b"") => 0,
        Some([byte]) => *byte,
        Some(_) => return Err(Failure::new("the delimiter must be a single character")),
        None => b'\t',
    };
    let between = options.value("output-delimiter").map(<[u8]>::to_vec);
    let end = if options.has("z") { 0 } else { b'\n' };
    let mut out = Out::interactive();
    let mut status = 0;
    for path in options.files() {
        let mut input = match Input::open(&path) {
            Ok(input) => input,
            Err(errno) => {
                out.flush()?;
                call.warn_about(&path, errno);
                status = 1;
                continue;
            }
        };
        while let Some(line) = input.line(end).map_err(|errno| Failure::about(&path, errno))? {
            let line = trimmed(line, end);
            match kind {
                "f" => {
                    if memchr::memchr(delimiter, line).is_none() {
                        if options.has("s") {
                            continue;
                        }
                        out.put(line)?;
                    } else {
                        fields(
                            line,
                            &list,
                            delimiter,
                            between.as_deref().unwrap_or(&[delimiter]),
                            options.has("D"),
                            &mut out,
                        )?;
                    }
                }
                "c" if !line.is_ascii() && std::str::from_utf8(line).is_ok() => {
                    let starts: Vec<usize> = String::from_utf8_lossy(line).char_indices().map(|(at, _)| at).collect();
                    pieces(
                        line,
                        &list,
                        |n| starts.get(n).copied().unwrap_or(line.len()),
                        between.as_deref(),
                        &mut out,
                    )?;
                }
                _ => pieces(line, &list, |n| n.min(line.len()), between.as_deref(), &mut out)?,
            }
            out.byte(end)?;
        }
    }
    out.finish(status)
}

fn pieces(
    line: &[u8],
    list: &[(usize, usize)],
    offset: impl Fn(usize) -> usize,
    between: Option<&[u8]>,
    out: &mut Out<'_>,
) -> Result<(), Failure> {
    let mut first = true;
    for &(start, end) in list {
        let (from, to) = (offset(start - 1), offset(end));
        if from >= line.len() {
            continue;
        }
        if let (false, Some(between)) = (first, between) {
            out.put(between)?;
        }
        out.put(&line[from..to])?;
        first = false;
    }
    Ok(())
}

fn fields(
    line: &[u8],
    list: &[(usize, usize)],
    delimiter: u8,
    between: &[u8],
    in_order: bool,
    out: &mut Out<'_>,
) -> Result<(), Failure> {
    let mut first = true;
    let mut emit = |field: &[u8], out: &mut Out<'_>| -> Result<(), Failure> {
        if !first {
            out.put(between)?;
        }
        first = false;
        out.put(field)
    };
    if in_order {
        let all: Vec<&[u8]> = line.split(|byte| *byte == delimiter).collect();
        for &(start, end) in list {
            for field in all.iter().take(end).skip(start - 1) {
                emit(field, out)?;
            }
        }
        return Ok(());
    }
    let mut number = 0;
    let mut at = 0;
    let mut ranges = list.iter().peekable();
    loop {
        number += 1;
        let end = memchr::memchr(delimiter, &line[at..]).map_or(line.len(), |n| at + n);
        while ranges.peek().is_some_and(|range| range.1 < number) {
            ranges.next();
        }
        let Some(range) = ranges.peek() else { return Ok(()) };
        if range.0 <= number {
            // To the end of the line nothing need be looked at.
            if range.1 == usize::MAX && between == [delimiter] {
                return emit(&line[at..], out);
            }
            emit(&line[at..end], out)?;
        }
        if end == line.len() {
            return Ok(());
        }
        at = end + 1;
    }
}
