//! `docker cp` and `docker export`: files in and out as tar streams.

use std::io::{Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use coracle_vfs::archive::{self, ExtractOptions, PackOptions};
use coracle_vfs::{Attributes, Caller, Errno, FileKind, Location, Namespace};
use serde::Serialize;
use tokio::sync::mpsc;

use super::Container;
use crate::Engine;
use crate::error::{Error, Result};
use crate::time::Time;

/// Pieces a download may be ahead of its reader.
const AHEAD: usize = 16;
const PIECE: usize = 64 * 1024;

/// The header `X-Docker-Container-Path-Stat`, as JSON in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PathStat {
    /// Base name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Go's `os.FileMode`.
    pub mode: u32,
    /// Time of the last change.
    pub mtime: String,
    /// Absolute target of a symbolic link.
    pub link_target: String,
}

/// A tar stream on its way out.
pub type ArchiveDownload = mpsc::Receiver<Result<Bytes>>;

/// The query of an upload.
#[derive(Debug, Clone, Copy, Default)]
pub struct UploadOptions {
    /// A directory never replaces something else, nor the other way round.
    pub no_overwrite_dir_non_dir: bool,
    /// Owners as the archive says.
    pub copy_owner: bool,
}

impl Engine {
    /// The namespace to copy in and out of: that of the run, or one made for the purpose.
    fn files_of(&self, container: &Container) -> Result<Namespace> {
        match container.running() {
            Some(run) => Ok(run.namespace.clone()),
            None => self.namespace(container, &container.spec(), None),
        }
    }

    /// What is at a path; symbolic links are told, not followed, but for their parents.
    ///
    /// # Errors
    /// 404.
    pub fn container_path_stat(&self, name: &str, path: &str) -> Result<PathStat> {
        let container = self.containers.find(name)?;
        let namespace = self.files_of(&container)?;
        Ok(find(&namespace, name, path)?.1)
    }

    /// Packs what is at a path.
    ///
    /// # Errors
    /// 404.
    pub fn container_archive_get(self: &Arc<Self>, name: &str, path: &str) -> Result<(PathStat, ArchiveDownload)> {
        let container = self.containers.find(name)?;
        let namespace = self.files_of(&container)?;
        let (at, stat) = find(&namespace, name, path)?;
        // `/.`: what the directory holds, under its own name all the same.
        let options = PackOptions { name: entry_name(path, &stat), one_file_system: false };
        self.container_event(&container, "archive-path", &[("path", path)]);
        let download = self.stream_out(move |out| archive::pack(&namespace, &at, out, &options).map_err(Error::system));
        Ok((stat, download))
    }

    /// Packs a whole container.
    ///
    /// # Errors
    /// 404.
    pub fn container_export(self: &Arc<Self>, name: &str) -> Result<ArchiveDownload> {
        let container = self.containers.find(name)?;
        let namespace = self.files_of(&container)?;
        self.container_event(&container, "export", &[]);
        let options = PackOptions { name: Vec::new(), one_file_system: true };
        Ok(self.stream_out(move |out| {
            let root = namespace.root();
            archive::pack(&namespace, &root, out, &options).map_err(Error::system)
        }))
    }

    /// Unpacks a tar stream (plain or compressed) into a directory. Blocks: call it where that is allowed.
    ///
    /// # Errors
    /// 404 without such a directory, 403 when it is read-only, 400 for what is no directory.
    pub fn container_archive_put(
        &self,
        name: &str,
        path: &str,
        tar: impl Read + Send,
        options: UploadOptions,
    ) -> Result<()> {
        let container = self.containers.find(name)?;
        let namespace = self.files_of(&container)?;
        let caller = Caller::root();
        let directory = namespace
            .locate(&namespace.root(), absolute(path).as_bytes(), true, &caller)
            .map_err(|errno| not_found(errno, path, name))?;
        if directory.kind() != FileKind::Directory {
            return Err(Error::Invalid("extraction point is not a directory".into()));
        }
        // The archive's own owners count, unless they are to become the container's user.
        let owner = match container.spec().config.user.as_str() {
            user if options.copy_owner && !user.is_empty() => {
                let found = super::user::lookup(&namespace, user, &[])?.credentials;
                Some((found.uid, found.gid))
            }
            _ => None,
        };
        let tar = crate::decompress::decompress(tar)?;
        let extract = ExtractOptions {
            no_overwrite_dir_non_dir: options.no_overwrite_dir_non_dir,
            owner,
            ..ExtractOptions::default()
        };
        archive::extract(&namespace, &directory, tar, &extract).map_err(|error| match error.errno() {
            Errno::ROFS => Error::Forbidden("container rootfs is marked read-only".into()),
            Errno::EXIST => Error::Invalid(error.to_string()),
            _ => Error::System(error.to_string()),
        })?;
        self.container_event(&container, "extract-to-dir", &[("path", path)]);
        Ok(())
    }

