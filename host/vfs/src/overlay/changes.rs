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
    walk.run()?;
    Ok(walk.out)
}

struct Walk<'a> {
    tree: &'a Tree,
    touched: HashSet<LowerRef>,
    out: Vec<Changed>,
}

/// A directory that is being compared. A guest may nest them as deep as it likes, so they are stacked here.
struct Frame {
    directory: Arc<Inode>,
    names: std::collections::btree_map::IntoIter<Vec<u8>, (bool, Option<Found>)>,
    /// Length of the directory's own path.
    path: usize,
    /// Where in the answer its own change belongs, if what is in it turns out to have changed.
    pending: Option<usize>,
}

impl Walk<'_> {
    fn run(&mut self) -> Result<()> {
        let refs = self.tree.lowers.root();
        let root = Arc::clone(&self.tree.root);
        let mut path = Vec::new();
        let mut stack: Vec<Frame> = self.enter(&root, Some(&refs), 0, None).into_iter().collect();
        while let Some(frame) = stack.last_mut() {
            path.truncate(frame.path);
            let Some((name, (present, below))) = frame.names.next() else {
                if let Some(at) = frame.pending.filter(|at| self.out.len() > *at) {
                    let change = Change { path: path.clone(), kind: ChangeKind::Modified };
                    self.out.insert(at, Changed { change, inode: Some(Arc::clone(&frame.directory)) });
                }
                stack.pop();
                continue;
            };
            path.push(b'/');
            path.extend_from_slice(&name);
            let inode =
                if present { self.tree.child(&mut self.tree.state.lock(), &frame.directory, &name)? } else { None };
            stack.extend(self.entry(&path, inode, below)?);
        }
        Ok(())
    }

    /// Begins to compare a directory with that of the layers at the same path, if there is one; nothing to do for one
    /// nothing was changed in.
    fn enter(
        &self,
        directory: &Arc<Inode>,
        below: Option<&[LowerRef]>,
        path: usize,
        pending: Option<usize>,
    ) -> Option<Frame> {
        let unchanged = !directory.meta.lock().changed
            && below == Some(&*directory.lowers)
            && !directory.lowers.iter().any(|at| self.touched.contains(at));
        if unchanged {
            return None;
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
        Some(Frame { directory: Arc::clone(directory), names: names.into_iter(), path, pending })
    }

    fn entry(&mut self, path: &[u8], inode: Option<Arc<Inode>>, below: Option<Found>) -> Result<Option<Frame>> {
        let Some(inode) = inode else {
            if below.is_some() {
                self.push(path, ChangeKind::Deleted, None);
            }
            return Ok(None);
        };
        let Some(below) = below else {
            self.push(path, ChangeKind::Added, Some(&inode));
            return Ok(if inode.is_directory() { self.enter(&inode, None, path.len(), None) } else { None });
        };
        let differs = self.differs(&inode, &below)?;
        let at = self.out.len();
        if differs {
            self.push(path, ChangeKind::Modified, Some(&inode));
        }
        if !inode.is_directory() {
            return Ok(None);
        }
        let refs = (below.kind == FileKind::Directory).then_some(&*below.refs);
        Ok(self.enter(&inode, refs, path.len(), (!differs).then_some(at)))
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
