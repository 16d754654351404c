//! touch: sets times, creates what is missing.

use coracle_posix::calendar::Moment;
use coracle_sdk::fs::{NewTime, Timestamp};
use coracle_sdk::{Errno, OpenOptions, fs, time};

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::times;

pub static APPLET: Applet = Applet {
    name: "touch",
    directory: "/bin",
    summary: "Change file times, create empty files",
    usage: "[-acmh] [-d DATE] [-t [[CC]YY]MMDDhhmm[.ss]] [-r FILE] FILE...

Set the times of FILEs to now, create those that are missing

\t-a\tOnly the access time
\t-m\tOnly the modification time
\t-c\tDon't create files
\t-h\tDon't follow links
\t-d DATE\tUse DATE
\t-t TIME\tUse TIME
\t-r FILE\tUse FILE's times",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options("a c,no-create d:,date f h,no-dereference m r:,reference t: time:")?;
    if options.operands.is_empty() {
        return Err(call.misuse("missing file operand"));
    }
    let now = time::now();
    let invalid = |text: &[u8]| Failure::new(format!("invalid date '{}'", lossy(&text)));
    let mut times = (NewTime::Now, NewTime::Now);
    if let Some(path) = options.value("r") {
        let attributes = fs::stat(path).map_err(|errno| Failure::about(path, errno))?;
        times = (NewTime::At(attributes.accessed), NewTime::At(attributes.modified));
    }
    if let Some(text) = options.value("t") {
        let zone = times::zone();
        let moment = Moment::at(now.seconds, now.nanoseconds, &zone);
        let seconds = times::posix_stamp(text, &moment, &zone).ok_or_else(|| invalid(text))?;
        let at = NewTime::At(Timestamp { seconds, nanoseconds: 0 });
        times = (at, at);
    } else if let Some(text) = options.value("d") {
        let at = NewTime::At(times::parse(text, now, &times::zone()).ok_or_else(|| invalid(text))?);
        times = (at, at);
    }
    let word = options.value("time").unwrap_or_default();
    let access = options.has("a") || matches!(word, b"access" | b"atime" | b"use");
    let modify = options.has("m") || matches!(word, b"modify" | b"mtime");
    if access && !modify {
        times.1 = NewTime::Keep;
    }
    if modify && !access {
        times.0 = NewTime::Keep;
    }
    let mut status = 0;
    for path in &options.operands {
        let mut done = fs::set_times(path, times.0, times.1, !options.has("h"));
        if done == Err(Errno::NOENT) && !options.has("h") {
            if options.has("c") {
                continue;
            }
            done = OpenOptions::new().write(true).create(true).open(path).and_then(|file| {
                if times == (NewTime::Now, NewTime::Now) { Ok(()) } else { file.set_times(times.0, times.1) }
            });
        }
        if let Err(errno) = done {
            call.warn_about(path, errno);
            status = 1;
        }
    }
    Ok(status)
}
