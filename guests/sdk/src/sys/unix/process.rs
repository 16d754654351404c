//! Processes over fork, execve and wait4.

use std::ffi::CString;
use std::io::SeekFrom;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use super::{c_string, check, last};
use crate::fs::Timestamp;
use crate::process::{
    ChildChange, Command, ExitStatus, Group, Identity, Limit, Pid, ProcessInfo, Program, Selector, State, Target, Usage,
};
use crate::signal::Signal;
use crate::{Errno, Result};

/// Natively the handed-over bytes lie in a file whose number is told here.
const HANDOVER: &str = "CORACLE_HANDOVER_FD";

pub fn arguments() -> Vec<Vec<u8>> {
    std::env::args_os().map(OsStringExt::into_vec).collect()
}

pub fn environment() -> Vec<Vec<u8>> {
    std::env::vars_os()
        .filter(|(name, _)| name != HANDOVER)
        .map(|(name, value)| {
            let mut entry = name.into_vec();
            entry.push(b'=');
            entry.extend_from_slice(&value.into_vec());
            entry
        })
        .collect()
}

pub(super) fn handover_fd() -> Option<RawFd> {
    std::env::var(HANDOVER).ok()?.parse().ok()
}

pub fn handover() -> Vec<u8> {
    use std::sync::atomic::{AtomicBool, Ordering};
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let mut bytes = Vec::new();
    if let Some(fd) = handover_fd()
        && !TAKEN.swap(true, Ordering::SeqCst)
    {
        let file = crate::File(super::file::File::from_fd(fd));
        if file.seek_to(SeekFrom::Start(0)).and_then(|_| file.read_all(&mut bytes)).is_err() {
            bytes.clear();
        }
    }
    bytes
}

/// Everything the child needs between fork and execve, where nothing may be
/// allocated.
struct Prepared {
    candidates: Vec<CString>,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    directory: Option<CString>,
    files: Vec<(RawFd, RawFd)>,
    handover: Option<super::file::File>,
}

fn value_of<'a>(environment: &'a [Vec<u8>], name: &[u8]) -> Option<&'a [u8]> {
    environment.iter().find_map(|entry| entry.strip_prefix(name)?.strip_prefix(b"="))
}

fn prepare(command: &Command<'_>) -> Result<Prepared> {
    let mut environment = command.environment.clone().unwrap_or_else(environment);
    let mut candidates = Vec::new();
    let name = match &command.program {
        Program::Myself => {
            candidates.push(c_string(b"/proc/self/exe")?);
            arguments().into_iter().next().unwrap_or_default()
        }
        Program::Path(path) => {
            candidates.push(c_string(path)?);
            path.clone()
        }
        Program::Search(name) if name.contains(&b'/') => {
            candidates.push(c_string(name)?);
            name.clone()
        }
        Program::Search(name) => {
            if name.is_empty() {
                return Err(Errno::NOENT);
            }
            let path = value_of(&environment, b"PATH").unwrap_or(b"/bin:/usr/bin");
            for directory in path.split(|byte| *byte == b':') {
                let mut candidate = directory.to_vec();
                if !candidate.is_empty() {
                    candidate.push(b'/');
                }
                candidate.extend_from_slice(name);
                candidates.push(c_string(&candidate)?);
            }
            name.clone()
        }
    };
    let mut files: Vec<(RawFd, RawFd)> =
        command.files.iter().map(|(number, file)| (*number as RawFd, file.0.fd())).collect();
    let mut handover = None;
    if !command.handover.is_empty() {
        let file = super::file::temporary()?;
        crate::File(file.share()?).write_full(&command.handover)?;
        let number = (63..).find(|number| !files.iter().any(|(taken, _)| taken == number)).unwrap_or(63);
        environment.push(format!("{HANDOVER}={number}").into_bytes());
        files.push((number, file.fd()));
        handover = Some(file);
    }
    let argv = if command.arguments.is_empty() { vec![name] } else { command.arguments.clone() };
    Ok(Prepared {
        candidates,
        arguments: argv.iter().map(|argument| c_string(argument)).collect::<Result<_>>()?,
        environment: environment.iter().map(|entry| c_string(entry)).collect::<Result<_>>()?,
        directory: command.working_directory.as_deref().map(c_string).transpose()?,
        files,
        handover,
    })
}

