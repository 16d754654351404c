//! ps: the process table.

use coracle_sdk::process::{self, ProcessInfo, State};
use coracle_sdk::{system, time};

use coracle_posix::calendar::{self, Moment};

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::columns;
use crate::files::terminal_width;
use crate::numbers;
use crate::output::Out;
use crate::times;
use crate::users::Database;

pub static APPLET: Applet = Applet {
    name: "ps",
    directory: "/bin",
    summary: "Show processes",
    usage: "[-o COL1,COL2=HEADER] [-efAaux] [-p PID] [-l] [-T] [-w]

Show the processes of the container

\t-o COLUMNS\tShow these: user,uid,group,gid,comm,args,pid,ppid,pgid,sid,
\t\tetime,time,nice,rss,vsz,stat,tty,pcpu,pmem,stime,ruser,…
\t-e,-A\tEvery process (always so)
\t-f\tFull format
\t-l\tLong format
\t-p PID,…\tOnly these
\taux\tAs BSD shows them
\t-w\tWide output",
    run,
};

struct Column {
    names: &'static [&'static str],
    header: &'static str,
    width: usize,
    right: bool,
    show: fn(&ProcessInfo, &World) -> Vec<u8>,
}

struct World {
    users: Database,
    now: coracle_sdk::fs::Timestamp,
    memory: u64,
    zone: coracle_posix::zone::Zone,
}

impl World {
    fn age(&self, process: &ProcessInfo) -> u64 {
        u64::try_from(self.now.seconds - process.started_at.seconds).unwrap_or(0)
    }
}

fn cpu(process: &ProcessInfo) -> u64 {
    (process.usage.user + process.usage.system).as_secs()
}

/// `m:ss`, from an hour on `hh:mm:ss`.
fn minutes(seconds: u64) -> Vec<u8> {
    format!("{}:{:02}", seconds / 60, seconds % 60).into_bytes()
}

fn clock(seconds: u64) -> Vec<u8> {
    let (days, hours, minutes, seconds) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes:02}:{seconds:02}"),
        (0, _) => format!("{hours:02}:{minutes:02}:{seconds:02}"),
        _ => format!("{days}-{hours:02}:{minutes:02}:{seconds:02}"),
    }
    .into_bytes()
}

fn arguments(process: &ProcessInfo) -> Vec<u8> {
    if process.arguments.is_empty() || process.state == State::Zombie {
        return [b"[".as_slice(), &process.name, b"]"].concat();
    }
    let mut text = process.arguments.join(&b' ');
    text.iter_mut().filter(|byte| **byte < 32).for_each(|byte| *byte = b'?');
    text
}

fn state(process: &ProcessInfo) -> Vec<u8> {
    let mut text = vec![match process.state {
        State::Running => b'R',
        State::Sleeping => b'S',
        State::Stopped => b'T',
        State::Frozen => b'D',
        State::Zombie => b'Z',
    }];
    if process.nice < 0 {
        text.push(b'<');
    } else if process.nice > 0 {
        text.push(b'N');
    }
    if process.session == process.id {
        text.push(b's');
    }
    text
}

fn percent(part: u64, whole: u64) -> Vec<u8> {
    let tenths = part.saturating_mul(1000).checked_div(whole).unwrap_or(0);
    format!("{}.{}", tenths / 10, tenths % 10).into_bytes()
}

fn number(value: impl ToString) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn started(process: &ProcessInfo, world: &World) -> Vec<u8> {
    let moment = Moment::at(process.started_at.seconds, 0, &world.zone);
    calendar::format(if world.age(process) < 86400 { b"%H:%M" } else { b"%b%d" }, &moment)
}

fn tty(process: &ProcessInfo) -> Vec<u8> {
    process.terminal.as_deref().unwrap_or("?").as_bytes().to_vec()
}

