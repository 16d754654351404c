//! Names in use: how a working directory or an open file knows its path, also after renames.
//!
//! A walk makes a chain of dentries, one a component, each pointing at its parent: `..` and `getcwd` need no file
//! system. Most chains die with the walk (stat). One that is kept (a working directory, an open file) is interned:
//! there is one dentry for a name under a parent, so that a rename made through this namespace finds it and moves it,
//! and everything below it follows because paths are derived through the parent.

use crate::{Attributes, FileKind, Node, Result};
use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use std::sync::{Arc, Weak};

use super::mount::Mount;

/// One name in one mount.
pub(crate) struct Dentry {
    node: Arc<dyn Node>,
    place: RwLock<Place>,
}

struct Place {
    /// `None` for the root of a mount.
    parent: Option<Arc<Dentry>>,
    name: Box<[u8]>,
    interned: bool,
    deleted: bool,
}

impl Dentry {
    pub(crate) fn root(node: Arc<dyn Node>) -> Arc<Self> {
        let place = Place { parent: None, name: Box::default(), interned: true, deleted: false };
        Arc::new(Self { node, place: RwLock::new(place) })
    }

    pub(crate) fn child(parent: &Arc<Self>, name: &[u8], node: Arc<dyn Node>) -> Arc<Self> {
        let place = Place { parent: Some(parent.clone()), name: name.into(), interned: false, deleted: false };
        Arc::new(Self { node, place: RwLock::new(place) })
    }

    pub(crate) fn node(&self) -> &Arc<dyn Node> {
        &self.node
    }

    pub(crate) fn parent(&self) -> Option<Arc<Self>> {
        self.place.read().parent.clone()
    }

    /// Parent and name; `None` for the root of a mount.
    pub(crate) fn place(&self) -> Option<(Arc<Self>, Box<[u8]>)> {
        let place = self.place.read();
        place.parent.clone().map(|parent| (parent, place.name.clone()))
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.place.read().deleted
    }
}

/// Chains can be as deep as a guest likes; freeing one must not recurse.
impl Drop for Dentry {
    fn drop(&mut self) {
        let mut next = self.place.get_mut().parent.take();
        while let Some(parent) = next {
            next = Arc::into_inner(parent).and_then(|mut parent| parent.place.get_mut().parent.take());
        }
    }
}

/// A position in the namespace: a mount and a name in it. Cheap to clone; its path stays right across renames made
/// through the namespace.
#[derive(Clone)]
pub struct Location {
    pub(crate) mount: Arc<Mount>,
    pub(crate) dentry: Arc<Dentry>,
}

impl Location {
    /// The node there.
    pub fn node(&self) -> &Arc<dyn Node> {
        self.dentry.node()
    }

    /// The kind of the node there.
    pub fn kind(&self) -> FileKind {
        self.node().kind()
    }

    /// `struct stat` of the node there.
    pub fn attributes(&self) -> Result<Attributes> {
        self.node().attributes()
    }

    /// Whether the name has been removed since, so that `getcwd` fails with `ENOENT`.
    pub fn is_deleted(&self) -> bool {
        self.dentry.is_deleted()
    }

    /// Whether the mount refuses writing.
    pub fn is_read_only(&self) -> bool {
        self.mount.options.read_only
    }

    /// Whether both are the same name in the same mount.
    pub fn same(&self, other: &Self) -> bool {
        self.mount.id == other.mount.id && Arc::ptr_eq(&self.dentry, &other.dentry)
    }

    /// The absolute path in the namespace. A removed name has ` (deleted)` behind it, as `/proc/PID/cwd` shows it.
    pub fn path(&self) -> Vec<u8> {
        let mut names = Vec::new();
        let mut length = 0;
        let mut deleted = false;
        let (mut mount, mut dentry) = (self.mount.clone(), self.dentry.clone());
        loop {
            deleted |= dentry.is_deleted();
            if let Some((parent, name)) = dentry.place() {
                length += name.len() + 1;
                names.push(name);
                dentry = parent;
            } else if let Some(point) = &mount.point {
                dentry = point.dentry.clone();
                mount = point.mount.clone();
            } else {
                break;
            }
        }
        let mut path = Vec::with_capacity(length + 10);
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        if path.is_empty() {
            path.push(b'/');
        }
        if deleted {
            path.extend_from_slice(b" (deleted)");
        }
        path
    }

    /// The last name of the path; empty for a mount's root.
    pub fn name(&self) -> Vec<u8> {
        self.dentry.place().map(|(_, name)| name.into_vec()).unwrap_or_default()
    }

    pub(crate) fn at(&self, dentry: Arc<Dentry>) -> Self {
        Self { mount: self.mount.clone(), dentry }
    }
}

/// The dentries that somebody keeps, by parent and name.
///
/// A parent lives as long as its children, so its address identifies it; entries of dead dentries are swept when
/// they may have become the majority.
#[derive(Default)]
pub(crate) struct Kept {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    entries: HashMap<(usize, Box<[u8]>), Weak<Dentry>>,
    sweep_at: usize,
}

fn address(dentry: &Arc<Dentry>) -> usize {
    Arc::as_ptr(dentry).addr()
}

