//! The overlay: read-only layers, shared by every container, under an upper that belongs to one.
//!
//! The upper belongs to this daemon alone, so its names and attributes live in memory and on disk only as a journal;
//! the host sees one file of bytes for each changed file, named by its inode number. That makes a look-up or `stat` free
//! of system calls, a rename of a directory of the layers one record instead of a recursive copy, and an overlay that
//! nobody wrote to almost free. Everything is decided in [`tree`]; [`merge`] is the read-only half, [`journal`] and
//! [`upper`] the disk.

mod changes;
mod content;
mod handle;
mod inode;
mod journal;
mod merge;
mod node;
mod tree;
mod upper;

#[cfg(test)]
pub(crate) mod tests;

pub use changes::{Change, ChangeKind};
pub use upper::Upper;

use crate::layer::Layer;
use crate::{Filesystem, Node, Result};
use inode::Content;
use node::OverlayNode;
use std::io;
use std::sync::Arc;
use tree::Tree;

/// A change and, unless it is a removal, what is there now.
pub(crate) type ChangedNode = (Change, Option<Arc<dyn Node>>);

/// The file system.
pub struct Overlay {
    tree: Arc<Tree>,
}

impl Overlay {
    /// Puts `upper` over `lowers`, top first. Fails if the upper was made over other layers or its journal is damaged.
    pub fn new(lowers: Vec<Arc<Layer>>, upper: Upper) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self { tree: Tree::new(lowers, upper)? }))
    }

    /// The layers, top first.
    pub fn lowers(&self) -> &[Arc<Layer>] {
        self.tree.lowers.layers()
    }

    /// What differs from the layers, sorted by path; directories with differences in them are modified (`docker diff`).
    pub fn changes(&self) -> Result<Vec<Change>> {
        changes::changes(&self.tree)
    }

    /// The changes with what is there now.
    pub(crate) fn changed(&self) -> Result<Vec<ChangedNode>> {
        let changed = changes::changed(&self.tree)?;
        let node = |inode| Arc::new(OverlayNode { tree: Arc::clone(&self.tree), inode }) as Arc<dyn Node>;
        Ok(changed.into_iter().map(|changed| (changed.change, changed.inode.map(node))).collect())
    }

    /// Bytes of files that were added or changed (`SizeRw`).
    pub fn changed_bytes(&self) -> u64 {
        let changed: Vec<_> = self.tree.state.lock().changed.values().cloned().collect();
        changed
            .iter()
            .map(|inode| {
                let mut meta = inode.meta.lock();
                self.tree.load(inode, &mut meta).ok();
                if meta.content == Content::Upper { meta.size } else { 0 }
            })
            .sum()
    }
}

impl Filesystem for Overlay {
    fn root(&self) -> Arc<dyn Node> {
        Arc::new(OverlayNode { tree: Arc::clone(&self.tree), inode: Arc::clone(&self.tree.root) })
    }
}
