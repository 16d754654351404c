//! date: shows times in every form.

use coracle_posix::calendar::{self, Moment};
use coracle_posix::zone::Zone;
use coracle_sdk::fs::Timestamp;
use coracle_sdk::{fs, time};

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::input::Input;
use crate::output::Out;
use crate::times;

pub static APPLET: Applet = Applet {
    name: "date",
    directory: "/bin",
    summary: "Print the time",
    usage: "[-uRI] [+FMT] [-d TIME | -r FILE | -f FILE]

Print the time in the format FMT

\t-u\tUTC
\t-d TIME\tThis time, not now: @SECONDS, 2026-01-31 12:00, yesterday, …
\t-D FMT\tIgnored: the form of TIME is found out
\t-r FILE\tWhen FILE was modified last
\t-f FILE\tA time per line of FILE
\t-R\tRFC 2822
\t-I[SPEC]\tISO 8601: date, hours, minutes, seconds, ns
\t--rfc-3339=SPEC\tdate, seconds or ns",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options(
        "u,utc,universal d:,date D: r:,reference f:,file R,rfc-email,rfc-2822 I::,iso-8601 rfc-3339: s:,set debug resolution",
    )?;
    if options.has("s") {
        return Err(Failure::new("can't set date: the clock belongs to the host"));
    }
    let zone = if options.has("u") { Zone::utc() } else { times::zone() };
    let mut format: Option<Vec<u8>> = None;
    for operand in &options.operands {
        match operand.strip_prefix(b"+") {
            Some(text) if format.is_none() => format = Some(text.to_vec()),
            _ => return Err(call.misuse(format!("invalid date '{}'", lossy(operand)))),
        }
    }
    let format = match (format, options.value("rfc-3339")) {
        (Some(format), _) => format,
        (None, Some(spec)) => match spec {
            b"date" => b"%Y-%m-%d".to_vec(),
            b"seconds" => b"%Y-%m-%d %H:%M:%S%:z".to_vec(),
            b"ns" => b"%Y-%m-%d %H:%M:%S.%N%:z".to_vec(),
            _ => return Err(call.misuse(format!("invalid argument '{}' for '--rfc-3339'", lossy(&spec)))),
        },
        _ if options.has("R") => b"%a, %d %b %Y %H:%M:%S %z".to_vec(),
        _ if options.has("I") => match options.value("I").unwrap_or(b"date") {
            b"date" | b"" => b"%Y-%m-%d".to_vec(),
            b"hours" => b"%Y-%m-%dT%H%:z".to_vec(),
            b"minutes" => b"%Y-%m-%dT%H:%M%:z".to_vec(),
            b"seconds" => b"%Y-%m-%dT%H:%M:%S%:z".to_vec(),
            b"ns" => b"%Y-%m-%dT%H:%M:%S,%N%:z".to_vec(),
            other => return Err(call.misuse(format!("invalid argument '{}' for '--iso-8601'", lossy(&other)))),
        },
        _ => b"%a %b %e %H:%M:%S %Z %Y".to_vec(),
    };
    let mut out = Out::stdout();
    let show = |at: Timestamp, out: &mut Out<'_>| {
        out.line(&calendar::format(&format, &Moment::at(at.seconds, at.nanoseconds, &zone)))
    };
    let now = time::now();
    let invalid = |text: &[u8]| Failure::new(format!("invalid date '{}'", lossy(&text)));
    if let Some(text) = options.value("d") {
        show(times::parse(text, now, &zone).ok_or_else(|| invalid(text))?, &mut out)?;
    } else if let Some(path) = options.value("r") {
        let attributes =
            fs::stat(path).map_err(|errno| Failure::new(format!("can't stat '{}': {errno}", lossy(&path))))?;
        show(attributes.modified, &mut out)?;
    } else if let Some(path) = options.value("f") {
        let mut input = Input::open(path).map_err(|errno| Failure::about(path, errno))?;
        let mut status = 0;
        while let Some(line) = input.line(b'\n').map_err(|errno| Failure::about(path, errno))? {
            match times::parse(line.trim_ascii(), now, &zone) {
                Some(at) => show(at, &mut out)?,
                None => {
                    call.warn(format_args!("invalid date '{}'", lossy(&line.trim_ascii())));
                    status = 1;
                }
            }
        }
        return out.finish(status);
    } else {
        show(now, &mut out)?;
    }
    out.finish(0)
}
