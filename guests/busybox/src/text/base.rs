//! base64 and base32.

use crate::applet::{Applet, Call, Failure, Outcome};
use crate::input::Input;
use crate::numbers;
use crate::output::Out;

pub static BASE64: Applet = Applet {
    name: "base64",
    directory: "/usr/bin",
    summary: "Encode or decode base64",
    usage: "[-d] [-i] [-w COL] [FILE]

Base64 encode or decode FILE to standard output

\t-d\tDecode data
\t-i\tIgnore garbage when decoding
\t-w COL\tWrap lines at COL (default 76, 0 disables)",
    run: |call| run(call, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 6),
};

pub static BASE32: Applet = Applet {
    name: "base32",
    directory: "/usr/bin",
    summary: "Encode or decode base32",
    usage: "[-d] [-i] [-w COL] [FILE]

Base32 encode or decode FILE to standard output

\t-d\tDecode data
\t-i\tIgnore garbage when decoding
\t-w COL\tWrap lines at COL (default 76, 0 disables)",
    run: |call| run(call, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 5),
};

/// Three bytes make four characters, or five make eight.
pub fn encode(block: &[u8], alphabet: &[u8], bits: u32, out: &mut Vec<u8>) {
    let (bytes, letters) = if bits == 6 { (3, 4) } else { (5, 8) };
    for chunk in block.chunks(bytes) {
        let mut group = 0u64;
        for index in 0..bytes {
            group = group << 8 | u64::from(chunk.get(index).copied().unwrap_or(0));
        }
        let used = (chunk.len() * 8).div_ceil(bits as usize);
        for index in 0..letters {
            let shift = (letters - 1 - index) as u32 * bits;
            let value = (group >> shift) as usize & ((1 << bits) - 1);
            out.push(if index < used { alphabet.get(value).copied().unwrap_or(b'=') } else { b'=' });
        }
    }
}

/// The bytes of whole and padded groups; `None` for what is none.
pub fn decode(text: &[u8], alphabet: &[u8], bits: u32, ignore: bool) -> Option<Vec<u8>> {
    let mut table = [255u8; 256];
    for (value, letter) in alphabet.iter().enumerate() {
        table[usize::from(*letter)] = value as u8;
    }
    let mut out = Vec::with_capacity(text.len() * bits as usize / 8);
    let (mut group, mut held, mut padding, mut count) = (0u64, 0u32, 0usize, 0usize);
    for &byte in text {
        match table[usize::from(byte)] {
            255 if byte == b'=' => padding += 1,
            255 if byte == b'\n' || byte == b'\r' || ignore => {}
            255 => return None,
            value => {
                if padding > 0 {
                    // A new group after a padded one.
                    (group, held, padding, count) = (0, 0, 0, 0);
                }
                group = group << bits | u64::from(value);
                held += bits;
                count += 1;
                if held >= 8 {
                    held -= 8;
                    out.push((group >> held) as u8);
                    group &= (1 << held) - 1;
                }
            }
        }
    }
    let per_group = if bits == 6 { 4 } else { 8 };
    ((count + padding) % per_group == 0 || ignore).then_some(out)
}

fn run(call: &Call, alphabet: &[u8], bits: u32) -> Outcome {
    let options = call.options("d,decode i,ignore-garbage w:,wrap D")?;
    let path = options.operands.first().map_or(b"-".as_slice(), Vec::as_slice);
    let about = |errno| Failure::about(path, errno);
    let mut input = Input::open(path).map_err(about)?;
    let mut out = Out::stdout();
    if options.has("d") || options.has("D") {
        // Whole lines are decoded as they come.
        let mut held: Vec<u8> = Vec::new();
        while let Some(chunk) = input.chunk().map_err(about)? {
            held.extend(chunk.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
            let whole = held.len() / 8 * 8;
            let rest = held.split_off(whole);
            let bytes = decode(&held, alphabet, bits, options.has("i")).ok_or_else(|| Failure::new("invalid input"))?;
            out.put(&bytes)?;
            held = rest;
        }
        match decode(&held, alphabet, bits, options.has("i")) {
            Some(bytes) => out.put(&bytes)?,
            None => return Err(Failure::new("truncated input")),
        }
        return out.finish(0);
    }
    let wrap = options.value("w").map(numbers::parse::<usize>).transpose()?.unwrap_or(76);
    let group = if bits == 6 { 3 } else { 5 };
    let (mut held, mut column): (Vec<u8>, usize) = (Vec::new(), 0);
    let mut any = false;
    loop {
        let chunk = input.chunk().map_err(about)?;
        let last = chunk.is_none();
        held.extend_from_slice(chunk.unwrap_or_default());
        let rest = if last { Vec::new() } else { held.split_off(held.len() / group * group) };
        let mut text = Vec::new();
        encode(&held, alphabet, bits, &mut text);
        held = rest;
        any |= !text.is_empty();
        let mut text = text.as_slice();
        while wrap > 0 && column + text.len() > wrap {
            out.put(&text[..wrap - column])?;
            out.byte(b'\n')?;
            text = &text[wrap - column..];
            column = 0;
        }
        out.put(text)?;
        column += text.len();
        if last {
            break;
        }
    }
    if any && wrap > 0 {
        out.byte(b'\n')?;
    }
    out.finish(0)
}
