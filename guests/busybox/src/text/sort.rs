//! sort: sorts, merges or checks lines by keys.

use std::cmp::Ordering;

use coracle_sdk::{OpenOptions, system};

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::files::version;
use crate::input::Input;
use crate::output::Out;

pub static APPLET: Applet = Applet {
    name: "sort",
    directory: "/usr/bin",
    summary: "Sort lines of text",
    usage: "[-bcCdfghiMnRrsuVmz] [-k KEYDEF]... [-t CHAR] [-o FILE] [FILE]...

Sort lines of text

\t-o FILE\tOutput to FILE
\t-c,-C\tCheck whether input is sorted (-C: say nothing)
\t-m\tMerge sorted files
\t-b\tIgnore leading blanks
\t-d\tDictionary order (blank or alphanumeric only)
\t-f\tIgnore case
\t-i\tIgnore unprintable characters
\t-g\tSort floating point numbers
\t-h\tSort human readable numbers (2K 1G)
\t-M\tSort month names
\t-n\tSort numbers
\t-R\tShuffle, equal keys together
\t-V\tSort versions
\t-r\tReverse sort order
\t-s\tStable (don't sort ties by the whole line)
\t-t CHAR\tKey separator
\t-k N[.C][ORDER][,M[.D][ORDER]]\tSort key from field N to M
\t-u\tSuppress duplicate lines
\t-z\tLines end with a zero byte",
    run,
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Text,
    Number,
    Float,
    Human,
    Month,
    Version,
    Random,
}

#[derive(Clone, Debug)]
struct Order {
    kind: Kind,
    start_blanks: bool,
    end_blanks: bool,
    dictionary: bool,
    fold: bool,
    printable: bool,
    reverse: bool,
}

impl Order {
    fn new() -> Order {
        Order {
            kind: Kind::Text,
            start_blanks: false,
            end_blanks: false,
            dictionary: false,
            fold: false,
            printable: false,
            reverse: false,
        }
    }

    fn is_default(&self) -> bool {
        self.kind == Kind::Text
            && !(self.start_blanks || self.dictionary || self.fold || self.printable || self.reverse)
    }

    /// Takes an ordering letter.
    fn letter(&mut self, letter: u8) -> bool {
        match letter {
            b'd' => self.dictionary = true,
            b'f' => self.fold = true,
            b'i' => self.printable = true,
            b'r' => self.reverse = true,
            b'n' => self.kind = Kind::Number,
            b'g' => self.kind = Kind::Float,
            b'h' => self.kind = Kind::Human,
            b'M' => self.kind = Kind::Month,
            b'V' => self.kind = Kind::Version,
            b'R' => self.kind = Kind::Random,
            _ => return false,
        }
        true
    }

    fn is_bytes(&self) -> bool {
        self.kind == Kind::Text && !(self.dictionary || self.fold || self.printable)
    }
}

#[derive(Clone, Debug)]
struct Key {
    start: (usize, usize),
    end: Option<(usize, usize)>,
    order: Order,
}

impl Key {
    fn parse(text: &[u8]) -> Option<Key> {
        let mut parts = text.splitn(2, |byte| *byte == b',');
        let mut order = Order::new();
        let start = position(parts.next()?, &mut order, true)?;
        if start.0 == 0 {
            return None;
        }
        let end = match parts.next() {
            Some(text) => Some(position(text, &mut order, false)?),
            None => None,
        };
        Some(Key { start: (start.0, start.1.max(1)), end, order })
    }

    fn cut<'a>(&self, line: &'a [u8], separator: Option<u8>) -> &'a [u8] {
        let from = offset(line, separator, self.start, self.order.start_blanks, true);
        let to = match self.end {
            Some(end) => offset(line, separator, end, self.order.end_blanks, false),
            None => line.len(),
        };
        if from < to { &line[from..to] } else { b"" }
    }
}

fn position(text: &[u8], order: &mut Order, start: bool) -> Option<(usize, usize)> {
    let digits = |at: usize| text[at..].iter().position(|byte| !byte.is_ascii_digit()).map_or(text.len(), |n| at + n);
    let number = |from: usize, to: usize| std::str::from_utf8(&text[from..to]).ok()?.parse::<usize>().ok();
    let mut at = digits(0);
    let field = number(0, at)?;
    let mut character = 0;
    if text.get(at) == Some(&b'.') {
        let end = digits(at + 1);
        character = number(at + 1, end)?;
        at = end;
    }
    for letter in &text[at..] {
        match letter {
            b'b' if start => order.start_blanks = true,
            b'b' => order.end_blanks = true,
            other if order.letter(*other) => {}
            _ => return None,
        }
    }
    Some((field, character))
}

