//! What /proc and /sys show: the answers to [`coracle_vfs::ProcSource`].

use std::sync::{Arc, Weak};
use std::time::Duration;

use coracle_vfs::{
    ControlGroup, Credentials, DescriptorEntry, Limit, Location, MountEntry, ProcEntry, ProcSource, ProcState,
    SignalSets, SystemFigures,
};

use crate::{Container, Process, ProcessState, Resource, Result, cpu};

/// The scheduling period Docker and cgroups give a quota in, in microseconds.
const CPU_PERIOD: u64 = 100_000;

/// Held weakly, because the container holds the namespace that holds /proc.
struct Source(Weak<Container>);

impl Container {
    /// What [`coracle_vfs::proc::ProcFs`] and `SysFs` show of this container. Mount them after the container is made.
    pub fn proc_source(self: &Arc<Self>) -> Arc<dyn ProcSource> {
        Arc::new(Source(Arc::downgrade(self)))
    }
}

impl Source {
    fn process(&self, pid: u32) -> Option<Arc<Process>> {
        self.0.upgrade()?.process(pid)
    }

    /// A process that has not ended: a zombie has no files, directory or arguments.
    fn living(&self, pid: u32) -> Option<Arc<Process>> {
        self.process(pid).filter(|process| process.status().is_none())
    }
}

impl ProcSource for Source {
    fn pids(&self) -> Vec<u32> {
        self.0.upgrade().map(|container| container.pids()).unwrap_or_default()
    }

    fn process(&self, pid: u32) -> Option<ProcEntry> {
        let container = self.0.upgrade()?;
        let (process, parent, group, session, zombie, children_time, terminal) = {
            let table = container.table.lock();
            let entry = table.get(pid)?;
            (
                entry.process.clone(),
                entry.parent,
                entry.group,
                entry.session,
                entry.ended.is_some(),
                entry.children_usage.user,
                table.terminal(entry.session),
            )
        };
        let (started, _) = container.started();
        let [pending, blocked, ignored, caught] = process.signal_sets().map(|set| set.bits());
        let memory = process.memory().used();
        Some(ProcEntry {
            pid,
            ppid: parent,
            group,
            session,
            terminal: terminal.as_ref().map_or(0, |terminal| crate::file::terminal_device(terminal.number())),
            foreground: terminal
                .and_then(|terminal| terminal.foreground())
                .and_then(|group| i32::try_from(group).ok())
                .unwrap_or(-1),
            command: process.name(),
            state: match container.state_of(&process, zombie) {
                ProcessState::Running => ProcState::Running,
                ProcessState::Sleeping | ProcessState::Frozen => ProcState::Sleeping,
                ProcessState::Stopped => ProcState::Stopped,
                ProcessState::Zombie => ProcState::Zombie,
            },
            credentials: Credentials { ..process.credentials() },
            umask: process.umask(),
            nice: process.nice().into(),
            threads: 1,
            start: Duration::from_nanos(process.started().saturating_sub(started)),
            user_time: process.usage().user,
            system_time: process.usage().system,
            children_time,
            virtual_bytes: memory,
            resident_bytes: memory,
            signals: SignalSets { pending, blocked, ignored, caught },
        })
    }

    fn arguments(&self, pid: u32) -> Option<Vec<Vec<u8>>> {
        self.living(pid).map(|process| process.arguments())
    }

    fn environment(&self, pid: u32) -> Option<Vec<Vec<u8>>> {
        self.living(pid).map(|process| process.environment())
    }

    fn limits(&self, pid: u32) -> Option<Vec<Limit>> {
        let limits = self.process(pid)?.limits();
        let of = |resource, name, unit| {
            let limit = limits.get(resource);
            Limit { name, soft: limit.soft, hard: limit.hard, unit }
        };
        Some(vec![
            of(Resource::Cpu, "Max cpu time", "seconds"),
            of(Resource::FileSize, "Max file size", "bytes"),
            of(Resource::Stack, "Max stack size", "bytes"),
            of(Resource::Core, "Max core file size", "bytes"),
            of(Resource::Processes, "Max processes", "processes"),
            of(Resource::OpenFiles, "Max open files", "files"),
            of(Resource::Memory, "Max address space", "bytes"),
        ])
    }

