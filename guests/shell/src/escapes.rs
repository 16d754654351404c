//! Backslash escapes ($'…', echo, printf) and the reverse: quoting a string so
//! that the shell reads it back.

/// Appends `code` as UTF-8; surrogates and beyond as bash encodes them.
pub fn push_code_point(out: &mut Vec<u8>, code: u32) {
    match char::from_u32(code) {
        Some(character) => {
            let mut buffer = [0; 4];
            out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
        }
        None if code < 0x1_0000 => {
            out.push(0xe0 | (code >> 12) as u8);
            out.push(0x80 | ((code >> 6) & 0x3f) as u8);
            out.push(0x80 | (code & 0x3f) as u8);
        }
        None => {}
    }
}

/// Reads up to `max` digits in `base`; the value and how many there were.
fn digits(text: &[u8], base: u32, max: usize) -> (u32, usize) {
    let mut value = 0_u32;
    let mut count = 0;
    for byte in text.iter().take(max) {
        match char::from(*byte).to_digit(base) {
            Some(digit) => {
                value = value.wrapping_mul(base).wrapping_add(digit);
                count += 1;
            }
            None => break,
        }
    }
    (value, count)
}

/// Which escapes are known and how octal ones are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `$'…'`
    Dollar,
    /// The format operand of printf.
    Format,
    /// `echo -e` and printf's `%b`: octal needs `\0`; `\c` ends the output.
    Echo,
}

/// Replaces the escapes in `text`; `true` when `\c` ended it.
pub fn unescape(text: &[u8], dialect: Dialect, out: &mut Vec<u8>) -> bool {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let Some(letter) = text.get(at) else {
            out.push(b'\\');
            break;
        };
        at += 1;
        let rest = text.get(at..).unwrap_or_default();
        match letter {
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'e' | b'E' => out.push(27),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'v' => out.push(11),
            b'\\' => out.push(b'\\'),
            b'\'' | b'"' | b'?' if dialect == Dialect::Dollar => out.push(*letter),
            b'\'' | b'"' if dialect == Dialect::Format => out.push(*letter),
            b'c' if dialect == Dialect::Echo => return true,
            b'c' if dialect == Dialect::Dollar => {
                if let Some(control) = rest.first() {
                    out.push(control.to_ascii_uppercase() & 0x1f);
                    at += 1;
                    if *control == b'\\' && rest.get(1) == Some(&b'\\') {
                        at += 1;
                    }
                }
            }
            b'x' => {
                if dialect == Dialect::Dollar && rest.first() == Some(&b'{') {
                    let inner = rest.get(1..).unwrap_or_default();
                    let (value, count) = digits(inner, 16, 64);
                    at += 1 + count;
                    if inner.get(count) == Some(&b'}') {
                        at += 1;
                    }
                    out.push(value as u8);
                } else {
                    let (value, count) = digits(rest, 16, 2);
                    if count == 0 {
                        out.extend_from_slice(b"\\x");
                    } else {
                        out.push(value as u8);
                        at += count;
                    }
                }
            }
            b'u' | b'U' => {
                let (value, count) = digits(rest, 16, if *letter == b'u' { 4 } else { 8 });
                if count == 0 {
                    out.push(b'\\');
                    out.push(*letter);
                } else {
                    push_code_point(out, value);
                    at += count;
                }
            }
            b'0' if dialect == Dialect::Echo => {
                let (value, count) = digits(rest, 8, 3);
                out.push(value as u8);
                at += count;
            }
            b'0'..=b'7' if dialect != Dialect::Echo || matches!(letter, b'1'..=b'7') => {
                let (value, count) = digits(text.get(at - 1..).unwrap_or_default(), 8, 3);
                out.push(value as u8);
                at += count - 1;
            }
            other => {
                out.push(b'\\');
                out.push(*other);
            }
        }
    }
    false
}

/// What `$'text'` stands for; a zero byte ends it, as no word can hold one.
pub fn ansi_c(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    unescape(text, Dialect::Dollar, &mut out);
    if let Some(zero) = out.iter().position(|byte| *byte == 0) {
        out.truncate(zero);
    }
    out
}

