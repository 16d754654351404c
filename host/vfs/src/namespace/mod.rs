//! The mount namespace of a container: one tree out of many file systems, with POSIX rules on every operation.

mod mount;
mod open;

pub use mount::{MountEntry, MountKind, MountOptions};
pub use open::{OpenOptions, Opened};

use crate::{
    Attributes, Caller, DirEntry, Errno, FileKind, Filesystem, FsFigures, NewTime, Node, Permissions, RenameFlags,
    Result, WatchHub, Watcher, XattrFlags,
};
use std::sync::Arc;

/// A position in the namespace: a mount and a name in it. Cheap to clone; good across renames made through the
/// namespace.
#[derive(Clone)]
pub struct Location {
    node: Arc<dyn Node>,
}

impl Location {
    /// The node there.
    pub fn node(&self) -> &Arc<dyn Node> {
        &self.node
    }
    /// The kind of the node there.
    pub fn kind(&self) -> FileKind {
        self.node.kind()
    }
    /// `struct stat` of the node there.
    pub fn attributes(&self) -> Result<Attributes> {
        self.node.attributes()
    }
    /// Whether the name has been removed since.
    pub fn is_deleted(&self) -> bool {
        false
    }
    /// Whether both are the same name in the same mount.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.node, &other.node)
    }
    /// The absolute path, with ` (deleted)` behind it if the name has been removed, as `/proc/PID/cwd` shows it.
    pub fn path(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// One container's files. A clone is the same namespace.
#[derive(Clone)]
pub struct Namespace {
    inner: Arc<(Location, Arc<WatchHub>)>,
}

#[allow(unused_variables, missing_docs, reason = "signatures first")]
impl Namespace {
    pub fn new(root: Arc<dyn Filesystem>, options: MountOptions, watches: Arc<WatchHub>) -> Self {
        Self { inner: Arc::new((Location { node: root.root() }, watches)) }
    }
    pub fn mount(&self, target: &[u8], fs: Arc<dyn Filesystem>, options: MountOptions) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn mounts(&self) -> Vec<MountEntry> {
        Vec::new()
    }
    pub fn root(&self) -> Location {
        self.inner.0.clone()
    }
    pub fn path_of(&self, at: &Location) -> Vec<u8> {
        at.path()
    }
    pub fn locate(&self, base: &Location, path: &[u8], follow: bool, caller: &Caller) -> Result<Location> {
        Err(Errno::NOSYS)
    }
    pub fn directory(&self, base: &Location, path: &[u8], caller: &Caller) -> Result<Location> {
        Err(Errno::NOSYS)
    }
    pub fn open(&self, base: &Location, path: &[u8], options: &OpenOptions, caller: &Caller) -> Result<Opened> {
        Err(Errno::NOSYS)
    }
    /// Opens what is at `at` anew, as opening a magic link does.
    pub fn reopen(&self, at: &Location, options: &OpenOptions, caller: &Caller) -> Result<Opened> {
        Err(Errno::NOSYS)
    }
    pub fn stat(&self, base: &Location, path: &[u8], follow: bool, caller: &Caller) -> Result<Attributes> {
        Err(Errno::NOSYS)
    }
    pub fn mkdir(&self, base: &Location, path: &[u8], mode: u32, caller: &Caller) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn rmdir(&self, base: &Location, path: &[u8], caller: &Caller) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn unlink(&self, base: &Location, path: &[u8], caller: &Caller) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn rename(
        &self,
        base: &Location,
        path: &[u8],
        to_base: &Location,
        to: &[u8],
        flags: RenameFlags,
        caller: &Caller,
    ) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn link(
        &self,
        base: &Location,
        existing: &[u8],
        to_base: &Location,
        new: &[u8],
        follow: bool,
        caller: &Caller,
    ) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn symlink(&self, contents: &[u8], base: &Location, path: &[u8], caller: &Caller) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn read_link(&self, base: &Location, path: &[u8], caller: &Caller) -> Result<Vec<u8>> {
        Err(Errno::NOSYS)
    }
    pub fn real_path(&self, base: &Location, path: &[u8], caller: &Caller) -> Result<Vec<u8>> {
        Err(Errno::NOSYS)
    }
    pub fn truncate(&self, base: &Location, path: &[u8], size: u64, caller: &Caller) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn set_mode(&self, base: &Location, path: &[u8], mode: u32, follow: bool, caller: &Caller) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn set_owner(
        &self,
        base: &Location,
        path: &[u8],
        uid: Option<u32>,
        gid: Option<u32>,
        follow: bool,
        caller: &Caller,
    ) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn set_times(
        &self,
        base: &Location,
        path: &[u8],
        accessed: NewTime,
        modified: NewTime,
        follow: bool,
        caller: &Caller,
    ) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn mknod(
        &self,
        base: &Location,
        path: &[u8],
        kind: FileKind,
        mode: u32,
        rdev: u64,
        caller: &Caller,
    ) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn access(
        &self,
        base: &Location,
        path: &[u8],
        wanted: Permissions,
        follow: bool,
        caller: &Caller,
    ) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn figures(&self, base: &Location, path: &[u8], caller: &Caller) -> Result<FsFigures> {
        Err(Errno::NOSYS)
    }
    pub fn read_dir(&self, base: &Location, path: &[u8], caller: &Caller) -> Result<Vec<DirEntry>> {
        Err(Errno::NOSYS)
    }
    pub fn get_xattr(
        &self,
        base: &Location,
        path: &[u8],
        name: &[u8],
        follow: bool,
        caller: &Caller,
    ) -> Result<Vec<u8>> {
        Err(Errno::NOSYS)
    }
    #[allow(clippy::too_many_arguments, reason = "as the call")]
    pub fn set_xattr(
        &self,
        base: &Location,
        path: &[u8],
        name: &[u8],
        value: &[u8],
        flags: XattrFlags,
        follow: bool,
        caller: &Caller,
    ) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn remove_xattr(&self, base: &Location, path: &[u8], name: &[u8], follow: bool, caller: &Caller) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn list_xattrs(&self, base: &Location, path: &[u8], follow: bool, caller: &Caller) -> Result<Vec<Vec<u8>>> {
        Err(Errno::NOSYS)
    }
    /// A queue of file events. Watches are put on paths with [`Watcher::add`].
    pub fn watcher(&self) -> Watcher {
        self.inner.1.watcher()
    }
}
