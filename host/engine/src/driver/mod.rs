//! Who runs processes.
//!
//! Container work goes through [`Driver`]. [`Processes`] gives it to the kernel,
//! whose loader is the sandbox; [`Synthetic`] executes nothing and answers as
//! the seed's table says.

mod processes;
mod synthetic;

use std::sync::Arc;

use async_trait::async_trait;
use coracle_kernel::{Limits, OpenFile, ProcessInfo, Pty, Signal, Size, SpawnError, Stats};
use coracle_vfs::{Credentials, Namespace};

pub use coracle_kernel::OpenFile as File;
pub use processes::Processes;
pub use synthetic::Synthetic;

/// Starts containers.
#[async_trait]
pub trait Driver: Send + Sync {
    /// Makes a container's kernel and starts its first process.
    ///
    /// # Errors
    /// Why there is no process; nothing is left behind.
    async fn start(&self, order: StartOrder) -> Result<(Arc<dyn Running>, Stdio), SpawnError>;
}

/// A container that runs.
#[async_trait]
pub trait Running: Send + Sync {
    /// Pid of the first process, unique in the daemon.
    fn pid(&self) -> u32;
    /// Waits until the first process and then every other one has ended.
    async fn exited(&self) -> Exit;
    /// Starts another process.
    ///
    /// # Errors
    /// Why there is none.
    async fn exec(&self, order: ProcessOrder) -> Result<(Arc<dyn ExecProcess>, Stdio), SpawnError>;
    /// Sends a signal to the first process; it may be gone already.
    fn signal(&self, signal: Signal);
    /// Ends every process.
    fn kill(&self);
    /// Freezes every process.
    fn pause(&self);
    /// Lets them go on.
    fn unpause(&self);
    /// The process table; pids are unique in the daemon.
    fn processes(&self) -> Vec<ProcessInfo>;
    /// Accounts.
    fn stats(&self) -> Stats;
    /// Changes the limits.
    fn set_limits(&self, limits: Limits);
}

/// A process of `docker exec`.
#[async_trait]
pub trait ExecProcess: Send + Sync {
    /// Pid, unique in the daemon.
    fn pid(&self) -> u32;
    /// Waits for its end.
    async fn exited(&self) -> i32;
    /// Ends it.
    fn kill(&self);
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// 0 to 255; 128 + signal.
    pub code: i32,
    /// The memory limit ended a process.
    pub oom_killed: bool,
}

/// What to start.
pub struct StartOrder {
    /// Container id.
    pub id: String,
    /// Node name.
    pub hostname: String,
    /// Domain name.
    pub domainname: String,
    /// Root, volumes and binds; the driver adds proc, sys and dev.
    pub namespace: Namespace,
    /// The network namespace.
    pub network: Arc<coracle_net::Stack>,
    /// Limits.
    pub limits: Limits,
    /// Bytes of `/dev/shm`.
    pub shm_size: u64,
    /// Put a small init in front.
    pub init: bool,
    /// A program of the container that is its shell, in place of the built-in one.
    pub shell: Option<Vec<u8>>,
    /// Standard input stays open (the synthetic driver waits longer then).
    pub open_stdin: bool,
    /// Told whenever a process is killed at the memory limit.
    pub on_oom: Arc<dyn Fn() + Send + Sync>,
    /// The first process.
    pub process: ProcessOrder,
}

/// A process to start.
pub struct ProcessOrder {
    /// Program and arguments.
    pub arguments: Vec<Vec<u8>>,
    /// `NAME=value`.
    pub environment: Vec<Vec<u8>>,
    /// Absolute path.
    pub working_directory: Vec<u8>,
    /// User and groups.
    pub credentials: Credentials,
    /// How its standard files are made.
    pub stdio: StdioOrder,
}

/// What the standard files of a new process are.
#[derive(Debug, Clone, Copy)]
pub enum StdioOrder {
    /// Pipes; a stream nobody wants is the null device.
    Pipes {
        /// Give it standard input.
        stdin: bool,
        /// Take its standard output.
        stdout: bool,
        /// Take its standard error.
        stderr: bool,
    },
    /// A terminal of this size.
    Terminal(Size),
}

/// The engine's ends of a process's standard files.
#[derive(Default, Clone)]
pub struct Stdio {
    /// Write here.
    pub stdin: Option<Arc<OpenFile>>,
    /// Read here; with a terminal, everything.
    pub stdout: Option<Arc<OpenFile>>,
    /// Read here.
    pub stderr: Option<Arc<OpenFile>>,
    /// To resize.
    pub pty: Option<Arc<Pty>>,
}