/// Whether a shell reads `text` back as one unquoted word.
fn is_safe(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().enumerate().all(|(at, byte)| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'_' | b'-' | b'.' | b'/' | b':' | b'@' | b'%' | b'+' | b'=')
                || (matches!(byte, b'~' | b'#') && at > 0)
                || *byte >= 0x80
        })
}

fn has_control(text: &[u8]) -> bool {
    text.iter().any(|byte| *byte < 0x20 || *byte == 0x7f) || std::str::from_utf8(text).is_err()
}

/// `$'…'` around `text`.
pub fn quote_ansi_c(text: &[u8]) -> Vec<u8> {
    let mut out = b"$'".to_vec();
    let mut rest = text;
    while !rest.is_empty() {
        let (valid, bad) = match std::str::from_utf8(rest) {
            Ok(valid) => (valid, 0),
            Err(error) => {
                let (valid, _) = rest.split_at(error.valid_up_to());
                (
                    std::str::from_utf8(valid).unwrap_or_default(),
                    error.error_len().unwrap_or(rest.len() - error.valid_up_to()),
                )
            }
        };
        for byte in valid.bytes() {
            match byte {
                7 => out.extend_from_slice(b"\\a"),
                8 => out.extend_from_slice(b"\\b"),
                27 => out.extend_from_slice(b"\\E"),
                12 => out.extend_from_slice(b"\\f"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                11 => out.extend_from_slice(b"\\v"),
                b'\\' | b'\'' => {
                    out.push(b'\\');
                    out.push(byte);
                }
                0..=31 | 127 => out.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
                _ => out.push(byte),
            }
        }
        let (bytes, after) = rest.split_at(valid.len()).1.split_at(bad);
        for byte in bytes {
            out.extend_from_slice(format!("\\{byte:03o}").as_bytes());
        }
        rest = after;
    }
    out.push(b'\'');
    out
}

/// `'…'` around `text`, as `export -p` prints values.
pub fn quote_single(text: &[u8]) -> Vec<u8> {
    let mut out = vec![b'\''];
    for byte in text {
        if *byte == b'\'' {
            out.extend_from_slice(b"'\\''");
        } else {
            out.push(*byte);
        }
    }
    out.push(b'\'');
    out
}

/// bash's `${x@Q}`: always quoted.
pub fn quote_transform(text: &[u8]) -> Vec<u8> {
    if has_control(text) { quote_ansi_c(text) } else { quote_single(text) }
}

/// As bash's `set` and `alias` print: quoted only where it is needed.
pub fn quote_if_needed(text: &[u8]) -> Vec<u8> {
    if has_control(text) {
        quote_ansi_c(text)
    } else if is_safe(text) || text.is_empty() {
        text.to_vec()
    } else {
        quote_single(text)
    }
}

/// bash's `printf %q`: backslashes.
pub fn quote_backslash(text: &[u8]) -> Vec<u8> {
    if text.is_empty() {
        return b"''".to_vec();
    }
    if has_control(text) {
        return quote_ansi_c(text);
    }
    let mut out = Vec::with_capacity(text.len() + 4);
    for (at, byte) in text.iter().enumerate() {
        let special = matches!(
            byte,
            b' ' | b'!'
                | b'"'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b','
                | b';'
                | b'<'
                | b'>'
                | b'?'
                | b'['
                | b'\\'
                | b']'
                | b'^'
                | b'`'
                | b'{'
                | b'|'
                | b'}'
        ) || (at == 0 && matches!(byte, b'~' | b'#'));
        if special {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out
}

/// `"…"` as `declare -p` prints values.
pub fn quote_double(text: &[u8]) -> Vec<u8> {
    if text.iter().any(|byte| *byte < 0x20 || *byte == 0x7f)
        && text.iter().any(|byte| (*byte < 0x20 && *byte != b'\n' && *byte != b'\t') || *byte == 0x7f)
    {
        return quote_ansi_c(text);
    }
    let mut out = vec![b'"'];
    for byte in text {
        if matches!(byte, b'"' | b'$' | b'`' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
    out
}
