//! `coracle:container/file-system`: files by path, with all of POSIX's attributes.

use std::sync::Arc;

use coracle_vfs::{
    Attributes as VfsAttributes, DirEntry, Errno, FileKind, FsFigures, Location, Namespace, NewTime as VfsNewTime,
    Permissions, RenameFlags, Timestamp as VfsTimestamp, WatchMask, Watcher as VfsWatcher, XattrFlags,
};
use wasmtime::component::Resource;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::{DynPollable, Pollable};

use super::Failure;
use crate::bindings::coracle::container::file_system::{
    Attributes, DirectoryEntry, FileTimes, FilesystemFigures, Host, HostDirectoryStream, HostWatcher, Kind, NewTime,
    Permission, Timestamp, WatchEvent, WatchEvents,
};
use crate::guest::Guest;

/// Most entries one `next` answers.
const MAX_ENTRIES: u32 = 4096;

/// A directory's entries that were not told yet.
pub struct DirectoryListing(std::vec::IntoIter<DirEntry>);

/// A queue of file events.
pub struct FileWatcher(Arc<VfsWatcher>);

struct Events(Arc<VfsWatcher>);

#[async_trait]
impl Pollable for Events {
    async fn ready(&mut self) {
        self.0.ready().await;
    }
}

type Answer<T> = Result<T, Failure>;

impl Guest {
    fn here(&self) -> (&Namespace, Location) {
        (self.process.container().namespace(), self.process.working_directory())
    }
}

impl Host for Guest {
    fn working_directory(&mut self) -> Answer<Vec<u8>> {
        let (namespace, here) = self.here();
        if here.is_deleted() {
            return Err(Errno::NOENT.into());
        }
        Ok(namespace.path_of(&here))
    }

    fn change_directory(&mut self, path: Vec<u8>) -> Answer<()> {
        Ok(self.process.chdir(&path)?)
    }

    fn read_directory(&mut self, path: Vec<u8>) -> Answer<Resource<DirectoryListing>> {
        let (namespace, here) = self.here();
        let entries = namespace.read_dir(&here, &path, &self.process.caller())?;
        Ok(self.table.push(DirectoryListing(entries.into_iter()))?)
    }

    fn stat(&mut self, path: Vec<u8>, follow: bool) -> Answer<Attributes> {
        let (namespace, here) = self.here();
        let attributes = namespace.stat(&here, &path, follow, &self.process.caller())?;
        Ok(attributes_to_wit(&attributes))
    }

    fn make_directory(&mut self, path: Vec<u8>, mode: u32) -> Answer<()> {
        let (namespace, here) = self.here();
        Ok(namespace.mkdir(&here, &path, mode, &self.process.caller())?)
    }

    fn remove_directory(&mut self, path: Vec<u8>) -> Answer<()> {
        let (namespace, here) = self.here();
        Ok(namespace.rmdir(&here, &path, &self.process.caller())?)
    }

    fn unlink(&mut self, path: Vec<u8>) -> Answer<()> {
        let (namespace, here) = self.here();
        Ok(namespace.unlink(&here, &path, &self.process.caller())?)
    }

    fn rename(&mut self, old: Vec<u8>, new: Vec<u8>, no_replace: bool, exchange: bool) -> Answer<()> {
        if no_replace && exchange {
            return Err(Errno::INVAL.into());
        }
        let mut flags = RenameFlags::empty();
        flags.set(RenameFlags::NO_REPLACE, no_replace);
        flags.set(RenameFlags::EXCHANGE, exchange);
        let (namespace, here) = self.here();
        let caller = self.process.caller();
        Ok(namespace.rename(&here, &old, &here, &new, flags, &caller)?)
    }

    fn link(&mut self, existing: Vec<u8>, new: Vec<u8>, follow: bool) -> Answer<()> {
        let (namespace, here) = self.here();
        let caller = self.process.caller();
        Ok(namespace.link(&here, &existing, &here, &new, follow, &caller)?)
    }

    fn make_symbolic_link(&mut self, contents: Vec<u8>, path: Vec<u8>) -> Answer<()> {
        let (namespace, here) = self.here();
        Ok(namespace.symlink(&contents, &here, &path, &self.process.caller())?)
    }

    fn read_symbolic_link(&mut self, path: Vec<u8>) -> Answer<Vec<u8>> {
        let (namespace, here) = self.here();
        Ok(namespace.read_link(&here, &path, &self.process.caller())?)
    }

    fn real_path(&mut self, path: Vec<u8>) -> Answer<Vec<u8>> {
        let (namespace, here) = self.here();
        Ok(namespace.real_path(&here, &path, &self.process.caller())?)
    }

    fn set_size(&mut self, path: Vec<u8>, size: u64) -> Answer<()> {
        let (namespace, here) = self.here();
        Ok(namespace.truncate(&here, &path, size, &self.process.caller())?)
    }

    fn set_mode(&mut self, path: Vec<u8>, mode: u32) -> Answer<()> {
        let (namespace, here) = self.here();
        Ok(namespace.set_mode(&here, &path, mode, true, &self.process.caller())?)
    }

