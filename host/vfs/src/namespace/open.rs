//! open(): what can be asked for, and what comes of it.

use crate::{Directory, File, FileKind, Location};

/// What `open()` is asked for. Status flags that live with the description (`O_NONBLOCK`) are the kernel's.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenOptions {
    /// O_RDONLY or O_RDWR.
    pub read: bool,
    /// O_WRONLY or O_RDWR.
    pub write: bool,
    /// O_APPEND; only asks for permission to write, the kernel calls [`File::append`].
    pub append: bool,
    /// O_CREAT
    pub create: bool,
    /// O_EXCL
    pub exclusive: bool,
    /// O_TRUNC
    pub truncate: bool,
    /// O_DIRECTORY
    pub directory: bool,
    /// O_NOFOLLOW
    pub no_follow: bool,
    /// Mode of a new file, before the umask.
    pub mode: u32,
}

/// What a path that was opened turned out to be. Permission to open it has been checked in each case.
#[derive(Clone)]
pub enum Opened {
    /// A regular file.
    File(File),
    /// A directory.
    Directory(Directory),
    /// A named pipe: the kernel finds or makes the pipe of that number.
    Fifo {
        /// Device number.
        dev: u64,
        /// Inode number.
        ino: u64,
        /// Where it lies.
        location: Location,
    },
    /// A device node.
    Device {
        /// Character or block device.
        kind: FileKind,
        /// Its device number.
        rdev: u64,
        /// Where it lies.
        location: Location,
    },
    /// A magic link to a descriptor that leads out of the namespace (a pipe, a terminal, a socket).
    Descriptor {
        /// Process.
        pid: u32,
        /// Descriptor number.
        fd: u32,
    },
}
