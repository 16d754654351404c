//! What Rust's standard library lacks on WASI, shaped like it: open files and
//! pipes, spawn and exec, signals, terminals, file modes, owners and links.
//!
//! Without it a guest sees a machine with three streams, no processes and no
//! permissions. Paths, arguments, names and environment are bytes, as in POSIX.
//! Two back ends stand behind one interface: the `coracle:container` WIT package
//! on `wasm32-wasip2`, and system calls on Unix, where guests are developed,
//! compared with the tools they replace, and fuzzed.
//!
//! Nothing runs before `main`, and nothing is asked of the host before it is
//! needed: an instance that prints one line makes one or two calls.

#[cfg(target_os = "wasi")]
#[path = "sys/wasi/mod.rs"]
mod sys;
#[cfg(unix)]
#[path = "sys/unix/mod.rs"]
mod sys;

mod environment;
mod errno;
mod export;
pub mod file;
pub mod fs;
pub mod poll;
pub mod process;
pub mod signal;
pub mod stdio;
pub mod system;
pub mod terminal;
pub mod time;

pub use environment::{args, env};
pub use errno::{Errno, Result};
pub use export::Applet;
pub use file::{Access, File, OpenOptions, StatusFlags, inherited, open, pipe, temporary};

#[doc(hidden)]
pub use export::__private;
