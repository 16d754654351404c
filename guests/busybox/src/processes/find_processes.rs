//! pgrep, pkill, pidof, killall: processes by name.

use coracle_posix::regex::{Flags, Regex};
use coracle_sdk::process::{self, ProcessInfo, Target};
use coracle_sdk::signal::Signal;

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::output::Out;
use crate::users::Database;
use crate::{numbers, paths};

const USAGE: &str = "[-flanovx] [-s SID] [-P PPID] [-u USER] [PATTERN]

Find processes by regular expression

\t-f\tMatch against the entire command line
\t-l\tShow the command name too
\t-a\tShow the command line too
\t-x\tMatch the whole name
\t-n,-o\tThe newest, the oldest only
\t-v\tNegate the match
\t-c\tCount
\t-P PPID, -s SID, -g PGID, -u USER, -t TTY\tOnly such processes";

pub static PGREP: Applet = Applet {
    name: "pgrep",
    directory: "/usr/bin",
    summary: "Find processes by name",
    usage: USAGE,
    run: |call| grep(call, false),
};

pub static PKILL: Applet = Applet {
    name: "pkill",
    directory: "/usr/bin",
    summary: "Signal processes by name",
    usage: USAGE,
    run: |call| grep(call, true),
};

pub static PIDOF: Applet = Applet {
    name: "pidof",
    directory: "/bin",
    summary: "List process ids of programs",
    usage: "[-s] [-o PID] [NAME]...

List PIDs of all processes with names that match NAMEs

\t-s\tShow only one PID
\t-o PID\tOmit PID; %PPID: the parent",
    run: pidof,
};

pub static KILLALL: Applet = Applet {
    name: "killall",
    directory: "/usr/bin",
    summary: "Signal processes by name",
    usage: "[-lq] [-SIGNAL] NAME...

Send a signal (default: TERM) to all processes called NAME

\t-l\tList signal names
\t-q\tDon't complain if no processes were killed",
    run: killall,
};

fn base(process: &ProcessInfo) -> &[u8] {
    process.arguments.first().map_or(process.name.as_slice(), |first| paths::base_name(first))
}

fn named(process: &ProcessInfo, name: &[u8]) -> bool {
    let script = process.arguments.get(1).is_some_and(|argument| paths::base_name(argument) == name);
    process.name == name
        || base(process) == name
        || process.arguments.first().is_some_and(|first| first == name)
        || (script && matches!(base(process), b"sh" | b"ash" | b"bash"))
}

