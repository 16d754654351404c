//! A container's kernel: one process table, one mount namespace, limits and accounts.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use coracle_vfs::Namespace;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use crate::cpu::{self, CpuAccount};
use crate::load::Load;
use crate::memory::ContainerMemory;
use crate::process::{Loader, Origin, SpawnError, SpawnRequest};
use crate::stats::IoCounters;
use crate::table::SharedTable;
use crate::terminal::{Pty, Size, Terminal};
use crate::{Errno, ExitStatus, Limits, OpenFile, Process, ResourceLimits, Result, Signal};

/// Things of other crates that belong to a container, one of each type: the network stack rides in it.
#[derive(Default, Clone)]
pub struct Extensions(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl Extensions {
    /// Puts a value in, in place of an earlier one of the type.
    pub fn insert<T: Any + Send + Sync>(&mut self, value: Arc<T>) {
        self.0.insert(TypeId::of::<T>(), value);
    }

    /// The value of type `T`.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.get(&TypeId::of::<T>()).cloned().and_then(|value| value.downcast().ok())
    }
}

/// What a container tells its owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ContainerEvent {
    /// A process was killed at the memory limit.
    OutOfMemory {
        /// The process.
        pid: u32,
    },
}

/// What a container is made of.
pub struct ContainerOptions {
    /// 64 hexadecimal digits.
    pub id: String,
    /// uname's node name.
    pub hostname: String,
    /// The NIS domain name, `(none)` where there is none.
    pub domainname: String,
    /// Its files.
    pub namespace: Namespace,
    /// What runs its programs.
    pub loader: Arc<dyn Loader>,
    /// Where they run.
    pub runtime: tokio::runtime::Handle,
    /// What they may use.
    pub limits: Limits,
    /// Things of other crates.
    pub extensions: Extensions,
    /// Called on whatever thread the event happens; must not block.
    pub on_event: Option<Arc<dyn Fn(ContainerEvent) + Send + Sync>>,
}

/// One container's kernel. It lives for one run of the container: a restart makes a new one.
pub struct Container {
    id: String,
    hostname: RwLock<String>,
    domainname: RwLock<String>,
    namespace: Namespace,
    loader: Arc<dyn Loader>,
    runtime: tokio::runtime::Handle,
    limits: RwLock<Limits>,
    resources: RwLock<Arc<ResourceLimits>>,
    extensions: Extensions,
    on_event: Option<Arc<dyn Fn(ContainerEvent) + Send + Sync>>,
    pub(crate) table: SharedTable,
    pub(crate) cpu: CpuAccount,
    pub(crate) memory: ContainerMemory,
    pub(crate) load: Load,
    pub(crate) io: Arc<IoCounters>,
    /// Pipes its processes have made that still exist.
    pub(crate) pipes: Arc<AtomicUsize>,
    /// Processes that a signal has stopped.
    pub(crate) stopped: AtomicUsize,
    paused: AtomicBool,
    /// While paused: a process has stopped running.
    calmed: Notify,
    started: u64,
    started_at: u64,
    terminals: Mutex<BTreeMap<u32, Weak<Terminal>>>,
    console: Mutex<Weak<Terminal>>,
}

impl Container {
    /// A container without processes.
    pub fn new(options: ContainerOptions) -> Arc<Container> {
        let container = Arc::new(Container {
            id: options.id,
            hostname: RwLock::new(options.hostname),
            domainname: RwLock::new(options.domainname),
            namespace: options.namespace,
            loader: options.loader,
            runtime: options.runtime,
            limits: RwLock::default(),
            resources: RwLock::default(),
            extensions: options.extensions,
            on_event: options.on_event,
            table: SharedTable::default(),
            cpu: CpuAccount::default(),
            memory: ContainerMemory::default(),
            load: Load::default(),
            io: Arc::default(),
            pipes: Arc::default(),
            stopped: AtomicUsize::new(0),
            paused: AtomicBool::new(false),
            calmed: Notify::new(),
            started: cpu::monotonic(),
            started_at: cpu::wall_clock(),
            terminals: Mutex::default(),
            console: Mutex::default(),
        });
        container.set_limits(options.limits);
        container
    }

    /// Starts a process without a parent: the first becomes pid 1, later ones are those of `docker exec`. Each leads a
    /// session of its own and leaves the table as soon as it ends.
    pub async fn spawn(self: &Arc<Self>, request: SpawnRequest) -> Result<Arc<Process>, SpawnError> {
        crate::process::start(self, None, request).await
    }

    /// Sends a signal from outside the container, as `docker kill` does. Pid 1 ignores what would end it by default,
    /// except KILL and STOP. `ESRCH` without such a process.
    pub fn signal(&self, pid: u32, signal: Signal) -> Result<()> {
        let process = self.process(pid).ok_or(Errno::SRCH)?;
        process.deliver(signal, Origin::Outside);
        Ok(())
    }

    /// Ends every process with SIGKILL; await [`Container::drained`] to see them gone.
    pub fn kill_all(&self) {
        for process in self.live() {
            process.end(ExitStatus::Signaled(Signal::KILL));
        }
    }

    /// Freezes every process at its next yield. KILL still ends a frozen process; other signals wait.
    pub fn pause(&self) {
        self.paused.store(true, Ordering::SeqCst);
    }

    /// Waits until no process is being run any more, after [`Container::pause`]. Returns at once when it is not paused.
    pub async fn frozen(&self) {
        crate::wait::until_ready(&self.calmed, || {
            !self.is_paused() || !self.table.lock().iter().any(|(_, entry)| entry.process.control.is_running())
        })
        .await;
    }

