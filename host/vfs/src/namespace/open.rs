//! open(): what can be asked for, and what comes of it.

use crate::{
    Access, Caller, Directory, Errno, File, FileKind, Location, Name, NewKind, Node, Permissions, Result, WatchMask,
};
use std::sync::Arc;

use super::dentry::Dentry;
use super::names::{check_create, new_node};
use super::{Last, Namespace, Walk};

/// What `open()` is asked for. Status flags that live with the description (`O_NONBLOCK`) are the kernel's.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenOptions {
    /// O_RDONLY or O_RDWR.
    pub read: bool,
    /// O_WRONLY or O_RDWR.
    pub write: bool,
    /// O_APPEND; only asks for permission to write, the kernel calls [`File::append`].
    pub append: bool,
    /// O_CREAT
    pub create: bool,
    /// O_EXCL
    pub exclusive: bool,
    /// O_TRUNC
    pub truncate: bool,
    /// O_DIRECTORY
    pub directory: bool,
    /// O_NOFOLLOW
    pub no_follow: bool,
    /// Mode of a new file, before the umask.
    pub mode: u32,
}

/// What a path that was opened turned out to be. Permission to open it has been checked in each case.
#[derive(Clone)]
pub enum Opened {
    /// A regular file.
    File(File),
    /// A directory.
    Directory(Directory),
    /// A named pipe: the kernel finds or makes the pipe of that number.
    Fifo {
        /// Device number.
        dev: u64,
        /// Inode number.
        ino: u64,
        /// Where it lies.
        location: Location,
    },
    /// A device node.
    Device {
        /// Character or block device.
        kind: FileKind,
        /// Its device number.
        rdev: u64,
        /// Where it lies.
        location: Location,
    },
    /// A magic link to a descriptor that leads out of the namespace (a pipe, a terminal, a socket).
    Descriptor {
        /// Process.
        pid: u32,
        /// Descriptor number.
        fd: u32,
    },
}

/// Opening and creating race with other processes removing and making the name; after so many turns somebody does
/// it on purpose.
const RACES_MAX: u32 = 64;

impl OpenOptions {
    fn writes(&self) -> bool {
        self.write || self.append || self.truncate
    }

    fn permissions(&self) -> Permissions {
        let mut wanted = Permissions::empty();
        wanted.set(Permissions::READ, self.read);
        wanted.set(Permissions::WRITE, self.writes());
        wanted
    }

    fn access(&self) -> Access {
        let mut access = Access::empty();
        access.set(Access::READ, self.read);
        access.set(Access::WRITE, self.write || self.append);
        access.set(Access::TRUNCATE, self.truncate);
        access
    }
}

impl Namespace {
    /// open(). Regular files and directories come back open; for the rest the caller is told what it is, permission
    /// to open it having been checked.
    pub fn open(&self, base: &Location, path: &[u8], options: &OpenOptions, caller: &Caller) -> Result<Opened> {
        if options.directory && options.create {
            return Err(Errno::INVAL);
        }
        let table = self.table();
        let mut walk = Walk::new(&table, base, path, caller)?;
        let mut races = 0;
        loop {
            let name = match walk.parent()? {
                Last::Name(name) => name,
                _ if options.create && options.exclusive => return Err(Errno::EXIST),
                Last::DotDot => return self.open_existing(table.above(&walk.here)?, options, caller),
                Last::Root | Last::Dot => return self.open_existing(walk.here, options, caller),
            };
            // Another turn after a lost race looks at the same name again.
            let child = loop {
                match walk.child(&name) {
                    Err(Errno::NOENT) if options.create => {
                        if walk.slash {
                            return Err(Errno::ISDIR);
                        }
                        match self.open_new(&walk.here, walk.name(&name), options, caller) {
                            Err(Errno::EXIST) if !options.exclusive && races < RACES_MAX => races += 1,
                            done => return done,
                        }
                    }
                    child => break child?,
                }
            };
            if options.create && options.exclusive {
                return Err(Errno::EXIST);
            }
            if child.kind() == FileKind::Symlink {
                if options.no_follow && !walk.slash {
                    return Err(if options.directory { Errno::NOTDIR } else { Errno::LOOP });
                }
                if let Some(magic) = walk.follow(&child)? {
                    return self.open_magic(&magic, walk.slash || options.directory, options, caller);
                }
                continue;
            }
            if walk.slash && options.create {
                return Err(Errno::ISDIR);
            }
            if walk.slash && !child.kind().is_directory() {
                return Err(Errno::NOTDIR);
            }
            return self.open_existing(child, options, caller);
        }
    }

