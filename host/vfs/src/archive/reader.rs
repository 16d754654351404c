//! Reads a tar stream entry by entry and tells where in the stream each entry's bytes are.
//!
//! A layer keeps its tar as it came and reads files out of it in place, so the reader must answer with positions,
//! which stream-only readers hide. It understands ustar, GNU (long names, base-256 numbers, old sparse maps) and PAX
//! (POSIX.1-2001 records, `SCHILY.xattr.*`, GNU sparse 0.1 and 1.0). Everything an archive can make it hold in memory is
//! bounded; an entry's data never passes through memory as a whole.

use super::error::ArchiveError;
use crate::{FileKind, Timestamp};
use std::io::Read;

const BLOCK: usize = 512;
const BLOCK_U64: u64 = 512;
/// Longest PAX record block, GNU long name or sparse map of one entry.
const EXTENSION_MAX: u64 = 1 << 20;
/// Extents of one sparse file.
const EXTENTS_MAX: usize = 1 << 16;

/// How much an archive may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Entries.
    pub entries: u64,
    /// Bytes of the uncompressed stream.
    pub bytes: u64,
    /// Bytes of one entry's path.
    pub path: usize,
}

impl Default for Limits {
    /// 4 million entries, 256 GiB, paths of `PATH_MAX`.
    fn default() -> Self {
        Self { entries: 4 << 20, bytes: 256 << 30, path: 4096 }
    }
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file of that kind.
    File(FileKind),
    /// Another name of an earlier entry.
    HardLink,
}

/// A stretch of a sparse file that has bytes in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where it stands in the file.
    pub offset: u64,
    /// Its length.
    pub length: u64,
    /// Where its bytes start in the entry's data.
    pub stored: u64,
}

/// One entry's header.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name as it is in the archive.
    pub path: Vec<u8>,
    /// What a symbolic or hard link names.
    pub link: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Mode bits (07777).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change of the contents.
    pub mtime: Timestamp,
    /// Last read, if the archive says.
    pub atime: Option<Timestamp>,
    /// Device number of device nodes.
    pub rdev: u64,
    /// Size of the file in bytes, holes counted.
    pub size: u64,
    /// Bytes of data stored in the archive.
    pub stored: u64,
    /// Position of that data in the stream.
    pub position: u64,
    /// Where the data goes when the file has holes.
    pub extents: Option<Vec<Extent>>,
    /// Extended attributes.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime: Option<Timestamp>,
    atime: Option<Timestamp>,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    sparse_major: Option<u64>,
    sparse_map: Option<Vec<u8>>,
    sparse_name: Option<Vec<u8>>,
    sparse_size: Option<u64>,
}

/// The reader. After [`TarReader::next`] the entry's stored data can be read through [`Read`].
pub struct TarReader<R> {
    inner: R,
    limits: Limits,
    position: u64,
    entries: u64,
    data: u64,
    padding: u64,
    global: Extension,
    ended: bool,
}

impl<R: Read> TarReader<R> {
    /// Starts at the beginning of a stream.
    pub fn new(inner: R, limits: Limits) -> Self {
        Self { inner, limits, position: 0, entries: 0, data: 0, padding: 0, global: Extension::default(), ended: false }
    }

    /// Bytes of the stream read so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next entry, past what was left unread of the last; `None` at the end of the archive.
    #[allow(clippy::should_implement_trait, reason = "a lending reader, not an iterator")]
    pub fn next(&mut self) -> Result<Option<Entry>, ArchiveError> {
        if self.ended {
            return Ok(None);
        }
        self.skip_data()?;
        let mut extension = Extension::default();
        loop {
            let Some(block) = self.block()? else {
                self.ended = true;
                return Ok(None);
            };
            if block.iter().all(|byte| *byte == 0) {
                // The end is two zero blocks; a lone one before the end of the stream is taken as well.
                match self.block()? {
                    Some(second) if second.iter().any(|byte| *byte != 0) => {
                        return Err(ArchiveError::Malformed("a zero block between entries"));
                    }
                    _ => {}
                }
                self.ended = true;
                return Ok(None);
            }
            self.entries += 1;
            if self.entries > self.limits.entries {
                return Err(ArchiveError::TooLarge { limit: self.limits.entries, what: "entries" });
            }
            let header = tar::Header::from_byte_slice(&block);
            if !checksum_fits(&block) {
                return Err(ArchiveError::Malformed("checksum"));
            }
            let size = field(&header.as_old().size, header.entry_size(), "size")?;
            let type_flag = header.entry_type().as_byte();
            match type_flag {
                b'L' => extension.path = Some(until_zero(self.extension_data(size)?)),
                b'K' => extension.link = Some(until_zero(self.extension_data(size)?)),
                b'x' | b'X' => {
                    let records = self.extension_data(size)?;
                    parse_records(&records, &mut extension)?;
                }
                b'g' => {
                    let records = self.extension_data(size)?;
                    let mut global = Extension::default();
                    parse_records(&records, &mut global)?;
                    self.global = global;
                }
                _ => return self.entry(&block, type_flag, extension).map(Some),
            }
        }
    }

