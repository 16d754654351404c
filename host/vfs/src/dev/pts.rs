//! `/dev/pts`: one device node for each terminal that exists, and `ptmx`.

use crate::{
    Attributes, Caller, DirEntry, Errno, FileKind, Filesystem, FsFigures, Name, Node, Result, SetAttributes, Timestamp,
    device_number, new_device,
};
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::any::Any;
use std::sync::Arc;

use super::Terminals;

/// Major number of terminals.
const MAJOR: u32 = 136;
/// The group that may write to terminals.
const TTY_GROUP: u32 = 5;

/// Terminals as files.
pub struct PtsFs {
    shared: Arc<Shared>,
}

struct Shared {
    dev: u64,
    terminals: Terminals,
    /// What was changed about each terminal's node; forgotten with the terminal.
    changed: Mutex<HashMap<u32, Meta>>,
}

#[derive(Clone, Copy)]
struct Meta {
    mode: u32,
    uid: u32,
    gid: u32,
    atime: Timestamp,
    mtime: Timestamp,
    ctime: Timestamp,
}

impl Meta {
    fn new(mode: u32, gid: u32) -> Self {
        let now = Timestamp::now();
        Self { mode, uid: 0, gid, atime: now, mtime: now, ctime: now }
    }
}

impl PtsFs {
    /// `terminals` tells which numbers exist.
    pub fn new(terminals: Terminals) -> Arc<Self> {
        Arc::new(Self { shared: Arc::new(Shared { dev: new_device(), terminals, changed: Mutex::default() }) })
    }
}

impl Filesystem for PtsFs {
    fn root(&self) -> Arc<dyn Node> {
        Arc::new(PtsNode { shared: self.shared.clone(), place: Place::Root })
    }
}

#[derive(Clone, Copy)]
enum Place {
    Root,
    Multiplexer,
    Terminal(u32),
}

impl Place {
    const fn ino(self) -> u64 {
        match self {
            Self::Root => 1,
            Self::Multiplexer => 2,
            Self::Terminal(number) => 3 + number as u64,
        }
    }
}

struct PtsNode {
    shared: Arc<Shared>,
    place: Place,
}

impl PtsNode {
    fn meta(&self) -> Result<Meta> {
        match self.place {
            Place::Root => Ok(Meta::new(0o755, 0)),
            Place::Multiplexer => Ok(Meta::new(0o666, 0)),
            Place::Terminal(number) => {
                let exist = (self.shared.terminals)();
                let mut changed = self.shared.changed.lock();
                changed.retain(|number, _| exist.contains(number));
                if !exist.contains(&number) {
                    return Err(Errno::NOENT);
                }
                Ok(changed.get(&number).copied().unwrap_or_else(|| Meta::new(0o620, TTY_GROUP)))
            }
        }
    }
}

impl Node for PtsNode {
    fn attributes(&self) -> Result<Attributes> {
        let meta = self.meta()?;
        let rdev = match self.place {
            Place::Root => 0,
            Place::Multiplexer => device_number(5, 2),
            Place::Terminal(number) => device_number(MAJOR, number),
        };
        Ok(Attributes {
            kind: self.kind(),
            mode: meta.mode,
            uid: meta.uid,
            gid: meta.gid,
            nlink: if matches!(self.place, Place::Root) { 2 } else { 1 },
            ino: self.place.ino(),
            dev: self.shared.dev,
            rdev,
            size: 0,
            blocks: 0,
            atime: meta.atime,
            mtime: meta.mtime,
            ctime: meta.ctime,
        })
    }

    fn kind(&self) -> FileKind {
        if matches!(self.place, Place::Root) { FileKind::Directory } else { FileKind::CharDevice }
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        let Place::Terminal(number) = self.place else { return Err(Errno::PERM) };
        let mut meta = self.meta()?;
        meta.mode = change.mode.map_or(meta.mode, |mode| mode & 0o7777);
        meta.uid = change.uid.unwrap_or(meta.uid);
        meta.gid = change.gid.unwrap_or(meta.gid);
        meta.atime = change.atime.resolve().unwrap_or(meta.atime);
        meta.mtime = change.mtime.resolve().unwrap_or(meta.mtime);
        meta.ctime = Timestamp::now();
        self.shared.changed.lock().insert(number, meta);
        Ok(())
    }

    fn lookup(&self, name: &Name, _: &Caller) -> Result<Arc<dyn Node>> {
        if !matches!(self.place, Place::Root) {
            return Err(Errno::NOTDIR);
        }
        let place = if name.as_bytes() == b"ptmx" {
            Place::Multiplexer
        } else {
            let exist = (self.shared.terminals)();
            let number = exist.into_iter().find(|number| number.to_string().as_bytes() == name.as_bytes());
            Place::Terminal(number.ok_or(Errno::NOENT)?)
        };
        Ok(Arc::new(Self { shared: self.shared.clone(), place }))
    }

    fn read_dir(&self, _: &Caller) -> Result<Vec<DirEntry>> {
        if !matches!(self.place, Place::Root) {
            return Err(Errno::NOTDIR);
        }
        let entry = |name: String, place: Place| DirEntry {
            name: name.into_bytes(),
            kind: FileKind::CharDevice,
            ino: place.ino(),
        };
        let terminals = (self.shared.terminals)().into_iter();
        let terminals = terminals.map(|number| entry(number.to_string(), Place::Terminal(number)));
        Ok(std::iter::once(entry("ptmx".into(), Place::Multiplexer)).chain(terminals).collect())
    }

    fn figures(&self) -> Result<FsFigures> {
        Ok(FsFigures {
            kind: "devpts",
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
}
