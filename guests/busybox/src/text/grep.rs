//! grep, egrep, fgrep: lines that match.
//!
//! Whole chunks are searched, not lines: the expression is told that newlines
//! bound matches, and the line is found around a match.

use coracle_posix::pattern::{self, Pattern};
use coracle_posix::regex::{Flags, Regex};
use coracle_sdk::{fs, stdio, terminal};

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::input::Input;
use crate::output::Out;
use crate::{locale, numbers, paths, tree};

const USAGE: &str = "[-HhnlLoqvsrRiwFEGxzabc] [-m N] [-A|B|C N] { PATTERN | -e PATTERN... | -f FILE... } [FILE]...

Search for PATTERN in FILEs (or standard input)

\t-H,-h\tAdd, omit 'filename:' prefix
\t-n,-b\tAdd 'line_number:', 'byte_offset:' prefix
\t-l,-L\tShow only names of files that match, that don't
\t-c\tShow only count of matching lines
\t-o\tShow only the matching part of line
\t-q\tQuiet. Return 0 if PATTERN is found, 1 otherwise
\t-v\tSelect non-matching lines
\t-s\tSuppress open and read errors
\t-r,-R\tRecurse (-R follows links)
\t-i\tIgnore case
\t-w,-x\tMatch whole words, whole lines only
\t-F,-E,-G\tPATTERN is literal, extended, basic
\t-m N\tMatch up to N times per file
\t-A,-B,-C N\tPrint N lines of context after, before, both
\t-e,-f\tPattern, file of patterns
\t-z\tLines end with a zero byte
\t-Z\tA zero byte after file names
\t--include=GLOB, --exclude=GLOB, --exclude-dir=GLOB, --color[=WHEN]";

pub static APPLET: Applet = Applet {
    name: "grep",
    directory: "/bin",
    summary: "Search for patterns in lines",
    usage: USAGE,
    run: |call| run(call, b'G'),
};

pub static EGREP: Applet = Applet {
    name: "egrep",
    directory: "/bin",
    summary: "Search for extended patterns",
    usage: USAGE,
    run: |call| run(call, b'E'),
};

pub static FGREP: Applet = Applet {
    name: "fgrep",
    directory: "/bin",
    summary: "Search for literal strings",
    usage: USAGE,
    run: |call| run(call, b'F'),
};

fn run(call: &Call, syntax: u8) -> Outcome {
    search(call, syntax).map_err(|failure| match failure {
        Failure::Message(text, 1) => Failure::Message(text, 2),
        Failure::Usage(text, _) => Failure::Usage(text, 2),
        other => other,
    })
}

