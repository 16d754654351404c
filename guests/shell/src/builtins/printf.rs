//! `printf` (XCU printf, with bash's `-v`, `%q`, `%(format)T`).

use crate::escapes::{self, Dialect, unescape};
use crate::shell::{Run, Shell};

/// `printf [-v name] format [argument…]`
pub fn printf(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let mut operands = arguments.get(1..).unwrap_or_default();
    let mut variable = None;
    while let Some(first) = operands.first() {
        match first.as_slice() {
            b"-v" if operands.len() > 1 => {
                variable = operands.get(1).cloned();
                operands = operands.get(2..).unwrap_or_default();
            }
            b"--" => {
                operands = operands.get(1..).unwrap_or_default();
                break;
            }
            [b'-', letter, ..] if shell.bash() => {
                let letter = *letter;
                return shell.bad_option(b"printf", letter, "printf [-v var] format [arguments]");
            }
            _ => break,
        }
    }
    let Some(format) = operands.first() else {
        let text: &[u8] =
            if shell.bash() { b"usage: printf [-v var] format [arguments]" } else { b"usage: printf format [arg ...]" };
        shell.builtin_error(b"printf", text);
        return Ok(2);
    };
    let mut job = Job {
        shell,
        out: Vec::new(),
        arguments: operands.get(1..).unwrap_or_default(),
        at: 0,
        status: 0,
        stopped: false,
    };
    loop {
        let before = job.at;
        job.once(format);
        if job.stopped || job.at >= job.arguments.len() || job.at == before {
            break;
        }
    }
    let (out, status) = (job.out, job.status);
    match variable {
        Some(name) => {
            let target = match name.iter().position(|byte| *byte == b'[') {
                Some(open) if name.ends_with(b"]") => {
                    let (base, rest) = name.split_at(open);
                    let key = shell.key_from_text(base, rest.get(1..rest.len() - 1).unwrap_or_default())?;
                    shell.assign_element(base, key, out, false)
                }
                _ if crate::syntax::is_name(&name) => shell.assign_scalar(&name, out, false),
                _ => {
                    let mut message = vec![b'`'];
                    message.extend_from_slice(&name);
                    message.extend_from_slice(b"': not a valid identifier");
                    shell.builtin_error(b"printf", &message);
                    return Ok(2);
                }
            };
            target?;
            Ok(status)
        }
        None => {
            let printed = shell.print("printf", &out)?;
            Ok(if printed != 0 { printed } else { status })
        }
    }
}

struct Job<'a> {
    shell: &'a mut Shell,
    out: Vec<u8>,
    arguments: &'a [Vec<u8>],
    at: usize,
    status: i32,
    stopped: bool,
}

/// Flags, width and precision of a conversion.
#[derive(Debug, Clone, Copy, Default)]
struct Conversion {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// A width or precision may not ask for more than this.
const WIDTH_LIMIT: i64 = 1 << 24;

impl Job<'_> {
    fn next(&mut self) -> Option<Vec<u8>> {
        let argument = self.arguments.get(self.at).cloned();
        // Past the end it still counts as used, so that the format ends.
        if argument.is_some() {
            self.at += 1;
        }
        argument
    }

    fn complain(&mut self, text: &[u8], message: &str) {
        let mut out = text.to_vec();
        out.extend_from_slice(message.as_bytes());
        self.shell.builtin_error(b"printf", &out);
        self.status = 1;
    }

    fn once(&mut self, format: &[u8]) {
        let mut at = 0;
        while let Some(byte) = format.get(at) {
            match byte {
                b'\\' => {
                    // The escape's extent: up to the next that begins one.
                    let rest = format.get(at..).unwrap_or_default();
                    let length = escape_length(rest);
                    if rest.get(1) == Some(&b'c') && !self.shell.bash() {
                        self.stopped = true;
                        return;
                    }
                    unescape(rest.get(..length).unwrap_or_default(), Dialect::Format, &mut self.out);
                    at += length;
                }
                b'%' => {
                    at += 1;
                    match self.conversion(format, at) {
                        Some(next) => at = next,
                        None => {
                            self.stopped = true;
                            return;
                        }
                    }
                }
                other => {
                    self.out.push(*other);
                    at += 1;
                }
            }
        }
    }

