//! Numbers on command lines: with suffixes, in octal and hexadecimal; and sizes
//! for people.

use crate::applet::{Failure, lossy};

/// A decimal number, `invalid number 'x'` otherwise.
pub fn parse<T: std::str::FromStr>(text: &[u8]) -> Result<T, Failure> {
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| Failure::new(format!("invalid number '{}'", lossy(&text))))
}

/// The factor of a size suffix: `b` 512, `K` and `KiB` 1024, `KB` and `kB` 1000.
pub fn suffix(text: &[u8]) -> Option<u64> {
    let power = |letter: u8| match letter.to_ascii_lowercase() {
        b'k' => Some(1),
        b'm' => Some(2),
        b'g' => Some(3),
        b't' => Some(4),
        b'p' => Some(5),
        b'e' => Some(6),
        _ => None,
    };
    match text {
        b"" | b"c" => Some(1),
        b"w" => Some(2),
        b"b" => Some(512),
        [letter] | [letter, b'i', b'B'] => power(*letter).map(|power| 1024u64.pow(power)),
        [letter, b'B' | b'D'] => power(*letter).map(|power| 1000u64.pow(power)),
        _ => None,
    }
}

/// A size: digits and a suffix.
pub fn size(text: &[u8]) -> Result<u64, Failure> {
    let invalid = || Failure::new(format!("invalid number '{}'", lossy(&text)));
    let digits = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok()).ok_or_else(invalid)?;
    suffix(unit).and_then(|factor| number.checked_mul(factor)).ok_or_else(invalid)
}

/// `1.5K`, as ls -h, du -h and df -h print sizes: one digit after the point,
/// rounded to the nearest.
pub fn human(size: u64, base: u64) -> String {
    if size < base {
        return size.to_string();
    }
    let (mut whole, mut unit, mut rest) = (size, 0, 0);
    while whole >= base && unit < 6 {
        rest = whole % base;
        whole /= base;
        unit += 1;
    }
    let mut tenths = (rest * 10 + base / 2) / base;
    if tenths >= 10 {
        whole += 1;
        tenths = 0;
    }
    let letter = [' ', 'K', 'M', 'G', 'T', 'P', 'E'].get(unit).copied().unwrap_or('E');
    let letter = if base == 1000 && letter == 'K' { 'k' } else { letter };
    format!("{whole}.{tenths}{letter}")
}

/// A length of time for sleep and timeout: `1.5`, `2m`, `1h`, `3d`, `inf`.
pub fn seconds(text: &[u8]) -> Option<std::time::Duration> {
    use std::time::Duration;
    let text = std::str::from_utf8(text).ok()?;
    let (number, factor) = match text.as_bytes().last()? {
        b's' => (&text[..text.len() - 1], 1.0),
        b'm' => (&text[..text.len() - 1], 60.0),
        b'h' => (&text[..text.len() - 1], 3600.0),
        b'd' => (&text[..text.len() - 1], 86400.0),
        _ => (text, 1.0),
    };
    if number.eq_ignore_ascii_case("inf") || number.eq_ignore_ascii_case("infinity") {
        return Some(Duration::MAX);
    }
    if !number.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let value = number.parse::<f64>().ok()? * factor;
    Some(Duration::try_from_secs_f64(value).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people_are_rounded() {
        assert_eq!(human(1023, 1024), "1023");
        assert_eq!(human(1024, 1024), "1.0K");
        assert_eq!(human(772_915, 1024), "754.8K");
        assert_eq!(human(1024 * 1024 - 1, 1024), "1024.0K");
        assert_eq!(human(1000, 1000), "1.0k");
    }
}
