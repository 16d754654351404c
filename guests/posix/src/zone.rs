//! Time zones: the TZ variable's POSIX form, and TZif files (RFC 9636).

/// The rules of one time zone.
#[derive(Clone, Debug)]
pub struct Zone {
    transitions: Vec<(i64, usize)>,
    kinds: Vec<Kind>,
    rule: Option<Rule>,
}

#[derive(Clone, Debug)]
struct Kind {
    offset: i32,
    daylight: bool,
    name: String,
}

#[derive(Clone, Debug)]
struct Rule {
    standard: Kind,
    daylight: Option<(Kind, Change, Change)>,
}

/// When in a year a change happens, and at which second of the day.
#[derive(Clone, Copy, Debug)]
enum Day {
    Julian(i64),
    ZeroBased(i64),
    Month(u32, i64, i64),
}

#[derive(Clone, Copy, Debug)]
struct Change {
    day: Day,
    second: i64,
}

impl Change {
    fn in_year(self, year: i64) -> i64 {
        use crate::calendar::{days_from_civil, days_in_month, is_leap};
        let first = days_from_civil(year, 1, 1);
        let day = match self.day {
            Day::Julian(day) => first + day - 1 + i64::from(is_leap(year) && day >= 60),
            Day::ZeroBased(day) => first + day,
            Day::Month(month, week, weekday) => {
                let start = days_from_civil(year, month, 1);
                let mut day = (weekday - (start + 4)).rem_euclid(7) + (week - 1) * 7;
                while day >= i64::from(days_in_month(year, month)) {
                    day -= 7;
                }
                start + day
            }
        };
        day * 86400 + self.second
    }
}

impl Zone {
    /// Coordinated Universal Time.
    pub fn utc() -> Zone {
        Zone {
            transitions: Vec::new(),
            kinds: vec![Kind { offset: 0, daylight: false, name: "UTC".to_string() }],
            rule: None,
        }
    }