    /// Runs the conversion at `at`; the place after it, or `None` to stop.
    fn conversion(&mut self, format: &[u8], mut at: usize) -> Option<usize> {
        let start = at;
        if format.get(at) == Some(&b'%') {
            self.out.push(b'%');
            return Some(at + 1);
        }
        let mut spec = Conversion::default();
        while let Some(flag) = format.get(at) {
            match flag {
                b'-' => spec.left = true,
                b'+' => spec.plus = true,
                b' ' => spec.space = true,
                b'#' => spec.alternate = true,
                b'0' => spec.zero = true,
                b'\'' => {}
                _ => break,
            }
            at += 1;
        }
        if format.get(at) == Some(&b'*') {
            let argument = self.next().unwrap_or_default();
            let width = self.integer(&argument).clamp(-WIDTH_LIMIT, WIDTH_LIMIT);
            spec.left |= width < 0;
            spec.width = width.unsigned_abs() as usize;
            at += 1;
        } else {
            let (value, next) = read_digits(format, at);
            spec.width = value;
            at = next;
        }
        if format.get(at) == Some(&b'.') {
            at += 1;
            if format.get(at) == Some(&b'*') {
                let argument = self.next().unwrap_or_default();
                let precision = self.integer(&argument).min(WIDTH_LIMIT);
                spec.precision = usize::try_from(precision).ok();
                at += 1;
            } else {
                let (value, next) = read_digits(format, at);
                spec.precision = Some(value);
                at = next;
            }
        }
        if format.get(at) == Some(&b'(') && self.shell.bash() {
            let rest = format.get(at + 1..).unwrap_or_default();
            if let Some(end) = rest.windows(2).position(|pair| pair == b")T") {
                let time = rest.get(..end).unwrap_or_default().to_vec();
                let argument = self.next();
                let epoch = match argument {
                    None => coracle_sdk::time::now().seconds,
                    Some(text) => match self.integer(&text) {
                        -1 => coracle_sdk::time::now().seconds,
                        -2 => coracle_sdk::time::now().seconds.saturating_sub(
                            coracle_sdk::time::monotonic().saturating_sub(self.shell.started).as_secs() as i64,
                        ),
                        other => other,
                    },
                };
                let text = crate::times::format(if time.is_empty() { b"%X" } else { &time }, epoch);
                self.pad(&text, spec);
                return Some(at + 1 + end + 2);
            }
        }
        while matches!(format.get(at), Some(b'h' | b'l' | b'L' | b'j' | b'z' | b't' | b'q'))
            && format.get(at) != Some(&b'q')
        {
            at += 1;
        }
        let Some(letter) = format.get(at) else {
            let text = format.get(start - 1..).unwrap_or_default().to_vec();
            let message = "missing format character";
            let mut subject = if self.shell.bash() { b"`".to_vec() } else { Vec::new() };
            subject.extend_from_slice(&text);
            self.complain(&subject, &format!("{}: {message}", if self.shell.bash() { "'" } else { "" }));
            return None;
        };
        match letter {
            b'd' | b'i' => {
                let argument = self.next();
                let value = argument.map_or(0, |text| self.integer(&text));
                self.signed(value, spec);
            }
            b'u' | b'o' | b'x' | b'X' => {
                let argument = self.next();
                let value = argument.map_or(0, |text| self.integer(&text)) as u64;
                self.unsigned(value, *letter, spec);
            }
            b'c' => {
                let argument = self.next().unwrap_or_default();
                let first: Vec<u8> = argument.into_iter().take(1).collect();
                self.pad(&first, spec);
            }
            b's' => {
                let argument = self.next().unwrap_or_default();
                let text = self.cut(&argument, spec.precision);
                self.pad(&text, spec);
            }
            b'b' => {
                let argument = self.next().unwrap_or_default();
                let mut text = Vec::new();
                let stop = unescape(&argument, Dialect::Echo, &mut text);
                let text = match spec.precision {
                    Some(precision) => text.into_iter().take(precision).collect(),
                    None => text,
                };
                self.pad(&text, spec);
                if stop {
                    return None;
                }
            }
            b'q' | b'Q' => {
                let argument = self.next().unwrap_or_default();
                let argument = if *letter == b'Q' { self.cut(&argument, spec.precision) } else { argument };
                let text = escapes::quote_backslash(&argument);
                self.pad(&text, spec);
            }
            b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'a' | b'A' => {
                let argument = self.next();
                let value = argument.map_or(0.0, |text| self.float(&text));
                self.floating(value, *letter, spec);
            }
            other => {
                let other = *other;
                if self.shell.bash() {
                    self.complain(&[b'`', other], "': invalid format character");
                } else {
                    let text = format.get(start - 1..=at).unwrap_or_default().to_vec();
                    self.complain(&text, ": invalid directive");
                }
                return None;
            }
        }
        Some(at + 1)
    }

