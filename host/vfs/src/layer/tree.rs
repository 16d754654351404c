//! A layer's files as one table in memory: what the index file holds and what look-ups read.
//!
//! Entries are numbered; a directory's names are one sorted stretch of the name table, so that a look-up is a binary
//! search without a system call and a layer of 10,000 files takes about a megabyte.

use crate::archive::Extent;
use crate::{FileKind, Timestamp};
use std::collections::{BTreeMap, HashMap};

/// The number of a layer's root directory.
pub(crate) const ROOT: u32 = 0;

/// What stands behind a name of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LayerKind {
    File(FileKind),
    /// The name is deleted from the layers below.
    Whiteout,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LayerNode {
    pub kind: LayerKind,
    /// Nothing of the directory of that name in the layers below shows through.
    pub opaque: bool,
    /// The archive had no entry for this directory, only for things in it: a lower one's attributes count.
    pub implied: bool,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub rdev: u64,
    pub size: u64,
    pub mtime: Timestamp,
    pub nlink: u32,
    /// Where in the tar the data starts.
    pub position: u64,
    /// The directory that holds the (first) name.
    pub parent: u32,
    /// A directory's names: first and number, in the name table.
    pub names: (u32, u32),
    /// Sub-directories of a directory.
    pub directories: u32,
}

impl LayerNode {
    pub(crate) fn new(kind: LayerKind, parent: u32) -> Self {
        Self {
            kind,
            opaque: false,
            implied: false,
            mode: 0,
            uid: 0,
            gid: 0,
            rdev: 0,
            size: 0,
            mtime: Timestamp { seconds: 0, nanoseconds: 0 },
            nlink: 1,
            position: 0,
            parent,
            names: (0, 0),
            directories: 0,
        }
    }

    pub(crate) fn implied_directory(parent: u32) -> Self {
        Self { mode: 0o755, implied: true, ..Self::new(LayerKind::File(FileKind::Directory), parent) }
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.kind == LayerKind::File(FileKind::Directory)
    }
}

/// An extended attribute's name and value.
pub(crate) type Xattr = (Vec<u8>, Vec<u8>);

/// Attributes few files have, kept out of the table.
#[derive(Default, Debug, PartialEq)]
pub(crate) struct Sparse {
    pub links: HashMap<u32, Vec<u8>>,
    pub xattrs: HashMap<u32, Vec<Xattr>>,
    pub extents: HashMap<u32, Vec<Extent>>,
    /// Further directories that hold a name of a file with several.
    pub other_parents: HashMap<u32, Vec<u32>>,
}

#[derive(Default, Debug, PartialEq)]
pub(crate) struct Tree {
    pub nodes: Vec<LayerNode>,
    /// Name text offset, name length, node.
    pub names: Vec<(u32, u16, u32)>,
    pub text: Vec<u8>,
    pub sparse: Sparse,
}

impl Tree {
    pub(crate) fn node(&self, node: u32) -> Option<&LayerNode> {
        self.nodes.get(node as usize)
    }

    fn stretch(&self, node: u32) -> &[(u32, u16, u32)] {
        self.node(node)
            .and_then(|node| {
                let (first, count) = (node.names.0 as usize, node.names.1 as usize);
                self.names.get(first..first.checked_add(count)?)
            })
            .unwrap_or_default()
    }

    fn name(&self, entry: &(u32, u16, u32)) -> &[u8] {
        let start = entry.0 as usize;
        self.text.get(start..start + usize::from(entry.1)).unwrap_or_default()
    }

    /// The node of that name in a directory.
    pub(crate) fn lookup(&self, directory: u32, name: &[u8]) -> Option<u32> {
        let names = self.stretch(directory);
        let at = names.binary_search_by(|entry| self.name(entry).cmp(name)).ok()?;
        names.get(at).map(|entry| entry.2)
    }

    /// The names of a directory in byte order.
    pub(crate) fn names_of(&self, directory: u32) -> impl Iterator<Item = (&[u8], u32)> {
        self.stretch(directory).iter().map(|entry| (self.name(entry), entry.2))
    }

    /// Every directory that holds a name of the node.
    pub(crate) fn parents_of(&self, node: u32) -> impl Iterator<Item = u32> {
        let others = self.sparse.other_parents.get(&node).map(Vec::as_slice).unwrap_or_default();
        self.node(node).map(|node| node.parent).into_iter().chain(others.iter().copied())
    }
}

/// A tree under construction: directories as maps.
pub(crate) struct TreeBuilder {
    nodes: Vec<LayerNode>,
    children: HashMap<u32, BTreeMap<Vec<u8>, u32>>,
    sparse: Sparse,
}

impl TreeBuilder {
    pub(crate) fn new() -> Self {
        Self {
            nodes: vec![LayerNode::implied_directory(ROOT)],
            children: HashMap::from([(ROOT, BTreeMap::new())]),
            sparse: Sparse::default(),
        }
    }

    pub(crate) fn lookup(&self, directory: u32, name: &[u8]) -> Option<u32> {
        self.children.get(&directory)?.get(name).copied()
    }

    pub(crate) fn node(&self, node: u32) -> Option<&LayerNode> {
        self.nodes.get(node as usize)
    }

    pub(crate) fn node_mut(&mut self, node: u32) -> Option<&mut LayerNode> {
        self.nodes.get_mut(node as usize)
    }

    pub(crate) fn sparse(&mut self) -> &mut Sparse {
        &mut self.sparse
    }

    /// Puts a new node under a name; what was there is forgotten.
    pub(crate) fn insert(&mut self, directory: u32, name: &[u8], node: LayerNode) -> u32 {
        let number = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        if node.is_directory() {
            self.children.insert(number, BTreeMap::new());
        }
        self.nodes.push(node);
        self.set(directory, name, number);
        number
    }

    /// Puts an existing node under a further name.
    pub(crate) fn link(&mut self, directory: u32, name: &[u8], node: u32) {
        if self.lookup(directory, name) == Some(node) {
            return;
        }
        self.set(directory, name, node);
        if let Some(node) = self.node_mut(node) {
            node.nlink = node.nlink.saturating_add(1);
        }
        self.sparse.other_parents.entry(node).or_default().push(directory);
    }

    fn set(&mut self, directory: u32, name: &[u8], node: u32) {
        let old = self.children.entry(directory).or_default().insert(name.to_vec(), node);
        if let Some(old) = old.and_then(|old| self.node_mut(old)) {
            old.nlink = old.nlink.saturating_sub(1);
        }
    }

    pub(crate) fn finish(self) -> Tree {
        let mut tree = Tree { nodes: self.nodes, sparse: self.sparse, ..Tree::default() };
        let mut directories: Vec<_> = self.children.into_iter().collect();
        directories.sort_unstable_by_key(|(number, _)| *number);
        for (number, children) in directories {
            let first = u32::try_from(tree.names.len()).unwrap_or(u32::MAX);
            let mut sub_directories = 0;
            let count = u32::try_from(children.len()).unwrap_or(u32::MAX);
            for (name, child) in children {
                let start = u32::try_from(tree.text.len()).unwrap_or(u32::MAX);
                tree.text.extend_from_slice(&name);
                tree.names.push((start, u16::try_from(name.len()).unwrap_or(u16::MAX), child));
                sub_directories += u32::from(tree.node(child).is_some_and(LayerNode::is_directory));
            }
            if let Some(node) = tree.nodes.get_mut(number as usize) {
                node.names = (first, count);
                node.directories = sub_directories;
            }
        }
        tree
    }
}
