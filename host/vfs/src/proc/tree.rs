//! Nodes without storage: where in the tree, and what that place says.

use crate::{
    Access, Attributes, Caller, DirEntry, Errno, FileKind, FsFigures, Handle, Location, Name, Node, Result,
    SetAttributes, Timestamp,
};
use parking_lot::Mutex;
use std::any::Any;
use std::sync::Arc;

use super::process::{self, ProcessFile, ProcessLink};
use super::source::ProcSource;

/// What all nodes of one mounted tree share.
pub(super) struct Shared {
    pub(super) source: Arc<dyn ProcSource>,
    pub(super) dev: u64,
    pub(super) kind: &'static str,
}

/// A place that is always there.
pub(super) struct Fixed {
    pub(super) name: &'static str,
    /// Inode number, below 2^32.
    pub(super) ino: u32,
    pub(super) item: Item,
}

/// What is at a fixed place.
pub(super) enum Item {
    /// A directory.
    Directory(&'static [Fixed]),
    /// A directory that also holds one directory a process.
    Processes(&'static [Fixed]),
    /// A text for everybody.
    File(fn(&dyn ProcSource) -> Vec<u8>),
    /// A text that user 0 may change.
    Writable(fn(&dyn ProcSource) -> Vec<u8>, fn(&dyn ProcSource, &[u8]) -> Result<()>),
    /// A symbolic link that may depend on who reads it.
    Link(fn(&Caller) -> Option<Vec<u8>>),
}

#[derive(Clone, Copy)]
enum Place {
    Fixed(&'static Fixed),
    Process(u32),
    Tasks(u32),
    File(u32, &'static ProcessFile),
    Link(u32, ProcessLink),
    Descriptors(u32),
    Descriptor(u32, u32),
}

pub(super) struct ProcNode {
    shared: Arc<Shared>,
    place: Place,
}

impl ProcNode {
    pub(super) fn fixed(shared: &Arc<Shared>, fixed: &'static Fixed) -> Arc<dyn Node> {
        Self::at(shared, Place::Fixed(fixed))
    }

    fn at(shared: &Arc<Shared>, place: Place) -> Arc<dyn Node> {
        Arc::new(Self { shared: shared.clone(), place })
    }

    fn source(&self) -> &dyn ProcSource {
        &*self.shared.source
    }

    /// Inode numbers: the process in the upper half, its files below.
    fn ino(&self) -> u64 {
        let process = |pid: u32, rest: u64| (u64::from(pid) << 32) | rest;
        match self.place {
            Place::Fixed(fixed) => u64::from(fixed.ino),
            Place::Process(pid) => process(pid, 1),
            Place::Tasks(pid) => process(pid, 2),
            Place::Descriptors(pid) => process(pid, 3),
            Place::Link(pid, link) => process(pid, 4 + link as u64),
            Place::File(pid, file) => process(pid, 64 + u64::from(file.number)),
            Place::Descriptor(pid, fd) => process(pid, (1 << 31) | u64::from(fd)),
        }
    }

    fn mode(&self) -> u32 {
        match self.place {
            Place::Fixed(fixed) => match fixed.item {
                Item::Directory(_) | Item::Processes(_) => 0o555,
                Item::File(_) => 0o444,
                Item::Writable(..) => 0o644,
                Item::Link(_) => 0o777,
            },
            Place::Process(_) | Place::Tasks(_) => 0o555,
            Place::Descriptors(_) => 0o500,
            Place::File(_, file) => file.mode,
            Place::Link(..) => 0o777,
            Place::Descriptor(pid, fd) => match self.source().descriptor(pid, fd) {
                Some(entry) => (if entry.read { 0o500 } else { 0 }) | (if entry.write { 0o300 } else { 0 }),
                None => 0,
            },
        }
    }

    /// The process this node belongs to.
    fn pid(&self) -> Option<u32> {
        match self.place {
            Place::Fixed(_) => None,
            Place::Process(pid)
            | Place::Tasks(pid)
            | Place::File(pid, _)
            | Place::Link(pid, _)
            | Place::Descriptors(pid)
            | Place::Descriptor(pid, _) => Some(pid),
        }
    }

    fn text(&self) -> Result<Vec<u8>> {
        match self.place {
            Place::Fixed(Fixed { item: Item::File(text) | Item::Writable(text, _), .. }) => Ok(text(self.source())),
            Place::File(pid, file) => (file.text)(self.source(), pid).ok_or(Errno::SRCH),
            _ => Err(Errno::INVAL),
        }
    }

    /// What somebody else's process has open is nobody's business.
    fn check_owner(&self, pid: u32, caller: &Caller) -> Result<()> {
        let entry = self.source().process(pid).ok_or(Errno::NOENT)?;
        let credentials = &caller.credentials;
        if credentials.is_root() || credentials.uid == entry.credentials.uid { Ok(()) } else { Err(Errno::ACCESS) }
    }

    fn target(&self) -> Option<Location> {
        match self.place {
            Place::Link(pid, ProcessLink::WorkingDirectory) => self.source().working_directory(pid),
            Place::Link(pid, ProcessLink::Executable) => self.source().executable(pid),
            Place::Link(_, ProcessLink::Root) => self.source().root(),
            Place::Descriptor(pid, fd) => self.source().descriptor(pid, fd)?.location,
            _ => None,
        }
    }

    fn find(&self, name: &[u8], caller: &Caller) -> Option<Place> {
        let number = || parse_number(name);
        match self.place {
            Place::Fixed(fixed) => {
                let (Item::Directory(children) | Item::Processes(children)) = fixed.item else { return None };
                if let Some(child) = children.iter().find(|child| child.name.as_bytes() == name) {
                    // `/proc/self` is missing for whoever is no process.
                    return match child.item {
                        Item::Link(contents) if contents(caller).is_none() => None,
                        _ => Some(Place::Fixed(child)),
                    };
                }
                let Item::Processes(_) = fixed.item else { return None };
                number().filter(|pid| self.source().process(*pid).is_some()).map(Place::Process)
            }
            Place::Process(pid) => {
                self.source().process(pid)?;
                match name {
                    b"fd" => Some(Place::Descriptors(pid)),
                    b"task" => Some(Place::Tasks(pid)),
                    _ => ProcessLink::ALL
                        .iter()
                        .find(|(link, _)| link.as_bytes() == name)
                        .map(|(_, link)| Place::Link(pid, *link))
                        .or_else(|| {
                            let file = process::FILES.iter().find(|file| file.name.as_bytes() == name)?;
                            Some(Place::File(pid, file))
                        }),
                }
            }
            Place::Tasks(pid) => number().filter(|task| *task == pid).map(Place::Process),
            Place::Descriptors(pid) => {
                number().filter(|fd| self.source().descriptor(pid, *fd).is_some()).map(|fd| Place::Descriptor(pid, fd))
            }
            Place::File(..) | Place::Link(..) | Place::Descriptor(..) => None,
        }
    }

    fn places(&self, caller: &Caller) -> Result<Vec<(Vec<u8>, Place)>> {
        let numbered = |number: u32, place| (number.to_string().into_bytes(), place);
        Ok(match self.place {
            Place::Fixed(fixed) => {
                let (Item::Directory(children) | Item::Processes(children)) = fixed.item else {
                    return Err(Errno::NOTDIR);
                };
                let there = |child: &&Fixed| !matches!(child.item, Item::Link(contents) if contents(caller).is_none());
                let fixed_children = children.iter().filter(there);
                let mut places: Vec<_> =
                    fixed_children.map(|child| (child.name.as_bytes().to_vec(), Place::Fixed(child))).collect();
                if let Item::Processes(_) = fixed.item {
                    places.extend(self.source().pids().into_iter().map(|pid| numbered(pid, Place::Process(pid))));
                }
                places
            }
            Place::Process(pid) => {
                let links =
                    ProcessLink::ALL.iter().map(|(name, link)| (name.as_bytes().to_vec(), Place::Link(pid, *link)));
                let files = process::FILES.iter().map(|file| (file.name.as_bytes().to_vec(), Place::File(pid, file)));
                let directories = [(b"fd".to_vec(), Place::Descriptors(pid)), (b"task".to_vec(), Place::Tasks(pid))];
                directories.into_iter().chain(links).chain(files).collect()
            }
            Place::Tasks(pid) => vec![numbered(pid, Place::Process(pid))],
            Place::Descriptors(pid) => {
                let descriptors = self.source().descriptors(pid).ok_or(Errno::NOENT)?;
                descriptors.into_iter().map(|fd| numbered(fd, Place::Descriptor(pid, fd))).collect()
            }
            Place::File(..) | Place::Link(..) | Place::Descriptor(..) => return Err(Errno::NOTDIR),
        })
    }
}

/// A pid or descriptor as Linux takes it: decimal, without leading zeros.
fn parse_number(name: &[u8]) -> Option<u32> {
    let number: u32 = std::str::from_utf8(name).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == name).then_some(number)
}

impl Node for ProcNode {
    fn attributes(&self) -> Result<Attributes> {
        let owner = match self.pid() {
            Some(pid) => self.source().process(pid).ok_or(Errno::NOENT)?.credentials,
            None => crate::Credentials::root(),
        };
        let now = Timestamp::now();
        let kind = self.kind();
        Ok(Attributes {
            kind,
            mode: self.mode(),
            uid: owner.uid,
            gid: owner.gid,
            nlink: 1,
            ino: self.ino(),
            dev: self.shared.dev,
            rdev: 0,
            size: if matches!(self.place, Place::Descriptor(..)) { 64 } else { 0 },
            blocks: 0,
            atime: now,
            mtime: now,
            ctime: now,
        })
    }

    fn kind(&self) -> FileKind {
        match self.place {
            Place::Fixed(fixed) => match fixed.item {
                Item::Directory(_) | Item::Processes(_) => FileKind::Directory,
                Item::File(_) | Item::Writable(..) => FileKind::Regular,
                Item::Link(_) => FileKind::Symlink,
            },
            Place::Process(_) | Place::Tasks(_) | Place::Descriptors(_) => FileKind::Directory,
            Place::File(..) => FileKind::Regular,
            Place::Link(..) | Place::Descriptor(..) => FileKind::Symlink,
        }
    }

    fn number(&self) -> Result<(u64, u64)> {
        Ok((self.shared.dev, self.ino()))
    }

    fn open(&self, access: Access) -> Result<Arc<dyn Handle>> {
        let writable = matches!(self.place, Place::Fixed(Fixed { item: Item::Writable(..), .. }));
        if access.contains(Access::WRITE) && !writable {
            return Err(Errno::ACCESS);
        }
        let node = Self { shared: self.shared.clone(), place: self.place };
        let text = Mutex::new(node.text()?);
        Ok(Arc::new(Text { node, text }))
    }

    fn read_link(&self, caller: &Caller) -> Result<Vec<u8>> {
        match self.place {
            Place::Fixed(Fixed { item: Item::Link(contents), .. }) => contents(caller).ok_or(Errno::NOENT),
            Place::Link(pid, _) => {
                self.check_owner(pid, caller)?;
                self.target().map(|target| target.path()).ok_or(Errno::NOENT)
            }
            Place::Descriptor(pid, fd) => {
                self.check_owner(pid, caller)?;
                let entry = self.source().descriptor(pid, fd).ok_or(Errno::NOENT)?;
                Ok(entry.location.map_or(entry.text, |location| location.path()))
            }
            _ => Err(Errno::INVAL),
        }
    }

    fn lookup(&self, name: &Name, caller: &Caller) -> Result<Arc<dyn Node>> {
        let place = self.find(name.as_bytes(), caller).ok_or(Errno::NOENT)?;
        Ok(Self::at(&self.shared, place))
    }

    fn read_dir(&self, caller: &Caller) -> Result<Vec<DirEntry>> {
        let entry = |(name, place)| {
            let node = Self { shared: self.shared.clone(), place };
            DirEntry { name, kind: node.kind(), ino: node.ino() }
        };
        Ok(self.places(caller)?.into_iter().map(entry).collect())
    }

    fn figures(&self) -> Result<FsFigures> {
        Ok(FsFigures {
            kind: self.shared.kind,
            block_size: 4096,
            blocks: 0,
            free: 0,
            available: 0,
            inodes: 0,
            free_inodes: 0,
            name_max: 255,
            read_only: false,
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn descriptor(&self) -> Option<(u32, u32)> {
        match self.place {
            Place::Descriptor(pid, fd) => Some((pid, fd)),
            _ => None,
        }
    }

    fn jump(&self) -> Option<Location> {
        self.target()
    }

    fn target_attributes(&self) -> Result<Attributes> {
        let (pid, fd) = self.descriptor().ok_or(Errno::NOENT)?;
        self.source().descriptor(pid, fd).ok_or(Errno::NOENT)?.attributes
    }

    fn set_target_attributes(&self, change: &SetAttributes) -> Result<()> {
        let (pid, fd) = self.descriptor().ok_or(Errno::NOENT)?;
        self.source().set_descriptor_attributes(pid, fd, change)
    }
}

/// An open text. Reading from the beginning makes it anew, as `top` expects of a file it keeps open.
struct Text {
    node: ProcNode,
    text: Mutex<Vec<u8>>,
}

impl Handle for Text {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let mut text = self.text.lock();
        if offset == 0 {
            *text = self.node.text()?;
        }
        let rest = usize::try_from(offset).ok().and_then(|offset| text.get(offset..)).unwrap_or_default();
        let length = rest.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(from);
        }
        Ok(length)
    }

    fn write_at(&self, data: &[u8], _: u64) -> Result<usize> {
        match self.node.place {
            Place::Fixed(Fixed { item: Item::Writable(_, write), .. }) => write(self.node.source(), data)?,
            _ => return Err(Errno::ACCESS),
        }
        Ok(data.len())
    }

    fn append(&self, data: &[u8]) -> Result<(usize, u64)> {
        self.write_at(data, 0).map(|written| (written, 0))
    }

    fn set_len(&self, _: u64) -> Result<()> {
        Ok(())
    }

    fn sync(&self, _: bool) -> Result<()> {
        Err(Errno::INVAL)
    }

    fn attributes(&self) -> Result<Attributes> {
        self.node.attributes()
    }

    fn set_attributes(&self, _: &SetAttributes) -> Result<()> {
        Err(Errno::PERM)
    }
}