/// The offset of a key's beginning or of the byte after its end.
fn offset(line: &[u8], separator: Option<u8>, at: (usize, usize), blanks: bool, start: bool) -> usize {
    let (field, character) = at;
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n');
    let mut position = 0;
    // An end without a character is the end of its field.
    let whole = !start && character == 0;
    let skip = if whole { field } else { field - 1 };
    for index in 0..skip {
        if position >= line.len() {
            return line.len();
        }
        match separator {
            Some(separator) => match memchr::memchr(separator, &line[position..]) {
                Some(n) => {
                    position += n;
                    if !(whole && index + 1 == skip) {
                        position += 1;
                    }
                }
                None => return line.len(),
            },
            None => {
                let n = line[position..].iter().position(|byte| !blank(byte)).unwrap_or(line.len() - position);
                position += n;
                let n = line[position..].iter().position(blank).unwrap_or(line.len() - position);
                position += n;
            }
        }
    }
    if whole {
        return position;
    }
    if blanks {
        position += line[position..].iter().position(|byte| !blank(byte)).unwrap_or(line.len() - position);
    }
    let extra = if start { character - 1 } else { character };
    (position + extra).min(line.len())
}

struct Sorter {
    keys: Vec<Key>,
    separator: Option<u8>,
    stable: bool,
    unique: bool,
    reverse: bool,
    salt: u64,
}

impl Sorter {
    fn by_keys(&self, a: &[u8], b: &[u8]) -> Ordering {
        for key in &self.keys {
            let order = compare(key.cut(a, self.separator), key.cut(b, self.separator), &key.order, self.salt);
            if order != Ordering::Equal {
                return if key.order.reverse { order.reverse() } else { order };
            }
        }
        Ordering::Equal
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        let order = self.by_keys(a, b);
        if order != Ordering::Equal || self.stable || self.unique {
            return order;
        }
        if self.reverse { b.cmp(a) } else { a.cmp(b) }
    }
}

fn compare(a: &[u8], b: &[u8], order: &Order, salt: u64) -> Ordering {
    match order.kind {
        Kind::Text if order.is_bytes() => a.cmp(b),
        Kind::Text => {
            let kept = |byte: &u8| {
                (!order.dictionary || byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'\t'))
                    && (!order.printable || (32..127).contains(byte))
            };
            let fold = |byte: &u8| if order.fold { byte.to_ascii_uppercase() } else { *byte };
            a.iter().filter(|byte| kept(byte)).map(fold).cmp(b.iter().filter(|byte| kept(byte)).map(fold))
        }
        Kind::Number => numeric(a, b),
        Kind::Float => {
            let value = |text: &[u8]| float(text);
            match (value(a), value(b)) {
                (Some(a), Some(b)) => match (a.is_nan(), b.is_nan()) {
                    (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
                    (a, b) => b.cmp(&a),
                },
                (a, b) => a.is_some().cmp(&b.is_some()),
            }
        }
        Kind::Human => {
            let rank = |text: &[u8]| {
                let text = text.trim_ascii_start();
                let end = text
                    .iter()
                    .skip(usize::from(text.first() == Some(&b'-')))
                    .position(|byte| !(byte.is_ascii_digit() || *byte == b'.'));
                let unit = end.and_then(|n| text.get(n + usize::from(text.first() == Some(&b'-'))));
                let unit = unit.map_or(0, |unit| match unit {
                    b'k' | b'K' => 1,
                    b'M' => 2,
                    b'G' => 3,
                    b'T' => 4,
                    b'P' => 5,
                    b'E' => 6,
                    b'Z' => 7,
                    b'Y' => 8,
                    _ => 0,
                });
                let zero = numeric(text, b"0") == Ordering::Equal;
                if zero {
                    0
                } else if text.first() == Some(&b'-') {
                    -1 - unit
                } else {
                    1 + unit
                }
            };
            rank(a).cmp(&rank(b)).then_with(|| numeric(a, b))
        }
        Kind::Month => month(a).cmp(&month(b)),
        Kind::Version => version(a, b),
        Kind::Random => hash(a, salt).cmp(&hash(b, salt)).then_with(|| a.cmp(b)),
    }
}

