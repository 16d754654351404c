//! The file hierarchy over `coracle:container/file-system`.

use super::wit::file_system as wit;
use crate::Result;
use crate::fs::{Attributes, DirEntry, Event, Events, Figures, Kind, NewTime, Permission, RenameFlags, Timestamp};

impl From<wit::Kind> for Kind {
    fn from(kind: wit::Kind) -> Kind {
        match kind {
            wit::Kind::Regular => Kind::Regular,
            wit::Kind::Directory => Kind::Directory,
            wit::Kind::SymbolicLink => Kind::Symlink,
            wit::Kind::Fifo => Kind::Fifo,
            wit::Kind::CharacterDevice => Kind::CharacterDevice,
            wit::Kind::BlockDevice => Kind::BlockDevice,
            wit::Kind::Socket => Kind::Socket,
        }
    }
}

fn kind(kind: Kind) -> wit::Kind {
    match kind {
        Kind::Regular => wit::Kind::Regular,
        Kind::Directory => wit::Kind::Directory,
        Kind::Symlink => wit::Kind::SymbolicLink,
        Kind::Fifo => wit::Kind::Fifo,
        Kind::CharacterDevice => wit::Kind::CharacterDevice,
        Kind::BlockDevice => wit::Kind::BlockDevice,
        Kind::Socket => wit::Kind::Socket,
    }
}

fn timestamp(time: wit::Timestamp) -> Timestamp {
    Timestamp { seconds: time.seconds, nanoseconds: time.nanoseconds }
}

impl From<wit::Attributes> for Attributes {
    fn from(a: wit::Attributes) -> Attributes {
        Attributes {
            kind: a.kind.into(),
            mode: a.mode,
            user: a.user,
            group: a.group,
            links: a.links,
            inode: a.inode,
            device: a.device,
            represents: a.represents,
            size: a.size,
            blocks: a.blocks,
            accessed: timestamp(a.accessed),
            modified: timestamp(a.modified),
            changed: timestamp(a.changed),
        }
    }
}

impl From<wit::FilesystemFigures> for Figures {
    fn from(f: wit::FilesystemFigures) -> Figures {
        Figures {
            kind: f.kind,
            block_size: f.block_size,
            blocks: f.blocks,
            free: f.free,
            available: f.available,
            inodes: f.inodes,
            free_inodes: f.free_inodes,
            name_max: f.name_max,
            read_only: f.read_only,
        }
    }
}

pub(super) fn times(accessed: NewTime, modified: NewTime) -> wit::FileTimes {
    let convert = |time| match time {
        NewTime::Keep => wit::NewTime::Keep,
        NewTime::Now => wit::NewTime::Now,
        NewTime::At(at) => wit::NewTime::At(wit::Timestamp { seconds: at.seconds, nanoseconds: at.nanoseconds }),
    };
    wit::FileTimes { accessed: convert(accessed), modified: convert(modified) }
}

pub fn working_directory() -> Result<Vec<u8>> {
    Ok(wit::working_directory()?)
}

pub fn change_directory(path: &[u8]) -> Result<()> {
    Ok(wit::change_directory(path)?)
}

#[derive(Debug)]
pub struct ReadDir(wit::DirectoryStream);

impl ReadDir {
    pub fn open(path: &[u8]) -> Result<ReadDir> {
        Ok(ReadDir(wit::read_directory(path)?))
    }

    pub fn batch(&mut self, max: u32) -> Result<Vec<DirEntry>> {
        let entries = self.0.next(max)?;
        Ok(entries
            .into_iter()
            .map(|entry| DirEntry { name: entry.name, kind: entry.kind.into(), inode: entry.inode })
            .collect())
    }
}

pub fn stat(path: &[u8], follow: bool) -> Result<Attributes> {
    Ok(wit::stat(path, follow)?.into())
}

pub fn create_dir(path: &[u8], mode: u32) -> Result<()> {
    Ok(wit::make_directory(path, mode)?)
}

pub fn remove_dir(path: &[u8]) -> Result<()> {
    Ok(wit::remove_directory(path)?)
}

pub fn unlink(path: &[u8]) -> Result<()> {
    Ok(wit::unlink(path)?)
}

pub fn rename(old: &[u8], new: &[u8], flags: RenameFlags) -> Result<()> {
    Ok(wit::rename(old, new, flags.no_replace, flags.exchange)?)
}

pub fn link(existing: &[u8], new: &[u8], follow: bool) -> Result<()> {
    Ok(wit::link(existing, new, follow)?)
}

pub fn symlink(contents: &[u8], path: &[u8]) -> Result<()> {
    Ok(wit::make_symbolic_link(contents, path)?)
}

