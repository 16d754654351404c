//! How a process ended, and what a parent is told about a child.

use std::time::Duration;

use crate::Signal;

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExitStatus {
    /// By itself, with this status.
    Exited(u8),
    /// By a signal.
    Signaled(Signal),
}

impl ExitStatus {
    /// The status a shell and Docker show: 128 + number for a signal.
    pub fn code(&self) -> u8 {
        match self {
            ExitStatus::Exited(code) => *code,
            ExitStatus::Signaled(signal) => 128 + signal.number(),
        }
    }

    /// Status 0.
    pub fn success(&self) -> bool {
        *self == ExitStatus::Exited(0)
    }
}

/// One change of a child, as waitpid() tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChildStatus {
    /// It ended by itself.
    Exited(u8),
    /// A signal ended it.
    Signaled(Signal),
    /// A signal stopped it.
    Stopped(Signal),
    /// SIGCONT let it go on.
    Continued,
}

impl From<ExitStatus> for ChildStatus {
    fn from(status: ExitStatus) -> Self {
        match status {
            ExitStatus::Exited(code) => ChildStatus::Exited(code),
            ExitStatus::Signaled(signal) => ChildStatus::Signaled(signal),
        }
    }
}

/// What a process has used up.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Usage {
    /// CPU time in the program itself and in the host on its behalf; the two are not told apart.
    pub user: Duration,
    /// Always zero at present: see `user`.
    pub system: Duration,
    /// The largest size in bytes its memories had.
    pub peak_memory: u64,
}

impl Usage {
    /// Sums times and takes the larger peak, as getrusage(RUSAGE_CHILDREN).
    pub fn add(&mut self, other: &Usage) {
        self.user = self.user.saturating_add(other.user);
        self.system = self.system.saturating_add(other.system);
        self.peak_memory = self.peak_memory.max(other.peak_memory);
    }
}

/// Answer of [`crate::Process::wait`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChildChange {
    /// The child.
    pub pid: u32,
    /// What happened to it.
    pub status: ChildStatus,
    /// What it had used, its own reaped children included.
    pub usage: Usage,
}

/// Which children [`crate::Process::wait`] looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Selector {
    /// Any child.
    Any,
    /// The child of this pid.
    Process(u32),
    /// Any child of this process group; 0 is the caller's own group.
    Group(u32),
}

/// Whom [`crate::Process::kill`] addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// One process.
    Process(u32),
    /// A process group; 0 is the caller's own.
    Group(u32),
    /// Every process that may be signaled, but pid 1 and the caller.
    All,
}