    /// Opens what is at `at` anew, as opening a magic link to it does.
    pub fn reopen(&self, at: &Location, options: &OpenOptions, caller: &Caller) -> Result<Opened> {
        self.open_existing(at.clone(), options, caller)
    }

    fn open_magic(
        &self,
        link: &Arc<dyn Node>,
        directory: bool,
        options: &OpenOptions,
        caller: &Caller,
    ) -> Result<Opened> {
        if directory {
            return Err(Errno::NOTDIR);
        }
        let (pid, fd) = link.descriptor().ok_or(Errno::NXIO)?;
        // Runtimes hand a container's standard streams to its user; here a descriptor may always be opened again for
        // what it is open for already, whoever made the pipe. The link's mode says what that is.
        let open_for = Permissions::from_bits_truncate(link.attributes()?.mode >> 6) - Permissions::EXECUTE;
        if !open_for.contains(options.permissions()) {
            caller.credentials.check(&link.target_attributes()?, options.permissions())?;
        }
        Ok(Opened::Descriptor { pid, fd })
    }

    fn open_new(&self, directory: &Location, name: &[u8], options: &OpenOptions, caller: &Caller) -> Result<Opened> {
        let parent = check_create(directory, caller)?;
        let new = new_node(NewKind::Regular, options.mode, &parent, caller);
        let name = Name::new(name)?;
        let node = directory.node().create(name, &new)?;
        self.tell_name(directory, name.as_bytes(), WatchMask::CREATE, FileKind::Regular, 0);
        let handle = node.open(options.access() - Access::TRUNCATE)?;
        let at = directory.at(Dentry::child(&directory.dentry, name.as_bytes(), node));
        Ok(Opened::File(File::new(handle, self.keep(at), options, true, self.watches().clone(), caller)))
    }

    fn open_existing(&self, at: Location, options: &OpenOptions, caller: &Caller) -> Result<Opened> {
        let kind = at.kind();
        if kind.is_directory() && (options.writes() || options.create) {
            return Err(Errno::ISDIR);
        }
        if options.directory && !kind.is_directory() {
            return Err(Errno::NOTDIR);
        }
        if caller.credentials.is_root() {
            // User 0 may read and write everything.
        } else {
            caller.credentials.check(&at.attributes()?, options.permissions())?;
        }
        match kind {
            FileKind::Regular => {
                if options.writes() {
                    at.mount.writable()?;
                }
                let at = self.keep(at);
                let handle = at.node().open(options.access())?;
                let file = File::new(handle, at, options, false, self.watches().clone(), caller);
                if options.truncate {
                    file.truncated();
                }
                Ok(Opened::File(file))
            }
            FileKind::Directory => Ok(Opened::Directory(Directory::new(self.keep(at), self.watches().clone()))),
            FileKind::Fifo => {
                let (dev, ino) = at.node().number()?;
                Ok(Opened::Fifo { dev, ino, location: self.keep(at) })
            }
            FileKind::CharDevice | FileKind::BlockDevice => {
                if at.mount.no_devices {
                    return Err(Errno::ACCESS);
                }
                let rdev = at.attributes()?.rdev;
                Ok(Opened::Device { kind, rdev, location: self.keep(at) })
            }
            FileKind::Socket => Err(Errno::NXIO),
            FileKind::Symlink => Err(Errno::LOOP),
        }
    }
}
