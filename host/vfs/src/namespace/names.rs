//! Making, removing and moving names: mkdir, mknod, symlink, link, unlink, rmdir, rename.

use crate::{Attributes, Caller, Errno, FileKind, Name, NewKind, NewNode, Permissions, RenameFlags, Result, WatchMask};
use std::ops::Range;
use std::sync::Arc;

use super::dentry::Dentry;
use super::{Last, Location, Namespace, Walk};

const SET_GID: u32 = 0o2000;
const STICKY: u32 = 0o1000;

/// Checks that names may be made in a directory.
pub(crate) fn check_create(directory: &Location, caller: &Caller) -> Result<Attributes> {
    directory.mount.writable()?;
    if directory.is_deleted() {
        return Err(Errno::NOENT);
    }
    let attributes = directory.attributes()?;
    caller.credentials.check(&attributes, Permissions::WRITE | Permissions::EXECUTE)?;
    Ok(attributes)
}

/// Checks that the name of `victim` may be removed from a directory: in a sticky one only by the owner of either.
fn check_delete(directory: &Location, victim: &Location, caller: &Caller) -> Result<()> {
    directory.mount.writable()?;
    let attributes = directory.attributes()?;
    caller.credentials.check(&attributes, Permissions::WRITE | Permissions::EXECUTE)?;
    let sticky = attributes.mode & STICKY != 0;
    if sticky && !caller.credentials.owns(&attributes) && !caller.credentials.owns(&victim.attributes()?) {
        return Err(Errno::PERM);
    }
    Ok(())
}

/// Whether something is mounted there.
fn check_busy(directory: &Location, victim: &Location) -> Result<()> {
    if victim.mount.id == directory.mount.id { Ok(()) } else { Err(Errno::BUSY) }
}

/// Whether a directory is `below` or lies above it in the same mount.
fn is_above(directory: &Location, below: &Location) -> Result<bool> {
    let number = directory.node().number()?;
    let mut next = Some(below.dentry.clone());
    while let Some(dentry) = next {
        if dentry.node().number()? == number {
            return Ok(true);
        }
        next = dentry.parent();
    }
    Ok(false)
}

/// The node to make for `caller`: umask applied, group inherited from a set-group-id directory.
pub(crate) fn new_node(kind: NewKind, mode: u32, directory: &Attributes, caller: &Caller) -> NewNode {
    let credentials = &caller.credentials;
    let mut mode = match kind {
        NewKind::Symlink(_) => 0o777,
        _ => mode & 0o7777 & !caller.umask,
    };
    let mut gid = credentials.gid;
    if directory.mode & SET_GID != 0 {
        gid = directory.gid;
        if matches!(kind, NewKind::Directory) {
            mode |= SET_GID;
        } else if mode & (SET_GID | 0o010) == SET_GID | 0o010 && !credentials.is_root() && !credentials.in_group(gid) {
            mode &= !SET_GID;
        }
    }
    NewNode { kind, mode, uid: credentials.uid, gid }
}

impl Namespace {
    /// Walks to where a new name is to be; `EEXIST` if it is there already.
    fn vacant(&self, walk: &mut Walk<'_>, directory: bool) -> Result<Range<usize>> {
        let Last::Name(name) = walk.parent()? else { return Err(Errno::EXIST) };
        match walk.child(&name) {
            Ok(_) => Err(Errno::EXIST),
            Err(Errno::NOENT) if walk.slash && !directory => Err(Errno::NOENT),
            Err(Errno::NOENT) => Ok(name),
            Err(error) => Err(error),
        }
    }

    fn make(&self, base: &Location, path: &[u8], kind: NewKind, mode: u32, caller: &Caller) -> Result<()> {
        let table = self.table();
        let mut walk = Walk::new(&table, base, path, caller)?;
        let kind_only = kind.kind();
        let name = self.vacant(&mut walk, kind_only.is_directory())?;
        let parent = check_create(&walk.here, caller)?;
        let new = new_node(kind, mode, &parent, caller);
        walk.here.node().create(Name::new(walk.name(&name))?, &new)?;
        self.tell_name(&walk.here, walk.name(&name), WatchMask::CREATE, kind_only, 0);
        Ok(())
    }

    /// mkdir()
    pub fn mkdir(&self, base: &Location, path: &[u8], mode: u32, caller: &Caller) -> Result<()> {
        self.make(base, path, NewKind::Directory, mode & 0o1777, caller)
    }

    /// symlink()
    pub fn symlink(&self, contents: &[u8], base: &Location, path: &[u8], caller: &Caller) -> Result<()> {
        match contents {
            [] => return Err(Errno::NOENT),
            _ if contents.len() > 4095 => return Err(Errno::NAMETOOLONG),
            _ if contents.contains(&0) => return Err(Errno::INVAL),
            _ => {}
        }
        self.make(base, path, NewKind::Symlink(contents.to_vec()), 0o777, caller)
    }