    /// Runs a writer of a stream where blocking is allowed; its reader sets the pace.
    pub(crate) fn stream_out(
        self: &Arc<Self>,
        write: impl FnOnce(&mut dyn Write) -> Result<()> + Send + 'static,
    ) -> ArchiveDownload {
        let (sender, receiver) = mpsc::channel(AHEAD);
        self.spawn_blocking(move || {
            let mut out = ChannelWriter { sender, buffer: Vec::with_capacity(PIECE) };
            let written = write(&mut out).and_then(|()| out.flush().map_err(Error::from));
            if let Err(error) = written {
                let _ = out.sender.blocking_send(Err(error));
            }
        });
        receiver
    }
}

/// Writes pieces into a channel.
struct ChannelWriter {
    sender: mpsc::Sender<Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Write for ChannelWriter {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.buffer.extend_from_slice(data);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE)));
        self.sender.blocking_send(Ok(piece)).map_err(|_| std::io::ErrorKind::BrokenPipe.into())
    }
}

fn absolute(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

fn not_found(errno: Errno, path: &str, name: &str) -> Error {
    match errno {
        Errno::NOENT | Errno::NOTDIR => Error::NotFound(format!("Could not find the file {path} in container {name}")),
        other => Error::from(other),
    }
}

/// The path itself: a link at its end is not followed unless a slash says so.
fn find(namespace: &Namespace, name: &str, path: &str) -> Result<(Location, PathStat)> {
    let caller = Caller::root();
    let full = absolute(path);
    let follow = path.ends_with('/') || path.ends_with("/.");
    let at = namespace
        .locate(&namespace.root(), full.as_bytes(), follow, &caller)
        .map_err(|errno| not_found(errno, path, name))?;
    let attributes = at.attributes()?;
    let clean = crate::mounts::clean(&full);
    let base = clean.rsplit('/').next().filter(|base| !base.is_empty()).unwrap_or("/").to_owned();
    let link_target = if attributes.kind == FileKind::Symlink {
        let target = namespace.read_link(&namespace.root(), full.as_bytes(), &caller)?;
        let target = String::from_utf8_lossy(&target).into_owned();
        if target.starts_with('/') {
            crate::mounts::clean(&target)
        } else {
            let parent = clean.rsplit_once('/').map_or("", |(parent, _)| parent);
            crate::mounts::clean(&format!("{parent}/{target}"))
        }
    } else {
        String::new()
    };
    let stat = PathStat {
        name: base,
        size: attributes.size,
        mode: go_mode(&attributes),
        mtime: Time(attributes.mtime.seconds.saturating_mul(1_000_000_000) + i64::from(attributes.mtime.nanoseconds))
            .to_string(),
        link_target,
    };
    Ok((at, stat))
}

/// The name of the top entry of a download, as `docker cp` expects it.
fn entry_name(path: &str, stat: &PathStat) -> Vec<u8> {
    if path.ends_with("/.") || stat.name == "/" { b".".to_vec() } else { stat.name.clone().into_bytes() }
}

/// Permission bits plus Go's own bits for the kinds.
fn go_mode(attributes: &Attributes) -> u32 {
    let kind = match attributes.kind {
        FileKind::Regular => 0,
        FileKind::Directory => 1 << 31,
        FileKind::Symlink => 1 << 27,
        FileKind::BlockDevice => 1 << 26,
        FileKind::CharDevice => 1 << 26 | 1 << 21,
        FileKind::Fifo => 1 << 25,
        FileKind::Socket => 1 << 24,
    };
    let special = |bit: u32, go: u32| if attributes.mode & bit != 0 { 1 << go } else { 0 };
    kind | attributes.mode & 0o777 | special(0o4000, 23) | special(0o2000, 22) | special(0o1000, 20)
}
