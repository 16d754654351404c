//! The driver whose processes are real: it gives them to the kernel.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use coracle_kernel::{
    Container, ContainerEvent, ContainerOptions, Errno, Extensions, Limits, Loader, OpenFile, PIPE_CAPACITY, Process,
    ProcessInfo, ProgramName, ShellOverride, Signal, SpawnError, SpawnRequest, Stats, pipe,
};
use coracle_vfs::dev::DevFs;
use coracle_vfs::proc::{ProcFs, SysFs};
use coracle_vfs::{MountKind, MountOptions, Namespace};

use super::{Driver, ExecProcess, Exit, ProcessOrder, Running, StartOrder, Stdio, StdioOrder};

/// Pids shown outside a container are its pid plus a base; bases are so far apart.
const PIDS_PER_CONTAINER: u32 = 1 << 15;
/// The highest base, so that sums stay below 2^31, as pids do.
const HIGHEST_BASE: u32 = (1 << 31) - 2 * PIDS_PER_CONTAINER;

/// Runs processes with the kernel.
pub struct Processes {
    loader: Arc<dyn Loader>,
    runtime: tokio::runtime::Handle,
    next_base: AtomicU32,
}

impl Processes {
    /// `loader` turns files into programs, `runtime` runs them.
    pub fn new(loader: Arc<dyn Loader>, runtime: tokio::runtime::Handle) -> Self {
        Self { loader, runtime, next_base: AtomicU32::new(PIDS_PER_CONTAINER) }
    }

    fn base(&self) -> u32 {
        let next = |base: u32| Some(if base >= HIGHEST_BASE { PIDS_PER_CONTAINER } else { base + PIDS_PER_CONTAINER });
        self.next_base.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or(PIDS_PER_CONTAINER)
    }
}

struct RunningContainer {
    container: Arc<Container>,
    first: Arc<Process>,
    base: u32,
}

fn mount(
    namespace: &Namespace,
    target: &[u8],
    fs: Arc<dyn coracle_vfs::Filesystem>,
    kind: MountKind,
    options: &str,
) -> Result<(), Errno> {
    let options = MountOptions {
        kind,
        source: target.split(|b| *b == b'/').next_back().unwrap_or(target).to_vec(),
        read_only: false,
        options: options.into(),
    };
    namespace.mount_under(target, fs, options)
}

/// Makes the standard files: those of the process, and the engine's ends.
fn standard_files(container: &Arc<Container>, order: StdioOrder, request: &mut SpawnRequest) -> Result<Stdio, Errno> {
    match order {
        StdioOrder::Terminal(size) => {
            let (pty, terminal) = container.open_pty(size)?;
            request.files = vec![(0, terminal.clone()), (1, terminal.clone()), (2, terminal.clone())];
            request.controlling_terminal = Some(terminal);
            let controller = OpenFile::controller(pty.clone());
            Ok(Stdio { stdin: Some(controller.clone()), stdout: Some(controller), stderr: None, pty: Some(pty) })
        }
        StdioOrder::Pipes { stdin, stdout, stderr } => {
            let mut ends = Stdio::default();
            let input = if stdin {
                let (read, write) = pipe(PIPE_CAPACITY);
                ends.stdin = Some(write);
                read
            } else {
                OpenFile::null()
            };
            let output = |wanted: bool, end: &mut Option<Arc<OpenFile>>| {
                if wanted {
                    let (read, write) = pipe(PIPE_CAPACITY);
                    *end = Some(read);
                    write
                } else {
                    OpenFile::null()
                }
            };
            let out = output(stdout, &mut ends.stdout);
            let err = output(stderr, &mut ends.stderr);
            request.files = vec![(0, input), (1, out), (2, err)];
            Ok(ends)
        }
    }
}

