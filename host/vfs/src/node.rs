//! What a file system is to the namespace: nodes that hold names and attributes, handles that hold bytes.
//!
//! A node knows nothing of mounts, permissions, umask and read-only rules: [`crate::Namespace`] has checked all of
//! that before it calls one. Every method may be called from any thread at any time.

use crate::{
    Attributes, Caller, ContentIdentity, Errno, FileKind, FsFigures, Location, MountOptions, Name, Result,
    SetAttributes,
};
use std::any::Any;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

bitflags::bitflags! {
    /// What a regular file is opened for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Access: u8 {
        /// For reading.
        const READ = 1;
        /// For writing.
        const WRITE = 2;
        /// Cut to nothing at open; an overlay need not copy the old contents up.
        const TRUNCATE = 4;
    }

    /// renameat2(2) flags; not both.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct RenameFlags: u8 {
        /// Fail with `EEXIST` if the new name exists.
        const NO_REPLACE = 1;
        /// Swap both names.
        const EXCHANGE = 2;
    }

    /// setxattr(2) flags; not both.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct XattrFlags: u8 {
        /// Fail with `EEXIST` if there is one already.
        const CREATE = 1;
        /// Fail with `ENODATA` if there is none yet.
        const REPLACE = 2;
    }
}

/// A node to be made. The mode is final: the umask has been applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNode {
    /// Its kind.
    pub kind: NewKind,
    /// Permission, set-id and sticky bits (07777).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Owning group.
    pub gid: u32,
}

/// The kind of a node to be made, with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewKind {
    /// An empty file.
    Regular,
    /// An empty directory.
    Directory,
    /// A symbolic link with these contents.
    Symlink(Vec<u8>),
    /// A named pipe.
    Fifo,
    /// A character device with this device number.
    CharDevice(u64),
    /// A block device with this device number.
    BlockDevice(u64),
    /// A name for a Unix socket.
    Socket,
}

impl NewKind {
    /// The kind alone.
    pub const fn kind(&self) -> FileKind {
        match self {
            Self::Regular => FileKind::Regular,
            Self::Directory => FileKind::Directory,
            Self::Symlink(_) => FileKind::Symlink,
            Self::Fifo => FileKind::Fifo,
            Self::CharDevice(_) => FileKind::CharDevice,
            Self::BlockDevice(_) => FileKind::BlockDevice,
            Self::Socket => FileKind::Socket,
        }
    }
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The name.
    pub name: Vec<u8>,
    /// The kind of what it names.
    pub kind: FileKind,
    /// The inode number of what it names.
    pub ino: u64,
}

/// A file system that can be mounted.
pub trait Filesystem: Send + Sync {
    /// Its root: a directory, or a regular file for a single-file bind.
    fn root(&self) -> Arc<dyn Node>;
    /// What is mounted below the root along with it (`/dev/pts` with `/dev`), in this order: a path relative to the
    /// root, the file system, and how.
    fn beneath(&self) -> Vec<(&'static str, Arc<dyn Filesystem>, MountOptions)> {
        Vec::new()
    }
}

