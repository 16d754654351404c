//! The file hierarchy by path, with what std and `wasi:filesystem` leave out:
//! modes, owners, devices, inodes, links, times, watching.
//!
//! Relative paths start at the process's working directory.

use crate::{Result, sys};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `-`
    Regular,
    /// `d`
    Directory,
    /// `l`
    Symlink,
    /// `p`
    Fifo,
    /// `c`
    CharacterDevice,
    /// `b`
    BlockDevice,
    /// `s`
    Socket,
}

impl Kind {
    /// The first letter `ls -l` prints.
    pub fn letter(self) -> u8 {
        match self {
            Kind::Regular => b'-',
            Kind::Directory => b'd',
            Kind::Symlink => b'l',
            Kind::Fifo => b'p',
            Kind::CharacterDevice => b'c',
            Kind::BlockDevice => b'b',
            Kind::Socket => b's',
        }
    }

    /// The S_IFMT bits.
    pub fn bits(self) -> u32 {
        match self {
            Kind::Regular => 0o100000,
            Kind::Directory => 0o040000,
            Kind::Symlink => 0o120000,
            Kind::Fifo => 0o010000,
            Kind::CharacterDevice => 0o020000,
            Kind::BlockDevice => 0o060000,
            Kind::Socket => 0o140000,
        }
    }
}

/// Since 1970-01-01T00:00:00Z; nanoseconds below 1,000,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    /// Whole seconds, before 1970 negative.
    pub seconds: i64,
    /// Further nanoseconds.
    pub nanoseconds: u32,
}

/// struct stat.
#[derive(Clone, Debug)]
pub struct Attributes {
    /// The file's type.
    pub kind: Kind,
    /// Permission, set-id and sticky bits (07777).
    pub mode: u32,
    /// st_uid
    pub user: u32,
    /// st_gid
    pub group: u32,
    /// st_nlink
    pub links: u64,
    /// st_ino
    pub inode: u64,
    /// st_dev
    pub device: u64,
    /// st_rdev
    pub represents: u64,
    /// st_size, in bytes
    pub size: u64,
    /// st_blocks, of 512 bytes
    pub blocks: u64,
    /// st_atim
    pub accessed: Timestamp,
    /// st_mtim
    pub modified: Timestamp,
    /// st_ctim
    pub changed: Timestamp,
}

impl Attributes {
    /// Whether the file is a directory.
    pub fn is_dir(&self) -> bool {
        self.kind == Kind::Directory
    }

    /// Whether the file is a regular one.
    pub fn is_file(&self) -> bool {
        self.kind == Kind::Regular
    }

    /// Whether the file is a symbolic link.
    pub fn is_symlink(&self) -> bool {
        self.kind == Kind::Symlink
    }

    /// Whether both describe one file.
    pub fn same_file(&self, other: &Attributes) -> bool {
        self.inode == other.inode && self.device == other.device
    }

    /// st_mode: type and permission bits.
    pub fn mode_and_type(&self) -> u32 {
        self.kind.bits() | self.mode
    }
}

/// Linux's device number of a major and a minor.
pub fn device_number(major: u64, minor: u64) -> u64 {
    (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & !0xff) << 12) | ((major & !0xfff) << 32)
}

/// Major and minor of a Linux device number.
pub fn device_parts(number: u64) -> (u64, u64) {
    (((number >> 8) & 0xfff) | ((number >> 32) & !0xfff), (number & 0xff) | ((number >> 12) & 0xffff_ff00))
}

/// UTIME_OMIT, UTIME_NOW or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewTime {
    /// Leave it.
    Keep,
    /// The time of the call.
    Now,
    /// This time.
    At(Timestamp),
}

/// struct statvfs.
#[derive(Clone, Debug)]
pub struct Figures {
    /// `overlay`, `tmpfs`, …
    pub kind: String,
    /// Bytes per block.
    pub block_size: u64,
    /// All blocks.
    pub blocks: u64,
    /// Free blocks.
    pub free: u64,
    /// Free blocks for others than root.
    pub available: u64,
    /// All inodes.
    pub inodes: u64,
    /// Free inodes.
    pub free_inodes: u64,
    /// The longest name, in bytes.
    pub name_max: u64,
    /// Mounted read-only.
    pub read_only: bool,
}

/// One entry of a directory.
#[derive(Clone, Debug)]
pub struct DirEntry {
    /// The name, without a slash.
    pub name: Vec<u8>,
    /// The file's type.
    pub kind: Kind,
    /// The file's inode.
    pub inode: u64,
}