fn hash(text: &[u8], salt: u64) -> u64 {
    text.iter().fold(salt ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(23)
    })
}

fn month(text: &[u8]) -> usize {
    let name = text.trim_ascii_start().get(..3).map(<[u8]>::to_ascii_uppercase).unwrap_or_default();
    let months = [b"JAN", b"FEB", b"MAR", b"APR", b"MAY", b"JUN", b"JUL", b"AUG", b"SEP", b"OCT", b"NOV", b"DEC"];
    months.iter().position(|month| month.as_slice() == name).map_or(0, |at| at + 1)
}

fn float(text: &[u8]) -> Option<f64> {
    let text = text.trim_ascii_start();
    let end =
        text.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b"+-.".contains(byte))).unwrap_or(text.len());
    let text = std::str::from_utf8(&text[..end]).ok()?;
    (1..=text.len()).rev().find_map(|end| text[..end].parse().ok())
}

/// A number as text: sign, digits before the point, digits after it.
fn decimal(text: &[u8]) -> (bool, &[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let (negative, text) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (whole, rest) = text.split_at(end);
    let whole = &whole[whole.iter().position(|byte| *byte != b'0').unwrap_or(whole.len())..];
    let fraction = match rest.split_first() {
        Some((b'.', rest)) => &rest[..rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len())],
        _ => b"",
    };
    let fraction = &fraction[..fraction.iter().rposition(|byte| *byte != b'0').map_or(0, |at| at + 1)];
    (negative && !(whole.is_empty() && fraction.is_empty()), whole, fraction)
}

/// Decimal numbers of any length, without loss.
fn numeric(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (decimal(a), decimal(b));
    let magnitude = || a.1.len().cmp(&b.1.len()).then_with(|| a.1.cmp(b.1)).then_with(|| a.2.cmp(b.2));
    match (a.0, b.0) {
        (false, false) => magnitude(),
        (true, true) => magnitude().reverse(),
        (a, b) => b.cmp(&a),
    }
}

