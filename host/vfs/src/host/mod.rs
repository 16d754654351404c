//! Directories and files of the host: binds and volumes.

use crate::{Filesystem, Node};
use cap_std::fs::Dir;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A directory or file of the host as a file system.
pub struct HostFs {
    root: Arc<dyn Node>,
}

impl HostFs {
    /// A bind: the host's own modes and owners, changed on the host where the daemon may. `source` is a directory or a
    /// single file of any kind; it is resolved once, here, by the host's rules.
    pub fn bind(source: &Path) -> io::Result<Arc<Self>> {
        let _ = source;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// A volume: modes and owners are kept as metadata, so that they survive without privilege.
    pub fn volume(directory: Dir) -> io::Result<Arc<Self>> {
        let _ = directory;
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Filesystem for HostFs {
    fn root(&self) -> Arc<dyn Node> {
        Arc::clone(&self.root)
    }
}
