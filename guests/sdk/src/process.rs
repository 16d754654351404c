//! Processes: spawn, exec, wait, kill, groups, sessions, limits.

use std::time::Duration;

use crate::fs::Timestamp;
use crate::signal::Signal;
use crate::{Errno, File, Result, sys};

/// A process id.
pub type Pid = u32;

/// Which program a spawn or exec runs.
#[derive(Clone, Debug)]
pub enum Program {
    /// A path, taken as it is: execve().
    Path(Vec<u8>),
    /// A name looked up on PATH of the command's environment unless it has a
    /// slash, with execvp()'s rules and errors.
    Search(Vec<u8>),
    /// The caller's own program: how a shell starts a subshell.
    Myself,
}

/// The process group a child starts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The parent's.
    Inherit,
    /// A new one that the child leads.
    Lead,
    /// An existing one of the session.
    Join(Pid),
}

/// Who a process is; real and effective ids are the same.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Identity {
    /// User id.
    pub user: u32,
    /// Primary group id.
    pub group: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// How a child changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It left with this status.
    Exited(u8),
    /// A signal ended it.
    Signaled(Signal),
    /// A signal stopped it.
    Stopped(Signal),
    /// It goes on.
    Continued,
}

impl ExitStatus {
    /// The status a shell shows: 128+n for signals.
    pub fn code(self) -> u8 {
        match self {
            ExitStatus::Exited(code) => code,
            ExitStatus::Signaled(signal) | ExitStatus::Stopped(signal) => signal.number().wrapping_add(128),
            ExitStatus::Continued => 0,
        }
    }
}

/// Time and memory a process has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time of the program itself.
    pub user: Duration,
    /// CPU time spent for it by the system.
    pub system: Duration,
    /// Peak memory in bytes.
    pub peak_memory: u64,
}

/// What [`wait`] tells.
#[derive(Clone, Copy, Debug)]
pub struct ChildChange {
    /// Which child.
    pub child: Pid,
    /// What became of it.
    pub status: ExitStatus,
    /// What it has used.
    pub usage: Usage,
}

/// Which children [`wait`] waits for.
#[derive(Clone, Copy, Debug)]
pub enum Selector {
    /// Every child.
    Any,
    /// This one.
    Process(Pid),
    /// Those in this group.
    Group(Pid),
}

/// Whom [`kill`] signals.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// One process.
    Process(Pid),
    /// A group.
    Group(Pid),
    /// Everyone but the caller and process 1.
    All,
}

/// A program about to be started. Every field can be set directly; the methods
/// are for chaining.
#[derive(Clone, Debug)]
pub struct Command<'a> {
    /// What to run.
    pub program: Program,
    /// argv, argv[0] included; empty: the program's name.
    pub arguments: Vec<Vec<u8>>,
    /// `NAME=VALUE`; `None`: the caller's as it was started.
    pub environment: Option<Vec<Vec<u8>>>,
    /// `None`: the caller's.
    pub working_directory: Option<Vec<u8>>,
    /// Descriptor numbers and the files behind them; nothing else is passed on.
    pub files: Vec<(u32, &'a File)>,
    /// The child's process group.
    pub group: Group,
    /// setsid() in the child.
    pub new_session: bool,
    /// Make the child's group the foreground group of this terminal first.
    pub foreground: Option<&'a File>,
    /// Signals the child ignores, beside those the caller ignores.
    pub ignored: Vec<Signal>,
    /// Signals whose action becomes the default again.
    pub defaulted: Vec<Signal>,
    /// `None`: the caller's.
    pub umask: Option<u32>,
    /// `None`: the caller's.
    pub identity: Option<Identity>,
    /// Added to the caller's nice value.
    pub nice: i8,
    /// Opaque bytes the child reads with [`handover`].
    pub handover: Vec<u8>,
}

