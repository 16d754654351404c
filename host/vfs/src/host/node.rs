//! The nodes of binds and volumes.

use super::access::Pin;
use super::handle::HostHandle;
use super::meta::{Meta, OURS, shown_name, stored_name};
use super::{MetaStore, Shared};
use crate::{
    Access, Attributes, Caller, DirEntry, Errno, FileKind, FsFigures, Handle, Name, NewKind, NewNode, Node,
    RenameFlags, Result, SetAttributes, Timestamp, XattrFlags,
};
use rustix::fs::{FileType, OFlags, Stat};
use std::any::Any;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Longest symbolic link.
const LINK_MAX: usize = 4096;

pub(super) struct HostNode {
    shared: Arc<Shared>,
    pin: Arc<Pin>,
    kind: FileKind,
    number: (u64, u64),
}

impl HostNode {
    pub(super) fn new(shared: Arc<Shared>, pin: Pin) -> Result<Self> {
        let stat = pin.stat()?;
        let number = (stat.st_dev, stat.st_ino);
        let meta = match &shared.volume {
            Some(store) => store.get(&pin, number)?,
            None => None,
        };
        let kind = meta.map_or_else(|| host_kind(&stat), |meta| Ok(meta.kind))?;
        Ok(Self { shared, pin: Arc::new(pin), kind, number })
    }

    fn again(&self) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::clone(&self.shared),
            pin: Arc::clone(&self.pin),
            kind: self.kind,
            number: self.number,
        })
    }

    fn child(&self, pin: Pin) -> Result<Arc<Self>> {
        Ok(Arc::new(Self::new(Arc::clone(&self.shared), pin)?))
    }

    /// A node of this very bind or volume.
    fn own<'a>(&self, node: &'a Arc<dyn Node>) -> Result<&'a Self> {
        node.as_any().downcast_ref::<Self>().filter(|node| Arc::ptr_eq(&node.shared, &self.shared)).ok_or(Errno::XDEV)
    }

    /// What a volume says of the file, or would say.
    fn meta(&self, store: &MetaStore, stat: &Stat) -> Result<Meta> {
        let kept = store.get(&self.pin, self.number)?;
        Ok(kept.unwrap_or_else(|| self.default_meta(stat)))
    }

    /// Files the host put into a volume: what is the daemon's on the host is user 0's in containers.
    fn default_meta(&self, stat: &Stat) -> Meta {
        let shared = &self.shared;
        Meta {
            kind: self.kind,
            mode: stat.st_mode & 0o7777,
            uid: if stat.st_uid == shared.uid { 0 } else { stat.st_uid },
            gid: if stat.st_gid == shared.gid { 0 } else { stat.st_gid },
            rdev: stat.st_rdev,
        }
    }

    fn create_in_bind(&self, name: &Name, new: &NewNode) -> Result<Pin> {
        match &new.kind {
            NewKind::Regular => drop(self.pin.create_file(name, new.mode)?),
            NewKind::Directory => self.pin.create_directory(name, new.mode)?,
            NewKind::Symlink(contents) => self.pin.create_symlink(name, contents)?,
            kind => self.pin.create_node(name, kind.kind(), new.mode)?,
        }
        let pin = self.pin.child(name)?;
        if !matches!(new.kind, NewKind::Symlink(_)) {
            // The daemon's own umask does not count.
            pin.set_mode(new.mode)?;
        }
        if self.shared.uid == 0 {
            pin.set_owner(Some(new.uid), Some(new.gid))?;
        }
        Ok(pin)
    }

    fn create_in_volume(&self, store: &MetaStore, name: &Name, new: &NewNode) -> Result<Pin> {
        let (mode, rdev) = match &new.kind {
            NewKind::Directory => {
                self.pin.create_directory(name, 0o700)?;
                (new.mode, 0)
            }
            // What a host's tools can read as it is; owners other than 0 need a file that can have attributes.
            NewKind::Symlink(contents) if new.uid == 0 && new.gid == 0 => {
                self.pin.create_symlink(name, contents)?;
                return self.pin.child(name);
            }
            NewKind::Symlink(contents) => {
                let mut file = self.pin.create_file(name, 0o600)?;
                file.write_all(contents).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
                (0o777, 0)
            }
            NewKind::CharDevice(rdev) | NewKind::BlockDevice(rdev) => {
                self.pin.create_file(name, 0o600)?;
                (new.mode, *rdev)
            }
            NewKind::Regular | NewKind::Fifo | NewKind::Socket => {
                self.pin.create_file(name, 0o600)?;
                (new.mode, 0)
            }
        };
        let pin = self.pin.child(name)?;
        let stat = pin.stat()?;
        let meta = Meta { kind: new.kind.kind(), mode: mode & 0o7777, uid: new.uid, gid: new.gid, rdev };
        if let Err(error) = store.set(&pin, (stat.st_dev, stat.st_ino), meta) {
            self.pin.remove(name, meta.kind.is_directory()).ok();
            return Err(error);
        }
        Ok(pin)
    }

    fn forget(&self, name: &Name) -> Option<(u64, u64)> {
        self.shared.volume.as_ref()?;
        let stat = self.pin.stat_child(name).ok()?;
        (stat.st_nlink <= 1 || host_kind(&stat) == Ok(FileKind::Directory)).then_some((stat.st_dev, stat.st_ino))
    }

    fn remove(&self, name: &Name, directory: bool) -> Result<()> {
        let gone = self.forget(name);
        self.pin.remove(name, directory)?;
        if let (Some(store), Some(number)) = (&self.shared.volume, gone) {
            store.forget(number);
        }
        Ok(())
    }
}

