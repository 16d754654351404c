//! Processes: tables, open files, pipes, terminals, signals, accounting.
//!
//! A [`Container`] is one small Unix kernel: a process table whose pid 1 is the container's main process, a mount
//! namespace, limits and accounts. A [`Process`] is everything POSIX keeps about a process except its code: that is
//! a future, made by a [`Loader`] (the sandbox makes it from WebAssembly, tests write it down), which the kernel
//! polls when the process may run and drops when it must end. An [`OpenFile`] is an open file description, shared by
//! whoever was handed it.
//!
//! Nothing here knows WebAssembly, WIT or HTTP. The locks, outermost first: process table, terminal, signals of one
//! process; none is held over an await, and none is shared by two containers but those of fifos and flock.

mod container;
mod cpu;
mod descriptors;
mod file;
mod init;
mod limits;
mod load;
mod memory;
mod process;
mod procfs;
mod shell;
mod signal;
mod stats;
mod status;
mod table;
mod task;
mod terminal;
mod wait;

pub use container::{Container, ContainerEvent, ContainerOptions, Extensions};
pub use descriptors::Descriptor;
pub use file::{FileAccess, LockKind, OpenFile, PIPE_BUF, PIPE_CAPACITY, StatusFlags, Whence, pipe};
pub use limits::{Limits, RESOURCES, Resource, ResourceLimit, ResourceLimits};
pub use memory::{MemoryAccount, OutOfMemory};
pub use process::{
    Disposition, ExecImage, Group, Loader, OpenFlags, Process, Program, ProgramName, SpawnError, SpawnRequest,
};
pub use shell::ShellOverride;
pub use signal::{DefaultAction, InvalidSignal, Signal, SignalSet};
pub use stats::{ProcessInfo, ProcessState, Stats, SystemFigures, SystemNames};
pub use status::{ChildChange, ChildStatus, ExitStatus, Selector, Target, Usage};
pub use terminal::{Pty, SetWhen, Size, Terminal, Termios};

pub use coracle_vfs::Errno;
/// The result of a kernel operation.
pub type Result<T, E = Errno> = std::result::Result<T, E>;
