//! The functions every program has.

use std::rc::Rc;

use coracle_posix::calendar::{self, Moment};
use coracle_posix::regex::Regex;
use coracle_posix::zone::Zone;
use coracle_sdk::{Errno, time};

use super::machine::{Machine, RLENGTH, RSTART};
use super::parser::{Expression, Place, Variable};
use super::streams;
use super::value::{Array, Value, leading_number};
use crate::applet::Failure;
use crate::text::printf;
use crate::{locale, times};

fn wrong(name: &str) -> Failure {
    Failure::Message(format!("wrong number of arguments for {name}"), 2)
}

fn utf8_text(text: &[u8]) -> Option<&str> {
    if text.is_ascii() || !locale::utf8() { None } else { std::str::from_utf8(text).ok() }
}

/// The number of characters.
fn length(text: &[u8]) -> usize {
    utf8_text(text).map_or(text.len(), |text| text.chars().count())
}

/// Characters before a byte offset.
fn characters_before(text: &[u8], offset: usize) -> usize {
    utf8_text(text).and_then(|text| text.get(..offset)).map_or(offset, |head| head.chars().count())
}

fn array_of(expression: Option<&Expression>) -> Option<Variable> {
    match expression {
        Some(Expression::Place(Place::Variable(variable))) => Some(*variable),
        _ => None,
    }
}

impl Machine {
    fn text(&mut self, expression: &Expression) -> Result<Rc<[u8]>, Failure> {
        let value = self.value(expression)?;
        Ok(value.bytes(&self.convfmt))
    }

