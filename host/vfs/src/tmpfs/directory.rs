//! Directories in memory.
//!
//! Each directory has its own lock. Only rename and rmdir hold two at once, and they take the file system's rename
//! lock first, so no order among directories is needed.

use crate::{DirEntry, Errno, Name, NewNode, RenameFlags, Result, Timestamp};
use hashbrown::HashMap;
use parking_lot::RwLockWriteGuard;
use std::sync::{Arc, Weak};

use super::inode::{Body, Inode};
use super::linkable;

/// What Linux's tmpfs counts a name as, in bytes.
const NAME_SIZE: u64 = 20;

/// The names in a directory.
#[derive(Default)]
pub(super) struct Names {
    names: HashMap<Box<[u8]>, Arc<Inode>>,
    parent: Weak<Inode>,
    /// Removed: nothing can be made in it any more.
    dead: bool,
}

impl Names {
    pub(super) fn get(&self, name: &Name) -> Result<Arc<Inode>> {
        self.names.get(name.as_bytes()).cloned().ok_or(Errno::NOENT)
    }

    pub(super) fn list(&self) -> Vec<DirEntry> {
        let entries = self.names.iter();
        entries.map(|(name, inode)| DirEntry { name: name.to_vec(), kind: inode.kind, ino: inode.ino }).collect()
    }

    pub(super) fn size(&self) -> u64 {
        NAME_SIZE * (self.names.len() as u64 + 2)
    }

    fn vacant(&self, name: &Name) -> Result<()> {
        if self.dead {
            return Err(Errno::NOENT);
        }
        if self.names.contains_key(name.as_bytes()) { Err(Errno::EXIST) } else { Ok(()) }
    }

    /// Frees a tree without recursing: a guest may nest directories as deep as it likes.
    pub(super) fn dismantle(&mut self) {
        let mut pending: Vec<Arc<Inode>> = self.names.drain().map(|(_, inode)| inode).collect();
        while let Some(inode) = pending.pop() {
            if let Some(mut inode) = Arc::into_inner(inode)
                && let Body::Directory(names) = &mut inode.body
            {
                pending.extend(names.get_mut().names.drain().map(|(_, inode)| inode));
            }
        }
    }
}

/// The one or two directories of a rename, locked.
enum Locked<'a> {
    One(RwLockWriteGuard<'a, Names>),
    Two(RwLockWriteGuard<'a, Names>, RwLockWriteGuard<'a, Names>),
}

impl Locked<'_> {
    fn from(&mut self) -> &mut Names {
        match self {
            Self::One(names) | Self::Two(names, _) => names,
        }
    }

    fn to(&mut self) -> &mut Names {
        match self {
            Self::One(names) | Self::Two(_, names) => names,
        }
    }
}

impl Inode {
    fn me(&self) -> Result<Arc<Self>> {
        self.me.upgrade().ok_or(Errno::STALE)
    }

    fn adopt(&self, child: &Inode) {
        if let Body::Directory(names) = &child.body {
            names.write().parent = self.me.clone();
            self.meta.lock().nlink += 1;
        }
    }

    pub(super) fn create_in(&self, name: &Name, new: &NewNode) -> Result<Arc<Self>> {
        let mut names = self.names()?.write();
        names.vacant(name)?;
        let child = Self::new(&self.store, new)?;
        self.adopt(&child);
        names.names.insert(name.as_bytes().into(), child.clone());
        self.meta.lock().touch();
        Ok(child)
    }

    pub(super) fn link_in(&self, name: &Name, target: &Self) -> Result<()> {
        if !Arc::ptr_eq(&self.store, &target.store) {
            return Err(Errno::XDEV);
        }
        if !linkable(target.kind) {
            return Err(Errno::PERM);
        }
        let mut names = self.names()?.write();
        names.vacant(name)?;
        {
            let mut meta = target.meta.lock();
            if meta.nlink == 0 {
                return Err(Errno::NOENT);
            }
            meta.nlink += 1;
            meta.ctime = Timestamp::now();
        }
        names.names.insert(name.as_bytes().into(), target.me()?);
        self.meta.lock().touch();
        Ok(())
    }

    pub(super) fn unlink_in(&self, name: &Name) -> Result<()> {
        let mut names = self.names()?.write();
        let victim = names.get(name)?;
        if victim.kind.is_directory() {
            return Err(Errno::ISDIR);
        }
        names.names.remove(name.as_bytes());
        drop(names);
        victim.lost_name();
        self.meta.lock().touch();
        Ok(())
    }

    pub(super) fn rmdir_in(&self, name: &Name) -> Result<()> {
        let _renaming = self.store.renaming.lock();
        let mut names = self.names()?.write();
        let victim = names.get(name)?;
        victim.bury()?;
        names.names.remove(name.as_bytes());
        drop(names);
        let mut meta = self.meta.lock();
        meta.nlink -= 1;
        meta.touch();
        Ok(())
    }

