//! nohup, nice, setsid, timeout, time, usleep: programs run in some other way.

use std::time::Duration;

use coracle_sdk::poll::{self, Source};
use coracle_sdk::process::{self, Command, ExitStatus, Group, Selector, Target};
use coracle_sdk::signal::{self, Disposition, Signal};
use coracle_sdk::{Errno, OpenOptions, env, stdio, terminal, time};

use super::env::replace;
use crate::applet::{Applet, Call, Failure, Outcome, lossy, say};
use crate::{numbers, paths};

pub static NOHUP: Applet = Applet {
    name: "nohup",
    directory: "/usr/bin",
    summary: "Run a program that outlives its terminal",
    usage: "PROGRAM [ARGUMENT]...

Run PROGRAM ignoring SIGHUP; output to a terminal goes to nohup.out",
    run: nohup,
};

pub static NICE: Applet = Applet {
    name: "nice",
    directory: "/bin",
    summary: "Run a program with other priority",
    usage: "[-n ADJUST] [PROGRAM [ARGUMENT]...]

Change scheduling priority, run PROGRAM

\t-n ADJUST\tAdjust priority by ADJUST (default 10)",
    run: nice,
};

pub static SETSID: Applet = Applet {
    name: "setsid",
    directory: "/usr/bin",
    summary: "Run a program in a new session",
    usage: "[-cw] PROGRAM [ARGUMENT]...

Run PROGRAM in a new session

\t-w\tWait for it and answer its status
\t-c\tIgnored: a container's terminal belongs to its first session",
    run: setsid,
};

pub static TIMEOUT: Applet = Applet {
    name: "timeout",
    directory: "/usr/bin",
    summary: "Run a program for a limited time",
    usage: "[-s SIGNAL] [-k KILL_AFTER] [--preserve-status] [--foreground] SECS PROGRAM [ARGUMENT]...

Run PROGRAM. Send SIGNAL to it if it is not gone in SECS seconds.
Default SIGNAL: TERM. If it still exists in KILL_AFTER seconds, send KILL",
    run: timeout,
};

pub static TIME: Applet = Applet {
    name: "time",
    directory: "/usr/bin",
    summary: "Run a program and show its resource usage",
    usage: "[-vpao FILE] [-f FORMAT] PROGRAM [ARGUMENT]...

Run PROGRAM, display resource usage when it exits

\t-v\tVerbose
\t-p\tPOSIX output format
\t-f FMT\tCustom format
\t-o FILE\tWrite result to FILE
\t-a\tAppend (else overwrite)",
    run: time_applet,
};

pub static USLEEP: Applet = Applet {
    name: "usleep",
    directory: "/bin",
    summary: "Wait for microseconds",
    usage: "N

Pause for N microseconds",
    run: usleep,
};

fn nohup(call: &Call) -> Outcome {
    let options = call.options("+").map_err(|failure| failure.status(125))?;
    if options.operands.is_empty() {
        return Err(call.misuse("missing operand").status(125));
    }
    let is_terminal = |number| stdio::descriptor(number).is_some_and(terminal::is_terminal);
    let mut command = Command::search(options.operands.clone());
    command.ignored = vec![Signal::HUP];
    let null;
    if is_terminal(0) {
        null = OpenOptions::new().write(true).open("/dev/null").map_err(|errno| Failure::about("/dev/null", errno))?;
        command = command.file(0, &null);
    }
    let log;
    if is_terminal(1) {
        let open = OpenOptions::new().append(true).create(true).mode(0o600);
        let home = env::get("HOME").map(|home| paths::join(&home, b"nohup.out"));
        let (opened, name) = match (open.open("nohup.out"), home) {
            (Err(_), Some(home)) => (open.open(&home), home),
            (other, _) => (other, b"nohup.out".to_vec()),
        };
        log = opened.map_err(|errno| Failure::about(&name, errno).status(125))?;
        say(&format!("nohup: appending output to '{}'\n", lossy(&name)));
        command = command.file(1, &log);
        if is_terminal(2) {
            command = command.file(2, &log);
        }
    } else if is_terminal(2)
        && let Some(stdout) = stdio::stdout()
    {
        command = command.file(2, stdout);
    }
    Err(replace(&command))
}