    pub fn builtin(&mut self, name: &'static str, arguments: &[Expression]) -> Result<Value, Failure> {
        let argument = |index: usize| arguments.get(index).ok_or_else(|| wrong(name));
        let flag = |yes: bool| Value::Number(f64::from(u8::from(yes)));
        Ok(match name {
            "length" => match arguments.first() {
                None => {
                    let record = self.record_value().bytes(&self.convfmt);
                    Value::Number(length(&record) as f64)
                }
                Some(expression) => {
                    if let Some(variable) = array_of(Some(expression))
                        && let Ok(count) = self.array_length(variable)
                    {
                        return Ok(Value::Number(count));
                    }
                    Value::Number(length(&self.text(expression)?) as f64)
                }
            },
            "substr" => {
                let text = self.text(argument(0)?)?;
                let start = rounded(self.number(argument(1)?)?);
                let count = match arguments.get(2) {
                    Some(count) => rounded(self.number(count)?),
                    None => f64::INFINITY,
                };
                // Half-open, in characters from 1.
                let end = start + count;
                let start = start.max(1.0);
                if end <= start || end.is_nan() || start.is_nan() {
                    return Ok(Value::text(&b""[..]));
                }
                let skip = start as usize - 1;
                let take = if end.is_infinite() { usize::MAX } else { (end - start) as usize };
                match utf8_text(&text) {
                    Some(text) => Value::text(text.chars().skip(skip).take(take).collect::<String>().into_bytes()),
                    None => {
                        let from = skip.min(text.len());
                        let to = from.saturating_add(take).min(text.len());
                        Value::text(&text[from..to])
                    }
                }
            }
            "index" => {
                let text = self.text(argument(0)?)?;
                let wanted = self.text(argument(1)?)?;
                let found = memchr::memmem::find(&text, &wanted);
                Value::Number(found.map_or(0.0, |at| characters_before(&text, at) as f64 + 1.0))
            }
            "split" => self.split(arguments)?,
            "patsplit" => self.patsplit(arguments)?,
            "sub" | "gsub" => {
                let regex = self.regex_of(argument(0)?)?;
                let replacement = self.text(argument(1)?)?;
                let (target, place) = match arguments.get(2) {
                    None => (self.record_value(), Some(Place::Field(Box::new(Expression::Number(0.0))))),
                    Some(expression) => {
                        let place = match expression {
                            Expression::Place(place) => Some(place.clone()),
                            _ => None,
                        };
                        (self.value(expression)?, place)
                    }
                };
                let text = target.bytes(&self.convfmt);
                let which = if name == "gsub" { Which::All } else { Which::Number(1) };
                let (result, count) = substitute(&regex, &text, &replacement, which, false);
                if count > 0
                    && let Some(place) = place
                {
                    self.write(&place, Value::text(result))?;
                }
                Value::Number(count as f64)
            }
            "gensub" => {
                let regex = self.regex_of(argument(0)?)?;
                let replacement = self.text(argument(1)?)?;
                let how = self.value(argument(2)?)?;
                let how_text = how.bytes(&self.convfmt);
                let which = match how_text.first() {
                    Some(b'g' | b'G') => Which::All,
                    _ => Which::Number((how.number().max(1.0)) as usize),
                };
                let text = match arguments.get(3) {
                    Some(expression) => self.text(expression)?,
                    None => self.record_value().bytes(&self.convfmt),
                };
                Value::text(substitute(&regex, &text, &replacement, which, true).0)
            }
            "match" => self.match_function(arguments)?,
            "sprintf" => Value::text(self.formatted(arguments)?),
            "sin" => Value::Number(self.number(argument(0)?)?.sin()),
            "cos" => Value::Number(self.number(argument(0)?)?.cos()),
            "atan2" => {
                let y = self.number(argument(0)?)?;
                Value::Number(y.atan2(self.number(argument(1)?)?))
            }
            "exp" => Value::Number(self.number(argument(0)?)?.exp()),
            "log" => Value::Number(self.number(argument(0)?)?.ln()),
            "sqrt" => Value::Number(self.number(argument(0)?)?.sqrt()),
            "int" => Value::Number(self.number(argument(0)?)?.trunc()),
            "rand" => {
                let state = &mut self.random.state;
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                Value::Number((*state >> 11) as f64 / (1u64 << 53) as f64)
            }
            "srand" => {
                let before = self.random.seed;
                self.random.seed = match arguments.first() {
                    Some(expression) => self.number(expression)?,
                    None => time::now().seconds as f64,
                };
                // Neighbouring seeds must not begin alike.
                let mut seed = self.random.seed.to_bits().wrapping_add(0x9e37_79b9_7f4a_7c15);
                seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                self.random.state = (seed ^ (seed >> 31)) | 1;
                Value::Number(before)
            }
            "tolower" | "toupper" => {
                let text = self.text(argument(0)?)?;
                let lower = name == "tolower";
                match utf8_text(&text) {
                    Some(text) => {
                        Value::text(if lower { text.to_lowercase() } else { text.to_uppercase() }.into_bytes())
                    }
                    None => Value::text(if lower { text.to_ascii_lowercase() } else { text.to_ascii_uppercase() }),
                }
            }
            "system" => {
                let command = self.text(argument(0)?)?;
                self.streams.flush_all()?;
                let status = streams::shell(&command).status();
                Value::Number(status.map_or(-1.0, streams::status))
            }
            "close" => {
                let stream = self.text(argument(0)?)?;
                Value::Number(self.streams.close(&stream)?)
            }
            "fflush" => match arguments.first() {
                None => {
                    self.streams.flush_all()?;
                    Value::Number(0.0)
                }
                Some(expression) => {
                    let stream = self.text(expression)?;
                    if stream.is_empty() {
                        self.streams.flush_all()?;
                    }
                    Value::Number(if stream.is_empty() || self.streams.flush(&stream)? { 0.0 } else { -1.0 })
                }
            },
            "systime" => Value::Number(time::now().seconds as f64),
            "strftime" => {
                let format = match arguments.first() {
                    Some(expression) => self.text(expression)?,
                    None => Rc::from(&b"%a %b %e %H:%M:%S %Z %Y"[..]),
                };
                let seconds = match arguments.get(1) {
                    Some(expression) => self.number(expression)? as i64,
                    None => time::now().seconds,
                };
                let utc = match arguments.get(2) {
                    Some(expression) => self.truth(expression)?,
                    None => false,
                };
                let zone = if utc { Zone::utc() } else { times::zone() };
                Value::text(calendar::format(&format, &Moment::at(seconds, 0, &zone)))
            }
            "mktime" => {
                let text = self.text(argument(0)?)?;
                let fields: Vec<i64> = text
                    .split(|byte| *byte == b' ')
                    .filter(|field| !field.is_empty())
                    .map(|field| leading_number(field).0 as i64)
                    .collect();
                let &[year, month, day, hour, minute, second, ..] = fields.as_slice() else {
                    return Ok(Value::Number(-1.0));
                };
                let of_day = hour * 3600 + minute * 60 + second;
                Value::Number(times::to_seconds(year, month, day, of_day, &times::zone()) as f64)
            }
            "and" | "or" | "xor" | "lshift" | "rshift" => {
                let mut all = Vec::new();
                for expression in arguments {
                    all.push(self.number(expression)? as u64);
                }
                let (&first, rest) = all.split_first().ok_or_else(|| wrong(name))?;
                let combined = rest.iter().fold(first, |left, right| match name {
                    "and" => left & right,
                    "or" => left | right,
                    "xor" => left ^ right,
                    "lshift" => left.checked_shl(*right as u32).unwrap_or(0),
                    _ => left.checked_shr(*right as u32).unwrap_or(0),
                });
                Value::Number(combined as f64)
            }
            "compl" => Value::Number((!(self.number(argument(0)?)? as u64) & ((1 << 53) - 1)) as f64),
            "strtonum" => {
                let value = self.value(argument(0)?)?;
                if let Value::Number(number) = value {
                    return Ok(Value::Number(number));
                }
                let text = value.bytes(&self.convfmt);
                let string = String::from_utf8_lossy(&text).trim().to_lowercase();
                let number = if let Some(digits) = string.strip_prefix("0x") {
                    u64::from_str_radix(digits, 16).map_or(0.0, |number| number as f64)
                } else if string.len() > 1
                    && string.starts_with('0')
                    && string.bytes().all(|byte| (b'0'..=b'7').contains(&byte))
                {
                    u64::from_str_radix(&string, 8).map_or(0.0, |number| number as f64)
                } else {
                    leading_number(&text).0
                };
                Value::Number(number)
            }
            "asort" | "asorti" => self.sort_array(arguments, name == "asorti")?,
            "isarray" => flag(match array_of(arguments.first()) {
                Some(variable) => self.array_length(variable).is_ok(),
                None => false,
            }),
            "typeof" => {
                let kind = match array_of(arguments.first()) {
                    Some(variable) if self.array_length(variable).is_ok() => "array",
                    _ => match self.value(argument(0)?)? {
                        Value::Unset => "untyped",
                        Value::Number(_) => "number",
                        Value::Text(_) => "string",
                        Value::Input(_) => "strnum",
                    },
                };
                Value::text(kind.as_bytes())
            }
            _ => return Err(Failure::Message(format!("{name}: {}", Errno::NOSYS), 2)),
        })
    }

