//! tac, rev, nl, paste, fold, expand, unexpand, shuf, strings: one idea each
//! about lines.

use coracle_posix::regex::{Flags, Regex};
use coracle_sdk::system;

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::input::{Input, trimmed};
use crate::output::Out;
use crate::{columns, numbers};

pub static TAC: Applet = Applet {
    name: "tac",
    directory: "/usr/bin",
    summary: "Print lines in reverse",
    usage: "[-s SEPARATOR] [FILE]...

Concatenate FILEs and print them in reverse, line by line",
    run: tac,
};

pub static REV: Applet = Applet {
    name: "rev",
    directory: "/usr/bin",
    summary: "Reverse the characters of lines",
    usage: "[FILE]...

Reverse lines of FILEs",
    run: rev,
};

pub static NL: Applet = Applet {
    name: "nl",
    directory: "/usr/bin",
    summary: "Number lines",
    usage: "[-p] [-b TYPE] [-i N] [-l N] [-n FMT] [-s SEP] [-v N] [-w N] [FILE]...

Write FILEs with line numbers added

\t-b TYPE\tWhich lines to number: a all, t nonempty (default), n none, pBRE
\t-i N\tLine number increment
\t-l N\tCount N empty lines as one
\t-n FMT\tln left, rn right (default), rz right with zeros
\t-p\tDon't reset at sections
\t-s SEP\tPut SEP after the number (default tab)
\t-v N\tStart from N
\t-w N\tWidth of the number (default 6)",
    run: nl,
};

pub static PASTE: Applet = Applet {
    name: "paste",
    directory: "/usr/bin",
    summary: "Merge lines of files",
    usage: "[-sz] [-d LIST] [FILE]...

Paste lines from each FILE side by side, separated by tabs

\t-d LIST\tUse characters of LIST instead of tabs
\t-s\tSerial: one file at a time
\t-z\tLines end with a zero byte",
    run: paste,
};

pub static FOLD: Applet = Applet {
    name: "fold",
    directory: "/usr/bin",
    summary: "Wrap lines to a width",
    usage: "[-bs] [-w WIDTH] [FILE]...

Wrap lines of FILEs

\t-b\tCount bytes rather than columns
\t-s\tBreak at spaces
\t-w N\tUse N columns instead of 80",
    run: fold,
};

pub static EXPAND: Applet = Applet {
    name: "expand",
    directory: "/usr/bin",
    summary: "Convert tabs to spaces",
    usage: "[-i] [-t N] [FILE]...

Convert tabs to spaces

\t-i\tDon't convert tabs after nonblanks
\t-t N\tTab stops every N characters, or at a list of places",
    run: expand,
};

pub static UNEXPAND: Applet = Applet {
    name: "unexpand",
    directory: "/usr/bin",
    summary: "Convert spaces to tabs",
    usage: "[-fa][-t N] [FILE]...

Convert spaces to tabs

\t-a\tConvert all blanks
\t-f\tConvert only leading blanks
\t-t N\tTab stops every N characters",
    run: unexpand,
};

pub static SHUF: Applet = Applet {
    name: "shuf",
    directory: "/usr/bin",
    summary: "Shuffle lines",
    usage: "[-n NUM] [-o FILE] [-rz] [FILE | -e [ARG]... | -i L-H]

Randomly permute lines

\t-n NUM\tOutput at most NUM lines
\t-o FILE\tWrite to FILE
\t-r\tRepeat lines
\t-z\tLines end with a zero byte
\t-e\tTreat ARGs as lines
\t-i L-H\tTreat numbers L-H as lines",
    run: shuf,
};

pub static STRINGS: Applet = Applet {
    name: "strings",
    directory: "/usr/bin",
    summary: "Print printable strings of files",
    usage: "[-fo] [-t o|d|x] [-n LEN] [FILE]...

Display printable strings in a binary file

\t-f\tPrecede strings with filenames
\t-o\tPrecede strings with octal offsets
\t-t o|d|x\tPrecede strings with offsets
\t-n LEN\tAt least LEN characters form a string (default 4)",
    run: strings,
};

