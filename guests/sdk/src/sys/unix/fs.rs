//! The file hierarchy over system calls.

use std::ffi::CStr;

use super::{c_string, check, check_size, last};
use crate::fs::{Attributes, DirEntry, Event, Events, Figures, Kind, NewTime, Permission, RenameFlags, Timestamp};
use crate::{Errno, Result};

fn kind_of(mode: u32) -> Kind {
    match mode & libc::S_IFMT {
        libc::S_IFDIR => Kind::Directory,
        libc::S_IFLNK => Kind::Symlink,
        libc::S_IFIFO => Kind::Fifo,
        libc::S_IFCHR => Kind::CharacterDevice,
        libc::S_IFBLK => Kind::BlockDevice,
        libc::S_IFSOCK => Kind::Socket,
        _ => Kind::Regular,
    }
}

pub(super) fn attributes(stat: &libc::stat) -> Attributes {
    let time = |seconds: i64, nanoseconds: i64| Timestamp { seconds, nanoseconds: nanoseconds as u32 };
    Attributes {
        kind: kind_of(stat.st_mode),
        mode: stat.st_mode & 0o7777,
        user: stat.st_uid,
        group: stat.st_gid,
        links: stat.st_nlink,
        inode: stat.st_ino,
        device: stat.st_dev,
        represents: stat.st_rdev,
        size: stat.st_size as u64,
        blocks: stat.st_blocks as u64,
        accessed: time(stat.st_atime, stat.st_atime_nsec),
        modified: time(stat.st_mtime, stat.st_mtime_nsec),
        changed: time(stat.st_ctime, stat.st_ctime_nsec),
    }
}

pub(super) fn times(accessed: NewTime, modified: NewTime) -> [libc::timespec; 2] {
    let convert = |time| match time {
        NewTime::Keep => libc::timespec { tv_sec: 0, tv_nsec: libc::UTIME_OMIT },
        NewTime::Now => libc::timespec { tv_sec: 0, tv_nsec: libc::UTIME_NOW },
        NewTime::At(at) => libc::timespec { tv_sec: at.seconds, tv_nsec: i64::from(at.nanoseconds) },
    };
    [convert(accessed), convert(modified)]
}

pub fn working_directory() -> Result<Vec<u8>> {
    let mut buffer = vec![0u8; 65536];
    // SAFETY: the buffer is valid for its length.
    if unsafe { libc::getcwd(buffer.as_mut_ptr().cast(), buffer.len()) }.is_null() {
        return Err(last());
    }
    let length = buffer.iter().position(|byte| *byte == 0).unwrap_or(0);
    buffer.truncate(length);
    Ok(buffer)
}

pub fn change_directory(path: &[u8]) -> Result<()> {
    let path = c_string(path)?;
    // SAFETY: the path ends with a zero byte.
    check(unsafe { libc::chdir(path.as_ptr()) }).map(drop)
}

pub struct ReadDir(*mut libc::DIR);

impl std::fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReadDir")
    }
}

impl ReadDir {
    pub fn open(path: &[u8]) -> Result<ReadDir> {
        let path = c_string(path)?;
        // SAFETY: the path ends with a zero byte.
        let stream = unsafe { libc::opendir(path.as_ptr()) };
        if stream.is_null() { Err(last()) } else { Ok(ReadDir(stream)) }
    }

    pub fn batch(&mut self, max: u32) -> Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        while entries.len() < max as usize {
            // SAFETY: the stream is open; errno tells the end from a failure;
            // the entry is copied before the next call.
            unsafe {
                *libc::__errno_location() = 0;
                let entry = libc::readdir(self.0);
                if entry.is_null() {
                    match *libc::__errno_location() {
                        0 => break,
                        number => return Err(Errno::from_raw(number)),
                    }
                }
                let name = CStr::from_ptr((*entry).d_name.as_ptr()).to_bytes();
                if name == b"." || name == b".." {
                    continue;
                }
                let kind = match (*entry).d_type {
                    libc::DT_DIR => Kind::Directory,
                    libc::DT_LNK => Kind::Symlink,
                    libc::DT_FIFO => Kind::Fifo,
                    libc::DT_CHR => Kind::CharacterDevice,
                    libc::DT_BLK => Kind::BlockDevice,
                    libc::DT_SOCK => Kind::Socket,
                    _ => Kind::Regular,
                };
                entries.push(DirEntry { name: name.to_vec(), kind, inode: (*entry).d_ino });
            }
        }
        Ok(entries)
    }
}

impl Drop for ReadDir {
    fn drop(&mut self) {
        // SAFETY: the stream is open and closed only here.
        unsafe { libc::closedir(self.0) };
    }
}

pub fn stat(path: &[u8], follow: bool) -> Result<Attributes> {
    let path = c_string(path)?;
    // SAFETY: stat is plain data that the call fills.
    unsafe {
        let mut stat = std::mem::zeroed();
        let call = if follow { libc::stat } else { libc::lstat };
        check(call(path.as_ptr(), &mut stat))?;
        Ok(attributes(&stat))
    }
}

