//! Mounts: which file system covers which name.

/// What is mounted, as far as users are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MountKind {
    /// Image layers under an upper directory.
    Overlay,
    /// A directory or file of the host.
    Bind,
    /// A named or anonymous volume.
    Volume,
    /// Memory.
    Tmpfs,
    /// Processes.
    Proc,
    /// Devices.
    Dev,
    /// Kernel figures: `/sys`.
    Sys,
}

/// How a file system is mounted.
#[derive(Clone, Debug)]
pub struct MountOptions {
    /// What it is.
    pub kind: MountKind,
    /// What `mount` shows in the first column: a volume's name, a host path, `overlay`.
    pub source: Vec<u8>,
    /// Refuse everything that writes.
    pub read_only: bool,
    /// Further options as `/proc/mounts` shows them after `rw` or `ro`, separated by commas; may be empty.
    pub options: String,
}

/// One line of `/proc/mounts`.
#[derive(Clone, Debug)]
pub struct MountEntry {
    /// Number of this mount in the namespace.
    pub id: u64,
    /// Number of the mount it lies on; its own for the root.
    pub parent: u64,
    /// Absolute path of the mount point.
    pub target: Vec<u8>,
    /// How it is mounted.
    pub options: MountOptions,
    /// Name of the file system: `overlay`, `tmpfs`, `proc`.
    pub file_system: &'static str,
    /// Its device number.
    pub dev: u64,
}
