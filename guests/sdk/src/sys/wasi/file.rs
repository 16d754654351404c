//! Open files over `coracle:container/files`.

use std::io::SeekFrom;

use super::wit::files as wit;
use crate::file::{Access, Lock, OpenOptions, StatusFlags};
use crate::fs::{Attributes, Figures, NewTime};
use crate::{Errno, Result};

#[derive(Debug)]
pub struct File(pub(super) wit::File);

/// The most one call hands over; the host takes no more at once.
const MOST: usize = 1 << 20;

impl File {
    pub fn read(&self, max: usize) -> Result<Vec<u8>> {
        Ok(self.0.read(max as u64)?)
    }

    pub fn read_into(&self, buffer: &mut [u8]) -> Result<usize> {
        let bytes = self.0.read(buffer.len() as u64)?;
        match buffer.get_mut(..bytes.len()) {
            Some(target) => target.copy_from_slice(&bytes),
            None => return Err(Errno::IO),
        }
        Ok(bytes.len())
    }

    pub fn read_at(&self, max: usize, offset: u64) -> Result<Vec<u8>> {
        Ok(self.0.read_at(max as u64, offset)?)
    }

    pub fn write(&self, contents: &[u8]) -> Result<usize> {
        let contents = contents.get(..MOST).unwrap_or(contents);
        Ok(self.0.write(contents)? as usize)
    }

    pub fn write_at(&self, contents: &[u8], offset: u64) -> Result<usize> {
        let contents = contents.get(..MOST).unwrap_or(contents);
        Ok(self.0.write_at(contents, offset)? as usize)
    }

    pub fn transfer_from(&self, source: &File, max: u64) -> Result<u64> {
        Ok(self.0.transfer_from(&source.0, max)?)
    }

    pub fn seek(&self, to: SeekFrom) -> Result<u64> {
        let (offset, whence) = match to {
            SeekFrom::Start(offset) => (i64::try_from(offset).map_err(|_| Errno::INVAL)?, wit::Whence::Start),
            SeekFrom::Current(offset) => (offset, wit::Whence::Current),
            SeekFrom::End(offset) => (offset, wit::Whence::End),
        };
        Ok(self.0.seek(offset, whence)?)
    }

    pub fn set_size(&self, size: u64) -> Result<()> {
        Ok(self.0.set_size(size)?)
    }

    pub fn sync(&self) -> Result<()> {
        Ok(self.0.sync()?)
    }

    pub fn attributes(&self) -> Result<Attributes> {
        Ok(self.0.attributes()?.into())
    }

    pub fn set_mode(&self, mode: u32) -> Result<()> {
        Ok(self.0.set_mode(mode)?)
    }

    pub fn set_owner(&self, user: Option<u32>, group: Option<u32>) -> Result<()> {
        Ok(self.0.set_owner(user, group)?)
    }

    pub fn set_times(&self, accessed: NewTime, modified: NewTime) -> Result<()> {
        Ok(self.0.set_times(super::fs::times(accessed, modified))?)
    }

    pub fn figures(&self) -> Result<Figures> {
        Ok(self.0.figures()?.into())
    }

    pub fn access(&self) -> Access {
        let access = self.0.access();
        Access { read: access.contains(wit::Access::READ), write: access.contains(wit::Access::WRITE) }
    }

    pub fn status_flags(&self) -> StatusFlags {
        let flags = self.0.status_flags();
        StatusFlags {
            append: flags.contains(wit::StatusFlags::APPEND),
            non_blocking: flags.contains(wit::StatusFlags::NON_BLOCKING),
        }
    }

    pub fn set_status_flags(&self, flags: StatusFlags) -> Result<()> {
        Ok(self.0.set_status_flags(status(flags))?)
    }

    pub fn lock(&self, lock: Lock, wait: bool) -> Result<()> {
        let lock = match lock {
            Lock::Shared => wit::Lock::Shared,
            Lock::Exclusive => wit::Lock::Exclusive,
            Lock::Unlock => wit::Lock::Unlock,
        };
        Ok(self.0.apply_lock(lock, wait)?)
    }

    pub fn share(&self) -> Result<File> {
        Ok(File(self.0.share()))
    }

    pub fn same(&self, other: &File) -> bool {
        self.0.same(&other.0)
    }
}

fn status(flags: StatusFlags) -> wit::StatusFlags {
    let mut status = wit::StatusFlags::empty();
    status.set(wit::StatusFlags::APPEND, flags.append);
    status.set(wit::StatusFlags::NON_BLOCKING, flags.non_blocking);
    status
}

pub fn open(path: &[u8], options: &OpenOptions) -> Result<File> {
    let mut access = wit::Access::empty();
    access.set(wit::Access::READ, options.access.read);
    access.set(wit::Access::WRITE, options.access.write);
    let mut flags = wit::OpenFlags::empty();
    flags.set(wit::OpenFlags::CREATE, options.create);
    flags.set(wit::OpenFlags::EXCLUSIVE, options.exclusive);
    flags.set(wit::OpenFlags::TRUNCATE, options.truncate);
    flags.set(wit::OpenFlags::DIRECTORY, options.directory);
    flags.set(wit::OpenFlags::NO_FOLLOW, options.no_follow);
    flags.set(wit::OpenFlags::NO_CONTROLLING_TERMINAL, options.no_controlling_terminal);
    Ok(File(wit::open(path, access, flags, status(options.status), options.mode)?))
}

pub fn pipe() -> Result<(File, File)> {
    let (reader, writer) = wit::pipe()?;
    Ok((File(reader), File(writer)))
}

pub fn temporary() -> Result<File> {
    Ok(File(wit::temporary()?))
}

pub fn inherited() -> Vec<(u32, File)> {
    wit::inherited().into_iter().map(|(number, file)| (number, File(file))).collect()
}