    fn set_owner(&mut self, path: Vec<u8>, user: Option<u32>, group: Option<u32>, follow: bool) -> Answer<()> {
        let (namespace, here) = self.here();
        let caller = self.process.caller();
        Ok(namespace.set_owner(&here, &path, user, group, follow, &caller)?)
    }

    fn set_times(&mut self, path: Vec<u8>, times: FileTimes, follow: bool) -> Answer<()> {
        let (namespace, here) = self.here();
        Ok(namespace.set_times(
            &here,
            &path,
            new_time(times.accessed)?,
            new_time(times.modified)?,
            follow,
            &self.process.caller(),
        )?)
    }

    fn make_node(&mut self, path: Vec<u8>, kind: Kind, mode: u32, represents: u64) -> Answer<()> {
        let (namespace, here) = self.here();
        let caller = self.process.caller();
        let kind = kind_from_wit(kind);
        Ok(namespace.mknod(&here, &path, kind, mode, represents, &caller)?)
    }

    fn check_access(
        &mut self,
        path: Vec<u8>,
        wanted: Permission,
        // Real and effective ids are the same in a container.
        _effective: bool,
    ) -> Answer<()> {
        let mut permissions = Permissions::empty();
        permissions.set(Permissions::READ, wanted.contains(Permission::READ));
        permissions.set(Permissions::WRITE, wanted.contains(Permission::WRITE));
        permissions.set(Permissions::EXECUTE, wanted.contains(Permission::EXECUTE));
        let (namespace, here) = self.here();
        Ok(namespace.access(&here, &path, permissions, true, &self.process.caller())?)
    }

    fn figures(&mut self, path: Vec<u8>) -> Answer<FilesystemFigures> {
        let (namespace, here) = self.here();
        let figures = namespace.figures(&here, &path, &self.process.caller())?;
        Ok(figures_to_wit(&figures))
    }

    fn sync_all(&mut self) -> wasmtime::Result<()> {
        // POSIX sync() may return before anything is written. The files of a
        // container are host files, which the host's kernel writes back by itself;
        // letting a guest flush every disk of the host would be a way to stall it.
        Ok(())
    }

    fn get_attribute(&mut self, path: Vec<u8>, name: Vec<u8>, follow: bool) -> Answer<Vec<u8>> {
        let (namespace, here) = self.here();
        Ok(namespace.get_xattr(&here, &path, &name, follow, &self.process.caller())?)
    }

    fn set_attribute(&mut self, path: Vec<u8>, name: Vec<u8>, value: Option<Vec<u8>>, follow: bool) -> Answer<()> {
        let (namespace, here) = self.here();
        let caller = self.process.caller();
        match value {
            Some(value) => namespace.set_xattr(&here, &path, &name, &value, XattrFlags::empty(), follow, &caller)?,
            None => namespace.remove_xattr(&here, &path, &name, follow, &caller)?,
        }
        Ok(())
    }

    fn list_attributes(&mut self, path: Vec<u8>, follow: bool) -> Answer<Vec<Vec<u8>>> {
        let (namespace, here) = self.here();
        Ok(namespace.list_xattrs(&here, &path, follow, &self.process.caller())?)
    }
}

impl HostDirectoryStream for Guest {
    fn next(&mut self, stream: Resource<DirectoryListing>, max: u32) -> Answer<Vec<DirectoryEntry>> {
        let count = usize::try_from(max.min(MAX_ENTRIES)).unwrap_or(0);
        let listing = self.table.get_mut(&stream)?;
        Ok(listing
            .0
            .by_ref()
            .take(count)
            .map(|entry| DirectoryEntry { name: entry.name, kind: kind_to_wit(entry.kind), inode: entry.ino })
            .collect())
    }

    fn drop(&mut self, stream: Resource<DirectoryListing>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}

impl HostWatcher for Guest {
    fn new(&mut self) -> wasmtime::Result<Resource<FileWatcher>> {
        let watcher = self.process.container().namespace().watcher();
        Ok(self.table.push(FileWatcher(Arc::new(watcher)))?)
    }

    fn add(&mut self, watcher: Resource<FileWatcher>, path: Vec<u8>, events: WatchEvents) -> Answer<u32> {
        let (namespace, here) = self.here();
        let watcher = &self.table.get(&watcher)?.0;
        let caller = self.process.caller();
        Ok(watcher.add(namespace, &here, &path, mask_from_wit(events), &caller)?)
    }

    fn remove(&mut self, watcher: Resource<FileWatcher>, watch: u32) -> Answer<()> {
        Ok(self.table.get(&watcher)?.0.remove(watch)?)
    }

    fn take(&mut self, watcher: Resource<FileWatcher>) -> wasmtime::Result<Vec<WatchEvent>> {
        let watcher = &self.table.get(&watcher)?.0;
        Ok(watcher
            .take()
            .into_iter()
            .map(|event| WatchEvent {
                watch: event.watch,
                events: mask_to_wit(event.mask),
                cookie: event.cookie,
                name: event.name,
            })
            .collect())
    }