    /// Called by a task that has left its program.
    pub(crate) fn note_left(&self) {
        if self.is_paused() {
            self.calmed.notify_waiters();
        }
    }

    /// Lets every process go on.
    pub fn unpause(&self) {
        self.paused.store(false, Ordering::SeqCst);
        self.calmed.notify_waiters();
        for process in self.live() {
            process.control.wake();
        }
    }

    /// Whether the container is paused.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::SeqCst)
    }

    fn live(&self) -> Vec<Arc<Process>> {
        self.table.lock().iter().map(|(_, entry)| entry.process.clone()).collect()
    }

    /// A process or zombie by pid.
    pub fn process(&self, pid: u32) -> Option<Arc<Process>> {
        self.table.lock().get(pid).map(|entry| entry.process.clone())
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.table.lock().iter().map(|(pid, _)| pid).collect()
    }

    /// Waits until no process is left.
    pub async fn drained(&self) {
        crate::wait::until_ready(&self.table.emptied, || self.table.lock().is_empty()).await;
    }

    /// Changes the limits of a running container (`docker update`). Memory that is already held stays; resource limits
    /// count for processes started by the engine from now on.
    pub fn set_limits(&self, limits: Limits) {
        self.cpu.set_rate(limits.nano_cpus, cpu::monotonic());
        self.memory.set_limit(limits.memory, limits.oom_kill_disable);
        *self.resources.write() = Arc::new(limits.resources.clone());
        *self.limits.write() = limits;
        // Processes asleep until a refill that will now come sooner or was never needed.
        self.live().iter().for_each(|process| process.control.wake());
    }

    /// The limits that hold.
    pub fn limits(&self) -> Limits {
        self.limits.read().clone()
    }

    pub(crate) fn pids_limit(&self) -> Option<u32> {
        self.limits.read().pids
    }

    pub(crate) fn default_resources(&self) -> Arc<ResourceLimits> {
        self.resources.read().clone()
    }

    /// Whether any process was killed at the memory limit.
    pub fn oom_killed(&self) -> bool {
        self.memory.oom_killed.load(Ordering::Relaxed)
    }

    pub(crate) fn tell(&self, event: ContainerEvent) {
        if let Some(listener) = &self.on_event {
            listener(event);
        }
    }

    /// 64 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its files.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// What runs its programs.
    pub fn loader(&self) -> &Arc<dyn Loader> {
        &self.loader
    }

    /// Where its programs run.
    pub fn runtime(&self) -> &tokio::runtime::Handle {
        &self.runtime
    }

    /// Things of other crates.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// uname's node name.
    pub fn hostname(&self) -> String {
        self.hostname.read().clone()
    }

    /// sethostname(): `EPERM` unless `process` is user 0, `EINVAL` above 64 bytes (Linux `__NEW_UTS_LEN`).
    pub fn set_hostname(&self, process: Option<&Process>, name: &[u8]) -> Result<()> {
        if process.is_some_and(|process| !process.credentials().is_root()) {
            return Err(Errno::PERM);
        }
        let name = std::str::from_utf8(name).map_err(|_| Errno::INVAL)?;
        if name.len() > 64 || name.contains('\0') {
            return Err(Errno::INVAL);
        }
        *self.hostname.write() = name.to_owned();
        Ok(())
    }

    /// The NIS domain name.
    pub fn domainname(&self) -> String {
        self.domainname.read().clone()
    }

    /// On the monotonic clock and since 1970, nanoseconds.
    pub(crate) fn started(&self) -> (u64, u64) {
        (self.started, self.started_at)
    }

    /// A new pseudo-terminal of this container: its controlling side, and the terminal opened for reading and writing.
    /// `ENOSPC` at Linux's default of 4,096.
    pub fn open_pty(self: &Arc<Self>, size: Size) -> Result<(Arc<Pty>, Arc<OpenFile>)> {
        let mut terminals = self.terminals.lock();
        terminals.retain(|_, terminal| terminal.strong_count() > 0);
        let number = (0..4_096).find(|number| !terminals.contains_key(number)).ok_or(Errno::NOSPC)?;
        let (pty, terminal) = Pty::new(Arc::downgrade(self), number, size);
        terminals.insert(number, Arc::downgrade(&terminal));
        drop(terminals);
        Ok((pty, OpenFile::for_terminal(terminal)))
    }

    pub(crate) fn terminal(&self, number: u32) -> Option<Arc<Terminal>> {
        self.terminals.lock().get(&number).and_then(Weak::upgrade)
    }

    /// The numbers in /dev/pts, for `vfs::dev::DevFs`.
    pub fn terminal_numbers(self: &Arc<Self>) -> Arc<dyn Fn() -> Vec<u32> + Send + Sync> {
        let container = Arc::downgrade(self);
        Arc::new(move || {
            let Some(container) = container.upgrade() else { return Vec::new() };
            let terminals = container.terminals.lock();
            terminals.iter().filter(|(_, terminal)| terminal.strong_count() > 0).map(|(number, _)| *number).collect()
        })
    }

    pub(crate) fn set_console(&self, terminal: &Arc<Terminal>) {
        *self.console.lock() = Arc::downgrade(terminal);
    }

    pub(crate) fn console(&self) -> Option<Arc<Terminal>> {
        self.console.lock().upgrade()
    }
}
