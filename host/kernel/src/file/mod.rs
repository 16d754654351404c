//! Open file descriptions (POSIX XSH 2.14): an object, a position and status flags, shared by every process that was
//! handed the file.
//!
//! One type for all kinds, because a program does not know what is behind its descriptors. Blocking calls take the
//! calling process, so that a queued signal can end them and SIGPIPE, SIGTTIN and SIGXFSZ reach the right one; the
//! engine's ends of a pipe have none.

mod device;
pub(crate) mod fifo;
mod lock;
mod metadata;
mod pipe;
mod transfer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use coracle_vfs::{Directory, File, Location};
use parking_lot::Mutex;

pub(crate) use device::{Device, DeviceKind, terminal_device};
use lock::HeldLock;
pub use lock::LockKind;
use pipe::Pipe;
pub(crate) use pipe::unless_again;
pub use pipe::{PIPE_BUF, PIPE_CAPACITY};

use crate::process::Origin;
use crate::stats::IoCounters;
use crate::{Errno, Process, Pty, Resource, Result, Signal, Terminal};

/// The most bytes one read answers.
const READ_MAX: usize = 1 << 20;

/// What a description may be used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileAccess {
    /// O_RDONLY or O_RDWR
    pub read: bool,
    /// O_WRONLY or O_RDWR
    pub write: bool,
}

/// Flags that can be changed while the file is open (F_SETFL).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct StatusFlags {
    /// O_APPEND
    pub append: bool,
    /// O_NONBLOCK: calls that would block fail with `EAGAIN`.
    pub non_blocking: bool,
}

/// Where a `seek` counts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whence {
    /// The beginning.
    Start,
    /// The position.
    Current,
    /// The end.
    End,
}

/// What is behind a description.
pub(crate) enum Object {
    Regular {
        file: File,
        io: Option<Arc<IoCounters>>,
    },
    /// An unlinked file of the host.
    Temporary(std::fs::File),
    Directory(Directory),
    Pipe {
        pipe: Arc<Pipe>,
        location: Option<Location>,
    },
    Device(Device),
    Terminal(Arc<Terminal>),
    Controller(Arc<Pty>),
}

/// An open file description. Dropping the last reference closes it.
pub struct OpenFile {
    object: Object,
    access: FileAccess,
    status: AtomicU8,
    /// Held during a read or write, so that two processes at one position take turns.
    position: Mutex<u64>,
    lock: HeldLock,
}

const APPEND: u8 = 1;
const NON_BLOCKING: u8 = 2;

/// Numbers for `pipe:[N]`.
pub(crate) fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A pipe that holds at most `capacity` bytes: its reading and its writing end.
pub fn pipe(capacity: usize) -> (Arc<OpenFile>, Arc<OpenFile>) {
    ends(Pipe::new(capacity, next_number()))
}

/// A pipe of a guest, counted with its container's.
pub(crate) fn guest_pipe(count: &Arc<AtomicUsize>) -> (Arc<OpenFile>, Arc<OpenFile>) {
    ends(Pipe::counted(next_number(), count))
}

fn ends(pipe: Pipe) -> (Arc<OpenFile>, Arc<OpenFile>) {
    let pipe = Arc::new(pipe);
    let end = |read: bool| {
        let object = Object::Pipe { pipe: pipe.clone(), location: None };
        OpenFile::new(object, FileAccess { read, write: !read }, StatusFlags::default())
    };
    (end(true), end(false))
}

impl OpenFile {
    pub(crate) fn new(object: Object, access: FileAccess, status: StatusFlags) -> Arc<OpenFile> {
        match &object {
            Object::Pipe { pipe, .. } => pipe.add(access.read, access.write),
            Object::Terminal(terminal) => terminal.opened(),
            _ => {}
        }
        let file =
            OpenFile { object, access, status: AtomicU8::new(0), position: Mutex::new(0), lock: HeldLock::default() };
        file.set_status_flags(status);
        Arc::new(file)
    }

    pub(crate) fn for_terminal(terminal: Arc<Terminal>) -> Arc<OpenFile> {
        let both = FileAccess { read: true, write: true };
        OpenFile::new(Object::Terminal(terminal), both, StatusFlags::default())
    }

    /// An opened regular file as the engine hands it to a process.
    pub fn regular(file: File, access: FileAccess, status: StatusFlags) -> Arc<OpenFile> {
        OpenFile::new(Object::Regular { file, io: None }, access, status)
    }

