//! Writes tar streams as Docker does: ustar headers, PAX records only where ustar has no room, numeric owners, times
//! cut to seconds. The same files give the same bytes.

use super::ArchiveError;
use crate::{FileKind, Timestamp};
use std::io::{Read, Write};

/// One entry to write.
#[derive(Clone, Debug)]
pub struct Header<'a> {
    /// Its name; directories get their trailing slash here.
    pub path: &'a [u8],
    /// Its kind; a hard link says the kind of its target.
    pub kind: FileKind,
    /// What a symbolic link says, or the earlier entry a hard link is.
    pub link: &'a [u8],
    /// Whether it is a hard link to `link`.
    pub hard_link: bool,
    /// Mode bits (07777).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes of data that follow (regular files).
    pub size: u64,
    /// Last change of the contents.
    pub mtime: Timestamp,
    /// Device number.
    pub rdev: u64,
    /// Extended attributes.
    pub xattrs: &'a [(Vec<u8>, Vec<u8>)],
}

impl<'a> Header<'a> {
    /// An empty file or directory of user 0 from the start of 1970.
    pub fn plain(path: &'a [u8], kind: FileKind, mode: u32) -> Self {
        Self {
            path,
            kind,
            link: b"",
            hard_link: false,
            mode,
            uid: 0,
            gid: 0,
            size: 0,
            mtime: Timestamp::default(),
            rdev: 0,
            xattrs: &[],
        }
    }
}

/// The writer.
pub struct TarWriter<W> {
    inner: W,
}

const BLOCK: usize = 512;

impl<W: Write> TarWriter<W> {
    /// Starts an archive.
    pub fn new(inner: W) -> Self {
        Self { inner }
    }

    /// Writes an entry with the data of `contents`, which must yield `header.size` bytes: what is missing is made up
    /// by zero bytes, what is more is left (a file that changes while it is read).
    pub fn append(&mut self, header: &Header<'_>, contents: &mut dyn Read) -> Result<(), ArchiveError> {
        self.header(header)?;
        if header.kind != FileKind::Regular || header.hard_link {
            return Ok(());
        }
        let mut buffer = vec![0; usize::try_from(header.size.min(256 << 10)).unwrap_or(BLOCK)];
        let mut left = header.size;
        let mut ended = false;
        while left > 0 {
            let want = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let part = buffer.get_mut(..want).unwrap_or_default();
            let count = if ended {
                part.fill(0);
                want
            } else {
                match contents.read(part) {
                    Ok(0) => {
                        ended = true;
                        continue;
                    }
                    Ok(count) => count,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error.into()),
                }
            };
            self.inner.write_all(part.get(..count).unwrap_or_default())?;
            left -= count as u64;
        }
        self.pad(header.size)
    }

    /// Writes the two zero blocks that end an archive, and gives the stream back.
    pub fn finish(mut self) -> Result<W, ArchiveError> {
        self.inner.write_all(&[0; BLOCK * 2])?;
        Ok(self.inner)
    }

    fn pad(&mut self, written: u64) -> Result<(), ArchiveError> {
        let over = usize::try_from(written % BLOCK as u64).unwrap_or(0);
        if over > 0 {
            self.inner.write_all([0; BLOCK].get(over..).unwrap_or_default())?;
        }
        Ok(())
    }

    fn header(&mut self, entry: &Header<'_>) -> Result<(), ArchiveError> {
        let mut path = entry.path.to_vec();
        let is_directory = entry.kind.is_directory() && !entry.hard_link;
        if is_directory && !path.ends_with(b"/") {
            path.push(b'/');
        }
        let has_data = entry.kind == FileKind::Regular && !entry.hard_link;
        let size = if has_data { entry.size } else { 0 };
        let mut records = Vec::new();
        let mut header = tar::Header::new_ustar();
        if !set_path(&mut header, &path) {
            record(&mut records, b"path", &path);
        }
        let is_link = entry.hard_link || entry.kind == FileKind::Symlink;
        if is_link && !set_link(&mut header, entry.link) {
            record(&mut records, b"linkpath", entry.link);
        }
        const OCTAL_7: u64 = 0o7_777_777;
        const OCTAL_11: u64 = 0o77_777_777_777;
        for (id, key, set) in [
            (entry.uid, &b"uid"[..], tar::Header::set_uid as fn(&mut tar::Header, u64)),
            (entry.gid, b"gid", tar::Header::set_gid),
        ] {
            if u64::from(id) > OCTAL_7 {
                record(&mut records, key, id.to_string().as_bytes());
                set(&mut header, 0);
            } else {
                set(&mut header, u64::from(id));
            }
        }
        if size > OCTAL_11 {
            record(&mut records, b"size", size.to_string().as_bytes());
            header.set_size(0);
        } else {
            header.set_size(size);
        }
        match u64::try_from(entry.mtime.seconds) {
            Ok(seconds) if seconds <= OCTAL_11 => header.set_mtime(seconds),
            _ => {
                record(&mut records, b"mtime", entry.mtime.seconds.to_string().as_bytes());
                header.set_mtime(0);
            }
        }
        for (name, value) in entry.xattrs {
            record(&mut records, &[b"SCHILY.xattr.", &name[..]].concat(), value);
        }
        header.set_mode(entry.mode & 0o7777);
        header.set_entry_type(entry_type(entry));
        let (major, minor) = match entry.kind {
            FileKind::CharDevice | FileKind::BlockDevice => {
                (rustix::fs::major(entry.rdev), rustix::fs::minor(entry.rdev))
            }
            _ => (0, 0),
        };
        header.set_device_major(major)?;
        header.set_device_minor(minor)?;
        header.set_cksum();
        if !records.is_empty() {
            self.extension(&path, &records)?;
        }
        self.inner.write_all(header.as_bytes())?;
        Ok(())
    }

    fn extension(&mut self, path: &[u8], records: &[u8]) -> Result<(), ArchiveError> {
        let mut header = tar::Header::new_ustar();
        let plain = path.strip_suffix(b"/").unwrap_or(path);
        let (directory, base) = match plain.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => plain.split_at_checked(slash + 1).unwrap_or((b"", plain)),
            None => (&b""[..], plain),
        };
        let name = [directory, b"PaxHeaders.0/", base].concat();
        if !set_path(&mut header, &name) {
            let field = &mut header.as_old_mut().name;
            for (to, from) in field.iter_mut().zip(name.iter()) {
                *to = if from.is_ascii() { *from } else { b'_' };
            }
        }
        header.set_entry_type(tar::EntryType::XHeader);
        header.set_size(records.len() as u64);
        header.set_mode(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        self.inner.write_all(header.as_bytes())?;
        self.inner.write_all(records)?;
        self.pad(records.len() as u64)
    }
}