pub fn create_dir(path: &[u8], mode: u32) -> Result<()> {
    let path = c_string(path)?;
    // SAFETY: the path ends with a zero byte.
    check(unsafe { libc::mkdir(path.as_ptr(), mode) }).map(drop)
}

pub fn remove_dir(path: &[u8]) -> Result<()> {
    let path = c_string(path)?;
    // SAFETY: the path ends with a zero byte.
    check(unsafe { libc::rmdir(path.as_ptr()) }).map(drop)
}

pub fn unlink(path: &[u8]) -> Result<()> {
    let path = c_string(path)?;
    // SAFETY: the path ends with a zero byte.
    check(unsafe { libc::unlink(path.as_ptr()) }).map(drop)
}

pub fn rename(old: &[u8], new: &[u8], flags: RenameFlags) -> Result<()> {
    let (old, new) = (c_string(old)?, c_string(new)?);
    let bits = if flags.no_replace { libc::RENAME_NOREPLACE } else { 0 }
        | if flags.exchange { libc::RENAME_EXCHANGE } else { 0 };
    // SAFETY: both paths end with a zero byte.
    check(unsafe { libc::renameat2(libc::AT_FDCWD, old.as_ptr(), libc::AT_FDCWD, new.as_ptr(), bits) }).map(drop)
}

pub fn link(existing: &[u8], new: &[u8], follow: bool) -> Result<()> {
    let (existing, new) = (c_string(existing)?, c_string(new)?);
    let flags = if follow { libc::AT_SYMLINK_FOLLOW } else { 0 };
    // SAFETY: both paths end with a zero byte.
    check(unsafe { libc::linkat(libc::AT_FDCWD, existing.as_ptr(), libc::AT_FDCWD, new.as_ptr(), flags) }).map(drop)
}

pub fn symlink(contents: &[u8], path: &[u8]) -> Result<()> {
    let (contents, path) = (c_string(contents)?, c_string(path)?);
    // SAFETY: both paths end with a zero byte.
    check(unsafe { libc::symlink(contents.as_ptr(), path.as_ptr()) }).map(drop)
}

pub fn read_link(path: &[u8]) -> Result<Vec<u8>> {
    let path = c_string(path)?;
    let mut buffer = vec![0u8; 65536];
    // SAFETY: the buffer is valid for its length.
    let length = check_size(unsafe { libc::readlink(path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) })?;
    buffer.truncate(length);
    Ok(buffer)
}

pub fn real_path(path: &[u8]) -> Result<Vec<u8>> {
    let path = c_string(path)?;
    // SAFETY: with a null buffer the answer is allocated and freed here.
    unsafe {
        let answer = libc::realpath(path.as_ptr(), std::ptr::null_mut());
        if answer.is_null() {
            return Err(last());
        }
        let bytes = CStr::from_ptr(answer).to_bytes().to_vec();
        libc::free(answer.cast());
        Ok(bytes)
    }
}

pub fn set_size(path: &[u8], size: u64) -> Result<()> {
    let path = c_string(path)?;
    let size = i64::try_from(size).map_err(|_| Errno::FBIG)?;
    // SAFETY: the path ends with a zero byte.
    check(unsafe { libc::truncate(path.as_ptr(), size) }).map(drop)
}

pub fn set_mode(path: &[u8], mode: u32) -> Result<()> {
    let path = c_string(path)?;
    // SAFETY: the path ends with a zero byte.
    check(unsafe { libc::chmod(path.as_ptr(), mode) }).map(drop)
}

fn at_flags(follow: bool) -> i32 {
    if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW }
}

pub fn set_owner(path: &[u8], user: Option<u32>, group: Option<u32>, follow: bool) -> Result<()> {
    let path = c_string(path)?;
    let (user, group) = (user.unwrap_or(u32::MAX), group.unwrap_or(u32::MAX));
    // SAFETY: the path ends with a zero byte.
    check(unsafe { libc::fchownat(libc::AT_FDCWD, path.as_ptr(), user, group, at_flags(follow)) }).map(drop)
}

pub fn set_times(path: &[u8], accessed: NewTime, modified: NewTime, follow: bool) -> Result<()> {
    let path = c_string(path)?;
    let times = times(accessed, modified);
    // SAFETY: the path ends with a zero byte, the array has two elements.
    check(unsafe { libc::utimensat(libc::AT_FDCWD, path.as_ptr(), times.as_ptr(), at_flags(follow)) }).map(drop)
}

pub fn make_node(path: &[u8], kind: Kind, mode: u32, represents: u64) -> Result<()> {
    let path = c_string(path)?;
    // SAFETY: the path ends with a zero byte.
    check(unsafe { libc::mknod(path.as_ptr(), kind.bits() | mode, represents) }).map(drop)
}