fn nice(call: &Call) -> Outcome {
    let mut arguments = call.arguments.clone();
    // The historic `nice -5`.
    if let Some(first) = arguments.first_mut()
        && first.len() > 1
        && first[0] == b'-'
        && (first[1].is_ascii_digit() || (first[1] == b'-' && first.get(2).is_some_and(u8::is_ascii_digit)))
    {
        *first = [b"-n".as_slice(), &first[1..]].concat();
    }
    let inner = Call { applet: call.applet, arguments };
    let options = inner.options("+ n:,adjustment").map_err(|failure| failure.status(125))?;
    let own = process::nice();
    if options.operands.is_empty() {
        let mut out = crate::output::Out::stdout();
        out.text(format_args!("{own}\n"))?;
        return out.finish(0);
    }
    let by = options.value("n").map_or(Ok(10), numbers::parse::<i8>)?;
    let mut command = Command::search(options.operands.clone());
    command.nice = by;
    Err(replace(&command))
}

fn setsid(call: &Call) -> Outcome {
    let options = call.options("+ c,ctty w,wait f,fork")?;
    if options.operands.is_empty() {
        return Err(call.misuse("missing operand"));
    }
    let mut command = Command::search(options.operands.clone());
    // The leader of a group cannot begin a session: its child can.
    let leads = process::group(0).is_ok_and(|group| group == process::id());
    if !leads && !options.has("f") && process::new_session().is_ok() {
        return Err(replace(&command));
    }
    command.new_session = true;
    let name = options.operands[0].clone();
    let child = command.spawn().map_err(|errno| spawn_failure(&name, errno))?;
    if !options.has("w") {
        return Ok(0);
    }
    loop {
        match process::wait(Selector::Process(child), true, false) {
            Ok(Some(change)) => return Ok(change.status.code()),
            Ok(None) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Failure::new(errno.to_string())),
        }
    }
}

fn spawn_failure(name: &[u8], errno: Errno) -> Failure {
    let status = if errno == Errno::NOENT { 127 } else { 126 };
    Failure::Message(format!("can't execute '{}': {errno}", lossy(&name)), status)
}

fn timeout(call: &Call) -> Outcome {
    let options = call
        .options("+ s:,signal k:,kill-after t: preserve-status foreground v,verbose p,P")
        .map_err(|failure| failure.status(125))?;
    let length = |text: &[u8]| {
        numbers::seconds(text).ok_or_else(|| Failure::Message(format!("invalid time interval '{}'", lossy(&text)), 125))
    };
    let mut operands = options.operands.as_slice();
    let limit = match options.value("t") {
        Some(text) => length(text)?,
        None => {
            let (first, rest) = operands.split_first().ok_or_else(|| call.misuse("missing operand").status(125))?;
            operands = rest;
            length(first)?
        }
    };
    if operands.is_empty() {
        return Err(call.misuse("missing operand").status(125));
    }
    let ending = match options.value("s") {
        Some(name) => super::kill::parse(name).map_err(|failure| failure.status(125))?,
        None => Some(Signal::TERM),
    };
    let kill_after = options.value("k").map(length).transpose()?;
    // A group of its own, so that what the program starts ends with it.
    let foreground = options.has("foreground");
    let mut command = Command::search(operands.to_vec());
    if !foreground {
        command.group = Group::Lead;
    }
    let child = command.spawn().map_err(|errno| spawn_failure(&operands[0], errno))?;
    let target = if foreground { Target::Process(child) } else { Target::Group(child) };
    for handed_on in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        let _ = signal::set_disposition(handed_on, Disposition::Queue);
    }
    let started = time::monotonic();
    let mut deadline = if limit.is_zero() { None } else { started.checked_add(limit) };
    let mut timed_out = false;
    let mut killed = false;
    loop {
        if let Some(change) =
            process::wait(Selector::Process(child), false, false).map_err(|errno| Failure::new(errno.to_string()))?
        {
            let status = change.status.code();
            return Ok(match (timed_out, killed) {
                (true, true) => 137,
                (true, false) if !options.has("preserve-status") => 124,
                _ => status,
            });
        }
        while let Some(signal) = signal::take() {
            let _ = process::kill(target, Some(signal));
        }
        let now = time::monotonic();
        if let Some(end) = deadline
            && now >= end
        {
            let signal = if timed_out { Some(Signal::KILL) } else { ending };
            killed |= signal == Some(Signal::KILL);
            if options.has("v") {
                let name = signal.map_or_else(|| "0".to_string(), Signal::name);
                call.warn(format_args!("sending signal {name} to command '{}'", lossy(&operands[0])));
            }
            let _ = process::kill(target, signal);
            // What is stopped must go on to end.
            if signal != Some(Signal::KILL) {
                let _ = process::kill(target, Some(Signal::CONT));
            }
            deadline = if timed_out { None } else { kill_after.and_then(|after| now.checked_add(after)) };
            timed_out = true;
        }
        let wait = deadline.map(|end| end.saturating_sub(time::monotonic()));
        poll::wait(&[Source::Child, Source::Signal], wait).map_err(|errno| Failure::new(errno.to_string()))?;
    }
}