impl<'a> Command<'a> {
    /// No files: give them with [`Command::file`] or [`Command::standard_files`].
    pub fn new(program: Program) -> Command<'a> {
        Command {
            program,
            arguments: Vec::new(),
            environment: None,
            working_directory: None,
            files: Vec::new(),
            group: Group::Inherit,
            new_session: false,
            foreground: None,
            ignored: Vec::new(),
            defaulted: Vec::new(),
            umask: None,
            identity: None,
            nice: 0,
            handover: Vec::new(),
        }
    }

    /// `arguments[0]` looked up on PATH, run with `arguments` and the standard
    /// streams: what env, nohup, xargs and their like start.
    pub fn search(arguments: Vec<Vec<u8>>) -> Command<'static> {
        let name = arguments.first().cloned().unwrap_or_default();
        let mut command = Command::new(Program::Search(name)).standard_files();
        command.arguments = arguments;
        command
    }

    /// Adds an argument; the first is argv[0].
    pub fn argument(mut self, argument: impl Into<Vec<u8>>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Makes descriptor `number` of the child `file`.
    pub fn file(mut self, number: u32, file: &'a File) -> Self {
        self.files.retain(|(other, _)| *other != number);
        self.files.push((number, file));
        self
    }

    /// Descriptor `number` is closed in the child.
    pub fn without_file(mut self, number: u32) -> Self {
        self.files.retain(|(other, _)| *other != number);
        self
    }

    /// Hands on every descriptor this process was started with (through
    /// [`crate::stdio`]).
    pub fn standard_files(mut self) -> Self {
        for (number, file) in crate::stdio::all() {
            self.files.retain(|(other, _)| *other != number);
            self.files.push((number, file));
        }
        self
    }

    /// Starts the child. `ENOENT` and `EACCES` as execvp() has them, `ENOEXEC`
    /// for a file that is no program, `EAGAIN` at the process limit.
    pub fn spawn(&self) -> Result<Pid> {
        sys::process::spawn(self)
    }

    /// Replaces this process; returns only on failure.
    pub fn exec(&self) -> Errno {
        sys::process::exec(self)
    }

    /// Starts the child and waits for its end.
    pub fn status(&self) -> Result<ExitStatus> {
        let child = self.spawn()?;
        loop {
            match wait(Selector::Process(child), true, false) {
                Ok(Some(change)) => return Ok(change.status),
                Ok(None) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

/// Ends this process. Buffered output must be flushed before.
pub fn exit(status: u8) -> ! {
    sys::process::exit(status)
}

/// What the parent put into [`Command::handover`]; a second call answers an
/// empty list.
pub fn handover() -> Vec<u8> {
    sys::process::handover()
}

/// waitpid(): the next change of a child; `None` when `block` is false and there
/// is none, `ECHILD` when there is no such child, `EINTR` on a queued signal.
/// Stops and continues are told only with `untraced`.
pub fn wait(children: Selector, block: bool, untraced: bool) -> Result<Option<ChildChange>> {
    sys::process::wait(children, block, untraced)
}

/// kill(); `None` only checks that the target exists and may be signaled.
pub fn kill(target: Target, signal: Option<Signal>) -> Result<()> {
    sys::process::kill(target, signal)
}

/// getpid()
pub fn id() -> Pid {
    sys::process::id()
}

/// getppid()
pub fn parent_id() -> Pid {
    sys::process::parent_id()
}

/// getpgid(); 0 is the caller.
pub fn group(process: Pid) -> Result<Pid> {
    sys::process::group(process)
}

/// setpgid(); 0 is the caller, group 0 a group of its own.
pub fn set_group(process: Pid, group: Pid) -> Result<()> {
    sys::process::set_group(process, group)
}

/// getsid(); 0 is the caller.
pub fn session(process: Pid) -> Result<Pid> {
    sys::process::session(process)
}

/// setsid()
pub fn new_session() -> Result<Pid> {
    sys::process::new_session()
}

/// The state column of ps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// R
    Running,
    /// S
    Sleeping,
    /// T
    Stopped,
    /// D: the container is paused
    Frozen,
    /// Z
    Zombie,
}

/// One row of the process table.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct ProcessInfo {
    pub id: Pid,
    pub parent: Pid,
    pub group: Pid,
    pub session: Pid,
    pub user: u32,
    pub primary_group: u32,
    pub state: State,
    pub nice: i8,
    /// The program's base name.
    pub name: Vec<u8>,
    pub arguments: Vec<Vec<u8>>,
    /// `pts/0`
    pub terminal: Option<String>,
    pub started_at: Timestamp,
    pub usage: Usage,
    /// Resident memory in bytes.
    pub memory: u64,
    /// Descriptor numbers and what is behind them.
    pub files: Vec<(u32, Vec<u8>)>,
    pub working_directory: Vec<u8>,
}

/// The process table in pid order.
pub fn list() -> Vec<ProcessInfo> {
    sys::process::list()
}

/// This process's figures and those of its reaped children (times()).
pub fn usage() -> (Usage, Usage) {
    sys::process::usage()
}

/// The file mode creation mask.
pub fn umask() -> u32 {
    sys::process::umask()
}

/// Answers the old mask.
pub fn set_umask(mask: u32) -> u32 {
    sys::process::set_umask(mask)
}

/// Who this process is.
pub fn identity() -> Identity {
    sys::process::identity()
}

/// setresuid() and friends; `EPERM` unless the caller is user 0.
pub fn set_identity(identity: &Identity) -> Result<()> {
    sys::process::set_identity(identity)
}

/// setpriority(PRIO_PROCESS); 0 is the caller.
pub fn set_nice(process: Pid, value: i8) -> Result<()> {
    sys::process::set_nice(process, value)
}

/// getpriority(PRIO_PROCESS) of the caller.
pub fn nice() -> i8 {
    sys::process::nice()
}

/// Resources of getrlimit().
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Limit {
    CpuSeconds,
    FileSize,
    OpenFiles,
    Processes,
    Memory,
    Stack,
    Core,
}

/// Soft and hard limit; `None` is unlimited.
pub fn limit(limit: Limit) -> (Option<u64>, Option<u64>) {
    sys::process::limit(limit)
}

/// setrlimit()
pub fn set_limit(limit: Limit, soft: Option<u64>, hard: Option<u64>) -> Result<()> {
    sys::process::set_limit(limit, soft, hard)
}
