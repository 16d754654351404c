//! Memory: who holds how much, the container's limit, and what happens beyond it.
//!
//! The sandbox asks before a linear memory grows. A process that goes over the container's limit is killed there and
//! then (status 137), as the kernel's OOM killer would do with the one it picks; asking first means the host never
//! holds more than the limit.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::{ExitStatus, Process, Resource, Signal};

/// A memory could not grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OutOfMemory {
    /// The process's own limit, or the container's where OOM kills are disabled: the allocation fails, the process
    /// lives.
    #[error("cannot allocate memory")]
    Refused,
    /// The container's limit: the process has been killed.
    #[error("out of memory: killed")]
    Killed,
}

/// The memory of a whole container, in bytes.
#[derive(Default)]
pub(crate) struct ContainerMemory {
    used: AtomicU64,
    peak: AtomicU64,
    /// `u64::MAX` is unlimited.
    limit: AtomicU64,
    kill_disabled: AtomicBool,
    pub(crate) oom_killed: AtomicBool,
    pub(crate) oom_kills: AtomicU64,
}

impl ContainerMemory {
    pub(crate) fn set_limit(&self, limit: Option<u64>, kill_disabled: bool) {
        self.limit.store(limit.unwrap_or(u64::MAX), Ordering::Relaxed);
        self.kill_disabled.store(kill_disabled, Ordering::Relaxed);
    }

    pub(crate) fn limit(&self) -> Option<u64> {
        Some(self.limit.load(Ordering::Relaxed)).filter(|limit| *limit != u64::MAX)
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// Books `bytes` unless that would cross the limit.
    fn grow(&self, bytes: u64) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let grown = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|sum| *sum <= limit)
        });
        match grown {
            Ok(before) => {
                self.peak.fetch_max(before + bytes, Ordering::Relaxed);
                true
            }
            Err(_) => false,
        }
    }

    fn release(&self, bytes: u64) {
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| Some(used.saturating_sub(bytes)));
    }
}

/// A process's own share.
#[derive(Default)]
pub(crate) struct ProcessMemory {
    used: AtomicU64,
    peak: AtomicU64,
}

/// The memory account of a process; every byte is booked with its container too.
#[derive(Clone, Copy)]
pub struct MemoryAccount<'a> {
    pub(crate) process: &'a Process,
}

impl MemoryAccount<'_> {
    /// Asks for `bytes` more. Beyond the container's limit the process is killed and the container's OOM flag set.
    pub fn grow(&self, bytes: u64) -> Result<(), OutOfMemory> {
        let own = &self.process.memory;
        let container = self.process.container();
        let limit = self.process.limit(Resource::Memory).soft.unwrap_or(u64::MAX);
        if own.used.load(Ordering::Relaxed).checked_add(bytes).is_none_or(|sum| sum > limit) {
            return Err(OutOfMemory::Refused);
        }
        let total = &container.memory;
        if total.grow(bytes) {
            let used = own.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
            own.peak.fetch_max(used, Ordering::Relaxed);
            return Ok(());
        }
        if total.kill_disabled.load(Ordering::Relaxed) {
            return Err(OutOfMemory::Refused);
        }
        total.oom_killed.store(true, Ordering::Relaxed);
        total.oom_kills.fetch_add(1, Ordering::Relaxed);
        self.process.end(ExitStatus::Signaled(Signal::KILL));
        container.tell(crate::ContainerEvent::OutOfMemory { pid: self.process.pid() });
        Err(OutOfMemory::Killed)
    }

    /// Gives `bytes` back; never more than was grown.
    pub fn release(&self, bytes: u64) {
        let own = &self.process.memory.used;
        let mut released = 0;
        let _ = own.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            released = used.min(bytes);
            Some(used - released)
        });
        self.process.container().memory.release(released);
    }

    /// Bytes held now.
    pub fn used(&self) -> u64 {
        self.process.memory.used.load(Ordering::Relaxed)
    }

    /// The most bytes ever held at once.
    pub fn peak(&self) -> u64 {
        self.process.memory.peak.load(Ordering::Relaxed)
    }
}
