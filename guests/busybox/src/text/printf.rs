//! printf: formats and prints its arguments (XCU printf), and the conversions
//! of numbers that seq and awk share.

use crate::applet::{Applet, Call, Failure, Outcome, lossy, say};
use crate::escape::{self, Dialect, Escape};
use crate::output::Out;

pub static APPLET: Applet = Applet {
    name: "printf",
    directory: "/usr/bin",
    summary: "Format and print arguments",
    usage: "FORMAT [ARGUMENT]...

Format and print ARGUMENTs according to FORMAT, as C printf does,
with %b for ARGUMENTs with backslash escapes and %q for quoting",
    run,
};

/// Flags, width and precision of a conversion.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    pub left: bool,
    pub plus: bool,
    pub space: bool,
    pub alternative: bool,
    pub zero: bool,
    pub width: usize,
    pub precision: Option<usize>,
}

impl Spec {
    /// Text in its field.
    pub fn text(&self, text: &[u8]) -> Vec<u8> {
        let text = &text[..self.precision.unwrap_or(usize::MAX).min(text.len())];
        self.field(text.to_vec(), false)
    }

    fn field(&self, mut text: Vec<u8>, numeric: bool) -> Vec<u8> {
        let missing = self.width.saturating_sub(text.len());
        if missing == 0 {
            return text;
        }
        if self.left {
            text.extend(std::iter::repeat_n(b' ', missing));
        } else if self.zero && numeric {
            let mut at = usize::from(matches!(text.first(), Some(b'-' | b'+' | b' ')));
            if matches!(text.get(at..at + 2), Some(b"0x" | b"0X")) {
                at += 2;
            }
            text.splice(at..at, std::iter::repeat_n(b'0', missing));
        } else {
            text.splice(0..0, std::iter::repeat_n(b' ', missing));
        }
        text
    }

    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        }
    }

    /// %d, %i
    pub fn signed(&self, value: i64) -> Vec<u8> {
        let digits = self.digits(value.unsigned_abs().to_string());
        let text = format!("{}{digits}", self.sign(value < 0));
        self.field(text.into_bytes(), self.precision.is_none())
    }

    fn digits(&self, digits: String) -> String {
        match self.precision {
            Some(0) if digits == "0" => String::new(),
            Some(precision) => format!("{digits:0>precision$}"),
            None => digits,
        }
    }

    /// %u, %o, %x, %X
    pub fn unsigned(&self, value: u64, letter: u8) -> Vec<u8> {
        let digits = match letter {
            b'o' => format!("{value:o}"),
            b'x' => format!("{value:x}"),
            b'X' => format!("{value:X}"),
            _ => value.to_string(),
        };
        let mut digits = self.digits(digits);
        if self.alternative && value != 0 {
            match letter {
                b'x' => digits.insert_str(0, "0x"),
                b'X' => digits.insert_str(0, "0X"),
                b'o' if !digits.starts_with('0') => digits.insert(0, '0'),
                _ => {}
            }
        }
        self.field(digits.into_bytes(), self.precision.is_none())
    }

    /// %e %f %g %a and their capitals
    pub fn float(&self, value: f64, letter: u8) -> Vec<u8> {
        let upper = letter.is_ascii_uppercase();
        let magnitude = value.abs();
        let sign = self.sign(value.is_sign_negative() && !value.is_nan());
        let body = if value.is_nan() {
            "nan".to_string()
        } else if value.is_infinite() {
            "inf".to_string()
        } else {
            match letter.to_ascii_lowercase() {
                b'f' => {
                    let precision = self.precision.unwrap_or(6).min(1000);
                    let text = format!("{magnitude:.precision$}");
                    if self.alternative && precision == 0 { text + "." } else { text }
                }
                b'e' => exponential(magnitude, self.precision.unwrap_or(6).min(1000)),
                b'a' => hexadecimal(magnitude),
                _ => general(magnitude, self.precision.unwrap_or(6).min(1000), self.alternative),
            }
        };
        let text = format!("{sign}{body}");
        let text = if upper { text.to_uppercase() } else { text };
        self.field(text.into_bytes(), value.is_finite())
    }
}

fn exponential(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

fn general(value: f64, precision: usize, keep_zeros: bool) -> String {
    let precision = precision.max(1);
    if value == 0.0 {
        return "0".to_string();
    }
    let scientific = format!("{value:.*e}", precision - 1);
    let exponent: i32 = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let strip = |text: String| {
        if keep_zeros || !text.contains('.') {
            return text;
        }
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    };
    if exponent < -4 || exponent >= precision as i32 {
        let text = exponential(value, precision - 1);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "+00"));
        return format!("{}e{exponent}", strip(mantissa.to_string()));
    }
    let decimals = (precision as i32 - 1 - exponent).max(0) as usize;
    strip(format!("{value:.decimals$}"))
}

