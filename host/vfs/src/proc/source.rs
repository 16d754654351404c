//! What `/proc` and `/sys` ask of the kernel.

use crate::{Attributes, Credentials, Errno, Location, MountEntry, Result, SetAttributes};
use std::time::Duration;

/// The letter in `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcState {
    /// R
    Running,
    /// S: waits for something.
    Sleeping,
    /// T: stopped by a signal.
    Stopped,
    /// Z: ended, not yet waited for.
    Zombie,
}

impl ProcState {
    /// The letter.
    pub const fn letter(self) -> char {
        match self {
            Self::Running => 'R',
            Self::Sleeping => 'S',
            Self::Stopped => 'T',
            Self::Zombie => 'Z',
        }
    }
    /// The word in `/proc/PID/status`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Sleeping => "sleeping",
            Self::Stopped => "stopped",
            Self::Zombie => "zombie",
        }
    }
}

/// Signals as bits: signal N is bit N-1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalSets {
    /// Waiting to be taken.
    pub pending: u64,
    /// Held back.
    pub blocked: u64,
    /// Ignored.
    pub ignored: u64,
    /// Handled by the process.
    pub caught: u64,
}

/// One line of `/proc/PID/limits`; `None` is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The name as Linux words it: `Max open files`.
    pub name: &'static str,
    /// What holds now.
    pub soft: Option<u64>,
    /// How far it may be raised.
    pub hard: Option<u64>,
    /// The unit as Linux words it: `files`, `bytes`, or empty.
    pub unit: &'static str,
}

/// What is told of one process.
#[derive(Clone, Debug)]
pub struct ProcEntry {
    /// Process id.
    pub pid: u32,
    /// Parent; 0 if none in the container.
    pub ppid: u32,
    /// Process group.
    pub group: u32,
    /// Session.
    pub session: u32,
    /// The controlling terminal's device number; 0 if none.
    pub terminal: u64,
    /// The terminal's foreground group; -1 if none.
    pub foreground: i32,
    /// Short name; at most 15 bytes are shown.
    pub command: Vec<u8>,
    /// State.
    pub state: ProcState,
    /// Identity.
    pub credentials: Credentials,
    /// File mode creation mask.
    pub umask: u32,
    /// Nice value, -20 to 19.
    pub nice: i32,
    /// Threads.
    pub threads: u32,
    /// Start, counted from the same moment as [`SystemFigures::uptime`].
    pub start: Duration,
    /// CPU time in the program.
    pub user_time: Duration,
    /// CPU time on its behalf.
    pub system_time: Duration,
    /// CPU time of ended and waited-for children.
    pub children_time: Duration,
    /// Address space in bytes.
    pub virtual_bytes: u64,
    /// Memory in use in bytes.
    pub resident_bytes: u64,
    /// Signals.
    pub signals: SignalSets,
}

/// What is told of one open descriptor.
#[derive(Clone)]
pub struct DescriptorEntry {
    /// The link's text if it is no file of the namespace: `pipe:[17]`, `socket:[4]`, `/dev/pts/0`.
    pub text: Vec<u8>,
    /// Where the file lies, if it is one of the namespace.
    pub location: Option<Location>,
    /// What `stat` through the link says.
    pub attributes: Result<Attributes>,
    /// Open for reading.
    pub read: bool,
    /// Open for writing.
    pub write: bool,
}

/// The container as a machine.
#[derive(Clone, Debug)]
pub struct SystemFigures {
    /// Since the container's start.
    pub uptime: Duration,
    /// CPU time nobody used, summed over processors.
    pub idle: Duration,
    /// CPU time used by all processes so far.
    pub busy: Duration,
    /// Wall clock at the container's start, in seconds since 1970.
    pub boot_time: u64,
    /// Runnable processes averaged over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Runnable processes now.
    pub runnable: u32,
    /// Processes made since the start.
    pub forks: u64,
    /// The last pid given.
    pub last_pid: u32,
    /// Memory in bytes.
    pub memory_total: u64,
    /// Free memory in bytes.
    pub memory_free: u64,
    /// Processors the container may use, rounded up.
    pub processors: u32,
    /// uname: release.
    pub release: String,
    /// uname: version.
    pub version: String,
}

/// Resource figures of the container for `/sys/fs/cgroup`; `None` is no limit.
#[derive(Clone, Debug, Default)]
pub struct ControlGroup {
    /// Memory in use, bytes.
    pub memory_current: u64,
    /// Most memory ever in use, bytes.
    pub memory_peak: u64,
    /// Memory limit, bytes.
    pub memory_max: Option<u64>,
    /// Processes killed for want of memory.
    pub memory_kills: u64,
    /// CPU time used.
    pub cpu_usage: Duration,
    /// CPU quota in microseconds a period.
    pub cpu_quota: Option<u64>,
    /// CPU period in microseconds.
    pub cpu_period: u64,
    /// Periods in which the quota was spent.
    pub cpu_throttled_periods: u64,
    /// Time waited for the quota to refill.
    pub cpu_throttled: Duration,
    /// Processes.
    pub pids_current: u64,
    /// Process limit.
    pub pids_max: Option<u64>,
    /// Whether the container is paused.
    pub frozen: bool,
}

/// The kernel's answers. Called for every read of a file in `/proc`, so it must not wait for guests.
pub trait ProcSource: Send + Sync + 'static {
    /// Every pid, in ascending order.
    fn pids(&self) -> Vec<u32>;
    /// One process.
    fn process(&self, pid: u32) -> Option<ProcEntry>;
    /// argv
    fn arguments(&self, pid: u32) -> Option<Vec<Vec<u8>>>;
    /// environ, as given at the start of the program
    fn environment(&self, pid: u32) -> Option<Vec<Vec<u8>>>;
    /// Resource limits.
    fn limits(&self, pid: u32) -> Option<Vec<Limit>>;
    /// Working directory.
    fn working_directory(&self, pid: u32) -> Option<Location>;
    /// The program's file, if it has one.
    fn executable(&self, pid: u32) -> Option<Location>;
    /// The root directory.
    fn root(&self) -> Option<Location>;
    /// Open descriptor numbers in ascending order.
    fn descriptors(&self, pid: u32) -> Option<Vec<u32>>;
    /// One open descriptor.
    fn descriptor(&self, pid: u32, fd: u32) -> Option<DescriptorEntry>;
    /// chmod, chown or utimes through the link of a descriptor that is no file of the namespace (`chown www
    /// /dev/stdout`). Permission has been checked. `EPERM` unless such attributes are kept.
    fn set_descriptor_attributes(&self, pid: u32, fd: u32, change: &SetAttributes) -> Result<()> {
        let _ = (pid, fd, change);
        Err(Errno::PERM)
    }
    /// The namespace's mounts, in mount order.
    fn mounts(&self) -> Vec<MountEntry>;
    /// The container as a machine.
    fn system(&self) -> SystemFigures;
    /// Host name.
    fn hostname(&self) -> Vec<u8>;
    /// A write to `/proc/sys/kernel/hostname` by user 0.
    fn set_hostname(&self, name: &[u8]) -> Result<()>;
    /// Resource figures.
    fn control_group(&self) -> ControlGroup;
    /// The container's id: 64 hexadecimal digits.
    fn container_id(&self) -> String;
}
