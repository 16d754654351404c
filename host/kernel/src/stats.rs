//! Figures: what a container and its processes use, for `docker stats`, `top` and the guests' own `ps`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::{Container, Process, Usage, cpu};

/// Bytes that regular files of a container were read and written with.
#[derive(Default)]
pub(crate) struct IoCounters {
    read: AtomicU64,
    written: AtomicU64,
    reads: AtomicU64,
    writes: AtomicU64,
}

impl IoCounters {
    pub(crate) fn count_read(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_write(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
        self.writes.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counters since the container's start; sizes in bytes. Network figures are the network stack's.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// Memory held now.
    pub memory: u64,
    /// The most ever held.
    pub memory_peak: u64,
    /// The limit.
    pub memory_limit: Option<u64>,
    /// Processes killed at the limit.
    pub out_of_memory_kills: u64,
    /// CPU time used.
    pub cpu: Duration,
    /// The quota in billionths of a CPU.
    pub cpu_limit: Option<u64>,
    /// Wall time during which a process waited for the quota's refill.
    pub throttled: Duration,
    /// How often the quota was spent.
    pub throttled_times: u64,
    /// Processes, zombies included.
    pub processes: u32,
    /// The process limit.
    pub processes_limit: Option<u32>,
    /// Bytes read from regular files.
    pub read_bytes: u64,
    /// Bytes written to regular files.
    pub written_bytes: u64,
    /// Reads of regular files.
    pub reads: u64,
    /// Writes of regular files.
    pub writes: u64,
}

/// The state of a process as ps shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProcessState {
    /// On a CPU.
    Running,
    /// Waiting for something.
    Sleeping,
    /// Stopped by a signal.
    Stopped,
    /// The container is paused.
    Frozen,
    /// Ended, not yet waited for.
    Zombie,
}

/// One row of the process table.
#[derive(Clone, Debug)]
pub struct ProcessInfo {
    /// Process id.
    pub pid: u32,
    /// Parent; 0 for processes the engine started.
    pub parent: u32,
    /// Process group.
    pub group: u32,
    /// Session.
    pub session: u32,
    /// User id.
    pub user: u32,
    /// Primary group id.
    pub primary_group: u32,
    /// State.
    pub state: ProcessState,
    /// Nice value.
    pub nice: i8,
    /// Base name of the program.
    pub name: Vec<u8>,
    /// argv; empty for a zombie.
    pub arguments: Vec<Vec<u8>>,
    /// The controlling terminal without `/dev/`: `pts/0`.
    pub terminal: Option<String>,
    /// Nanoseconds since 1970.
    pub started_at: u64,
    /// What it has used.
    pub usage: Usage,
    /// Bytes of memory held now.
    pub memory: u64,
    /// Descriptor numbers and what is behind them, as readlink of /proc/PID/fd.
    pub files: Vec<(u32, Vec<u8>)>,
    /// Absolute path.
    pub working_directory: Vec<u8>,
}

/// struct utsname.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SystemNames {
    /// `Linux`, which is what scripts ask for.
    pub system: String,
    /// Host name.
    pub node: String,
    /// Release.
    pub release: String,
    /// Version.
    pub version: String,
    /// Machine: `wasm32`.
    pub machine: String,
    /// Domain.
    pub domain: String,
}

/// What sysinfo() tells of the container as a machine.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SystemFigures {
    /// Since the container's start.
    pub uptime: Duration,
    /// Runnable processes averaged over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Bytes: the limit, or the host's memory.
    pub memory_total: u64,
    /// Bytes.
    pub memory_free: u64,
    /// CPUs the container may use at once, rounded up.
    pub processors: u32,
}