async fn spawn(
    container: &Arc<Container>,
    order: ProcessOrder,
    init: bool,
) -> Result<(Arc<Process>, Stdio), SpawnError> {
    let name = order.arguments.first().cloned().unwrap_or_default();
    let mut request = SpawnRequest::new(ProgramName::Search(name), order.arguments);
    request.environment = order.environment;
    request.working_directory = Some(order.working_directory);
    request.credentials = Some(order.credentials);
    let stdio = standard_files(container, order.stdio, &mut request)?;
    let process = if init { container.spawn_with_init(request).await? } else { container.spawn(request).await? };
    Ok((process, stdio))
}

#[async_trait]
impl Driver for Processes {
    async fn start(&self, order: StartOrder) -> Result<(Arc<dyn Running>, Stdio), SpawnError> {
        let mut extensions = Extensions::default();
        extensions.insert(order.network);
        if let Some(shell) = order.shell {
            extensions.insert(Arc::new(ShellOverride::Path(shell)));
        }
        let on_oom = order.on_oom;
        let namespace = order.namespace;
        let container = Container::new(ContainerOptions {
            id: order.id,
            hostname: order.hostname,
            domainname: order.domainname,
            namespace: namespace.clone(),
            loader: Arc::clone(&self.loader),
            runtime: self.runtime.clone(),
            limits: order.limits,
            extensions,
            on_event: Some(Arc::new(move |event| match event {
                ContainerEvent::OutOfMemory { .. } => on_oom(),
            })),
        });
        let source = container.proc_source();
        mount(&namespace, b"/proc", ProcFs::new(Arc::clone(&source)), MountKind::Proc, "nosuid,nodev,noexec,relatime")?;
        mount(&namespace, b"/sys", SysFs::new(source), MountKind::Sys, "nosuid,nodev,noexec,relatime")?;
        let devices = DevFs::new(container.terminal_numbers(), order.shm_size)?;
        mount(&namespace, b"/dev", devices, MountKind::Dev, "nosuid,size=65536k,mode=755")?;
        let base = self.base();
        match spawn(&container, order.process, order.init).await {
            Ok((first, stdio)) => Ok((Arc::new(RunningContainer { container, first, base }), stdio)),
            Err(error) => {
                container.kill_all();
                container.drained().await;
                Err(error)
            }
        }
    }
}

#[async_trait]
impl Running for RunningContainer {
    fn pid(&self) -> u32 {
        self.base + self.first.pid()
    }

    async fn exited(&self) -> Exit {
        let status = self.first.exited().await;
        // The kernel ends whatever the first process leaves behind.
        self.container.drained().await;
        Exit { code: i32::from(status.code()), oom_killed: self.container.oom_killed() }
    }

    async fn exec(&self, order: ProcessOrder) -> Result<(Arc<dyn ExecProcess>, Stdio), SpawnError> {
        let (process, stdio) = spawn(&self.container, order, false).await?;
        Ok((Arc::new(RunningExec { process, base: self.base }), stdio))
    }

    fn signal(&self, signal: Signal) {
        // ESRCH: it has just ended, which the caller will see anyway.
        let _ = self.container.signal(self.first.pid(), signal);
    }

    fn kill(&self) {
        self.container.kill_all();
    }

    fn pause(&self) {
        self.container.pause();
    }

    fn unpause(&self) {
        self.container.unpause();
    }

    fn processes(&self) -> Vec<ProcessInfo> {
        let mut processes = self.container.processes();
        for process in &mut processes {
            process.pid += self.base;
            if process.parent != 0 {
                process.parent += self.base;
            }
        }
        processes
    }

    fn stats(&self) -> Stats {
        self.container.stats()
    }

    fn set_limits(&self, limits: Limits) {
        self.container.set_limits(limits);
    }
}

struct RunningExec {
    process: Arc<Process>,
    base: u32,
}

#[async_trait]
impl ExecProcess for RunningExec {
    fn pid(&self) -> u32 {
        self.base + self.process.pid()
    }

    async fn exited(&self) -> i32 {
        i32::from(self.process.exited().await.code())
    }

    fn kill(&self) {
        // ESRCH: it has just ended.
        let _ = self.process.container().signal(self.process.pid(), Signal::KILL);
    }
}
