//! Mounts: which file system covers which name.
//!
//! The table is replaced as a whole by every mount, so a walk takes one snapshot and needs no lock after that. A mount
//! point is known by the directory it lies in (mount, device and inode number) and its name there; renaming a
//! directory further up does not lose it.

use crate::{Errno, Filesystem, Result};
use hashbrown::HashMap;
use std::sync::Arc;

use super::dentry::{Dentry, Location};

/// What is mounted, as far as users are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MountKind {
    /// Image layers under an upper directory.
    Overlay,
    /// A directory or file of the host.
    Bind,
    /// A named or anonymous volume.
    Volume,
    /// Memory.
    Tmpfs,
    /// Processes.
    Proc,
    /// Devices.
    Dev,
    /// Kernel figures: `/sys`.
    Sys,
}

/// How a file system is mounted.
#[derive(Clone, Debug)]
pub struct MountOptions {
    /// What it is.
    pub kind: MountKind,
    /// What `mount` shows in the first column: a volume's name, a host path, `overlay`.
    pub source: Vec<u8>,
    /// Refuse everything that writes.
    pub read_only: bool,
    /// Further options as `/proc/mounts` shows them after `rw` or `ro`, separated by commas; may be empty. `noexec`
    /// and `nodev` are obeyed.
    pub options: String,
}

/// One line of `/proc/mounts`.
#[derive(Clone, Debug)]
pub struct MountEntry {
    /// Number of this mount in the namespace.
    pub id: u64,
    /// Number of the mount it lies on; its own for the root.
    pub parent: u64,
    /// Absolute path of the mount point.
    pub target: Vec<u8>,
    /// How it is mounted.
    pub options: MountOptions,
    /// Name of the file system: `overlay`, `tmpfs`, `proc`.
    pub file_system: &'static str,
    /// Its device number.
    pub dev: u64,
}

/// A mounted file system.
pub(crate) struct Mount {
    pub(crate) id: u64,
    /// Where it is mounted; `None` for the root of the namespace.
    pub(crate) point: Option<Location>,
    pub(crate) root: Arc<Dentry>,
    pub(crate) options: MountOptions,
    pub(crate) no_execute: bool,
    pub(crate) no_devices: bool,
    dev: u64,
}

impl Mount {
    fn new(id: u64, point: Option<Location>, fs: &Arc<dyn Filesystem>, options: MountOptions) -> Arc<Self> {
        let node = fs.root();
        let flag = |flag: &str| options.options.split(',').any(|option| option == flag);
        Arc::new(Self {
            id,
            point,
            dev: node.attributes().map_or(0, |attributes| attributes.dev),
            root: Dentry::root(node),
            no_execute: flag("noexec"),
            no_devices: flag("nodev"),
            options,
        })
    }

    fn entry(&self) -> MountEntry {
        let figures = self.root.node().figures();
        MountEntry {
            id: self.id,
            parent: self.point.as_ref().map_or(self.id, |point| point.mount.id),
            target: self.point.as_ref().map_or_else(|| b"/".to_vec(), Location::path),
            options: self.options.clone(),
            file_system: figures.map_or("none", |figures| figures.kind),
            dev: self.dev,
        }
    }

    /// The root of this mount as a position.
    pub(crate) fn top(self: &Arc<Self>) -> Location {
        Location { mount: self.clone(), dentry: self.root.clone() }
    }

    /// `EROFS` if nothing may be written.
    pub(crate) fn writable(&self) -> Result<()> {
        if self.options.read_only { Err(Errno::ROFS) } else { Ok(()) }
    }
}

/// A directory: mount, device, inode.
type Place = (u64, u64, u64);

/// The names in a directory on which something is mounted.
type Points = Vec<(Box<[u8]>, Arc<Mount>)>;

/// Every mount of a namespace at one moment.
#[derive(Clone)]
pub(crate) struct MountTable {
    mounts: Vec<Arc<Mount>>,
    points: HashMap<Place, Points>,
    /// By number of the mount whose root is covered.
    covers: HashMap<u64, Arc<Mount>>,
    root: Location,
}