    /// The zone that TZ's value names (XBD 8.3). `read` reads a file below the
    /// zone directory or, for an unset TZ, `/etc/localtime`. What cannot be
    /// understood is UTC.
    pub fn from_environment(tz: Option<&[u8]>, read: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Zone {
        let Some(tz) = tz else {
            return read(b"/etc/localtime").and_then(|file| Zone::parse_file(&file)).unwrap_or_else(Zone::utc);
        };
        let name = tz.strip_prefix(b":").unwrap_or(tz);
        if name.is_empty() {
            return Zone::utc();
        }
        if let Ok(text) = std::str::from_utf8(name)
            && let Some(rule) = parse_rule(text)
        {
            return Zone { transitions: Vec::new(), kinds: vec![rule.standard.clone()], rule: Some(rule) };
        }
        if name.split(|byte| *byte == b'/').any(|part| part == b"..") {
            return Zone::utc();
        }
        let path = if name.starts_with(b"/") { name.to_vec() } else { [b"/usr/share/zoneinfo/", name].concat() };
        read(&path).and_then(|file| Zone::parse_file(&file)).unwrap_or_else(Zone::utc)
    }

    /// Offset from UTC in seconds, whether it is daylight saving time, and the
    /// abbreviation, at a time.
    pub fn at(&self, seconds: i64) -> (i32, bool, &str) {
        let after_all = self.transitions.last().is_none_or(|(last, _)| seconds >= *last);
        let kind = match &self.rule {
            Some(rule) if after_all => rule.at(seconds),
            _ => {
                let index = self.transitions.partition_point(|(start, _)| *start <= seconds);
                match index.checked_sub(1).and_then(|index| self.transitions.get(index)) {
                    Some((_, kind)) => self.kinds.get(*kind),
                    None => self.kinds.iter().find(|kind| !kind.daylight).or(self.kinds.first()),
                }
            }
        };
        kind.map_or((0, false, "UTC"), |kind| (kind.offset, kind.daylight, kind.name.as_str()))
    }

    /// mktime(): the seconds since 1970 of a local wall clock reading; of two
    /// readings the earlier, in a gap as if the clock had not been changed.
    pub fn to_utc(&self, local: i64) -> i64 {
        let mut guess = local - i64::from(self.at(local).0);
        for _ in 0..2 {
            guess = local - i64::from(self.at(guess).0);
        }
        let earlier = local - i64::from(self.at(guess - 7200).0);
        if earlier < guess && earlier + i64::from(self.at(earlier).0) == local { earlier } else { guess }
    }

    fn parse_file(file: &[u8]) -> Option<Zone> {
        let (head, counts) = header(file)?;
        let first_length = counts.length(4);
        if head < 2 {
            return Zone::parse_block(file.get(44..44 + first_length)?, &counts, 4, None);
        }
        let second = file.get(44 + first_length..)?;
        let (_, counts) = header(second)?;
        let length = counts.length(8);
        let footer = second.get(44 + length..)?;
        let footer = footer.strip_prefix(b"\n").and_then(|rest| rest.split(|byte| *byte == b'\n').next());
        let rule = footer.and_then(|text| std::str::from_utf8(text).ok()).and_then(parse_rule);
        Zone::parse_block(second.get(44..44 + length)?, &counts, 8, rule)
    }

    fn parse_block(block: &[u8], counts: &Counts, width: usize, rule: Option<Rule>) -> Option<Zone> {
        let (times, rest) = block.split_at_checked(counts.times * width)?;
        let (indices, rest) = rest.split_at_checked(counts.times)?;
        let (kinds, names) = rest.split_at_checked(counts.kinds * 6)?;
        let names = names.get(..counts.characters)?;
        let time = |bytes: &[u8]| match width {
            4 => <[u8; 4]>::try_from(bytes).ok().map(|bytes| i64::from(i32::from_be_bytes(bytes))),
            _ => <[u8; 8]>::try_from(bytes).ok().map(i64::from_be_bytes),
        };
        let transitions = times
            .chunks(width)
            .zip(indices)
            .map(|(bytes, kind)| Some((time(bytes)?, usize::from(*kind))))
            .collect::<Option<Vec<_>>>()?;
        let kinds = kinds
            .chunks(6)
            .map(|bytes| {
                let [a, b, c, d, daylight, name] = <[u8; 6]>::try_from(bytes).ok()?;
                let name = names.get(usize::from(name)..)?.split(|byte| *byte == 0).next()?;
                Some(Kind {
                    offset: i32::from_be_bytes([a, b, c, d]),
                    daylight: daylight != 0,
                    name: String::from_utf8_lossy(name).into_owned(),
                })
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Zone { transitions, kinds, rule })
    }
}

struct Counts {
    utc: usize,
    standard: usize,
    leap: usize,
    times: usize,
    kinds: usize,
    characters: usize,
}

impl Counts {
    fn length(&self, width: usize) -> usize {
        self.times * (width + 1) + self.kinds * 6 + self.characters + self.leap * (width + 4) + self.standard + self.utc
    }
}

fn header(file: &[u8]) -> Option<(u8, Counts)> {
    let rest = file.strip_prefix(b"TZif")?;
    let version = rest.first()?.saturating_sub(b'0');
    let count = |index: usize| {
        let bytes = rest.get(16 + index * 4..20 + index * 4)?;
        let count = u32::from_be_bytes(bytes.try_into().ok()?);
        usize::try_from(count).ok().filter(|count| *count < 1 << 20)
    };
    let counts = Counts {
        utc: count(0)?,
        standard: count(1)?,
        leap: count(2)?,
        times: count(3)?,
        kinds: count(4)?,
        characters: count(5)?,
    };
    Some((if version > 9 { 0 } else { version }, counts))
}

impl Rule {
    fn at(&self, seconds: i64) -> Option<&Kind> {
        let Some((daylight, start, end)) = &self.daylight else { return Some(&self.standard) };
        let local = seconds + i64::from(self.standard.offset);
        let year = crate::calendar::civil_from_days(local.div_euclid(86400)).0;
        let start = start.in_year(year) - i64::from(self.standard.offset);
        let end = end.in_year(year) - i64::from(daylight.offset);
        let inside = if start < end { seconds >= start && seconds < end } else { seconds >= start || seconds < end };
        Some(if inside { daylight } else { &self.standard })
    }
}

/// `CET-1CEST,M3.5.0,M10.5.0/3`
fn parse_rule(text: &str) -> Option<Rule> {
    let (standard, rest) = parse_name(text)?;
    let (offset, rest) = parse_time(rest)?;
    let standard = Kind { offset: -(offset as i32), daylight: false, name: standard };
    if rest.is_empty() {
        return Some(Rule { standard, daylight: None });
    }
    let (name, rest) = parse_name(rest)?;
    let (offset, rest) = match rest.chars().next() {
        None | Some(',') => (i64::from(-standard.offset) - 3600, rest),
        _ => parse_time(rest)?,
    };
    let daylight = Kind { offset: -(offset as i32), daylight: true, name };
    let rest = if rest.is_empty() { ",M3.2.0,M11.1.0" } else { rest };
    let (start, rest) = parse_change(rest.strip_prefix(',')?)?;
    let (end, rest) = parse_change(rest.strip_prefix(',')?)?;
    if rest.is_empty() { Some(Rule { standard, daylight: Some((daylight, start, end)) }) } else { None }
}

fn parse_name(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('<') {
        let (name, rest) = quoted.split_once('>')?;
        return Some((name.to_string(), rest));
    }
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    if end < 3 { None } else { Some((text[..end].to_string(), &text[end..])) }
}

fn parse_number(text: &str) -> Option<(i64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text.get(..end)?.parse().ok().filter(|number| *number < 1000)?, &text[end..]))
}

