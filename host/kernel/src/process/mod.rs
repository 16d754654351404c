//! A process: what POSIX keeps about it, and the calls a program makes about itself.
//!
//! One idea a file: [`spawn`] finds and starts programs, [`deliver`] decides what a signal does, [`jobs`] has groups,
//! sessions and kill(), [`children`] has wait(), [`open`] opens files.

mod children;
mod control;
mod deliver;
mod exit;
mod identity;
mod jobs;
mod open;
mod path;
mod signals;
mod spawn;

use std::sync::atomic::{AtomicBool, AtomicI8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use coracle_vfs::{Caller, Credentials, Location};
use parking_lot::Mutex;
use tokio::sync::Notify;

pub(crate) use control::Control;
pub use open::OpenFlags;
pub use signals::Disposition;
pub(crate) use signals::Origin;
use signals::SignalState;
pub use spawn::{ExecImage, Group, Loader, Program, ProgramName, SpawnError, SpawnRequest};
pub(crate) use spawn::{start, start_with};

use crate::descriptors::{Descriptor, Descriptors};
use crate::memory::{MemoryAccount, ProcessMemory};
use crate::{Container, ExitStatus, OpenFile, Resource, ResourceLimit, ResourceLimits, Result, Usage};

/// One process of a container. It outlives its program as long as somebody holds it.
pub struct Process {
    pid: u32,
    container: Arc<Container>,
    /// Nanoseconds since 1970, and on the monotonic clock.
    started_at: u64,
    started: u64,
    running: Mutex<Arc<Running>>,
    handover: Mutex<Vec<u8>>,
    directory: Mutex<Location>,
    credentials: Mutex<Credentials>,
    umask: AtomicU32,
    nice: AtomicI8,
    limits: Mutex<Arc<ResourceLimits>>,
    /// The soft CPU limit in nanoseconds at which the next SIGXCPU is due; `u64::MAX` for none.
    cpu_alarm: AtomicU64,
    cpu: AtomicU64,
    pub(crate) memory: ProcessMemory,
    descriptors: Arc<Descriptors>,
    /// What `inherited` will answer.
    inherited: Mutex<Vec<Descriptor>>,
    signals: Mutex<SignalState>,
    /// Whether the program has a signal to take: `signals` without its lock.
    queued: AtomicBool,
    /// A signal became queued.
    interrupt: Notify,
    /// A child ended, stopped or continued.
    children_changed: Notify,
    pub(crate) control: Control,
    status: OnceLock<ExitStatus>,
    exited: Notify,
}

/// The program a process runs; exec replaces it as a whole.
pub(crate) struct Running {
    /// Base name of the program, which a zombie still has.
    pub(crate) name: Vec<u8>,
    pub(crate) image: Option<ExecImage>,
    pub(crate) arguments: Vec<Vec<u8>>,
    pub(crate) environment: Vec<Vec<u8>>,
}

impl Running {
    pub(crate) fn new(image: Option<ExecImage>, arguments: Vec<Vec<u8>>, environment: Vec<Vec<u8>>) -> Running {
        let path = match (&image, arguments.first()) {
            (Some(image), _) => image.path.as_slice(),
            (None, Some(first)) => first.as_slice(),
            (None, None) => b"?",
        };
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path).to_vec();
        Running { name, image, arguments, environment }
    }
}

impl Process {
    /// Its number in the container.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The container it lives in.
    pub fn container(&self) -> &Arc<Container> {
        &self.container
    }

    /// Who asks, for calls of the namespace.
    pub fn caller(&self) -> Caller {
        Caller {
            credentials: self.credentials(),
            umask: self.umask(),
            pid: self.pid,
            file_size_limit: self.limit(Resource::FileSize).soft,
        }
    }

    /// argv
    pub fn arguments(&self) -> Vec<Vec<u8>> {
        self.running.lock().arguments.clone()
    }

    /// NAME=VALUE, as the program was started.
    pub fn environment(&self) -> Vec<Vec<u8>> {
        self.running.lock().environment.clone()
    }

    /// The file the program came from.
    pub fn image(&self) -> Option<ExecImage> {
        self.running.lock().image.clone()
    }

    /// Base name of the program, as ps shows it.
    pub fn name(&self) -> Vec<u8> {
        self.running.lock().name.clone()
    }

    /// Lets go of the program's file and texts, which a zombie does not need.
    fn forget_program(&self) {
        let mut running = self.running.lock();
        let name = running.name.clone();
        *running = Arc::new(Running { name, image: None, arguments: Vec::new(), environment: Vec::new() });
    }

    pub(crate) fn running(&self) -> Arc<Running> {
        self.running.lock().clone()
    }

    /// What the spawner handed over; a second call answers nothing.
    pub fn handover(&self) -> Vec<u8> {
        std::mem::take(&mut self.handover.lock())
    }

