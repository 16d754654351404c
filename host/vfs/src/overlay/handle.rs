//! An open regular file of an overlay. It follows its file from the layer into the upper when somebody writes to it.

use super::content::errno;
use super::inode::{Content, Inode};
use super::tree::Tree;
use crate::{Access, Attributes, ContentIdentity, Errno, Handle, Result, SetAttributes};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, OnceLock};

pub(super) struct OverlayHandle {
    tree: Arc<Tree>,
    inode: Arc<Inode>,
    /// The upper's file, once there is one.
    file: OnceLock<Arc<File>>,
}

impl OverlayHandle {
    pub(super) fn open(tree: &Arc<Tree>, inode: &Arc<Inode>, access: Access) -> Result<Arc<dyn Handle>> {
        let handle = Self { tree: Arc::clone(tree), inode: Arc::clone(inode), file: OnceLock::new() };
        if access.contains(Access::TRUNCATE) {
            tree.set_len(inode, 0)?;
        }
        let mut meta = inode.meta.lock();
        if meta.unsized_yet {
            tree.load(inode, &mut meta)?;
        }
        // Holding the file keeps the bytes when the last name goes.
        if meta.content == Content::Upper {
            let file = tree.content_file(inode, &mut meta)?;
            handle.file.get_or_init(|| file);
        }
        drop(meta);
        Ok(Arc::new(handle))
    }

    /// The upper's file, or none while the bytes are a layer's (or there are none).
    fn upper(&self) -> Result<Option<&Arc<File>>> {
        if let Some(file) = self.file.get() {
            return Ok(Some(file));
        }
        let mut meta = self.inode.meta.lock();
        if meta.content != Content::Upper {
            return Ok(None);
        }
        let file = self.tree.content_file(&self.inode, &mut meta)?;
        drop(meta);
        Ok(Some(self.file.get_or_init(|| file)))
    }

    /// Takes hold of the file before it is written to, so that it stays open for all.
    fn hold(&self, keep: u64) -> Result<()> {
        if self.file.get().is_none() {
            let file = self.tree.writable(&self.inode, keep)?;
            self.file.get_or_init(|| file);
        }
        Ok(())
    }
}

impl Handle for OverlayHandle {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let count = match self.upper()? {
            Some(file) => read_full(file, buf, offset)?,
            None => {
                if self.inode.meta.lock().content == Content::None {
                    return Ok(0);
                }
                let at = self.inode.lowers.first().ok_or(Errno::IO)?;
                self.tree.lowers.layer(*at)?.read_at(at.node, buf, offset)?
            }
        };
        if offset == 0 {
            self.tree.touch_atime(&self.inode);
        }
        Ok(count)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<usize> {
        self.hold(u64::MAX)?;
        self.tree.write(&self.inode, data, Some(offset)).map(|(count, _)| count)
    }

    fn append(&self, data: &[u8]) -> Result<(usize, u64)> {
        self.hold(u64::MAX)?;
        self.tree.write(&self.inode, data, None)
    }

    fn set_len(&self, size: u64) -> Result<()> {
        self.hold(size)?;
        self.tree.set_len(&self.inode, size)
    }

    fn sync(&self, data_only: bool) -> Result<()> {
        match self.file.get() {
            Some(file) if data_only => file.sync_data().map_err(|error| errno(&error)),
            Some(file) => file.sync_all().map_err(|error| errno(&error)),
            None => Ok(()),
        }
    }

    fn attributes(&self) -> Result<Attributes> {
        self.tree.attributes(&self.inode)
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        if let Some(size) = change.size {
            self.hold(size)?;
        }
        self.tree.set_attributes(&self.inode, change)
    }

    fn identity(&self) -> Option<ContentIdentity> {
        self.tree.identity(&self.inode)
    }

    fn host_file(&self) -> Option<&File> {
        self.upper().ok().flatten().map(Arc::as_ref)
    }
}

/// Less than asked only at the end of the file.
fn read_full(file: &File, buf: &mut [u8], offset: u64) -> Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(errno(&error)),
        }
    }
    Ok(filled)
}