/// What [`access`] asks for; the default asks whether the file exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permission {
    /// R_OK
    pub read: bool,
    /// W_OK
    pub write: bool,
    /// X_OK
    pub execute: bool,
}

/// How [`rename_with`] treats an existing target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RenameFlags {
    /// Fail with `EEXIST`.
    pub no_replace: bool,
    /// Swap both names.
    pub exchange: bool,
}

/// The working directory's absolute path (getcwd).
pub fn working_directory() -> Result<Vec<u8>> {
    sys::fs::working_directory()
}

/// chdir()
pub fn change_directory(path: impl AsRef<[u8]>) -> Result<()> {
    sys::fs::change_directory(path.as_ref())
}

/// A directory's entries without `.` and `..`, in the directory's order.
pub fn read_dir(path: impl AsRef<[u8]>) -> Result<ReadDir> {
    sys::fs::ReadDir::open(path.as_ref()).map(|stream| ReadDir { stream, queue: Vec::new().into_iter(), done: false })
}

/// The entries of an open directory, fetched in batches.
#[derive(Debug)]
pub struct ReadDir {
    stream: sys::fs::ReadDir,
    queue: std::vec::IntoIter<DirEntry>,
    done: bool,
}

impl Iterator for ReadDir {
    type Item = Result<DirEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(entry) = self.queue.next() {
            return Some(Ok(entry));
        }
        if self.done {
            return None;
        }
        match self.stream.batch(256) {
            Ok(entries) => {
                self.done = entries.is_empty();
                self.queue = entries.into_iter();
                self.queue.next().map(Ok)
            }
            Err(errno) => {
                self.done = true;
                Some(Err(errno))
            }
        }
    }
}

/// stat()
pub fn stat(path: impl AsRef<[u8]>) -> Result<Attributes> {
    sys::fs::stat(path.as_ref(), true)
}

/// lstat()
pub fn lstat(path: impl AsRef<[u8]>) -> Result<Attributes> {
    sys::fs::stat(path.as_ref(), false)
}

/// mkdir()
pub fn create_dir(path: impl AsRef<[u8]>, mode: u32) -> Result<()> {
    sys::fs::create_dir(path.as_ref(), mode)
}

/// rmdir()
pub fn remove_dir(path: impl AsRef<[u8]>) -> Result<()> {
    sys::fs::remove_dir(path.as_ref())
}

/// unlink()
pub fn unlink(path: impl AsRef<[u8]>) -> Result<()> {
    sys::fs::unlink(path.as_ref())
}