    fn cut(&self, text: &[u8], precision: Option<usize>) -> Vec<u8> {
        let Some(precision) = precision else { return text.to_vec() };
        let mut at = 0;
        for _ in 0..precision {
            if at >= text.len() {
                break;
            }
            at += crate::pattern::character_length(text, at, self.shell.utf8);
        }
        text.get(..at).unwrap_or(text).to_vec()
    }

    fn pad(&mut self, text: &[u8], spec: Conversion) {
        let length = text.len();
        let fill = spec.width.saturating_sub(length);
        if !spec.left {
            self.out.resize(self.out.len() + fill, b' ');
        }
        self.out.extend_from_slice(text);
        if spec.left {
            self.out.resize(self.out.len() + fill, b' ');
        }
    }

    /// Pads a number: with zeros between its sign and its digits if asked.
    fn pad_number(&mut self, sign: &str, digits: &str, spec: Conversion, zero: bool) {
        let length = sign.len() + digits.len();
        let fill = spec.width.saturating_sub(length);
        if spec.left || !zero {
            let mut text = sign.as_bytes().to_vec();
            text.extend_from_slice(digits.as_bytes());
            self.pad(&text, spec);
            return;
        }
        self.out.extend_from_slice(sign.as_bytes());
        self.out.resize(self.out.len() + fill, b'0');
        self.out.extend_from_slice(digits.as_bytes());
    }

    fn signed(&mut self, value: i64, spec: Conversion) {
        let sign = if value < 0 {
            "-"
        } else if spec.plus {
            "+"
        } else if spec.space {
            " "
        } else {
            ""
        };
        let digits = value.unsigned_abs().to_string();
        let digits = with_precision(digits, spec.precision, value == 0);
        self.pad_number(sign, &digits, spec, spec.zero && spec.precision.is_none());
    }

    fn unsigned(&mut self, value: u64, letter: u8, spec: Conversion) {
        let digits = match letter {
            b'o' => format!("{value:o}"),
            b'x' => format!("{value:x}"),
            b'X' => format!("{value:X}"),
            _ => value.to_string(),
        };
        let mut digits = with_precision(digits, spec.precision, value == 0);
        let mut prefix = "";
        if spec.alternate {
            match letter {
                b'o' if !digits.starts_with('0') => digits.insert(0, '0'),
                b'x' if value != 0 => prefix = "0x",
                b'X' if value != 0 => prefix = "0X",
                _ => {}
            }
        }
        self.pad_number(prefix, &digits, spec, spec.zero && spec.precision.is_none());
    }

