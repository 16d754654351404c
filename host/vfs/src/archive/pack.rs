//! A subtree of a namespace as a tar stream: `docker cp` out of a container and `docker export`.

use super::{ArchiveError, Header, TarWriter};
use crate::layer::HandleReader;
use crate::{Attributes, Caller, Errno, FileKind, Location, Namespace, OpenOptions, Opened, Timestamp};
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

/// How to pack.
#[derive(Clone, Debug, Default)]
pub struct PackOptions {
    /// What the archive calls the top (`docker cp`: the base name of the path asked for); empty: its contents only,
    /// named from the root (`docker export`).
    pub name: Vec<u8>,
    /// Stay on the file system of the top: mounts below it are empty directories and files (`docker export`).
    pub one_file_system: bool,
}

/// Packs what is at `from`, not following it if it is a symbolic link. Names are sorted, sockets left out, files with
/// several names written once. What vanishes meanwhile is left out.
pub fn pack(
    namespace: &Namespace,
    from: &Location,
    archive: impl Write,
    options: &PackOptions,
) -> Result<(), ArchiveError> {
    let mut packing = Packing {
        namespace,
        caller: Caller::root(),
        writer: TarWriter::new(archive),
        written: HashMap::new(),
        device: None,
    };
    let top = from.attributes().map_err(|errno| ArchiveError::file(&options.name, errno))?;
    if options.one_file_system {
        packing.device = Some(top.dev);
    }
    if !options.name.is_empty() {
        packing.entry(from, &top, &options.name)?;
    }
    if top.kind == FileKind::Directory {
        packing.directory(from, options.name.clone())?;
    }
    packing.writer.finish()?.flush()?;
    Ok(())
}

struct Packing<'a, W> {
    namespace: &'a Namespace,
    caller: Caller,
    writer: TarWriter<W>,
    /// First names of files with several.
    written: HashMap<(u64, u64), Vec<u8>>,
    /// Stay on this device.
    device: Option<u64>,
}

impl<W: Write> Packing<'_, W> {
    /// What is in a directory, to any depth.
    fn directory(&mut self, top: &Location, path: Vec<u8>) -> Result<(), ArchiveError> {
        let mut stack = vec![self.names(top, path)?];
        while let Some(frame) = stack.last_mut() {
            let Some(name) = frame.names.pop() else {
                stack.pop();
                continue;
            };
            let mut path = frame.path.clone();
            if !path.is_empty() && !path.ends_with(b"/") {
                path.push(b'/');
            }
            path.extend_from_slice(&name);
            let found = self.namespace.locate(&frame.at, &name, false, &self.caller);
            let (at, attributes) = match found.and_then(|at| at.attributes().map(|attributes| (at, attributes))) {
                Ok(found) => found,
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(ArchiveError::file(&path, errno)),
            };
            if self.device.is_some_and(|device| device != attributes.dev) {
                self.mount_point(&attributes, &path)?;
                continue;
            }
            self.entry(&at, &attributes, &path)?;
            if attributes.kind == FileKind::Directory {
                stack.push(self.names(&at, path)?);
            }
        }
        Ok(())
    }

    fn names(&self, at: &Location, path: Vec<u8>) -> Result<Frame, ArchiveError> {
        let entries = self.namespace.read_dir(at, b".", &self.caller);
        let mut names: Vec<Vec<u8>> =
            entries.map_err(|errno| ArchiveError::file(&path, errno))?.into_iter().map(|entry| entry.name).collect();
        names.sort_unstable_by(|one, other| other.cmp(one));
        Ok(Frame { at: at.clone(), path, names })
    }

    /// What the image has where something is mounted: a place to mount it on.
    fn mount_point(&mut self, attributes: &Attributes, path: &[u8]) -> Result<(), ArchiveError> {
        let (kind, mode) = match attributes.kind {
            FileKind::Directory => (FileKind::Directory, 0o755),
            _ => (FileKind::Regular, 0o755),
        };
        let mtime = Timestamp { nanoseconds: 0, ..attributes.mtime };
        self.writer.append(&Header { mtime, ..Header::plain(path, kind, mode) }, &mut io::empty())
    }

    fn entry(&mut self, at: &Location, attributes: &Attributes, path: &[u8]) -> Result<(), ArchiveError> {
        let failed = |errno| ArchiveError::file(path, errno);
        if attributes.kind == FileKind::Socket {
            return Ok(());
        }
        let mut link = Vec::new();
        let mut hard_link = false;
        if attributes.kind != FileKind::Directory && attributes.nlink > 1 {
            let number = (attributes.dev, attributes.ino);
            if let Some(first) = self.written.get(&number) {
                link.clone_from(first);
                hard_link = true;
            } else {
                self.written.insert(number, path.to_vec());
            }
        }
        let node = at.node();
        if attributes.kind == FileKind::Symlink && !hard_link {
            link = node.read_link(&self.caller).map_err(failed)?;
        }
        let mut xattrs = Vec::new();
        if !hard_link {
            for name in node.list_xattrs().map_err(failed)? {
                match node.get_xattr(&name) {
                    Ok(value) => xattrs.push((name, value)),
                    Err(Errno::NODATA | Errno::PERM | Errno::ACCESS) => {}
                    Err(errno) => return Err(failed(errno)),
                }
            }
        }
        let header = Header {
            path,
            kind: attributes.kind,
            link: &link,
            hard_link,
            mode: attributes.mode,
            uid: attributes.uid,
            gid: attributes.gid,
            size: attributes.size,
            mtime: Timestamp { nanoseconds: 0, ..attributes.mtime },
            rdev: attributes.rdev,
            xattrs: &xattrs,
        };
        if attributes.kind != FileKind::Regular || hard_link {
            return self.writer.append(&header, &mut io::empty());
        }
        let options = OpenOptions { read: true, no_follow: true, ..OpenOptions::default() };
        match self.namespace.reopen(at, &options, &self.caller).map_err(failed)? {
            Opened::File(file) => self.writer.append(&header, &mut HandleReader::new(Arc::clone(file.handle()))),
            _ => Err(failed(Errno::NXIO)),
        }
    }
}

/// A directory that is being packed, with the names still to come, last first.
struct Frame {
    at: Location,
    path: Vec<u8>,
    names: Vec<Vec<u8>>,
}
