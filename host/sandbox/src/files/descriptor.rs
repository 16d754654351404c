//! `wasi:filesystem` descriptors over the container's mount namespace.
//!
//! A descriptor is an open regular file, a directory to resolve paths from, or
//! any other open file (a device, a fifo). Paths resolve inside the container's
//! root with the process's credentials; what WASI adds to that are its own rights
//! (`read`, `write`, `mutate-directory`) and that a path is never absolute.

use std::sync::Arc;

use super::preopened::Preopened;
use coracle_kernel::{Descriptor as ProcessDescriptor, OpenFlags, Process};
use coracle_vfs::{
    Attributes, Caller, DirEntry, Directory, Errno, File, Location, Namespace, NewTime, OpenOptions, Opened,
};

/// What a `wasi:filesystem` descriptor stands for.
#[derive(Clone)]
pub enum Descriptor {
    /// A regular file.
    File(File),
    /// A directory, and whether names in it may be changed.
    Directory { location: Location, mutable: bool },
    /// The root directory as a program finds it open, which also stands for the
    /// working directory; see [`super::preopened`].
    Preopened(Preopened),
    /// Anything else that can be opened: devices, fifos, `/proc/self/fd/1`.
    Other(Arc<ProcessDescriptor>),
}

/// A directory's entries that were not told yet, last first.
pub struct DirectoryEntries(Vec<DirEntry>);

impl DirectoryEntries {
    pub(crate) fn new(mut entries: Vec<DirEntry>) -> Self {
        entries.reverse();
        Self(entries)
    }

    pub(crate) fn next(&mut self) -> Option<DirEntry> {
        self.0.pop()
    }
}

/// A path taken apart from the descriptor it starts at.
pub(crate) struct At<'a> {
    pub(crate) base: Location,
    pub(crate) path: &'a [u8],
}

impl Descriptor {
    /// `path` below this directory; WASI has no absolute paths.
    pub(crate) fn at<'a>(&self, process: &Process, path: &'a str) -> Result<At<'a>, Errno> {
        let base = match self {
            Self::Directory { location, .. } => location.clone(),
            Self::Preopened(preopened) => preopened.base(process, path),
            Self::File(_) | Self::Other(_) => return Err(Errno::NOTDIR),
        };
        if path.is_empty() {
            return Err(Errno::NOENT);
        }
        if path.starts_with('/') {
            return Err(Errno::PERM);
        }
        Ok(At { base, path: path.as_bytes() })
    }

    /// As [`Self::at`], for a change of names.
    pub(crate) fn change_at<'a>(&self, process: &Process, path: &'a str) -> Result<At<'a>, Errno> {
        if let Self::Directory { mutable: false, .. } = self {
            return Err(Errno::ROFS);
        }
        self.at(process, path)
    }

    /// The regular file, for operations only those have.
    pub(crate) fn file(&self) -> Result<&File, Errno> {
        match self {
            Self::File(file) => Ok(file),
            Self::Directory { .. } | Self::Preopened(_) => Err(Errno::ISDIR),
            Self::Other(_) => Err(Errno::SPIPE),
        }
    }

    /// fstat()
    pub(crate) fn attributes(&self) -> Result<Attributes, Errno> {
        match self {
            Self::File(file) => file.attributes(),
            Self::Directory { location, .. } => location.attributes(),
            Self::Preopened(preopened) => preopened.root().attributes(),
            Self::Other(file) => file.attributes(),
        }
    }

    /// futimens()
    pub(crate) fn set_times(
        &self,
        namespace: &Namespace,
        accessed: NewTime,
        modified: NewTime,
        caller: &Caller,
    ) -> Result<(), Errno> {
        match self {
            Self::File(file) => file.set_times(accessed, modified, caller),
            Self::Directory { location, .. } => namespace.set_times(location, b".", accessed, modified, true, caller),
            Self::Preopened(preopened) => namespace.set_times(preopened.root(), b".", accessed, modified, true, caller),
            Self::Other(_) => Err(Errno::INVAL),
        }
    }

    /// The directory's names, without `.` and `..`.
    pub(crate) fn entries(&self, namespace: &Namespace, caller: &Caller) -> Result<Vec<DirEntry>, Errno> {
        match self {
            Self::Directory { location, .. } => namespace.read_dir(location, b".", caller),
            Self::Preopened(preopened) => namespace.read_dir(preopened.root(), b".", caller),
            Self::File(_) | Self::Other(_) => Err(Errno::NOTDIR),
        }
    }

    /// fsync() and fdatasync(); may take as long as the disk does.
    pub(crate) async fn sync(&self, data_only: bool) -> Result<(), Errno> {
        let Self::File(file) = self else {
            return Ok(());
        };
        let file = file.clone();
        tokio::task::spawn_blocking(move || file.sync(data_only)).await.map_err(|_| Errno::IO)?
    }

    /// Whether both are the same file.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self.attributes(), other.attributes()) {
            (Ok(a), Ok(b)) => (a.dev, a.ino) == (b.dev, b.ino),
            _ => false,
        }
    }
}

/// openat(): `mutable` is for a directory that is opened.
pub(crate) async fn open(
    process: &Arc<Process>,
    at: At<'_>,
    options: &OpenOptions,
    mutable: bool,
) -> Result<Descriptor, Errno> {
    let namespace = process.container().namespace();
    match namespace.open(&at.base, at.path, options, &process.caller())? {
        Opened::File(file) => Ok(Descriptor::File(file)),
        Opened::Directory(directory) => Ok(from_directory(&directory, mutable)),
        Opened::Fifo { location, .. } | Opened::Device { location, .. } => {
            other(process, namespace.path_of(&location), options).await
        }
        Opened::Descriptor { .. } => {
            let mut path = namespace.path_of(&at.base);
            path.push(b'/');
            path.extend_from_slice(at.path);
            other(process, path, options).await
        }
    }
}

fn from_directory(directory: &Directory, mutable: bool) -> Descriptor {
    Descriptor::Directory { location: directory.location().clone(), mutable }
}

/// Opens what is neither file nor directory through the kernel, which knows how.
async fn other(process: &Arc<Process>, path: Vec<u8>, options: &OpenOptions) -> Result<Descriptor, Errno> {
    let options = OpenOptions { create: false, exclusive: false, truncate: false, ..*options };
    let flags = OpenFlags { no_controlling_terminal: true, non_blocking: false };
    let file = process.open(&path, options, flags).await?;
    Ok(Descriptor::Other(Arc::new(file)))
}