    /// The number of elements, where the variable is an array already.
    fn array_length(&mut self, variable: Variable) -> Result<f64, Failure> {
        match self.get(variable) {
            Err(_) => Ok(self.array(variable)?.borrow().len() as f64),
            Ok(_) => Err(Failure::Silent(2)),
        }
    }

    fn split(&mut self, arguments: &[Expression]) -> Result<Value, Failure> {
        let (Some(text), Some(variable)) = (arguments.first(), array_of(arguments.get(1))) else {
            return Err(wrong("split"));
        };
        let text = self.text(text)?;
        let parts = match arguments.get(2) {
            None => self.split_text(&text, None, None)?,
            Some(expression @ Expression::Regex(_)) => {
                let regex = self.regex_of(expression)?;
                self.split_text(&text, None, Some(regex))?
            }
            Some(expression) => {
                let separator = self.text(expression)?;
                self.split_text(&text, Some(&separator), None)?
            }
        };
        let separators = array_of(arguments.get(3));
        if let Some(variable) = separators {
            // What stood between the parts.
            let array = self.array(variable)?;
            let mut array = array.borrow_mut();
            array.clear();
            let mut at = parts.first().map_or(0, Vec::len);
            for (index, part) in parts.iter().enumerate().skip(1) {
                let next =
                    memchr::memmem::find(&text[at..], part).map_or(text.len(), |n| at + n.max(1).min(text.len() - at));
                *array.entry(index.to_string().as_bytes()) = Value::text(&text[at..next]);
                at = (next + part.len()).min(text.len());
            }
        }
        let array = self.array(variable)?;
        let mut array = array.borrow_mut();
        array.clear();
        for (index, part) in parts.iter().enumerate() {
            *array.entry((index + 1).to_string().as_bytes()) = Value::input(part);
        }
        Ok(Value::Number(parts.len() as f64))
    }