impl Container {
    /// The container's counters.
    pub fn stats(&self) -> Stats {
        let (throttled, throttled_times) = self.cpu.throttled(cpu::monotonic());
        Stats {
            memory: self.memory.used(),
            memory_peak: self.memory.peak(),
            memory_limit: self.memory.limit(),
            out_of_memory_kills: self.memory.oom_kills.load(Ordering::Relaxed),
            cpu: Duration::from_nanos(self.cpu.used()),
            cpu_limit: self.cpu.rate(),
            throttled: Duration::from_nanos(throttled),
            throttled_times,
            processes: u32::try_from(self.table.lock().len()).unwrap_or(u32::MAX),
            processes_limit: self.pids_limit(),
            read_bytes: self.io.read.load(Ordering::Relaxed),
            written_bytes: self.io.written.load(Ordering::Relaxed),
            reads: self.io.reads.load(Ordering::Relaxed),
            writes: self.io.writes.load(Ordering::Relaxed),
        }
    }

    /// uname()
    pub fn names(&self) -> SystemNames {
        SystemNames {
            system: "Linux".to_owned(),
            node: self.hostname(),
            release: format!("{}-coracle", env!("CARGO_PKG_VERSION")),
            version: format!("#1 Coracle {}", env!("CARGO_PKG_VERSION")),
            machine: "wasm32".to_owned(),
            domain: self.domainname(),
        }
    }

    /// sysinfo()
    pub fn figures(&self) -> SystemFigures {
        let now = cpu::monotonic();
        let (started, _) = self.started();
        let host = rustix::system::sysinfo();
        let unit = u64::from(host.mem_unit).max(1);
        let host_total = (host.totalram as u64).saturating_mul(unit);
        let host_free = (host.freeram as u64).saturating_mul(unit);
        let (total, free) = match self.memory.limit() {
            Some(limit) if limit < host_total => (limit, limit.saturating_sub(self.memory.used())),
            _ => (host_total, host_free),
        };
        let host_processors = std::thread::available_parallelism().map_or(1, |count| count.get());
        let host_processors = u32::try_from(host_processors).unwrap_or(u32::MAX);
        let quota = self.cpu.rate().map(|rate| u32::try_from(rate.div_ceil(1_000_000_000)).unwrap_or(u32::MAX));
        SystemFigures {
            uptime: Duration::from_nanos(now.saturating_sub(started)),
            load: self.load.averages(now, started, self.cpu.used()),
            memory_total: total,
            memory_free: free,
            processors: quota.map_or(host_processors, |quota| quota.clamp(1, host_processors)),
        }
    }

    /// The process table in pid order.
    pub fn processes(&self) -> Vec<ProcessInfo> {
        let rows: Vec<Row> = {
            let table = self.table.lock();
            table
                .iter()
                .map(|(_, entry)| Row {
                    process: entry.process.clone(),
                    parent: entry.parent,
                    group: entry.group,
                    session: entry.session,
                    zombie: entry.ended.is_some(),
                    terminal: table.terminal(entry.session).map(|terminal| terminal.short_name()),
                })
                .collect()
        };
        rows.into_iter().map(|row| self.row(row)).collect()
    }

    fn row(&self, row: Row) -> ProcessInfo {
        let process = row.process;
        let credentials = process.credentials();
        let running = process.running();
        ProcessInfo {
            pid: process.pid(),
            parent: row.parent,
            group: row.group,
            session: row.session,
            user: credentials.uid,
            primary_group: credentials.gid,
            state: self.state_of(&process, row.zombie),
            nice: process.nice(),
            name: process.name(),
            arguments: running.arguments.clone(),
            terminal: row.terminal,
            started_at: process.started_at(),
            usage: process.usage(),
            memory: process.memory().used(),
            files: process.open_files().into_iter().map(|(number, file)| (number, file.description())).collect(),
            working_directory: self.namespace().path_of(&process.working_directory()),
        }
    }

    pub(crate) fn state_of(&self, process: &Process, zombie: bool) -> ProcessState {
        if zombie {
            ProcessState::Zombie
        } else if process.control.is_stopped() {
            ProcessState::Stopped
        } else if self.is_paused() {
            ProcessState::Frozen
        } else if process.control.is_running() {
            ProcessState::Running
        } else {
            ProcessState::Sleeping
        }
    }
}

struct Row {
    process: Arc<Process>,
    parent: u32,
    group: u32,
    session: u32,
    zombie: bool,
    terminal: Option<String>,
}