    /// Reads the stream to its end, past the archive's trailer.
    pub fn drain(&mut self) -> Result<(), ArchiveError> {
        self.skip_data()?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = self.inner.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            self.advance(count as u64)?;
        }
    }

    fn entry(&mut self, block: &[u8; BLOCK], type_flag: u8, mut ext: Extension) -> Result<Entry, ArchiveError> {
        let header = tar::Header::from_byte_slice(block);
        let kind = match type_flag {
            b'0' | 0 | b'7' | b'S' => EntryKind::File(FileKind::Regular),
            b'1' => EntryKind::HardLink,
            b'2' => EntryKind::File(FileKind::Symlink),
            b'3' => EntryKind::File(FileKind::CharDevice),
            b'4' => EntryKind::File(FileKind::BlockDevice),
            b'5' => EntryKind::File(FileKind::Directory),
            b'6' => EntryKind::File(FileKind::Fifo),
            _ => return Err(ArchiveError::Malformed("entry type")),
        };
        let global = &self.global;
        let path = ext
            .sparse_name
            .take()
            .or(ext.path.take())
            .or_else(|| global.path.clone())
            .unwrap_or_else(|| header.path_bytes().into_owned());
        // Before 1988 a directory was a file whose name ends in a slash; some writers still do so.
        let kind = match kind {
            EntryKind::File(FileKind::Regular) if path.ends_with(b"/") => EntryKind::File(FileKind::Directory),
            other => other,
        };
        let link = ext
            .link
            .take()
            .or_else(|| global.link.clone())
            .or_else(|| header.link_name_bytes().map(|link| link.into_owned()))
            .unwrap_or_default();
        if path.len() > self.limits.path || link.len() > self.limits.path {
            return Err(ArchiveError::TooLarge { limit: self.limits.path as u64, what: "bytes of a path" });
        }
        if path.contains(&0) || link.contains(&0) {
            return Err(ArchiveError::Malformed("zero byte in a name"));
        }
        let header_size = field(&header.as_old().size, header.entry_size(), "size")?;
        let (global_size, global_uid, global_gid, global_mtime) = (global.size, global.uid, global.gid, global.mtime);
        let has_data = kind == EntryKind::File(FileKind::Regular);
        // A link's size is not the size of data: some writers put the file's size there.
        let stored = if has_data { ext.size.or(global_size).unwrap_or(header_size) } else { 0 };
        if stored > i64::MAX.unsigned_abs() {
            return Err(ArchiveError::Malformed("size"));
        }
        let mut size = stored;
        let mut extents = None;
        if type_flag == b'S' {
            extents = Some(self.old_sparse_map(block)?);
            size = header.as_gnu().and_then(|gnu| gnu.real_size().ok()).ok_or(ArchiveError::Malformed("real size"))?;
        }
        self.data = stored;
        self.padding = (BLOCK_U64 - stored % BLOCK_U64) % BLOCK_U64;
        let mut position = self.position;
        let mut in_archive = stored;
        if has_data && (ext.sparse_major == Some(1) || ext.sparse_map.is_some()) {
            let map = match ext.sparse_map.take() {
                Some(map) => parse_map_record(&map)?,
                None => self.sparse_map_in_data()?,
            };
            size = ext.sparse_size.ok_or(ArchiveError::Malformed("sparse file without size"))?;
            in_archive = self.data;
            position = self.position;
            extents = Some(map);
        }
        if let Some(extents) = &extents {
            check_extents(extents, size, in_archive)?;
        }
        let device = |field: std::io::Result<Option<u32>>| field.ok().flatten().unwrap_or(0);
        let is_device = matches!(kind, EntryKind::File(FileKind::CharDevice | FileKind::BlockDevice));
        let mut xattrs = std::mem::take(&mut ext.xattrs);
        xattrs.sort();
        Ok(Entry {
            path,
            link,
            kind,
            mode: field(&header.as_old().mode, header.mode(), "mode")? & 0o7777,
            uid: owner(ext.uid.or(global_uid), field(&header.as_old().uid, header.uid(), "owner")?)?,
            gid: owner(ext.gid.or(global_gid), field(&header.as_old().gid, header.gid(), "owner")?)?,
            mtime: match ext.mtime.or(global_mtime) {
                Some(time) => time,
                None => Timestamp {
                    seconds: field(&header.as_old().mtime, header.mtime(), "mtime")?.cast_signed(),
                    nanoseconds: 0,
                },
            },
            atime: ext.atime,
            rdev: if is_device {
                crate::device_number(device(header.device_major()), device(header.device_minor()))
            } else {
                0
            },
            size,
            stored: in_archive,
            position,
            extents,
            xattrs,
        })
    }

    fn skip_data(&mut self) -> Result<(), ArchiveError> {
        let mut left = self.data + self.padding;
        if left == 0 {
            return Ok(());
        }
        let mut buffer = vec![0; usize::try_from(left.min(256 << 10)).unwrap_or(BLOCK)];
        while left > 0 {
            let want = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let part = buffer.get_mut(..want).unwrap_or_default();
            let count = self.inner.read(part)?;
            if count == 0 {
                return Err(ArchiveError::Truncated);
            }
            self.advance(count as u64)?;
            left -= count as u64;
        }
        self.data = 0;
        self.padding = 0;
        Ok(())
    }

    fn advance(&mut self, count: u64) -> Result<(), ArchiveError> {
        self.position += count;
        if self.position > self.limits.bytes {
            return Err(ArchiveError::TooLarge { limit: self.limits.bytes, what: "bytes" });
        }
        Ok(())
    }

    /// One block; `None` at the end of the stream, which must be at a block's edge.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, ArchiveError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.inner.read(rest)? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(ArchiveError::Truncated),
                count => filled += count,
            }
        }
        self.advance(BLOCK_U64)?;
        Ok(Some(block))
    }

    fn extension_data(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        if size > EXTENSION_MAX {
            return Err(ArchiveError::TooLarge { limit: EXTENSION_MAX, what: "bytes of an extended header" });
        }
        let mut data = Vec::new();
        while (data.len() as u64) < size {
            data.extend_from_slice(&self.block()?.ok_or(ArchiveError::Truncated)?);
        }
        data.truncate(usize::try_from(size).unwrap_or(0));
        Ok(data)
    }

    /// The map of an old GNU sparse entry: four extents in the header, more in the blocks behind it.
    fn old_sparse_map(&mut self, block: &[u8; BLOCK]) -> Result<Vec<Extent>, ArchiveError> {
        let header = tar::Header::from_byte_slice(block);
        let gnu = header.as_gnu().ok_or(ArchiveError::Malformed("sparse entry without GNU header"))?;
        let mut extents = Vec::new();
        push_sparse(&gnu.sparse, &mut extents)?;
        let mut more = gnu.is_extended();
        while more {
            let block = self.block()?.ok_or(ArchiveError::Truncated)?;
            let mut extended = tar::GnuExtSparseHeader::new();
            extended.as_mut_bytes().copy_from_slice(&block);
            push_sparse(&extended.sparse, &mut extents)?;
            more = extended.is_extended();
        }
        Ok(extents)
    }

    /// The map of a GNU sparse 1.0 entry: decimal lines at the start of the data, padded to a block.
    fn sparse_map_in_data(&mut self) -> Result<Vec<Extent>, ArchiveError> {
        let mut numbers: Vec<u64> = Vec::new();
        let mut wanted = None;
        let mut current: Option<u64> = None;
        loop {
            if self.data < BLOCK_U64 {
                return Err(ArchiveError::Malformed("sparse map"));
            }
            let block = self.block()?.ok_or(ArchiveError::Truncated)?;
            self.data -= BLOCK_U64;
            for byte in block {
                match byte {
                    b'0'..=b'9' => {
                        let digit = u64::from(byte - b'0');
                        current = Some(
                            current
                                .unwrap_or(0)
                                .checked_mul(10)
                                .and_then(|value| value.checked_add(digit))
                                .ok_or(ArchiveError::Malformed("sparse map"))?,
                        );
                    }
                    b'\n' => {
                        let value = current.take().ok_or(ArchiveError::Malformed("sparse map"))?;
                        match wanted {
                            None if value > EXTENTS_MAX as u64 => {
                                return Err(ArchiveError::TooLarge { limit: EXTENTS_MAX as u64, what: "extents" });
                            }
                            None => wanted = usize::try_from(value).ok().map(|count| count * 2),
                            Some(_) => numbers.push(value),
                        }
                        if wanted == Some(numbers.len()) {
                            return Ok(extents_of(&numbers));
                        }
                    }
                    _ => return Err(ArchiveError::Malformed("sparse map")),
                }
            }
        }
    }
}