static COLUMNS: &[Column] = &[
    Column { names: &["pid"], header: "PID", width: 5, right: true, show: |p, _| number(p.id) },
    Column { names: &["ppid"], header: "PPID", width: 5, right: true, show: |p, _| number(p.parent) },
    Column { names: &["pgid", "pgrp"], header: "PGID", width: 5, right: true, show: |p, _| number(p.group) },
    Column { names: &["sid", "sess", "session"], header: "SID", width: 5, right: true, show: |p, _| number(p.session) },
    Column {
        names: &["user", "ruser", "euser", "uname"],
        header: "USER",
        width: 8,
        right: false,
        show: |p, w| w.users.user_name(p.user),
    },
    Column { names: &["uid", "ruid", "euid"], header: "UID", width: 5, right: true, show: |p, _| number(p.user) },
    Column {
        names: &["group", "rgroup", "egroup"],
        header: "GROUP",
        width: 8,
        right: false,
        show: |p, w| w.users.group_name(p.primary_group),
    },
    Column {
        names: &["gid", "rgid", "egid"],
        header: "GID",
        width: 5,
        right: true,
        show: |p, _| number(p.primary_group),
    },
    Column {
        names: &["comm", "ucmd", "ucomm"],
        header: "COMMAND",
        width: 16,
        right: false,
        show: |p, _| p.name.clone(),
    },
    Column { names: &["args", "cmd", "command"], header: "COMMAND", width: 0, right: false, show: |p, _| arguments(p) },
    Column { names: &["time", "cputime"], header: "TIME", width: 5, right: true, show: |p, _| minutes(cpu(p)) },
    Column { names: &["etime"], header: "ELAPSED", width: 7, right: true, show: |p, w| clock(w.age(p)) },
    Column { names: &["etimes"], header: "ELAPSED", width: 7, right: true, show: |p, w| number(w.age(p)) },
    Column { names: &["nice", "ni"], header: "NI", width: 3, right: true, show: |p, _| number(p.nice) },
    Column {
        names: &["pri", "priority"],
        header: "PRI",
        width: 3,
        right: true,
        show: |p, _| number(20 + i32::from(p.nice)),
    },
    Column {
        names: &["rss", "rssize", "rsz"],
        header: "RSS",
        width: 5,
        right: true,
        show: |p, _| number(p.memory / 1024),
    },
    Column { names: &["vsz", "vsize"], header: "VSZ", width: 6, right: true, show: |p, _| number(p.memory / 1024) },
    Column { names: &["stat", "state", "s"], header: "STAT", width: 4, right: false, show: |p, _| state(p) },
    Column { names: &["tty", "tt", "tname"], header: "TTY", width: 8, right: false, show: |p, _| tty(p) },
    Column {
        names: &["pcpu", "%cpu", "c"],
        header: "%CPU",
        width: 4,
        right: true,
        show: |p, w| percent(cpu(p), w.age(p).max(1)),
    },
    Column {
        names: &["pmem", "%mem"],
        header: "%MEM",
        width: 4,
        right: true,
        show: |p, w| percent(p.memory, w.memory),
    },
    Column {
        names: &["stime", "start", "start_time", "bsdstart"],
        header: "STIME",
        width: 5,
        right: false,
        show: started,
    },
    Column {
        names: &["lstart"],
        header: "STARTED",
        width: 24,
        right: false,
        show: |p, w| calendar::format(b"%c", &Moment::at(p.started_at.seconds, 0, &w.zone)),
    },
    Column { names: &["bsdtime"], header: "TIME", width: 6, right: true, show: |p, _| minutes(cpu(p)) },
    Column {
        names: &["longtime"],
        header: "TIME",
        width: 8,
        right: true,
        show: |p, _| {
            let seconds = cpu(p);
            format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60).into_bytes()
        },
    },
];

fn column(name: &str) -> Result<&'static Column, Failure> {
    COLUMNS
        .iter()
        .find(|column| column.names.contains(&name))
        .ok_or_else(|| Failure::new(format!("bad -o argument '{name}'")))
}

