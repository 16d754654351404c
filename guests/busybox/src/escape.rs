//! Backslash escapes of printf, echo -e and tr.

/// What an escape stands for.
#[derive(Debug, PartialEq, Eq)]
pub enum Escape {
    /// These bytes.
    Bytes(Vec<u8>),
    /// `\c`: no further output.
    Stop,
}

/// Which dialect is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// printf's format: `\NNN`, `\xHH`, `\uHHHH`.
    Format,
    /// echo -e and printf's %b: octal as `\0NNN`, too.
    Echo,
}

/// Reads the escape after a backslash: its meaning and its length. An unknown
/// one stands for itself, backslash included.
pub fn read(text: &[u8], dialect: Dialect) -> (Escape, usize) {
    let one = |byte: u8| (Escape::Bytes(vec![byte]), 1);
    let Some(&letter) = text.first() else { return (Escape::Bytes(b"\\".to_vec()), 0) };
    match letter {
        b'a' => one(7),
        b'b' => one(8),
        b'e' | b'E' => one(27),
        b'f' => one(12),
        b'n' => one(b'\n'),
        b'r' => one(b'\r'),
        b't' => one(b'\t'),
        b'v' => one(11),
        b'\\' => one(b'\\'),
        b'"' if dialect == Dialect::Format => one(b'"'),
        b'c' => (Escape::Stop, 1),
        b'0'..=b'7' => {
            let most = if dialect == Dialect::Echo && letter == b'0' { 4 } else { 3 };
            let (value, length) = digits(text, 8, most);
            (Escape::Bytes(vec![value as u8]), length)
        }
        b'x' => {
            let (value, length) = digits(&text[1..], 16, 2);
            if length == 0 {
                (Escape::Bytes(b"\\x".to_vec()), 1)
            } else {
                (Escape::Bytes(vec![value as u8]), length + 1)
            }
        }
        b'u' | b'U' => {
            let (value, length) = digits(&text[1..], 16, if letter == b'u' { 4 } else { 8 });
            match char::from_u32(value) {
                Some(character) if length > 0 => (Escape::Bytes(character.to_string().into_bytes()), length + 1),
                _ => (Escape::Bytes(vec![b'\\', letter]), 1),
            }
        }
        other => (Escape::Bytes(vec![b'\\', other]), 1),
    }
}

fn digits(text: &[u8], base: u32, most: usize) -> (u32, usize) {
    let mut value = 0u32;
    let mut length = 0;
    while let Some(digit) = text.get(length).filter(|_| length < most).and_then(|byte| char::from(*byte).to_digit(base))
    {
        value = value.wrapping_mul(base).wrapping_add(digit);
        length += 1;
    }
    (value, length)
}

/// Every escape of `text` replaced; the second is true after `\c`.
pub fn expand(text: &[u8], dialect: Dialect) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let (escape, length) = read(&rest[at + 1..], dialect);
        match escape {
            Escape::Bytes(bytes) => out.extend_from_slice(&bytes),
            Escape::Stop => return (out, true),
        }
        rest = &rest[at + 1 + length..];
    }
    out.extend_from_slice(rest);
    (out, false)
}