    fn working_directory(&self, pid: u32) -> Option<Location> {
        self.living(pid).map(|process| process.working_directory())
    }

    fn executable(&self, pid: u32) -> Option<Location> {
        Some(self.living(pid)?.image()?.file.location().clone())
    }

    fn root(&self) -> Option<Location> {
        Some(self.0.upgrade()?.namespace().root())
    }

    fn descriptors(&self, pid: u32) -> Option<Vec<u32>> {
        self.living(pid).map(|process| process.descriptor_numbers())
    }

    fn descriptor(&self, pid: u32, fd: u32) -> Option<DescriptorEntry> {
        let file = self.living(pid)?.descriptor(fd)?;
        let access = file.access();
        Some(DescriptorEntry {
            text: file.description(),
            location: file.location(),
            attributes: file.attributes(),
            read: access.read,
            write: access.write,
        })
    }

    fn mounts(&self) -> Vec<MountEntry> {
        self.0.upgrade().map(|container| container.namespace().mounts()).unwrap_or_default()
    }

    fn system(&self) -> SystemFigures {
        let Some(container) = self.0.upgrade() else { return nothing() };
        let figures = container.figures();
        let names = container.names();
        let busy = Duration::from_nanos(container.cpu.used());
        let (_, started_at) = container.started();
        let (forks, last_pid, runnable) = {
            let table = container.table.lock();
            let running = table.iter().filter(|(_, entry)| entry.process.control.is_running()).count();
            (table.forks, table.last_pid(), running)
        };
        SystemFigures {
            uptime: figures.uptime,
            idle: figures.uptime.saturating_mul(figures.processors).saturating_sub(busy),
            busy,
            boot_time: started_at / 1_000_000_000,
            load: figures.load,
            runnable: u32::try_from(runnable).unwrap_or(u32::MAX),
            forks,
            last_pid,
            memory_total: figures.memory_total,
            memory_free: figures.memory_free,
            processors: figures.processors,
            release: names.release,
            version: names.version,
        }
    }

    fn hostname(&self) -> Vec<u8> {
        self.0.upgrade().map(|container| container.hostname().into_bytes()).unwrap_or_default()
    }

    fn set_hostname(&self, name: &[u8]) -> Result<()> {
        // The namespace has checked that user 0 asks.
        self.0.upgrade().map_or(Ok(()), |container| container.set_hostname(None, name))
    }

    fn control_group(&self) -> ControlGroup {
        let Some(container) = self.0.upgrade() else { return ControlGroup::default() };
        let stats = container.stats();
        ControlGroup {
            memory_current: stats.memory,
            memory_peak: stats.memory_peak,
            memory_max: stats.memory_limit,
            memory_kills: stats.out_of_memory_kills,
            cpu_usage: stats.cpu,
            cpu_quota: stats.cpu_limit.map(|rate| rate.saturating_mul(CPU_PERIOD) / 1_000_000_000),
            cpu_period: CPU_PERIOD,
            cpu_throttled_periods: stats.throttled_times,
            cpu_throttled: stats.throttled,
            pids_current: stats.processes.into(),
            pids_max: stats.processes_limit.map(u64::from),
            frozen: container.is_paused(),
        }
    }

    fn container_id(&self) -> String {
        self.0.upgrade().map(|container| container.id().to_owned()).unwrap_or_default()
    }
}

fn nothing() -> SystemFigures {
    SystemFigures {
        uptime: Duration::ZERO,
        idle: Duration::ZERO,
        busy: Duration::ZERO,
        boot_time: cpu::wall_clock() / 1_000_000_000,
        load: [0.0; 3],
        runnable: 0,
        forks: 0,
        last_pid: 0,
        memory_total: 0,
        memory_free: 0,
        processors: 1,
        release: String::new(),
        version: String::new(),
    }
}
