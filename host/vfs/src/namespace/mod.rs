//! The mount namespace of a container: one tree out of many file systems, with POSIX rules on every operation.
//!
//! Every operation takes a base (the working directory), a path, and a [`Caller`] against whom permissions are
//! checked; file systems below check nothing. In order: the path is walked ([`walk`]), read-only mounts answer
//! `EROFS`, mount points `EBUSY`, permissions `EACCES` or `EPERM`; then the file system acts and watchers are told.
//!
//! Access times are kept as with Linux's `noatime`: reading never changes them, `utimensat` does.

mod attributes;
mod dentry;
mod mount;
mod names;
mod open;
mod walk;
mod xattr;

pub use dentry::Location;
pub use mount::{MountEntry, MountKind, MountOptions};
pub use open::{OpenOptions, Opened};

pub(crate) use attributes::{check_size, check_times, mode_change, owner_change, without_set_id};
pub(crate) use xattr::{check_value, check_xattr};

use crate::{
    Attributes, Caller, DirEntry, Directory, Errno, FileKind, Filesystem, Node, Permissions, Result, WatchHub,
    WatchMask, Watcher,
};
use dentry::Kept;
use mount::MountTable;
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;
use walk::{Last, Target, Walk};

/// One container's files. A clone is the same namespace.
#[derive(Clone)]
pub struct Namespace {
    inner: Arc<Inner>,
}

struct Inner {
    table: RwLock<Arc<MountTable>>,
    kept: Kept,
    /// Held over every rename, so that kept names change in the order in which files moved.
    renaming: Mutex<()>,
    watches: Arc<WatchHub>,
}

impl Namespace {
    /// A namespace whose root is `root`. Watches are shared through `watches` by all containers of the daemon, because
    /// they may share volumes.
    pub fn new(root: Arc<dyn Filesystem>, options: MountOptions, watches: Arc<WatchHub>) -> Self {
        let table = RwLock::new(Arc::new(MountTable::new(&root, options)));
        Self { inner: Arc::new(Inner { table, kept: Kept::default(), renaming: Mutex::default(), watches }) }
    }

    /// Mounts `fs` over `target`, an existing directory, or an existing file if the root of `fs` is a file. Relative
    /// targets start at the root; symbolic links are followed.
    pub fn mount(&self, target: &[u8], fs: Arc<dyn Filesystem>, options: MountOptions) -> Result<()> {
        self.mount_one(target, &fs, options)?;
        for (below, fs, options) in fs.beneath() {
            self.mount_one(&[target, b"/", below.as_bytes()].concat(), &fs, options)?;
        }
        Ok(())
    }

    /// As [`Namespace::mount`], for the file systems that every container gets (`/dev`, `/proc`, `/sys`): what is
    /// mounted below `target` already stays visible, as if it had been mounted afterwards, at places that are made in
    /// `fs` if they are missing. For a namespace that nothing runs in yet: positions in what is moved end.
    pub fn mount_under(&self, target: &[u8], fs: Arc<dyn Filesystem>, options: MountOptions) -> Result<()> {
        let caller = Caller::root();
        let target = self.real_path(&self.root(), target, &caller)?;
        let moved = {
            let mut table = self.inner.table.write();
            let (rest, moved) = table.split_below(&target);
            *table = Arc::new(rest);
            moved
        };
        self.mount(&target, fs, options)?;
        for mount in moved {
            let Some(point) = &mount.point else { continue };
            let (path, node) = (point.path(), mount.root.node().clone());
            let place = Place { node };
            // What cannot be made is found missing by the mount itself.
            let _ = place.make(self, &path, &caller);
            let fs: Arc<dyn Filesystem> = Arc::new(place);
            self.mount_one(&path, &fs, mount.options.clone())?;
        }
        Ok(())
    }

    fn mount_one(&self, target: &[u8], fs: &Arc<dyn Filesystem>, options: MountOptions) -> Result<()> {
        let daemon = Caller::root();
        loop {
            let before = self.table();
            let walk = Walk::new(&before, before.root(), target, &daemon)?;
            let Target::At(point) = walk.resolve(true)? else { return Err(Errno::INVAL) };
            let after = before.with(self.keep(point), fs, options.clone())?;
            let mut table = self.inner.table.write();
            if Arc::ptr_eq(&table, &before) {
                *table = Arc::new(after);
                return Ok(());
            }
        }
    }

    /// Every mount, in mount order.
    pub fn mounts(&self) -> Vec<MountEntry> {
        self.table().entries()
    }

    /// The root directory.
    pub fn root(&self) -> Location {
        self.inner.table.read().root().clone()
    }

    /// The absolute path of a position; see [`Location::path`].
    pub fn path_of(&self, at: &Location) -> Vec<u8> {
        at.path()
    }