    fn patsplit(&mut self, arguments: &[Expression]) -> Result<Value, Failure> {
        let (Some(text), Some(variable), Some(pattern)) =
            (arguments.first(), array_of(arguments.get(1)), arguments.get(2))
        else {
            return Err(wrong("patsplit"));
        };
        let text = self.text(text)?;
        let regex = self.regex_of(pattern)?;
        let array = self.array(variable)?;
        let mut array = array.borrow_mut();
        array.clear();
        let (mut at, mut count) = (0, 0);
        while let Some((start, end)) = regex.find_at(&text, at) {
            if end > start {
                count += 1;
                *array.entry(count.to_string().as_bytes()) = Value::input(&text[start..end]);
            }
            at = if end > start { end } else { end + 1 };
        }
        Ok(Value::Number(f64::from(count)))
    }

    fn match_function(&mut self, arguments: &[Expression]) -> Result<Value, Failure> {
        let (Some(text), Some(pattern)) = (arguments.first(), arguments.get(1)) else { return Err(wrong("match")) };
        let text = self.text(text)?;
        let regex = self.regex_of(pattern)?;
        let variable = array_of(arguments.get(2));
        let spans = match variable {
            Some(_) => regex.captures_at(&text, 0),
            None => regex.find_at(&text, 0).map(|span| vec![Some(span)]),
        };
        if let Some(variable) = variable {
            let array = self.array(variable)?;
            let mut array = array.borrow_mut();
            array.clear();
            for (index, span) in spans.iter().flatten().enumerate() {
                if let Some((start, end)) = span {
                    let key = index.to_string();
                    *array.entry(key.as_bytes()) = Value::input(&text[*start..*end]);
                    let subscript = |name: &str| [key.as_bytes(), b"\x1c", name.as_bytes()].concat();
                    *array.entry(&subscript("start")) = Value::Number(characters_before(&text, *start) as f64 + 1.0);
                    *array.entry(&subscript("length")) = Value::Number(length(&text[*start..*end]) as f64);
                }
            }
        }
        let (start, count) = match spans.and_then(|spans| spans[0]) {
            Some((start, end)) => (characters_before(&text, start) as f64 + 1.0, length(&text[start..end]) as f64),
            None => (0.0, -1.0),
        };
        self.set(Variable::Global(RSTART), Value::Number(start))?;
        self.set(Variable::Global(RLENGTH), Value::Number(count))?;
        Ok(Value::Number(start))
    }

    fn sort_array(&mut self, arguments: &[Expression], by_key: bool) -> Result<Value, Failure> {
        let source = array_of(arguments.first()).ok_or_else(|| wrong("asort"))?;
        let source = self.array(source)?;
        let format = self.convfmt.clone();
        let mut values: Vec<Value> = if by_key {
            source.borrow().keys().into_iter().map(Value::Text).collect()
        } else {
            source.borrow().values()
        };
        // Numbers before strings.
        let is_text = |value: &Value| !matches!(value, Value::Number(_) | Value::Unset) && !numeric(value);
        values.sort_by(|a, b| is_text(a).cmp(&is_text(b)).then_with(|| a.compare(b, &format)));
        let mut sorted = Array::default();
        for (index, value) in values.iter().enumerate() {
            *sorted.entry((index + 1).to_string().as_bytes()) = value.clone();
        }
        let target = match array_of(arguments.get(1)) {
            Some(variable) => self.array(variable)?,
            None => source,
        };
        *target.borrow_mut() = sorted;
        Ok(Value::Number(values.len() as f64))
    }

