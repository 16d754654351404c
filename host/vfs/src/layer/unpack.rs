//! From a tar stream to a layer: one pass that writes the tar down, hashes it and builds the index.
//!
//! The archive may be hostile. Its names go into a table, never to the host; `..`, a parent that is a symbolic link and
//! hard links to nowhere are refused all the same, because no honest layer has them and they would mean something else
//! to other engines. Numbers, sizes and lengths are limited by [`Limits`].

use super::index::{self, Summary};
use super::tree::{LayerKind, LayerNode, ROOT, Tree, TreeBuilder};
use super::{INDEX, TAR};
use crate::FileKind;
use crate::archive::{ArchiveError, Entry, EntryKind, Limits, TarReader, text};
use crate::name::NAME_MAX;
use cap_std::fs::Dir;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, Write};

pub(super) const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Other names with this start are notes of aufs to itself.
const RESERVED: &[u8] = b".wh..wh.";

/// What unpacking found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// SHA-256 of the uncompressed stream.
    pub diff_id: [u8; 32],
    /// Its length in bytes.
    pub tar_size: u64,
    /// Sum of the files' sizes in bytes.
    pub content_size: u64,
    /// Entries in the index.
    pub entries: usize,
}

/// Reads an uncompressed layer tar from `stream` to its end into `directory`, which is empty and not yet seen by
/// anybody else: the caller renames it into place, or removes it if this fails.
pub fn unpack(stream: impl Read, directory: &Dir, limits: Limits) -> Result<Unpacked, ArchiveError> {
    let mut tar = directory.create(TAR)?.into_std();
    let mut tee =
        Tee { stream, file: Some(&mut tar), sum: Sha256::new(), buffer: vec![0; 256 << 10], start: 0, end: 0 };
    let (tree, content_size, tar_size) = read_tree(&mut tee, limits)?;
    let summary = Summary { diff_id: tee.sum.finalize().into(), tar_size, content_size };
    write_index(directory, &summary, &tree)?;
    Ok(Unpacked { diff_id: summary.diff_id, tar_size, content_size, entries: tree.nodes.len() })
}

/// Makes the index of a tar that is already there.
pub(super) fn reindex(tar: &File) -> Result<(Summary, Tree), ArchiveError> {
    let mut stream = tar;
    stream.rewind()?;
    let mut tee = Tee { stream, file: None, sum: Sha256::new(), buffer: vec![0; 256 << 10], start: 0, end: 0 };
    let (tree, content_size, tar_size) = read_tree(&mut tee, Limits::default())?;
    Ok((Summary { diff_id: tee.sum.finalize().into(), tar_size, content_size }, tree))
}

pub(super) fn write_index(directory: &Dir, summary: &Summary, tree: &Tree) -> io::Result<()> {
    let temporary = "index.new";
    directory.write(temporary, index::encode(summary, tree))?;
    directory.rename(temporary, directory, INDEX)
}

/// Passes a stream on and keeps what went by: in the file, in the sum.
struct Tee<'a, R> {
    stream: R,
    file: Option<&'a mut File>,
    sum: Sha256,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            self.end = self.stream.read(&mut self.buffer)?;
            let fresh = self.buffer.get(..self.end).unwrap_or_default();
            self.sum.update(fresh);
            if let Some(file) = &mut self.file {
                file.write_all(fresh)?;
            }
        }
        let ready = self.buffer.get(self.start..self.end).unwrap_or_default();
        let count = ready.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), ready.get(..count)) {
            to.copy_from_slice(from);
        }
        self.start += count;
        Ok(count)
    }
}

fn read_tree(stream: impl Read, limits: Limits) -> Result<(Tree, u64, u64), ArchiveError> {
    let mut reader = TarReader::new(stream, limits);
    let mut builder = TreeBuilder::new();
    while let Some(entry) = reader.next()? {
        add(&mut builder, entry)?;
    }
    reader.drain()?;
    let tree = builder.finish();
    let content_size = tree
        .nodes
        .iter()
        .filter(|node| node.kind == LayerKind::File(FileKind::Regular) && node.nlink > 0)
        .fold(0u64, |sum, node| sum.saturating_add(node.size));
    Ok((tree, content_size, reader.position()))
}

/// The components of an archive's name; a leading slash and `.` do not count, `..` is refused.
pub(crate) fn components(path: &[u8]) -> Result<Vec<&[u8]>, ArchiveError> {
    let mut components = Vec::new();
    for component in path.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => return Err(ArchiveError::Escape(text(path))),
            name if name.len() > NAME_MAX => {
                return Err(ArchiveError::TooLarge { limit: NAME_MAX as u64, what: "bytes of a name" });
            }
            name => components.push(name),
        }
    }
    Ok(components)
}