/// Runs `each` over the lines of all files; what cannot be read is said.
fn for_lines(
    call: &Call,
    files: &[Vec<u8>],
    out: &mut Out<'_>,
    mut each: impl FnMut(&[u8], &mut Out<'_>) -> Result<(), Failure>,
) -> Result<u8, Failure> {
    let mut status = 0;
    for path in files {
        let mut input = match Input::open(path) {
            Ok(input) => input,
            Err(errno) => {
                out.flush()?;
                call.warn_about(path, errno);
                status = 1;
                continue;
            }
        };
        loop {
            match input.line(b'\n') {
                Ok(Some(line)) => each(line, out)?,
                Ok(None) => break,
                Err(errno) => {
                    out.flush()?;
                    call.warn_about(path, errno);
                    status = 1;
                    break;
                }
            }
        }
    }
    Ok(status)
}

fn tac(call: &Call) -> Outcome {
    let options = call.options("b,before r,regex s:,separator")?;
    let separator = options.value("s").unwrap_or(b"\n").to_vec();
    let mut out = Out::stdout();
    let mut status = 0;
    for path in options.files() {
        let text = match Input::open(&path).and_then(|mut input| input.rest()) {
            Ok(text) => text,
            Err(errno) => {
                call.warn_about(&path, errno);
                status = 1;
                continue;
            }
        };
        let mut end = text.len();
        let mut starts: Vec<usize> =
            memchr::memmem::find_iter(&text, &separator).map(|at| at + separator.len()).collect();
        if starts.last() == Some(&text.len()) {
            starts.pop();
        }
        for start in starts.into_iter().rev().chain([0]) {
            out.put(&text[start..end])?;
            end = start;
        }
    }
    out.finish(status)
}

fn rev(call: &Call) -> Outcome {
    let options = call.options("")?;
    let mut out = Out::interactive();
    let status = for_lines(call, &options.files(), &mut out, |line, out| {
        let text = trimmed(line, b'\n');
        let reversed = match std::str::from_utf8(text) {
            Ok(text) => text.chars().rev().collect::<String>().into_bytes(),
            Err(_) => text.iter().rev().copied().collect(),
        };
        out.put(&reversed)?;
        out.put(&line[text.len()..])
    })?;
    out.finish(status)
}

fn nl(call: &Call) -> Outcome {
    let options = call.options(
        "b:,body-numbering d:,section-delimiter f:,footer-numbering h:,header-numbering i:,line-increment l:,join-blank-lines \
         n:,number-format p,no-renumber s:,number-separator v:,starting-line-number w:,number-width",
    )?;
    let number = |name: &str, default: i64| options.value(name).map_or(Ok(default), numbers::parse::<i64>);
    let (start, step, width) = (number("v", 1)?, number("i", 1)?, number("w", 6)?.clamp(1, 1000) as usize);
    let join = number("l", 1)?.max(1);
    let separator = options.value("s").unwrap_or(b"\t").to_vec();
    let format = options.value("n").unwrap_or(b"rn").to_vec();
    let style = |name: &str, default: &[u8]| options.value(name).unwrap_or(default).to_vec();
    let styles = [style("h", b"n"), style("b", b"t"), style("f", b"n")];
    let mut regexes = Vec::new();
    for style in &styles {
        regexes.push(match style.strip_prefix(b"p") {
            Some(pattern) => {
                Some(Regex::new(pattern, Flags::default()).map_err(|error| Failure::new(error.to_string()))?)
            }
            None => None,
        });
    }
    let (mut section, mut count, mut blanks) = (1usize, start, 0);
    let mut out = Out::interactive();
    let status = for_lines(call, &options.files(), &mut out, |line, out| {
        let text = trimmed(line, b'\n');
        let marks = [&b"\\:\\:\\:"[..], b"\\:\\:", b"\\:"];
        if let Some(found) = marks.iter().position(|mark| *mark == text) {
            section = found;
            if !options.has("p") {
                count = start;
            }
            return out.byte(b'\n');
        }
        let numbered = match styles[section].first() {
            Some(b'a') => {
                blanks = if text.is_empty() { blanks + 1 } else { 0 };
                let full = !text.is_empty() || blanks == join;
                if full && text.is_empty() {
                    blanks = 0;
                }
                full
            }
            Some(b't') => !text.is_empty(),
            Some(b'p') => regexes[section].as_ref().is_some_and(|regex| regex.is_match(text)),
            _ => false,
        };
        if numbered {
            let shown = match format.as_slice() {
                b"ln" => format!("{count:<width$}"),
                b"rz" => format!("{count:0>width$}"),
                _ => format!("{count:>width$}"),
            };
            out.put(shown.as_bytes())?;
            out.put(&separator)?;
            count += step;
        } else {
            out.put(&vec![b' '; width + separator.len()])?;
        }
        out.line(text)
    })?;
    out.finish(status)
}

fn paste(call: &Call) -> Outcome {
    let options = call.options("d:,delimiters s,serial z,zero-terminated")?;
    let end = if options.has("z") { 0 } else { b'\n' };
    let mut delimiters: Vec<Vec<u8>> = Vec::new();
    let text = options.value("d").unwrap_or(b"\t");
    let mut at = 0;
    while at < text.len() {
        if text[at] == b'\\' && at + 1 < text.len() {
            delimiters.push(match text[at + 1] {
                b'n' => b"\n".to_vec(),
                b't' => b"\t".to_vec(),
                b'0' => Vec::new(),
                other => vec![other],
            });
            at += 2;
        } else {
            delimiters.push(vec![text[at]]);
            at += 1;
        }
    }
    if delimiters.is_empty() {
        delimiters.push(Vec::new());
    }
    let mut out = Out::stdout();
    let files = options.files();
    if options.has("s") {
        let mut status = 0;
        for path in &files {
            let mut input = match Input::open(path) {
                Ok(input) => input,
                Err(errno) => {
                    call.warn_about(path, errno);
                    status = 1;
                    continue;
                }
            };
            let mut index = 0;
            while let Some(line) = input.line(end).map_err(|errno| Failure::about(path, errno))? {
                if index > 0 {
                    out.put(&delimiters[(index - 1) % delimiters.len()])?;
                }
                out.put(trimmed(line, end))?;
                index += 1;
            }
            out.byte(end)?;
        }
        return out.finish(status);
    }
    let mut shared: Option<usize> = None;
    let mut inputs: Vec<Option<Input>> = Vec::new();
    let mut sources = Vec::new();
    for path in &files {
        if path == b"-" {
            // Every - takes the next line of the same input.
            let place = *shared.get_or_insert(inputs.len());
            if place == inputs.len() {
                inputs.push(Some(Input::stdin().map_err(|errno| Failure::about("stdin", errno))?));
            }
            sources.push(place);
        } else {
            inputs.push(Some(Input::open(path).map_err(|errno| Failure::about(path, errno))?));
            sources.push(inputs.len() - 1);
        }
    }
    loop {
        let mut row = Vec::new();
        let mut any = false;
        for (index, place) in sources.iter().enumerate() {
            if index > 0 {
                row.extend_from_slice(&delimiters[(index - 1) % delimiters.len()]);
            }
            if let Some(input) = &mut inputs[*place] {
                match input.line(end).map_err(|errno| Failure::about(&files[index], errno))? {
                    Some(line) => {
                        row.extend_from_slice(trimmed(line, end));
                        any = true;
                    }
                    None => inputs[*place] = None,
                }
            }
        }
        if !any {
            return out.finish(0);
        }
        out.put(&row)?;
        out.byte(end)?;
    }
}

fn fold(call: &Call) -> Outcome {
    let options = call.options("b,bytes s,spaces w:,width -NUM=w")?;
    let width = options.value("w").map_or(Ok(80), numbers::parse::<usize>)?;
    if width == 0 {
        return Err(Failure::new("invalid number '0'"));
    }
    let bytes = options.has("b");
    let mut out = Out::interactive();
    let status = for_lines(call, &options.files(), &mut out, |line, out| {
        let text = trimmed(line, b'\n');
        let (mut start, mut column, mut at) = (0, 0usize, 0);
        let mut blank: Option<usize> = None;
        while at < text.len() {
            let (character, length) = coracle_posix::bracket::decode(&text[at..], true).unwrap_or((0, 1));
            let length = if bytes { 1 } else { length };
            let next = match (bytes, text[at]) {
                (true, _) => column + 1,
                (_, b'\t') => (column / 8 + 1) * 8,
                (_, 8) => column.saturating_sub(1),
                (_, b'\r') => 0,
                _ => column + char::from_u32(character).map_or(1, columns::character_width),
            };
            if next > width && at > start {
                let cut = blank.filter(|_| options.has("s")).unwrap_or(at);
                out.line(&text[start..cut])?;
                start = cut;
                at = cut;
                column = 0;
                blank = None;
                continue;
            }
            column = next;
            at += length;
            if matches!(text[at - length], b' ' | b'\t') {
                blank = Some(at);
            }
        }
        out.put(&text[start..])?;
        out.put(&line[text.len()..])
    })?;
    out.finish(status)
}

/// Tab stops: every N columns, or a list.
struct Stops {
    every: usize,
    list: Vec<usize>,
}

impl Stops {
    fn parse(text: Option<&[u8]>) -> Result<Stops, Failure> {
        let Some(text) = text else { return Ok(Stops { every: 8, list: Vec::new() }) };
        let list = text
            .split(|byte| matches!(byte, b',' | b' '))
            .filter(|part| !part.is_empty())
            .map(numbers::parse::<usize>)
            .collect::<Result<Vec<_>, _>>()?;
        match list.as_slice() {
            [] | [0] => Err(Failure::new(format!("invalid number '{}'", lossy(&text)))),
            [every] => Ok(Stops { every: *every, list: Vec::new() }),
            _ => Ok(Stops { every: 0, list }),
        }
    }

    fn next(&self, column: usize) -> usize {
        if let Some(stops) = column.checked_div(self.every) {
            return (stops + 1) * self.every;
        }
        self.list.iter().copied().find(|stop| *stop > column).unwrap_or(column + 1)
    }
}

fn expand(call: &Call) -> Outcome {
    let options = call.options("i,initial t:,tabs -NUM=t")?;
    let stops = Stops::parse(options.value("t"))?;
    let mut out = Out::interactive();
    let status = for_lines(call, &options.files(), &mut out, |line, out| {
        let (mut column, mut at, mut leading) = (0usize, 0, true);
        while at < line.len() {
            let (character, length) = coracle_posix::bracket::decode(&line[at..], true).unwrap_or((0, 1));
            match line[at] {
                b'\t' if leading || !options.has("i") => {
                    let next = stops.next(column);
                    out.put(&vec![b' '; next - column])?;
                    column = next;
                }
                byte => {
                    leading = leading && matches!(byte, b' ' | b'\t');
                    out.put(&line[at..at + length])?;
                    column = if byte == 8 {
                        column.saturating_sub(1)
                    } else {
                        column + char::from_u32(character).map_or(1, columns::character_width)
                    };
                }
            }
            at += length;
        }
        Ok(())
    })?;
    out.finish(status)
}

fn unexpand(call: &Call) -> Outcome {
    let options = call.options("a,all f,first-only t:,tabs")?;
    let stops = Stops::parse(options.value("t"))?;
    let all = (options.has("a") || options.has("t")) && !options.has("f");
    let mut out = Out::interactive();
    let status = for_lines(call, &options.files(), &mut out, |line, out| {
        let (mut column, mut pending) = (0usize, 0usize);
        let mut leading = true;
        let mut at = 0;
        let flush = |out: &mut Out<'_>, from: usize, to: usize| -> Result<(), Failure> {
            let mut column = from;
            while stops.next(column) <= to
                && (to - column > 1 || stops.next(column) == column + 1 && from == column && to > column + 1)
            {
                out.byte(b'\t')?;
                column = stops.next(column);
            }
            out.put(&vec![b' '; to - column])
        };
        while at < line.len() {
            let (character, length) = coracle_posix::bracket::decode(&line[at..], true).unwrap_or((0, 1));
            let byte = line[at];
            if matches!(byte, b' ' | b'\t') && (leading || all) {
                let next = if byte == b'\t' { stops.next(column) } else { column + 1 };
                pending += next - column;
                column = next;
            } else {
                if pending > 0 {
                    flush(out, column - pending, column)?;
                    pending = 0;
                }
                leading = false;
                out.put(&line[at..at + length])?;
                column += char::from_u32(character).map_or(1, columns::character_width);
            }
            at += length;
        }
        if pending > 0 {
            flush(out, column - pending, column)?;
        }
        Ok(())
    })?;
    out.finish(status)
}

