//! Inodes: attributes, and what each kind of file holds.

use crate::{
    Access, Attributes, Caller, ContentIdentity, DirEntry, Errno, FileKind, FsFigures, Handle, Name, NewKind, NewNode,
    Node, RenameFlags, Result, SetAttributes, Timestamp, XattrFlags,
};
use parking_lot::{Mutex, RwLock};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use super::Store;
use super::content::Content;
use super::directory::Names;

/// Bytes of extended attributes one file may have, names and values together.
const XATTRS_MAX: usize = 128 * 1024;

pub(super) struct Inode {
    pub(super) store: Arc<Store>,
    pub(super) me: Weak<Inode>,
    pub(super) ino: u64,
    pub(super) kind: FileKind,
    rdev: u64,
    pub(super) meta: Mutex<Meta>,
    pub(super) body: Body,
}

pub(super) struct Meta {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) nlink: u64,
    pub(super) atime: Timestamp,
    pub(super) mtime: Timestamp,
    pub(super) ctime: Timestamp,
    xattrs: BTreeMap<Box<[u8]>, Box<[u8]>>,
}

impl Meta {
    /// The contents changed just now.
    pub(super) fn touch(&mut self) {
        self.mtime = Timestamp::now();
        self.ctime = self.mtime;
    }

    fn xattr_bytes(&self) -> usize {
        self.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}

pub(super) enum Body {
    Regular(RwLock<Content>),
    Directory(RwLock<Names>),
    Symlink(Box<[u8]>),
    Special,
}

impl Inode {
    pub(super) fn new(store: &Arc<Store>, new: &NewNode) -> Result<Arc<Self>> {
        let (body, rdev) = match &new.kind {
            NewKind::Regular => (Body::Regular(RwLock::default()), 0),
            NewKind::Directory => (Body::Directory(RwLock::default()), 0),
            NewKind::Symlink(contents) => (Body::Symlink(contents.as_slice().into()), 0),
            NewKind::CharDevice(rdev) | NewKind::BlockDevice(rdev) => (Body::Special, *rdev),
            NewKind::Fifo | NewKind::Socket => (Body::Special, 0),
        };
        let kind = new.kind.kind();
        let ino = store.take_inode()?;
        let now = Timestamp::now();
        Ok(Arc::new_cyclic(|me| Self {
            store: store.clone(),
            me: me.clone(),
            ino,
            kind,
            rdev,
            meta: Mutex::new(Meta {
                mode: new.mode & 0o7777,
                uid: new.uid,
                gid: new.gid,
                nlink: if kind.is_directory() { 2 } else { 1 },
                atime: now,
                mtime: now,
                ctime: now,
                xattrs: BTreeMap::new(),
            }),
            body,
        }))
    }

    pub(super) fn names(&self) -> Result<&RwLock<Names>> {
        match &self.body {
            Body::Directory(names) => Ok(names),
            _ => Err(Errno::NOTDIR),
        }
    }

    fn content(&self) -> Result<&RwLock<Content>> {
        match &self.body {
            Body::Regular(content) => Ok(content),
            Body::Directory(_) => Err(Errno::ISDIR),
            _ => Err(Errno::INVAL),
        }
    }

    fn stat(&self) -> Attributes {
        let (size, blocks) = match &self.body {
            Body::Regular(content) => {
                let content = content.read();
                (content.size(), content.blocks())
            }
            Body::Directory(names) => (names.read().size(), 0),
            Body::Symlink(contents) => (contents.len() as u64, 0),
            Body::Special => (0, 0),
        };
        let meta = self.meta.lock();
        Attributes {
            kind: self.kind,
            mode: meta.mode,
            uid: meta.uid,
            gid: meta.gid,
            nlink: meta.nlink,
            ino: self.ino,
            dev: self.store.dev,
            rdev: self.rdev,
            size,
            blocks,
            atime: meta.atime,
            mtime: meta.mtime,
            ctime: meta.ctime,
        }
    }

    fn change(&self, change: &SetAttributes) -> Result<()> {
        if let Some(size) = change.size {
            self.content()?.write().set_size(&self.store, size)?;
        }
        let mut meta = self.meta.lock();
        if change.size.is_some() {
            meta.touch();
        }
        meta.mode = change.mode.map_or(meta.mode, |mode| mode & 0o7777);
        meta.uid = change.uid.unwrap_or(meta.uid);
        meta.gid = change.gid.unwrap_or(meta.gid);
        meta.atime = change.atime.resolve().unwrap_or(meta.atime);
        meta.mtime = change.mtime.resolve().unwrap_or(meta.mtime);
        meta.ctime = Timestamp::now();
        Ok(())
    }
}

impl Drop for Inode {
    fn drop(&mut self) {
        match &mut self.body {
            Body::Regular(content) => content.get_mut().clear(&self.store),
            Body::Directory(names) => names.get_mut().dismantle(),
            _ => {}
        }
        self.store.give_memory(self.meta.get_mut().xattr_bytes() as u64);
        self.store.give_inode();
    }
}

impl Node for Inode {
    fn attributes(&self) -> Result<Attributes> {
        Ok(self.stat())
    }

