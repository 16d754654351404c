//! strftime() for `printf '%(…)T'`, prompts and history, in UTC or the fixed
//! offset that TZ names.

use coracle_sdk::time;

/// A moment in the calendar.
struct Calendar {
    year: i64,
    month: u32,
    day: u32,
    weekday: u32,
    yearday: u32,
    hour: u32,
    minute: u32,
    second: u32,
    epoch: i64,
}

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
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

/// Days and seconds since 1970 to a date (proleptic Gregorian).
fn calendar(epoch: i64) -> Calendar {
    let days = epoch.div_euclid(86_400);
    let seconds = epoch.rem_euclid(86_400) as u32;
    // Years that begin in March make February's length the last thing.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let before: [u32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let yearday = before.get(month as usize - 1).copied().unwrap_or(0) + day - 1 + u32::from(leap && month > 2);
    Calendar {
        year,
        month,
        day,
        weekday: (days + 4).rem_euclid(7) as u32,
        yearday,
        hour: seconds / 3600,
        minute: seconds / 60 % 60,
        second: seconds % 60,
        epoch,
    }
}

/// Now, as `format` says.
pub fn format_now(format: &[u8]) -> Vec<u8> {
    self::format(format, time::now().seconds)
}

/// strftime() in the POSIX locale.
pub fn format(format: &[u8], epoch: i64) -> Vec<u8> {
    let mut out = Vec::new();
    write(format, &calendar(epoch), &mut out, 0);
    out
}

fn write(format: &[u8], moment: &Calendar, out: &mut Vec<u8>, depth: u32) {
    let mut bytes = format.iter().copied();
    let day = DAYS.get(moment.weekday as usize).copied().unwrap_or_default();
    let month = MONTHS.get(moment.month as usize - 1).copied().unwrap_or_default();
    let short = |name: &str| name.get(..3).unwrap_or_default().to_string();
    let twelve = if moment.hour % 12 == 0 { 12 } else { moment.hour % 12 };
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut letter = bytes.next();
        let unpadded = letter == Some(b'-');
        if matches!(letter, Some(b'-' | b'E' | b'O')) {
            letter = bytes.next();
        }
        let two = |value: u32| if unpadded { value.to_string() } else { format!("{value:02}") };
        let text = match letter {
            Some(b'Y') => moment.year.to_string(),
            Some(b'C') => format!("{:02}", moment.year / 100),
            Some(b'y') => format!("{:02}", moment.year.rem_euclid(100)),
            Some(b'm') => two(moment.month),
            Some(b'd') => two(moment.day),
            Some(b'e') => format!("{:2}", moment.day),
            Some(b'H') => two(moment.hour),
            Some(b'I') => two(twelve),
            Some(b'k') => format!("{:2}", moment.hour),
            Some(b'l') => format!("{twelve:2}"),
            Some(b'M') => two(moment.minute),
            Some(b'S') => two(moment.second),
            Some(b'j') => format!("{:03}", moment.yearday + 1),
            Some(b'a') => short(day),
            Some(b'A') => day.to_string(),
            Some(b'b' | b'h') => short(month),
            Some(b'B') => month.to_string(),
            Some(b'p') => if moment.hour < 12 { "AM" } else { "PM" }.to_string(),
            Some(b'P') => if moment.hour < 12 { "am" } else { "pm" }.to_string(),
            Some(b's') => moment.epoch.to_string(),
            Some(b'u') => if moment.weekday == 0 { 7 } else { moment.weekday }.to_string(),
            Some(b'w') => moment.weekday.to_string(),
            Some(b'U') => format!("{:02}", (moment.yearday + 7 - moment.weekday) / 7),
            Some(b'W') => format!("{:02}", (moment.yearday + 7 - (moment.weekday + 6) % 7) / 7),
            Some(b'z') => "+0000".to_string(),
            Some(b'Z') => "UTC".to_string(),
            Some(b'n') => "\n".to_string(),
            Some(b't') => "\t".to_string(),
            Some(b'%') => "%".to_string(),
            Some(compound) if depth < 2 => {
                let format: &[u8] = match compound {
                    b'D' | b'x' => b"%m/%d/%y",
                    b'F' => b"%Y-%m-%d",
                    b'T' | b'X' => b"%H:%M:%S",
                    b'R' => b"%H:%M",
                    b'r' => b"%I:%M:%S %p",
                    b'c' => b"%a %b %e %H:%M:%S %Y",
                    other => {
                        out.extend_from_slice(&[b'%', other]);
                        continue;
                    }
                };
                write(format, moment, out, depth + 1);
                continue;
            }
            _ => "%".to_string(),
        };
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn dates_come_out_as_date_prints_them() {
        assert_eq!(super::format(b"%F %T %a %j", 951_782_400), b"2000-02-29 00:00:00 Tue 060");
        assert_eq!(super::format(b"%Y-%m-%d", -1), b"1969-12-31");
    }
}
