//! uniq: drops or counts repeated lines.

use coracle_sdk::OpenOptions;

use crate::applet::{Applet, Call, Failure, Outcome};
use crate::input::{Input, trimmed};
use crate::numbers;
use crate::output::Out;

pub static APPLET: Applet = Applet {
    name: "uniq",
    directory: "/usr/bin",
    summary: "Discard repeated lines",
    usage: "[-cduiDz] [-f N] [-s N] [-w N] [FILE [OUTFILE]]

Discard duplicate lines

\t-c\tPrefix lines by the number of occurrences
\t-d\tOnly print duplicate lines
\t-D\tPrint all duplicate lines
\t-u\tOnly print unique lines
\t-i\tIgnore case
\t-z\tLines end with a zero byte
\t-f N\tSkip the first N fields
\t-s N\tSkip the first N characters (after any skipped fields)
\t-w N\tCompare no more than N characters",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options(
        "c,count d,repeated D all-repeated:: u,unique i,ignore-case z,zero-terminated f:,skip-fields s:,skip-chars \
         w:,check-chars -NUM=f",
    )?;
    let number = |name: &str, default: usize| match options.value(name) {
        Some(text) => numbers::parse::<usize>(text),
        None => Ok(default),
    };
    let (fields, characters, width) = (number("f", 0)?, number("s", 0)?, number("w", usize::MAX)?);
    let fold = options.has("i");
    let key = |line: &[u8]| -> Vec<u8> {
        let mut rest = line;
        for _ in 0..fields {
            let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
            let start = rest.iter().position(|byte| !blank(byte)).unwrap_or(rest.len());
            let end = rest[start..].iter().position(blank).map_or(rest.len(), |n| start + n);
            rest = &rest[end..];
        }
        let rest = &rest[characters.min(rest.len())..];
        let rest = &rest[..width.min(rest.len())];
        if fold { rest.to_ascii_lowercase() } else { rest.to_vec() }
    };
    let plain = fields == 0 && characters == 0 && width == usize::MAX && !fold;
    let delimiter = if options.has("z") { 0 } else { b'\n' };
    let path = options.operands.first().map_or(b"-".as_slice(), Vec::as_slice);
    let mut input = Input::open(path).map_err(|errno| Failure::about(path, errno))?;
    let file;
    let mut out = match options.operands.get(1) {
        Some(path) if path != b"-" => {
            file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .open(path)
                .map_err(|errno| Failure::about(path, errno))?;
            Out::new(&file)
        }
        _ => Out::interactive(),
    };
    let all = options.has("D") || options.has("all-repeated");
    let show = |count: u64| !(options.has("d") && count < 2 || options.has("u") && count > 1);
    let (mut held, mut held_key, mut count) = (Vec::new(), Vec::new(), 0u64);
    let emit = |out: &mut Out<'_>, line: &[u8], count: u64| -> Result<(), Failure> {
        if count == 0 || all || !show(count) {
            return Ok(());
        }
        if options.has("c") {
            out.text(format_args!("{count:7} "))?;
        }
        out.put(line)?;
        out.byte(delimiter)
    };
    loop {
        let line = input.line(delimiter).map_err(|errno| Failure::about(path, errno))?;
        let Some(line) = line else { break };
        let line = trimmed(line, delimiter);
        let same = count > 0 && if plain { line == held.as_slice() } else { key(line) == held_key };
        if same {
            count += 1;
            if all {
                if count == 2 {
                    out.put(&held)?;
                    out.byte(delimiter)?;
                }
                out.put(line)?;
                out.byte(delimiter)?;
            }
            continue;
        }
        emit(&mut out, &held, count)?;
        held.clear();
        held.extend_from_slice(line);
        if !plain {
            held_key = key(line);
        }
        count = 1;
    }
    emit(&mut out, &held, count)?;
    out.finish(0)
}