impl MountTable {
    pub(crate) fn new(fs: &Arc<dyn Filesystem>, options: MountOptions) -> Self {
        let mount = Mount::new(1, None, fs, options);
        let root = mount.top();
        Self { mounts: vec![mount], points: HashMap::new(), covers: HashMap::new(), root }
    }

    /// A table with one more mount over `point`.
    pub(crate) fn with(&self, point: Location, fs: &Arc<dyn Filesystem>, options: MountOptions) -> Result<Self> {
        let mut table = self.clone();
        let id = self.mounts.iter().map(|mount| mount.id).max().unwrap_or(0) + 1;
        let mount = Mount::new(id, Some(point.clone()), fs, options);
        if mount.root.node().kind().is_directory() != point.kind().is_directory() {
            return Err(Errno::NOTDIR);
        }
        match point.dentry.place() {
            Some((parent, name)) => {
                let (dev, ino) = parent.node().number()?;
                table.points.entry((point.mount.id, dev, ino)).or_default().push((name, mount.clone()));
            }
            None => {
                table.covers.insert(point.mount.id, mount.clone());
            }
        }
        table.mounts.push(mount);
        table.root = table.uncovered(table.root.clone());
        Ok(table)
    }

    /// A table without the mounts whose mount points lie below `target`, and those mounts, in mount order.
    pub(crate) fn split_below(&self, target: &[u8]) -> (Self, Vec<Arc<Mount>>) {
        let below = |mount: &Arc<Mount>| {
            let path = mount.point.as_ref().map(Location::path).unwrap_or_default();
            path.strip_prefix(target).is_some_and(|rest| rest.first() == Some(&b'/'))
        };
        let mut table = self.clone();
        let taken: Vec<_> = self.mounts.iter().filter(|mount| below(mount)).cloned().collect();
        let gone = |mount: &Arc<Mount>| taken.iter().any(|taken| taken.id == mount.id);
        table.mounts.retain(|mount| !gone(mount));
        table.points.values_mut().for_each(|points| points.retain(|(_, mount)| !gone(mount)));
        table.points.retain(|_, points| !points.is_empty());
        table.covers.retain(|_, mount| !gone(mount));
        (table, taken)
    }

    /// The root directory that users see.
    pub(crate) fn root(&self) -> &Location {
        &self.root
    }

    pub(crate) fn entries(&self) -> Vec<MountEntry> {
        self.mounts.iter().map(|mount| mount.entry()).collect()
    }

    /// Whether anything is mounted besides the root.
    pub(crate) fn has_points(&self) -> bool {
        !self.points.is_empty()
    }

    fn uncovered(&self, mut at: Location) -> Location {
        while Arc::ptr_eq(&at.dentry, &at.mount.root) {
            let Some(above) = self.covers.get(&at.mount.id) else { break };
            at = above.top();
        }
        at
    }

    /// What is mounted on `name` in `directory`, which has the given device and inode number.
    pub(crate) fn mounted(&self, directory: &Location, number: (u64, u64), name: &[u8]) -> Option<Location> {
        let points = self.points.get(&(directory.mount.id, number.0, number.1))?;
        let (_, mount) = points.iter().find(|(point, _)| **point == *name)?;
        Some(self.uncovered(mount.top()))
    }

    /// What is mounted over `at`, or `at` itself.
    pub(crate) fn crossed(&self, at: Location) -> Result<Location> {
        if self.has_points()
            && let Some((parent, name)) = at.dentry.place()
            && let Some(mounted) = self.mounted(&at.at(parent.clone()), parent.node().number()?, &name)
        {
            return Ok(mounted);
        }
        Ok(self.uncovered(at))
    }

    /// The directory above `at`; the root's is itself.
    pub(crate) fn above(&self, at: &Location) -> Result<Location> {
        let mut at = at.clone();
        loop {
            if let Some(parent) = at.dentry.parent() {
                return self.crossed(at.at(parent));
            }
            match &at.mount.point {
                Some(point) => at = point.clone(),
                None => return Ok(self.root.clone()),
            }
        }
    }
}