    /// Where `path` leads.
    pub fn locate(&self, base: &Location, path: &[u8], follow: bool, caller: &Caller) -> Result<Location> {
        self.resolve(base, path, follow, caller).map(|at| self.keep(at))
    }

    /// A directory that the caller may search, to become a working directory.
    pub fn directory(&self, base: &Location, path: &[u8], caller: &Caller) -> Result<Location> {
        let at = self.resolve(base, path, true, caller)?;
        if !at.kind().is_directory() {
            return Err(Errno::NOTDIR);
        }
        caller.credentials.check(&at.attributes()?, Permissions::EXECUTE)?;
        Ok(self.keep(at))
    }

    /// stat() and lstat()
    pub fn stat(&self, base: &Location, path: &[u8], follow: bool, caller: &Caller) -> Result<Attributes> {
        match self.target(base, path, follow, caller)? {
            Target::At(at) => at.attributes(),
            Target::Magic(link) => link.target_attributes(),
        }
    }

    /// readlink()
    pub fn read_link(&self, base: &Location, path: &[u8], caller: &Caller) -> Result<Vec<u8>> {
        self.resolve(base, path, false, caller)?.node().read_link(caller)
    }

    /// realpath(): absolute, without symbolic links, dots and double slashes. The file must exist.
    pub fn real_path(&self, base: &Location, path: &[u8], caller: &Caller) -> Result<Vec<u8>> {
        Ok(self.resolve(base, path, true, caller)?.path())
    }

    /// opendir() and readdir() at once: every name without `.` and `..`.
    pub fn read_dir(&self, base: &Location, path: &[u8], caller: &Caller) -> Result<Vec<DirEntry>> {
        let at = self.resolve(base, path, true, caller)?;
        if !at.kind().is_directory() {
            return Err(Errno::NOTDIR);
        }
        caller.credentials.check(&at.attributes()?, Permissions::READ)?;
        Directory::new(at, self.watches().clone()).read_dir(caller)
    }

    /// A queue of file events; [`Watcher::add`] puts watches on paths.
    pub fn watcher(&self) -> Watcher {
        Watcher::new(self.watches().clone())
    }

    fn table(&self) -> Arc<MountTable> {
        self.inner.table.read().clone()
    }

    pub(crate) fn watches(&self) -> &Arc<WatchHub> {
        &self.inner.watches
    }

    /// A position that goes on being right when names above it change.
    fn keep(&self, at: Location) -> Location {
        let dentry = self.inner.kept.intern(&at.dentry);
        Location { mount: at.mount, dentry }
    }

    /// Resolves a path that must lead to a file of the namespace.
    pub(crate) fn resolve(&self, base: &Location, path: &[u8], follow: bool, caller: &Caller) -> Result<Location> {
        match self.target(base, path, follow, caller)? {
            Target::At(at) => Ok(at),
            Target::Magic(_) => Err(Errno::ACCESS),
        }
    }

    fn target(&self, base: &Location, path: &[u8], follow: bool, caller: &Caller) -> Result<Target> {
        let table = self.table();
        Walk::new(&table, base, path, caller)?.resolve(follow)
    }

    /// Tells watchers of `at` and of the directory it lies in.
    fn tell(&self, at: &Location, event: WatchMask) {
        tell(&self.inner.watches, at, event);
    }
}

/// What was mounted somewhere, to be mounted again.
struct Place {
    node: Arc<dyn Node>,
}

impl Filesystem for Place {
    fn root(&self) -> Arc<dyn Node> {
        self.node.clone()
    }
}

impl Place {
    /// Makes a mount point for it, with the directories above.
    fn make(&self, namespace: &Namespace, path: &[u8], caller: &Caller) -> Result<()> {
        let root = namespace.root();
        let slashes = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/');
        for (end, _) in slashes {
            match namespace.mkdir(&root, path.get(..end).unwrap_or_default(), 0o755, caller) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
        }
        if self.node.kind().is_directory() {
            namespace.mkdir(&root, path, 0o755, caller)
        } else {
            namespace.mknod(&root, path, FileKind::Regular, 0o644, 0, caller)
        }
    }
}

/// Tells watchers of a file and of the directory it lies in.
pub(crate) fn tell(watches: &WatchHub, at: &Location, event: WatchMask) {
    if !watches.is_watching() {
        return;
    }
    let event = if at.kind().is_directory() { event | WatchMask::DIRECTORY } else { event };
    if let Some((parent, name)) = at.dentry.place()
        && let Ok(number) = parent.node().number()
        && !at.dentry.is_deleted()
    {
        watches.tell(number, event, 0, Some(&name));
    }
    if let Ok(number) = at.node().number() {
        watches.tell(number, event, 0, None);
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
pub(crate) mod tests;