    /// `/dev/null`, for processes the engine starts without a stream.
    pub fn null() -> Arc<OpenFile> {
        let both = FileAccess { read: true, write: true };
        OpenFile::new(Object::Device(Device::Null), both, StatusFlags::default())
    }

    /// The controlling side of a pseudo-terminal as a file.
    pub fn controller(pty: Arc<Pty>) -> Arc<OpenFile> {
        let both = FileAccess { read: true, write: true };
        OpenFile::new(Object::Controller(pty), both, StatusFlags::default())
    }

    /// An unlinked temporary file of the host.
    pub(crate) fn temporary() -> Result<Arc<OpenFile>> {
        let file = tempfile::tempfile().map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        let both = FileAccess { read: true, write: true };
        Ok(OpenFile::new(Object::Temporary(file), both, StatusFlags::default()))
    }

    /// Opening /proc/PID/fd/N or /dev/stdin: a description of its own of the same object.
    pub(crate) fn reopen(self: &Arc<Self>, access: FileAccess, status: StatusFlags) -> Result<Arc<OpenFile>> {
        let object = match &self.object {
            Object::Regular { file, io } => {
                if (access.read && !file.readable()) || (access.write && !file.writable()) {
                    return Err(Errno::ACCESS);
                }
                Object::Regular { file: file.clone(), io: io.clone() }
            }
            Object::Temporary(file) => {
                Object::Temporary(file.try_clone().map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?)
            }
            Object::Directory(directory) => Object::Directory(directory.clone()),
            Object::Pipe { pipe, location } => Object::Pipe { pipe: pipe.clone(), location: location.clone() },
            Object::Device(device) => Object::Device(*device),
            Object::Terminal(terminal) => Object::Terminal(terminal.clone()),
            // Linux opens a new pseudo-terminal here; nobody wants that.
            Object::Controller(_) => return Err(Errno::NXIO),
        };
        Ok(OpenFile::new(object, access, status))
    }

    fn may_read(&self) -> Result<()> {
        if self.access.read { Ok(()) } else { Err(Errno::BADF) }
    }

    fn may_write(&self) -> Result<()> {
        if self.access.write { Ok(()) } else { Err(Errno::BADF) }
    }

    fn is_non_blocking(&self) -> bool {
        self.status.load(Ordering::Relaxed) & NON_BLOCKING != 0
    }

    fn is_append(&self) -> bool {
        self.status.load(Ordering::Relaxed) & APPEND != 0
    }

    /// Up to `max` bytes from the position, never more than 1 MiB; empty is end of file. Blocks until there is
    /// something, unless non-blocking (`EAGAIN`); a queued signal ends the wait with `EINTR`.
    pub async fn read(&self, process: Option<&Process>, max: usize) -> Result<Bytes> {
        self.may_read()?;
        if let Some(process) = process {
            process.settle().await;
        }
        let max = max.min(READ_MAX);
        if let (Object::Terminal(terminal), Some(process)) = (&self.object, process) {
            return self.read_terminal(process, terminal, max).await;
        }
        if self.is_non_blocking() {
            return self.try_read(max);
        }
        match &self.object {
            Object::Pipe { pipe, .. } => pipe.read(process, max).await,
            Object::Terminal(terminal) => terminal.read(None, max).await,
            // The engine takes the end of all programs for end of file; a program looks for EIO.
            Object::Controller(pty) if process.is_none() => pty.read(max).await,
            Object::Controller(pty) => pty.read_as(process, max).await,
            _ => self.try_read(max),
        }
    }

    async fn read_terminal(&self, process: &Process, terminal: &Arc<Terminal>, max: usize) -> Result<Bytes> {
        loop {
            process.check_background(terminal, Signal::TTIN).await?;
            if self.is_non_blocking() {
                return self.try_read(max);
            }
            match terminal.read(Some(process), max).await {
                // It was stopped in the middle and came back in the background.
                Err(Errno::AGAIN) => {}
                answer => return answer,
            }
        }
    }

    /// As `read`, but fails with `EAGAIN` rather than block.
    pub fn try_read(&self, max: usize) -> Result<Bytes> {
        self.may_read()?;
        let max = max.min(READ_MAX);
        match &self.object {
            Object::Regular { .. } | Object::Temporary(_) => {
                let mut position = self.position.lock();
                let data = self.read_object_at(max, *position)?;
                *position = position.saturating_add(data.len() as u64);
                Ok(data)
            }
            Object::Directory(_) => Err(Errno::ISDIR),
            Object::Pipe { pipe, .. } => pipe.try_read(max),
            Object::Device(device) => device.read(max),
            Object::Terminal(terminal) => terminal.try_read(max),
            Object::Controller(pty) => pty.try_read(max),
        }
    }