impl Table {
    fn get(&self, parent: &Arc<Dentry>, name: &[u8]) -> Option<Arc<Dentry>> {
        self.entries.get(&Key(address(parent), name)).and_then(Weak::upgrade)
    }

    fn insert(&mut self, parent: &Arc<Dentry>, name: Box<[u8]>, dentry: &Arc<Dentry>) {
        if self.entries.len() >= self.sweep_at {
            self.entries.retain(|_, dentry| dentry.strong_count() > 0);
            self.sweep_at = (self.entries.len() * 2).max(64);
        }
        self.entries.insert((address(parent), name), Arc::downgrade(dentry));
    }

    fn remove(&mut self, parent: &Arc<Dentry>, name: &[u8]) -> Option<Arc<Dentry>> {
        self.entries.remove(&Key(address(parent), name)).and_then(|dentry| dentry.upgrade())
    }
}

/// Looks a name up without copying it.
#[derive(Hash)]
struct Key<'a>(usize, &'a [u8]);

impl hashbrown::Equivalent<(usize, Box<[u8]>)> for Key<'_> {
    fn equivalent(&self, key: &(usize, Box<[u8]>)) -> bool {
        self.0 == key.0 && *self.1 == *key.1
    }
}

fn same_node(one: &Arc<dyn Node>, other: &Arc<dyn Node>) -> bool {
    std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
        || matches!((one.number(), other.number()), (Ok(one), Ok(other)) if one == other)
}

impl Kept {
    /// The one dentry for the name that `dentry` stands for, with all its parents interned too.
    pub(crate) fn intern(&self, dentry: &Arc<Dentry>) -> Arc<Dentry> {
        let mut chain = Vec::new();
        let mut top = dentry.clone();
        loop {
            let parent = {
                let place = top.place.read();
                if place.interned { None } else { place.parent.clone() }
            };
            let Some(parent) = parent else { break };
            chain.push(top);
            top = parent;
        }
        if chain.is_empty() {
            return top;
        }
        let mut table = self.table.lock();
        for dentry in chain.into_iter().rev() {
            let name = dentry.place.read().name.clone();
            match table.get(&top, &name) {
                Some(kept) if same_node(&kept.node, &dentry.node) => top = kept,
                _ => {
                    {
                        let mut place = dentry.place.write();
                        place.parent = Some(top.clone());
                        place.interned = true;
                    }
                    table.insert(&top, name, &dentry);
                    top = dentry;
                }
            }
        }
        top
    }

    /// The kept dentry for a name under a parent that need not be interned itself.
    fn find(table: &Table, parent: &Arc<Dentry>) -> Option<Arc<Dentry>> {
        let mut names = Vec::new();
        let mut top = parent.clone();
        loop {
            let step = {
                let place = top.place.read();
                if place.interned { None } else { place.parent.clone().map(|parent| (parent, place.name.clone())) }
            };
            let Some((parent, name)) = step else { break };
            names.push(name);
            top = parent;
        }
        names.iter().rev().try_fold(top, |parent, name| table.get(&parent, name))
    }

    /// Notes that `name` under `parent` is gone. Answers the dentry somebody still keeps.
    pub(crate) fn deleted(&self, parent: &Arc<Dentry>, name: &[u8]) -> Option<Arc<Dentry>> {
        let mut table = self.table.lock();
        let parent = Self::find(&table, parent)?;
        let dentry = table.remove(&parent, name)?;
        dentry.place.write().deleted = true;
        Some(dentry)
    }

    /// Notes a rename. Answers the kept dentry of a name that was replaced by it.
    pub(crate) fn renamed(
        &self,
        from: (&Arc<Dentry>, &[u8]),
        to: (&Arc<Dentry>, &[u8]),
        exchange: bool,
    ) -> Option<Arc<Dentry>> {
        let moved_is_kept = {
            let table = self.table.lock();
            let kept = |(parent, name)| Self::find(&table, parent).and_then(|parent| table.get(&parent, name));
            kept(from).is_some() || kept(to).is_some()
        };
        if !moved_is_kept {
            return None;
        }
        let (from_parent, to_parent) = (self.intern(from.0), self.intern(to.0));
        let mut table = self.table.lock();
        let moved = table.remove(&from_parent, from.1);
        let replaced = table.remove(&to_parent, to.1);
        if let Some(moved) = moved {
            put(&mut table, &moved, &to_parent, to.1);
        }
        if let Some(replaced) = &replaced {
            if exchange {
                put(&mut table, replaced, &from_parent, from.1);
            } else {
                replaced.place.write().deleted = true;
            }
        }
        replaced.filter(|_| !exchange)
    }
}

fn put(table: &mut Table, dentry: &Arc<Dentry>, parent: &Arc<Dentry>, name: &[u8]) {
    // File systems refuse to move a directory below itself, but other namespaces may have moved things around it
    // that this one still sees elsewhere: a cycle must not arise even then.
    let mut above = Some(parent.clone());
    while let Some(next) = above {
        if Arc::ptr_eq(&next, dentry) {
            return;
        }
        above = next.parent();
    }
    {
        let mut place = dentry.place.write();
        place.parent = Some(parent.clone());
        place.name = name.into();
    }
    table.insert(parent, name.into(), dentry);
}
