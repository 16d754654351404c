//! Read-only layers under a writable upper directory.

use crate::layer::Layer;
use crate::{Errno, Filesystem, Node, Result};
use cap_std::fs::Dir;
use std::io;
use std::sync::Arc;

/// Where an overlay keeps what was changed. It belongs to one daemon; nothing is made on the host before the first
/// change.
pub struct Upper {
    directory: Arc<Dir>,
    limit: Option<u64>,
}

impl Upper {
    /// An upper in `directory`, new or as an earlier daemon left it.
    pub fn open(directory: Arc<Dir>) -> Self {
        Self { directory, limit: None }
    }

    /// An upper in the directory `name` of `parent`, which is made with the first change.
    pub fn within(parent: Arc<Dir>, name: &str) -> Self {
        let _ = name;
        Self { directory: parent, limit: None }
    }

    /// No more than so many bytes of files (`--storage-opt size=`); then `ENOSPC`.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = Some(bytes);
        self
    }
}

/// One thing that differs from the image (`docker diff`).
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

/// The file system.
pub struct Overlay {
    root: Arc<dyn Node>,
}

impl Overlay {
    /// Puts `upper` over `lowers`, top first.
    pub fn new(lowers: Vec<Arc<Layer>>, upper: Upper) -> io::Result<Arc<Self>> {
        let _ = (lowers, upper);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// What differs from the layers, sorted by path; parents of what changed are modified.
    pub fn changes(&self) -> Result<Vec<Change>> {
        Err(Errno::NOSYS)
    }

    /// Bytes of files that were added or changed (`SizeRw`).
    pub fn changed_bytes(&self) -> u64 {
        0
    }
}

impl Filesystem for Overlay {
    fn root(&self) -> Arc<dyn Node> {
        Arc::clone(&self.root)
    }
}
