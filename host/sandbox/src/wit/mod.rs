//! The interfaces of programs, one file for each.
//!
//! These shims hold no rules: they convert what the guest passed, call the kernel,
//! the files or the network, and convert the answer back. Whatever decides
//! something belongs below.

pub(crate) mod errors;
pub(crate) mod file_system;
pub(crate) mod files;
pub(crate) mod mounts;
pub(crate) mod network_status;
pub(crate) mod processes;
pub(crate) mod signals;
pub(crate) mod stats;
pub(crate) mod system;
pub(crate) mod terminals;
pub(crate) mod wasi_cli;
pub(crate) mod wasi_filesystem;
pub(crate) mod wasi_random;
pub(crate) mod wasi_sockets;
pub(crate) mod wasi_tcp;
pub(crate) mod wasi_udp;

pub use errors::Failure;
