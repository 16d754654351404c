//! nproc, free, uptime, tty, logname, hostid, mountpoint, mount, getconf,
//! users, who: what the system says about itself.

use coracle_posix::calendar::{self, Moment};
use coracle_sdk::{env, fs, process, stdio, system, terminal, time};

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::output::Out;
use crate::users::Database;
use crate::{numbers, paths, times};

pub static NPROC: Applet = Applet {
    name: "nproc",
    directory: "/usr/bin",
    summary: "Print the number of processors",
    usage: "[--all] [--ignore=N]

Print number of available CPUs",
    run: nproc,
};

pub static FREE: Applet = Applet {
    name: "free",
    directory: "/usr/bin",
    summary: "Show memory usage",
    usage: "[-bkmgh]

Display free and used memory of the container",
    run: free,
};

pub static UPTIME: Applet = Applet {
    name: "uptime",
    directory: "/usr/bin",
    summary: "Show how long the container runs",
    usage: "[-ps]

Display the time since start and the load

\t-p\tPretty form
\t-s\tWhen it started",
    run: uptime,
};

pub static TTY: Applet = Applet {
    name: "tty",
    directory: "/usr/bin",
    summary: "Print the name of the terminal",
    usage: "[-s]

Print file name of standard input's terminal

\t-s\tPrint nothing, only return the status",
    run: tty,
};

pub static LOGNAME: Applet = Applet {
    name: "logname",
    directory: "/usr/bin",
    summary: "Print the login name",
    usage: "

Print the name of the current user",
    run: logname,
};

pub static HOSTID: Applet = Applet {
    name: "hostid",
    directory: "/usr/bin",
    summary: "Print the host's number",
    usage: "

Print out a unique 32-bit identifier for the container",
    run: hostid,
};

pub static MOUNT: Applet = Applet {
    name: "mount",
    directory: "/bin",
    summary: "List mounted file systems",
    usage: "[-t TYPE]

List mounted file systems; mounting is the engine's work",
    run: mount,
};

pub static MOUNTPOINT: Applet = Applet {
    name: "mountpoint",
    directory: "/bin",
    summary: "Tell whether a directory is a mount point",
    usage: "[-qdn] DIR

Check if DIR is a mount point

\t-q\tQuiet
\t-d\tPrint major:minor of the file system
\t-n\tPrint the device's name",
    run: mountpoint,
};

pub static GETCONF: Applet = Applet {
    name: "getconf",
    directory: "/usr/bin",
    summary: "Print configuration values",
    usage: "[-a] NAME [PATH]

Print the value of a system variable",
    run: getconf,
};

fn nproc(call: &Call) -> Outcome {
    let options = call.options("all ignore:")?;
    let ignored = options.value("ignore").map_or(Ok(0), numbers::parse::<u32>)?;
    let mut out = Out::stdout();
    out.text(format_args!("{}\n", system::figures().processors.saturating_sub(ignored).max(1)))?;
    out.finish(0)
}

fn free(call: &Call) -> Outcome {
    let options = call.options("b,bytes k,kibi,kilo m,mebi,mega g,gibi,giga h,human t,total w,wide s: c:")?;
    let figures = system::figures();
    let scale = match options.last_of(&["b", "k", "m", "g"]) {
        Some("b") => 1,
        Some("m") => 1 << 20,
        Some("g") => 1 << 30,
        _ => 1024,
    };
    let show = |bytes: u64| if options.has("h") { numbers::human(bytes, 1024) } else { (bytes / scale).to_string() };
    let used = figures.memory_total.saturating_sub(figures.memory_free);
    let mut out = Out::stdout();
    out.put(b"              total        used        free      shared  buff/cache   available\n")?;
    out.text(format_args!(
        "Mem:   {:>12}{:>12}{:>12}{:>12}{:>12}{:>12}\n",
        show(figures.memory_total),
        show(used),
        show(figures.memory_free),
        show(0),
        show(0),
        show(figures.memory_free)
    ))?;
    out.text(format_args!("Swap:  {:>12}{:>12}{:>12}\n", show(0), show(0), show(0)))?;
    out.finish(0)
}

fn uptime(call: &Call) -> Outcome {
    let options = call.options("p,pretty s,since")?;
    let figures = system::figures();
    let now = time::now();
    let zone = times::zone();
    let seconds = figures.uptime.as_secs();
    let mut out = Out::stdout();
    if options.has("s") {
        let start = Moment::at(now.seconds - seconds as i64, 0, &zone);
        out.line(&calendar::format(b"%Y-%m-%d %H:%M:%S", &start))?;
        return out.finish(0);
    }
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    if options.has("p") {
        let mut parts = Vec::new();
        for (count, unit) in [(days, "day"), (hours, "hour"), (minutes, "minute")] {
            if count > 0 || (unit == "minute" && parts.is_empty()) {
                parts.push(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }));
            }
        }
        out.text(format_args!("up {}\n", parts.join(", ")))?;
        return out.finish(0);
    }
    out.byte(b' ')?;
    out.put(&calendar::format(b"%H:%M:%S", &Moment::at(now.seconds, 0, &zone)))?;
    out.put(b" up ")?;
    if days > 0 {
        out.text(format_args!("{days} day{}, ", if days == 1 { "" } else { "s" }))?;
    }
    if hours > 0 {
        out.text(format_args!("{hours:2}:{minutes:02}"))?;
    } else {
        out.text(format_args!("{minutes} min"))?;
    }
    let load = |value: u32| format!("{}.{:02}", value / 100, value % 100);
    let (one, five, fifteen) = figures.load;
    out.text(format_args!(",  0 users,  load average: {}, {}, {}\n", load(one), load(five), load(fifteen)))?;
    out.finish(0)
}

