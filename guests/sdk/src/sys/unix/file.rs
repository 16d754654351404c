//! Open files over descriptors.

use std::io::SeekFrom;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::{c_string, check, check_size, last};
use crate::file::{Access, Lock, OpenOptions, StatusFlags};
use crate::fs::{Attributes, Figures, NewTime};
use crate::{Errno, Result};

#[derive(Debug)]
pub struct File(OwnedFd);

impl File {
    pub(super) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    pub(super) fn from_fd(fd: RawFd) -> File {
        // SAFETY: every caller has just been given this descriptor by the system.
        File(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    pub fn read(&self, max: usize) -> Result<Vec<u8>> {
        let mut buffer = vec![0; max.min(1 << 20)];
        let length = self.read_into(&mut buffer)?;
        buffer.truncate(length);
        Ok(buffer)
    }

    pub fn read_into(&self, buffer: &mut [u8]) -> Result<usize> {
        // SAFETY: the buffer is valid for its length.
        check_size(unsafe { libc::read(self.fd(), buffer.as_mut_ptr().cast(), buffer.len()) })
    }

    pub fn read_at(&self, max: usize, offset: u64) -> Result<Vec<u8>> {
        let mut buffer = vec![0; max.min(1 << 20)];
        let offset = i64::try_from(offset).map_err(|_| Errno::INVAL)?;
        // SAFETY: the buffer is valid for its length.
        let length = check_size(unsafe { libc::pread(self.fd(), buffer.as_mut_ptr().cast(), buffer.len(), offset) })?;
        buffer.truncate(length);
        Ok(buffer)
    }

    pub fn write(&self, contents: &[u8]) -> Result<usize> {
        // SAFETY: the slice is valid for its length.
        check_size(unsafe { libc::write(self.fd(), contents.as_ptr().cast(), contents.len()) })
    }

    pub fn write_at(&self, contents: &[u8], offset: u64) -> Result<usize> {
        let offset = i64::try_from(offset).map_err(|_| Errno::INVAL)?;
        // SAFETY: the slice is valid for its length.
        check_size(unsafe { libc::pwrite(self.fd(), contents.as_ptr().cast(), contents.len(), offset) })
    }

    pub fn transfer_from(&self, source: &File, max: u64) -> Result<u64> {
        let bytes = source.read(usize::try_from(max).unwrap_or(usize::MAX).min(1 << 18))?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let taken = self.write(rest)?;
            rest = rest.get(taken..).unwrap_or(&[]);
        }
        Ok(bytes.len() as u64)
    }

    pub fn seek(&self, to: SeekFrom) -> Result<u64> {
        let (offset, whence) = match to {
            SeekFrom::Start(offset) => (i64::try_from(offset).map_err(|_| Errno::INVAL)?, libc::SEEK_SET),
            SeekFrom::Current(offset) => (offset, libc::SEEK_CUR),
            SeekFrom::End(offset) => (offset, libc::SEEK_END),
        };
        // SAFETY: a plain system call.
        let position = unsafe { libc::lseek(self.fd(), offset, whence) };
        u64::try_from(position).map_err(|_| last())
    }

    pub fn set_size(&self, size: u64) -> Result<()> {
        let size = i64::try_from(size).map_err(|_| Errno::FBIG)?;
        // SAFETY: a plain system call.
        check(unsafe { libc::ftruncate(self.fd(), size) }).map(drop)
    }

    pub fn sync(&self) -> Result<()> {
        // SAFETY: a plain system call.
        check(unsafe { libc::fsync(self.fd()) }).map(drop)
    }

    pub fn attributes(&self) -> Result<Attributes> {
        // SAFETY: stat is plain data that fstat fills.
        unsafe {
            let mut stat = std::mem::zeroed();
            check(libc::fstat(self.fd(), &mut stat))?;
            Ok(super::fs::attributes(&stat))
        }
    }

    pub fn set_mode(&self, mode: u32) -> Result<()> {
        // SAFETY: a plain system call.
        check(unsafe { libc::fchmod(self.fd(), mode) }).map(drop)
    }

    pub fn set_owner(&self, user: Option<u32>, group: Option<u32>) -> Result<()> {
        // SAFETY: a plain system call.
        check(unsafe { libc::fchown(self.fd(), user.unwrap_or(u32::MAX), group.unwrap_or(u32::MAX)) }).map(drop)
    }

    pub fn set_times(&self, accessed: NewTime, modified: NewTime) -> Result<()> {
        let times = super::fs::times(accessed, modified);
        // SAFETY: the array has the two elements futimens reads.
        check(unsafe { libc::futimens(self.fd(), times.as_ptr()) }).map(drop)
    }

    pub fn figures(&self) -> Result<Figures> {
        // SAFETY: statfs is plain data that fstatfs fills.
        unsafe {
            let mut figures = std::mem::zeroed();
            check(libc::fstatfs(self.fd(), &mut figures))?;
            Ok(super::fs::figures_of(&figures))
        }
    }

    fn flags(&self) -> i32 {
        // SAFETY: a plain system call.
        unsafe { libc::fcntl(self.fd(), libc::F_GETFL) }.max(0)
    }

    pub fn access(&self) -> Access {
        let mode = self.flags() & libc::O_ACCMODE;
        Access { read: mode != libc::O_WRONLY, write: mode != libc::O_RDONLY }
    }

    pub fn status_flags(&self) -> StatusFlags {
        let flags = self.flags();
        StatusFlags { append: flags & libc::O_APPEND != 0, non_blocking: flags & libc::O_NONBLOCK != 0 }
    }

    pub fn set_status_flags(&self, flags: StatusFlags) -> Result<()> {
        let mut bits = self.flags() & !(libc::O_APPEND | libc::O_NONBLOCK);
        bits |= if flags.append { libc::O_APPEND } else { 0 };
        bits |= if flags.non_blocking { libc::O_NONBLOCK } else { 0 };
        // SAFETY: a plain system call.
        check(unsafe { libc::fcntl(self.fd(), libc::F_SETFL, bits) }).map(drop)
    }

    pub fn lock(&self, lock: Lock, wait: bool) -> Result<()> {
        let operation = match lock {
            Lock::Shared => libc::LOCK_SH,
            Lock::Exclusive => libc::LOCK_EX,
            Lock::Unlock => libc::LOCK_UN,
        };
        let operation = operation | if wait { 0 } else { libc::LOCK_NB };
        // SAFETY: a plain system call.
        check(unsafe { libc::flock(self.fd(), operation) }).map(drop)
    }

    pub fn share(&self) -> Result<File> {
        // SAFETY: a plain system call; numbers below 10 stay free for the program.
        let fd = check(unsafe { libc::fcntl(self.fd(), libc::F_DUPFD_CLOEXEC, 10) })?;
        Ok(File::from_fd(fd))
    }

    pub fn same(&self, other: &File) -> bool {
        // kcmp(2) answers 0 for one description.
        // SAFETY: a plain system call.
        unsafe {
            let own = libc::getpid();
            libc::syscall(libc::SYS_kcmp, own, own, 0, self.fd() as libc::c_ulong, other.fd() as libc::c_ulong) == 0
        }
    }
}

pub fn open(path: &[u8], options: &OpenOptions) -> Result<File> {
    let path = c_string(path)?;
    let mut flags = libc::O_CLOEXEC
        | match (options.access.read, options.access.write) {
            (true, true) => libc::O_RDWR,
            (false, true) => libc::O_WRONLY,
            _ => libc::O_RDONLY,
        };
    for (wanted, flag) in [
        (options.status.append, libc::O_APPEND),
        (options.status.non_blocking, libc::O_NONBLOCK),
        (options.create, libc::O_CREAT),
        (options.exclusive, libc::O_EXCL),
        (options.truncate, libc::O_TRUNC),
        (options.directory, libc::O_DIRECTORY),
        (options.no_follow, libc::O_NOFOLLOW),
        (options.no_controlling_terminal, libc::O_NOCTTY),
    ] {
        flags |= if wanted { flag } else { 0 };
    }
    // SAFETY: the path ends with a zero byte.
    let fd = check(unsafe { libc::open(path.as_ptr(), flags, options.mode) })?;
    Ok(File::from_fd(fd))
}

pub fn pipe() -> Result<(File, File)> {
    let mut ends = [0; 2];
    // SAFETY: the array has the two elements pipe2 writes.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    Ok((File::from_fd(ends[0]), File::from_fd(ends[1])))
}

pub fn temporary() -> Result<File> {
    // SAFETY: the name ends with a zero byte.
    let fd = check(unsafe { libc::memfd_create(c"temporary".as_ptr(), libc::MFD_CLOEXEC) })?;
    Ok(File::from_fd(fd))
}

pub fn inherited() -> Vec<(u32, File)> {
    use std::sync::atomic::{AtomicBool, Ordering};
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Vec::new();
    }
    let mut numbers: Vec<RawFd> = std::fs::read_dir("/proc/self/fd")
        .map(|entries| entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
        .unwrap_or_default();
    // What has close-on-exec set was opened by this process, not handed to it.
    // SAFETY: a plain system call.
    numbers.retain(|fd| unsafe { libc::fcntl(*fd, libc::F_GETFD) } == 0 && Some(*fd) != super::process::handover_fd());
    numbers.sort_unstable();
    numbers
        .into_iter()
        .map(|fd| {
            // SAFETY: a plain system call; from here on the descriptor is ours alone.
            unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
            (fd as u32, File::from_fd(fd))
        })
        .collect()
}