/// A number below `limit`, each as likely as the others.
pub fn below(limit: u64) -> u64 {
    let mut bytes = [0u8; 8];
    let zone = u64::MAX - u64::MAX % limit.max(1);
    loop {
        system::random(&mut bytes);
        let value = u64::from_ne_bytes(bytes);
        if value < zone {
            return value % limit.max(1);
        }
    }
}

fn shuf(call: &Call) -> Outcome {
    let options =
        call.options("n:,head-count o:,output r,repeat z,zero-terminated e,echo i:,input-range random-source:")?;
    let end = if options.has("z") { 0 } else { b'\n' };
    let mut lines: Vec<Vec<u8>> = if options.has("e") {
        options.operands.clone()
    } else if let Some(range) = options.value("i") {
        let invalid = || Failure::new(format!("invalid range '{}'", lossy(&range)));
        let at = range.iter().position(|byte| *byte == b'-').ok_or_else(invalid)?;
        let (low, high): (u64, u64) = (numbers::parse(&range[..at])?, numbers::parse(&range[at + 1..])?);
        if low > high.saturating_add(1) || high - low.min(high) > 50_000_000 {
            return Err(invalid());
        }
        (low..=high).map(|number| number.to_string().into_bytes()).collect()
    } else {
        let path = options.operands.first().map_or(b"-".as_slice(), Vec::as_slice);
        let about = |errno| Failure::about(path, errno);
        let text = Input::open(path).map_err(about)?.rest().map_err(about)?;
        text.split_inclusive(|byte| *byte == end).map(|line| trimmed(line, end).to_vec()).collect()
    };
    let count = options.value("n").map(numbers::parse::<usize>).transpose()?;
    let file;
    let mut out = match options.value("o") {
        Some(path) => {
            file = coracle_sdk::file::create(path).map_err(|errno| Failure::about(path, errno))?;
            Out::new(&file)
        }
        None => Out::stdout(),
    };
    if options.has("r") {
        let mut left = count.unwrap_or(usize::MAX);
        while left > 0 && !lines.is_empty() {
            out.put(&lines[below(lines.len() as u64) as usize])?;
            out.byte(end)?;
            left -= 1;
        }
        return out.finish(0);
    }
    let most = count.unwrap_or(lines.len()).min(lines.len());
    for index in 0..most {
        let other = index + below((lines.len() - index) as u64) as usize;
        lines.swap(index, other);
        out.put(&lines[index])?;
        out.byte(end)?;
    }
    out.finish(0)
}

