//! A tar stream into a namespace: `docker cp` into a container, copy-up of an image's files into a volume.
//!
//! Every step is an operation of the namespace below the directory asked for, so mounts, read-only rules and the
//! container's own root hold: a link in the archive or in the container leads at most to another place of the container.

use super::{ArchiveError, Entry, EntryKind, Limits, TarReader, text};
use crate::layer::components;
use crate::{
    Attributes, Caller, Errno, FileKind, Location, Namespace, NewTime, OpenOptions, Opened, Result as FsResult,
    XattrFlags,
};
use std::io::Read;

/// How to extract.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExtractOptions {
    /// A directory never replaces something else, nor the other way round.
    pub no_overwrite_dir_non_dir: bool,
    /// Everything becomes this user's and group's (`copyUIDGID`: the container's user); none: as the archive says.
    pub owner: Option<(u32, u32)>,
    /// What the archive may hold.
    pub limits: Limits,
}

/// Extracts an uncompressed archive below the directory `into`. Memory does not grow with the archive, except for the
/// names of its directories, whose times are set last.
pub fn extract(
    namespace: &Namespace,
    into: &Location,
    archive: impl Read,
    options: &ExtractOptions,
) -> Result<(), ArchiveError> {
    let mut caller = Caller::root();
    caller.umask = 0;
    let mut extraction = Extraction { namespace, into, options, caller, directories: Vec::new() };
    let mut reader = TarReader::new(archive, options.limits);
    while let Some(entry) = reader.next()? {
        extraction.entry(&entry, &mut reader)?;
    }
    reader.drain()?;
    extraction.finish()
}

struct Extraction<'a> {
    namespace: &'a Namespace,
    into: &'a Location,
    options: &'a ExtractOptions,
    caller: Caller,
    directories: Vec<(Vec<u8>, NewTime)>,
}