fn run(call: &Call) -> Outcome {
    // BSD's letters come without a dash.
    let arguments: Vec<Vec<u8>> = call
        .arguments
        .iter()
        .enumerate()
        .map(|(index, argument)| {
            let bsd = index == 0 && !argument.is_empty() && argument.iter().all(|byte| b"auxwfelj".contains(byte));
            if bsd { [b"-".as_slice(), argument].concat() } else { argument.clone() }
        })
        .collect();
    let bsd = arguments != call.arguments && call.arguments.first().is_some_and(|first| first.contains(&b'u'));
    let call = &Call { applet: call.applet, arguments };
    let options =
        call.options("o:,format e A a u x f l j T w p:,pid,q U: u Z d g: t: no-headers,no-heading h sort: ppid: C:")?;
    let mut chosen: Vec<(&'static Column, String)> = Vec::new();
    for list in options.values("o") {
        // A header after = runs to the end and ends the list.
        let list = lossy(&list).into_owned();
        let (names, header) = match list.split_once('=') {
            Some((names, header)) => (names.to_string(), Some(header.to_string())),
            None => (list, None),
        };
        let names: Vec<&str> = names.split([',', ' ']).filter(|name| !name.is_empty()).collect();
        for (index, name) in names.iter().enumerate() {
            let column = column(name)?;
            let text = match &header {
                Some(header) if index + 1 == names.len() => header.clone(),
                _ => column.header.to_string(),
            };
            chosen.push((column, text));
        }
    }
    if chosen.is_empty() {
        let list: &[(&str, &str)] = if bsd {
            &[
                ("user", "USER"),
                ("pid", "PID"),
                ("pcpu", "%CPU"),
                ("pmem", "%MEM"),
                ("vsz", "VSZ"),
                ("rss", "RSS"),
                ("tty", "TTY"),
                ("stat", "STAT"),
                ("stime", "START"),
                ("time", "TIME"),
                ("args", "COMMAND"),
            ]
        } else if options.has("f") {
            &[
                ("user", "UID"),
                ("pid", "PID"),
                ("ppid", "PPID"),
                ("c", "C"),
                ("stime", "STIME"),
                ("tty", "TTY"),
                ("longtime", "TIME"),
                ("args", "CMD"),
            ]
        } else if options.has("l") {
            &[
                ("stat", "S"),
                ("uid", "UID"),
                ("pid", "PID"),
                ("ppid", "PPID"),
                ("vsz", "VSZ"),
                ("rss", "RSS"),
                ("tty", "TTY"),
                ("stime", "STIME"),
                ("longtime", "TIME"),
                ("args", "CMD"),
            ]
        } else {
            &[("pid", "PID"), ("user", "USER"), ("bsdtime", "TIME"), ("args", "COMMAND")]
        };
        for (name, header) in list {
            chosen.push((column(name)?, (*header).to_string()));
        }
    }
    let mut pids: Vec<u32> = Vec::new();
    for list in options.values("p") {
        for text in list.split(|byte| matches!(byte, b',' | b' ')).filter(|text| !text.is_empty()) {
            pids.push(numbers::parse(text)?);
        }
    }
    let selecting = options.has("p");
    let world = World {
        users: Database::default(),
        now: time::now(),
        memory: system::figures().memory_total,
        zone: times::zone(),
    };
    let rows: Vec<ProcessInfo> =
        process::list().into_iter().filter(|process| !selecting || pids.contains(&process.id)).collect();
    print(&chosen, &rows, &world, options.has("w") || options.has("o"), options.has("no-headers") || options.has("h"))?;
    Ok(u8::from(selecting && rows.is_empty()))
}

fn print(
    chosen: &[(&'static Column, String)],
    rows: &[ProcessInfo],
    world: &World,
    wide: bool,
    no_headers: bool,
) -> Result<(), Failure> {
    let mut out = Out::stdout();
    let terminal = coracle_sdk::stdio::stdout().is_some_and(coracle_sdk::terminal::is_terminal);
    let limit = if wide || !terminal { usize::MAX } else { terminal_width(terminal) };
    let mut line = |cells: Vec<Vec<u8>>| -> Result<(), Failure> {
        let mut text = Vec::new();
        for (index, (cell, (column, header))) in cells.iter().zip(chosen).enumerate() {
            if index > 0 {
                text.push(b' ');
            }
            let width = column.width.max(header.len());
            let fill = width.saturating_sub(columns::width(cell));
            let last = index + 1 == cells.len();
            if column.right {
                text.extend(std::iter::repeat_n(b' ', fill));
            }
            text.extend_from_slice(cell);
            if !column.right && !last {
                text.extend(std::iter::repeat_n(b' ', fill));
            }
        }
        text.truncate(limit);
        out.line(&text)
    };
    if !no_headers && chosen.iter().any(|(_, header)| !header.is_empty()) {
        line(chosen.iter().map(|(_, header)| header.clone().into_bytes()).collect())?;
    }
    for process in rows {
        line(chosen.iter().map(|(column, _)| (column.show)(process, world)).collect())?;
    }
    out.flush()
}
