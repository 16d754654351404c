//! The merged tree and every operation on its names.
//!
//! One lock orders all changes of names; an inode's own lock guards its attributes and contents. The tree's lock is
//! always taken first, so reading and writing bytes never waits for work on names.

use super::content::errno;
use super::inode::{Content, Inode, Slot};
use super::journal::Record;
use super::merge::{Found, LowerRef, Lowers, ROOT_INO};
use super::upper::{Journal, Upper};
use crate::layer::Layer;
use crate::{DirEntry, Errno, FileKind, FsFigures, NewKind, NewNode, RenameFlags, Result, Timestamp, new_device};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};

/// Names longer than this cannot be created; layers may not have them either.
const LINK_MAX: usize = 4096;

pub(super) struct Tree {
    pub(super) dev: u64,
    pub(super) lowers: Lowers,
    pub(super) upper: Upper,
    pub(super) root: Arc<Inode>,
    pub(super) state: Mutex<State>,
    /// Bytes the contents files take; counted only if there is a limit.
    pub(super) used: AtomicU64,
}

pub(super) struct State {
    /// Every inode that differs from the layers and has a name.
    pub(super) changed: HashMap<u64, Arc<Inode>>,
    /// Unchanged inodes somebody refers to.
    live: HashMap<u64, Weak<Inode>>,
    /// At this many the live ones are sifted.
    live_limit: usize,
    next: u64,
    journal: Journal,
}