    fn ready(&mut self, watcher: Resource<FileWatcher>) -> wasmtime::Result<Resource<DynPollable>> {
        let events = Events(Arc::clone(&self.table.get(&watcher)?.0));
        self.pollable(events)
    }

    fn drop(&mut self, watcher: Resource<FileWatcher>) -> wasmtime::Result<()> {
        self.table.delete(watcher)?;
        Ok(())
    }
}

/// Each event of the interface and its inotify bit.
const EVENTS: [(WatchEvents, WatchMask); 15] = [
    (WatchEvents::ACCESS, WatchMask::ACCESS),
    (WatchEvents::MODIFY, WatchMask::MODIFY),
    (WatchEvents::ATTRIBUTES, WatchMask::ATTRIBUTES),
    (WatchEvents::CLOSE_WRITE, WatchMask::CLOSE_WRITE),
    (WatchEvents::CLOSE_NO_WRITE, WatchMask::CLOSE_NO_WRITE),
    (WatchEvents::OPEN, WatchMask::OPEN),
    (WatchEvents::MOVED_FROM, WatchMask::MOVED_FROM),
    (WatchEvents::MOVED_TO, WatchMask::MOVED_TO),
    (WatchEvents::CREATE, WatchMask::CREATE),
    (WatchEvents::DELETE, WatchMask::DELETE),
    (WatchEvents::DELETE_SELF, WatchMask::DELETE_SELF),
    (WatchEvents::MOVE_SELF, WatchMask::MOVE_SELF),
    (WatchEvents::IGNORED, WatchMask::IGNORED),
    (WatchEvents::OVERFLOW, WatchMask::OVERFLOW),
    (WatchEvents::DIRECTORY, WatchMask::DIRECTORY),
];

fn mask_from_wit(events: WatchEvents) -> WatchMask {
    EVENTS
        .into_iter()
        .filter(|(event, _)| events.contains(*event))
        .fold(WatchMask::empty(), |mask, (_, bit)| mask | bit)
        & WatchMask::ALL
}

fn mask_to_wit(mask: WatchMask) -> WatchEvents {
    EVENTS
        .into_iter()
        .filter(|(_, bit)| mask.contains(*bit))
        .fold(WatchEvents::empty(), |events, (event, _)| events | event)
}

fn kind_to_wit(kind: FileKind) -> Kind {
    match kind {
        FileKind::Regular => Kind::Regular,
        FileKind::Directory => Kind::Directory,
        FileKind::Symlink => Kind::SymbolicLink,
        FileKind::Fifo => Kind::Fifo,
        FileKind::CharDevice => Kind::CharacterDevice,
        FileKind::BlockDevice => Kind::BlockDevice,
        FileKind::Socket => Kind::Socket,
    }
}

fn kind_from_wit(kind: Kind) -> FileKind {
    match kind {
        Kind::Regular => FileKind::Regular,
        Kind::Directory => FileKind::Directory,
        Kind::SymbolicLink => FileKind::Symlink,
        Kind::Fifo => FileKind::Fifo,
        Kind::CharacterDevice => FileKind::CharDevice,
        Kind::BlockDevice => FileKind::BlockDevice,
        Kind::Socket => FileKind::Socket,
    }
}

fn timestamp(time: VfsTimestamp) -> Timestamp {
    Timestamp { seconds: time.seconds, nanoseconds: time.nanoseconds }
}

pub(crate) fn new_time(time: NewTime) -> Result<VfsNewTime, Errno> {
    Ok(match time {
        NewTime::Keep => VfsNewTime::Keep,
        NewTime::Now => VfsNewTime::Now,
        NewTime::At(time) => {
            if time.nanoseconds >= 1_000_000_000 {
                return Err(Errno::INVAL);
            }
            VfsNewTime::At(VfsTimestamp { seconds: time.seconds, nanoseconds: time.nanoseconds })
        }
    })
}

pub(crate) fn attributes_to_wit(attributes: &VfsAttributes) -> Attributes {
    Attributes {
        kind: kind_to_wit(attributes.kind),
        mode: attributes.mode,
        user: attributes.uid,
        group: attributes.gid,
        links: attributes.nlink,
        inode: attributes.ino,
        device: attributes.dev,
        represents: attributes.rdev,
        size: attributes.size,
        blocks: attributes.blocks,
        accessed: timestamp(attributes.atime),
        modified: timestamp(attributes.mtime),
        changed: timestamp(attributes.ctime),
    }
}

pub(crate) fn figures_to_wit(figures: &FsFigures) -> FilesystemFigures {
    FilesystemFigures {
        kind: figures.kind.to_owned(),
        block_size: figures.block_size,
        blocks: figures.blocks,
        free: figures.free,
        available: figures.available,
        inodes: figures.inodes,
        free_inodes: figures.free_inodes,
        name_max: figures.name_max,
        read_only: figures.read_only,
    }
}