impl<R: Read> Read for TarReader<R> {
    /// The current entry's stored data; 0 at its end. A stream that breaks off is an error.
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let want = buf.len().min(usize::try_from(self.data).unwrap_or(usize::MAX));
        if want == 0 {
            return Ok(0);
        }
        let count = self.inner.read(buf.get_mut(..want).unwrap_or_default())?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.data -= count as u64;
        self.advance(count as u64).map_err(std::io::Error::other)?;
        Ok(count)
    }
}

/// The sum of the bytes with the sum's own field as blanks; historic writers summed signed bytes.
fn checksum_fits(block: &[u8; BLOCK]) -> bool {
    let Ok(expected) = tar::Header::from_byte_slice(block).cksum() else { return false };
    let bytes = || block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
    let unsigned: u32 = bytes().map(u32::from).sum();
    let signed: i32 = bytes().map(|byte| i32::from(byte.cast_signed())).sum();
    unsigned == expected || u32::try_from(signed) == Ok(expected)
}

/// A number of the header; a field that was left empty is 0.
fn field<T: Default>(raw: &[u8], read: std::io::Result<T>, what: &'static str) -> Result<T, ArchiveError> {
    if raw.iter().all(|byte| matches!(byte, 0 | b' ')) {
        return Ok(T::default());
    }
    read.map_err(|_| ArchiveError::Malformed(what))
}

