//! The container's time zone, and dates as date -d and touch -d read them.

use coracle_posix::calendar::{self, MONTHS, Moment, WEEKDAYS};
use coracle_posix::zone::Zone;
use coracle_sdk::fs::Timestamp;
use coracle_sdk::{env, file};

/// The zone of TZ and /etc/localtime.
pub fn zone() -> Zone {
    let tz = env::get("TZ");
    Zone::from_environment(tz.as_deref(), |path| {
        let mut text = Vec::new();
        file::open(path).and_then(|file| file.read_all(&mut text)).ok()?;
        Some(text)
    })
}

/// A wall clock reading in `zone` as seconds since 1970; fields may be out of
/// their range, as for mktime().
pub fn to_seconds(year: i64, month: i64, day: i64, of_day: i64, zone: &Zone) -> i64 {
    let year = year + (month - 1).div_euclid(12);
    let month = (month - 1).rem_euclid(12) as u32 + 1;
    zone.to_utc(calendar::days_from_civil(year, month, 1) * 86400 + (day - 1) * 86400 + of_day)
}

/// `[[CC]YY]MMDDhhmm[.ss]`, as touch -t has it.
pub fn posix_stamp(text: &[u8], now: &Moment, zone: &Zone) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (digits, second) = match text.split_once('.') {
        Some((digits, second)) if second.len() == 2 => (digits, second.parse().ok()?),
        Some(_) => return None,
        None => (text, 0),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match digits.len() {
        8 => (now.year, digits),
        10 => {
            let year: i64 = digits[..2].parse().ok()?;
            (if year < 69 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        12 => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let field = |at: usize| rest.get(at..at + 2).and_then(|text| text.parse::<i64>().ok());
    checked(year, field(0)?, field(2)?, field(4)?, field(6)?, second, zone)
}

fn checked(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64, zone: &Zone) -> Option<i64> {
    let valid = (1..=12).contains(&month)
        && day >= 1
        && day <= i64::from(calendar::days_in_month(year, month as u32))
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    valid.then(|| to_seconds(year, month, day, hour * 3600 + minute * 60 + second, zone))
}

/// A date as people write it: `@123`, `2026-01-31 12:00:05.5 +0200`, `12:00`,
/// `yesterday`, `next monday`, `3 days ago`, `1 month`, `Jan 31 2026`, RFC 2822.
pub fn parse(text: &[u8], now: Timestamp, zone: &Zone) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.trim();
    if let Some(seconds) = text.strip_prefix('@') {
        return stamp(seconds);
    }
    let moment = Moment::at(now.seconds, now.nanoseconds, zone);
    let mut date = Date {
        year: moment.year,
        month: i64::from(moment.month),
        day: i64::from(moment.day),
        of_day: None,
        nanoseconds: 0,
        offset: None,
        plus_months: 0,
        plus_days: 0,
        plus_seconds: 0,
        weekday: None,
        has_date: false,
    };
    if let Some(seconds) = compact(text, &moment, zone) {
        return Some(Timestamp { seconds, nanoseconds: 0 });
    }
    let words = split(&text.to_ascii_lowercase())?;
    let mut at = 0;
    while at < words.len() {
        at += date.word(&words[at..])?;
    }
    let now_of_day = i64::from(moment.hour) * 3600 + i64::from(moment.minute) * 60 + i64::from(moment.second);
    let relative = date.plus_months != 0 || date.plus_days != 0 || date.plus_seconds != 0 || words.is_empty();
    let keeps_time = date.of_day.is_none() && !date.has_date && date.weekday.is_none();
    let of_day = match date.of_day {
        Some(of_day) => of_day,
        None if keeps_time && (relative || words.iter().any(|word| word == "now" || word == "today")) => now_of_day,
        None if keeps_time && !words.is_empty() => now_of_day,
        None => 0,
    };
    if words.is_empty() {
        return Some(Timestamp { seconds: now.seconds - now_of_day, nanoseconds: 0 });
    }
    let mut day = date.day + date.plus_days;
    if let Some((weekday, weeks)) = date.weekday {
        let today = calendar::days_from_civil(date.year, 1, 1)
            + calendar::days_from_civil(date.year, date.month as u32, date.day)
            - calendar::days_from_civil(date.year, 1, 1);
        let ahead = (weekday - (today + 4)).rem_euclid(7);
        day += ahead + 7 * if weeks > 0 && ahead != 0 { weeks - 1 } else { weeks };
    }
    let month = date.month + date.plus_months;
    let seconds = match date.offset {
        Some(offset) => to_seconds(date.year, month, day, of_day, &Zone::utc()) - offset,
        None => to_seconds(date.year, month, day, of_day, zone),
    };
    let nanoseconds = if keeps_time && relative { now.nanoseconds } else { date.nanoseconds };
    Some(Timestamp { seconds: seconds + date.plus_seconds, nanoseconds })
}

/// BusyBox's own forms: `[YYYY.]MM.DD-hh:mm[:ss]`, `YYYYMMDDhhmm[.ss]`.
fn compact(text: &str, now: &Moment, zone: &Zone) -> Option<i64> {
    let numbers =
        |text: &str, mark: char| text.split(mark).map(|part| part.parse::<i64>().ok()).collect::<Option<Vec<i64>>>();
    if let Some((date, clock)) = text.split_once('-')
        && date.contains('.')
    {
        let (year, month, day) = match *numbers(date, '.')?.as_slice() {
            [year, month, day] => (year, month, day),
            [month, day] => (now.year, month, day),
            _ => return None,
        };
        let (hour, minute, second) = match *numbers(clock, ':')?.as_slice() {
            [hour, minute, second] => (hour, minute, second),
            [hour, minute] => (hour, minute, 0),
            _ => return None,
        };
        return checked(year, month, day, hour, minute, second, zone);
    }
    let digits = text.split('.').next().unwrap_or_default().len();
    if digits == 12 { posix_stamp(text.as_bytes(), now, zone) } else { None }
}

fn stamp(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let nanoseconds = nanoseconds(fraction)?;
    if whole.starts_with('-') && nanoseconds > 0 {
        return Some(Timestamp { seconds: seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds });
    }
    Some(Timestamp { seconds, nanoseconds })
}

fn nanoseconds(fraction: &str) -> Option<u32> {
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    digits.parse().ok()
}

/// Words, numbers and punctuation; `2026-01-31t10:00:00z` is cut at the letters.
fn split(text: &str) -> Option<Vec<String>> {
    let mut words: Vec<String> = Vec::new();
    for part in text.split(|c: char| c.is_whitespace() || c == ',') {
        if part.is_empty() {
            continue;
        }
        let mut word = String::new();
        let mut letters = false;
        for character in part.chars() {
            let is_letter = character.is_ascii_alphabetic();
            if !word.is_empty() && is_letter != letters && !(letters && character == '.') {
                words.push(std::mem::take(&mut word));
            }
            letters = is_letter;
            word.push(character);
        }
        words.push(word);
    }
    Some(words)
}

struct Date {
    year: i64,
    month: i64,
    day: i64,
    of_day: Option<i64>,
    nanoseconds: u32,
    offset: Option<i64>,
    plus_months: i64,
    plus_days: i64,
    plus_seconds: i64,
    weekday: Option<(i64, i64)>,
    has_date: bool,
}

impl Date {
    /// Reads one item and answers how many words it took.
    fn word(&mut self, words: &[String]) -> Option<usize> {
        let word = words.first()?.as_str();
        let next = words.get(1).map(String::as_str);
        match word {
            "now" | "today" | "and" | "at" | "on" => return Some(1),
            "yesterday" => self.plus_days -= 1,
            "tomorrow" => self.plus_days += 1,
            "midnight" => self.of_day = Some(0),
            "noon" => self.of_day = Some(43200),
            "z" | "utc" | "gmt" => self.offset = Some(0),
            "t" if self.has_date => {}
            "am" | "pm" => self.twelve_hours(word)?,
            "next" | "last" | "this" => {
                let count = match word {
                    "next" => 1,
                    "last" => -1,
                    _ => 0,
                };
                if let Some(weekday) = next.and_then(weekday) {
                    self.weekday = Some((weekday, count));
                } else {
                    self.unit(count, next?)?;
                }
                return Some(2);
            }
            "a" | "an" => {
                self.unit(1, next?)?;
                return Some(2 + self.ago(words.get(2), 1, next?)?);
            }
            _ if weekday(word).is_some() => self.weekday = weekday(word).map(|day| (day, 0)),
            _ if month(word).is_some() => {
                self.month = month(word)?;
                self.has_date = true;
                if let Some(day) = next.and_then(|next| next.parse::<i64>().ok()).filter(|day| (1..=31).contains(day)) {
                    self.day = day;
                    if let Some(year) = words.get(2).filter(|word| word.len() == 4).and_then(|word| word.parse().ok()) {
                        self.year = year;
                        return Some(3);
                    }
                    return Some(2);
                }
            }
            _ if word.contains(':') => self.clock(word)?,
            _ if word.contains('/') => self.slashes(word)?,
            _ if word.matches('-').count() >= 2 && !word.starts_with('-') => self.dashes(word)?,
            _ => return self.number(word, words),
        }
        Some(1)
    }

    fn number(&mut self, word: &str, words: &[String]) -> Option<usize> {
        let value: i64 = word.trim_start_matches('+').parse().ok()?;
        let next = words.get(1).map(String::as_str);
        let signed = word.starts_with(['+', '-']);
        if let Some(unit_name) = next.filter(|next| is_unit(next)) {
            self.unit(value, unit_name)?;
            return Some(2 + self.ago(words.get(2), value, unit_name)?);
        }
        if matches!(next, Some("am" | "pm")) {
            self.of_day = Some(value * 3600);
            return Some(1);
        }
        if let Some(month) = next.and_then(month) {
            self.day = value;
            self.month = month;
            self.has_date = true;
            if let Some(year) = words.get(2).filter(|word| word.len() == 4).and_then(|word| word.parse().ok()) {
                self.year = year;
                return Some(3);
            }
            return Some(2);
        }
        if signed && self.of_day.is_some() {
            self.offset = Some(offset(word)?);
            return Some(1);
        }
        match word.len() {
            8 if !signed => {
                self.year = word[..4].parse().ok()?;
                self.month = word[4..6].parse().ok()?;
                self.day = word[6..].parse().ok()?;
                self.has_date = true;
                self.valid()?;
            }
            4 if !signed && self.has_date && self.of_day.is_some() => self.year = value,
            1..=2 if !signed && value < 24 => self.of_day = Some(value * 3600),
            4 if !signed && value / 100 < 24 && value % 100 < 60 => {
                self.of_day = Some(value / 100 * 3600 + value % 100 * 60)
            }
            _ => return None,
        }
        Some(1)
    }

    fn valid(&self) -> Option<()> {
        let most = i64::from(calendar::days_in_month(self.year, u32::try_from(self.month).ok()?));
        ((1..=12).contains(&self.month) && self.day >= 1 && self.day <= most).then_some(())
    }

    fn ago(&mut self, word: Option<&String>, value: i64, unit: &str) -> Option<usize> {
        if word.map(String::as_str) != Some("ago") {
            return Some(0);
        }
        self.unit(value.checked_mul(-2)?, unit)?;
        Some(1)
    }

    fn unit(&mut self, count: i64, unit: &str) -> Option<()> {
        let (target, factor) = match unit.trim_end_matches('s') {
            "year" => (&mut self.plus_months, 12),
            "month" => (&mut self.plus_months, 1),
            "fortnight" => (&mut self.plus_days, 14),
            "week" => (&mut self.plus_days, 7),
            "day" => (&mut self.plus_days, 1),
            "hour" => (&mut self.plus_seconds, 3600),
            "minute" | "min" => (&mut self.plus_seconds, 60),
            "second" | "sec" => (&mut self.plus_seconds, 1),
            _ => return None,
        };
        *target = target.checked_add(count.checked_mul(factor)?).filter(|sum| sum.abs() < 1 << 40)?;
        Some(())
    }

    fn clock(&mut self, word: &str) -> Option<()> {
        let (clock, zone) = match word.find(['+', '-']) {
            Some(at) => word.split_at(at),
            None => (word, ""),
        };
        if !zone.is_empty() {
            self.offset = Some(offset(zone)?);
        }
        let mut parts = clock.splitn(3, ':');
        let hour: i64 = parts.next()?.parse().ok()?;
        let minute: i64 = parts.next()?.parse().ok()?;
        let (second, fraction) =
            parts.next().map_or(("0", ""), |part| part.split_once(['.', ',']).unwrap_or((part, "")));
        let second: i64 = second.parse().ok()?;
        self.nanoseconds = nanoseconds(fraction)?;
        if hour > 24 || minute > 59 || second > 60 {
            return None;
        }
        self.of_day = Some(hour * 3600 + minute * 60 + second);
        Some(())
    }

    fn twelve_hours(&mut self, half: &str) -> Option<()> {
        let of_day = self.of_day?;
        let hour = of_day / 3600;
        if !(1..=12).contains(&hour) {
            return None;
        }
        self.of_day = Some(of_day % 3600 + (hour % 12 + if half == "pm" { 12 } else { 0 }) * 3600);
        Some(())
    }

    fn slashes(&mut self, word: &str) -> Option<()> {
        let parts: Vec<i64> = word.split('/').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        match *parts.as_slice() {
            [month, day] => (self.month, self.day) = (month, day),
            [year, month, day] if year > 31 => (self.year, self.month, self.day) = (year, month, day),
            [month, day, year] => (self.year, self.month, self.day) = (full_year(year), month, day),
            _ => return None,
        }
        self.has_date = true;
        self.valid()
    }

    fn dashes(&mut self, word: &str) -> Option<()> {
        let parts: Vec<i64> =
            word.trim_end_matches('-').split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let [year, month, day] = *parts.as_slice() else { return None };
        (self.year, self.month, self.day) = (full_year(year), month, day);
        self.has_date = true;
        self.valid()
    }
}

fn full_year(year: i64) -> i64 {
    match year {
        0..=68 => 2000 + year,
        69..=99 => 1900 + year,
        other => other,
    }
}

/// `+02:00`, `-0530`, `+2`
fn offset(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let text = text.trim_start_matches(['+', '-']);
    let (hours, minutes) = match text.split_once(':') {
        Some((hours, minutes)) => (hours.parse::<i64>().ok()?, minutes.parse::<i64>().ok()?),
        None if text.len() <= 2 => (text.parse::<i64>().ok()?, 0),
        None if text.len() == 4 => (text[..2].parse::<i64>().ok()?, text[2..].parse::<i64>().ok()?),
        None => return None,
    };
    (hours <= 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn is_unit(word: &str) -> bool {
    matches!(
        word.trim_end_matches('s'),
        "year" | "month" | "fortnight" | "week" | "day" | "hour" | "minute" | "min" | "second" | "sec"
    )
}

fn named(names: &[&str], word: &str) -> Option<i64> {
    let word = word.trim_end_matches('.');
    let index = names.iter().position(|name| {
        let name = name.to_ascii_lowercase();
        name == word || (word.len() >= 3 && word.len() <= 5 && name.starts_with(word))
    })?;
    i64::try_from(index).ok()
}

fn weekday(word: &str) -> Option<i64> {
    named(&WEEKDAYS, word)
}

fn month(word: &str) -> Option<i64> {
    named(&MONTHS, word).map(|month| month + 1)
}