    fn lost_name(&self) {
        let mut meta = self.meta.lock();
        meta.nlink = meta.nlink.saturating_sub(1);
        meta.ctime = Timestamp::now();
    }

    /// Makes an empty directory refuse new names.
    fn bury(&self) -> Result<()> {
        let mut names = self.names()?.write();
        if !names.names.is_empty() {
            return Err(Errno::NOTEMPTY);
        }
        names.dead = true;
        drop(names);
        let mut meta = self.meta.lock();
        meta.nlink = 0;
        meta.ctime = Timestamp::now();
        Ok(())
    }

    /// Whether `self` is `other` or lies above it. Parents only change under the rename lock, which the caller holds.
    fn is_above(&self, other: &Self) -> bool {
        let mut next = other.me.upgrade();
        while let Some(inode) = next {
            if inode.ino == self.ino {
                return true;
            }
            next = inode.names().ok().and_then(|names| names.read().parent.upgrade());
        }
        false
    }

    pub(super) fn rename_to(&self, name: &Name, to: &Self, to_name: &Name, flags: RenameFlags) -> Result<()> {
        loop {
            if let Some(done) = self.try_rename(name, to, to_name, flags).transpose() {
                return done;
            }
        }
    }

    /// `None` if one of the names changed meanwhile.
    fn try_rename(&self, name: &Name, to: &Self, to_name: &Name, flags: RenameFlags) -> Result<Option<()>> {
        if !Arc::ptr_eq(&self.store, &to.store) {
            return Err(Errno::XDEV);
        }
        let exchange = flags.contains(RenameFlags::EXCHANGE);
        let _renaming = self.store.renaming.lock();
        let same = self.ino == to.ino;

        let moved = self.names()?.read().get(name)?;
        let replaced = to.names()?.read().get(to_name).ok();
        if moved.kind.is_directory() && moved.is_above(to) {
            return Err(Errno::INVAL);
        }
        match &replaced {
            None if exchange => return Err(Errno::NOENT),
            None => {}
            Some(_) if flags.contains(RenameFlags::NO_REPLACE) => return Err(Errno::EXIST),
            Some(replaced) if replaced.ino == moved.ino => return Ok(Some(())),
            Some(replaced) if exchange && replaced.kind.is_directory() && replaced.is_above(self) => {
                return Err(Errno::INVAL);
            }
            Some(_) if exchange => {}
            Some(replaced) => match (moved.kind.is_directory(), replaced.kind.is_directory()) {
                (false, true) => return Err(Errno::ISDIR),
                (true, false) => return Err(Errno::NOTDIR),
                (true, true) if replaced.is_above(self) => return Err(Errno::NOTEMPTY),
                _ => {}
            },
        }

        let mut locked = if same {
            Locked::One(self.names()?.write())
        } else {
            Locked::Two(self.names()?.write(), to.names()?.write())
        };
        // Plain creates and unlinks do not take the rename lock: look again, now that they are kept out.
        let still =
            |names: &Names, name: &Name, inode: Option<&Arc<Self>>| match (names.names.get(name.as_bytes()), inode) {
                (None, None) => true,
                (Some(now), Some(inode)) => Arc::ptr_eq(now, inode),
                _ => false,
            };
        if locked.to().dead {
            return Err(Errno::NOENT);
        }
        if !still(locked.from(), name, Some(&moved)) || !still(locked.to(), to_name, replaced.as_ref()) {
            return Ok(None);
        }
        if let Some(replaced) = &replaced
            && !exchange
            && replaced.kind.is_directory()
        {
            replaced.bury()?;
        }
        locked.from().names.remove(name.as_bytes());
        locked.to().names.insert(to_name.as_bytes().into(), moved.clone());
        if let Some(replaced) = &replaced
            && exchange
        {
            locked.from().names.insert(name.as_bytes().into(), replaced.clone());
        }
        drop(locked);

        let subdirectory = |inode: &Arc<Self>| inode.kind.is_directory();
        if subdirectory(&moved) {
            self.meta.lock().nlink -= 1;
            to.adopt(&moved);
        }
        match &replaced {
            Some(replaced) if exchange => {
                if subdirectory(replaced) {
                    to.meta.lock().nlink -= 1;
                    self.adopt(replaced);
                }
                replaced.meta.lock().ctime = Timestamp::now();
            }
            Some(replaced) if subdirectory(replaced) => to.meta.lock().nlink -= 1,
            Some(replaced) => replaced.lost_name(),
            None => {}
        }
        moved.meta.lock().ctime = Timestamp::now();
        self.meta.lock().touch();
        to.meta.lock().touch();
        Ok(Some(()))
    }
}