/// One node of one file system. The defaults are those of a node that is no directory and cannot be changed.
pub trait Node: Send + Sync + 'static {
    /// `struct stat`.
    fn attributes(&self) -> Result<Attributes>;
    /// The kind; never changes.
    fn kind(&self) -> FileKind;
    /// Device and inode number: which file this is.
    fn number(&self) -> Result<(u64, u64)> {
        self.attributes().map(|attributes| (attributes.dev, attributes.ino))
    }
    /// chmod, chown, utimes, truncate.
    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        let _ = change;
        Err(Errno::PERM)
    }
    /// Opens a regular file.
    fn open(&self, access: Access) -> Result<Arc<dyn Handle>> {
        let _ = access;
        Err(if self.kind() == FileKind::Directory { Errno::ISDIR } else { Errno::NXIO })
    }
    /// The contents of a symbolic link; `caller` decides what `/proc/self` says.
    fn read_link(&self, caller: &Caller) -> Result<Vec<u8>> {
        let _ = caller;
        Err(Errno::INVAL)
    }
    /// The node of that name. `ENOENT` if there is none.
    fn lookup(&self, name: &Name, caller: &Caller) -> Result<Arc<dyn Node>> {
        let _ = (name, caller);
        Err(Errno::NOTDIR)
    }
    /// Every name, without `.` and `..`, in no order.
    fn read_dir(&self, caller: &Caller) -> Result<Vec<DirEntry>> {
        let _ = caller;
        Err(Errno::NOTDIR)
    }
    /// Makes a node. `EEXIST` if the name is taken; of two racing calls one wins.
    fn create(&self, name: &Name, new: &NewNode) -> Result<Arc<dyn Node>> {
        let _ = (name, new);
        Err(refused(self.kind()))
    }
    /// Gives `target`, a node of this file system and no directory, another name here.
    fn link(&self, name: &Name, target: &Arc<dyn Node>) -> Result<()> {
        let _ = (name, target);
        Err(refused(self.kind()))
    }
    /// Removes the name of a node that is no directory (`EISDIR` otherwise). Open handles stay good.
    fn unlink(&self, name: &Name) -> Result<()> {
        let _ = name;
        Err(refused(self.kind()))
    }
    /// Removes an empty directory. `ENOTDIR`, `ENOTEMPTY`.
    fn rmdir(&self, name: &Name) -> Result<()> {
        let _ = name;
        Err(refused(self.kind()))
    }
    /// Moves `name` to `to_name` in `to`, a directory of this file system, atomically replacing what is there
    /// (POSIX rename()). A directory moved below itself is `EINVAL`.
    fn rename(&self, name: &Name, to: &Arc<dyn Node>, to_name: &Name, flags: RenameFlags) -> Result<()> {
        let _ = (name, to, to_name, flags);
        Err(refused(self.kind()))
    }
    /// getxattr(2); `ENODATA` if there is none.
    fn get_xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        let _ = name;
        Err(Errno::NODATA)
    }
    /// setxattr(2).
    fn set_xattr(&self, name: &[u8], value: &[u8], flags: XattrFlags) -> Result<()> {
        let _ = (name, value, flags);
        Err(Errno::NOTSUP)
    }
    /// removexattr(2); `ENODATA` if there is none.
    fn remove_xattr(&self, name: &[u8]) -> Result<()> {
        let _ = name;
        Err(Errno::NODATA)
    }
    /// listxattr(2).
    fn list_xattrs(&self) -> Result<Vec<Vec<u8>>> {
        Ok(Vec::new())
    }
    /// statvfs() of the file system.
    fn figures(&self) -> Result<FsFigures>;
    /// For a file system to recognise its own nodes.
    fn as_any(&self) -> &dyn Any;
    /// A magic link to an open file description (`/proc/PID/fd/N`): process and descriptor.
    fn descriptor(&self) -> Option<(u32, u32)> {
        None
    }
    /// Where a magic link leads without its text being read (`/proc/PID/cwd`, `exe`, `root`, and `fd/N` of a file
    /// in this namespace).
    fn jump(&self) -> Option<Location> {
        None
    }
    /// What `stat` through a magic link to something outside the namespace says (a pipe, a terminal).
    fn target_attributes(&self) -> Result<Attributes> {
        Err(Errno::NOENT)
    }
    /// chmod, chown and utimes through such a link.
    fn set_target_attributes(&self, change: &SetAttributes) -> Result<()> {
        let _ = change;
        Err(Errno::PERM)
    }
    /// For a node that programs outside the container may change (a bind): an `O_PATH` descriptor of the host's
    /// file, on which the host's inotify is set when a watch is put on the node.
    fn host_watch(&self) -> Option<OwnedFd> {
        None
    }
}

fn refused(kind: FileKind) -> Errno {
    if kind == FileKind::Directory { Errno::PERM } else { Errno::NOTDIR }
}

/// An open regular file of one file system, without a position.
pub trait Handle: Send + Sync + 'static {
    /// Reads at `offset`; 0 is the end of the file. May read less than asked only at the end.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize>;
    /// Writes at `offset`; answers how much was taken.
    fn write_at(&self, data: &[u8], offset: u64) -> Result<usize>;
    /// Writes at the end, atomically with finding the end; answers how much was taken and the new end.
    fn append(&self, data: &[u8]) -> Result<(usize, u64)>;
    /// ftruncate()
    fn set_len(&self, size: u64) -> Result<()>;
    /// fsync(), or fdatasync() with `data_only`.
    fn sync(&self, data_only: bool) -> Result<()>;
    /// fstat()
    fn attributes(&self) -> Result<Attributes>;
    /// fchmod(), fchown(), futimens()
    fn set_attributes(&self, change: &SetAttributes) -> Result<()>;
    /// What makes the content recognisable without reading it.
    fn identity(&self) -> Option<ContentIdentity> {
        None
    }
    /// The host's file behind it, for copy_file_range and mmap.
    fn host_file(&self) -> Option<&std::fs::File> {
        None
    }
}

/// A device number for a file system that is ours. It cannot be one of the host's: those have minors below 2^20.
pub fn new_device() -> u64 {
    static NEXT: AtomicU32 = AtomicU32::new(1 << 20);
    device_number(0, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// `makedev` as Linux encodes it.
pub fn device_number(major: u32, minor: u32) -> u64 {
    rustix::fs::makedev(major, minor)
}
