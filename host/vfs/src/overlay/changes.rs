//! What differs from the image: `docker diff`, and what a commit packs.
//!
//! Both trees are compared, as Docker's graph drivers do, so that a file that was removed and made again as it was is
//! no change; directories nothing was changed in are not entered.

use super::inode::{Content, Inode};
use super::merge::{Found, LowerRef};
use super::tree::Tree;
use crate::{FileKind, Result};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// One thing that differs from the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Absolute path.
    pub path: Vec<u8>,
    /// What happened to it.
    pub kind: ChangeKind,
}

/// What happened to a path; the numbers are those of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Other contents or attributes, or something in it changed.
    Modified = 0,
    /// It is new.
    Added = 1,
    /// It is gone.
    Deleted = 2,
}

/// A change with the inode that is there now.
pub(super) struct Changed {
    pub change: Change,
    pub(super) inode: Option<Arc<Inode>>,
}

pub(super) fn changes(tree: &Tree) -> Result<Vec<Change>> {
    Ok(changed(tree)?.into_iter().map(|changed| changed.change).collect())
}

pub(super) fn changed(tree: &Tree) -> Result<Vec<Changed>> {
    let mut walk = Walk { tree, touched: tree.touched(), out: Vec::new() };
    let refs = tree.lowers.root();
    walk.compare(&mut Vec::new(), &tree.root, Some(&refs))?;
    Ok(walk.out)
}

struct Walk<'a> {
    tree: &'a Tree,
    touched: HashSet<LowerRef>,
    out: Vec<Changed>,
}

impl Walk<'_> {
    /// Compares a directory with that of the layers at the same path, if there is one.
    fn compare(&mut self, path: &mut Vec<u8>, directory: &Arc<Inode>, below: Option<&[LowerRef]>) -> Result<()> {
        let unchanged = !directory.meta.lock().changed
            && below == Some(&*directory.lowers)
            && !directory.lowers.iter().any(|at| self.touched.contains(at));
        if unchanged {
            return Ok(());
        }
        let mut names: BTreeMap<Vec<u8>, (bool, Option<Found>)> =
            self.tree.list(directory).into_iter().map(|entry| (entry.name, (true, None))).collect();
        if let Some(below) = below {
            let mut lower_names = Vec::new();
            self.tree.lowers.list(below, |name, _, _| {
                lower_names.push(name.to_vec());
                true
            });
            for name in lower_names {
                let found = self.tree.lowers.lookup(below, &name);
                names.entry(name).or_default().1 = found;
            }
        }
        for (name, (present, below)) in names {
            let length = path.len();
            path.push(b'/');
            path.extend_from_slice(&name);
            let inode = if present { self.tree.child(&mut self.tree.state.lock(), directory, &name)? } else { None };
            self.entry(path, inode, below)?;
            path.truncate(length);
        }
        Ok(())
    }

    fn entry(&mut self, path: &mut Vec<u8>, inode: Option<Arc<Inode>>, below: Option<Found>) -> Result<()> {
        let Some(inode) = inode else {
            if below.is_some() {
                self.push(path, ChangeKind::Deleted, None);
            }
            return Ok(());
        };
        let Some(below) = below else {
            self.push(path, ChangeKind::Added, Some(&inode));
            return if inode.is_directory() { self.compare(path, &inode, None) } else { Ok(()) };
        };
        let differs = self.differs(&inode, &below)?;
        let at = self.out.len();
        if differs {
            self.push(path, ChangeKind::Modified, Some(&inode));
        }
        if inode.is_directory() {
            let refs = (below.kind == FileKind::Directory).then_some(&*below.refs);
            self.compare(path, &inode, refs)?;
            if !differs && self.out.len() > at {
                let change = Change { path: path.clone(), kind: ChangeKind::Modified };
                self.out.insert(at, Changed { change, inode: Some(inode) });
            }
        }
        Ok(())
    }

    fn push(&mut self, path: &[u8], kind: ChangeKind, inode: Option<&Arc<Inode>>) {
        let change = Change { path: path.to_vec(), kind };
        self.out.push(Changed { change, inode: inode.map(Arc::clone) });
    }

    /// Whether an inode differs from what the layers have under its path, as Docker looks at it: the times and size of
    /// directories do not count.
    fn differs(&self, inode: &Inode, below: &Found) -> Result<bool> {
        let lowers = &self.tree.lowers;
        let mut meta = inode.meta.lock();
        let same_node = inode.lowers.first() == below.refs.first();
        if same_node && !meta.changed {
            return Ok(false);
        }
        self.tree.load(inode, &mut meta)?;
        let Some(at) = lowers.speaking(&below.refs) else { return Ok(true) };
        let node = lowers.node(at)?;
        if inode.kind != below.kind || (meta.mode, meta.uid, meta.gid) != (node.mode, node.uid, node.gid) {
            return Ok(true);
        }
        let layer = lowers.layer(at)?;
        let xattrs_differ =
            || !meta.xattrs.iter().eq(layer.xattrs_of(at.node).iter().map(|(name, value)| (name, value)));
        Ok(match inode.kind {
            FileKind::Directory => xattrs_differ(),
            FileKind::Symlink => *meta.link != *layer.link_of(at.node) || meta.mtime != node.mtime,
            _ => {
                meta.rdev != node.rdev
                    || meta.size != node.size
                    || meta.mtime != node.mtime
                    || (meta.content == Content::Lower && !same_node)
                    || xattrs_differ()
            }
        })
    }
}