fn strings(call: &Call) -> Outcome {
    let options = call.options("a,all f,print-file-name o n:,bytes t:,radix -NUM=n")?;
    let least = options.value("n").map_or(Ok(4), numbers::parse::<usize>)?.max(1);
    let radix = if options.has("o") { Some(b'o') } else { options.value("t").and_then(|text| text.first().copied()) };
    let mut out = Out::stdout();
    let mut status = 0;
    for path in options.files() {
        let mut input = match Input::open(&path) {
            Ok(input) => input,
            Err(errno) => {
                call.warn_about(&path, errno);
                status = 1;
                continue;
            }
        };
        let (mut run, mut offset) = (Vec::new(), 0u64);
        loop {
            let byte = input.byte().map_err(|errno| Failure::about(&path, errno))?;
            if let Some(byte) = byte.filter(|byte| (32..127).contains(byte) || *byte == b'\t') {
                run.push(byte);
            } else {
                if run.len() >= least {
                    if options.has("f") {
                        out.put(&path)?;
                        out.put(b": ")?;
                    }
                    let start = offset - run.len() as u64;
                    match radix {
                        Some(b'o') => out.text(format_args!("{start:7o} "))?,
                        Some(b'x') => out.text(format_args!("{start:7x} "))?,
                        Some(_) => out.text(format_args!("{start:7} "))?,
                        None => {}
                    }
                    out.line(&run)?;
                }
                run.clear();
            }
            if byte.is_none() {
                break;
            }
            offset += 1;
        }
    }
    out.finish(status)
}