impl Tree {
    pub(super) fn new(layers: Vec<Arc<Layer>>, upper: Upper) -> io::Result<Arc<Self>> {
        let mut chain = Sha256::new();
        for layer in &layers {
            chain.update(layer.diff_id());
        }
        let (replayed, journal) = upper.replay(chain.finalize().into())?;
        let lowers = Lowers::new(layers);
        let known = |at: &LowerRef| lowers.node(*at).is_ok();
        if !replayed.inodes.values().all(|inode| inode.lowers.iter().all(known)) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an upper refers to what its layers do not hold"));
        }
        let root = match replayed.inodes.get(&ROOT_INO) {
            Some(root) => Arc::clone(root),
            None => {
                let refs = lowers.root();
                let root = if refs.is_empty() {
                    let new = NewNode { kind: NewKind::Directory, mode: 0o755, uid: 0, gid: 0 };
                    let root = Inode::fresh(ROOT_INO, &new, b"", 0);
                    root.meta.lock().changed = false;
                    root
                } else {
                    Inode::of_lower(ROOT_INO, FileKind::Directory, refs, &lowers)?
                };
                Arc::new(root)
            }
        };
        let next = replayed.next.max(lowers.end());
        let state = State { changed: replayed.inodes, live: HashMap::new(), live_limit: 1024, next, journal };
        let tree = Self { dev: new_device(), lowers, upper, root, state: Mutex::new(state), used: AtomicU64::new(0) };
        tree.count_used();
        Ok(Arc::new(tree))
    }

    fn count_used(&self) {
        if self.upper.limit.is_none() {
            return;
        }
        let mut used = 0;
        for inode in self.state.lock().changed.values() {
            let mut meta = inode.meta.lock();
            if self.load(inode, &mut meta).is_ok() {
                used += meta.blocks * 512;
            }
        }
        self.used.store(used, std::sync::atomic::Ordering::Relaxed);
    }

    /// The inode of a name, if there is one.
    pub(super) fn child(&self, state: &mut State, directory: &Arc<Inode>, name: &[u8]) -> Result<Option<Arc<Inode>>> {
        {
            let meta = directory.meta.lock();
            if meta.removed {
                return Err(Errno::NOENT);
            }
            match meta.names.get(name) {
                Some(Slot::Whiteout) => return Ok(None),
                Some(Slot::Node { ino, .. }) => return state.changed.get(ino).cloned().map(Some).ok_or(Errno::IO),
                None => {}
            }
        }
        match self.lowers.lookup(&directory.lowers, name) {
            None => Ok(None),
            Some(found) => self.of_lower(state, directory, found).map(Some),
        }
    }

    fn of_lower(&self, state: &mut State, directory: &Arc<Inode>, found: Found) -> Result<Arc<Inode>> {
        let ino = found.refs.first().map(|at| self.lowers.ino(*at)).ok_or(Errno::IO)?;
        let known = state.changed.get(&ino).cloned().or_else(|| state.live.get(&ino).and_then(Weak::upgrade));
        let inode = match known {
            Some(inode) => inode,
            None => {
                let inode = Arc::new(Inode::of_lower(ino, found.kind, found.refs, &self.lowers)?);
                if state.live.len() >= state.live_limit {
                    state.live.retain(|_, inode| inode.strong_count() > 0);
                    state.live_limit = (state.live.len() * 2).max(1024);
                }
                state.live.insert(ino, Arc::downgrade(&inode));
                inode
            }
        };
        if inode.is_directory() {
            inode.parent.lock().get_or_insert_with(|| Arc::clone(directory));
        }
        Ok(inode)
    }

    /// Every name of a directory.
    pub(super) fn list(&self, directory: &Inode) -> Vec<DirEntry> {
        let meta = directory.meta.lock();
        if meta.removed {
            return Vec::new();
        }
        let mut entries = Vec::new();
        for (name, slot) in &meta.names {
            if let Slot::Node { ino, kind } = slot {
                entries.push(DirEntry { name: name.to_vec(), kind: *kind, ino: *ino });
            }
        }
        self.lowers.list(&directory.lowers, |name, kind, at| {
            if meta.names.is_empty() || !meta.names.contains_key(name) {
                entries.push(DirEntry { name: name.to_vec(), kind, ino: self.lowers.ino(at) });
            }
            true
        });
        entries
    }

    fn is_empty(&self, directory: &Inode) -> bool {
        let meta = directory.meta.lock();
        if meta.names.values().any(|slot| matches!(slot, Slot::Node { .. })) {
            return false;
        }
        let mut empty = true;
        self.lowers.list(&directory.lowers, |name, _, _| {
            empty = meta.names.contains_key(name);
            empty
        });
        empty
    }

    /// Puts an inode among the changed ones; the caller writes its record.
    pub(super) fn mark_changed(&self, state: &mut State, inode: &Arc<Inode>) {
        let mut meta = inode.meta.lock();
        if !meta.changed {
            meta.changed = true;
            state.live.remove(&inode.ino);
            if !meta.removed {
                state.changed.insert(inode.ino, Arc::clone(inode));
            }
        }
    }

    pub(super) fn write_journal(&self, state: &mut State, record: &Record) -> Result<()> {
        let written = state.journal.append(&self.upper, record).and_then(|()| {
            if state.journal.is_bloated() {
                let State { changed, next, journal, .. } = state;
                let mut first = Record::default();
                first.next(*next);
                let inodes = changed.values().map(|inode| {
                    let mut record = Record::default();
                    record.inode(inode);
                    record
                });
                let names = changed.values().map(|inode| {
                    let mut record = Record::default();
                    for (name, slot) in &inode.meta.lock().names {
                        record.slot(inode.ino, name, Some(*slot));
                    }
                    record
                });
                let names = names.filter(|record| !record.is_empty());
                journal.rewrite(&self.upper, std::iter::once(first).chain(inodes).chain(names))?;
            }
            Ok(())
        });
        written.map_err(|error| {
            tracing::error!(%error, "writing the journal of an overlay");
            errno(&error)
        })
    }

    /// Writes down an inode as it is now; one without a name has nothing to be written.
    pub(super) fn journal_inode(&self, state: &mut State, inode: &Inode) -> Result<()> {
        let mut record = Record::default();
        {
            let meta = inode.meta.lock();
            if meta.removed {
                return Ok(());
            }
            record.inode_with(inode, &meta);
        }
        self.write_journal(state, &record)
    }

    /// Sets what a directory says of a name and moves its times.
    fn set_slot(
        &self,
        state: &mut State,
        record: &mut Record,
        directory: &Arc<Inode>,
        name: &[u8],
        slot: Option<Slot>,
    ) {
        self.mark_changed(state, directory);
        let mut meta = directory.meta.lock();
        let before = match slot {
            Some(slot) => meta.names.insert(name.into(), slot),
            None => meta.names.remove(name),
        };
        let is_directory =
            |slot: Option<Slot>| u64::from(matches!(slot, Some(Slot::Node { kind: FileKind::Directory, .. })));
        meta.directories = (meta.directories + is_directory(slot)).saturating_sub(is_directory(before));
        let now = Timestamp::now();
        meta.mtime = now;
        meta.ctime = now;
        record.inode_with(directory, &meta);
        drop(meta);
        record.slot(directory.ino, name, slot);
    }

    /// Takes a name away, with a whiteout where the layers have it.
    fn clear_slot(&self, state: &mut State, record: &mut Record, directory: &Arc<Inode>, name: &[u8]) {
        let below = self.lowers.lookup(&directory.lowers, name).is_some();
        self.set_slot(state, record, directory, name, below.then_some(Slot::Whiteout));
    }

    /// One name of an inode less; with the last one it goes.
    fn unlinked(&self, state: &mut State, record: &mut Record, inode: &Arc<Inode>) {
        self.mark_changed(state, inode);
        let mut meta = inode.meta.lock();
        meta.nlink = if inode.is_directory() { 0 } else { meta.nlink.saturating_sub(1) };
        meta.ctime = Timestamp::now();
        if meta.nlink > 0 {
            record.inode_with(inode, &meta);
            return;
        }
        meta.removed = true;
        self.release(&meta);
        state.changed.remove(&inode.ino);
        record.drop_inode(inode.ino);
        if inode.kind == FileKind::Regular && (meta.unsized_yet || meta.content == Content::Upper) {
            // Who has it open keeps the bytes.
            self.upper.remove_content(inode.ino);
        }
    }

    pub(super) fn create(&self, directory: &Arc<Inode>, name: &[u8], new: &NewNode) -> Result<Arc<Inode>> {
        let mut state = self.state.lock();
        let state = &mut *state;
        if self.child(state, directory, name)?.is_some() {
            return Err(Errno::EXIST);
        }
        let (link, rdev): (&[u8], u64) = match &new.kind {
            NewKind::Symlink(link) if link.is_empty() => return Err(Errno::NOENT),
            NewKind::Symlink(link) if link.len() >= LINK_MAX => return Err(Errno::NAMETOOLONG),
            NewKind::Symlink(link) => (link, 0),
            NewKind::CharDevice(rdev) | NewKind::BlockDevice(rdev) => (b"", *rdev),
            _ => (b"", 0),
        };
        let ino = state.next;
        state.next += 1;
        let inode = Arc::new(Inode::fresh(ino, new, link, rdev));
        if inode.is_directory() {
            *inode.parent.lock() = Some(Arc::clone(directory));
        }
        state.changed.insert(ino, Arc::clone(&inode));
        let mut record = Record::default();
        record.inode(&inode);
        self.set_slot(state, &mut record, directory, name, Some(Slot::Node { ino, kind: inode.kind }));
        self.write_journal(state, &record)?;
        Ok(inode)
    }

    pub(super) fn link(&self, directory: &Arc<Inode>, name: &[u8], target: &Arc<Inode>) -> Result<()> {
        if target.is_directory() {
            return Err(Errno::PERM);
        }
        let mut state = self.state.lock();
        let state = &mut *state;
        if self.child(state, directory, name)?.is_some() {
            return Err(Errno::EXIST);
        }
        if target.meta.lock().removed {
            return Err(Errno::NOENT);
        }
        self.mark_changed(state, target);
        let mut record = Record::default();
        {
            let mut meta = target.meta.lock();
            meta.nlink += 1;
            meta.ctime = Timestamp::now();
            record.inode_with(target, &meta);
        }
        let slot = Slot::Node { ino: target.ino, kind: target.kind };
        self.set_slot(state, &mut record, directory, name, Some(slot));
        self.write_journal(state, &record)
    }

    pub(super) fn remove(&self, directory: &Arc<Inode>, name: &[u8], is_directory: bool) -> Result<()> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let inode = self.child(state, directory, name)?.ok_or(Errno::NOENT)?;
        match (is_directory, inode.is_directory()) {
            (true, false) => return Err(Errno::NOTDIR),
            (false, true) => return Err(Errno::ISDIR),
            (true, true) if !self.is_empty(&inode) => return Err(Errno::NOTEMPTY),
            _ => {}
        }
        let mut record = Record::default();
        self.clear_slot(state, &mut record, directory, name);
        self.unlinked(state, &mut record, &inode);
        self.write_journal(state, &record)
    }

    pub(super) fn rename(
        &self,
        from: &Arc<Inode>,
        name: &[u8],
        to: &Arc<Inode>,
        to_name: &[u8],
        flags: RenameFlags,
    ) -> Result<()> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let moved = self.child(state, from, name)?.ok_or(Errno::NOENT)?;
        let present = self.child(state, to, to_name)?;
        if moved.is_directory() && is_within(to, &moved) {
            return Err(Errno::INVAL);
        }
        let exchange = flags.contains(RenameFlags::EXCHANGE);
        if let Some(present) = &present {
            if flags.contains(RenameFlags::NO_REPLACE) {
                return Err(Errno::EXIST);
            }
            if Arc::ptr_eq(present, &moved) {
                return Ok(());
            }
            if exchange {
                if present.is_directory() && is_within(from, present) {
                    return Err(Errno::INVAL);
                }
            } else {
                match (moved.is_directory(), present.is_directory()) {
                    (true, false) => return Err(Errno::NOTDIR),
                    (false, true) => return Err(Errno::ISDIR),
                    (true, true) if !self.is_empty(present) => return Err(Errno::NOTEMPTY),
                    _ => {}
                }
            }
        } else if exchange {
            return Err(Errno::NOENT);
        }
        let mut record = Record::default();
        match &present {
            Some(present) if exchange => {
                self.settle(state, &mut record, present, from);
                self.settle(state, &mut record, &moved, to);
                let slot = Slot::Node { ino: present.ino, kind: present.kind };
                self.set_slot(state, &mut record, from, name, Some(slot));
            }
            _ => {
                self.settle(state, &mut record, &moved, to);
                self.clear_slot(state, &mut record, from, name);
            }
        }
        let slot = Slot::Node { ino: moved.ino, kind: moved.kind };
        self.set_slot(state, &mut record, to, to_name, Some(slot));
        if let Some(present) = present.filter(|_| !exchange) {
            self.unlinked(state, &mut record, &present);
        }
        self.write_journal(state, &record)
    }

    /// A moved inode: its time of change and, for a directory, its new parent.
    fn settle(&self, state: &mut State, record: &mut Record, inode: &Arc<Inode>, parent: &Arc<Inode>) {
        self.mark_changed(state, inode);
        if inode.is_directory() {
            *inode.parent.lock() = Some(Arc::clone(parent));
        }
        let mut meta = inode.meta.lock();
        meta.ctime = Timestamp::now();
        record.inode_with(inode, &meta);
    }

    pub(super) fn figures(&self) -> Result<FsFigures> {
        let host = rustix::fs::fstatvfs(self.upper.place())?;
        let mut figures = FsFigures {
            kind: "overlay",
            block_size: host.f_frsize,
            blocks: host.f_blocks,
            free: host.f_bfree,
            available: host.f_bavail,
            inodes: host.f_files,
            free_inodes: host.f_ffree,
            name_max: 255,
            read_only: false,
        };
        if let (Some(limit), true) = (self.upper.limit, figures.block_size > 0) {
            let used = self.used.load(std::sync::atomic::Ordering::Relaxed);
            figures.blocks = limit / figures.block_size;
            figures.free = figures.free.min(limit.saturating_sub(used) / figures.block_size);
            figures.available = figures.available.min(figures.free);
        }
        Ok(figures)
    }

    /// Directories of the layers that have something changed below them.
    pub(super) fn touched(&self) -> HashSet<LowerRef> {
        let mut touched = HashSet::new();
        let mut climb: Vec<LowerRef> = Vec::new();
        for inode in self.state.lock().changed.values() {
            climb.extend(inode.lowers.iter().copied());
        }
        while let Some(at) = climb.pop() {
            let Ok(layer) = self.lowers.layer(at) else { continue };
            for parent in layer.parents_of(at.node) {
                let parent = LowerRef { layer: at.layer, node: parent };
                if touched.insert(parent) {
                    climb.push(parent);
                }
            }
        }
        touched
    }
}

/// Whether `inner` is `outer` or below it.
fn is_within(inner: &Arc<Inode>, outer: &Arc<Inode>) -> bool {
    let mut at = Some(Arc::clone(inner));
    while let Some(inode) = at {
        if Arc::ptr_eq(&inode, outer) {
            return true;
        }
        at = inode.parent.lock().clone();
    }
    false
}
