//! The overlay's nodes as the namespace sees them.

use super::handle::OverlayHandle;
use super::inode::Inode;
use super::tree::Tree;
use crate::{
    Access, Attributes, Caller, DirEntry, Errno, FileKind, FsFigures, Handle, Name, NewNode, Node, RenameFlags, Result,
    SetAttributes, XattrFlags,
};
use std::any::Any;
use std::sync::Arc;

/// `XATTR_NAME_MAX`, `XATTR_SIZE_MAX`, and what one file's may take together.
const XATTR_NAME_MAX: usize = 255;
const XATTR_SIZE_MAX: usize = 65_536;
const XATTRS_MAX: usize = 4 * XATTR_SIZE_MAX;

pub(super) struct OverlayNode {
    pub(super) tree: Arc<Tree>,
    pub(super) inode: Arc<Inode>,
}

impl OverlayNode {
    fn wrap(&self, inode: Arc<Inode>) -> Arc<dyn Node> {
        Arc::new(Self { tree: Arc::clone(&self.tree), inode })
    }

    /// A node of this very overlay.
    fn own<'a>(&self, node: &'a Arc<dyn Node>) -> Result<&'a Arc<Inode>> {
        node.as_any()
            .downcast_ref::<Self>()
            .filter(|node| Arc::ptr_eq(&node.tree, &self.tree))
            .map(|node| &node.inode)
            .ok_or(Errno::XDEV)
    }

    fn directory(&self) -> Result<&Arc<Inode>> {
        if self.inode.is_directory() { Ok(&self.inode) } else { Err(Errno::NOTDIR) }
    }

    fn change_xattrs(&self, change: impl FnOnce(&mut super::inode::Meta) -> Result<()>) -> Result<()> {
        let mut state = self.tree.state.lock();
        self.tree.mark_changed(&mut state, &self.inode);
        {
            let mut meta = self.inode.meta.lock();
            change(&mut meta)?;
            meta.ctime = crate::Timestamp::now();
        }
        self.tree.journal_inode(&mut state, &self.inode)
    }
}

impl Node for OverlayNode {
    fn attributes(&self) -> Result<Attributes> {
        self.tree.attributes(&self.inode)
    }

    fn kind(&self) -> FileKind {
        self.inode.kind
    }

    fn number(&self) -> Result<(u64, u64)> {
        Ok((self.tree.dev, self.inode.ino))
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        self.tree.set_attributes(&self.inode, change)
    }

    fn open(&self, access: Access) -> Result<Arc<dyn Handle>> {
        match self.inode.kind {
            FileKind::Regular => OverlayHandle::open(&self.tree, &self.inode, access),
            FileKind::Directory => Err(Errno::ISDIR),
            FileKind::Symlink => Err(Errno::LOOP),
            _ => Err(Errno::NXIO),
        }
    }

    fn read_link(&self, _: &Caller) -> Result<Vec<u8>> {
        if self.inode.kind != FileKind::Symlink {
            return Err(Errno::INVAL);
        }
        Ok(self.inode.meta.lock().link.to_vec())
    }

    fn lookup(&self, name: &Name, _: &Caller) -> Result<Arc<dyn Node>> {
        let directory = self.directory()?;
        let found = self.tree.child(&mut self.tree.state.lock(), directory, name.as_bytes())?;
        found.map(|inode| self.wrap(inode)).ok_or(Errno::NOENT)
    }

    fn read_dir(&self, _: &Caller) -> Result<Vec<DirEntry>> {
        Ok(self.tree.list(self.directory()?))
    }

    fn create(&self, name: &Name, new: &NewNode) -> Result<Arc<dyn Node>> {
        self.tree.create(self.directory()?, name.as_bytes(), new).map(|inode| self.wrap(inode))
    }

    fn link(&self, name: &Name, target: &Arc<dyn Node>) -> Result<()> {
        self.tree.link(self.directory()?, name.as_bytes(), self.own(target)?)
    }

    fn unlink(&self, name: &Name) -> Result<()> {
        self.tree.remove(self.directory()?, name.as_bytes(), false)
    }

    fn rmdir(&self, name: &Name) -> Result<()> {
        self.tree.remove(self.directory()?, name.as_bytes(), true)
    }

    fn rename(&self, name: &Name, to: &Arc<dyn Node>, to_name: &Name, flags: RenameFlags) -> Result<()> {
        let to = self.own(to)?;
        if !to.is_directory() {
            return Err(Errno::NOTDIR);
        }
        self.tree.rename(self.directory()?, name.as_bytes(), to, to_name.as_bytes(), flags)
    }

    fn get_xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        self.inode.meta.lock().xattrs.get(name).cloned().ok_or(Errno::NODATA)
    }

    fn set_xattr(&self, name: &[u8], value: &[u8], flags: XattrFlags) -> Result<()> {
        if name.is_empty() || name.len() > XATTR_NAME_MAX {
            return Err(Errno::RANGE);
        }
        if value.len() > XATTR_SIZE_MAX {
            return Err(Errno::TOOBIG);
        }
        self.change_xattrs(|meta| {
            match meta.xattrs.contains_key(name) {
                true if flags.contains(XattrFlags::CREATE) => return Err(Errno::EXIST),
                false if flags.contains(XattrFlags::REPLACE) => return Err(Errno::NODATA),
                _ => {}
            }
            let taken: usize = meta
                .xattrs
                .iter()
                .filter(|(other, _)| *other != name)
                .map(|(name, value)| name.len() + value.len())
                .sum();
            if taken + name.len() + value.len() > XATTRS_MAX {
                return Err(Errno::NOSPC);
            }
            meta.xattrs.insert(name.to_vec(), value.to_vec());
            Ok(())
        })
    }

    fn remove_xattr(&self, name: &[u8]) -> Result<()> {
        if !self.inode.meta.lock().xattrs.contains_key(name) {
            return Err(Errno::NODATA);
        }
        self.change_xattrs(|meta| meta.xattrs.remove(name).map(drop).ok_or(Errno::NODATA))
    }

    fn list_xattrs(&self) -> Result<Vec<Vec<u8>>> {
        Ok(self.inode.meta.lock().xattrs.keys().cloned().collect())
    }

    fn figures(&self) -> Result<FsFigures> {
        self.tree.figures()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
