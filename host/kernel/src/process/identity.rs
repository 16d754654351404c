//! Who a process is and what it carries along: ids, umask, nice value, working directory.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use coracle_vfs::{Credentials, Location};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::signals::SignalState;
use super::{Control, Process, Running};
use crate::memory::ProcessMemory;
use crate::{Container, Errno, ResourceLimits, Result, cpu};

/// Everything a new process starts with.
pub(crate) struct NewProcess {
    pub(crate) pid: u32,
    pub(crate) container: Arc<Container>,
    pub(crate) running: Running,
    pub(crate) handover: Vec<u8>,
    pub(crate) directory: Location,
    pub(crate) credentials: Credentials,
    pub(crate) umask: u32,
    pub(crate) nice: i8,
    pub(crate) limits: Arc<ResourceLimits>,
    pub(crate) signals: SignalState,
}

/// setresuid() and friends, all ids at once: `EPERM` unless user 0 asks or nothing changes.
pub(crate) fn may_become(now: &Credentials, wanted: &Credentials) -> Result<()> {
    if now.is_root() || now == wanted { Ok(()) } else { Err(Errno::PERM) }
}

impl Process {
    pub(crate) fn new(new: NewProcess) -> Process {
        let process = Process {
            pid: new.pid,
            container: new.container,
            started_at: cpu::wall_clock(),
            started: cpu::monotonic(),
            running: Mutex::new(Arc::new(new.running)),
            handover: Mutex::new(new.handover),
            directory: Mutex::new(new.directory),
            credentials: Mutex::new(new.credentials),
            umask: new.umask.into(),
            nice: new.nice.into(),
            limits: Mutex::new(new.limits),
            cpu_alarm: u64::MAX.into(),
            cpu: 0.into(),
            memory: ProcessMemory::default(),
            descriptors: Arc::default(),
            inherited: Mutex::default(),
            signals: Mutex::new(new.signals),
            queued: false.into(),
            interrupt: Notify::new(),
            children_changed: Notify::new(),
            control: Control::default(),
            status: OnceLock::new(),
            exited: Notify::new(),
        };
        process.arm_cpu_alarm();
        process
    }

    /// Effective ids; the real ones are the same.
    pub fn credentials(&self) -> Credentials {
        self.credentials.lock().clone()
    }

    /// Becomes another user: `EPERM` unless the caller is user 0 or nothing changes.
    pub fn set_identity(&self, wanted: Credentials) -> Result<()> {
        let mut credentials = self.credentials.lock();
        may_become(&credentials, &wanted)?;
        *credentials = wanted;
        Ok(())
    }

    /// The mode bits new files do not get.
    pub fn umask(&self) -> u32 {
        self.umask.load(Ordering::Relaxed)
    }

    /// umask(): answers the old mask.
    pub fn set_umask(&self, mask: u32) -> u32 {
        self.umask.swap(mask & 0o777, Ordering::Relaxed)
    }

    /// The nice value, -20 to 19.
    pub fn nice(&self) -> i8 {
        self.nice.load(Ordering::Relaxed)
    }

    /// setpriority() of `pid` (0: the caller): `ESRCH`, `EPERM` for another user's process, `EACCES` for a lower value
    /// than it has.
    pub fn set_nice(&self, pid: u32, value: i8) -> Result<()> {
        let value = value.clamp(-20, 19);
        let target = self.container.resolve(self, pid)?;
        let credentials = self.credentials();
        if !credentials.is_root() {
            if target.credentials().uid != credentials.uid {
                return Err(Errno::PERM);
            }
            if value < target.nice() {
                return Err(Errno::ACCESS);
            }
        }
        target.nice.store(value, Ordering::Relaxed);
        Ok(())
    }

    /// The working directory.
    pub fn working_directory(&self) -> Location {
        self.directory.lock().clone()
    }

    /// The working directory's absolute path: `ENOENT` when it has been removed.
    pub fn working_directory_path(&self) -> Result<Vec<u8>> {
        let directory = self.working_directory();
        if directory.is_deleted() {
            return Err(Errno::NOENT);
        }
        Ok(self.container.namespace().path_of(&directory))
    }

    /// chdir()
    pub fn chdir(&self, path: &[u8]) -> Result<()> {
        let directory = self.container.namespace().directory(&self.working_directory(), path, &self.caller())?;
        *self.directory.lock() = directory;
        Ok(())
    }
}