    fn kind(&self) -> FileKind {
        self.kind
    }

    fn number(&self) -> Result<(u64, u64)> {
        Ok((self.store.dev, self.ino))
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        self.change(change)
    }

    fn open(&self, access: Access) -> Result<Arc<dyn Handle>> {
        if access.contains(Access::TRUNCATE) {
            self.change(&SetAttributes { size: Some(0), ..SetAttributes::default() })?;
        } else {
            self.content()?;
        }
        let inode: Arc<Self> = self.me.upgrade().ok_or(Errno::STALE)?;
        Ok(inode)
    }

    fn read_link(&self, _: &Caller) -> Result<Vec<u8>> {
        match &self.body {
            Body::Symlink(contents) => Ok(contents.to_vec()),
            _ => Err(Errno::INVAL),
        }
    }

    fn lookup(&self, name: &Name, _: &Caller) -> Result<Arc<dyn Node>> {
        let found: Arc<dyn Node> = self.names()?.read().get(name)?;
        Ok(found)
    }

    fn read_dir(&self, _: &Caller) -> Result<Vec<DirEntry>> {
        Ok(self.names()?.read().list())
    }

    fn create(&self, name: &Name, new: &NewNode) -> Result<Arc<dyn Node>> {
        let made: Arc<dyn Node> = self.create_in(name, new)?;
        Ok(made)
    }

    fn link(&self, name: &Name, target: &Arc<dyn Node>) -> Result<()> {
        self.link_in(name, target.as_any().downcast_ref().ok_or(Errno::XDEV)?)
    }

    fn unlink(&self, name: &Name) -> Result<()> {
        self.unlink_in(name)
    }

    fn rmdir(&self, name: &Name) -> Result<()> {
        self.rmdir_in(name)
    }

    fn rename(&self, name: &Name, to: &Arc<dyn Node>, to_name: &Name, flags: RenameFlags) -> Result<()> {
        self.rename_to(name, to.as_any().downcast_ref().ok_or(Errno::XDEV)?, to_name, flags)
    }

    fn get_xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        self.meta.lock().xattrs.get(name).map(|value| value.to_vec()).ok_or(Errno::NODATA)
    }

    fn set_xattr(&self, name: &[u8], value: &[u8], flags: XattrFlags) -> Result<()> {
        let mut meta = self.meta.lock();
        let had = meta.xattrs.get(name).map(|value| name.len() + value.len());
        if had.is_some() && flags.contains(XattrFlags::CREATE) {
            return Err(Errno::EXIST);
        }
        if had.is_none() && flags.contains(XattrFlags::REPLACE) {
            return Err(Errno::NODATA);
        }
        let (had, have) = (had.unwrap_or(0), name.len() + value.len());
        if meta.xattr_bytes() - had + have > XATTRS_MAX {
            return Err(Errno::NOSPC);
        }
        self.store.take_memory(have as u64)?;
        meta.xattrs.insert(name.into(), value.into());
        meta.ctime = Timestamp::now();
        drop(meta);
        self.store.give_memory(had as u64);
        Ok(())
    }

    fn remove_xattr(&self, name: &[u8]) -> Result<()> {
        let mut meta = self.meta.lock();
        let value = meta.xattrs.remove(name).ok_or(Errno::NODATA)?;
        meta.ctime = Timestamp::now();
        drop(meta);
        self.store.give_memory((name.len() + value.len()) as u64);
        Ok(())
    }

    fn list_xattrs(&self) -> Result<Vec<Vec<u8>>> {
        Ok(self.meta.lock().xattrs.keys().map(|name| name.to_vec()).collect())
    }

    fn figures(&self) -> Result<FsFigures> {
        Ok(self.store.figures())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Handle for Inode {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        Ok(self.content()?.read().read(buf, offset))
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<usize> {
        let written = self.content()?.write().write(&self.store, data, offset)?;
        self.meta.lock().touch();
        Ok(written)
    }

    fn append(&self, data: &[u8]) -> Result<(usize, u64)> {
        let mut content = self.content()?.write();
        let end = content.size();
        let written = content.write(&self.store, data, end)?;
        let end = content.size();
        drop(content);
        self.meta.lock().touch();
        Ok((written, end))
    }

    fn set_len(&self, size: u64) -> Result<()> {
        self.change(&SetAttributes { size: Some(size), ..SetAttributes::default() })
    }

    fn sync(&self, _: bool) -> Result<()> {
        Ok(())
    }

    fn attributes(&self) -> Result<Attributes> {
        Ok(self.stat())
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        self.change(change)
    }

    // The clock that stamps changes is too coarse to tell two writes apart.
    fn identity(&self) -> Option<ContentIdentity> {
        None
    }
}