/// rename()
pub fn rename(old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> Result<()> {
    rename_with(old, new, RenameFlags::default())
}

/// renameat2()
pub fn rename_with(old: impl AsRef<[u8]>, new: impl AsRef<[u8]>, flags: RenameFlags) -> Result<()> {
    sys::fs::rename(old.as_ref(), new.as_ref(), flags)
}

/// link(); with `follow` a link to what a symbolic link names.
pub fn link(existing: impl AsRef<[u8]>, new: impl AsRef<[u8]>, follow: bool) -> Result<()> {
    sys::fs::link(existing.as_ref(), new.as_ref(), follow)
}

/// symlink()
pub fn symlink(contents: impl AsRef<[u8]>, path: impl AsRef<[u8]>) -> Result<()> {
    sys::fs::symlink(contents.as_ref(), path.as_ref())
}

/// readlink()
pub fn read_link(path: impl AsRef<[u8]>) -> Result<Vec<u8>> {
    sys::fs::read_link(path.as_ref())
}

/// realpath(): absolute, without symbolic links, dots or double slashes.
pub fn real_path(path: impl AsRef<[u8]>) -> Result<Vec<u8>> {
    sys::fs::real_path(path.as_ref())
}

/// truncate()
pub fn set_size(path: impl AsRef<[u8]>, size: u64) -> Result<()> {
    sys::fs::set_size(path.as_ref(), size)
}

/// chmod()
pub fn set_mode(path: impl AsRef<[u8]>, mode: u32) -> Result<()> {
    sys::fs::set_mode(path.as_ref(), mode)
}

/// chown() and lchown(); `None` leaves a side as it is.
pub fn set_owner(path: impl AsRef<[u8]>, user: Option<u32>, group: Option<u32>, follow: bool) -> Result<()> {
    sys::fs::set_owner(path.as_ref(), user, group, follow)
}

/// utimensat()
pub fn set_times(path: impl AsRef<[u8]>, accessed: NewTime, modified: NewTime, follow: bool) -> Result<()> {
    sys::fs::set_times(path.as_ref(), accessed, modified, follow)
}

/// mknod() and mkfifo(); `represents` is the number of a device.
pub fn make_node(path: impl AsRef<[u8]>, kind: Kind, mode: u32, represents: u64) -> Result<()> {
    sys::fs::make_node(path.as_ref(), kind, mode, represents)
}

/// access(); with `effective` for the effective ids (AT_EACCESS).
pub fn access(path: impl AsRef<[u8]>, wanted: Permission, effective: bool) -> Result<()> {
    sys::fs::access(path.as_ref(), wanted, effective)
}

/// statvfs()
pub fn figures(path: impl AsRef<[u8]>) -> Result<Figures> {
    sys::fs::figures(path.as_ref())
}

/// sync()
pub fn sync_all() {
    sys::fs::sync_all();
}

/// getxattr(2); `ENODATA` when there is none.
pub fn get_xattr(path: impl AsRef<[u8]>, name: impl AsRef<[u8]>, follow: bool) -> Result<Vec<u8>> {
    sys::fs::get_xattr(path.as_ref(), name.as_ref(), follow)
}

/// setxattr(2); `None` removes it.
pub fn set_xattr(path: impl AsRef<[u8]>, name: impl AsRef<[u8]>, value: Option<&[u8]>, follow: bool) -> Result<()> {
    sys::fs::set_xattr(path.as_ref(), name.as_ref(), value, follow)
}

/// listxattr(2)
pub fn list_xattrs(path: impl AsRef<[u8]>, follow: bool) -> Result<Vec<Vec<u8>>> {
    sys::fs::list_xattrs(path.as_ref(), follow)
}

/// Events of inotify(7), by its bit values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Events(pub u32);

#[allow(missing_docs)]
impl Events {
    pub const ACCESS: Events = Events(0x1);
    pub const MODIFY: Events = Events(0x2);
    pub const ATTRIBUTES: Events = Events(0x4);
    pub const CLOSE_WRITE: Events = Events(0x8);
    pub const CLOSE_NO_WRITE: Events = Events(0x10);
    pub const OPEN: Events = Events(0x20);
    pub const MOVED_FROM: Events = Events(0x40);
    pub const MOVED_TO: Events = Events(0x80);
    pub const CREATE: Events = Events(0x100);
    pub const DELETE: Events = Events(0x200);
    pub const DELETE_SELF: Events = Events(0x400);
    pub const MOVE_SELF: Events = Events(0x800);
    pub const OVERFLOW: Events = Events(0x4000);
    pub const IGNORED: Events = Events(0x8000);
    pub const DIRECTORY: Events = Events(0x4000_0000);

    /// Whether all of `other` are in this set.
    pub fn contains(self, other: Events) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether one of `other` is in this set.
    pub fn intersects(self, other: Events) -> bool {
        self.0 & other.0 != 0
    }
}

impl std::ops::BitOr for Events {
    type Output = Events;

    fn bitor(self, other: Events) -> Events {
        Events(self.0 | other.0)
    }
}

/// Something happened to a watched file or in a watched directory.
#[derive(Clone, Debug)]
pub struct Event {
    /// What [`Watcher::add`] answered.
    pub watch: u32,
    /// What happened.
    pub events: Events,
    /// The same for both halves of a move.
    pub cookie: u32,
    /// The name in a watched directory.
    pub name: Option<Vec<u8>>,
}

/// inotify(7): tells of changes by any process.
#[derive(Debug)]
pub struct Watcher(pub(crate) sys::fs::Watcher);

impl Watcher {
    /// Watches nothing yet.
    pub fn new() -> Result<Watcher> {
        sys::fs::Watcher::new().map(Watcher)
    }

    /// Watches a path for `events`.
    pub fn add(&self, path: impl AsRef<[u8]>, events: Events) -> Result<u32> {
        self.0.add(path.as_ref(), events)
    }

    /// Ends a watch.
    pub fn remove(&self, watch: u32) -> Result<()> {
        self.0.remove(watch)
    }

    /// The queued events, oldest first, without blocking;
    /// [`crate::poll::wait`] waits for them.
    pub fn take(&self) -> Vec<Event> {
        self.0.take()
    }
}