impl Node for HostNode {
    fn attributes(&self) -> Result<Attributes> {
        let stat = self.pin.stat()?;
        let mut attributes = Attributes {
            kind: self.kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            nlink: stat.st_nlink,
            ino: stat.st_ino,
            dev: stat.st_dev,
            rdev: stat.st_rdev,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            blocks: u64::try_from(stat.st_blocks).unwrap_or(0),
            atime: time(stat.st_atime, stat.st_atime_nsec),
            mtime: time(stat.st_mtime, stat.st_mtime_nsec),
            ctime: time(stat.st_ctime, stat.st_ctime_nsec),
        };
        if let Some(store) = &self.shared.volume {
            let meta = self.meta(store, &stat)?;
            (attributes.mode, attributes.uid, attributes.gid, attributes.rdev) =
                (meta.mode, meta.uid, meta.gid, meta.rdev);
        }
        Ok(attributes)
    }

    fn kind(&self) -> FileKind {
        self.kind
    }

    fn number(&self) -> Result<(u64, u64)> {
        Ok(self.number)
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        if let Some(size) = change.size {
            if self.kind != FileKind::Regular {
                return Err(if self.kind.is_directory() { Errno::ISDIR } else { Errno::INVAL });
            }
            rustix::fs::ftruncate(self.pin.open(OFlags::WRONLY)?, size)?;
        }
        if change.mode.is_some() || change.uid.is_some() || change.gid.is_some() {
            match &self.shared.volume {
                Some(store) => {
                    let mut meta = self.meta(store, &self.pin.stat()?)?;
                    meta.mode = change.mode.map_or(meta.mode, |mode| mode & 0o7777);
                    meta.uid = change.uid.unwrap_or(meta.uid);
                    meta.gid = change.gid.unwrap_or(meta.gid);
                    store.set(&self.pin, self.number, meta)?;
                }
                None => {
                    // Owner first: giving a file away takes its set-id bits.
                    if change.uid.is_some() || change.gid.is_some() {
                        self.pin.set_owner(change.uid, change.gid)?;
                    }
                    if let Some(mode) = change.mode.filter(|_| self.kind != FileKind::Symlink) {
                        self.pin.set_mode(mode)?;
                    }
                }
            }
        }
        let (atime, mtime) = (change.atime.resolve(), change.mtime.resolve());
        if atime.is_some() || mtime.is_some() {
            self.pin.set_times(atime, mtime)?;
        }
        Ok(())
    }