    fn floating(&mut self, value: f64, letter: u8, spec: Conversion) {
        let sign = if value.is_sign_negative() && !value.is_nan() {
            "-"
        } else if spec.plus {
            "+"
        } else if spec.space {
            " "
        } else {
            ""
        };
        let magnitude = value.abs();
        if !magnitude.is_finite() {
            let text = if magnitude.is_nan() { "nan" } else { "inf" };
            let text = if letter.is_ascii_uppercase() { text.to_uppercase() } else { text.to_string() };
            self.pad_number(sign, &text, spec, false);
            return;
        }
        let text = match letter.to_ascii_lowercase() {
            b'f' => {
                let text = format!("{magnitude:.*}", spec.precision.unwrap_or(6));
                if spec.alternate && !text.contains('.') { text + "." } else { text }
            }
            b'e' => exponential(magnitude, spec.precision.unwrap_or(6)),
            b'a' => hexadecimal(magnitude, spec.precision),
            _ => general(magnitude, spec.precision.unwrap_or(6), spec.alternate),
        };
        let text = if letter.is_ascii_uppercase() { text.to_uppercase() } else { text };
        self.pad_number(sign, &text, spec, spec.zero);
    }

    /// An integer argument: decimal, octal, hexadecimal or `'c`.
    fn integer(&mut self, text: &[u8]) -> i64 {
        if let Some((b'\'' | b'"', rest)) = text.split_first() {
            return self.character_code(rest);
        }
        let trimmed = text.trim_ascii_start();
        let (negative, digits) = match trimmed.split_first() {
            Some((b'-', rest)) => (true, rest),
            Some((b'+', rest)) => (false, rest),
            _ => (false, trimmed),
        };
        let (base, digits) = match digits {
            [b'0', b'x' | b'X', rest @ ..] if rest.first().is_some_and(u8::is_ascii_hexdigit) => (16_u32, rest),
            [b'0', ..] => (8, digits),
            _ => (10, digits),
        };
        let mut value = 0_u64;
        let mut overflow = false;
        let mut count = 0;
        for digit in digits {
            let Some(digit) = char::from(*digit).to_digit(base) else { break };
            count += 1;
            match value.checked_mul(u64::from(base)).and_then(|value| value.checked_add(u64::from(digit))) {
                Some(next) => value = next,
                None => overflow = true,
            }
        }
        if count < digits.len() || count == 0 {
            if !(text.is_empty() && self.shell.bash()) {
                let message = match (self.shell.bash(), count) {
                    (true, _) => ": invalid number",
                    (false, 0) => ": expected numeric value",
                    (false, _) => ": not completely converted",
                };
                self.complain(text, message);
            }
        } else if overflow {
            self.complain(text, ": Numerical result out of range");
            return if negative { i64::MIN } else { i64::MAX };
        }
        if negative { (value as i64).wrapping_neg() } else { value as i64 }
    }

    fn character_code(&self, text: &[u8]) -> i64 {
        let length = crate::pattern::character_length(text, 0, self.shell.utf8);
        let bytes = text.get(..length).unwrap_or_default();
        match std::str::from_utf8(bytes).ok().and_then(|text| text.chars().next()) {
            Some(character) => i64::from(u32::from(character)),
            None => text.first().map_or(0, |byte| i64::from(*byte)),
        }
    }

    fn float(&mut self, text: &[u8]) -> f64 {
        if let Some((b'\'' | b'"', rest)) = text.split_first() {
            return self.character_code(rest) as f64;
        }
        let trimmed = text.trim_ascii();
        if trimmed.starts_with(b"0x") || trimmed.starts_with(b"0X") || trimmed.starts_with(b"-0x") {
            return self.integer(trimmed) as f64;
        }
        let valid = (0..=trimmed.len()).rev().find_map(|length| {
            std::str::from_utf8(trimmed.get(..length)?).ok()?.parse::<f64>().ok().map(|value| (length, value))
        });
        match valid {
            Some((length, value)) if length == trimmed.len() => value,
            other => {
                if !(text.is_empty() && self.shell.bash()) {
                    let message = match (self.shell.bash(), other.is_some()) {
                        (true, _) => ": invalid number",
                        (false, false) => ": expected numeric value",
                        (false, true) => ": not completely converted",
                    };
                    self.complain(text, message);
                }
                other.map_or(0.0, |(_, value)| value)
            }
        }
    }
}

