//! `/dev`: a small file system in memory with the usual devices, as container runtimes lay it out.
//!
//! The nodes only say which device they are; reading and writing devices is the kernel's. `/dev/pts`, `/dev/shm` and
//! `/dev/mqueue` are mounts of their own below it, as users see with `mount` and `df`.

mod pts;

use crate::tmpfs::{Charge, Tmpfs, TmpfsOptions};
use crate::{Filesystem, MountKind, MountOptions, Name, NewKind, NewNode, Node, Result, device_number};
use std::sync::Arc;

pub use pts::PtsFs;

/// Terminals that exist: the names in `/dev/pts`.
pub type Terminals = Arc<dyn Fn() -> Vec<u32> + Send + Sync>;

/// Size of `/dev` itself in bytes, as container runtimes give it.
const SIZE: u64 = 64 << 20;

/// Character devices: name, major and minor number (Linux's devices.txt). All are open to everybody.
const DEVICES: [(&[u8], u32, u32); 7] = [
    (b"null", 1, 3),
    (b"zero", 1, 5),
    (b"full", 1, 7),
    (b"random", 1, 8),
    (b"urandom", 1, 9),
    (b"tty", 5, 0),
    (b"console", 5, 1),
];

/// Symbolic links: name and contents.
const LINKS: [(&[u8], &[u8]); 6] = [
    (b"fd", b"/proc/self/fd"),
    (b"stdin", b"/proc/self/fd/0"),
    (b"stdout", b"/proc/self/fd/1"),
    (b"stderr", b"/proc/self/fd/2"),
    (b"ptmx", b"pts/ptmx"),
    (b"core", b"/proc/kcore"),
];

/// Directories for further mounts, and their modes.
const DIRECTORIES: [(&[u8], u32); 3] = [(b"pts", 0o755), (b"shm", 0o1777), (b"mqueue", 0o1777)];

/// The device directory of a container.
pub struct DevFs {
    devices: Arc<Tmpfs>,
    pts: Arc<PtsFs>,
    mqueue: Arc<Tmpfs>,
    shm: Arc<Tmpfs>,
    shm_size: u64,
}

impl DevFs {
    /// `terminals` tells the numbers in `/dev/pts`; `shm_size` bounds `/dev/shm` in bytes (Docker: 64 MiB).
    pub fn new(terminals: Terminals, shm_size: u64) -> Result<Arc<Self>> {
        Self::with_charge(terminals, shm_size, None)
    }

    /// As [`DevFs::new`], with the memory of what is stored there announced to `charge`.
    pub fn with_charge(terminals: Terminals, shm_size: u64, charge: Option<Charge>) -> Result<Arc<Self>> {
        let memory = |size, mode| {
            let charge = charge.clone();
            Tmpfs::with_options(TmpfsOptions { size: Some(size), mode, charge, ..TmpfsOptions::default() })
        };
        let devices = memory(SIZE, 0o755)?;
        let root = devices.root();
        let make =
            |name: &[u8], kind, mode| root.create(Name::new(name)?, &NewNode { kind, mode, uid: 0, gid: 0 }).map(drop);
        for (name, major, minor) in DEVICES {
            let mode = if name == b"console" { 0o620 } else { 0o666 };
            make(name, NewKind::CharDevice(device_number(major, minor)), mode)?;
        }
        for (name, contents) in LINKS {
            make(name, NewKind::Symlink(contents.to_vec()), 0o777)?;
        }
        for (name, mode) in DIRECTORIES {
            make(name, NewKind::Directory, mode)?;
        }
        let (mqueue, shm) = (memory(SIZE, 0o1777)?, memory(shm_size, 0o1777)?);
        Ok(Arc::new(Self { devices, pts: PtsFs::new(terminals), mqueue, shm, shm_size }))
    }
}

impl Filesystem for DevFs {
    fn root(&self) -> Arc<dyn Node> {
        self.devices.root()
    }

    fn beneath(&self) -> Vec<(&'static str, Arc<dyn Filesystem>, MountOptions)> {
        let options = |source: &str, options: &str| MountOptions {
            kind: MountKind::Dev,
            source: source.into(),
            read_only: false,
            options: options.into(),
        };
        let shm = format!("nosuid,nodev,noexec,size={}k", self.shm_size / 1024);
        vec![
            ("pts", self.pts.clone(), options("devpts", "nosuid,noexec,gid=5,mode=620,ptmxmode=666")),
            ("mqueue", self.mqueue.clone(), options("mqueue", "nosuid,nodev,noexec")),
            ("shm", self.shm.clone(), options("shm", &shm)),
        ]
    }
}

#[cfg(test)]
mod tests;