fn hexadecimal(value: f64) -> String {
    if value == 0.0 {
        return "0x0p+0".to_string();
    }
    let bits = value.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i64;
    let fraction = bits & ((1 << 52) - 1);
    let (lead, exponent) = if exponent == 0 { (0, -1022) } else { (1, exponent - 1023) };
    let digits = format!("{fraction:013x}");
    let digits = digits.trim_end_matches('0');
    let point = if digits.is_empty() { "" } else { "." };
    format!("0x{lead}{point}{digits}p{exponent:+}")
}

/// A format with one conversion for a number, for seq -f.
pub fn one_float(format: &[u8], value: f64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < format.len() {
        if format[at] == b'%' {
            if format.get(at + 1) == Some(&b'%') {
                out.push(b'%');
                at += 2;
                continue;
            }
            let (spec, length) = parse_spec(&format[at + 1..], &mut || 0);
            at += 1 + length;
            if let Some(letter) = format.get(at) {
                out.extend(spec.float(value, *letter));
            }
        } else {
            out.push(format[at]);
        }
        at += 1;
    }
    out
}

/// Flags, width, precision and ignored length modifiers; `star` gives the values
/// of `*`. Answers how many bytes it read.
pub fn parse_spec(text: &[u8], star: &mut dyn FnMut() -> i64) -> (Spec, usize) {
    let mut spec = Spec::default();
    let mut at = 0;
    while let Some(flag) = text.get(at) {
        match flag {
            b'-' => spec.left = true,
            b'+' => spec.plus = true,
            b' ' => spec.space = true,
            b'#' => spec.alternative = true,
            b'0' => spec.zero = true,
            b'\'' => {}
            _ => break,
        }
        at += 1;
    }
    let number = |at: &mut usize| {
        let mut value = 0usize;
        while let Some(digit) = text.get(*at).filter(|byte| byte.is_ascii_digit()) {
            value = (value * 10 + usize::from(digit - b'0')).min(1 << 24);
            *at += 1;
        }
        value
    };
    if text.get(at) == Some(&b'*') {
        let width = star();
        spec.left |= width < 0;
        spec.width = usize::try_from(width.unsigned_abs()).unwrap_or(0).min(1 << 24);
        at += 1;
    } else {
        spec.width = number(&mut at);
    }
    if text.get(at) == Some(&b'.') {
        at += 1;
        if text.get(at) == Some(&b'*') {
            spec.precision = usize::try_from(star()).ok().map(|precision| precision.min(1 << 24));
            at += 1;
        } else {
            spec.precision = Some(number(&mut at));
        }
    }
    while matches!(text.get(at), Some(b'h' | b'l' | b'L' | b'q' | b'j' | b'z' | b't')) {
        at += 1;
    }
    (spec, at)
}

struct Arguments<'a> {
    rest: &'a [Vec<u8>],
    status: u8,
}

impl Arguments<'_> {
    fn next(&mut self) -> Option<&[u8]> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn integer(&mut self) -> i128 {
        let Some(text) = self.next().map(<[u8]>::to_vec) else { return 0 };
        if let [b'\'' | b'"', rest @ ..] = text.as_slice() {
            return match std::str::from_utf8(rest).ok().and_then(|text| text.chars().next()) {
                Some(character) => i128::from(u32::from(character)),
                None => rest.first().map_or(0, |byte| i128::from(*byte)),
            };
        }
        let string = String::from_utf8_lossy(&text).into_owned();
        let trimmed = string.trim_start();
        let (negative, digits) = match trimmed.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
        };
        let (digits, base) = if let Some(digits) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            (digits, 16)
        } else if digits.len() > 1 && digits.starts_with('0') {
            (&digits[1..], 8)
        } else {
            (digits, 10)
        };
        let end = digits.find(|c: char| !c.is_digit(base)).unwrap_or(digits.len());
        let value =
            i128::from_str_radix(&digits[..end], base).unwrap_or(if end > 30 { i128::from(u64::MAX) + 1 } else { 0 });
        if end < digits.len() || (end == 0 && base != 8) {
            say(&format!("printf: invalid number '{}'\n", lossy(&text)));
            self.status = 1;
            // BusyBox takes nothing of it.
            return 0;
        }
        if value > i128::from(u64::MAX) || (negative && value > -i128::from(i64::MIN)) {
            say(&format!("printf: {}: Numerical result out of range\n", lossy(&text)));
            self.status = 1;
        }
        if negative { -value } else { value }
    }

    fn float(&mut self) -> f64 {
        let Some(text) = self.next().map(<[u8]>::to_vec) else { return 0.0 };
        if let [b'\'' | b'"', rest @ ..] = text.as_slice() {
            return rest.first().map_or(0.0, |byte| f64::from(*byte));
        }
        let string = String::from_utf8_lossy(&text).into_owned();
        let trimmed = string.trim();
        match trimmed.parse::<f64>() {
            Ok(value) => value,
            Err(_) if trimmed.is_empty() && text.is_empty() => 0.0,
            Err(_) => {
                let end = (1..=trimmed.len())
                    .rev()
                    .find(|end| trimmed.get(..*end).is_some_and(|text| text.parse::<f64>().is_ok()));
                say(&format!("printf: invalid number '{}'\n", lossy(&text)));
                self.status = 1;
                end.and_then(|end| trimmed[..end].parse().ok()).unwrap_or(0.0)
            }
        }
    }
}