fn entry_type(entry: &Header<'_>) -> tar::EntryType {
    if entry.hard_link {
        return tar::EntryType::Link;
    }
    match entry.kind {
        // A socket cannot be in an archive; writers leave it out before they come here.
        FileKind::Regular | FileKind::Socket => tar::EntryType::Regular,
        FileKind::Directory => tar::EntryType::Directory,
        FileKind::Symlink => tar::EntryType::Symlink,
        FileKind::Fifo => tar::EntryType::Fifo,
        FileKind::CharDevice => tar::EntryType::Char,
        FileKind::BlockDevice => tar::EntryType::Block,
    }
}

/// Puts a path into the 100 bytes of the name field, or splits it at a slash over name and prefix (155 bytes). Names
/// that are no ASCII go into a record, as Go does.
fn set_path(header: &mut tar::Header, path: &[u8]) -> bool {
    if !path.is_ascii() || path.contains(&0) {
        return false;
    }
    let Some(ustar) = header.as_ustar_mut() else { return false };
    if path.len() <= ustar.name.len() {
        copy(&mut ustar.name, path);
        return true;
    }
    let trimmed = path.strip_suffix(b"/").unwrap_or(path);
    let window = trimmed.get(..trimmed.len().min(ustar.prefix.len() + 1)).unwrap_or_default();
    let Some(slash) = window.iter().rposition(|byte| *byte == b'/').filter(|slash| *slash > 0) else { return false };
    let (Some(prefix), Some(name)) = (path.get(..slash), path.get(slash + 1..)) else { return false };
    if name.is_empty() || name.len() > ustar.name.len() {
        return false;
    }
    copy(&mut ustar.prefix, prefix);
    copy(&mut ustar.name, name);
    true
}

fn set_link(header: &mut tar::Header, link: &[u8]) -> bool {
    let Some(ustar) = header.as_ustar_mut() else { return false };
    if !link.is_ascii() || link.len() > ustar.linkname.len() {
        return false;
    }
    copy(&mut ustar.linkname, link);
    true
}

fn copy(field: &mut [u8], value: &[u8]) {
    for (to, from) in field.iter_mut().zip(value) {
        *to = *from;
    }
}

/// `LENGTH KEY=VALUE\n`, where the length counts its own digits.
fn record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + rest.to_string().len();
    length = rest + length.to_string().len();
    records.extend_from_slice(length.to_string().as_bytes());
    records.push(b' ');
    records.extend_from_slice(key);
    records.push(b'=');
    records.extend_from_slice(value);
    records.push(b'\n');
}