    /// mknod() and mkfifo(). Device nodes are for user 0; `rdev` is a device's number.
    pub fn mknod(
        &self,
        base: &Location,
        path: &[u8],
        kind: FileKind,
        mode: u32,
        rdev: u64,
        caller: &Caller,
    ) -> Result<()> {
        let kind = match kind {
            FileKind::Regular => NewKind::Regular,
            FileKind::Fifo => NewKind::Fifo,
            FileKind::Socket => NewKind::Socket,
            FileKind::CharDevice | FileKind::BlockDevice if !caller.credentials.is_root() => return Err(Errno::PERM),
            FileKind::CharDevice => NewKind::CharDevice(rdev),
            FileKind::BlockDevice => NewKind::BlockDevice(rdev),
            FileKind::Directory => return Err(Errno::PERM),
            FileKind::Symlink => return Err(Errno::INVAL),
        };
        self.make(base, path, kind, mode, caller)
    }

    /// link(); with `follow` a symbolic link as last component of `existing` is followed.
    pub fn link(
        &self,
        base: &Location,
        existing: &[u8],
        to_base: &Location,
        new: &[u8],
        follow: bool,
        caller: &Caller,
    ) -> Result<()> {
        let target = self.resolve(base, existing, follow, caller)?;
        let table = self.table();
        let mut walk = Walk::new(&table, to_base, new, caller)?;
        let name = self.vacant(&mut walk, false)?;
        if target.mount.id != walk.here.mount.id {
            return Err(Errno::XDEV);
        }
        check_create(&walk.here, caller)?;
        if target.kind().is_directory() {
            return Err(Errno::PERM);
        }
        check_link(&target, caller)?;
        walk.here.node().link(Name::new(walk.name(&name))?, target.node())?;
        self.tell_name(&walk.here, walk.name(&name), WatchMask::CREATE, target.kind(), 0);
        self.tell_self(&target, WatchMask::ATTRIBUTES);
        Ok(())
    }

    /// unlink()
    pub fn unlink(&self, base: &Location, path: &[u8], caller: &Caller) -> Result<()> {
        let table = self.table();
        let mut walk = Walk::new(&table, base, path, caller)?;
        let Last::Name(name) = walk.parent()? else { return Err(Errno::ISDIR) };
        walk.here.mount.writable()?;
        let victim = walk.child(&name)?;
        if walk.slash && !victim.kind().is_directory() {
            return Err(Errno::NOTDIR);
        }
        check_delete(&walk.here, &victim, caller)?;
        if victim.kind().is_directory() {
            return Err(Errno::ISDIR);
        }
        check_busy(&walk.here, &victim)?;
        walk.here.node().unlink(Name::new(walk.name(&name))?)?;
        let kept = self.inner.kept.deleted(&walk.here.dentry, walk.name(&name));
        self.tell_self(&victim, WatchMask::ATTRIBUTES);
        self.tell_name(&walk.here, walk.name(&name), WatchMask::DELETE, victim.kind(), 0);
        self.tell_gone(&victim, kept.as_ref());
        Ok(())
    }

    /// rmdir()
    pub fn rmdir(&self, base: &Location, path: &[u8], caller: &Caller) -> Result<()> {
        let table = self.table();
        let mut walk = Walk::new(&table, base, path, caller)?;
        let name = match walk.parent()? {
            Last::Name(name) => name,
            Last::Dot => return Err(Errno::INVAL),
            Last::DotDot => return Err(Errno::NOTEMPTY),
            Last::Root => return Err(Errno::BUSY),
        };
        walk.here.mount.writable()?;
        let victim = walk.child(&name)?;
        check_delete(&walk.here, &victim, caller)?;
        if !victim.kind().is_directory() {
            return Err(Errno::NOTDIR);
        }
        check_busy(&walk.here, &victim)?;
        walk.here.node().rmdir(Name::new(walk.name(&name))?)?;
        self.inner.kept.deleted(&walk.here.dentry, walk.name(&name));
        self.tell_name(&walk.here, walk.name(&name), WatchMask::DELETE, FileKind::Directory, 0);
        self.tell_gone(&victim, None);
        Ok(())
    }