fn with_precision(digits: String, precision: Option<usize>, zero: bool) -> String {
    match precision {
        Some(0) if zero => String::new(),
        Some(precision) if digits.len() < precision => "0".repeat(precision - digits.len()) + &digits,
        _ => digits,
    }
}

fn read_digits(format: &[u8], mut at: usize) -> (usize, usize) {
    let mut value = 0_usize;
    while let Some(digit @ b'0'..=b'9') = format.get(at) {
        value = (value * 10 + usize::from(digit - b'0')).min(WIDTH_LIMIT as usize);
        at += 1;
    }
    (value, at)
}

/// How long the escape at the start of `text` is.
fn escape_length(text: &[u8]) -> usize {
    let hex =
        |from: usize, max: usize| text.iter().skip(from).take(max).take_while(|byte| byte.is_ascii_hexdigit()).count();
    match text.get(1) {
        None => 1,
        Some(b'x') => 2 + hex(2, 2),
        Some(b'u') => 2 + hex(2, 4),
        Some(b'U') => 2 + hex(2, 8),
        Some(b'0'..=b'7') => 1 + text.iter().skip(1).take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count(),
        Some(_) => 2,
    }
}

fn exponential(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let exponent: i32 = exponent.parse().unwrap_or(0);
            format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        None => text,
    }
}

fn general(value: f64, precision: usize, alternate: bool) -> String {
    let precision = precision.max(1);
    let exponent = if value == 0.0 {
        0
    } else {
        format!("{value:.*e}", precision - 1)
            .split_once('e')
            .and_then(|(_, exponent)| exponent.parse::<i32>().ok())
            .unwrap_or(0)
    };
    let strip = |text: String| {
        if alternate || !text.contains('.') {
            return text;
        }
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    };
    if exponent < -4 || exponent >= precision as i32 {
        let text = exponential(value, precision - 1);
        match text.split_once('e') {
            Some((mantissa, exponent)) => format!("{}e{exponent}", strip(mantissa.to_string())),
            None => text,
        }
    } else {
        strip(format!("{value:.*}", (precision as i32 - 1 - exponent).max(0) as usize))
    }
}

fn hexadecimal(value: f64, precision: Option<usize>) -> String {
    let bits = value.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mut mantissa = bits & ((1 << 52) - 1);
    let mut lead = 1_u64;
    if exponent == -1023 {
        lead = 0;
        exponent = if mantissa == 0 { 0 } else { -1022 };
    }
    let digits = match precision {
        Some(precision) if precision < 13 => {
            let shift = (13 - precision) * 4;
            let mut whole = (lead << 52) | mantissa;
            whole = (whole + (1 << (shift - 1))) >> shift;
            lead = whole >> (precision * 4);
            mantissa = if precision == 0 { 0 } else { whole & ((1 << (precision * 4)) - 1) };
            if precision == 0 { String::new() } else { format!("{mantissa:0precision$x}") }
        }
        Some(precision) => format!("{mantissa:013x}") + &"0".repeat(precision - 13),
        None => format!("{mantissa:013x}").trim_end_matches('0').to_string(),
    };
    let dot = if digits.is_empty() { "" } else { "." };
    format!("0x{lead}{dot}{digits}p{}{}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_come_out_as_in_c() {
        assert_eq!(general(0.0001, 6, false), "0.0001");
        assert_eq!(general(1e10, 6, false), "1e+10");
        assert_eq!(general(100_000.0, 6, false), "100000");
        assert_eq!(exponential(12.5, 2), "1.25e+01");
        assert_eq!(hexadecimal(1.5, None), "0x1.8p+0");
    }
}
