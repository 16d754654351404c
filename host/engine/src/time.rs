//! Times as Docker writes them.
//!
//! Go prints nanoseconds with the trailing zeros cut, and its zero time is the
//! year one; clients compare both texts.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A point in time, nanoseconds since 1970; 0 is Go's zero time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub i64);

impl Time {
    /// Go's `time.Time{}`.
    pub const ZERO: Self = Self(0);

    /// The present.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    /// Never set.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whole seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// From whole seconds since 1970.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// How long ago, zero for the future.
    pub fn elapsed(self) -> std::time::Duration {
        std::time::Duration::from_nanos(u64::try_from(Self::now().0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// RFC 3339 with all nine digits, as `docker logs -t` shows it.
    pub fn fixed(self) -> String {
        let whole = Self::from_seconds(self.seconds()).to_string();
        format!("{}.{:09}Z", whole.trim_end_matches('Z'), self.0.rem_euclid(1_000_000_000))
    }

    /// RFC 3339 in UTC without fraction, as volumes have it.
    pub fn rfc3339_seconds(self) -> String {
        Self::from_seconds(self.seconds()).to_string()
    }

    /// Reads what `since` and `until` take: `1136073600[.000000001]`, RFC 3339
    /// (zone optional, UTC assumed), or a Go duration such as `10m` counted back
    /// from now.
    pub fn parse_query(text: &str) -> Option<Self> {
        if let Some(stamp) = parse_unix(text) {
            return Some(stamp);
        }
        if let Some(duration) = parse_go_duration(text) {
            return Some(Self(Self::now().0.saturating_sub(duration)));
        }
        Self::parse_rfc3339(text)
    }

    /// Reads RFC 3339; a missing zone means UTC, a missing clock midnight.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
            return i64::try_from(stamp.as_nanosecond()).ok().map(Self);
        }
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        let stamp = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        i64::try_from(stamp.as_nanosecond()).ok().map(Self)
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_zero() {
            return f.write_str("0001-01-01T00:00:00Z");
        }
        // Civil date from days (Howard Hinnant's algorithm): no time zone database on the log's hot path.
        let seconds = self.seconds();
        let nanos = self.0.rem_euclid(1_000_000_000);
        let (days, clock) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
        let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", clock / 3600, clock % 3600 / 60, clock % 60)?;
        if nanos != 0 {
            let fraction = format!("{nanos:09}");
            write!(f, ".{}", fraction.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

fn parse_unix(text: &str) -> Option<Time> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut nanos = String::from(fraction.get(..9.min(fraction.len()))?);
    while nanos.len() < 9 {
        nanos.push('0');
    }
    Some(Time(seconds.saturating_mul(1_000_000_000).saturating_add(nanos.parse().ok()?)))
}

/// Nanoseconds of a Go duration: `1h30m`, `1.5s`, `300ms`, `-10m`.
pub fn parse_go_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at_checked(digits)?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, next) = tail.split_at_checked(unit_end)?;
        let scale = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * scale;
        rest = next;
    }
    Some(if negative { -total } else { total } as i64)
}

/// A span in the words of `docker ps`: `Less than a second`, `5 minutes`, `About an hour`.
pub fn human_duration(span: std::time::Duration) -> String {
    let seconds = span.as_secs();
    let minutes = seconds / 60;
    let hours = (span.as_secs_f64() / 3600.0).round() as u64;
    match () {
        () if seconds < 1 => "Less than a second".into(),
        () if seconds == 1 => "1 second".into(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".into(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".into(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", seconds / 3600 / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_read_as_go_prints_them() {
        assert_eq!(Time::ZERO.to_string(), "0001-01-01T00:00:00Z");
        assert_eq!(Time(1_795_460_103_750_000_024).to_string(), "2026-11-23T18:55:03.750000024Z");
        assert_eq!(Time(1_795_460_103_750_000_000).to_string(), "2026-11-23T18:55:03.75Z");
        assert_eq!(Time(1_709_164_800_000_000_000).to_string(), "2024-02-29T00:00:00Z");
    }

    #[test]
    fn queries_take_stamps_dates_and_spans() {
        assert_eq!(Time::parse_query("12.5"), Some(Time(12_500_000_000)));
        assert_eq!(Time::parse_query("2026-11-23T18:55:03.75Z"), Some(Time(1_795_460_103_750_000_000)));
        assert_eq!(Time::parse_query("2026-11-23"), Time::parse_query("2026-11-23T00:00:00Z"));
        assert!(Time::parse_query("10m").is_some_and(|t| t.elapsed() >= Duration::from_secs(599)));
        assert_eq!(Time::parse_query("soon"), None);
        assert_eq!(parse_go_duration("1h30m"), Some(5_400_000_000_000));
    }

    #[test]
    fn spans_are_said_as_docker_says_them() {
        let said = |seconds| human_duration(Duration::from_secs(seconds));
        assert_eq!(said(0), "Less than a second");
        assert_eq!(said(59), "59 seconds");
        assert_eq!(said(60), "About a minute");
        assert_eq!(said(3600), "About an hour");
        assert_eq!(said(86_400 * 3), "3 days");
    }
}