fn tty(call: &Call) -> Outcome {
    let options = call.options("s,silent,quiet")?;
    let name = stdio::stdin().and_then(|file| terminal::name(file).ok());
    let mut out = Out::stdout();
    if !options.has("s") {
        out.line(name.as_deref().unwrap_or(b"not a tty"))?;
    }
    out.finish(u8::from(name.is_none()))
}

fn logname(call: &Call) -> Outcome {
    call.options("")?;
    let users = Database::default();
    let name = users.user(process::identity().user).map(|user| user.name.clone()).or_else(|| env::get("LOGNAME"));
    let name = name.ok_or_else(|| Failure::new("no login name"))?;
    let mut out = Out::stdout();
    out.line(&name)?;
    out.finish(0)
}

fn hostid(call: &Call) -> Outcome {
    call.options("")?;
    let id = system::container_id();
    let mut out = Out::stdout();
    out.line(id.get(..8).unwrap_or("00000000").as_bytes())?;
    out.finish(0)
}

fn mount(call: &Call) -> Outcome {
    let options = call.options("t:,types l a o: r w v")?;
    if !options.operands.is_empty() {
        return Err(Failure::new("mounting is the engine's work: use docker run -v, --mount or --tmpfs"));
    }
    let mut out = Out::stdout();
    for mount in system::mounts() {
        if options.value("t").is_some_and(|kind| kind != mount.kind.as_bytes()) {
            continue;
        }
        let mut flags = vec![if mount.read_only { "ro" } else { "rw" }];
        if !mount.options.is_empty() {
            flags.push(&mount.options);
        }
        out.put(&mount.source)?;
        out.put(b" on ")?;
        out.put(&mount.target)?;
        out.text(format_args!(" type {} ({})\n", mount.kind, flags.join(",")))?;
    }
    out.finish(0)
}

fn mountpoint(call: &Call) -> Outcome {
    let options = call.options("q,quiet d,fs-devno n x")?;
    let [path] = options.operands.as_slice() else { return Err(call.misuse("one operand is needed")) };
    let attributes = fs::stat(path).map_err(|errno| Failure::about(path, errno))?;
    if !attributes.is_dir() {
        return Err(Failure::about(path, coracle_sdk::Errno::NOTDIR));
    }
    let real = fs::real_path(path).map_err(|errno| Failure::about(path, errno))?;
    let mount = system::mounts().into_iter().rev().find(|mount| mount.target == real);
    let parent = fs::stat(paths::join(path, b"..")).map_err(|errno| Failure::about(path, errno))?;
    let is = mount.is_some() || parent.device != attributes.device || parent.same_file(&attributes);
    let mut out = Out::stdout();
    if options.has("d") {
        let (major, minor) = fs::device_parts(attributes.device);
        out.text(format_args!("{major}:{minor}\n"))?;
    } else if options.has("n") {
        out.line(mount.as_ref().map_or(b"UNKNOWN", |mount| mount.source.as_slice()))?;
    } else if !options.has("q") {
        out.text(format_args!("{} is {}a mountpoint\n", lossy(path), if is { "" } else { "not " }))?;
    }
    out.finish(u8::from(!is))
}

fn getconf(call: &Call) -> Outcome {
    let options = call.options("+ a v:")?;
    let processors = system::figures().processors;
    let memory = system::figures().memory_total;
    let open_files = process::limit(process::Limit::OpenFiles).0.unwrap_or(1 << 20);
    let values: Vec<(&str, String)> = vec![
        ("ARG_MAX", "2097152".into()),
        ("CHAR_BIT", "8".into()),
        ("CLK_TCK", "100".into()),
        ("HOST_NAME_MAX", "64".into()),
        ("INT_MAX", i32::MAX.to_string()),
        ("INT_MIN", i32::MIN.to_string()),
        ("IOV_MAX", "1024".into()),
        ("LINE_MAX", "2048".into()),
        ("LONG_BIT", "64".into()),
        ("LOGIN_NAME_MAX", "256".into()),
        ("NAME_MAX", "255".into()),
        ("NGROUPS_MAX", "65536".into()),
        ("OPEN_MAX", open_files.to_string()),
        ("PAGESIZE", "4096".into()),
        ("PAGE_SIZE", "4096".into()),
        ("PATH", "/bin:/usr/bin".into()),
        ("PATH_MAX", "4096".into()),
        ("PIPE_BUF", "4096".into()),
        ("SYMLOOP_MAX", "40".into()),
        ("UINT_MAX", u32::MAX.to_string()),
        ("WORD_BIT", "32".into()),
        ("_NPROCESSORS_CONF", processors.to_string()),
        ("_NPROCESSORS_ONLN", processors.to_string()),
        ("_PHYS_PAGES", (memory / 4096).to_string()),
        ("_POSIX_VERSION", "200809".into()),
    ];
    let mut out = Out::stdout();
    if options.has("a") {
        for (name, value) in &values {
            out.text(format_args!("{name:34} {value}\n"))?;
        }
        return out.finish(0);
    }
    let name = options.operands.first().ok_or_else(|| call.misuse("missing operand"))?;
    let found = values.iter().find(|(known, _)| known.as_bytes() == name.as_slice());
    let (_, value) = found.ok_or_else(|| Failure::new(format!("unrecognized variable '{}'", lossy(name))))?;
    out.line(value.as_bytes())?;
    out.finish(0)
}