fn run(call: &Call) -> Outcome {
    let options = call.options(
        "b,ignore-leading-blanks c C check:: d,dictionary-order f,ignore-case g,general-numeric-sort h,human-numeric-sort \
         i,ignore-nonprinting M,month-sort m,merge n,numeric-sort R,random-sort r,reverse s,stable u,unique V,version-sort \
         z,zero-terminated k:,key t:,field-separator o:,output S:,buffer-size T:,temporary-directory parallel: \
         sort: random-source: batch-size: files0-from: debug",
    )?;
    let mut global = Order::new();
    for (name, value) in options.in_order() {
        match (name, value) {
            ("b", _) => (global.start_blanks, global.end_blanks) = (true, true),
            ("sort", Some(word)) => {
                global.kind = match word {
                    b"numeric" => Kind::Number,
                    b"general-numeric" => Kind::Float,
                    b"human-numeric" => Kind::Human,
                    b"month" => Kind::Month,
                    b"random" => Kind::Random,
                    b"version" => Kind::Version,
                    _ => {
                        return Err(call.misuse(format!("invalid argument '{}' for '--sort'", lossy(&word))).status(2));
                    }
                };
            }
            (name, None) if name.len() == 1 => {
                global.letter(name.as_bytes()[0]);
            }
            _ => {}
        }
    }
    let separator = match options.value("t") {
        Some(b"\\0") => Some(0),
        Some([byte]) => Some(*byte),
        Some(text) => return Err(Failure::Message(format!("bad -t parameter '{}'", lossy(&text)), 2)),
        None => None,
    };
    let mut keys = Vec::new();
    for text in options.values("k") {
        let key = Key::parse(text);
        let mut key = key.ok_or_else(|| Failure::Message(format!("invalid sort key '{}'", lossy(&text)), 2))?;
        if key.order.is_default() && !key.order.end_blanks {
            key.order = global.clone();
        }
        keys.push(key);
    }
    let reverse = global.reverse;
    if keys.is_empty() {
        keys.push(Key { start: (1, 1), end: None, order: global.clone() });
    }
    let mut salt = [0u8; 8];
    if keys.iter().any(|key| key.order.kind == Kind::Random) {
        system::random(&mut salt);
    }
    let sorter = Sorter {
        keys,
        separator,
        stable: options.has("s"),
        unique: options.has("u"),
        reverse,
        salt: u64::from_ne_bytes(salt),
    };
    let delimiter = if options.has("z") { 0 } else { b'\n' };
    let files = options.files();
    if options.has("c") || options.has("C") || options.has("check") {
        let quiet = options.has("C") || matches!(options.value("check"), Some(b"quiet" | b"silent"));
        return check(call, &files[0], &sorter, delimiter, quiet);
    }
    // Everything is read before the output is opened: it may be an input.
    let mut text = Vec::new();
    for path in &files {
        let about = |errno| Failure::Message(format!("{}: {errno}", lossy(path)), 2);
        let mut input = Input::open(path).map_err(about)?;
        let part = input.rest().map_err(about)?;
        if text.is_empty() {
            text = part
        } else {
            text.extend_from_slice(&part)
        }
        if text.last().is_some_and(|last| *last != delimiter) {
            text.push(delimiter);
        }
    }
    let mut lines: Vec<&[u8]> = Vec::with_capacity(text.len() / 16);
    let mut start = 0;
    for end in memchr::memchr_iter(delimiter, &text) {
        lines.push(&text[start..end]);
        start = end + 1;
    }
    let whole = sorter.keys.len() == 1
        && sorter.keys[0].order.is_bytes()
        && sorter.keys[0].start == (1, 1)
        && sorter.keys[0].end.is_none()
        && !sorter.keys[0].order.start_blanks;
    if whole {
        by_prefix(&mut lines, sorter.keys[0].order.reverse);
    } else if sorter.stable || sorter.unique || options.has("m") {
        lines.sort_by(|a, b| sorter.compare(a, b));
    } else {
        lines.sort_unstable_by(|a, b| sorter.compare(a, b));
    }
    if sorter.unique {
        lines.dedup_by(|later, kept| sorter.by_keys(kept, later) == Ordering::Equal);
    }
    let file;
    let mut out = match options.value("o") {
        Some(path) => {
            file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .open(path)
                .map_err(|errno| Failure::Message(format!("can't open '{}': {errno}", lossy(&path)), 2))?;
            Out::new(&file)
        }
        None => Out::stdout(),
    };
    for line in lines {
        out.put(line)?;
        out.byte(delimiter)?;
    }
    out.finish(0)
}

/// Whole lines by bytes: eight of them at once decide most comparisons.
fn by_prefix(lines: &mut Vec<&[u8]>, reverse: bool) {
    let prefix = |line: &[u8]| {
        let mut bytes = [0u8; 8];
        let length = line.len().min(8);
        bytes[..length].copy_from_slice(&line[..length]);
        u64::from_be_bytes(bytes)
    };
    let mut keyed: Vec<(u64, &[u8])> = lines.iter().map(|line| (prefix(line), *line)).collect();
    // Equal lines cannot be told apart, so stability does not matter.
    if reverse {
        keyed.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| b.1.cmp(a.1)));
    } else {
        keyed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.cmp(b.1)));
    }
    lines.clear();
    lines.extend(keyed.into_iter().map(|(_, line)| line));
}

fn check(call: &Call, path: &[u8], sorter: &Sorter, delimiter: u8, quiet: bool) -> Outcome {
    let about = |errno| Failure::Message(format!("{}: {errno}", lossy(&path)), 2);
    let mut input = Input::open(path).map_err(about)?;
    let mut last: Option<Vec<u8>> = None;
    let mut number = 0;
    while let Some(line) = input.line(delimiter).map_err(about)? {
        let line = crate::input::trimmed(line, delimiter);
        number += 1;
        if let Some(last) = &last {
            let order = sorter.compare(last, line);
            if order == Ordering::Greater || (sorter.unique && order == Ordering::Equal) {
                if !quiet {
                    call.warn(format_args!("{}:{number}: disorder: {}", lossy(&path), lossy(&line)));
                }
                return Ok(1);
            }
        }
        last = Some(line.to_vec());
    }
    Ok(0)
}