fn grep(call: &Call, kill: bool) -> Outcome {
    let mut arguments = call.arguments.clone();
    let mut signal = Some(Signal::TERM);
    if kill
        && let Some(at) = arguments.iter().position(|argument| {
            argument.len() > 1
                && argument[0] == b'-'
                && argument[1] != b'-'
                && super::kill::parse(&argument[1..]).is_ok()
        })
    {
        signal = super::kill::parse(&arguments.remove(at)[1..])?;
    }
    let inner = Call { applet: call.applet, arguments };
    let options = inner.options("f,full l,list-name a,list-full n,newest o,oldest v,inverse x,exact c,count s: P:,parent g:,pgroup u:,euid U:,uid t:,terminal signal: i,ignore-case d:,delimiter e")?;
    if let Some(text) = options.value("signal") {
        signal = super::kill::parse(text)?;
    }
    let list = |name: &str| -> Result<Option<Vec<u32>>, Failure> {
        options
            .value(name)
            .map(|text| text.split(|byte| *byte == b',').map(numbers::parse::<u32>).collect())
            .transpose()
    };
    let users = Database::default();
    let user = options.value("u").or(options.value("U")).map(|text| users.user_id(text)).transpose()?;
    let (sessions, parents, groups) = (list("s")?, list("P")?, list("g")?);
    let pattern = match options.operands.as_slice() {
        [pattern] => {
            let flags = Flags { extended: true, fold: options.has("i"), line: options.has("x"), ..Flags::default() };
            Some(
                Regex::new(pattern, flags)
                    .map_err(|error| Failure::Message(format!("bad regex '{}': {error}", lossy(pattern)), 2))?,
            )
        }
        [] if user.is_some() || sessions.is_some() || parents.is_some() || groups.is_some() || options.has("t") => None,
        [] => return Err(call.misuse("").status(2)),
        _ => return Err(call.misuse("only one pattern can be provided").status(2)),
    };
    let own = process::id();
    let mut found: Vec<ProcessInfo> = process::list()
        .into_iter()
        .filter(|process| process.id != own)
        .filter(|process| {
            let text = if options.has("f") { process.arguments.join(&b' ') } else { process.name.clone() };
            let matches = pattern.as_ref().is_none_or(|regex| regex.is_match(&text))
                && user.is_none_or(|user| process.user == user)
                && sessions.as_ref().is_none_or(|list| list.contains(&process.session))
                && parents.as_ref().is_none_or(|list| list.contains(&process.parent))
                && groups.as_ref().is_none_or(|list| list.contains(&process.group))
                && options.value("t").is_none_or(|tty| process.terminal.as_deref().map(str::as_bytes) == Some(tty));
            matches != options.has("v")
        })
        .collect();
    if options.has("n") || options.has("o") {
        found.sort_by_key(|process| (process.started_at, process.id));
        let keep = if options.has("n") { found.pop() } else { found.into_iter().next() };
        found = keep.into_iter().collect();
    }
    let status = u8::from(found.is_empty());
    let mut out = Out::stdout();
    if kill {
        for process in &found {
            if let Err(errno) = process::kill(Target::Process(process.id), signal) {
                call.warn(format_args!("can't kill pid {}: {errno}", process.id));
            }
        }
        return Ok(status);
    }
    if options.has("c") {
        out.text(format_args!("{}\n", found.len()))?;
        return out.finish(status);
    }
    for process in &found {
        out.text(format_args!("{}", process.id))?;
        if options.has("a") {
            out.byte(b' ')?;
            out.put(&process.arguments.join(&b' '))?;
        } else if options.has("l") {
            out.byte(b' ')?;
            out.put(&process.name)?;
        }
        out.byte(b'\n')?;
    }
    out.finish(status)
}

fn pidof(call: &Call) -> Outcome {
    let options = call.options("s,single-shot o:,omit-pid x q")?;
    let mut omitted = vec![process::id()];
    for text in options.values("o").flat_map(|text| text.split(|byte| *byte == b',')) {
        omitted.push(if text == b"%PPID" { process::parent_id() } else { numbers::parse(text)? });
    }
    let mut found: Vec<u32> = Vec::new();
    for process in process::list().into_iter().rev() {
        if !omitted.contains(&process.id)
            && options.operands.iter().any(|name| named(&process, paths::base_name(name)) || named(&process, name))
        {
            found.push(process.id);
        }
    }
    if options.has("s") {
        found.truncate(1);
    }
    let mut out = Out::stdout();
    if !found.is_empty() {
        out.line(found.iter().map(u32::to_string).collect::<Vec<_>>().join(" ").as_bytes())?;
    }
    out.finish(u8::from(found.is_empty()))
}

fn killall(call: &Call) -> Outcome {
    let mut rest = call.arguments.as_slice();
    let (mut signal, mut quiet) = (Some(Signal::TERM), false);
    while let Some((first, after)) = rest.split_first() {
        match first.as_slice() {
            b"--help" => return Err(Failure::Help),
            b"-l" => return Err(call.misuse("use kill -l")),
            b"-q" => quiet = true,
            b"-s" => {
                let (name, after) =
                    after.split_first().ok_or_else(|| call.misuse("option requires an argument -- 's'"))?;
                signal = super::kill::parse(name)?;
                rest = after;
                continue;
            }
            _ => match first.strip_prefix(b"-") {
                Some(name) if !name.is_empty() => signal = super::kill::parse(name)?,
                _ => break,
            },
        }
        rest = after;
    }
    if rest.is_empty() {
        return Err(call.misuse("you need to specify whom to kill"));
    }
    let processes = process::list();
    let own = process::id();
    let mut status = 0;
    for name in rest {
        let mut any = false;
        for process in processes.iter().filter(|process| process.id != own && named(process, name)) {
            any = true;
            if let Err(errno) = process::kill(Target::Process(process.id), signal) {
                call.warn(format_args!("can't kill pid {}: {errno}", process.id));
                status = 1;
            }
        }
        if !any {
            status = 1;
            if !quiet {
                call.warn(format_args!("{}: no process killed", lossy(name)));
            }
        }
    }
    Ok(status)
}