    /// The memory account, in bytes.
    pub fn memory(&self) -> MemoryAccount<'_> {
        MemoryAccount { process: self }
    }

    /// What this process has used itself.
    pub fn usage(&self) -> Usage {
        Usage {
            user: Duration::from_nanos(self.cpu.load(Ordering::Relaxed)),
            system: Duration::ZERO,
            peak_memory: self.memory().peak(),
        }
    }

    /// What its reaped children had used, their own children included.
    pub fn children_usage(&self) -> Usage {
        self.container.table.lock().get(self.pid).map(|entry| entry.children_usage).unwrap_or_default()
    }

    /// When it was started, in nanoseconds since 1970.
    pub fn started_at(&self) -> u64 {
        self.started_at
    }

    pub(crate) fn started(&self) -> u64 {
        self.started
    }

    /// A resource limit.
    pub fn limit(&self, resource: Resource) -> ResourceLimit {
        self.limits.lock().get(resource)
    }

    /// All resource limits.
    pub fn limits(&self) -> Arc<ResourceLimits> {
        self.limits.lock().clone()
    }

    /// setrlimit(): `EINVAL`, `EPERM`.
    pub fn set_limit(&self, resource: Resource, limit: ResourceLimit) -> Result<()> {
        let privileged = self.credentials().is_root();
        let mut limits = self.limits.lock();
        Arc::make_mut(&mut *limits).set(resource, limit, privileged)?;
        drop(limits);
        if resource == Resource::Cpu {
            self.arm_cpu_alarm();
        }
        Ok(())
    }

    fn arm_cpu_alarm(&self) {
        let limit = self.limit(Resource::Cpu);
        let first = limit.soft.into_iter().chain(limit.hard).min();
        let due = first.map_or(u64::MAX, |seconds| seconds.saturating_mul(1_000_000_000));
        self.cpu_alarm.store(due, Ordering::Relaxed);
    }

    /// Descriptors still to be taken over by the program; a second call answers nothing. From here on they close
    /// when the program drops them.
    pub fn inherited(&self) -> Vec<Descriptor> {
        std::mem::take(&mut self.inherited.lock())
    }

    /// The file behind descriptor 0, 1 or 2 as the process was started with, unless it has been closed.
    pub fn standard(&self, number: u32) -> Option<Arc<OpenFile>> {
        (number <= 2).then(|| self.descriptors.get(number)).flatten()
    }

    /// The file behind any open descriptor.
    pub fn descriptor(&self, number: u32) -> Option<Arc<OpenFile>> {
        self.descriptors.get(number)
    }

    /// Every open descriptor with what is behind it, as readlink of /proc/PID/fd.
    pub fn open_files(&self) -> Vec<(u32, Arc<OpenFile>)> {
        self.descriptors.all()
    }

    pub(crate) fn descriptor_numbers(&self) -> Vec<u32> {
        self.descriptors.numbers()
    }

    /// Gives `file` a descriptor number in this process. `EMFILE` at the limit.
    pub fn adopt(&self, file: Arc<OpenFile>) -> Result<Descriptor> {
        self.descriptors.add(file, self.limit(Resource::OpenFiles).soft)
    }

    /// A pipe's reading and writing end.
    pub fn pipe(&self) -> Result<(Descriptor, Descriptor)> {
        let (reader, writer) = crate::file::guest_pipe(&self.container.pipes);
        Ok((self.adopt(reader)?, self.adopt(writer)?))
    }

    /// An unlinked temporary file.
    pub fn temporary(&self) -> Result<Descriptor> {
        self.adopt(OpenFile::temporary()?)
    }

    /// How it ended, if it has.
    pub fn status(&self) -> Option<ExitStatus> {
        self.status.get().copied()
    }

    /// Waits for its end; any number may wait, before and after.
    pub async fn exited(&self) -> ExitStatus {
        loop {
            let ended = self.exited.notified();
            if let Some(status) = self.status() {
                return status;
            }
            ended.await;
        }
    }

    pub(crate) fn interrupt(&self) -> &Notify {
        &self.interrupt
    }

    /// Books CPU time; answers nothing but raises the signals of RLIMIT_CPU.
    pub(crate) fn charge(&self, nanoseconds: u64) {
        let used = self.cpu.fetch_add(nanoseconds, Ordering::Relaxed).saturating_add(nanoseconds);
        if used >= self.cpu_alarm.load(Ordering::Relaxed) {
            self.cpu_limit_reached(used);
        }
    }

    fn cpu_limit_reached(&self, used: u64) {
        let limit = self.limit(Resource::Cpu);
        let reached = |seconds: Option<u64>| seconds.is_some_and(|s| used >= s.saturating_mul(1_000_000_000));
        if reached(limit.hard) {
            self.cpu_alarm.store(u64::MAX, Ordering::Relaxed);
            self.end(ExitStatus::Signaled(crate::Signal::KILL));
        } else if reached(limit.soft) {
            self.cpu_alarm.store(used.saturating_add(1_000_000_000), Ordering::Relaxed);
            self.deliver(crate::Signal::XCPU, Origin::Kernel);
        }
    }
}