    /// sprintf(): a format and its values.
    pub fn formatted(&mut self, arguments: &[Expression]) -> Result<Vec<u8>, Failure> {
        let (first, rest) = arguments.split_first().ok_or_else(|| wrong("sprintf"))?;
        let format = self.text(first)?;
        let mut values = Vec::with_capacity(rest.len());
        for expression in rest {
            values.push(self.value(expression)?);
        }
        let mut values = values.into_iter();
        let mut out = Vec::new();
        let mut at = 0;
        while at < format.len() {
            if format[at] != b'%' {
                let end = memchr::memchr(b'%', &format[at..]).map_or(format.len(), |n| at + n);
                out.extend_from_slice(&format[at..end]);
                at = end;
                continue;
            }
            if format.get(at + 1) == Some(&b'%') {
                out.push(b'%');
                at += 2;
                continue;
            }
            let (spec, consumed) =
                printf::parse_spec(&format[at + 1..], &mut || values.next().map_or(0, |value| value.number() as i64));
            let end = at + 1 + consumed;
            let Some(&letter) = format.get(end) else {
                out.extend_from_slice(&format[at..]);
                break;
            };
            match letter {
                b'd' | b'i' => {
                    let number = values.next().unwrap_or_default().number();
                    if number.is_finite() && number.abs() < 9.2e18 {
                        out.extend(spec.signed(number as i64));
                    } else {
                        let whole = printf::Spec { precision: Some(0), ..spec };
                        out.extend(whole.float(number.trunc(), b'f'));
                    }
                }
                b'u' | b'o' | b'x' | b'X' => {
                    let number = values.next().unwrap_or_default().number();
                    if number < 0.0 {
                        out.extend(if letter == b'u' {
                            spec.signed(number as i64)
                        } else {
                            spec.unsigned(number as i64 as u64, letter)
                        });
                    } else {
                        out.extend(spec.unsigned(number as u64, letter));
                    }
                }
                b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'a' | b'A' => {
                    out.extend(spec.float(values.next().unwrap_or_default().number(), letter));
                }
                b'c' => {
                    let value = values.next().unwrap_or_default();
                    let text = match &value {
                        Value::Number(number) => match char::from_u32(*number as u32) {
                            Some(character) if locale::utf8() => character.to_string().into_bytes(),
                            _ => vec![*number as u32 as u8],
                        },
                        other => {
                            let text = other.bytes(&self.convfmt);
                            let first =
                                coracle_posix::bracket::decode(&text, locale::utf8()).map_or(0, |(_, length)| length);
                            text[..first].to_vec()
                        }
                    };
                    out.extend(printf::Spec { precision: None, ..spec }.text(&text));
                }
                b's' => {
                    let text = values.next().unwrap_or_default().bytes(&self.convfmt);
                    out.extend(spec.text(&text));
                }
                _ => out.extend_from_slice(&format[at..=end]),
            }
            at = end + 1;
        }
        Ok(out)
    }
}

fn numeric(value: &Value) -> bool {
    match value {
        Value::Input(text) => {
            let (_, length) = leading_number(text);
            length > 0 && length == text.len()
        }
        _ => false,
    }
}

fn rounded(number: f64) -> f64 {
    // POSIX rounds to the nearest, half to even.
    let floor = number.floor();
    match number - floor {
        difference if difference < 0.5 => floor,
        difference if difference > 0.5 => floor + 1.0,
        _ if floor % 2.0 == 0.0 => floor,
        _ => floor + 1.0,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    Number(usize),
}

/// Replaces matches; `groups` lets `\1` stand for groups (gensub).
fn substitute(regex: &Regex, text: &[u8], replacement: &[u8], which: Which, groups: bool) -> (Vec<u8>, usize) {
    let mut out = Vec::new();
    let (mut copied, mut at, mut seen, mut replaced) = (0, 0, 0, 0);
    let mut last_end = None;
    while at <= text.len() {
        let spans = if groups {
            match regex.captures_at(text, at) {
                Some(spans) => spans,
                None => break,
            }
        } else {
            match regex.find_at(text, at) {
                Some(span) => vec![Some(span)],
                None => break,
            }
        };
        let (start, end) = spans[0].unwrap_or((at, at));
        if start == end && last_end == Some(start) {
            at = end + 1;
            continue;
        }
        seen += 1;
        if which == Which::All || which == Which::Number(seen) {
            out.extend_from_slice(&text[copied..start]);
            insert(&mut out, replacement, text, &spans, groups);
            copied = end;
            replaced += 1;
            if which != Which::All {
                break;
            }
        }
        last_end = Some(end);
        at = if end > start { end } else { end + 1 };
    }
    out.extend_from_slice(&text[copied..]);
    (out, replaced)
}

fn insert(out: &mut Vec<u8>, replacement: &[u8], text: &[u8], spans: &[coracle_posix::regex::Span], groups: bool) {
    let mut at = 0;
    let group = |index: usize| spans.get(index).copied().flatten().map_or(&b""[..], |(start, end)| &text[start..end]);
    while at < replacement.len() {
        match replacement[at] {
            b'&' => out.extend_from_slice(group(0)),
            b'\\' => match replacement.get(at + 1) {
                Some(b'&') => {
                    out.push(b'&');
                    at += 1;
                }
                Some(b'\\') => {
                    out.push(b'\\');
                    at += 1;
                }
                Some(digit @ b'0'..=b'9') if groups => {
                    out.extend_from_slice(group(usize::from(digit - b'0')));
                    at += 1;
                }
                _ => out.push(b'\\'),
            },
            byte => out.push(byte),
        }
        at += 1;
    }
}
