//! A file system in memory.
//!
//! Contents live in chunks that exist only where something was written ([`content`]); names and attributes in inodes
//! ([`inode`]). Everything a guest can make it hold is bounded: contents by `size`, files by an inode limit, and all of
//! it is announced to an accounting callback, so that a container's memory limit covers its tmpfs as it does on Linux.

mod content;
mod directory;
mod inode;

use crate::{Errno, FileKind, Filesystem, FsFigures, NewKind, NewNode, Node, Result, new_device};
use inode::Inode;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Called with the bytes a file system is about to take; `false` refuses them with `ENOSPC`. Called with a negative
/// number when memory is given back (the answer is ignored).
pub type Charge = Arc<dyn Fn(i64) -> bool + Send + Sync>;

/// Granularity of accounting in bytes.
const PAGE: u64 = 4096;
/// What an inode with its name costs the accounting callback, in bytes.
const INODE_COST: u64 = 1024;
/// Files when nothing else is said.
const DEFAULT_INODES: u64 = 1 << 20;

/// Files in memory.
pub struct Tmpfs {
    root: Arc<Inode>,
}

/// How much a [`Tmpfs`] may hold.
#[derive(Clone, Default)]
pub struct TmpfsOptions {
    /// Bytes of contents, rounded up to pages; `None` is half of the machine's memory, as on Linux.
    pub size: Option<u64>,
    /// Files and directories; `None` is about a million.
    pub inodes: Option<u64>,
    /// Permission bits of the root.
    pub mode: u32,
    /// Owner of the root.
    pub uid: u32,
    /// Group of the root.
    pub gid: u32,
    /// Who answers for the memory.
    pub charge: Option<Charge>,
}

impl Tmpfs {
    /// An empty file system whose root has `mode`. `size` bounds the bytes of all contents; `None` is half of the
    /// machine's memory.
    pub fn new(size: Option<u64>, mode: u32) -> Result<Arc<Self>> {
        Self::with_options(TmpfsOptions { size, mode, ..TmpfsOptions::default() })
    }

    /// An empty file system.
    pub fn with_options(options: TmpfsOptions) -> Result<Arc<Self>> {
        let store = Arc::new(Store {
            dev: new_device(),
            size: options.size.unwrap_or_else(half_of_memory).div_ceil(PAGE),
            used: AtomicU64::new(0),
            inodes: options.inodes.unwrap_or(DEFAULT_INODES).max(1),
            used_inodes: AtomicU64::new(0),
            last_inode: AtomicU64::new(0),
            charge: options.charge,
            renaming: Mutex::default(),
        });
        let root =
            NewNode { kind: NewKind::Directory, mode: options.mode & 0o7777, uid: options.uid, gid: options.gid };
        Ok(Arc::new(Self { root: Inode::new(&store, &root)? }))
    }
}

impl Filesystem for Tmpfs {
    fn root(&self) -> Arc<dyn Node> {
        self.root.clone()
    }
}

fn half_of_memory() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram.saturating_mul(u64::from(info.mem_unit.max(1))) / 2
}

/// What all inodes of one file system share: its number and its accounts.
struct Store {
    dev: u64,
    /// Limit in pages.
    size: u64,
    /// Pages in use.
    used: AtomicU64,
    inodes: u64,
    used_inodes: AtomicU64,
    last_inode: AtomicU64,
    charge: Option<Charge>,
    /// Held by whatever locks two directories: rename and rmdir.
    renaming: Mutex<()>,
}

fn take(counter: &AtomicU64, amount: u64, limit: u64) -> Result<()> {
    counter
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(amount).filter(|used| *used <= limit)
        })
        .map(drop)
        .map_err(|_| Errno::NOSPC)
}

impl Store {
    /// Takes pages for contents, or answers `ENOSPC`.
    fn take_pages(&self, pages: u64) -> Result<()> {
        if pages == 0 {
            return Ok(());
        }
        take(&self.used, pages, self.size)?;
        self.take_memory(pages.saturating_mul(PAGE)).inspect_err(|_| {
            self.used.fetch_sub(pages, Ordering::Relaxed);
        })
    }

    fn give_pages(&self, pages: u64) {
        if pages > 0 {
            self.used.fetch_sub(pages, Ordering::Relaxed);
            self.give_memory(pages.saturating_mul(PAGE));
        }
    }

    fn take_inode(&self) -> Result<u64> {
        take(&self.used_inodes, 1, self.inodes)?;
        self.take_memory(INODE_COST).inspect_err(|_| {
            self.used_inodes.fetch_sub(1, Ordering::Relaxed);
        })?;
        Ok(self.last_inode.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn give_inode(&self) {
        self.used_inodes.fetch_sub(1, Ordering::Relaxed);
        self.give_memory(INODE_COST);
    }

    /// Announces memory that no limit of the file system covers: names, links, extended attributes.
    fn take_memory(&self, bytes: u64) -> Result<()> {
        match &self.charge {
            Some(charge) if bytes > 0 && !charge(i64::try_from(bytes).unwrap_or(i64::MAX)) => Err(Errno::NOSPC),
            _ => Ok(()),
        }
    }

    fn give_memory(&self, bytes: u64) {
        if let Some(charge) = &self.charge
            && bytes > 0
        {
            charge(i64::try_from(bytes).unwrap_or(i64::MAX).saturating_neg());
        }
    }

    fn figures(&self) -> FsFigures {
        let free = self.size.saturating_sub(self.used.load(Ordering::Relaxed));
        FsFigures {
            kind: "tmpfs",
            block_size: PAGE,
            blocks: self.size,
            free,
            available: free,
            inodes: self.inodes,
            free_inodes: self.inodes.saturating_sub(self.used_inodes.load(Ordering::Relaxed)),
            name_max: 255,
            read_only: false,
        }
    }
}

/// Whether a node of this kind can have hard links made by link().
fn linkable(kind: FileKind) -> bool {
    !kind.is_directory()
}

#[cfg(test)]
mod tests;
