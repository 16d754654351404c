//! kill: sends signals.

use coracle_sdk::process::{self, Target};
use coracle_sdk::signal::Signal;

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::output::Out;

pub static APPLET: Applet = Applet {
    name: "kill",
    directory: "/bin",
    summary: "Send a signal to processes",
    usage: "[-l [SIGNAL]] [-SIGNAL | -s SIGNAL] PID...

Send a signal (default: TERM) to PIDs; -PID is a process group

\t-l\tList signal names or translate numbers",
    run,
};

/// `kill -l`
fn list(arguments: &[Vec<u8>]) -> Outcome {
    let mut out = Out::stdout();
    if arguments.is_empty() {
        for signal in Signal::all() {
            out.text(format_args!("{:2}) {}\n", signal.number(), signal.name()))?;
        }
        out.text(format_args!("34) RTMIN\n64) RTMAX\n"))?;
    }
    for text in arguments {
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<u32>().ok());
        let invalid = || Failure::new(format!("unknown signal '{}'", lossy(text)));
        match number {
            Some(0) => out.put(b"EXIT\n")?,
            Some(number) => {
                let signal = u8::try_from(number & 0x7f).ok().and_then(Signal::from_number).ok_or_else(invalid)?;
                out.line(signal.name().as_bytes())?;
            }
            None => {
                let signal = Signal::parse(text).ok_or_else(invalid)?;
                out.text(format_args!("{}\n", signal.number()))?;
            }
        }
    }
    out.finish(0)
}

/// A signal option of kill, killall and pkill; `None` is signal 0.
pub fn parse(text: &[u8]) -> Result<Option<Signal>, Failure> {
    if text == b"0" || text.eq_ignore_ascii_case(b"EXIT") {
        return Ok(None);
    }
    Signal::parse(text).map(Some).ok_or_else(|| Failure::new(format!("bad signal name '{}'", lossy(&text))))
}

fn run(call: &Call) -> Outcome {
    let mut rest = call.arguments.as_slice();
    let mut signal = Some(Signal::TERM);
    if let Some((first, after)) = rest.split_first() {
        match first.as_slice() {
            b"--help" => return Err(Failure::Help),
            b"-l" | b"-L" | b"--list" => return list(after),
            b"-s" | b"-n" | b"--signal" => {
                let (name, after) =
                    after.split_first().ok_or_else(|| call.misuse("option requires an argument -- 's'"))?;
                signal = parse(name)?;
                rest = after;
            }
            b"--" => rest = after,
            _ => {
                if let Some(name) = first.strip_prefix(b"--signal=").or_else(|| first.strip_prefix(b"-s")) {
                    signal = parse(name)?;
                    rest = after;
                } else if let Some(name) = first.strip_prefix(b"-") {
                    signal = parse(name)?;
                    rest = after;
                }
            }
        }
    }
    if rest.first().is_some_and(|first| first == b"--") {
        rest = &rest[1..];
    }
    if rest.is_empty() {
        return Err(call.misuse("you need to specify whom to kill"));
    }
    let mut status = 0;
    for text in rest {
        let target = match std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok()) {
            Some(0) => process::group(0).map(Target::Group),
            Some(-1) => Ok(Target::All),
            Some(number) if number > 0 => Ok(Target::Process(number as u32)),
            Some(number) => Ok(Target::Group(number.unsigned_abs() as u32)),
            None => {
                call.warn(format_args!("invalid number '{}'", lossy(text)));
                status = 1;
                continue;
            }
        };
        if let Err(errno) = target.and_then(|target| process::kill(target, signal)) {
            call.warn(format_args!("can't kill pid {}: {errno}", lossy(text)));
            status = 1;
        }
    }
    Ok(status)
}
