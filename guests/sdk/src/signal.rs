//! Signals without handlers: what a process wants to handle waits in a queue
//! until it is taken, and ends the blocking call it arrives in with `EINTR`.

use std::fmt;
use std::time::Duration;

use crate::{Result, sys};

/// A signal by its number on Linux, 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(u8);

macro_rules! signals {
    ($($name:ident = $number:literal, $text:literal;)*) => {
        #[allow(missing_docs)]
        impl Signal {
            $(pub const $name: Signal = Signal($number);)*
        }
        const NAMES: &[(u8, &str, &str)] = &[$(($number, stringify!($name), $text),)*];
    };
}

signals! {
    HUP = 1, "Hangup";
    INT = 2, "Interrupt";
    QUIT = 3, "Quit";
    ILL = 4, "Illegal instruction";
    TRAP = 5, "Trace/breakpoint trap";
    ABRT = 6, "Aborted";
    BUS = 7, "Bus error";
    FPE = 8, "Floating point exception";
    KILL = 9, "Killed";
    USR1 = 10, "User defined signal 1";
    SEGV = 11, "Segmentation fault";
    USR2 = 12, "User defined signal 2";
    PIPE = 13, "Broken pipe";
    ALRM = 14, "Alarm clock";
    TERM = 15, "Terminated";
    STKFLT = 16, "Stack fault";
    CHLD = 17, "Child exited";
    CONT = 18, "Continued";
    STOP = 19, "Stopped (signal)";
    TSTP = 20, "Stopped";
    TTIN = 21, "Stopped (tty input)";
    TTOU = 22, "Stopped (tty output)";
    URG = 23, "Urgent I/O condition";
    XCPU = 24, "CPU time limit exceeded";
    XFSZ = 25, "File size limit exceeded";
    VTALRM = 26, "Virtual timer expired";
    PROF = 27, "Profiling timer expired";
    WINCH = 28, "Window changed";
    IO = 29, "I/O possible";
    PWR = 30, "Power failure";
    SYS = 31, "Bad system call";
}

impl Signal {
    /// SIGRTMIN as glibc has it.
    pub const RTMIN: u8 = 34;
    /// SIGRTMAX
    pub const RTMAX: u8 = 64;

    /// The signal with this number, 1 to 64.
    pub const fn from_number(number: u8) -> Option<Signal> {
        if number >= 1 && number <= 64 { Some(Signal(number)) } else { None }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// By name in any case, with or without `SIG`, or by number: `TERM`,
    /// `sigterm`, `15`, `RTMIN+1`.
    pub fn parse(text: impl AsRef<[u8]>) -> Option<Signal> {
        let text = std::str::from_utf8(text.as_ref()).ok()?.to_ascii_uppercase();
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Signal::from_number(text.parse().ok()?);
        }
        let name = text.strip_prefix("SIG").unwrap_or(&text);
        let name = match name {
            "POLL" => "IO",
            "CLD" => "CHLD",
            "IOT" => "ABRT",
            other => other,
        };
        if let Some((number, ..)) = NAMES.iter().find(|(_, known, _)| *known == name) {
            return Some(Signal(*number));
        }
        if let Some(rest) = name.strip_prefix("RTMIN") {
            let offset: u8 = if rest.is_empty() { 0 } else { rest.strip_prefix('+')?.parse().ok()? };
            return Signal::from_number(Self::RTMIN.checked_add(offset)?);
        }
        if let Some(rest) = name.strip_prefix("RTMAX") {
            let offset: u8 = if rest.is_empty() { 0 } else { rest.strip_prefix('-')?.parse().ok()? };
            return Signal::from_number(Self::RTMAX.checked_sub(offset)?).filter(|signal| signal.0 >= Self::RTMIN);
        }
        None
    }

    /// The name without `SIG`: `TERM`, `RTMIN+1`; the number where it has none.
    pub fn name(self) -> String {
        if let Some((_, name, _)) = NAMES.iter().find(|(number, ..)| *number == self.0) {
            return (*name).to_string();
        }
        match self.0 {
            34 => "RTMIN".to_string(),
            35..=49 => format!("RTMIN+{}", self.0 - 34),
            50..=63 => format!("RTMAX-{}", 64 - self.0),
            64 => "RTMAX".to_string(),
            other => other.to_string(),
        }
    }

    /// What strsignal() says: `Terminated`.
    pub fn description(self) -> String {
        match NAMES.iter().find(|(number, ..)| *number == self.0) {
            Some((.., text)) => (*text).to_string(),
            None if self.0 >= 34 => format!("Real-time signal {}", self.0 - 34),
            None => format!("Unknown signal {}", self.0),
        }
    }

    /// Every named signal in order of numbers.
    pub fn all() -> impl Iterator<Item = Signal> {
        NAMES.iter().map(|(number, ..)| Signal(*number))
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIG{}", self.name())
    }
}

/// What a delivered signal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// What POSIX says for it.
    Default,
    /// Nothing.
    Ignore,
    /// It waits for [`take`].
    Queue,
}

/// Answers what the signal did before. Over spawn and exec `Queue` becomes
/// `Default`. `EINVAL` for KILL and STOP.
pub fn set_disposition(signal: Signal, disposition: Disposition) -> Result<Disposition> {
    sys::signal::set_disposition(signal, disposition)
}

/// What a signal does now.
pub fn disposition(signal: Signal) -> Disposition {
    sys::signal::disposition(signal)
}

/// The oldest queued signal, if any.
pub fn take() -> Option<Signal> {
    sys::signal::take()
}

/// The signals held back from now on; answers the old set.
pub fn set_blocked(signals: &[Signal]) -> Vec<Signal> {
    sys::signal::set_blocked(signals)
}

/// Delivers SIGALRM after this long; zero cancels. Answers what was left.
pub fn alarm(after: Duration) -> Duration {
    sys::signal::alarm(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_go_both_ways() {
        for signal in Signal::all() {
            assert_eq!(Signal::parse(signal.name()), Some(signal));
            assert_eq!(Signal::parse(format!("sig{}", signal.name().to_lowercase())), Some(signal));
        }
        assert_eq!(Signal::parse("15"), Some(Signal::TERM));
        assert_eq!(Signal::parse("RTMIN+1").map(Signal::number), Some(35));
        assert_eq!(Signal::parse("RTMAX-1").map(Signal::number), Some(63));
        assert_eq!(Signal::parse("65"), None);
        assert_eq!(Signal::parse("0"), None);
        assert_eq!(Signal::parse("NOPE"), None);
    }
}
