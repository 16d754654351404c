//! What an overlay's upper is on disk: a journal of changes, and the contents of files beside it.
//!
//! Every operation appends one record, with its length and sum in front, in one write: after `kill -9` a record is there
//! whole or not at all, and a torn one at the end is cut off. Reading the journal gives the upper as it was; when it
//! has grown far beyond what it says, it is written anew and renamed into place. Names in it are bytes in a file, so any name a guest
//! thinks of is legal, `.wh.x` too.

use super::inode::{Content, Inode, Meta, Slot};
use super::merge::LowerRef;
use crate::{FileKind, Timestamp};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

pub(super) const MAGIC: &[u8; 8] = b"CORUPPR1";
/// Longest record; a larger one is not ours.
const RECORD_MAX: usize = 64 << 20;

const INODE: u8 = 1;
const NAME: u8 = 2;
const WHITEOUT: u8 = 3;
const UNNAME: u8 = 4;
const DROP: u8 = 5;
const NEXT: u8 = 6;

/// A record under construction: the changes of one operation.
#[derive(Default)]
pub(super) struct Record(Vec<u8>);

impl Record {
    pub(super) fn inode(&mut self, inode: &Inode) {
        let meta = inode.meta.lock();
        self.inode_with(inode, &meta);
    }

    pub(super) fn inode_with(&mut self, inode: &Inode, meta: &Meta) {
        let out = &mut self.0;
        out.push(INODE);
        put64(out, inode.ino);
        out.push(u8::try_from(inode.kind.mode_bits() >> 12).unwrap_or(0));
        out.push(match meta.content {
            Content::None => 0,
            Content::Lower => 1,
            Content::Upper => 2,
        });
        put32(out, u32::try_from(inode.lowers.len()).unwrap_or(u32::MAX));
        for at in &inode.lowers {
            put32(out, at.layer);
            put32(out, at.node);
        }
        for value in [meta.mode, meta.uid, meta.gid] {
            put32(out, value);
        }
        for value in [meta.rdev, meta.nlink, meta.size] {
            put64(out, value);
        }
        for time in [meta.atime, meta.mtime, meta.ctime] {
            put64(out, time.seconds.cast_unsigned());
            put32(out, time.nanoseconds);
        }
        put_bytes(out, &meta.link);
        put32(out, u32::try_from(meta.xattrs.len()).unwrap_or(u32::MAX));
        for (name, value) in &meta.xattrs {
            put_bytes(out, name);
            put_bytes(out, value);
        }
    }

    pub(super) fn slot(&mut self, directory: u64, name: &[u8], slot: Option<Slot>) {
        let out = &mut self.0;
        out.push(match slot {
            Some(Slot::Node { .. }) => NAME,
            Some(Slot::Whiteout) => WHITEOUT,
            None => UNNAME,
        });
        put64(out, directory);
        put_bytes(out, name);
        if let Some(Slot::Node { ino, kind }) = slot {
            put64(out, ino);
            out.push(u8::try_from(kind.mode_bits() >> 12).unwrap_or(0));
        }
    }

    pub(super) fn drop_inode(&mut self, ino: u64) {
        self.0.push(DROP);
        put64(&mut self.0, ino);
    }

    pub(super) fn next(&mut self, next: u64) {
        self.0.push(NEXT);
        put64(&mut self.0, next);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The record as it is written: length, sum, changes.
    pub(super) fn framed(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() + 12);
        put32(&mut out, u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        put64(&mut out, sum(&self.0));
        out.extend_from_slice(&self.0);
        out
    }
}

/// What a journal says.
#[derive(Default)]
pub(super) struct Replayed {
    pub inodes: HashMap<u64, Arc<Inode>>,
    pub next: u64,
    /// Bytes of the journal that are good.
    pub length: u64,
}

/// The start of a journal of an overlay of these layers.
pub(super) fn header(chain: &[u8; 32]) -> Vec<u8> {
    [&MAGIC[..], chain].concat()
}

/// Reads a journal. A torn end is not an error; a journal of other layers, or one that contradicts itself, is.
pub(super) fn replay(bytes: &[u8], chain: &[u8; 32]) -> io::Result<Replayed> {
    let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("the journal of an upper {what}"));
    let head = header(chain);
    let Some(mut rest) = bytes.strip_prefix(&head[..]) else {
        return if bytes.len() < head.len() && head.starts_with(bytes) {
            Ok(Replayed::default())
        } else {
            Err(damaged("belongs to other layers"))
        };
    };
    let mut replayed = Replayed { length: head.len() as u64, ..Replayed::default() };
    while let Some((record, after)) = next_record(rest) {
        apply(record, &mut replayed).ok_or_else(|| damaged("contradicts itself"))?;
        replayed.length += (rest.len() - after.len()) as u64;
        rest = after;
    }
    finish(&replayed);
    Ok(replayed)
}

