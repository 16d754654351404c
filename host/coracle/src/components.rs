//! The guest components that are built into the daemon.

/// The shell: a component of the world `coracle:container/shell`.
pub const SHELL: &[u8] = include_bytes!(env!("CORACLE_SHELL"));

/// The userland: a component of the world `coracle:container/toolbox`.
pub const TOOLBOX: &[u8] = include_bytes!(env!("CORACLE_BUSYBOX"));
