//! Signals by number and name, their default actions, and sets of them.
//!
//! Numbers are Linux's on every architecture the daemon runs on, because guests and Docker
//! clients speak them: 1 to 31 are the standard signals, 34 to 64 the real-time ones, and 32 and
//! 33 (which libc keeps for itself) are deliverable like the real-time ones.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use coracle_vfs::Errno;

/// A signal, 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(u8);

/// What a signal does to a process that neither handles nor ignores it (POSIX `<signal.h>`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DefaultAction {
    /// The process ends; status 128 + number.
    Terminate,
    /// The process ends; Linux would also dump core, Coracle never does.
    Core,
    /// Nothing happens.
    Ignore,
    /// The process stops until SIGCONT.
    Stop,
    /// A stopped process goes on.
    Continue,
}

/// What was given is no signal.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("invalid signal: {0}")]
pub struct InvalidSignal(pub String);

macro_rules! signals {
    ($($(#[$doc:meta])* $name:ident = $number:literal),* $(,)?) => {
        impl Signal {
            $($(#[$doc])* pub const $name: Signal = Signal($number);)*
        }
        /// The standard signals' names without `SIG`, by number.
        const NAMES: &[(u8, &str)] = &[$(($number, stringify!($name))),*];
    };
}

signals! {
    /// Hang-up of the controlling terminal.
    HUP = 1,
    /// Interrupt from the keyboard.
    INT = 2,
    /// Quit from the keyboard.
    QUIT = 3,
    /// Illegal instruction.
    ILL = 4,
    /// Trace trap.
    TRAP = 5,
    /// abort()
    ABRT = 6,
    /// Bus error.
    BUS = 7,
    /// Arithmetic error.
    FPE = 8,
    /// Kill; neither handled, ignored nor blocked.
    KILL = 9,
    /// User-defined.
    USR1 = 10,
    /// Invalid memory reference.
    SEGV = 11,
    /// User-defined.
    USR2 = 12,
    /// Write to a pipe without readers.
    PIPE = 13,
    /// alarm()
    ALRM = 14,
    /// Termination request.
    TERM = 15,
    /// Stack fault; never raised.
    STKFLT = 16,
    /// A child ended, stopped or continued.
    CHLD = 17,
    /// Continue if stopped.
    CONT = 18,
    /// Stop; neither handled, ignored nor blocked.
    STOP = 19,
    /// Stop from the keyboard.
    TSTP = 20,
    /// Read from the terminal in the background.
    TTIN = 21,
    /// Write to the terminal in the background.
    TTOU = 22,
    /// Out-of-band data on a socket.
    URG = 23,
    /// CPU time limit.
    XCPU = 24,
    /// File size limit.
    XFSZ = 25,
    /// Virtual timer.
    VTALRM = 26,
    /// Profiling timer.
    PROF = 27,
    /// The terminal's size changed.
    WINCH = 28,
    /// Input or output possible.
    IO = 29,
    /// Power failure.
    PWR = 30,
    /// Bad system call.
    SYS = 31,
}

/// The first real-time signal as libc counts.
const RTMIN: u8 = 34;
/// The last signal.
const RTMAX: u8 = 64;

impl Signal {
    /// The signal of that number; `EINVAL` outside 1 to 64.
    pub fn new(number: u8) -> Result<Signal, Errno> {
        if (1..=RTMAX).contains(&number) { Ok(Signal(number)) } else { Err(Errno::INVAL) }
    }

    /// The number, 1 to 64.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The name without `SIG`: `TERM`, `RTMIN+3`.
    pub fn name(self) -> Cow<'static, str> {
        if let Some((_, name)) = NAMES.iter().find(|(number, _)| *number == self.0) {
            return Cow::Borrowed(name);
        }
        match self.0 {
            RTMIN => Cow::Borrowed("RTMIN"),
            RTMAX => Cow::Borrowed("RTMAX"),
            number if number < RTMIN => Cow::Owned(number.to_string()),
            number if number <= 49 => Cow::Owned(format!("RTMIN+{}", number - RTMIN)),
            number => Cow::Owned(format!("RTMAX-{}", RTMAX - number)),
        }
    }

    /// What the signal does by default (signal(7)).
    pub fn default_action(self) -> DefaultAction {
        match self {
            Signal::CHLD | Signal::URG | Signal::WINCH => DefaultAction::Ignore,
            Signal::CONT => DefaultAction::Continue,
            Signal::STOP | Signal::TSTP | Signal::TTIN | Signal::TTOU => DefaultAction::Stop,
            Signal::QUIT
            | Signal::ILL
            | Signal::TRAP
            | Signal::ABRT
            | Signal::BUS
            | Signal::FPE
            | Signal::SEGV
            | Signal::XCPU
            | Signal::XFSZ
            | Signal::SYS => DefaultAction::Core,
            _ => DefaultAction::Terminate,
        }
    }

    /// Whether several of it queue up rather than merge (POSIX realtime signals).
    pub fn is_realtime(self) -> bool {
        self.0 > 31
    }

    /// KILL and STOP, which no process can handle, ignore or block.
    pub fn is_uncatchable(self) -> bool {
        self == Signal::KILL || self == Signal::STOP
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIG{}", self.name())
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Docker's rules: a number, or a name in any case with or without `SIG`.
impl FromStr for Signal {
    type Err = InvalidSignal;

    fn from_str(text: &str) -> Result<Signal, InvalidSignal> {
        let invalid = || InvalidSignal(text.to_owned());
        if text.bytes().all(|b| b.is_ascii_digit()) {
            let number: u8 = text.parse().map_err(|_| invalid())?;
            return Signal::new(number).map_err(|_| invalid());
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        if let Some((number, _)) = NAMES.iter().find(|(_, known)| *known == name) {
            return Ok(Signal(*number));
        }
        let offset = |digits: &str| -> Option<u8> {
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            digits.parse().ok()
        };
        let number = match name {
            "CLD" => Some(Signal::CHLD.0),
            "IOT" => Some(Signal::ABRT.0),
            "POLL" => Some(Signal::IO.0),
            "RTMIN" => Some(RTMIN),
            "RTMAX" => Some(RTMAX),
            _ => {
                if let Some(rest) = name.strip_prefix("RTMIN+") {
                    offset(rest).and_then(|n| RTMIN.checked_add(n))
                } else if let Some(rest) = name.strip_prefix("RTMAX-") {
                    offset(rest).and_then(|n| RTMAX.checked_sub(n))
                } else {
                    None
                }
            }
        };
        match number {
            Some(number) if name.starts_with("RT") && !(RTMIN..=RTMAX).contains(&number) => Err(invalid()),
            Some(number) => Ok(Signal(number)),
            None => Err(invalid()),
        }
    }
}

/// A set of signals.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SignalSet(u64);

impl SignalSet {
    /// No signal.
    pub const EMPTY: SignalSet = SignalSet(0);
    /// The signals whose default action is to stop.
    pub const STOPS: SignalSet =
        SignalSet(Signal::STOP.bit() | Signal::TSTP.bit() | Signal::TTIN.bit() | Signal::TTOU.bit());
    /// KILL and STOP.
    pub const UNCATCHABLE: SignalSet = SignalSet(Signal::KILL.bit() | Signal::STOP.bit());

    /// Whether `signal` is in the set.
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & signal.bit() != 0
    }

    /// Whether no signal is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds `signal`.
    pub fn insert(&mut self, signal: Signal) {
        self.0 |= signal.bit();
    }

    /// Takes `signal` out.
    pub fn remove(&mut self, signal: Signal) {
        self.0 &= !signal.bit();
    }

    /// The signals in both sets.
    pub const fn intersection(self, other: SignalSet) -> SignalSet {
        SignalSet(self.0 & other.0)
    }

    /// The signals in `self` but not in `other`.
    pub const fn difference(self, other: SignalSet) -> SignalSet {
        SignalSet(self.0 & !other.0)
    }

    /// The signals in either set.
    pub const fn union(self, other: SignalSet) -> SignalSet {
        SignalSet(self.0 | other.0)
    }

    /// The mask as /proc/PID/status prints it: bit n - 1 is signal n.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The signals in ascending order.
    pub fn iter(self) -> impl Iterator<Item = Signal> {
        (1..=RTMAX).map(Signal).filter(move |signal| self.contains(*signal))
    }
}

impl FromIterator<Signal> for SignalSet {
    fn from_iter<T: IntoIterator<Item = Signal>>(signals: T) -> Self {
        let mut set = SignalSet::EMPTY;
        for signal in signals {
            set.insert(signal);
        }
        set
    }
}

impl Signal {
    const fn bit(self) -> u64 {
        1 << (self.0 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_as_docker_parses_them() {
        for text in ["TERM", "SIGTERM", "15", "sigterm", "Term"] {
            assert_eq!(text.parse(), Ok(Signal::TERM), "{text}");
        }
        assert_eq!("SIGRTMIN+3".parse::<Signal>().map(Signal::number), Ok(37));
        assert_eq!("rtmax-1".parse::<Signal>().map(Signal::number), Ok(63));
        for text in ["", "0", "65", "SIG", "SIGSIG", "RTMIN+31", "RTMAX-31", "-9", "RTMIN+x", "999"] {
            assert_eq!(text.parse::<Signal>(), Err(InvalidSignal(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn every_name_parses_back_to_its_number() {
        for number in 1..=64 {
            let signal = Signal::new(number).unwrap();
            assert_eq!(signal.name().parse(), Ok(signal));
            assert_eq!(signal.to_string().to_lowercase().trim_start_matches("sig").parse(), Ok(signal));
        }
        assert!(Signal::new(0).is_err() && Signal::new(65).is_err());
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let mut set: SignalSet = [Signal::HUP, Signal::new(64).unwrap()].into_iter().collect();
        assert!(set.contains(Signal::HUP));
        set.remove(Signal::HUP);
        assert_eq!(set.iter().map(Signal::number).collect::<Vec<_>>(), [64]);
    }
}