fn time_applet(call: &Call) -> Outcome {
    let options = call.options("+ v,verbose p,portability a,append o:,output f:,format q")?;
    if options.operands.is_empty() {
        return Err(call.misuse("missing operand"));
    }
    let started = time::monotonic();
    let child = Command::search(options.operands.clone())
        .spawn()
        .map_err(|errno| spawn_failure(&options.operands[0], errno))?;
    for quiet in [Signal::INT, Signal::QUIT] {
        let _ = signal::set_disposition(quiet, Disposition::Ignore);
    }
    let change = loop {
        match process::wait(Selector::Process(child), true, false) {
            Ok(Some(change)) => break change,
            Ok(None) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Failure::new(errno.to_string())),
        }
    };
    let real = time::monotonic().saturating_sub(started);
    let (user, system) = (change.usage.user, change.usage.system);
    let clock = |time: Duration| {
        let seconds = time.as_secs();
        let hundredths = time.subsec_millis() / 10;
        if seconds >= 3600 {
            format!("{}h {}m {:02}s", seconds / 3600, seconds / 60 % 60, seconds % 60)
        } else {
            format!("{}m {:02}.{hundredths:02}s", seconds / 60, seconds % 60)
        }
    };
    let plain = |time: Duration| format!("{}.{:02}", time.as_secs(), time.subsec_millis() / 10);
    let code = match change.status {
        ExitStatus::Exited(code) => code,
        other => other.code(),
    };
    let mut text = String::new();
    if let ExitStatus::Signaled(signal) = change.status {
        text.push_str(&format!("Command terminated by signal {}\n", signal.number()));
    } else if code != 0 && !options.has("p") {
        text.push_str(&format!("Command exited with non-zero status {code}\n"));
    }
    if let Some(format) = options.value("f") {
        let mut letters = String::from_utf8_lossy(format).into_owned().chars().collect::<Vec<_>>().into_iter();
        while let Some(letter) = letters.next() {
            match letter {
                '%' => match letters.next() {
                    Some('e') => text.push_str(&plain(real)),
                    Some('E') => text.push_str(&clock(real)),
                    Some('U') => text.push_str(&plain(user)),
                    Some('S') => text.push_str(&plain(system)),
                    Some('M') => text.push_str(&(change.usage.peak_memory / 1024).to_string()),
                    Some('x') => text.push_str(&code.to_string()),
                    Some('C') => text.push_str(
                        &options.operands.iter().map(|word| lossy(word).into_owned()).collect::<Vec<_>>().join(" "),
                    ),
                    Some('P') => {
                        let used = (user + system).as_secs_f64();
                        text.push_str(&format!("{}%", (used * 100.0 / real.as_secs_f64().max(1e-9)) as u64));
                    }
                    Some('%') => text.push('%'),
                    Some(other) => text.push_str(&format!("?{other}")),
                    None => text.push('?'),
                },
                '\\' => match letters.next() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some(other) => text.push(other),
                    None => text.push('\\'),
                },
                other => text.push(other),
            }
        }
        text.push('\n');
    } else if options.has("p") {
        text.push_str(&format!("real {}\nuser {}\nsys {}\n", plain(real), plain(user), plain(system)));
    } else if options.has("v") {
        let command: Vec<_> = options.operands.iter().map(|word| lossy(word).into_owned()).collect();
        text.push_str(&format!(
            "\tCommand being timed: \"{}\"\n\tUser time (seconds): {}\n\tSystem time (seconds): {}\n\tElapsed (wall clock) time (h:mm:ss or m:ss): {}\n\tMaximum resident set size (kbytes): {}\n\tExit status: {code}\n",
            command.join(" "),
            plain(user),
            plain(system),
            clock(real),
            change.usage.peak_memory / 1024
        ));
    } else {
        text.push_str(&format!("real\t{}\nuser\t{}\nsys\t{}\n", clock(real), clock(user), clock(system)));
    }
    match options.value("o") {
        Some(path) => {
            let append = options.has("a");
            let open = OpenOptions::new().write(true).create(true).append(append).truncate(!append);
            let file = open.open(path).map_err(|errno| Failure::about(path, errno))?;
            file.write_full(text.as_bytes()).map_err(Failure::Output)?;
        }
        None => say(&text),
    }
    Ok(code)
}

fn usleep(call: &Call) -> Outcome {
    let options = call.options("+")?;
    let text = options.operands.first().ok_or_else(|| call.misuse("missing operand"))?;
    time::sleep(Duration::from_micros(numbers::parse(text)?)).map_err(|errno| Failure::new(errno.to_string()))?;
    Ok(0)
}