fn until_zero(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    bytes
}

fn owner(record: Option<u32>, field: u64) -> Result<u32, ArchiveError> {
    match record {
        Some(id) => Ok(id),
        None => u32::try_from(field).map_err(|_| ArchiveError::Malformed("owner")),
    }
}

fn number<T: std::str::FromStr>(value: &[u8]) -> Result<T, ArchiveError> {
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(ArchiveError::Malformed("number in an extended header"))
}

/// Records of the form `LENGTH KEY=VALUE\n` (POSIX pax, "Extended Header").
fn parse_records(mut records: &[u8], into: &mut Extension) -> Result<(), ArchiveError> {
    const BAD: ArchiveError = ArchiveError::Malformed("extended header record");
    let (mut map, mut map_offset) = (Vec::new(), None::<Vec<u8>>);
    while !records.is_empty() {
        let space = records.iter().position(|byte| *byte == b' ').ok_or(BAD)?;
        let (digits, _) = records.split_at_checked(space).ok_or(BAD)?;
        let length: usize = number(digits)?;
        let (record, rest) = records.split_at_checked(length).ok_or(BAD)?;
        records = rest;
        let record = record.get(space + 1..).and_then(|record| record.strip_suffix(b"\n")).ok_or(BAD)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or(BAD)?;
        let (key, value) = record.split_at_checked(equals).ok_or(BAD)?;
        let value = value.get(1..).ok_or(BAD)?;
        match key {
            b"path" => into.path = some_unless_empty(value),
            b"linkpath" => into.link = some_unless_empty(value),
            b"size" => into.size = Some(number(value)?),
            b"uid" => into.uid = Some(number(value)?),
            b"gid" => into.gid = Some(number(value)?),
            b"mtime" => into.mtime = Some(decimal_time(value)?),
            b"atime" => into.atime = Some(decimal_time(value)?),
            b"GNU.sparse.major" => into.sparse_major = Some(number(value)?),
            b"GNU.sparse.name" => into.sparse_name = some_unless_empty(value),
            b"GNU.sparse.realsize" | b"GNU.sparse.size" => into.sparse_size = Some(number(value)?),
            b"GNU.sparse.map" => into.sparse_map = Some(value.to_vec()),
            b"GNU.sparse.offset" => map_offset = Some(value.to_vec()),
            b"GNU.sparse.numbytes" => {
                if let Some(offset) = map_offset.take() {
                    map.push([offset, value.to_vec()].join(&b','));
                }
            }
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.").filter(|name| !name.is_empty()) {
                    into.xattrs.push((name.to_vec(), value.to_vec()));
                }
            }
        }
    }
    if !map.is_empty() {
        into.sparse_map = Some(map.join(&b','));
    }
    Ok(())
}