/// Sets this process up as the command asks and becomes the program.
///
/// # Safety
/// Runs between fork and exec: only async-signal-safe calls; `staging` is
/// allocated by the caller.
unsafe fn become_program(
    command: &Command<'_>,
    prepared: &Prepared,
    argv: &[*const libc::c_char],
    envp: &[*const libc::c_char],
    staging: &mut [RawFd],
    keep: RawFd,
    forked: bool,
) -> Errno {
    macro_rules! attempt {
        ($call:expr) => {
            if $call < 0 {
                return last();
            }
        };
    }
    unsafe {
        if command.new_session {
            attempt!(libc::setsid());
        }
        match command.group {
            Group::Inherit => {}
            Group::Lead => attempt!(libc::setpgid(0, 0)),
            Group::Join(group) => attempt!(libc::setpgid(0, group as libc::pid_t)),
        }
        if let Some(terminal) = command.foreground {
            let mut blocked: libc::sigset_t = std::mem::zeroed();
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut blocked);
            libc::sigaddset(&mut blocked, libc::SIGTTOU);
            libc::sigprocmask(libc::SIG_BLOCK, &blocked, &mut before);
            let result = libc::tcsetpgrp(terminal.0.fd(), libc::getpgrp());
            libc::sigprocmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
            attempt!(result);
        }
        // Above every number that will be used, then down to the numbers.
        for (slot, (_, source)) in staging.iter_mut().zip(&prepared.files) {
            *slot = libc::fcntl(*source, libc::F_DUPFD_CLOEXEC, 256);
            attempt!(*slot);
        }
        if forked {
            let high = libc::fcntl(keep, libc::F_DUPFD_CLOEXEC, 256);
            attempt!(high);
            libc::syscall(libc::SYS_close_range, 0, 255, 0);
            libc::dup3(high, 255, libc::O_CLOEXEC);
        }
        for (slot, (number, _)) in staging.iter().zip(&prepared.files) {
            attempt!(libc::dup2(*slot, *number));
        }
        if let Some(directory) = &prepared.directory {
            attempt!(libc::chdir(directory.as_ptr()));
        }
        if let Some(umask) = command.umask {
            libc::umask(umask);
        }
        if command.nice != 0 {
            *libc::__errno_location() = 0;
            if libc::nice(libc::c_int::from(command.nice)) == -1 && *libc::__errno_location() != 0 {
                return last();
            }
        }
        if let Some(identity) = &command.identity {
            attempt!(libc::setgroups(identity.groups.len(), identity.groups.as_ptr()));
            attempt!(libc::setgid(identity.group));
            attempt!(libc::setuid(identity.user));
        }
        for number in 1..=64 {
            let mut action: libc::sigaction = std::mem::zeroed();
            let listed = |list: &[Signal]| list.iter().any(|signal| i32::from(signal.number()) == number);
            libc::sigaction(number, std::ptr::null(), &mut action);
            let ignored = action.sa_sigaction == libc::SIG_IGN;
            let wanted = if listed(&command.ignored) {
                libc::SIG_IGN
            } else if listed(&command.defaulted) || !ignored {
                libc::SIG_DFL
            } else {
                continue;
            };
            if wanted != action.sa_sigaction {
                action = std::mem::zeroed();
                action.sa_sigaction = wanted;
                libc::sigaction(number, &action, std::ptr::null_mut());
            }
        }
        let mut empty: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut empty);
        libc::sigprocmask(libc::SIG_SETMASK, &empty, std::ptr::null_mut());
        let mut denied = false;
        for candidate in &prepared.candidates {
            libc::execve(candidate.as_ptr(), argv.as_ptr(), envp.as_ptr());
            match last() {
                Errno::ACCES => denied = true,
                Errno::NOENT | Errno::NOTDIR if prepared.candidates.len() > 1 => {}
                errno => return errno,
            }
        }
        if denied { Errno::ACCES } else { Errno::NOENT }
    }
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}

