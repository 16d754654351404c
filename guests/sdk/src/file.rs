//! Open file descriptions (POSIX XSH 2.14): one position and one set of status
//! flags, shared by every process that was handed the file.
//!
//! std's files on WASI can be neither duplicated, inherited nor piped.

use std::io::{self, SeekFrom};

use crate::fs::{Attributes, Figures, NewTime};
use crate::{Errno, Result, sys};

/// What a description may be used for; both for O_RDWR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Access {
    /// Opened for reading.
    pub read: bool,
    /// Opened for writing.
    pub write: bool,
}

/// Flags that live with the description and can be changed (F_SETFL).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct StatusFlags {
    /// O_APPEND
    pub append: bool,
    /// O_NONBLOCK: calls that would block fail with `EAGAIN`.
    pub non_blocking: bool,
}

/// flock(2) operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Many descriptions may hold it at once.
    Shared,
    /// One description holds it.
    Exclusive,
    /// Gives it back.
    Unlock,
}

/// A handle to an open file description; dropping the last one closes it.
#[derive(Debug)]
pub struct File(pub(crate) sys::file::File);

impl File {
    /// Up to `max` bytes (at most 1 MiB) from the position; empty at the end of
    /// the file. Blocks until there is something; `EINTR` on a queued signal.
    pub fn read_some(&self, max: usize) -> Result<Vec<u8>> {
        self.0.read(max)
    }

    /// As [`File::read_some`], into a buffer the caller has.
    pub fn read_into(&self, buffer: &mut [u8]) -> Result<usize> {
        self.0.read_into(buffer)
    }

    /// As [`File::read_some`], at `offset`, leaving the position alone (pread).
    pub fn read_at(&self, max: usize, offset: u64) -> Result<Vec<u8>> {
        self.0.read_at(max, offset)
    }

    /// All bytes up to the end of the file, appended to `into`.
    pub fn read_all(&self, into: &mut Vec<u8>) -> Result<()> {
        loop {
            let chunk = self.read_some(1 << 18)?;
            if chunk.is_empty() {
                return Ok(());
            }
            if into.is_empty() {
                *into = chunk;
            } else {
                into.extend_from_slice(&chunk);
            }
        }
    }

    /// Writes some of `contents` and says how much. Writing to a pipe without
    /// readers raises SIGPIPE and, where that does not end the process, fails
    /// with `EPIPE`.
    pub fn write_some(&self, contents: &[u8]) -> Result<usize> {
        self.0.write(contents)
    }

    /// Writes all of `contents`, or fails; after a failure part may be written.
    pub fn write_full(&self, mut contents: &[u8]) -> Result<()> {
        while !contents.is_empty() {
            match self.write_some(contents)? {
                0 => return Err(Errno::IO),
                taken => contents = contents.get(taken..).unwrap_or(&[]),
            }
        }
        Ok(())
    }

    /// As [`File::write_some`], at `offset`, leaving the position alone (pwrite).
    pub fn write_at(&self, contents: &[u8], offset: u64) -> Result<usize> {
        self.0.write_at(contents, offset)
    }

    /// Moves up to `max` bytes from `source` to this file inside the host, as
    /// splice(2) and copy_file_range(2); 0 at the end of `source`.
    pub fn transfer_from(&self, source: &File, max: u64) -> Result<u64> {
        self.0.transfer_from(&source.0, max)
    }

    /// The new position; `ESPIPE` for pipes, terminals and sockets.
    pub fn seek_to(&self, to: SeekFrom) -> Result<u64> {
        self.0.seek(to)
    }

    /// ftruncate()
    pub fn set_size(&self, size: u64) -> Result<()> {
        self.0.set_size(size)
    }

    /// fsync()
    pub fn sync(&self) -> Result<()> {
        self.0.sync()
    }

    /// fstat()
    pub fn attributes(&self) -> Result<Attributes> {
        self.0.attributes()
    }

    /// fchmod()
    pub fn set_mode(&self, mode: u32) -> Result<()> {
        self.0.set_mode(mode)
    }

    /// fchown(); `None` leaves a side as it is.
    pub fn set_owner(&self, user: Option<u32>, group: Option<u32>) -> Result<()> {
        self.0.set_owner(user, group)
    }

    /// futimens()
    pub fn set_times(&self, accessed: NewTime, modified: NewTime) -> Result<()> {
        self.0.set_times(accessed, modified)
    }

    /// fstatvfs()
    pub fn figures(&self) -> Result<Figures> {
        self.0.figures()
    }

    /// What the description was opened for.
    pub fn access(&self) -> Access {
        self.0.access()
    }

    /// F_GETFL
    pub fn status_flags(&self) -> StatusFlags {
        self.0.status_flags()
    }

