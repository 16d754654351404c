//! An overlay's upper as a layer tar: what `docker commit` and `docker build` store.

use super::unpack::WHITEOUT;
use crate::archive::{ArchiveError, Header, TarWriter};
use crate::overlay::{ChangeKind, Overlay};
use crate::{Access, Caller, FileKind, Handle, Node, Timestamp};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// Packs what changed in an overlay: sorted by path, parents before what is in them, deletions as OCI whiteouts,
/// numeric owners, times in seconds. The same changes give the same bytes.
pub fn pack_changes(overlay: &Overlay, tar: impl Write) -> Result<(), ArchiveError> {
    let changes = overlay.changed().map_err(|errno| ArchiveError::file(b"/", errno))?;
    let mut writer = TarWriter::new(tar);
    let mut written: HashMap<u64, Vec<u8>> = HashMap::new();
    for (change, node) in changes {
        let path = change.path.strip_prefix(b"/").unwrap_or(&change.path);
        let split = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let (parent, name) = path.split_at_checked(split).unwrap_or((b"", path));
        match node {
            Some(node) if change.kind != ChangeKind::Deleted => {
                if name.starts_with(WHITEOUT) {
                    tracing::warn!(path = %String::from_utf8_lossy(path), "a layer cannot hold a name that is a whiteout's");
                    continue;
                }
                append(&mut writer, path, node.as_ref(), &mut written)?;
            }
            _ => {
                let whiteout = [parent, WHITEOUT, name].concat();
                let header = Header::plain(&whiteout, FileKind::Regular, 0o600);
                writer.append(&header, &mut io::empty())?;
            }
        }
    }
    writer.finish()?.flush()?;
    Ok(())
}

fn append<W: Write>(
    writer: &mut TarWriter<W>,
    path: &[u8],
    node: &dyn Node,
    written: &mut HashMap<u64, Vec<u8>>,
) -> Result<(), ArchiveError> {
    let failed = |errno| ArchiveError::file(path, errno);
    let attributes = node.attributes().map_err(failed)?;
    if attributes.kind == FileKind::Socket {
        return Ok(());
    }
    let mut link = Vec::new();
    let mut hard_link = false;
    if attributes.kind != FileKind::Directory && attributes.nlink > 1 {
        match written.get(&attributes.ino) {
            Some(first) => {
                link.clone_from(first);
                hard_link = true;
            }
            None => {
                written.insert(attributes.ino, path.to_vec());
            }
        }
    }
    if attributes.kind == FileKind::Symlink && !hard_link {
        link = node.read_link(&Caller::root()).map_err(failed)?;
    }
    let mut xattrs = Vec::new();
    if !hard_link {
        for name in node.list_xattrs().map_err(failed)? {
            let value = node.get_xattr(&name).map_err(failed)?;
            xattrs.push((name, value));
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
    if attributes.kind == FileKind::Regular && !hard_link {
        let handle = node.open(Access::READ).map_err(failed)?;
        writer.append(&header, &mut HandleReader::new(handle))
    } else {
        writer.append(&header, &mut io::empty())
    }
}

/// Reads an open file from its start.
pub(crate) struct HandleReader {
    handle: Arc<dyn Handle>,
    offset: u64,
}

impl HandleReader {
    pub(crate) fn new(handle: Arc<dyn Handle>) -> Self {
        Self { handle, offset: 0 }
    }
}

impl Read for HandleReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.handle.read_at(buf, self.offset).map_err(io::Error::from)?;
        self.offset += count as u64;
        Ok(count)
    }
}
