//! The overlay's inodes: a layer's node as long as it is unchanged, and what became of it afterwards.
//!
//! An inode is in memory while something refers to it, and for good once it was changed. Numbers and identity do not
//! change with a change, so a file held open shows what others write to it, and hard links stay links.

use super::merge::{LowerRef, Lowers};
use crate::{Attributes, Errno, FileKind, NewKind, NewNode, Result, Timestamp};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

/// Where a regular file's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Nowhere yet: it is empty.
    None,
    /// In the layer it came from.
    Lower,
    /// In a file of the upper, named by the inode number.
    Upper,
}

/// What a changed directory says of a name; other names are as in the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Node { ino: u64, kind: FileKind },
    Whiteout,
}

pub(super) struct Inode {
    pub ino: u64,
    pub kind: FileKind,
    /// Layer nodes: one for files, those that show through for directories, none for what was made here.
    pub lowers: Box<[LowerRef]>,
    /// The directory a directory is in.
    pub parent: Mutex<Option<Arc<Inode>>>,
    pub meta: Mutex<Meta>,
}

#[derive(Clone, Debug)]
pub(super) struct Meta {
    /// In the table of changed inodes and in the journal.
    pub changed: bool,
    /// No name leads here any more.
    pub removed: bool,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub rdev: u64,
    pub nlink: u64,
    pub atime: Timestamp,
    pub mtime: Timestamp,
    pub ctime: Timestamp,
    pub size: u64,
    /// Space of contents in the upper, in units of 512 bytes.
    pub blocks: u64,
    pub content: Content,
    /// Size is not known yet (after a restart).
    pub unsized_yet: bool,
    /// The contents' file has a newer time of change and other blocks.
    pub stale: bool,
    /// Moves with every change of the contents; unique in the daemon.
    pub generation: u64,
    pub file: Weak<File>,
    pub link: Box<[u8]>,
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub names: BTreeMap<Box<[u8]>, Slot>,
    /// Directories among `names`.
    pub directories: u64,
}

/// A number no other content has.
pub(super) fn next_generation() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Meta {
    pub(super) fn blank(now: Timestamp) -> Self {
        Self {
            changed: false,
            removed: false,
            mode: 0,
            uid: 0,
            gid: 0,
            rdev: 0,
            nlink: 1,
            atime: now,
            mtime: now,
            ctime: now,
            size: 0,
            blocks: 0,
            content: Content::None,
            unsized_yet: false,
            stale: false,
            generation: next_generation(),
            file: Weak::new(),
            link: Box::default(),
            xattrs: BTreeMap::new(),
            names: BTreeMap::new(),
            directories: 0,
        }
    }
}

impl Inode {
    /// A node of the layers as it is there.
    pub(super) fn of_lower(ino: u64, kind: FileKind, refs: Vec<LowerRef>, lowers: &Lowers) -> Result<Self> {
        let at = lowers.speaking(&refs).ok_or(Errno::IO)?;
        let (layer, node) = (lowers.layer(at)?, lowers.node(at)?);
        let mut meta = Meta::blank(node.mtime);
        meta.mode = node.mode;
        meta.uid = node.uid;
        meta.gid = node.gid;
        meta.rdev = node.rdev;
        meta.nlink = u64::from(node.nlink);
        meta.size = node.size;
        meta.content = if kind == FileKind::Regular { Content::Lower } else { Content::None };
        meta.link = layer.link_of(at.node).into();
        meta.xattrs = layer.xattrs_of(at.node).iter().cloned().collect();
        Ok(Self { ino, kind, lowers: refs.into(), parent: Mutex::new(None), meta: Mutex::new(meta) })
    }

    /// A node made here.
    pub(super) fn fresh(ino: u64, new: &NewNode, link: &[u8], rdev: u64) -> Self {
        let mut meta = Meta::blank(Timestamp::now());
        meta.mode = if matches!(new.kind, NewKind::Symlink(_)) { 0o777 } else { new.mode & 0o7777 };
        meta.uid = new.uid;
        meta.gid = new.gid;
        meta.rdev = rdev;
        meta.size = link.len() as u64;
        meta.link = link.into();
        meta.changed = true;
        Self { ino, kind: new.kind.kind(), lowers: Box::default(), parent: Mutex::new(None), meta: Mutex::new(meta) }
    }

    pub(super) fn is_directory(&self) -> bool {
        self.kind == FileKind::Directory
    }

    pub(super) fn attributes(&self, meta: &Meta, dev: u64, lowers: &Lowers) -> Attributes {
        let (nlink, size, blocks) = match self.kind {
            FileKind::Directory => (self.directory_links(meta, lowers), 4096, 8),
            FileKind::Regular => {
                let blocks = if meta.content == Content::Upper { meta.blocks } else { meta.size.div_ceil(512) };
                (meta.nlink, meta.size, blocks)
            }
            _ => (meta.nlink, meta.size, 0),
        };
        Attributes {
            kind: self.kind,
            mode: meta.mode,
            uid: meta.uid,
            gid: meta.gid,
            nlink,
            ino: self.ino,
            dev,
            rdev: meta.rdev,
            size,
            blocks,
            atime: meta.atime,
            mtime: meta.mtime,
            ctime: meta.ctime,
        }
    }

    /// 2 and one for each sub-directory where that is known without a walk; otherwise 1, as Linux's overlay says for
    /// merged directories.
    fn directory_links(&self, meta: &Meta, lowers: &Lowers) -> u64 {
        if meta.removed {
            return 0;
        }
        match &*self.lowers {
            [] => 2 + meta.directories,
            [only] if meta.names.is_empty() => lowers.node(*only).map_or(1, |node| 2 + u64::from(node.directories)),
            _ => 1,
        }
    }
}

/// A guest may nest directories as deep as it likes; freeing a chain of them must not recurse.
impl Drop for Inode {
    fn drop(&mut self) {
        let mut parent = self.parent.get_mut().take();
        while let Some(mut inode) = parent.and_then(Arc::into_inner) {
            parent = inode.parent.get_mut().take();
        }
    }
}
