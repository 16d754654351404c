//! Directories and files of the host: binds and volumes.
//!
//! Both pass names through [`access`] and hold every file by a pinned descriptor, so a node stays the file it was
//! whatever the host or another container does to its name. They differ in what counts: a bind shows the host's own
//! modes and owners and changes them there, a volume keeps its own ([`meta`]).

mod access;
mod handle;
mod meta;
mod node;

#[cfg(test)]
mod tests;

use crate::{FileKind, Filesystem, Node};
use access::Pin;
use cap_std::fs::Dir;
use meta::MetaStore;
use node::HostNode;
use rustix::fs::{Mode, OFlags};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

/// A directory or file of the host as a file system.
pub struct HostFs {
    root: Arc<HostNode>,
}

/// What all nodes of one share.
struct Shared {
    /// Metadata of a volume; none: a bind.
    volume: Option<MetaStore>,
    /// Who the daemon is on the host.
    uid: u32,
    gid: u32,
}

impl HostFs {
    /// A bind: the host's own modes and owners, changed on the host where the daemon may. `source` is a directory or a
    /// single file of any kind; it is resolved once, here, by the host's rules, links followed.
    pub fn bind(source: &Path) -> io::Result<Arc<Self>> {
        let descriptor = rustix::fs::open(source, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        Self::new(descriptor, None)
    }

    /// A volume: modes and owners are kept as metadata, so that they survive without privilege.
    pub fn volume(directory: Dir) -> io::Result<Arc<Self>> {
        Self::new(directory.into_std_file().into(), Some(MetaStore::default()))
    }

    fn new(descriptor: OwnedFd, volume: Option<MetaStore>) -> io::Result<Arc<Self>> {
        let shared =
            Shared { volume, uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() };
        let root = HostNode::new(Arc::new(shared), Pin::new(descriptor))?;
        Ok(Arc::new(Self { root: Arc::new(root) }))
    }

    /// What the root is.
    pub fn kind(&self) -> FileKind {
        self.root.kind()
    }
}

impl Filesystem for HostFs {
    fn root(&self) -> Arc<dyn Node> {
        Arc::clone(&self.root) as Arc<dyn Node>
    }
}