fn add(builder: &mut TreeBuilder, entry: Entry) -> Result<(), ArchiveError> {
    let components = components(&entry.path)?;
    let Some((name, parents)) = components.split_last() else {
        // The root itself.
        if entry.kind == EntryKind::File(FileKind::Directory)
            && let Some(root) = builder.node_mut(ROOT)
        {
            fill(root, &entry);
            builder.sparse().xattrs.insert(ROOT, entry.xattrs);
        }
        return Ok(());
    };
    let parent = parent_of(builder, parents, &entry)?;
    if *name == OPAQUE {
        if let Some(parent) = builder.node_mut(parent) {
            parent.opaque = true;
        }
        return Ok(());
    }
    if name.starts_with(RESERVED) {
        return Ok(());
    }
    if let Some(hidden) = name.strip_prefix(WHITEOUT) {
        if hidden.is_empty() || matches!(hidden, b"." | b"..") {
            return Err(ArchiveError::Escape(text(&entry.path)));
        }
        // What this very layer adds under that name stays: a whiteout speaks of the layers below.
        if builder.lookup(parent, hidden).is_none() {
            builder.insert(parent, hidden, LayerNode::new(LayerKind::Whiteout, parent));
        } else if let Some(present) = builder.lookup(parent, hidden)
            && let Some(node) = builder.node_mut(present)
            && node.is_directory()
        {
            node.opaque = true;
        }
        return Ok(());
    }
    let kind = match entry.kind {
        EntryKind::HardLink => return hard_link(builder, parent, name, &entry),
        EntryKind::File(kind) => kind,
    };
    let present = builder.lookup(parent, name);
    let was_whiteout =
        present.and_then(|present| builder.node(present)).is_some_and(|present| present.kind == LayerKind::Whiteout);
    let number = match present {
        Some(number) if kind.is_directory() && builder.node(number).is_some_and(LayerNode::is_directory) => number,
        _ => builder.insert(parent, name, LayerNode::new(LayerKind::File(kind), parent)),
    };
    if let Some(node) = builder.node_mut(number) {
        fill(node, &entry);
        node.opaque |= was_whiteout && kind.is_directory();
    }
    let sparse = builder.sparse();
    if kind == FileKind::Symlink {
        sparse.links.insert(number, entry.link);
    }
    if entry.xattrs.is_empty() {
        sparse.xattrs.remove(&number);
    } else {
        sparse.xattrs.insert(number, entry.xattrs);
    }
    if let Some(extents) = entry.extents {
        sparse.extents.insert(number, extents);
    }
    Ok(())
}

fn fill(node: &mut LayerNode, entry: &Entry) {
    node.implied = false;
    node.mode = if entry.kind == EntryKind::File(FileKind::Symlink) { 0o777 } else { entry.mode };
    node.uid = entry.uid;
    node.gid = entry.gid;
    node.rdev = entry.rdev;
    node.mtime = entry.mtime;
    node.size = match entry.kind {
        EntryKind::File(FileKind::Symlink) => entry.link.len() as u64,
        _ => entry.size,
    };
    node.position = entry.position;
}

/// The directory an entry is in, made where the archive has no entry for it.
fn parent_of(builder: &mut TreeBuilder, parents: &[&[u8]], entry: &Entry) -> Result<u32, ArchiveError> {
    let mut directory = ROOT;
    for name in parents {
        directory = match builder.lookup(directory, name) {
            Some(present) => {
                let node = builder.node(present).ok_or(ArchiveError::Malformed("entry"))?;
                if node.is_directory() {
                    present
                } else if node.kind == LayerKind::Whiteout {
                    let made = LayerNode { opaque: true, ..LayerNode::implied_directory(directory) };
                    builder.insert(directory, name, made)
                } else {
                    // A symbolic link or a file as parent: an attempt to write through it.
                    return Err(ArchiveError::Escape(text(&entry.path)));
                }
            }
            None => builder.insert(directory, name, LayerNode::implied_directory(directory)),
        };
    }
    Ok(directory)
}

fn hard_link(builder: &mut TreeBuilder, parent: u32, name: &[u8], entry: &Entry) -> Result<(), ArchiveError> {
    let dangling = || ArchiveError::DanglingLink { link: text(&entry.path), target: text(&entry.link) };
    let target = components(&entry.link)?;
    let mut node = ROOT;
    for component in target {
        node = builder.lookup(node, component).ok_or_else(dangling)?;
    }
    match builder.node(node).map(|node| node.kind) {
        Some(LayerKind::File(FileKind::Directory) | LayerKind::Whiteout) | None => Err(dangling()),
        Some(LayerKind::File(_)) => {
            builder.link(parent, name, node);
            Ok(())
        }
    }
}