    /// rename(), renameat2().
    pub fn rename(
        &self,
        base: &Location,
        path: &[u8],
        to_base: &Location,
        to: &[u8],
        flags: RenameFlags,
        caller: &Caller,
    ) -> Result<()> {
        let exchange = flags.contains(RenameFlags::EXCHANGE);
        let no_replace = flags.contains(RenameFlags::NO_REPLACE);
        if exchange && no_replace {
            return Err(Errno::INVAL);
        }
        let _renaming = self.inner.renaming.lock();
        let table = self.table();
        let mut from = Walk::new(&table, base, path, caller)?;
        let mut to = Walk::new(&table, to_base, to, caller)?;
        let (old_last, new_last) = (from.parent()?, to.parent()?);
        if from.here.mount.id != to.here.mount.id {
            return Err(Errno::XDEV);
        }
        let Last::Name(old_name) = old_last else { return Err(Errno::BUSY) };
        let Last::Name(new_name) = new_last else {
            return Err(if no_replace { Errno::EXIST } else { Errno::BUSY });
        };
        from.here.mount.writable()?;
        let old = from.child(&old_name)?;
        let new = match to.child(&new_name) {
            Ok(_) if no_replace => return Err(Errno::EXIST),
            Ok(new) => Some(new),
            Err(Errno::NOENT) if !exchange => None,
            Err(error) => return Err(error),
        };
        let directory = old.kind().is_directory();
        let onto_directory = new.as_ref().map(|new| new.kind().is_directory());
        if !directory && (from.slash || (!exchange && to.slash)) {
            return Err(Errno::NOTDIR);
        }
        if exchange && to.slash && onto_directory == Some(false) {
            return Err(Errno::NOTDIR);
        }
        if directory && is_above(&old, &to.here)? {
            return Err(Errno::INVAL);
        }
        if let Some(new) = new.as_ref().filter(|_| onto_directory == Some(true))
            && is_above(new, &from.here)?
        {
            return Err(if exchange { Errno::INVAL } else { Errno::NOTEMPTY });
        }
        check_busy(&from.here, &old)?;
        if let Some(new) = &new {
            check_busy(&to.here, new)?;
            if old.node().number()? == new.node().number()? {
                return Ok(());
            }
        }
        check_delete(&from.here, &old, caller)?;
        match &new {
            Some(new) => {
                check_delete(&to.here, new, caller)?;
                match onto_directory {
                    Some(true) if !exchange && !directory => return Err(Errno::ISDIR),
                    Some(false) if !exchange && directory => return Err(Errno::NOTDIR),
                    _ => {}
                }
            }
            None => {
                check_create(&to.here, caller)?;
            }
        }
        if from.here.node().number()? != to.here.node().number()? {
            // A directory that moves has its `..` rewritten.
            let moved = [Some(&old), new.as_ref().filter(|_| exchange)];
            for moved in moved.into_iter().flatten().filter(|moved| moved.kind().is_directory()) {
                caller.credentials.check(&moved.attributes()?, Permissions::WRITE)?;
            }
        }
        let (old_name, new_name) = (from.name(&old_name), to.name(&new_name));
        from.here.node().rename(Name::new(old_name)?, to.here.node(), Name::new(new_name)?, flags)?;
        let kept = &self.inner.kept;
        let replaced = kept.renamed((&from.here.dentry, old_name), (&to.here.dentry, new_name), exchange);

        if self.watches().is_watching() {
            self.tell_move((&from.here, old_name), (&to.here, new_name), &old);
            match &new {
                Some(new) if exchange => self.tell_move((&to.here, new_name), (&from.here, old_name), new),
                Some(new) => {
                    self.tell_self(new, WatchMask::ATTRIBUTES);
                    self.tell_gone(new, replaced.as_ref());
                }
                None => {}
            }
        }
        Ok(())
    }

    fn tell_move(&self, from: (&Location, &[u8]), to: (&Location, &[u8]), moved: &Location) {
        let cookie = self.watches().cookie();
        self.tell_name(from.0, from.1, WatchMask::MOVED_FROM, moved.kind(), cookie);
        self.tell_name(to.0, to.1, WatchMask::MOVED_TO, moved.kind(), cookie);
        self.tell_self(moved, WatchMask::MOVE_SELF);
    }

    /// Tells watchers of a directory what happened to a name in it.
    pub(super) fn tell_name(&self, directory: &Location, name: &[u8], event: WatchMask, kind: FileKind, cookie: u32) {
        if self.watches().is_watching()
            && let Ok(number) = directory.node().number()
        {
            let event = if kind.is_directory() { event | WatchMask::DIRECTORY } else { event };
            self.watches().tell(number, event, cookie, Some(name));
        }
    }

    fn tell_self(&self, at: &Location, event: WatchMask) {
        if self.watches().is_watching()
            && let Ok(number) = at.node().number()
        {
            self.watches().tell(number, event, 0, None);
        }
    }

    /// Tells watchers of a file that lost a name that it is gone, if that was the last one and nobody has it open;
    /// otherwise the last close tells them.
    fn tell_gone(&self, victim: &Location, kept: Option<&Arc<Dentry>>) {
        if !self.watches().is_watching() {
            return;
        }
        let Ok(attributes) = victim.attributes() else { return };
        if attributes.kind.is_directory() || (attributes.nlink == 0 && kept.is_none()) {
            self.watches().gone((attributes.dev, attributes.ino));
        }
    }
}

/// Whether a hard link may be made by somebody who does not own the file (Linux's `fs.protected_hardlinks`): only to
/// a regular file without set-id bits that the caller can read and write.
fn check_link(target: &Location, caller: &Caller) -> Result<()> {
    let attributes = target.attributes()?;
    if caller.credentials.owns(&attributes) {
        return Ok(());
    }
    let harmless = attributes.kind == FileKind::Regular && attributes.mode & 0o6000 == 0;
    let wanted = Permissions::READ | Permissions::WRITE;
    if harmless && caller.credentials.check(&attributes, wanted).is_ok() { Ok(()) } else { Err(Errno::PERM) }
}
