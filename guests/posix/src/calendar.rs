//! Calendar times (XBD 4.19, `struct tm`) and strftime() in the POSIX locale.

use crate::zone::Zone;

/// A broken-down time, normalised.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Moment {
    /// The full year: 2026.
    pub year: i64,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 60.
    pub second: u32,
    /// Below 1,000,000,000.
    pub nanosecond: u32,
    /// Seconds east of UTC.
    pub offset: i32,
    /// `UTC`, `CEST`, …
    pub zone: String,
    /// Daylight saving time is in effect.
    pub daylight: bool,
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
pub fn days_from_civil(year: i64, month: u32, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month = i64::from(month);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date of a number of days since 1970-01-01.
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = (if shifted < 10 { shifted + 3 } else { shifted - 9 }) as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Whether February has 29 days.
pub fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The days of a month.
pub fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 => 28 + u32::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Moment {
    /// localtime() in `zone`.
    pub fn at(seconds: i64, nanosecond: u32, zone: &Zone) -> Moment {
        let (offset, daylight, name) = zone.at(seconds);
        let local = seconds.saturating_add(i64::from(offset));
        let (year, month, day) = civil_from_days(local.div_euclid(86400));
        let of_day = local.rem_euclid(86400) as u32;
        Moment {
            year,
            month,
            day,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            nanosecond,
            offset,
            zone: name.to_string(),
            daylight,
        }
    }

    /// Seconds since 1970-01-01T00:00:00Z, by the moment's own offset.
    pub fn seconds(&self) -> i64 {
        days_from_civil(self.year, self.month, i64::from(self.day)) * 86400
            + i64::from(self.hour) * 3600
            + i64::from(self.minute) * 60
            + i64::from(self.second)
            - i64::from(self.offset)
    }

    /// 0 is Sunday.
    pub fn weekday(&self) -> u32 {
        (days_from_civil(self.year, self.month, i64::from(self.day)) + 4).rem_euclid(7) as u32
    }

    /// 1 to 366.
    pub fn day_of_year(&self) -> u32 {
        let first = days_from_civil(self.year, 1, 1);
        (days_from_civil(self.year, self.month, i64::from(self.day)) - first + 1) as u32
    }

    /// ISO 8601 year and week.
    pub fn iso_week(&self) -> (i64, u32) {
        let weekday = (self.weekday() + 6) % 7;
        let week = (i64::from(self.day_of_year()) - 1 - i64::from(weekday) + 10) / 7;
        if week < 1 {
            let last = Moment { year: self.year - 1, month: 12, day: 31, ..Moment::default() };
            return (self.year - 1, last.iso_week().1);
        }
        if week == 53 {
            let january = Moment { year: self.year + 1, month: 1, day: 1, ..Moment::default() };
            if (january.weekday() + 6) % 7 <= 3 {
                return (self.year + 1, 1);
            }
        }
        (self.year, week as u32)
    }
}

/// The days of the week in the POSIX locale.
pub const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The months in the POSIX locale.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn signed_offset(offset: i32, colons: usize) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let offset = offset.unsigned_abs();
    let (hours, minutes, seconds) = (offset / 3600, offset / 60 % 60, offset % 60);
    match colons {
        0 => format!("{sign}{hours:02}{minutes:02}"),
        1 => format!("{sign}{hours:02}:{minutes:02}"),
        2 => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
        _ if seconds != 0 => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
        _ if minutes != 0 => format!("{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}"),
    }
}

/// strftime() with GNU's flags (`-` `_` `0` `^` `#`), widths, `%N`, `%s`, `%:z`.
pub fn format(format: &[u8], moment: &Moment) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < format.len() {
        if format[at] != b'%' {
            out.push(format[at]);
            at += 1;
            continue;
        }
        let start = at;
        at += 1;
        let mut padding = None;
        let mut upper = false;
        let mut swap = false;
        let mut colons = 0;
        while let Some(&flag) = format.get(at) {
            match flag {
                b'-' | b'_' | b'0' => padding = Some(flag),
                b'+' => padding = Some(b'0'),
                b'^' => upper = true,
                b'#' => swap = true,
                _ => break,
            }
            at += 1;
        }
        let mut width = None;
        while let Some(digit) = format.get(at).filter(|byte| byte.is_ascii_digit()) {
            width = Some((width.unwrap_or(0usize) * 10 + usize::from(digit - b'0')).min(4096));
            at += 1;
        }
        while format.get(at) == Some(&b':') {
            colons += 1;
            at += 1;
        }
        if matches!(format.get(at), Some(b'E' | b'O')) {
            at += 1;
        }
        let Some(&letter) = format.get(at) else {
            out.extend_from_slice(&format[start..]);
            break;
        };
        at += 1;
        let field = field(letter, moment, colons);
        match field {
            Field::Number(value, digits, default) => {
                let pad = padding.unwrap_or(default);
                let digits = width.unwrap_or(digits);
                let text = match pad {
                    b'-' => value.to_string(),
                    b'_' | b' ' => format!("{value:>digits$}"),
                    _ => format!("{value:0digits$}"),
                };
                out.extend_from_slice(text.as_bytes());
            }
            Field::Text(text) => {
                let mut text = text;
                if upper {
                    text = text.to_uppercase();
                } else if swap {
                    text = match letter {
                        b'p' | b'Z' => text.to_lowercase(),
                        _ => text.to_uppercase(),
                    };
                }
                if let Some(width) = width {
                    let fill = if padding == Some(b'0') { '0' } else { ' ' };
                    for _ in text.len()..width {
                        out.push(fill as u8);
                    }
                }
                out.extend_from_slice(text.as_bytes());
            }
            Field::Nanoseconds => {
                let text = format!("{:09}", moment.nanosecond);
                let digits = width.unwrap_or(9);
                let text: String = text.chars().chain(std::iter::repeat('0')).take(digits.max(1)).collect();
                let text = if padding == Some(b'-') { text.trim_end_matches('0').to_string() } else { text };
                out.extend_from_slice(if text.is_empty() { b"0" } else { text.as_bytes() });
            }
            Field::Unknown => out.extend_from_slice(&format[start..at]),
        }
    }
    out
}

