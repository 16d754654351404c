//! tr: translates, squeezes or deletes bytes.

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::escape::{self, Dialect};
use crate::input::Input;
use crate::output::Out;

pub static APPLET: Applet = Applet {
    name: "tr",
    directory: "/usr/bin",
    summary: "Translate, squeeze or delete characters",
    usage: "[-cdst] STRING1 [STRING2]

Translate, squeeze, or delete characters from standard input

\t-c,-C\tTake the complement of STRING1
\t-d\tDelete characters of STRING1
\t-s\tSqueeze repeated characters of the last STRING
\t-t\tFirst truncate STRING1 to the length of STRING2",
    run,
};

/// The bytes, and where a repeat without a count stands.
type Expanded = (Vec<u8>, Option<(usize, u8)>);

/// `[:class:]`, `[=c=]`, `[c*n]`, ranges and escapes written out. A repeat
/// without a count is answered as its place and byte.
fn expand(text: &[u8]) -> Result<Expanded, Failure> {
    let mut set = Vec::new();
    let mut fill = None;
    let mut at = 0;
    while at < text.len() {
        if let Some(rest) = text[at..].strip_prefix(b"[:")
            && let Some(end) = rest.windows(2).position(|pair| pair == b":]")
        {
            let name = &rest[..end];
            let members =
                class(name).ok_or_else(|| Failure::new(format!("invalid character class '{}'", lossy(&name))))?;
            set.extend(members);
            at += end + 4;
            continue;
        }
        if text[at..].starts_with(b"[=") && text.get(at + 3..at + 5) == Some(b"=]") {
            set.push(text[at + 2]);
            at += 5;
            continue;
        }
        if text[at] == b'['
            && let Some((byte, after)) = one(text, at + 1)
            && text.get(after) == Some(&b'*')
            && let Some(length) = text[after..].iter().position(|byte| *byte == b']')
        {
            let digits = &text[after + 1..after + length];
            if digits.iter().all(u8::is_ascii_digit) {
                let digits = String::from_utf8_lossy(digits);
                let base = if digits.starts_with('0') { 8 } else { 10 };
                let count = if digits.is_empty() { 0 } else { usize::from_str_radix(&digits, base).unwrap_or(0) };
                if count == 0 {
                    fill = Some((set.len(), byte));
                } else {
                    set.extend(std::iter::repeat_n(byte, count.min(1 << 16)));
                }
                at = after + length + 1;
                continue;
            }
        }
        let Some((first, after)) = one(text, at) else { break };
        at = after;
        if text.get(at) == Some(&b'-')
            && at + 1 < text.len()
            && let Some((last, after)) = one(text, at + 1)
        {
            if last < first {
                return Err(Failure::new(format!(
                    "range-endpoints of '{}-{}' are in reverse collating sequence order",
                    char::from(first),
                    char::from(last)
                )));
            }
            set.extend(first..=last);
            at = after;
        } else {
            set.push(first);
        }
    }
    Ok((set, fill))
}

fn one(text: &[u8], at: usize) -> Option<(u8, usize)> {
    let byte = *text.get(at)?;
    if byte != b'\\' || at + 1 >= text.len() {
        return Some((byte, at + 1));
    }
    match escape::read(&text[at + 1..], Dialect::Format) {
        (escape::Escape::Bytes(bytes), length) if bytes.len() == 1 => Some((bytes[0], at + 1 + length)),
        _ => Some((text[at + 1], at + 2)),
    }
}

fn class(name: &[u8]) -> Option<Vec<u8>> {
    let test: fn(&u8) -> bool = match name {
        b"alnum" => u8::is_ascii_alphanumeric,
        b"alpha" => u8::is_ascii_alphabetic,
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => u8::is_ascii_control,
        b"digit" => u8::is_ascii_digit,
        b"graph" => u8::is_ascii_graphic,
        b"lower" => u8::is_ascii_lowercase,
        b"print" => |byte| (32..127).contains(byte),
        b"punct" => u8::is_ascii_punctuation,
        b"space" => |byte| matches!(byte, b' ' | 9..=13),
        b"upper" => u8::is_ascii_uppercase,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return None,
    };
    Some((0..=255).filter(test).collect())
}

fn run(call: &Call) -> Outcome {
    let options = call.options("+ c,C,complement d,delete s,squeeze-repeats t,truncate-set1")?;
    let (delete, squeeze) = (options.has("d"), options.has("s"));
    let (first, second) = match options.operands.as_slice() {
        [first] if delete != squeeze => (first, None),
        [first, second] if !delete || squeeze => (first, Some(second)),
        [] => return Err(call.misuse("missing operand")),
        [first] => return Err(call.misuse(format!("missing operand after '{}'", lossy(first)))),
        [_, extra, ..] => return Err(call.misuse(format!("extra operand '{}'", lossy(extra)))),
    };
    let (mut from, _) = expand(first)?;
    if options.has("c") {
        let mut member = [false; 256];
        from.iter().for_each(|byte| member[usize::from(*byte)] = true);
        from = (0..=255).filter(|byte: &u8| !member[usize::from(*byte)]).collect();
    }
    let mut map: [u8; 256] = std::array::from_fn(|byte| byte as u8);
    let mut deleted = [false; 256];
    let mut squeezed = [false; 256];
    if delete {
        from.iter().for_each(|byte| deleted[usize::from(*byte)] = true);
    }
    if let Some(second) = second {
        let (mut to, fill) = expand(second)?;
        if let Some((at, byte)) = fill {
            let missing = from.len().saturating_sub(to.len());
            to.splice(at..at, std::iter::repeat_n(byte, missing));
        }
        if squeeze {
            to.iter().for_each(|byte| squeezed[usize::from(*byte)] = true);
        }
        if !delete {
            if options.has("t") {
                from.truncate(to.len());
            }
            let Some(&last) = to.last() else {
                return Err(Failure::new("when not truncating set1, string2 must be non-empty"));
            };
            for (index, byte) in from.iter().enumerate() {
                map[usize::from(*byte)] = to.get(index).copied().unwrap_or(last);
            }
        }
    } else if squeeze {
        from.iter().for_each(|byte| squeezed[usize::from(*byte)] = true);
    }
    let mut input = Input::stdin().map_err(|errno| Failure::about("read error", errno))?;
    let mut out = Out::interactive();
    let mut last = None;
    let mut buffer = Vec::new();
    while let Some(chunk) = input.chunk().map_err(|errno| Failure::about("read error", errno))? {
        buffer.clear();
        if !delete && !squeeze {
            buffer.extend(chunk.iter().map(|byte| map[usize::from(*byte)]));
        } else {
            for &byte in chunk {
                if deleted[usize::from(byte)] {
                    continue;
                }
                let mapped = map[usize::from(byte)];
                if squeezed[usize::from(mapped)] && last == Some(mapped) {
                    continue;
                }
                last = Some(mapped);
                buffer.push(mapped);
            }
        }
        out.put(&buffer)?;
    }
    out.finish(0)
}