pub fn access(path: &[u8], wanted: Permission, effective: bool) -> Result<()> {
    let path = c_string(path)?;
    let mode = if wanted.read { libc::R_OK } else { 0 }
        | if wanted.write { libc::W_OK } else { 0 }
        | if wanted.execute { libc::X_OK } else { 0 };
    let flags = if effective { libc::AT_EACCESS } else { 0 };
    // SAFETY: the path ends with a zero byte.
    check(unsafe { libc::faccessat(libc::AT_FDCWD, path.as_ptr(), mode, flags) }).map(drop)
}

pub(super) fn figures_of(figures: &libc::statfs) -> Figures {
    let kind = match figures.f_type {
        0x794c_7630 => "overlay",
        0xef53 => "ext2/ext3",
        0x0102_1994 => "tmpfs",
        0x9fa0 => "proc",
        0x6265_6572 => "sysfs",
        0x9123_683e => "btrfs",
        0x5846_5342 => "xfs",
        _ => "UNKNOWN",
    };
    Figures {
        kind: kind.to_string(),
        block_size: figures.f_bsize as u64,
        blocks: figures.f_blocks,
        free: figures.f_bfree,
        available: figures.f_bavail,
        inodes: figures.f_files,
        free_inodes: figures.f_ffree,
        name_max: figures.f_namelen as u64,
        read_only: false,
    }
}

pub fn figures(path: &[u8]) -> Result<Figures> {
    let path = c_string(path)?;
    // SAFETY: statfs is plain data that the call fills.
    unsafe {
        let mut figures = std::mem::zeroed();
        check(libc::statfs(path.as_ptr(), &mut figures))?;
        Ok(figures_of(&figures))
    }
}

pub fn sync_all() {
    // SAFETY: a plain system call.
    unsafe { libc::sync() };
}

pub fn get_xattr(path: &[u8], name: &[u8], follow: bool) -> Result<Vec<u8>> {
    let (path, name) = (c_string(path)?, c_string(name)?);
    let mut value = vec![0u8; 65536];
    let call = if follow { libc::getxattr } else { libc::lgetxattr };
    // SAFETY: the buffer is valid for its length.
    let length = check_size(unsafe { call(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) })?;
    value.truncate(length);
    Ok(value)
}

pub fn set_xattr(path: &[u8], name: &[u8], value: Option<&[u8]>, follow: bool) -> Result<()> {
    let (path, name) = (c_string(path)?, c_string(name)?);
    // SAFETY: both names end with a zero byte, the value is valid for its length.
    check(unsafe {
        match (value, follow) {
            (Some(value), true) => libc::setxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0),
            (Some(value), false) => {
                libc::lsetxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0)
            }
            (None, true) => libc::removexattr(path.as_ptr(), name.as_ptr()),
            (None, false) => libc::lremovexattr(path.as_ptr(), name.as_ptr()),
        }
    })
    .map(drop)
}

pub fn list_xattrs(path: &[u8], follow: bool) -> Result<Vec<Vec<u8>>> {
    let path = c_string(path)?;
    let mut names = vec![0u8; 65536];
    let call = if follow { libc::listxattr } else { libc::llistxattr };
    // SAFETY: the buffer is valid for its length.
    let length = check_size(unsafe { call(path.as_ptr(), names.as_mut_ptr().cast(), names.len()) })?;
    names.truncate(length);
    Ok(names.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect())
}

#[derive(Debug)]
pub struct Watcher(pub(super) super::file::File);

impl Watcher {
    pub fn new() -> Result<Watcher> {
        // SAFETY: a plain system call.
        let fd = check(unsafe { libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK) })?;
        Ok(Watcher(super::file::File::from_fd(fd)))
    }

    pub fn add(&self, path: &[u8], events: Events) -> Result<u32> {
        let path = c_string(path)?;
        // SAFETY: the path ends with a zero byte.
        check(unsafe { libc::inotify_add_watch(self.0.fd(), path.as_ptr(), events.0) }).map(|watch| watch as u32)
    }

    pub fn remove(&self, watch: u32) -> Result<()> {
        // SAFETY: a plain system call.
        check(unsafe { libc::inotify_rm_watch(self.0.fd(), watch as i32) }).map(drop)
    }

    pub fn take(&self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Ok(bytes) = self.0.read(65536) {
            let mut rest = bytes.as_slice();
            // struct inotify_event: wd, mask, cookie, len, then the padded name.
            while let Some((header, tail)) = rest.split_first_chunk::<16>() {
                let field =
                    |at: usize| u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
                let length = field(12) as usize;
                let (name, next) = tail.split_at_checked(length).unwrap_or((tail, &[]));
                let name: Vec<u8> = name.iter().copied().take_while(|byte| *byte != 0).collect();
                events.push(Event {
                    watch: field(0),
                    events: Events(field(4)),
                    cookie: field(8),
                    name: if name.is_empty() { None } else { Some(name) },
                });
                rest = next;
            }
            if bytes.is_empty() {
                break;
            }
        }
        events
    }
}
