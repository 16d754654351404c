//! An open regular file of the host.

use super::node::HostNode;
use crate::{Attributes, ContentIdentity, Errno, Handle, Node, Result, SetAttributes};
use rustix::io::{ReadWriteFlags, pwritev2};
use std::fs::File;
use std::io::IoSlice;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

pub(super) struct HostHandle {
    pub(super) node: Arc<HostNode>,
    pub(super) file: File,
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

impl Handle for HostHandle {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(errno(&error)),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<usize> {
        self.file.write_at(data, offset).map_err(|error| errno(&error))
    }

    fn append(&self, data: &[u8]) -> Result<(usize, u64)> {
        // The host itself finds the end, so that programs outside the container may append as well.
        let count = pwritev2(&self.file, &[IoSlice::new(data)], 0, ReadWriteFlags::APPEND)?;
        let end = self.file.metadata().map_err(|error| errno(&error))?.len();
        Ok((count, end))
    }

    fn set_len(&self, size: u64) -> Result<()> {
        rustix::fs::ftruncate(&self.file, size)
    }

    fn sync(&self, data_only: bool) -> Result<()> {
        if data_only { rustix::fs::fdatasync(&self.file) } else { rustix::fs::fsync(&self.file) }
    }

    fn attributes(&self) -> Result<Attributes> {
        self.node.attributes()
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        if let Some(size) = change.size {
            self.set_len(size)?;
        }
        self.node.set_attributes(&SetAttributes { size: None, ..*change })
    }

    fn identity(&self) -> Option<ContentIdentity> {
        let now = self.node.attributes().ok()?;
        Some(ContentIdentity { dev: now.dev, ino: now.ino, size: now.size, mtime: now.mtime, ctime: now.ctime })
    }

    fn host_file(&self) -> Option<&File> {
        Some(&self.file)
    }
}