fn parse_time(text: &str) -> Option<(i64, &str)> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (hours, mut rest) = parse_number(text)?;
    let mut seconds = hours * 3600;
    for scale in [60, 1] {
        if let Some(next) = rest.strip_prefix(':') {
            let (value, next) = parse_number(next)?;
            seconds += value * scale;
            rest = next;
        }
    }
    Some((sign * seconds, rest))
}

fn parse_change(text: &str) -> Option<(Change, &str)> {
    let (day, rest) = if let Some(month) = text.strip_prefix('M') {
        let (month, rest) = parse_number(month)?;
        let (week, rest) = parse_number(rest.strip_prefix('.')?)?;
        let (weekday, rest) = parse_number(rest.strip_prefix('.')?)?;
        if !(1..=12).contains(&month) || !(1..=5).contains(&week) || weekday > 6 {
            return None;
        }
        (Day::Month(month as u32, week, weekday), rest)
    } else if let Some(julian) = text.strip_prefix('J') {
        let (day, rest) = parse_number(julian)?;
        (Day::Julian(day), rest)
    } else {
        let (day, rest) = parse_number(text)?;
        (Day::ZeroBased(day), rest)
    };
    let (second, rest) = match rest.strip_prefix('/') {
        Some(time) => parse_time(time)?,
        None => (7200, rest),
    };
    Some((Change { day, second }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posix_rules_change_twice_a_year() {
        let zone = Zone::from_environment(Some(b"CET-1CEST,M3.5.0,M10.5.0/3"), |_| None);
        assert_eq!(zone.at(1_700_000_000), (3600, false, "CET"));
        assert_eq!(zone.at(1_690_000_000), (7200, true, "CEST"));
        // 2026-03-29 01:00 UTC
        assert_eq!(zone.at(1_774_745_999).0, 3600);
        assert_eq!(zone.at(1_774_746_000).0, 7200);
        assert_eq!(zone.to_utc(1_690_000_000 + 7200), 1_690_000_000);
        assert_eq!(Zone::from_environment(Some(b"EST5EDT"), |_| None).at(1_690_000_000), (-14400, true, "EDT"));
        assert_eq!(Zone::from_environment(Some(b"nonsense"), |_| None).at(0), (0, false, "UTC"));
    }
}