    fn open(&self, access: Access) -> Result<Arc<dyn Handle>> {
        match self.kind {
            FileKind::Regular => {}
            FileKind::Directory => return Err(Errno::ISDIR),
            FileKind::Symlink => return Err(Errno::LOOP),
            _ => return Err(Errno::NXIO),
        }
        let mut flags = match (access.contains(Access::READ), access.contains(Access::WRITE)) {
            (true, true) => OFlags::RDWR,
            (false, true) => OFlags::WRONLY,
            _ => OFlags::RDONLY,
        };
        if access.contains(Access::TRUNCATE) {
            flags |= OFlags::TRUNC;
        }
        Ok(Arc::new(HostHandle { file: self.pin.open(flags)?, node: self.again() }))
    }

    fn read_link(&self, _: &Caller) -> Result<Vec<u8>> {
        if self.kind != FileKind::Symlink {
            return Err(Errno::INVAL);
        }
        if host_kind(&self.pin.stat()?)? == FileKind::Symlink {
            return self.pin.read_link();
        }
        let file = self.pin.open(OFlags::RDONLY)?;
        let mut contents = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(file, LINK_MAX as u64), &mut contents)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        Ok(contents)
    }

    fn lookup(&self, name: &Name, _: &Caller) -> Result<Arc<dyn Node>> {
        if !self.kind.is_directory() {
            return Err(Errno::NOTDIR);
        }
        let child: Arc<dyn Node> = self.child(self.pin.child(name)?)?;
        Ok(child)
    }

    fn read_dir(&self, _: &Caller) -> Result<Vec<DirEntry>> {
        if !self.kind.is_directory() {
            return Err(Errno::NOTDIR);
        }
        let mut entries = Vec::new();
        for entry in self.pin.list()? {
            let entry = entry?;
            let Ok(name) = Name::new(entry.file_name().to_bytes()) else { continue };
            let mut kind = match entry.file_type() {
                FileType::Unknown => match self.pin.stat_child(name) {
                    Ok(stat) => host_kind(&stat)?,
                    Err(Errno::NOENT) => continue,
                    Err(error) => return Err(error),
                },
                known => kind_of(known)?,
            };
            if let (FileKind::Regular, Some(store)) = (kind, &self.shared.volume) {
                match store.get_child(&self.pin, name, (self.number.0, entry.ino())) {
                    Ok(meta) => kind = meta.map_or(kind, |meta| meta.kind),
                    Err(Errno::NOENT) => continue,
                    Err(error) => return Err(error),
                }
            }
            entries.push(DirEntry { name: name.as_bytes().to_vec(), kind, ino: entry.ino() });
        }
        Ok(entries)
    }

    fn create(&self, name: &Name, new: &NewNode) -> Result<Arc<dyn Node>> {
        if !self.kind.is_directory() {
            return Err(Errno::NOTDIR);
        }
        if let NewKind::Symlink(contents) = &new.kind {
            match contents.len() {
                0 => return Err(Errno::NOENT),
                LINK_MAX.. => return Err(Errno::NAMETOOLONG),
                _ => {}
            }
        }
        let pin = match &self.shared.volume {
            Some(store) => self.create_in_volume(store, name, new)?,
            None => self.create_in_bind(name, new)?,
        };
        let child: Arc<dyn Node> = self.child(pin)?;
        Ok(child)
    }

    fn link(&self, name: &Name, target: &Arc<dyn Node>) -> Result<()> {
        self.pin.link(name, &self.own(target)?.pin)
    }

    fn unlink(&self, name: &Name) -> Result<()> {
        self.remove(name, false)
    }

    fn rmdir(&self, name: &Name) -> Result<()> {
        self.remove(name, true)
    }

    fn rename(&self, name: &Name, to: &Arc<dyn Node>, to_name: &Name, flags: RenameFlags) -> Result<()> {
        let mut host = rustix::fs::RenameFlags::empty();
        host.set(rustix::fs::RenameFlags::NOREPLACE, flags.contains(RenameFlags::NO_REPLACE));
        host.set(rustix::fs::RenameFlags::EXCHANGE, flags.contains(RenameFlags::EXCHANGE));
        let to = self.own(to)?;
        let gone = if host.is_empty() { to.forget(to_name) } else { None };
        let moved = self.pin.stat_child(name)?;
        self.pin.rename(name, &to.pin, to_name, host)?;
        if let (Some(store), Some(number)) = (&self.shared.volume, gone)
            && number != (moved.st_dev, moved.st_ino)
        {
            store.forget(number);
        }
        Ok(())
    }

    fn get_xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        match &self.shared.volume {
            Some(_) => self.pin.get_xattr(&stored_name(name).map_err(|_| Errno::NODATA)?),
            None if name.starts_with(OURS) => Err(Errno::NODATA),
            None => self.pin.get_xattr(name),
        }
    }

    fn set_xattr(&self, name: &[u8], value: &[u8], flags: XattrFlags) -> Result<()> {
        let mut host = rustix::fs::XattrFlags::empty();
        host.set(rustix::fs::XattrFlags::CREATE, flags.contains(XattrFlags::CREATE));
        host.set(rustix::fs::XattrFlags::REPLACE, flags.contains(XattrFlags::REPLACE));
        match &self.shared.volume {
            Some(_) => self.pin.set_xattr(&stored_name(name)?, value, host),
            None if name.starts_with(OURS) => Err(Errno::PERM),
            None => self.pin.set_xattr(name, value, host),
        }
    }

    fn remove_xattr(&self, name: &[u8]) -> Result<()> {
        match &self.shared.volume {
            Some(_) => self.pin.remove_xattr(&stored_name(name)?),
            None if name.starts_with(OURS) => Err(Errno::NODATA),
            None => self.pin.remove_xattr(name),
        }
    }

    fn list_xattrs(&self) -> Result<Vec<Vec<u8>>> {
        let names = match self.pin.list_xattrs() {
            Err(Errno::NOTSUP) => Vec::new(),
            other => other?,
        };
        Ok(match &self.shared.volume {
            Some(_) => names.iter().filter_map(|name| shown_name(name)).collect(),
            None => names.into_iter().filter(|name| !name.starts_with(OURS)).collect(),
        })
    }

    fn figures(&self) -> Result<FsFigures> {
        let host = rustix::fs::fstatvfs(&*self.pin)?;
        let magic = rustix::fs::fstatfs(&*self.pin)?.f_type;
        Ok(FsFigures {
            kind: file_system(magic.cast_unsigned()),
            block_size: host.f_frsize,
            blocks: host.f_blocks,
            free: host.f_bfree,
            available: host.f_bavail,
            inodes: host.f_files,
            free_inodes: host.f_ffree,
            name_max: host.f_namemax,
            read_only: host.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn host_watch(&self) -> Option<OwnedFd> {
        if self.shared.volume.is_some() { None } else { self.pin.duplicate() }
    }
}

fn time(seconds: i64, nanoseconds: u64) -> Timestamp {
    Timestamp { seconds, nanoseconds: u32::try_from(nanoseconds).unwrap_or(0) }
}

fn host_kind(stat: &Stat) -> Result<FileKind> {
    FileKind::from_mode_bits(stat.st_mode).ok_or(Errno::IO)
}

fn kind_of(kind: FileType) -> Result<FileKind> {
    Ok(match kind {
        FileType::RegularFile => FileKind::Regular,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        FileType::Fifo => FileKind::Fifo,
        FileType::Socket => FileKind::Socket,
        FileType::CharacterDevice => FileKind::CharDevice,
        FileType::BlockDevice => FileKind::BlockDevice,
        FileType::Unknown => return Err(Errno::IO),
    })
}

/// The host's file system by its magic number (statfs(2)).
fn file_system(magic: u64) -> &'static str {
    match magic {
        0xef53 => "ext4",
        0x5846_5342 => "xfs",
        0x9123_683e => "btrfs",
        0x0102_1994 => "tmpfs",
        0x794c_7630 => "overlay",
        0x2fc1_2fc1 => "zfs",
        0x6969 => "nfs",
        0x0102_1997 => "9p",
        0x6573_5546 => "fuse",
        0xf2f5_2010 => "f2fs",
        _ => "host",
    }
}