fn search(call: &Call, syntax: u8) -> Outcome {
    let options = call.options(
        "H,with-filename h,no-filename n,line-number b,byte-offset l,files-with-matches L,files-without-match c,count \
         o,only-matching q,quiet,silent v,invert-match s,no-messages r,recursive R,dereference-recursive i,y,ignore-case \
         w,word-regexp x,line-regexp F,fixed-strings E,extended-regexp G,basic-regexp P,perl-regexp m:,max-count \
         A:,after-context B:,before-context C:,context e:,regexp f:,file z,null-data Z,null a,text I binary-files: U,binary \
         include: exclude: exclude-dir: color::,colour line-buffered label: T,initial-tab no-ignore-case d:,directories D:,devices -NUM=C",
    )?;
    let syntax = match options.last_of(&["F", "E", "G", "P"]) {
        Some("F") => b'F',
        Some("E") | Some("P") => b'E',
        Some(_) => b'G',
        None => syntax,
    };
    let mut patterns: Vec<Vec<u8>> = Vec::new();
    let mut operands = options.operands.clone();
    for text in options.values("e") {
        patterns.extend(text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
    }
    for path in options.values("f") {
        let about = |errno| Failure::about(path, errno);
        let text = Input::open(path).map_err(about)?.rest().map_err(about)?;
        let text = text.strip_suffix(b"\n").map_or(text.clone(), <[u8]>::to_vec);
        if !text.is_empty() {
            patterns.extend(text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
        } else if options.count("f") > 0
            && Input::open(path).ok().and_then(|mut input| input.byte().ok().flatten()).is_some()
        {
            patterns.push(Vec::new());
        }
    }
    if !options.has("e") && !options.has("f") {
        if operands.is_empty() {
            return Err(call.misuse("").status(2));
        }
        patterns = operands.remove(0).split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    }
    let zero = options.has("z");
    let flags = Flags {
        extended: syntax != b'G',
        fold: options.has("i") && options.last_of(&["i", "no-ignore-case"]) != Some("no-ignore-case"),
        newline: !zero,
        utf8: locale::utf8(),
        word: options.has("w"),
        line: options.has("x"),
    };
    let regexes = compile(&patterns, syntax, flags)?;
    let count = |name: &str| options.value(name).map(numbers::parse::<usize>).transpose();
    let context = count("C")?.unwrap_or(0);
    let recursive = options.has("r") || options.has("R") || options.value("d") == Some(b"recurse");
    if operands.is_empty() {
        operands.push(if recursive { b".".to_vec() } else { b"-".to_vec() });
    }
    let names = if options.last_of(&["H", "h"]) == Some("h") {
        false
    } else {
        options.has("H") || operands.len() > 1 || recursive
    };
    let color = match options.in_order().filter(|(name, _)| *name == "color").last() {
        Some((_, Some(b"always"))) => true,
        Some((_, None | Some(b"auto"))) => stdio::stdout().is_some_and(terminal::is_terminal),
        _ => false,
    };
    let glob = |name: &str| -> Vec<Pattern> {
        options.values(name).map(|text| Pattern::new(text, pattern::Flags::default())).collect()
    };
    let mut out = Out::interactive();
    if options.has("line-buffered") {
        out.line_buffered();
    }
    let mut grep = Grep {
        call,
        regexes,
        invert: options.has("v"),
        after: count("A")?.unwrap_or(context),
        before: count("B")?.unwrap_or(context),
        most: count("m")?.map_or(u64::MAX, |most| most as u64),
        names,
        numbers: options.has("n"),
        offsets: options.has("b"),
        only: options.has("o"),
        quiet: options.has("q"),
        silent: options.has("s"),
        list: options.last_of(&["l", "L"]).map(|which| which == "l"),
        count: options.has("c"),
        color,
        end: if zero { 0 } else { b'\n' },
        name_end: if options.has("Z") { 0 } else { b':' },
        include: glob("include"),
        exclude: glob("exclude"),
        exclude_dir: glob("exclude-dir"),
        follow: options.has("R"),
        label: options.value("label").unwrap_or(b"(standard input)").to_vec(),
        out,
        found: false,
        failed: false,
        separate: false,
    };
    for path in &operands {
        if recursive && path != b"-" {
            grep.walk(path, true)?;
        } else {
            grep.file(path)?;
        }
        if grep.quiet && grep.found {
            break;
        }
    }
    let status = match (grep.found, grep.failed) {
        (true, false) => 0,
        (true, true) if grep.quiet => 0,
        (_, true) => 2,
        (false, false) => 1,
    };
    grep.out.finish(status)
}

/// One expression for all patterns where that is possible: back-references count
/// groups from the beginning.
fn compile(patterns: &[Vec<u8>], syntax: u8, flags: Flags) -> Result<Vec<Regex>, Failure> {
    let one = |text: &[u8], flags| {
        Regex::new(text, flags).map_err(|error| Failure::new(format!("bad regex '{}': {error}", lossy(&text))))
    };
    if syntax == b'F' {
        let mut all = Vec::new();
        for (index, text) in patterns.iter().enumerate() {
            if index > 0 {
                all.push(b'|');
            }
            for &byte in text {
                if b"\\.[]*^$+?(){}|".contains(&byte) {
                    all.push(b'\\');
                }
                all.push(byte);
            }
        }
        return if patterns.is_empty() { Ok(Vec::new()) } else { Ok(vec![one(&all, flags)?]) };
    }
    let has_back = patterns.iter().any(|text| text.windows(2).any(|pair| pair[0] == b'\\' && pair[1].is_ascii_digit()));
    if patterns.len() < 2 || has_back {
        return patterns.iter().map(|text| one(text, flags)).collect();
    }
    for text in patterns {
        one(text, flags)?;
    }
    let bar: &[u8] = if syntax == b'E' { b"|" } else { b"\\|" };
    Ok(vec![one(&patterns.join(bar), flags)?])
}

struct Grep<'a> {
    call: &'a Call,
    regexes: Vec<Regex>,
    invert: bool,
    after: usize,
    before: usize,
    most: u64,
    names: bool,
    numbers: bool,
    offsets: bool,
    only: bool,
    quiet: bool,
    silent: bool,
    list: Option<bool>,
    count: bool,
    color: bool,
    end: u8,
    name_end: u8,
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
    exclude_dir: Vec<Pattern>,
    follow: bool,
    label: Vec<u8>,
    out: Out<'static>,
    found: bool,
    failed: bool,
    separate: bool,
}

/// Where one file's search is.
struct Progress {
    line: u64,
    offset: u64,
    matches: u64,
    /// Lines of context still to print.
    after: usize,
    /// Lines before a match that may have to be printed.
    held: std::collections::VecDeque<(u64, u64, Vec<u8>)>,
    skipped: bool,
    printed: bool,
}

impl Grep<'_> {
    fn fail(&mut self, path: &[u8], errno: coracle_sdk::Errno) {
        self.failed = true;
        if !self.silent {
            let _ = self.out.flush();
            self.call.warn_about(path, errno);
        }
    }

    fn walk(&mut self, path: &[u8], operand: bool) -> Result<(), Failure> {
        let attributes = if operand || self.follow { fs::stat(path) } else { fs::lstat(path) };
        let attributes = match attributes {
            Ok(attributes) => attributes,
            Err(errno) => {
                self.fail(path, errno);
                return Ok(());
            }
        };
        let name = paths::base_name(path);
        let named = |list: &[Pattern]| list.iter().any(|pattern| pattern.matches(name) || pattern.matches(path));
        if attributes.is_dir() {
            if !operand && named(&self.exclude_dir) {
                return Ok(());
            }
            match tree::names(path) {
                Ok(names) => {
                    for name in names {
                        // As GNU: `./name` for an implicit or explicit `.`
                        self.walk(&paths::join(path, &name), false)?;
                        if self.quiet && self.found {
                            break;
                        }
                    }
                }
                Err(errno) => self.fail(path, errno),
            }
            return Ok(());
        }
        if !operand && !attributes.is_file() && !self.follow {
            return Ok(());
        }
        if named(&self.exclude) || (!self.include.is_empty() && !named(&self.include)) {
            return Ok(());
        }
        self.file(path)
    }

    fn file(&mut self, path: &[u8]) -> Result<(), Failure> {
        let mut input = match Input::open(path) {
            Ok(input) => input,
            Err(errno) => {
                self.fail(path, errno);
                return Ok(());
            }
        };
        let name = if path == b"-" { self.label.clone() } else { path.to_vec() };
        let mut progress = Progress {
            line: 0,
            offset: 0,
            matches: 0,
            after: 0,
            held: std::collections::VecDeque::new(),
            skipped: false,
            printed: false,
        };
        loop {
            match input.lines(self.end) {
                Ok(Some(chunk)) => {
                    if self.chunk(chunk, &name, &mut progress)? {
                        break;
                    }
                }
                Ok(None) => break,
                Err(errno) => {
                    self.fail(path, errno);
                    break;
                }
            }
        }
        self.found |= if self.list == Some(false) { progress.matches == 0 } else { progress.matches > 0 };
        if self.quiet {
            return Ok(());
        }
        match self.list {
            Some(wanted) if (progress.matches > 0) == wanted => {
                self.out.put(&name)?;
                self.out.byte(if self.name_end == 0 { 0 } else { b'\n' })?;
            }
            Some(_) => {}
            None if self.count => {
                if self.names {
                    self.out.put(&name)?;
                    self.out.byte(self.name_end)?;
                }
                self.out.text(format_args!("{}\n", progress.matches))?;
            }
            None => {}
        }
        Ok(())
    }

    /// The next line with a match at `at` or after it, with its end.
    fn next_match(&self, chunk: &[u8], at: usize) -> Option<(usize, usize)> {
        if self.end == 0 {
            let mut start = at;
            while start < chunk.len() {
                let end = memchr::memchr(0, &chunk[start..]).map_or(chunk.len(), |n| start + n);
                if self.regexes.iter().any(|regex| regex.is_match(&chunk[start..end])) {
                    return Some((start, (end + 1).min(chunk.len())));
                }
                start = end + 1;
            }
            return None;
        }
        // Behind the last newline there is no further line.
        let text = chunk.strip_suffix(b"\n").unwrap_or(chunk);
        let end = self.regexes.iter().filter_map(|regex| regex.earliest_end(text, at)).min()?;
        let start = memchr::memrchr(b'\n', &chunk[at..end]).map_or(at, |n| at + n + 1);
        let end = memchr::memchr(b'\n', &chunk[end..]).map_or(chunk.len(), |n| end + n + 1);
        Some((start, end))
    }

    /// Searches whole lines; true when nothing more of the file matters.
    fn chunk(&mut self, chunk: &[u8], name: &[u8], progress: &mut Progress) -> Result<bool, Failure> {
        let mut at = 0;
        while at < chunk.len() {
            let found = self.next_match(chunk, at);
            let (start, end) = found.unwrap_or((chunk.len(), chunk.len()));
            let (gap, line) = (&chunk[at..start], &chunk[start..end]);
            let (other, selected) = if self.invert { (line, gap) } else { (gap, line) };
            // In the order of the text.
            let mut done = false;
            if self.invert {
                done |= self.selected(selected, name, progress)?;
            }
            done = done || self.others(other, name, progress)?;
            if !self.invert && !done {
                done = self.selected(selected, name, progress)?;
            }
            if done {
                return Ok(true);
            }
            at = end;
        }
        Ok(false)
    }

    fn others(&mut self, block: &[u8], name: &[u8], progress: &mut Progress) -> Result<bool, Failure> {
        if self.before == 0 && self.after == 0 || self.quiet || self.list.is_some() || self.count {
            if self.numbers {
                progress.line += memchr::memchr_iter(self.end, block).count() as u64;
            }
            progress.offset += block.len() as u64;
            return Ok(false);
        }
        let ends = self.end;
        for line in block.split_inclusive(|byte| *byte == ends) {
            progress.line += 1;
            let (number, offset) = (progress.line, progress.offset);
            progress.offset += line.len() as u64;
            if progress.after > 0 {
                progress.after -= 1;
                self.line(line, name, number, offset, b'-')?;
            } else {
                if progress.matches >= self.most {
                    return Ok(true);
                }
                progress.held.push_back((number, offset, line.to_vec()));
                if progress.held.len() > self.before {
                    progress.held.pop_front();
                    progress.skipped = true;
                }
            }
        }
        Ok(progress.matches >= self.most && progress.after == 0)
    }

    fn selected(&mut self, block: &[u8], name: &[u8], progress: &mut Progress) -> Result<bool, Failure> {
        let ends = self.end;
        for line in block.split_inclusive(|byte| *byte == ends) {
            if progress.matches >= self.most {
                // Behind the last match there may still be its context.
                if progress.after == 0 {
                    return Ok(true);
                }
                progress.line += 1;
                progress.after -= 1;
                self.line(line, name, progress.line, progress.offset, b'-')?;
                progress.offset += line.len() as u64;
                continue;
            }
            progress.matches += 1;
            progress.line += 1;
            if self.quiet {
                return Ok(true);
            }
            if self.list.is_some() {
                return Ok(true);
            }
            if !self.count {
                if (self.before > 0 || self.after > 0) && (progress.skipped || !progress.printed) && self.separate {
                    self.out.put(b"--\n")?;
                }
                progress.skipped = false;
                while let Some((number, offset, held)) = progress.held.pop_front() {
                    self.line(&held, name, number, offset, b'-')?;
                }
                self.line(line, name, progress.line, progress.offset, b':')?;
                progress.printed = true;
                self.separate = true;
                progress.after = self.after;
            }
            progress.offset += line.len() as u64;
            if progress.matches >= self.most && self.after == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn prefix(&mut self, name: &[u8], number: u64, offset: u64, mark: u8) -> Result<(), Failure> {
        let (purple, green, cyan, plain) =
            if self.color { ("\x1b[35m", "\x1b[32m", "\x1b[36m", "\x1b[m") } else { ("", "", "", "") };
        if self.names {
            self.out.put(purple.as_bytes())?;
            self.out.put(name)?;
            self.out.put(plain.as_bytes())?;
            if self.name_end == 0 {
                self.out.byte(0)?;
            } else {
                self.out.text(format_args!("{cyan}{}{plain}", char::from(mark)))?;
            }
        }
        if self.numbers {
            self.out.text(format_args!("{green}{number}{plain}{cyan}{}{plain}", char::from(mark)))?;
        }
        if self.offsets {
            self.out.text(format_args!("{green}{offset}{plain}{cyan}{}{plain}", char::from(mark)))?;
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8], name: &[u8], number: u64, offset: u64, mark: u8) -> Result<(), Failure> {
        if !self.only && !self.color {
            self.prefix(name, number, offset, mark)?;
            self.out.put(line)?;
            if line.last() != Some(&self.end) {
                self.out.byte(self.end)?;
            }
            return Ok(());
        }
        let text = crate::input::trimmed(line, self.end);
        if self.only {
            if mark != b':' || self.invert {
                return Ok(());
            }
            let mut at = 0;
            while let Some((start, end)) = self.leftmost(text, at) {
                if start == end {
                    at = end + 1;
                    continue;
                }
                self.prefix(name, number, offset + start as u64, mark)?;
                self.colored(&text[start..end])?;
                self.out.byte(self.end)?;
                at = end;
            }
            return Ok(());
        }
        self.prefix(name, number, offset, mark)?;
        let mut at = 0;
        if !self.invert && mark == b':' {
            let mut from = 0;
            while let Some((start, end)) = self.leftmost(text, from) {
                if start == end {
                    from = end + 1;
                    continue;
                }
                self.out.put(&text[at..start])?;
                self.colored(&text[start..end])?;
                (at, from) = (end, end);
            }
        }
        self.out.put(&text[at..])?;
        self.out.byte(self.end)
    }

    fn colored(&mut self, text: &[u8]) -> Result<(), Failure> {
        if !self.color {
            return self.out.put(text);
        }
        self.out.put(b"\x1b[1;31m")?;
        self.out.put(text)?;
        self.out.put(b"\x1b[m")
    }

    fn leftmost(&self, text: &[u8], at: usize) -> Option<(usize, usize)> {
        if at > text.len() {
            return None;
        }
        let all = self.regexes.iter().filter_map(|regex| regex.find_at(text, at));
        all.min_by_key(|(start, end)| (*start, std::cmp::Reverse(*end)))
    }
}