fn some_unless_empty(value: &[u8]) -> Option<Vec<u8>> {
    (!value.is_empty()).then(|| value.to_vec())
}

/// `[-]SECONDS[.FRACTION]`
fn decimal_time(value: &[u8]) -> Result<Timestamp, ArchiveError> {
    let (whole, fraction) = match value.iter().position(|byte| *byte == b'.') {
        Some(dot) => value.split_at_checked(dot).unwrap_or((value, b"")),
        None => (value, &b""[..]),
    };
    let seconds: i64 = number(whole)?;
    let mut nanoseconds = 0u32;
    let mut weight = 100_000_000u32;
    for byte in fraction.iter().skip(1) {
        if !byte.is_ascii_digit() {
            return Err(ArchiveError::Malformed("time"));
        }
        nanoseconds += u32::from(byte - b'0') * weight;
        weight /= 10;
    }
    if whole.starts_with(b"-") && nanoseconds > 0 {
        return Ok(Timestamp { seconds: seconds.saturating_sub(1), nanoseconds: 1_000_000_000 - nanoseconds });
    }
    Ok(Timestamp { seconds, nanoseconds })
}

/// `OFFSET,LENGTH,OFFSET,LENGTH…` (GNU sparse 0.1)
fn parse_map_record(map: &[u8]) -> Result<Vec<Extent>, ArchiveError> {
    let numbers: Vec<u64> = map.split(|byte| *byte == b',').map(number).collect::<Result<_, _>>()?;
    if numbers.len() > EXTENTS_MAX * 2 || !numbers.len().is_multiple_of(2) {
        return Err(ArchiveError::Malformed("sparse map"));
    }
    Ok(extents_of(&numbers))
}

fn extents_of(numbers: &[u64]) -> Vec<Extent> {
    let mut stored = 0u64;
    let mut extents = Vec::new();
    for pair in numbers.chunks_exact(2) {
        if let [offset, length] = *pair
            && length > 0
        {
            extents.push(Extent { offset, length, stored });
            stored = stored.saturating_add(length);
        }
    }
    extents
}

fn push_sparse(headers: &[tar::GnuSparseHeader], extents: &mut Vec<Extent>) -> Result<(), ArchiveError> {
    for header in headers.iter().filter(|header| !header.is_empty()) {
        let field = |value: std::io::Result<u64>| value.map_err(|_| ArchiveError::Malformed("sparse map"));
        let (offset, length) = (field(header.offset())?, field(header.length())?);
        let stored = extents.last().map_or(0, |last| last.stored.saturating_add(last.length));
        if length > 0 {
            extents.push(Extent { offset, length, stored });
        }
        if extents.len() > EXTENTS_MAX {
            return Err(ArchiveError::TooLarge { limit: EXTENTS_MAX as u64, what: "extents" });
        }
    }
    Ok(())
}

/// Extents ascend, do not overlap, end within the file and are all stored.
fn check_extents(extents: &[Extent], size: u64, stored: u64) -> Result<(), ArchiveError> {
    let bad = || ArchiveError::Malformed("sparse map");
    let mut end = 0;
    for extent in extents {
        if extent.offset < end {
            return Err(bad());
        }
        end = extent.offset.checked_add(extent.length).ok_or_else(bad)?;
        if extent.stored.checked_add(extent.length).is_none_or(|last| last > stored) {
            return Err(bad());
        }
    }
    if end > size || size > i64::MAX.unsigned_abs() { Err(bad()) } else { Ok(()) }
}
