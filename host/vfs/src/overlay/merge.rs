//! The layers of an overlay as one read-only tree: which layers' directories make up a directory, what a name means.

use crate::layer::{Layer, LayerKind, LayerNode, ROOT};
use crate::{Errno, FileKind, Result};
use std::collections::HashSet;
use std::sync::Arc;

/// A node of one of the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LowerRef {
    pub layer: u32,
    pub node: u32,
}

/// What a name means in the layers: its node, and for directories those of the layers below that show through.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub kind: FileKind,
    pub refs: Vec<LowerRef>,
}

/// The inode number of the root; nodes of the layers follow, own ones come after those.
pub(super) const ROOT_INO: u64 = 1;

/// The layers, top first, with the inode numbers of each.
pub(super) struct Lowers {
    layers: Vec<Arc<Layer>>,
    bases: Vec<u64>,
    end: u64,
}

impl Lowers {
    pub(super) fn new(layers: Vec<Arc<Layer>>) -> Self {
        let mut bases = Vec::with_capacity(layers.len());
        let mut end = ROOT_INO + 1;
        for layer in &layers {
            bases.push(end);
            end += layer.len() as u64;
        }
        Self { layers, bases, end }
    }

    /// The first inode number no layer has.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn layer(&self, at: LowerRef) -> Result<&Arc<Layer>> {
        self.layers.get(at.layer as usize).ok_or(Errno::IO)
    }

    pub(super) fn layers(&self) -> &[Arc<Layer>] {
        &self.layers
    }

    pub(super) fn node(&self, at: LowerRef) -> Result<&LayerNode> {
        self.layer(at)?.node(at.node).ok_or(Errno::IO)
    }

    /// The same for the overlay's whole life and in every overlay of the same layers.
    pub(super) fn ino(&self, at: LowerRef) -> u64 {
        self.bases.get(at.layer as usize).map_or(0, |base| base + u64::from(at.node))
    }

    /// The root directories that show through.
    pub(super) fn root(&self) -> Vec<LowerRef> {
        let mut refs = Vec::new();
        for (index, layer) in (0u32..).zip(&self.layers) {
            refs.push(LowerRef { layer: index, node: ROOT });
            if layer.node(ROOT).is_some_and(|root| root.opaque) {
                break;
            }
        }
        refs
    }

    /// What `name` means in a directory made up of `refs`.
    pub(super) fn lookup(&self, refs: &[LowerRef], name: &[u8]) -> Option<Found> {
        let mut found: Option<Found> = None;
        for directory in refs {
            let Ok(layer) = self.layer(*directory) else { continue };
            let Some(number) = layer.lookup(directory.node, name) else { continue };
            let Some(node) = layer.node(number) else { continue };
            let at = LowerRef { layer: directory.layer, node: number };
            match (&mut found, node.kind) {
                (_, LayerKind::Whiteout) => break,
                (Some(found), LayerKind::File(FileKind::Directory)) => found.refs.push(at),
                (Some(_), _) => break,
                (None, LayerKind::File(kind)) => {
                    found = Some(Found { kind, refs: vec![at] });
                    if kind != FileKind::Directory {
                        break;
                    }
                }
            }
            if node.opaque {
                break;
            }
        }
        found
    }

    /// The names of a directory made up of `refs`, each with what is on top; calls stop when `each` answers false.
    pub(super) fn list<'a>(&'a self, refs: &[LowerRef], mut each: impl FnMut(&'a [u8], FileKind, LowerRef) -> bool) {
        let mut seen: HashSet<&[u8]> = HashSet::new();
        for (index, directory) in refs.iter().enumerate() {
            let Ok(layer) = self.layer(*directory) else { continue };
            let last = index + 1 == refs.len();
            for (name, number) in layer.names_of(directory.node) {
                if index > 0 && seen.contains(name) {
                    continue;
                }
                if !last {
                    seen.insert(name);
                }
                let Some(LayerKind::File(kind)) = layer.node(number).map(|node| node.kind) else { continue };
                if !each(name, kind, LowerRef { layer: directory.layer, node: number }) {
                    return;
                }
            }
        }
    }

    /// The node whose attributes a directory made up of `refs` has: the topmost that an archive had an entry for.
    pub(super) fn speaking(&self, refs: &[LowerRef]) -> Option<LowerRef> {
        refs.iter().find(|at| self.node(**at).is_ok_and(|node| !node.implied)).or_else(|| refs.first()).copied()
    }
}
