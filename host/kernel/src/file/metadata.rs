//! fstat() and what changes a file without reading or writing it.

use std::sync::{Arc, LazyLock};

use coracle_vfs::{Attributes, Caller, FileKind, FsFigures, Location, NewTime, Timestamp};

use super::{Object, OpenFile, Whence, terminal_device};
use crate::{Errno, Result};

impl OpenFile {
    /// lseek(): the new position. `ESPIPE` for pipes and terminals, `EINVAL` before the beginning.
    pub fn seek(&self, offset: i64, whence: Whence) -> Result<u64> {
        let mut position = self.position.lock();
        let base = match (&self.object, whence) {
            (Object::Pipe { .. } | Object::Terminal(_) | Object::Controller(_), _) => return Err(Errno::SPIPE),
            (Object::Device(_) | Object::Directory(_), Whence::End) | (_, Whence::Start) => 0,
            (_, Whence::Current) => *position,
            (Object::Regular { .. } | Object::Temporary(_), Whence::End) => self.attributes()?.size,
        };
        let target = base.checked_add_signed(offset).filter(|target| i64::try_from(*target).is_ok());
        *position = target.ok_or(Errno::INVAL)?;
        Ok(*position)
    }

    pub(crate) fn rewind_by(&self, bytes: u64) {
        let mut position = self.position.lock();
        *position = position.saturating_sub(bytes);
    }

    /// ftruncate(): `EINVAL` for what is no regular file.
    pub fn set_len(&self, size: u64) -> Result<()> {
        self.may_write().map_err(|_| Errno::INVAL)?;
        match &self.object {
            Object::Regular { file, .. } => file.set_len(size),
            Object::Temporary(file) => rustix::fs::ftruncate(file, size),
            _ => Err(Errno::INVAL),
        }
    }

    /// fsync(), off the guests' threads. `EINVAL` for what cannot be synchronised.
    pub async fn sync(self: &Arc<Self>, data_only: bool) -> Result<()> {
        match &self.object {
            Object::Regular { .. } => {
                let this = self.clone();
                let synced = tokio::task::spawn_blocking(move || match &this.object {
                    Object::Regular { file, .. } => file.sync(data_only),
                    _ => Ok(()),
                });
                synced.await.unwrap_or(Err(Errno::IO))
            }
            Object::Directory(directory) => directory.sync(),
            Object::Temporary(_) => Ok(()),
            _ => Err(Errno::INVAL),
        }
    }

    /// fstat()
    pub fn attributes(&self) -> Result<Attributes> {
        match &self.object {
            Object::Regular { file, .. } => file.attributes(),
            Object::Directory(directory) => directory.attributes(),
            Object::Temporary(file) => Ok(temporary(file)?),
            Object::Pipe { location: Some(location), .. } => location.attributes(),
            Object::Pipe { pipe, location: None } => Ok(Attributes {
                size: pipe.length() as u64,
                ..Attributes { dev: *PIPES, ..nameless(FileKind::Fifo, 0o600, pipe.number, 0) }
            }),
            Object::Device(device) => {
                let number = device.number();
                Ok(nameless(FileKind::CharDevice, 0o666, number, number))
            }
            Object::Terminal(terminal) => {
                let number = terminal_device(terminal.number());
                Ok(nameless(FileKind::CharDevice, 0o620, number, number))
            }
            Object::Controller(_) => {
                let number = coracle_vfs::device_number(5, 2);
                Ok(nameless(FileKind::CharDevice, 0o666, number, number))
            }
        }
    }

    /// fchmod(): `EINVAL` for what has no name.
    pub fn set_mode(&self, caller: &Caller, mode: u32) -> Result<()> {
        match &self.object {
            Object::Regular { file, .. } => file.set_mode(mode, caller),
            Object::Directory(directory) => directory.set_mode(mode, caller),
            Object::Temporary(_) => Ok(()),
            _ => Err(Errno::INVAL),
        }
    }

    /// fchown(): `EINVAL` for what has no name.
    pub fn set_owner(&self, caller: &Caller, user: Option<u32>, group: Option<u32>) -> Result<()> {
        match &self.object {
            Object::Regular { file, .. } => file.set_owner(user, group, caller),
            Object::Directory(directory) => directory.set_owner(user, group, caller),
            Object::Temporary(_) => Ok(()),
            _ => Err(Errno::INVAL),
        }
    }

    /// futimens(): nothing happens to what has no name.
    pub fn set_times(&self, caller: &Caller, accessed: NewTime, modified: NewTime) -> Result<()> {
        match &self.object {
            Object::Regular { file, .. } => file.set_times(accessed, modified, caller),
            Object::Directory(directory) => directory.set_times(accessed, modified, caller),
            _ => Ok(()),
        }
    }

    /// fstatvfs(): `ENOSYS` for what lies in no mounted file system.
    pub fn figures(&self) -> Result<FsFigures> {
        match &self.object {
            Object::Regular { file, .. } => file.figures(),
            Object::Directory(directory) => directory.figures(),
            _ => Err(Errno::NOSYS),
        }
    }

    /// Where in the namespace it lies, if it does.
    pub(crate) fn location(&self) -> Option<Location> {
        match &self.object {
            Object::Regular { file, .. } => Some(file.location().clone()),
            Object::Directory(directory) => Some(directory.location().clone()),
            Object::Pipe { location, .. } => location.clone(),
            _ => None,
        }
    }

    /// What readlink of /proc/PID/fd/N says: a path, `pipe:[N]`, `/dev/pts/N`.
    pub fn description(&self) -> Vec<u8> {
        match &self.object {
            Object::Regular { file, .. } => file.location().path(),
            Object::Directory(directory) => directory.location().path(),
            Object::Temporary(_) => b"/tmp/#temporary (deleted)".to_vec(),
            Object::Pipe { location: Some(location), .. } => location.path(),
            Object::Pipe { pipe, location: None } => format!("pipe:[{}]", pipe.number).into_bytes(),
            Object::Device(device) => format!("/dev/{device:?}").to_ascii_lowercase().into_bytes(),
            Object::Terminal(terminal) => terminal.name(),
            Object::Controller(_) => b"/dev/ptmx".to_vec(),
        }
    }
}

/// Device numbers of what lies in no mounted file system: flock tells files apart by device and inode.
static PIPES: LazyLock<u64> = LazyLock::new(coracle_vfs::new_device);
static DEVICES: LazyLock<u64> = LazyLock::new(coracle_vfs::new_device);
static TEMPORARY: LazyLock<u64> = LazyLock::new(coracle_vfs::new_device);

fn nameless(kind: FileKind, mode: u32, ino: u64, rdev: u64) -> Attributes {
    let now = Timestamp::now();
    Attributes {
        kind,
        mode,
        uid: 0,
        gid: 0,
        nlink: 1,
        ino,
        dev: *DEVICES,
        rdev,
        size: 0,
        blocks: 0,
        atime: now,
        mtime: now,
        ctime: now,
    }
}

fn temporary(file: &std::fs::File) -> Result<Attributes> {
    let stat = rustix::fs::fstat(file)?;
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    let blocks = u64::try_from(stat.st_blocks).unwrap_or(0);
    Ok(Attributes { dev: *TEMPORARY, nlink: 0, size, blocks, ..nameless(FileKind::Regular, 0o600, stat.st_ino, 0) })
}
