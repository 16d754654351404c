//! Image layers: read-only, shared by every container, kept as the tar they came as plus an index.
//!
//! A layer is a directory with two files, `tar` (the uncompressed archive, byte for byte) and `index`. Files are read
//! out of the tar in place. That way names, owners, modes, devices and links of an archive never become names, owners,
//! devices or links on the host — nothing can be escaped from and no privilege is needed —, unpacking writes each byte
//! once, `save` and `push` have the exact bytes the digest was made of, and opening a layer of 10,000 files reads one
//! file instead of looking at 10,000.

mod index;
mod pack;
mod tree;
mod unpack;

pub(crate) use pack::HandleReader;
pub use pack::pack_changes;
pub(crate) use unpack::components;
pub use unpack::{Unpacked, unpack};

pub(crate) use tree::{LayerKind, LayerNode, ROOT};

use crate::{ContentIdentity, Errno, Result};
use cap_std::fs::Dir;
use index::Summary;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use tree::Tree;

const TAR: &str = "tar";
const INDEX: &str = "index";

/// One layer: an immutable tree of files.
pub struct Layer {
    summary: Summary,
    tree: Tree,
    tar: File,
}

impl Layer {
    /// Opens the layer in `directory`. If its index is missing or damaged it is made anew from the tar.
    pub fn open(directory: &Dir) -> io::Result<Arc<Self>> {
        let tar = directory.open(TAR)?.into_std();
        let layer = match directory.read(INDEX).and_then(|bytes| index::decode(&bytes)) {
            Ok((summary, tree)) => Self { summary, tree, tar },
            Err(error) => {
                tracing::warn!(%error, "making a layer's index anew");
                let (summary, tree) = unpack::reindex(&tar).map_err(io::Error::other)?;
                unpack::write_index(directory, &summary, &tree)?;
                Self { summary, tree, tar }
            }
        };
        if layer.tar.metadata()?.len() != layer.summary.tar_size {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the tar of a layer is not as long as it was"));
        }
        Ok(Arc::new(layer))
    }

    /// SHA-256 of the uncompressed tar: the layer's diff id (OCI image spec, "Layer DiffID").
    pub fn diff_id(&self) -> [u8; 32] {
        self.summary.diff_id
    }

    /// Size of the uncompressed tar in bytes.
    pub fn tar_size(&self) -> u64 {
        self.summary.tar_size
    }

    /// Sum of the sizes of the files in bytes, each hard-linked file once: what Docker calls the layer's size.
    pub fn content_size(&self) -> u64 {
        self.summary.content_size
    }

    /// Entries: files, directories and whiteouts.
    pub fn len(&self) -> usize {
        self.tree.nodes.len()
    }

    /// Whether the layer changes nothing.
    pub fn is_empty(&self) -> bool {
        self.tree.names.is_empty()
    }

    /// The uncompressed tar. Read it with `read_at`: the position is shared.
    pub fn tar(&self) -> &File {
        &self.tar
    }

    pub(crate) fn node(&self, node: u32) -> Option<&LayerNode> {
        self.tree.node(node)
    }

    pub(crate) fn lookup(&self, directory: u32, name: &[u8]) -> Option<u32> {
        self.tree.lookup(directory, name)
    }

    pub(crate) fn names_of(&self, directory: u32) -> impl Iterator<Item = (&[u8], u32)> {
        self.tree.names_of(directory)
    }

    pub(crate) fn parents_of(&self, node: u32) -> impl Iterator<Item = u32> {
        self.tree.parents_of(node)
    }

    pub(crate) fn link_of(&self, node: u32) -> &[u8] {
        self.tree.sparse.links.get(&node).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn xattrs_of(&self, node: u32) -> &[(Vec<u8>, Vec<u8>)] {
        self.tree.sparse.xattrs.get(&node).map(Vec::as_slice).unwrap_or_default()
    }

    /// Equal wherever the layer's file is looked at: from every container and after every restart.
    pub(crate) fn identity(&self, node: u32) -> Option<ContentIdentity> {
        let entry = self.node(node)?;
        let head = self.summary.diff_id.first_chunk::<8>()?;
        Some(ContentIdentity {
            dev: u64::from_le_bytes(*head) | 1 << 63,
            ino: u64::from(node) + 1,
            size: entry.size,
            mtime: entry.mtime,
            ctime: entry.mtime,
        })
    }

    /// Reads a regular file's bytes at `offset`.
    pub(crate) fn read_at(&self, node: u32, buf: &mut [u8], offset: u64) -> Result<usize> {
        let entry = self.node(node).ok_or(Errno::IO)?;
        let Some(left) = entry.size.checked_sub(offset) else { return Ok(0) };
        let want = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let buf = buf.get_mut(..want).unwrap_or_default();
        match self.tree.sparse.extents.get(&node) {
            None => self.read_tar(buf, entry.position + offset)?,
            Some(extents) => {
                buf.fill(0);
                let end = offset + want as u64;
                for extent in extents {
                    let from = extent.offset.max(offset);
                    let to = (extent.offset + extent.length).min(end);
                    if from < to {
                        let (at, length) = (usize::try_from(from - offset), usize::try_from(to - from));
                        if let (Ok(at), Ok(length)) = (at, length)
                            && let Some(part) = buf.get_mut(at..at + length)
                        {
                            self.read_tar(part, entry.position + extent.stored + (from - extent.offset))?;
                        }
                    }
                }
            }
        }
        Ok(want)
    }

    fn read_tar(&self, buf: &mut [u8], position: u64) -> Result<()> {
        self.tar.read_exact_at(buf, position).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }

    /// Stretches of a regular file that hold bytes: offset in the file, length, position in the tar.
    pub(crate) fn stretches(&self, node: u32) -> Vec<(u64, u64, u64)> {
        let Some(entry) = self.node(node) else { return Vec::new() };
        match self.tree.sparse.extents.get(&node) {
            None if entry.size == 0 => Vec::new(),
            None => vec![(0, entry.size, entry.position)],
            Some(extents) => {
                extents.iter().map(|extent| (extent.offset, extent.length, entry.position + extent.stored)).collect()
            }
        }
    }
}

impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layer").field("entries", &self.len()).field("tar_size", &self.tar_size()).finish()
    }
}
