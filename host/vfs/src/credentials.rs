//! Who asks: the identity that permission checks are made against.

use crate::{Attributes, Errno, FileKind, Result};
use std::sync::Arc;

/// Effective user, group and supplementary groups. User 0 passes every permission check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Arc<[u32]>,
}

impl Credentials {
    /// User 0, group 0.
    pub fn root() -> Self {
        Self { uid: 0, gid: 0, groups: Arc::default() }
    }

    /// Whether the caller passes every permission check.
    pub fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// Whether `gid` is the caller's group or one of its supplementary groups.
    pub fn in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }

    /// Checks `wanted` against owner, group and mode (POSIX XBD 4.7). User 0 may do everything except execute a file
    /// without any execute bit.
    pub fn check(&self, attributes: &Attributes, wanted: Permissions) -> Result<()> {
        if self.is_root() {
            let executable = attributes.kind == FileKind::Directory || attributes.mode & 0o111 != 0;
            return if wanted.contains(Permissions::EXECUTE) && !executable { Err(Errno::ACCESS) } else { Ok(()) };
        }
        let shift = if self.uid == attributes.uid {
            6
        } else if self.in_group(attributes.gid) {
            3
        } else {
            0
        };
        if (attributes.mode >> shift) & wanted.bits() == wanted.bits() { Ok(()) } else { Err(Errno::ACCESS) }
    }

    /// Whether the caller may act as the owner of such a file.
    pub fn owns(&self, attributes: &Attributes) -> bool {
        self.is_root() || self.uid == attributes.uid
    }
}

bitflags::bitflags! {
    /// What `access()` asks for; the values are those of one octal digit of a mode.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Permissions: u32 {
        /// Read a file, list a directory.
        const READ = 4;
        /// Write a file, change the names in a directory.
        const WRITE = 2;
        /// Execute a file, search a directory.
        const EXECUTE = 1;
    }
}

/// Who asks, and what of the process counts in file operations.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Identity for permission checks and ownership of new files.
    pub credentials: Credentials,
    /// Mode bits that new files do not get.
    pub umask: u32,
    /// Process id, for `/proc/self`; 0 for the daemon itself.
    pub pid: u32,
    /// `RLIMIT_FSIZE` in bytes; growing a file past it fails with `EFBIG`.
    pub file_size_limit: Option<u64>,
}

impl Caller {
    /// The daemon acting as user 0 with an umask of 022.
    pub fn root() -> Self {
        Self { credentials: Credentials::root(), umask: 0o022, pid: 0, file_size_limit: None }
    }
}