pub fn spawn(command: &Command<'_>) -> Result<Pid> {
    let prepared = prepare(command)?;
    let (argv, envp) = (pointers(&prepared.arguments), pointers(&prepared.environment));
    let mut staging = vec![-1; prepared.files.len()];
    let (report, reporter) = super::file::pipe()?;
    // SAFETY: the child calls only what is async-signal-safe and leaves by
    // execve or _exit.
    let child = unsafe {
        let child = check(libc::fork())?;
        if child == 0 {
            let errno = become_program(command, &prepared, &argv, &envp, &mut staging, reporter.fd(), true);
            let bytes = errno.raw().to_ne_bytes();
            // Either number is the report's, depending on how far it came.
            if libc::write(255, bytes.as_ptr().cast(), 4) < 0 {
                libc::write(reporter.fd(), bytes.as_ptr().cast(), 4);
            }
            libc::_exit(127);
        }
        child
    };
    drop(reporter);
    drop(prepared.handover);
    let mut told = report.read(4);
    while told == Err(Errno::INTR) {
        told = report.read(4);
    }
    if let Ok(bytes) = told
        && let Ok(bytes) = <[u8; 4]>::try_from(bytes)
    {
        // SAFETY: the child is ours and about to end.
        unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
        return Err(Errno::from_raw(i32::from_ne_bytes(bytes)));
    }
    Ok(child as Pid)
}

pub fn exec(command: &Command<'_>) -> Errno {
    let prepared = match prepare(command) {
        Ok(prepared) => prepared,
        Err(errno) => return errno,
    };
    let (argv, envp) = (pointers(&prepared.arguments), pointers(&prepared.environment));
    let mut staging = vec![-1; prepared.files.len()];
    // SAFETY: the same set-up as a child's, without a fork.
    unsafe { become_program(command, &prepared, &argv, &envp, &mut staging, -1, false) }
}

pub fn exit(status: u8) -> ! {
    std::process::exit(i32::from(status))
}

fn duration(time: libc::timeval) -> Duration {
    Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000)
}

fn usage_of(usage: &libc::rusage) -> Usage {
    Usage {
        user: duration(usage.ru_utime),
        system: duration(usage.ru_stime),
        peak_memory: usage.ru_maxrss as u64 * 1024,
    }
}

pub fn wait(children: Selector, block: bool, untraced: bool) -> Result<Option<ChildChange>> {
    let pid = match children {
        Selector::Any => -1,
        Selector::Process(pid) => pid as libc::pid_t,
        Selector::Group(group) => -(group as libc::pid_t),
    };
    let flags = if block { 0 } else { libc::WNOHANG } | if untraced { libc::WUNTRACED | libc::WCONTINUED } else { 0 };
    // A signal that came before the call must end it, as it does on WASI.
    if block && super::signal::pending() {
        if let Some(change) = wait(children, false, untraced)? {
            return Ok(Some(change));
        }
        return Err(Errno::INTR);
    }
    // SAFETY: rusage is plain data that wait4 fills.
    unsafe {
        let mut status = 0;
        let mut usage = std::mem::zeroed();
        let child = loop {
            match check(libc::wait4(pid, &mut status, flags, &mut usage)) {
                Err(Errno::INTR) if !super::signal::pending() => {}
                other => break other?,
            }
        };
        if child == 0 {
            return Ok(None);
        }
        let signal = |number: i32| Signal::from_number(number as u8).unwrap_or(Signal::KILL);
        let status = if libc::WIFEXITED(status) {
            ExitStatus::Exited(libc::WEXITSTATUS(status) as u8)
        } else if libc::WIFSIGNALED(status) {
            ExitStatus::Signaled(signal(libc::WTERMSIG(status)))
        } else if libc::WIFSTOPPED(status) {
            ExitStatus::Stopped(signal(libc::WSTOPSIG(status)))
        } else {
            ExitStatus::Continued
        };
        Ok(Some(ChildChange { child: child as Pid, status, usage: usage_of(&usage) }))
    }
}