    /// F_SETFL
    pub fn set_status_flags(&self, flags: StatusFlags) -> Result<()> {
        self.0.set_status_flags(flags)
    }

    /// flock(2) on the whole file. Without `wait` a lock that another
    /// description holds fails with `EAGAIN`.
    pub fn lock(&self, lock: Lock, wait: bool) -> Result<()> {
        self.0.lock(lock, wait)
    }

    /// Another handle to the same description (dup).
    pub fn share(&self) -> Result<File> {
        self.0.share().map(File)
    }

    /// Whether both handles stand for one description.
    pub fn same(&self, other: &File) -> bool {
        self.0.same(&other.0)
    }
}

impl io::Read for &File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.read_into(buffer)?)
    }
}

impl io::Write for &File {
    fn write(&mut self, contents: &[u8]) -> io::Result<usize> {
        Ok(self.write_some(contents)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Seek for &File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        Ok(self.seek_to(to)?)
    }
}

impl io::Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.read_into(buffer)?)
    }
}

impl io::Write for File {
    fn write(&mut self, contents: &[u8]) -> io::Result<usize> {
        Ok(self.write_some(contents)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        Ok(self.seek_to(to)?)
    }
}

/// How [`OpenOptions::open`] opens (XSH open()); as std's, with POSIX's rest.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    pub(crate) access: Access,
    pub(crate) status: StatusFlags,
    pub(crate) create: bool,
    pub(crate) exclusive: bool,
    pub(crate) truncate: bool,
    pub(crate) directory: bool,
    pub(crate) no_follow: bool,
    pub(crate) no_controlling_terminal: bool,
    pub(crate) mode: u32,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl OpenOptions {
    /// Neither reading nor writing; a created file gets mode 0666.
    pub fn new() -> OpenOptions {
        OpenOptions {
            access: Access::default(),
            status: StatusFlags::default(),
            create: false,
            exclusive: false,
            truncate: false,
            directory: false,
            no_follow: false,
            no_controlling_terminal: true,
            mode: 0o666,
        }
    }

    /// For reading.
    pub fn read(mut self, yes: bool) -> Self {
        self.access.read = yes;
        self
    }

    /// For writing.
    pub fn write(mut self, yes: bool) -> Self {
        self.access.write = yes;
        self
    }

    /// For writing, every write at the end (O_APPEND).
    pub fn append(mut self, yes: bool) -> Self {
        self.status.append = yes;
        self.access.write |= yes;
        self
    }

    /// O_NONBLOCK
    pub fn non_blocking(mut self, yes: bool) -> Self {
        self.status.non_blocking = yes;
        self
    }

    /// O_CREAT
    pub fn create(mut self, yes: bool) -> Self {
        self.create = yes;
        self
    }

    /// O_CREAT and O_EXCL: fails with `EEXIST` when the file exists.
    pub fn create_new(mut self, yes: bool) -> Self {
        self.create |= yes;
        self.exclusive = yes;
        self
    }

    /// O_TRUNC
    pub fn truncate(mut self, yes: bool) -> Self {
        self.truncate = yes;
        self
    }

    /// O_DIRECTORY
    pub fn directory(mut self, yes: bool) -> Self {
        self.directory = yes;
        self
    }

    /// O_NOFOLLOW
    pub fn no_follow(mut self, yes: bool) -> Self {
        self.no_follow = yes;
        self
    }

    /// Let an opened terminal become the controlling one (without O_NOCTTY).
    pub fn controlling_terminal(mut self, yes: bool) -> Self {
        self.no_controlling_terminal = !yes;
        self
    }

    /// The mode of a created file, before the umask.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Opens `path`, relative to the working directory.
    pub fn open(&self, path: impl AsRef<[u8]>) -> Result<File> {
        sys::file::open(path.as_ref(), self).map(File)
    }
}

/// Opens a file for reading.
pub fn open(path: impl AsRef<[u8]>) -> Result<File> {
    OpenOptions::new().read(true).open(path)
}

/// Creates or truncates a file (creat()).
pub fn create(path: impl AsRef<[u8]>) -> Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).open(path)
}

/// A pipe's reading and writing end.
pub fn pipe() -> Result<(File, File)> {
    sys::file::pipe().map(|(reader, writer)| (File(reader), File(writer)))
}

/// An unlinked temporary file, open for reading and writing.
pub fn temporary() -> Result<File> {
    sys::file::temporary().map(File)
}

/// The descriptors this process was started with, 0 to 2 included, in order of
/// their numbers. A second call answers an empty list. A program that uses
/// [`crate::stdio`] must not call this: that module takes them.
pub fn inherited() -> Vec<(u32, File)> {
    sys::file::inherited().into_iter().map(|(number, file)| (number, File(file))).collect()
}
