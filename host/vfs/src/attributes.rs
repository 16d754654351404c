//! What POSIX keeps about a file: kind, mode, owner, times and the figures of a file system.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The kind of a file (the `S_IFMT` part of `st_mode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKind {
    /// Bytes at offsets.
    Regular,
    /// Names of other files.
    Directory,
    /// A path that stands in for another.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A device read and written as a stream.
    CharDevice,
    /// A device of blocks.
    BlockDevice,
    /// A name bound to a Unix socket.
    Socket,
}

impl FileKind {
    /// The `S_IFMT` bits, as in `st_mode` and in archives.
    pub const fn mode_bits(self) -> u32 {
        match self {
            Self::Fifo => 0o010000,
            Self::CharDevice => 0o020000,
            Self::Directory => 0o040000,
            Self::BlockDevice => 0o060000,
            Self::Regular => 0o100000,
            Self::Symlink => 0o120000,
            Self::Socket => 0o140000,
        }
    }

    /// The kind that the `S_IFMT` bits of a full `st_mode` say, if any.
    pub const fn from_mode_bits(mode: u32) -> Option<Self> {
        Some(match mode & 0o170000 {
            0o010000 => Self::Fifo,
            0o020000 => Self::CharDevice,
            0o040000 => Self::Directory,
            0o060000 => Self::BlockDevice,
            0o100000 => Self::Regular,
            0o120000 => Self::Symlink,
            0o140000 => Self::Socket,
            _ => return None,
        })
    }

    /// Whether this is a directory.
    pub const fn is_directory(self) -> bool {
        matches!(self, Self::Directory)
    }
}

/// A moment, counted from 1970-01-01T00:00:00Z; `nanoseconds` is below 1,000,000,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp {
    /// Whole seconds, negative before 1970.
    pub seconds: i64,
    /// Nanoseconds to add.
    pub nanoseconds: u32,
}

impl Timestamp {
    /// The wall clock, at the resolution and price of the kernel's coarse clock (a few milliseconds), as Linux
    /// stamps its files.
    pub fn now() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
        Self { seconds: now.tv_sec, nanoseconds: u32::try_from(now.tv_nsec).unwrap_or(0) }
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => {
                Self { seconds: i64::try_from(after.as_secs()).unwrap_or(i64::MAX), nanoseconds: after.subsec_nanos() }
            }
            Err(before) => {
                let before = before.duration();
                let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX).saturating_neg();
                match before.subsec_nanos() {
                    0 => Self { seconds, nanoseconds: 0 },
                    part => Self { seconds: seconds.saturating_sub(1), nanoseconds: 1_000_000_000 - part },
                }
            }
        }
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        let part = Duration::from_nanos(u64::from(time.nanoseconds));
        let whole = Duration::from_secs(time.seconds.unsigned_abs());
        let base = if time.seconds >= 0 { UNIX_EPOCH.checked_add(whole) } else { UNIX_EPOCH.checked_sub(whole) };
        base.and_then(|base| base.checked_add(part)).unwrap_or(UNIX_EPOCH)
    }
}

/// `struct stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// The kind of the file.
    pub kind: FileKind,
    /// Permission, set-id and sticky bits (07777); the kind is not among them.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Owning group.
    pub gid: u32,
    /// Hard links.
    pub nlink: u64,
    /// Inode number, unique within `dev`.
    pub ino: u64,
    /// The file system's device number.
    pub dev: u64,
    /// What a device node stands for; 0 for other kinds.
    pub rdev: u64,
    /// Size in bytes.
    pub size: u64,
    /// Space taken, in units of 512 bytes.
    pub blocks: u64,
    /// Last read.
    pub atime: Timestamp,
    /// Last change of the contents.
    pub mtime: Timestamp,
    /// Last change of the attributes or contents.
    pub ctime: Timestamp,
}

/// `UTIME_OMIT`, `UTIME_NOW` or a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewTime {
    /// Leave as it is.
    #[default]
    Keep,
    /// The present.
    Now,
    /// This time.
    At(Timestamp),
}

impl NewTime {
    /// The time to store, `None` to keep the old one.
    pub fn resolve(self) -> Option<Timestamp> {
        match self {
            Self::Keep => None,
            Self::Now => Some(Timestamp::now()),
            Self::At(time) => Some(time),
        }
    }
}

/// A change of attributes; what is `None` or `Keep` stays. The change time moves with every change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetAttributes {
    /// New mode bits (07777).
    pub mode: Option<u32>,
    /// New owner.
    pub uid: Option<u32>,
    /// New group.
    pub gid: Option<u32>,
    /// New size in bytes (regular files).
    pub size: Option<u64>,
    /// New access time.
    pub atime: NewTime,
    /// New modification time.
    pub mtime: NewTime,
}

/// `struct statvfs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FsFigures {
    /// The file system's name as `df -T` shows it: `overlay`, `tmpfs`, `proc`.
    pub kind: &'static str,
    /// Bytes a block.
    pub block_size: u64,
    /// Blocks in all.
    pub blocks: u64,
    /// Free blocks.
    pub free: u64,
    /// Free blocks for users other than root.
    pub available: u64,
    /// Inodes in all; 0 if not counted.
    pub inodes: u64,
    /// Free inodes.
    pub free_inodes: u64,
    /// Longest name in bytes.
    pub name_max: u64,
    /// Whether nothing can be written.
    pub read_only: bool,
}

/// What makes two opens yield the same bytes: equal identities mean equal content, and the compile cache may skip
/// hashing. Where a file system cannot promise that, it gives none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContentIdentity {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Size in bytes.
    pub size: u64,
    /// Last change of the contents.
    pub mtime: Timestamp,
    /// Last change of the attributes.
    pub ctime: Timestamp,
}