pub fn kill(target: Target, signal: Option<Signal>) -> Result<()> {
    let pid = match target {
        Target::Process(pid) => pid as libc::pid_t,
        Target::Group(group) => -(group as libc::pid_t),
        Target::All => -1,
    };
    // SAFETY: a plain system call.
    check(unsafe { libc::kill(pid, signal.map_or(0, |signal| i32::from(signal.number()))) }).map(drop)
}

pub fn id() -> Pid {
    std::process::id()
}

pub fn parent_id() -> Pid {
    std::os::unix::process::parent_id()
}

pub fn group(process: Pid) -> Result<Pid> {
    // SAFETY: a plain system call.
    check(unsafe { libc::getpgid(process as libc::pid_t) }).map(|group| group as Pid)
}

pub fn set_group(process: Pid, group: Pid) -> Result<()> {
    // SAFETY: a plain system call.
    check(unsafe { libc::setpgid(process as libc::pid_t, group as libc::pid_t) }).map(drop)
}

pub fn session(process: Pid) -> Result<Pid> {
    // SAFETY: a plain system call.
    check(unsafe { libc::getsid(process as libc::pid_t) }).map(|session| session as Pid)
}

pub fn new_session() -> Result<Pid> {
    // SAFETY: a plain system call.
    check(unsafe { libc::setsid() }).map(|session| session as Pid)
}

fn ticks(count: u64) -> Duration {
    Duration::from_millis(count * 10)
}

fn process_info(id: Pid, boot: i64) -> Option<ProcessInfo> {
    let base = format!("/proc/{id}");
    let stat = std::fs::read(format!("{base}/stat")).ok()?;
    let open = stat.iter().position(|byte| *byte == b'(')?;
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    let name = stat.get(open + 1..close)?.to_vec();
    let rest = String::from_utf8_lossy(stat.get(close + 2..)?).into_owned();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // Numbered as proc(5) does, from 3 (state).
    let number = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    let status = std::fs::read_to_string(format!("{base}/status")).unwrap_or_default();
    let id_line = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
    };
    let arguments = std::fs::read(format!("{base}/cmdline")).unwrap_or_default();
    let mut arguments: Vec<Vec<u8>> = arguments.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    if arguments.last().is_some_and(Vec::is_empty) {
        arguments.pop();
    }
    let mut files: Vec<(u32, Vec<u8>)> = std::fs::read_dir(format!("{base}/fd"))
        .map(|entries| {
            let text = |entry: std::fs::DirEntry| {
                let number = entry.file_name().to_str()?.parse().ok()?;
                Some((number, std::fs::read_link(entry.path()).ok()?.into_os_string().into_vec()))
            };
            entries.flatten().filter_map(text).collect()
        })
        .unwrap_or_default();
    files.sort();
    let terminal = number(7) as u64;
    let started = number(22) as u64;
    Some(ProcessInfo {
        id,
        parent: number(4) as Pid,
        group: number(5) as Pid,
        session: number(6) as Pid,
        user: id_line("Uid:"),
        primary_group: id_line("Gid:"),
        state: match fields.first().copied() {
            Some("R") => State::Running,
            Some("T" | "t") => State::Stopped,
            Some("Z" | "X") => State::Zombie,
            _ => State::Sleeping,
        },
        nice: number(19) as i8,
        name,
        arguments,
        terminal: match crate::fs::device_parts(terminal) {
            (0, 0) => None,
            (136..=143, minor) => Some(format!("pts/{minor}")),
            (4, minor) => Some(format!("tty{minor}")),
            (major, minor) => Some(format!("{major},{minor}")),
        },
        started_at: Timestamp {
            seconds: boot + (started / 100) as i64,
            nanoseconds: (started % 100) as u32 * 10_000_000,
        },
        usage: Usage { user: ticks(number(14) as u64), system: ticks(number(15) as u64), peak_memory: 0 },
        memory: number(24) as u64 * 4096,
        files,
        working_directory: std::fs::read_link(format!("{base}/cwd"))
            .map(|path| path.into_os_string().into_vec())
            .unwrap_or_default(),
    })
}