fn next_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut input = Input(bytes);
    let length = usize::try_from(input.u32()?).ok().filter(|length| *length <= RECORD_MAX)?;
    let expected = input.u64()?;
    let record = input.take(length)?;
    (sum(record) == expected).then_some((record, input.0))
}

fn apply(record: &[u8], state: &mut Replayed) -> Option<()> {
    let mut input = Input(record);
    while !input.0.is_empty() {
        match input.u8()? {
            INODE => {
                let inode = read_inode(&mut input, state)?;
                state.next = state.next.max(inode.ino.saturating_add(1));
                state.inodes.insert(inode.ino, Arc::new(inode));
            }
            NAME => {
                let (directory, name) = (input.u64()?, input.bytes()?);
                let slot = Slot::Node { ino: input.u64()?, kind: input.kind()? };
                state.inodes.get(&directory)?.meta.lock().names.insert(name.into(), slot);
            }
            WHITEOUT => {
                let (directory, name) = (input.u64()?, input.bytes()?);
                state.inodes.get(&directory)?.meta.lock().names.insert(name.into(), Slot::Whiteout);
            }
            UNNAME => {
                let (directory, name) = (input.u64()?, input.bytes()?);
                state.inodes.get(&directory)?.meta.lock().names.remove(name);
            }
            DROP => {
                state.inodes.remove(&input.u64()?);
            }
            NEXT => state.next = state.next.max(input.u64()?),
            _ => return None,
        }
    }
    Some(())
}

fn read_inode(input: &mut Input<'_>, state: &Replayed) -> Option<Inode> {
    let ino = input.u64()?;
    let kind = input.kind()?;
    let content = match input.u8()? {
        0 => Content::None,
        1 => Content::Lower,
        2 => Content::Upper,
        _ => return None,
    };
    let count = input.u32()?;
    let mut lowers = Vec::new();
    for _ in 0..count {
        lowers.push(LowerRef { layer: input.u32()?, node: input.u32()? });
    }
    let mut meta = Meta::blank(Timestamp::default());
    meta.changed = true;
    meta.content = content;
    // Contents in the upper are newer than the journal: nothing is written to it when a file is written to.
    meta.unsized_yet = kind == FileKind::Regular && content != Content::Lower;
    (meta.mode, meta.uid, meta.gid) = (input.u32()?, input.u32()?, input.u32()?);
    (meta.rdev, meta.nlink, meta.size) = (input.u64()?, input.u64()?, input.u64()?);
    meta.atime = input.time()?;
    meta.mtime = input.time()?;
    meta.ctime = input.time()?;
    meta.link = input.bytes()?.into();
    for _ in 0..input.u32()? {
        let (name, value) = (input.bytes()?.to_vec(), input.bytes()?.to_vec());
        meta.xattrs.insert(name, value);
    }
    if let Some(before) = state.inodes.get(&ino) {
        meta.names = std::mem::take(&mut before.meta.lock().names);
    }
    Some(Inode { ino, kind, lowers: lowers.into(), parent: Mutex::new(None), meta: Mutex::new(meta) })
}

/// Sets what the journal leaves to be worked out: parents, and how many directories a directory holds.
fn finish(state: &Replayed) {
    for inode in state.inodes.values().filter(|inode| inode.is_directory()) {
        let mut directories = 0;
        let children: Vec<u64> = inode
            .meta
            .lock()
            .names
            .values()
            .filter_map(|slot| match slot {
                Slot::Node { ino, kind: FileKind::Directory } => Some(*ino),
                _ => None,
            })
            .collect();
        for child in children {
            directories += 1;
            if let Some(child) = state.inodes.get(&child) {
                *child.parent.lock() = Some(Arc::clone(inode));
            }
        }
        inode.meta.lock().directories = directories;
    }
}

/// FNV-1a over words: finds torn and foreign records, which is all it is for.
fn sum(bytes: &[u8]) -> u64 {
    let mut sum = 0xcbf2_9ce4_8422_2325u64 ^ bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = chunk.try_into().map_or(0, u64::from_le_bytes);
        sum = (sum ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
    }
    for byte in chunks.remainder() {
        sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    sum ^ (sum >> 29)
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put32(out, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(bytes);
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.u32()?).ok()?;
        self.take(count)
    }

    fn kind(&mut self) -> Option<FileKind> {
        FileKind::from_mode_bits(u32::from(self.u8()?) << 12)
    }

    fn time(&mut self) -> Option<Timestamp> {
        Some(Timestamp { seconds: self.u64()?.cast_signed(), nanoseconds: self.u32()? })
    }
}