    /// As `read`, at `offset`, without moving the position. `ESPIPE` for what cannot seek.
    pub async fn read_at(&self, max: usize, offset: u64) -> Result<Bytes> {
        self.may_read()?;
        self.read_object_at(max.min(READ_MAX), offset)
    }

    fn read_object_at(&self, max: usize, offset: u64) -> Result<Bytes> {
        let mut data = BytesMut::zeroed(max);
        let count = match &self.object {
            Object::Regular { file, io } => {
                let count = file.read_at(&mut data, offset)?;
                if let Some(io) = io {
                    io.count_read(count);
                }
                count
            }
            Object::Temporary(file) => rustix::io::pread(file, &mut data[..], offset)?,
            Object::Directory(_) => return Err(Errno::ISDIR),
            Object::Device(device) => return device.read(max),
            _ => return Err(Errno::SPIPE),
        };
        data.truncate(count);
        Ok(data.freeze())
    }

    /// Writes at the position (at the end with `append`) and answers how many bytes were taken. A pipe or terminal
    /// takes all unless a signal comes in between. Without readers SIGPIPE is raised first, then `EPIPE`.
    pub async fn write(&self, process: Option<&Process>, data: Bytes) -> Result<usize> {
        self.may_write()?;
        if let Some(process) = process {
            process.settle().await;
        }
        if let (Object::Terminal(terminal), Some(process)) = (&self.object, process)
            && terminal.stops_background_output()
        {
            process.check_background(terminal, Signal::TTOU).await?;
        }
        let answer = match &self.object {
            Object::Pipe { pipe, .. } if !self.is_non_blocking() => pipe.write(process, data).await,
            Object::Terminal(terminal) if !self.is_non_blocking() => terminal.write(process, data).await,
            Object::Controller(pty) if !self.is_non_blocking() => pty.write_as(process, data).await,
            _ => self.write_now(process, data),
        };
        self.raise(process, answer).await
    }

    /// As `write`, but fails with `EAGAIN` rather than block. Raises no signal.
    pub fn try_write(&self, data: Bytes) -> Result<usize> {
        self.may_write()?;
        self.write_now(None, data)
    }

    fn write_now(&self, process: Option<&Process>, mut data: Bytes) -> Result<usize> {
        match &self.object {
            Object::Regular { file, io } => {
                let mut position = self.position.lock();
                let taken = if self.is_append() {
                    let end = if limit_of(process).is_some() { file.attributes()?.size } else { 0 };
                    let part = within_limit(process, end, &data)?;
                    let (taken, end) = file.append(part)?;
                    *position = end;
                    taken
                } else {
                    let part = within_limit(process, *position, &data)?;
                    let taken = file.write_at(part, *position)?;
                    *position = position.saturating_add(taken as u64);
                    taken
                };
                if let Some(io) = io {
                    io.count_write(taken);
                }
                Ok(taken)
            }
            Object::Temporary(file) => {
                let mut position = self.position.lock();
                if self.is_append() {
                    *position = rustix::fs::fstat(file).map(|stat| u64::try_from(stat.st_size).unwrap_or(0))?;
                }
                let part = within_limit(process, *position, &data)?;
                let taken = rustix::io::pwrite(file, part, *position)?;
                *position = position.saturating_add(taken as u64);
                Ok(taken)
            }
            Object::Directory(_) => Err(Errno::ISDIR),
            Object::Pipe { pipe, .. } => pipe.try_write(&mut data),
            Object::Device(device) => device.write(data.len()),
            Object::Terminal(terminal) => terminal.try_write(&data),
            Object::Controller(pty) => pty.try_write(&data),
        }
    }

    /// As `write`, at `offset`, without moving the position. `ESPIPE` for what cannot seek.
    pub async fn write_at(&self, process: Option<&Process>, data: Bytes, offset: u64) -> Result<usize> {
        self.may_write()?;
        let answer = within_limit(process, offset, &data).and_then(|part| match &self.object {
            Object::Regular { file, io } => {
                let taken = file.write_at(part, offset)?;
                if let Some(io) = io {
                    io.count_write(taken);
                }
                Ok(taken)
            }
            Object::Temporary(file) => rustix::io::pwrite(file, part, offset),
            Object::Directory(_) => Err(Errno::ISDIR),
            Object::Device(device) => device.write(part.len()),
            _ => Err(Errno::SPIPE),
        });
        self.raise(process, answer).await
    }

