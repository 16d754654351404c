//! The only place where the daemon touches names on the host: every call takes a descriptor it holds and at most one
//! validated [`Name`], and follows no symbolic link.
//!
//! A file is first pinned (`O_PATH | O_NOFOLLOW`), which opens nothing — no fifo waits, no device wakes up — and then
//! looked at; only a pinned regular file or directory is ever opened. What the kernel offers only for paths is reached through
//! `/proc/self/fd/N` of a pinned descriptor, which names that very file whatever became of its name.

use crate::{Errno, FileKind, Name, Result, Timestamp};
use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, RenameFlags, Stat, Timespec, Timestamps, Uid, XattrFlags, chmod,
    chownat, fstat, getxattr, lgetxattr, linkat, listxattr, mkdirat, mknodat, openat, readlinkat, removexattr,
    renameat_with, setxattr, statat, symlinkat, unlinkat, utimensat,
};
use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

const PIN: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const SELF: &CStr = c".";

/// A host file that is held, whatever it is, without having been opened.
#[derive(Debug)]
pub(super) struct Pin(OwnedFd);

impl Pin {
    pub(super) fn new(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }

    pub(super) fn duplicate(&self) -> Option<OwnedFd> {
        self.0.try_clone().ok()
    }

    fn magic(&self) -> String {
        format!("/proc/self/fd/{}", self.0.as_raw_fd())
    }

    /// What is held.
    pub(super) fn stat(&self) -> Result<Stat> {
        fstat(&self.0)
    }

    /// Pins what has this name in the directory.
    pub(super) fn child(&self, name: &Name) -> Result<Self> {
        Ok(Self(openat(&self.0, name.as_bytes(), PIN, Mode::empty())?))
    }

    /// Opens the file, which must be regular: `O_PATH` was no promise of that, [`Pin::stat`] was.
    pub(super) fn open(&self, flags: OFlags) -> Result<File> {
        if FileType::from_raw_mode(self.stat()?.st_mode) != FileType::RegularFile {
            return Err(Errno::NXIO);
        }
        let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        Ok(openat(CWD, self.magic(), flags, Mode::empty())?.into())
    }

    /// Opens the directory for listing.
    pub(super) fn list(&self) -> Result<rustix::fs::Dir> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::Dir::new(openat(&self.0, SELF, flags, Mode::empty())?)
    }

    /// What has this name in the directory.
    pub(super) fn stat_child(&self, name: &Name) -> Result<Stat> {
        statat(&self.0, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW)
    }

    pub(super) fn read_link(&self) -> Result<Vec<u8>> {
        Ok(readlinkat(&self.0, c"", Vec::new())?.into_bytes())
    }

    pub(super) fn create_file(&self, name: &Name, mode: u32) -> Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.0, name.as_bytes(), flags, Mode::from_raw_mode(mode & 0o777))?.into())
    }

    pub(super) fn create_directory(&self, name: &Name, mode: u32) -> Result<()> {
        mkdirat(&self.0, name.as_bytes(), Mode::from_raw_mode(mode & 0o777))
    }

    pub(super) fn create_symlink(&self, name: &Name, contents: &[u8]) -> Result<()> {
        symlinkat(contents, &self.0, name.as_bytes())
    }

    /// A fifo or socket. Device nodes are never made on the host.
    pub(super) fn create_node(&self, name: &Name, kind: FileKind, mode: u32) -> Result<()> {
        let kind = match kind {
            FileKind::Fifo => FileType::Fifo,
            FileKind::Socket => FileType::Socket,
            _ => return Err(Errno::PERM),
        };
        mknodat(&self.0, name.as_bytes(), kind, Mode::from_raw_mode(mode & 0o777), 0)
    }

    pub(super) fn link(&self, name: &Name, target: &Self) -> Result<()> {
        linkat(CWD, target.magic(), &self.0, name.as_bytes(), AtFlags::SYMLINK_FOLLOW)
    }

    pub(super) fn remove(&self, name: &Name, directory: bool) -> Result<()> {
        unlinkat(&self.0, name.as_bytes(), if directory { AtFlags::REMOVEDIR } else { AtFlags::empty() })
    }

    pub(super) fn rename(&self, name: &Name, to: &Self, to_name: &Name, flags: RenameFlags) -> Result<()> {
        renameat_with(&self.0, name.as_bytes(), &to.0, to_name.as_bytes(), flags)
    }

    /// Not for symbolic links, which have no mode of their own.
    pub(super) fn set_mode(&self, mode: u32) -> Result<()> {
        chmod(self.magic(), Mode::from_raw_mode(mode & 0o7777))
    }

    pub(super) fn set_owner(&self, uid: Option<u32>, gid: Option<u32>) -> Result<()> {
        let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        chownat(&self.0, c"", uid, gid, AtFlags::EMPTY_PATH)
    }

    pub(super) fn set_times(&self, atime: Option<Timestamp>, mtime: Option<Timestamp>) -> Result<()> {
        let spec = |time: Option<Timestamp>| match time {
            Some(time) => Timespec { tv_sec: time.seconds, tv_nsec: time.nanoseconds.into() },
            None => Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
        };
        let times = Timestamps { last_access: spec(atime), last_modification: spec(mtime) };
        utimensat(&self.0, c"", &times, AtFlags::EMPTY_PATH)
    }

    pub(super) fn get_xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        let path = self.magic();
        read_all(|buffer| getxattr(&*path, name, buffer))
    }

    /// The attribute of what has this name in the directory.
    pub(super) fn get_xattr_of_child(&self, child: &Name, name: &[u8]) -> Result<Vec<u8>> {
        let path = [self.magic().as_bytes(), b"/", child.as_bytes()].concat();
        read_all(|buffer| lgetxattr(&*path, name, buffer))
    }

    pub(super) fn set_xattr(&self, name: &[u8], value: &[u8], flags: XattrFlags) -> Result<()> {
        setxattr(self.magic(), name, value, flags)
    }

    pub(super) fn remove_xattr(&self, name: &[u8]) -> Result<()> {
        removexattr(self.magic(), name)
    }

    pub(super) fn list_xattrs(&self) -> Result<Vec<Vec<u8>>> {
        let path = self.magic();
        let names = read_all(|buffer| listxattr(&*path, buffer))?;
        Ok(names.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect())
    }
}

impl AsFd for Pin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Reads something of unknown length up to 64 KiB, the kernel's limit for attributes.
fn read_all(read: impl Fn(&mut [u8]) -> Result<usize>) -> Result<Vec<u8>> {
    let mut size = 256;
    loop {
        let mut buffer = vec![0; size];
        match read(&mut buffer) {
            Ok(count) => {
                buffer.truncate(count);
                return Ok(buffer);
            }
            Err(Errno::RANGE) if size < 64 << 10 => size = 64 << 10,
            Err(error) => return Err(error),
        }
    }
}