pub fn read_link(path: &[u8]) -> Result<Vec<u8>> {
    Ok(wit::read_symbolic_link(path)?)
}

pub fn real_path(path: &[u8]) -> Result<Vec<u8>> {
    Ok(wit::real_path(path)?)
}

pub fn set_size(path: &[u8], size: u64) -> Result<()> {
    Ok(wit::set_size(path, size)?)
}

pub fn set_mode(path: &[u8], mode: u32) -> Result<()> {
    Ok(wit::set_mode(path, mode)?)
}

pub fn set_owner(path: &[u8], user: Option<u32>, group: Option<u32>, follow: bool) -> Result<()> {
    Ok(wit::set_owner(path, user, group, follow)?)
}

pub fn set_times(path: &[u8], accessed: NewTime, modified: NewTime, follow: bool) -> Result<()> {
    Ok(wit::set_times(path, times(accessed, modified), follow)?)
}

pub fn make_node(path: &[u8], what: Kind, mode: u32, represents: u64) -> Result<()> {
    Ok(wit::make_node(path, kind(what), mode, represents)?)
}

pub fn access(path: &[u8], wanted: Permission, effective: bool) -> Result<()> {
    let mut permission = wit::Permission::empty();
    permission.set(wit::Permission::READ, wanted.read);
    permission.set(wit::Permission::WRITE, wanted.write);
    permission.set(wit::Permission::EXECUTE, wanted.execute);
    Ok(wit::check_access(path, permission, effective)?)
}

pub fn figures(path: &[u8]) -> Result<Figures> {
    Ok(wit::figures(path)?.into())
}

pub fn sync_all() {
    wit::sync_all();
}

pub fn get_xattr(path: &[u8], name: &[u8], follow: bool) -> Result<Vec<u8>> {
    Ok(wit::get_attribute(path, name, follow)?)
}

pub fn set_xattr(path: &[u8], name: &[u8], value: Option<&[u8]>, follow: bool) -> Result<()> {
    Ok(wit::set_attribute(path, name, value, follow)?)
}

pub fn list_xattrs(path: &[u8], follow: bool) -> Result<Vec<Vec<u8>>> {
    Ok(wit::list_attributes(path, follow)?)
}

const EVENTS: [(wit::WatchEvents, Events); 15] = [
    (wit::WatchEvents::ACCESS, Events::ACCESS),
    (wit::WatchEvents::MODIFY, Events::MODIFY),
    (wit::WatchEvents::ATTRIBUTES, Events::ATTRIBUTES),
    (wit::WatchEvents::CLOSE_WRITE, Events::CLOSE_WRITE),
    (wit::WatchEvents::CLOSE_NO_WRITE, Events::CLOSE_NO_WRITE),
    (wit::WatchEvents::OPEN, Events::OPEN),
    (wit::WatchEvents::MOVED_FROM, Events::MOVED_FROM),
    (wit::WatchEvents::MOVED_TO, Events::MOVED_TO),
    (wit::WatchEvents::CREATE, Events::CREATE),
    (wit::WatchEvents::DELETE, Events::DELETE),
    (wit::WatchEvents::DELETE_SELF, Events::DELETE_SELF),
    (wit::WatchEvents::MOVE_SELF, Events::MOVE_SELF),
    (wit::WatchEvents::IGNORED, Events::IGNORED),
    (wit::WatchEvents::OVERFLOW, Events::OVERFLOW),
    (wit::WatchEvents::DIRECTORY, Events::DIRECTORY),
];

#[derive(Debug)]
pub struct Watcher(pub(super) wit::Watcher);

impl Watcher {
    pub fn new() -> Result<Watcher> {
        Ok(Watcher(wit::Watcher::new()))
    }

    pub fn add(&self, path: &[u8], events: Events) -> Result<u32> {
        let mut wanted = wit::WatchEvents::empty();
        for (theirs, ours) in EVENTS {
            wanted.set(theirs, events.contains(ours));
        }
        Ok(self.0.add(path, wanted)?)
    }

    pub fn remove(&self, watch: u32) -> Result<()> {
        Ok(self.0.remove(watch)?)
    }

    pub fn take(&self) -> Vec<Event> {
        let convert = |set: wit::WatchEvents| {
            EVENTS
                .iter()
                .filter(|(theirs, _)| set.contains(*theirs))
                .fold(Events::default(), |all, (_, ours)| all | *ours)
        };
        self.0
            .take()
            .into_iter()
            .map(|event| Event {
                watch: event.watch,
                events: convert(event.events),
                cookie: event.cookie,
                name: event.name,
            })
            .collect()
    }
}