    /// Raises the signal that goes with a failed write, and lets it act, before the caller sees the failure.
    async fn raise(&self, process: Option<&Process>, answer: Result<usize>) -> Result<usize> {
        let signal = match (&answer, &self.object) {
            (Err(Errno::PIPE), Object::Pipe { .. }) => Signal::PIPE,
            (Err(Errno::FBIG), _) => Signal::XFSZ,
            _ => return answer,
        };
        if let Some(process) = process {
            process.deliver(signal, Origin::Kernel);
            process.settle().await;
        }
        answer
    }

    /// Waits until `read` would not block.
    pub async fn readable(&self) {
        match &self.object {
            Object::Pipe { pipe, .. } if self.access.read => pipe.readable().await,
            Object::Terminal(terminal) => terminal.readable().await,
            Object::Controller(pty) => pty.readable().await,
            _ => {}
        }
    }

    /// Whether `read` would not block.
    pub fn is_readable(&self) -> bool {
        match &self.object {
            Object::Pipe { pipe, .. } if self.access.read => pipe.is_readable(),
            Object::Terminal(terminal) => terminal.is_readable(),
            Object::Controller(pty) => pty.is_readable(),
            _ => true,
        }
    }

    /// Waits until `write` would not block.
    pub async fn writable(&self) {
        match &self.object {
            Object::Pipe { pipe, .. } if self.access.write => pipe.writable().await,
            Object::Terminal(terminal) => terminal.writable().await,
            Object::Controller(pty) => pty.writable().await,
            _ => {}
        }
    }

    /// Whether `write` would not block.
    pub fn is_writable(&self) -> bool {
        match &self.object {
            Object::Pipe { pipe, .. } if self.access.write => pipe.is_writable(),
            Object::Terminal(terminal) => terminal.is_writable(),
            Object::Controller(pty) => pty.is_writable(),
            _ => true,
        }
    }

    /// flock(): `EAGAIN` when another description holds a lock and `wait` is false; `EINTR` on a queued signal.
    pub async fn lock(&self, process: Option<&Process>, kind: LockKind, wait: bool) -> Result<()> {
        let attributes = self.attributes()?;
        self.lock.apply(process, (attributes.dev, attributes.ino), kind, wait).await
    }

    /// F_GETFL
    pub fn status_flags(&self) -> StatusFlags {
        StatusFlags { append: self.is_append(), non_blocking: self.is_non_blocking() }
    }

    /// F_SETFL
    pub fn set_status_flags(&self, flags: StatusFlags) {
        let append = if flags.append { APPEND } else { 0 };
        let non_blocking = if flags.non_blocking { NON_BLOCKING } else { 0 };
        self.status.store(append | non_blocking, Ordering::Relaxed);
    }

    /// What it was opened for.
    pub fn access(&self) -> FileAccess {
        self.access
    }

    /// The terminal, if it is one; not for a controlling side.
    pub fn terminal(&self) -> Option<&Arc<Terminal>> {
        match &self.object {
            Object::Terminal(terminal) => Some(terminal),
            _ => None,
        }
    }

    /// The controlling side of a pseudo-terminal, if it is one.
    pub fn pty(&self) -> Option<&Arc<Pty>> {
        match &self.object {
            Object::Controller(pty) => Some(pty),
            _ => None,
        }
    }

    /// The regular file of the namespace, if it is one.
    pub fn file(&self) -> Option<&File> {
        match &self.object {
            Object::Regular { file, .. } => Some(file),
            _ => None,
        }
    }

    /// The directory, if it is one.
    pub fn directory(&self) -> Option<&Directory> {
        match &self.object {
            Object::Directory(directory) => Some(directory),
            _ => None,
        }
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        match &self.object {
            Object::Pipe { pipe, .. } => pipe.remove(self.access.read, self.access.write),
            Object::Terminal(terminal) => terminal.closed(),
            _ => {}
        }
    }
}

fn limit_of(process: Option<&Process>) -> Option<u64> {
    process.and_then(|process| process.limit(Resource::FileSize).soft)
}

/// The part of `data` that stays below RLIMIT_FSIZE when written at `offset`; `EFBIG` if there is none.
fn within_limit<'a>(process: Option<&Process>, offset: u64, data: &'a [u8]) -> Result<&'a [u8]> {
    let Some(limit) = limit_of(process) else { return Ok(data) };
    let room = limit.saturating_sub(offset);
    if room == 0 && !data.is_empty() {
        return Err(Errno::FBIG);
    }
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    Ok(data.get(..room).unwrap_or(data))
}
