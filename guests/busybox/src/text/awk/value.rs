//! Values: numbers, strings, and strings from input that look like numbers.

use std::collections::HashMap;
use std::rc::Rc;

use crate::text::printf::Spec;

#[derive(Clone, Debug, Default)]
pub enum Value {
    #[default]
    Unset,
    Number(f64),
    Text(Rc<[u8]>),
    /// Input: a number where it looks like one.
    Input(Rc<[u8]>),
}

/// The number at the beginning of a text and its length.
pub fn leading_number(text: &[u8]) -> (f64, usize) {
    let mut at = text.iter().take_while(|byte| matches!(byte, b' ' | 9..=13)).count();
    let start = at;
    if matches!(text.get(at), Some(b'+' | b'-')) {
        at += 1;
    }
    let digits = at;
    // Short whole numbers are the usual case.
    let mut whole = 0u64;
    while let Some(digit) = text.get(at).filter(|byte| byte.is_ascii_digit()) {
        whole = whole.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        at += 1;
    }
    let integer_digits = at - digits;
    if !matches!(text.get(at), Some(b'.' | b'e' | b'E')) && integer_digits > 0 && integer_digits < 16 {
        let value = whole as f64;
        return (if text[start] == b'-' { -value } else { value }, at);
    }
    let mut any = integer_digits > 0;
    if text.get(at) == Some(&b'.') {
        let fraction = text[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if any || fraction > 0 {
            at += 1 + fraction;
            any = true;
        }
    }
    if !any {
        // gawk's own words for what has no digits.
        let rest = &text[start..];
        for (word, value) in
            [("+inf", f64::INFINITY), ("-inf", f64::NEG_INFINITY), ("+nan", f64::NAN), ("-nan", -f64::NAN)]
        {
            let matches = rest.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()));
            if matches && !rest.get(4).is_some_and(u8::is_ascii_alphanumeric) {
                return (value, start + 4);
            }
        }
        return (0.0, 0);
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let mut end = at + 1;
        if matches!(text.get(end), Some(b'+' | b'-')) {
            end += 1;
        }
        let exponent = text[end.min(text.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if exponent > 0 {
            at = end + exponent;
        }
    }
    let value = std::str::from_utf8(&text[start..at]).ok().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    (value, at)
}

/// Whether a text is a number and nothing else.
fn looks_numeric(text: &[u8]) -> Option<f64> {
    match text.first() {
        None => return None,
        Some(first) if first.is_ascii_alphabetic() => return None,
        Some(_) => {}
    }
    let (value, length) = leading_number(text);
    let rest = text[length..].iter().all(|byte| matches!(byte, b' ' | 9..=13));
    (length > 0 && rest).then_some(value)
}

impl Value {
    pub fn text(bytes: impl Into<Rc<[u8]>>) -> Value {
        Value::Text(bytes.into())
    }

    pub fn input(bytes: &[u8]) -> Value {
        Value::Input(bytes.into())
    }

    pub fn number(&self) -> f64 {
        match self {
            Value::Unset => 0.0,
            Value::Number(number) => *number,
            Value::Text(text) | Value::Input(text) => leading_number(text).0,
        }
    }

    /// As a string by CONVFMT or OFMT.
    pub fn bytes(&self, format: &[u8]) -> Rc<[u8]> {
        match self {
            Value::Unset => Rc::from(&b""[..]),
            Value::Number(number) => show(*number, format).into(),
            Value::Text(text) | Value::Input(text) => text.clone(),
        }
    }

    pub fn append_to(&self, out: &mut Vec<u8>, format: &[u8]) {
        match self {
            Value::Unset => {}
            Value::Number(number) => out.extend_from_slice(&show(*number, format)),
            Value::Text(text) | Value::Input(text) => out.extend_from_slice(text),
        }
    }

    pub fn truth(&self) -> bool {
        match self {
            Value::Unset => false,
            Value::Number(number) => *number != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::Input(text) => match looks_numeric(text) {
                Some(number) => number != 0.0,
                None => !text.is_empty(),
            },
        }
    }

    /// The number a comparison takes it for, if it takes it for one.
    fn comparable(&self) -> Option<f64> {
        match self {
            Value::Unset => Some(0.0),
            Value::Number(number) => Some(*number),
            Value::Text(_) => None,
            Value::Input(text) => looks_numeric(text),
        }
    }

    pub fn compare(&self, other: &Value, format: &[u8]) -> std::cmp::Ordering {
        if let (Some(a), Some(b)) = (self.comparable(), other.comparable()) {
            return a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()));
        }
        self.bytes(format).cmp(&other.bytes(format))
    }
}

/// A number as text: whole ones in full, others by `format`.
pub fn show(number: f64, format: &[u8]) -> Vec<u8> {
    if number.fract() == 0.0 && number.abs() < 1e16 {
        return (number as i64).to_string().into_bytes();
    }
    if number.is_nan() {
        return if number.is_sign_negative() { b"-nan".to_vec() } else { b"nan".to_vec() };
    }
    if number.is_infinite() {
        return if number < 0.0 { b"-inf".to_vec() } else { b"inf".to_vec() };
    }
    if number.fract() == 0.0 && number.abs() < 1e300 {
        return format!("{number:.0}").into_bytes();
    }
    if format == b"%.6g" {
        return Spec { precision: Some(6), ..Spec::default() }.float(number, b'g');
    }
    crate::text::printf::one_float(format, number)
}

/// An array; keys come in the order they were made.
#[derive(Debug, Default)]
pub struct Array {
    places: HashMap<Rc<[u8]>, usize>,
    entries: Vec<Option<(Rc<[u8]>, Value)>>,
}

impl Array {
    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn contains(&self, key: &[u8]) -> bool {
        self.places.contains_key(key)
    }

    pub fn get(&self, key: &[u8]) -> Option<&Value> {
        let place = *self.places.get(key)?;
        self.entries.get(place)?.as_ref().map(|(_, value)| value)
    }

    /// The value of a key, made when it is missing.
    pub fn entry(&mut self, key: &[u8]) -> &mut Value {
        let place = match self.places.get(key) {
            Some(place) => *place,
            None => {
                let key: Rc<[u8]> = key.into();
                self.entries.push(Some((key.clone(), Value::Unset)));
                self.places.insert(key, self.entries.len() - 1);
                self.entries.len() - 1
            }
        };
        let slot = &mut self.entries[place];
        &mut slot.get_or_insert_with(|| (Rc::from(&b""[..]), Value::Unset)).1
    }

    pub fn remove(&mut self, key: &[u8]) {
        if let Some(place) = self.places.remove(key) {
            self.entries[place] = None;
            if self.entries.len() > 32 && self.places.len() * 2 < self.entries.len() {
                self.entries.retain(Option::is_some);
                for (place, entry) in self.entries.iter().enumerate() {
                    if let Some((key, _)) = entry
                        && let Some(known) = self.places.get_mut(key)
                    {
                        *known = place;
                    }
                }
            }
        }
    }

    pub fn clear(&mut self) {
        self.places.clear();
        self.entries.clear();
    }

    pub fn keys(&self) -> Vec<Rc<[u8]>> {
        self.entries.iter().flatten().map(|(key, _)| key.clone()).collect()
    }

    pub fn values(&self) -> Vec<Value> {
        self.entries.iter().flatten().map(|(_, value)| value.clone()).collect()
    }
}