impl Extraction<'_> {
    fn entry<R: Read>(&mut self, entry: &Entry, reader: &mut TarReader<R>) -> Result<(), ArchiveError> {
        let components = components(&entry.path)?;
        let path = components.join(&b'/');
        let is_directory = entry.kind == EntryKind::File(FileKind::Directory);
        if path.is_empty() {
            // The directory itself keeps what it is.
            return Ok(());
        }
        let failed = |errno| ArchiveError::file(&path, errno);
        self.make_parents(&components)?;
        let present = match self.namespace.stat(self.into, &path, false, &self.caller) {
            Ok(present) => Some(present),
            Err(Errno::NOENT) => None,
            Err(errno) => return Err(failed(errno)),
        };
        if let Some(present) = present {
            self.make_room(&path, &present, is_directory)?;
        }
        let kind = match entry.kind {
            EntryKind::File(kind) => kind,
            EntryKind::HardLink => return self.hard_link(entry, &path),
        };
        match kind {
            FileKind::Regular => return self.regular(entry, &path, reader),
            FileKind::Directory => {
                match self.namespace.mkdir(self.into, &path, 0o700, &self.caller) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(failed(errno)),
                }
                self.directories.push((path.clone(), NewTime::At(entry.mtime)));
            }
            FileKind::Symlink => self.namespace.symlink(&entry.link, self.into, &path, &self.caller).map_err(failed)?,
            kind => self.namespace.mknod(self.into, &path, kind, 0o600, entry.rdev, &self.caller).map_err(failed)?,
        }
        self.attributes(entry, &path, kind).map_err(failed)
    }

    /// Parents that the archive has no entry for.
    fn make_parents(&self, components: &[&[u8]]) -> Result<(), ArchiveError> {
        let Some((_, parents)) = components.split_last() else { return Ok(()) };
        let whole = parents.join(&b'/');
        if whole.is_empty() || self.namespace.stat(self.into, &whole, true, &self.caller).is_ok() {
            return Ok(());
        }
        let mut path = Vec::new();
        for parent in parents {
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(parent);
            match self.namespace.mkdir(self.into, &path, 0o755, &self.caller) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(ArchiveError::file(&path, errno)),
            }
        }
        Ok(())
    }

    /// Clears what is in the way: a directory only stays under a directory.
    fn make_room(&self, path: &[u8], present: &Attributes, is_directory: bool) -> Result<(), ArchiveError> {
        let was_directory = present.kind == FileKind::Directory;
        if self.options.no_overwrite_dir_non_dir && was_directory != is_directory {
            let (what, with) =
                if was_directory { ("directory", "non-directory") } else { ("non-directory", "directory") };
            return Err(ArchiveError::KindClash { what, path: text(path), with });
        }
        match (was_directory, is_directory) {
            (true, true) => Ok(()),
            (true, false) => self.remove_tree(path),
            (false, _) => self.namespace.unlink(self.into, path, &self.caller),
        }
        .map_err(|errno| ArchiveError::file(path, errno))
    }

    fn remove_tree(&self, path: &[u8]) -> FsResult<()> {
        let mut stack = vec![path.to_vec()];
        while let Some(directory) = stack.last().cloned() {
            let mut deeper = false;
            for entry in self.namespace.read_dir(self.into, &directory, &self.caller)? {
                let child = [&directory[..], b"/", &entry.name].concat();
                if entry.kind == FileKind::Directory {
                    stack.push(child);
                    deeper = true;
                } else {
                    self.namespace.unlink(self.into, &child, &self.caller)?;
                }
            }
            if !deeper {
                self.namespace.rmdir(self.into, &directory, &self.caller)?;
                stack.pop();
            }
        }
        Ok(())
    }

    fn hard_link(&self, entry: &Entry, path: &[u8]) -> Result<(), ArchiveError> {
        let target = components(&entry.link)?.join(&b'/');
        self.namespace.link(self.into, &target, self.into, path, false, &self.caller).map_err(|errno| match errno {
            Errno::NOENT => ArchiveError::DanglingLink { link: text(path), target: text(&target) },
            errno => ArchiveError::file(path, errno),
        })
    }

    fn regular<R: Read>(&self, entry: &Entry, path: &[u8], reader: &mut TarReader<R>) -> Result<(), ArchiveError> {
        let failed = |errno| ArchiveError::file(path, errno);
        let options = OpenOptions {
            write: true,
            create: true,
            exclusive: true,
            no_follow: true,
            mode: 0o600,
            ..OpenOptions::default()
        };
        let opened = self.namespace.open(self.into, path, &options, &self.caller).map_err(failed)?;
        let Opened::File(file) = opened else { return Err(failed(Errno::NXIO)) };
        let mut buffer = vec![0; usize::try_from(entry.stored.clamp(1, 256 << 10)).unwrap_or(4096)];
        let mut write = |offset: u64, mut left: u64| -> Result<(), ArchiveError> {
            let mut at = offset;
            while left > 0 {
                let want = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                let count = reader.read(buffer.get_mut(..want).unwrap_or_default()).map_err(truncated)?;
                if count == 0 {
                    return Err(ArchiveError::Truncated);
                }
                let mut data = buffer.get(..count).unwrap_or_default();
                while !data.is_empty() {
                    let written = file.write_at(data, at).map_err(failed)?;
                    at += written as u64;
                    data = data.get(written..).unwrap_or_default();
                }
                left -= count as u64;
            }
            Ok(())
        };
        match &entry.extents {
            None => write(0, entry.stored)?,
            Some(extents) => {
                for extent in extents {
                    write(extent.offset, extent.length)?;
                }
                file.set_len(entry.size).map_err(failed)?;
            }
        }
        drop(file);
        self.attributes(entry, path, FileKind::Regular).map_err(failed)
    }

    /// Owner before mode, which giving a file away would clip; times last.
    fn attributes(&self, entry: &Entry, path: &[u8], kind: FileKind) -> FsResult<()> {
        let (namespace, into, caller) = (self.namespace, self.into, &self.caller);
        let (uid, gid) = self.options.owner.unwrap_or((entry.uid, entry.gid));
        let now = namespace.stat(into, path, false, caller)?;
        if (now.uid, now.gid) != (uid, gid) {
            match namespace.set_owner(into, path, Some(uid), Some(gid), false, caller) {
                // A bind of a daemon without privilege.
                Err(Errno::PERM) => tracing::debug!(path = %text(path), uid, gid, "the host keeps the owner"),
                other => other?,
            }
        }
        if kind != FileKind::Symlink {
            namespace.set_mode(into, path, entry.mode, false, caller)?;
        }
        for (name, value) in &entry.xattrs {
            match namespace.set_xattr(into, path, name, value, XattrFlags::empty(), false, caller) {
                // Docker lets go of attributes the file system cannot hold.
                Err(Errno::NOTSUP | Errno::PERM) => {
                    tracing::debug!(path = %text(path), name = %text(name), "an attribute is not kept");
                }
                other => other?,
            }
        }
        if kind != FileKind::Directory {
            let accessed = entry.atime.map_or(NewTime::At(entry.mtime), NewTime::At);
            namespace.set_times(into, path, accessed, NewTime::At(entry.mtime), false, caller)?;
        }
        Ok(())
    }

    /// The times of directories, which putting things into them had moved.
    fn finish(self) -> Result<(), ArchiveError> {
        for (path, time) in self.directories.iter().rev() {
            match self.namespace.set_times(self.into, path, NewTime::Keep, *time, false, &self.caller) {
                // A later entry put something else there.
                Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(errno) => return Err(ArchiveError::file(path, errno)),
            }
        }
        Ok(())
    }
}

fn truncated(error: std::io::Error) -> ArchiveError {
    if error.kind() == std::io::ErrorKind::UnexpectedEof { ArchiveError::Truncated } else { error.into() }
}