/// Quotes for a shell (%q).
fn quote(text: &[u8]) -> Vec<u8> {
    if text.is_empty() {
        return b"''".to_vec();
    }
    let mut out = Vec::new();
    for &byte in text {
        if !(byte.is_ascii_alphanumeric() || b"%+,-./:=@_^".contains(&byte) || byte >= 128) {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out
}

fn run(call: &Call) -> Outcome {
    let mut arguments = call.arguments.as_slice();
    if arguments.first().is_some_and(|first| first == b"--help") && arguments.len() == 1 {
        return Err(Failure::Help);
    }
    if arguments.first().is_some_and(|first| first == b"--") {
        arguments = &arguments[1..];
    }
    let Some((format, rest)) = arguments.split_first() else { return Err(call.misuse("missing operand")) };
    let mut out = Out::stdout();
    let mut arguments = Arguments { rest, status: 0 };
    loop {
        let before = arguments.rest.len();
        if pass(format, &mut arguments, &mut out)? {
            break;
        }
        if arguments.rest.is_empty() || arguments.rest.len() == before {
            break;
        }
    }
    let status = arguments.status;
    out.finish(status)
}

/// The format once; true after `\c`.
fn pass(format: &[u8], arguments: &mut Arguments<'_>, out: &mut Out<'_>) -> Result<bool, Failure> {
    let mut at = 0;
    while at < format.len() {
        match format[at] {
            b'\\' => {
                let (escape, length) = escape::read(&format[at + 1..], Dialect::Format);
                match escape {
                    Escape::Bytes(bytes) => out.put(&bytes)?,
                    Escape::Stop => return Ok(true),
                }
                at += 1 + length;
            }
            b'%' if format.get(at + 1) == Some(&b'%') => {
                out.byte(b'%')?;
                at += 2;
            }
            b'%' => {
                let start = at;
                let (spec, length) =
                    parse_spec(&format[at + 1..], &mut || i64::try_from(arguments.integer()).unwrap_or(0));
                at += 1 + length;
                let letter = format.get(at).copied().unwrap_or(0);
                at += 1;
                let text = match letter {
                    b'd' | b'i' => {
                        let value = arguments.integer();
                        spec.signed(i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX }))
                    }
                    b'u' | b'o' | b'x' | b'X' => {
                        let value = arguments.integer();
                        spec.unsigned(
                            u64::try_from(value)
                                .unwrap_or_else(|_| i64::try_from(value).map_or(u64::MAX, |v| v as u64)),
                            letter,
                        )
                    }
                    b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'a' | b'A' => spec.float(arguments.float(), letter),
                    b'c' => spec.text(arguments.next().and_then(|text| text.get(..1)).unwrap_or_default()),
                    b's' => spec.text(arguments.next().unwrap_or_default()),
                    b'q' => {
                        let text = quote(arguments.next().unwrap_or_default());
                        spec.text(&text)
                    }
                    b'b' => {
                        let (text, stop) = escape::expand(arguments.next().unwrap_or_default(), Dialect::Echo);
                        if stop {
                            out.put(&spec.text(&text))?;
                            return Ok(true);
                        }
                        spec.text(&text)
                    }
                    _ => {
                        let shown = lossy(&&format[start..at.min(format.len())]).into_owned();
                        return Err(Failure::new(format!("{shown}: invalid format")));
                    }
                };
                out.put(&text)?;
            }
            _ => {
                let end =
                    format[at..].iter().position(|byte| matches!(byte, b'\\' | b'%')).map_or(format.len(), |n| at + n);
                out.put(&format[at..end])?;
                at = end;
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_read_as_in_c() {
        let show = |format: &str, value| String::from_utf8(one_float(format.as_bytes(), value)).unwrap();
        assert_eq!(show("%g", 100_000.0), "100000");
        assert_eq!(show("%g", 1_000_000.0), "1e+06");
        assert_eq!(show("%g", 0.0001), "0.0001");
        assert_eq!(show("%g", 0.00001), "1e-05");
        assert_eq!(show("%.3e", 12345.678), "1.235e+04");
        assert_eq!(show("%08.2f", -3.14259), "-0003.14");
        assert_eq!(show("%5.1f|%%", 2.25), "  2.2|%");
    }
}
