//! wc: counts lines, words, characters and bytes.

use coracle_sdk::fs::Kind;
use std::io::SeekFrom;

use crate::applet::{Applet, Call, Failure, Outcome};
use crate::columns;
use crate::input::Input;
use crate::output::Out;

pub static APPLET: Applet = Applet {
    name: "wc",
    directory: "/usr/bin",
    summary: "Count lines, words and bytes",
    usage: "[-cmlwL] [FILE]...

Count lines, words and bytes of FILEs (or standard input)

\t-c\tBytes
\t-m\tCharacters
\t-l\tNewlines
\t-w\tWords
\t-L\tLength of the longest line",
    run,
};

#[derive(Default, Clone, Copy)]
struct Counts {
    lines: u64,
    words: u64,
    characters: u64,
    bytes: u64,
    longest: u64,
}

#[derive(Clone, Copy)]
struct Wanted {
    lines: bool,
    words: bool,
    characters: bool,
    bytes: bool,
    longest: bool,
}

fn run(call: &Call) -> Outcome {
    let options = call.options("c,bytes m,chars l,lines w,words L,max-line-length files0-from: total:")?;
    let mut wanted = Wanted {
        lines: options.has("l"),
        words: options.has("w"),
        characters: options.has("m"),
        bytes: options.has("c"),
        longest: options.has("L"),
    };
    if !(wanted.lines || wanted.words || wanted.characters || wanted.bytes || wanted.longest) {
        (wanted.lines, wanted.words, wanted.bytes) = (true, true, true);
    }
    let mut files = options.operands.clone();
    if let Some(list) = options.value("files0-from") {
        let mut input = Input::open(list).map_err(|errno| Failure::about(list, errno))?;
        let all = input.rest().map_err(|errno| Failure::about(list, errno))?;
        files = all.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect();
    }
    let unnamed = files.is_empty();
    if unnamed {
        files.push(b"-".to_vec());
    }
    let columns = [wanted.lines, wanted.words, wanted.characters, wanted.bytes, wanted.longest];
    let single = columns.iter().filter(|wanted| **wanted).count() == 1;
    let width = if single { 1 } else { 9 };
    let mut total = Counts::default();
    let mut out = Out::stdout();
    let mut status = 0;
    for path in &files {
        match count(path, wanted) {
            Ok(counts) => {
                total.lines += counts.lines;
                total.words += counts.words;
                total.characters += counts.characters;
                total.bytes += counts.bytes;
                total.longest = total.longest.max(counts.longest);
                print(&mut out, wanted, counts, width, if unnamed { b"" } else { path })?;
            }
            Err(errno) => {
                out.flush()?;
                call.warn_about(path, errno);
                status = 1;
            }
        }
    }
    if files.len() > 1 {
        print(&mut out, wanted, total, width, b"total")?;
    }
    out.finish(status)
}

fn print(out: &mut Out<'_>, wanted: Wanted, counts: Counts, width: usize, name: &[u8]) -> Result<(), Failure> {
    let mut first = true;
    for (wanted, number) in [
        (wanted.lines, counts.lines),
        (wanted.words, counts.words),
        (wanted.characters, counts.characters),
        (wanted.bytes, counts.bytes),
        (wanted.longest, counts.longest),
    ] {
        if wanted {
            out.text(format_args!("{}{number:>width$}", if first { "" } else { " " }))?;
            first = false;
        }
    }
    if !name.is_empty() {
        out.byte(b' ')?;
        out.put(name)?;
    }
    out.byte(b'\n')
}

fn count(path: &[u8], wanted: Wanted) -> coracle_sdk::Result<Counts> {
    let mut input = Input::open(path)?;
    let mut counts = Counts::default();
    if wanted.bytes && !(wanted.lines || wanted.words || wanted.characters || wanted.longest) {
        // The size of a regular file is known without reading it.
        if let Ok(at) = input.file().attributes()
            && at.kind == Kind::Regular
            && at.size > 0
            && let Ok(position) = input.file().seek_to(SeekFrom::Current(0))
        {
            counts.bytes = at.size.saturating_sub(position);
            return Ok(counts);
        }
    }
    if wanted.longest {
        return by_line(&mut input);
    }
    let mut in_word = false;
    while let Some(chunk) = input.chunk()? {
        counts.bytes += chunk.len() as u64;
        if wanted.characters {
            counts.characters += chunk.iter().filter(|byte| **byte & 0xc0 != 0x80).count() as u64;
        }
        if !wanted.words {
            if wanted.lines {
                counts.lines += memchr::memchr_iter(b'\n', chunk).count() as u64;
            }
            continue;
        }
        for &byte in chunk {
            counts.lines += u64::from(byte == b'\n');
            let space = SPACE[usize::from(byte)];
            counts.words += u64::from(!space & !in_word);
            in_word = !space;
        }
    }
    Ok(counts)
}

const SPACE: [bool; 256] = {
    let mut table = [false; 256];
    table[32] = true;
    let mut byte = 9;
    while byte <= 13 {
        table[byte] = true;
        byte += 1;
    }
    table
};

fn by_line(input: &mut Input) -> coracle_sdk::Result<Counts> {
    let mut counts = Counts::default();
    while let Some(line) = input.line(b'\n')? {
        counts.bytes += line.len() as u64;
        counts.characters += line.iter().filter(|byte| **byte & 0xc0 != 0x80).count() as u64;
        counts.lines += u64::from(line.last() == Some(&b'\n'));
        counts.words += line.split(|byte| SPACE[usize::from(*byte)]).filter(|word| !word.is_empty()).count() as u64;
        let mut width = 0;
        for part in crate::input::trimmed(line, b'\n').split_inclusive(|byte| *byte == b'\t') {
            width += columns::width(crate::input::trimmed(part, b'\t'));
            if part.last() == Some(&b'\t') {
                width = (width / 8 + 1) * 8;
            }
        }
        counts.longest = counts.longest.max(width as u64);
    }
    Ok(counts)
}