pub fn list() -> Vec<ProcessInfo> {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let boot = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok()).unwrap_or(0);
    let mut pids: Vec<Pid> = std::fs::read_dir("/proc")
        .map(|entries| entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
        .unwrap_or_default();
    pids.sort_unstable();
    pids.into_iter().filter_map(|pid| process_info(pid, boot)).collect()
}

pub fn usage() -> (Usage, Usage) {
    // SAFETY: rusage is plain data that getrusage fills.
    unsafe {
        let (mut own, mut children) = (std::mem::zeroed(), std::mem::zeroed());
        libc::getrusage(libc::RUSAGE_SELF, &mut own);
        libc::getrusage(libc::RUSAGE_CHILDREN, &mut children);
        (usage_of(&own), usage_of(&children))
    }
}

pub fn umask() -> u32 {
    let mask = set_umask(0o22);
    set_umask(mask);
    mask
}

pub fn set_umask(mask: u32) -> u32 {
    // SAFETY: a plain system call.
    unsafe { libc::umask(mask) }
}

pub fn identity() -> Identity {
    // SAFETY: the buffer is valid for the length given.
    unsafe {
        let mut groups = vec![0; 65536];
        let count = libc::getgroups(groups.len() as libc::c_int, groups.as_mut_ptr());
        groups.truncate(count.max(0) as usize);
        Identity { user: libc::geteuid(), group: libc::getegid(), groups }
    }
}

pub fn set_identity(identity: &Identity) -> Result<()> {
    // SAFETY: plain system calls.
    unsafe {
        check(libc::setgroups(identity.groups.len(), identity.groups.as_ptr()))?;
        check(libc::setgid(identity.group))?;
        check(libc::setuid(identity.user)).map(drop)
    }
}

pub fn set_nice(process: Pid, value: i8) -> Result<()> {
    // SAFETY: a plain system call.
    check(unsafe { libc::setpriority(libc::PRIO_PROCESS, process, i32::from(value)) }).map(drop)
}

pub fn nice() -> i8 {
    // SAFETY: a plain system call.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) as i8 }
}

fn resource(limit: Limit) -> libc::__rlimit_resource_t {
    match limit {
        Limit::CpuSeconds => libc::RLIMIT_CPU,
        Limit::FileSize => libc::RLIMIT_FSIZE,
        Limit::OpenFiles => libc::RLIMIT_NOFILE,
        Limit::Processes => libc::RLIMIT_NPROC,
        Limit::Memory => libc::RLIMIT_AS,
        Limit::Stack => libc::RLIMIT_STACK,
        Limit::Core => libc::RLIMIT_CORE,
    }
}

pub fn limit(limit: Limit) -> (Option<u64>, Option<u64>) {
    let mut values = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: rlimit is plain data that getrlimit fills.
    unsafe { libc::getrlimit(resource(limit), &mut values) };
    let value = |number| if number == libc::RLIM_INFINITY { None } else { Some(number) };
    (value(values.rlim_cur), value(values.rlim_max))
}

pub fn set_limit(limit: Limit, soft: Option<u64>, hard: Option<u64>) -> Result<()> {
    let values =
        libc::rlimit { rlim_cur: soft.unwrap_or(libc::RLIM_INFINITY), rlim_max: hard.unwrap_or(libc::RLIM_INFINITY) };
    // SAFETY: a plain system call.
    check(unsafe { libc::setrlimit(resource(limit), &values) }).map(drop)
}