enum Field {
    Number(i64, usize, u8),
    Text(String),
    Nanoseconds,
    Unknown,
}

fn field(letter: u8, m: &Moment, colons: usize) -> Field {
    use Field::{Nanoseconds, Number, Text, Unknown};
    let two = |value: u32| Number(i64::from(value), 2, b'0');
    let blank = |value: u32| Number(i64::from(value), 2, b'_');
    let composed = |text: &str| Text(String::from_utf8_lossy(&format(text.as_bytes(), m)).into_owned());
    let twelve = if m.hour % 12 == 0 { 12 } else { m.hour % 12 };
    let month = MONTHS.get(m.month.saturating_sub(1) as usize).copied().unwrap_or("?");
    let weekday = WEEKDAYS[m.weekday() as usize % 7];
    match letter {
        b'a' => Text(weekday[..3].to_string()),
        b'A' => Text(weekday.to_string()),
        b'b' | b'h' => Text(month.get(..3).unwrap_or(month).to_string()),
        b'B' => Text(month.to_string()),
        b'c' => composed("%a %b %e %H:%M:%S %Y"),
        b'C' => Number(m.year.div_euclid(100), 2, b'0'),
        b'd' => two(m.day),
        b'D' | b'x' => composed("%m/%d/%y"),
        b'e' => blank(m.day),
        b'F' => composed("%Y-%m-%d"),
        b'g' => Number(m.iso_week().0.rem_euclid(100), 2, b'0'),
        b'G' => Number(m.iso_week().0, 4, b'0'),
        b'H' => two(m.hour),
        b'I' => two(twelve),
        b'j' => Number(i64::from(m.day_of_year()), 3, b'0'),
        b'k' => blank(m.hour),
        b'l' => blank(twelve),
        b'm' => two(m.month),
        b'M' => two(m.minute),
        b'n' => Text("\n".to_string()),
        b'N' => Nanoseconds,
        b'p' => Text(if m.hour < 12 { "AM" } else { "PM" }.to_string()),
        b'P' => Text(if m.hour < 12 { "am" } else { "pm" }.to_string()),
        b'q' => Number(i64::from(m.month.div_ceil(3)), 1, b'0'),
        b'r' => composed("%I:%M:%S %p"),
        b'R' => composed("%H:%M"),
        b's' => Number(m.seconds(), 1, b'0'),
        b'S' => two(m.second),
        b't' => Text("\t".to_string()),
        b'T' | b'X' => composed("%H:%M:%S"),
        b'u' => Number(i64::from((m.weekday() + 6) % 7 + 1), 1, b'0'),
        b'U' => two((m.day_of_year() + 6 - m.weekday()) / 7),
        b'V' => two(m.iso_week().1),
        b'w' => Number(i64::from(m.weekday()), 1, b'0'),
        b'W' => two((m.day_of_year() + 6 - (m.weekday() + 6) % 7) / 7),
        b'y' => Number(m.year.rem_euclid(100), 2, b'0'),
        b'Y' => Number(m.year, 1, b'0'),
        b'z' => Text(signed_offset(m.offset, colons)),
        b'Z' => Text(m.zone.clone()),
        b'%' => Text("%".to_string()),
        _ => Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str, seconds: i64) -> String {
        String::from_utf8(format(text.as_bytes(), &Moment::at(seconds, 5_000_000, &Zone::utc()))).unwrap()
    }

    #[test]
    fn dates_go_both_ways() {
        for days in [-719_468, -1, 0, 1, 59, 60, 365, 11_016, 20_000, 100_000] {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, i64::from(day)), days);
        }
    }

    #[test]
    fn conversions_read_as_gnu_date() {
        assert_eq!(
            show("%F %T %a %b %e %j %U %W %V %G %u %w", 0),
            "1970-01-01 00:00:00 Thu Jan  1 001 00 00 01 1970 4 4"
        );
        assert_eq!(
            show("%c|%D|%r|%s|%z|%Z|%:z", 1_000_000_000),
            "Sun Sep  9 01:46:40 2001|09/09/01|01:46:40 AM|1000000000|+0000|UTC|+00:00"
        );
        assert_eq!(show("%-d %_d %03d %^a %3N %N", 0), "1  1 001 THU 005 005000000");
    }
}
