//! The index file of a layer: its [`Tree`] as bytes, read in one go.
//!
//! Format (little endian): magic and version, the diff id, the tar's and the contents' size, the tables, and the SHA-256
//! of all of that at the end, so that a torn or foreign file is recognised and the index is made anew from the tar.

use super::tree::{LayerKind, LayerNode, Sparse, Tree};
use crate::archive::Extent;
use crate::{FileKind, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io;

const MAGIC: &[u8; 8] = b"CORLAYR1";

/// What is known of a layer besides its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub diff_id: [u8; 32],
    pub tar_size: u64,
    pub content_size: u64,
}

pub(crate) fn encode(summary: &Summary, tree: &Tree) -> Vec<u8> {
    let mut out = Vec::with_capacity(tree.nodes.len() * 96 + tree.text.len() + 1024);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&summary.diff_id);
    put64(&mut out, summary.tar_size);
    put64(&mut out, summary.content_size);
    put64(&mut out, tree.nodes.len() as u64);
    for node in &tree.nodes {
        out.push(kind_byte(node.kind));
        out.push(u8::from(node.opaque) | u8::from(node.implied) << 1);
        for value in [node.mode, node.uid, node.gid, node.mtime.nanoseconds, node.nlink, node.parent] {
            put32(&mut out, value);
        }
        for value in [node.names.0, node.names.1, node.directories] {
            put32(&mut out, value);
        }
        for value in [node.rdev, node.size, node.mtime.seconds.cast_unsigned(), node.position] {
            put64(&mut out, value);
        }
    }
    put64(&mut out, tree.names.len() as u64);
    for (start, length, node) in &tree.names {
        put32(&mut out, *start);
        put32(&mut out, u32::from(*length));
        put32(&mut out, *node);
    }
    put_bytes(&mut out, &tree.text);
    put_map(&mut out, &tree.sparse.links, |out, link| put_bytes(out, link));
    put_map(&mut out, &tree.sparse.xattrs, |out, xattrs| {
        put64(out, xattrs.len() as u64);
        for (name, value) in xattrs {
            put_bytes(out, name);
            put_bytes(out, value);
        }
    });
    put_map(&mut out, &tree.sparse.extents, |out, extents| {
        put64(out, extents.len() as u64);
        for extent in extents {
            put64(out, extent.offset);
            put64(out, extent.length);
            put64(out, extent.stored);
        }
    });
    put_map(&mut out, &tree.sparse.other_parents, |out, parents| {
        put64(out, parents.len() as u64);
        for parent in parents {
            put32(out, *parent);
        }
    });
    let sum = Sha256::digest(&out);
    out.extend_from_slice(&sum);
    out
}

pub(crate) fn decode(bytes: &[u8]) -> io::Result<(Summary, Tree)> {
    let bad = || io::Error::new(io::ErrorKind::InvalidData, "the index of a layer is damaged");
    let (body, sum) = bytes.len().checked_sub(32).and_then(|at| bytes.split_at_checked(at)).ok_or_else(bad)?;
    if Sha256::digest(body).as_slice() != sum {
        return Err(bad());
    }
    decode_body(body).ok_or_else(bad)
}

fn decode_body(body: &[u8]) -> Option<(Summary, Tree)> {
    let mut input = Input(body);
    if input.take(8)? != MAGIC {
        return None;
    }
    let summary =
        Summary { diff_id: input.take(32)?.try_into().ok()?, tar_size: input.u64()?, content_size: input.u64()? };
    let mut tree = Tree::default();
    let count = input.count(70)?;
    tree.nodes.reserve_exact(count);
    for _ in 0..count {
        let kind = kind_of_byte(input.u8()?)?;
        let flags = input.u8()?;
        let [mode, uid, gid, nanoseconds, nlink, parent] = input.u32s()?;
        let [first, names, directories] = input.u32s()?;
        let (rdev, size, seconds, position) = (input.u64()?, input.u64()?, input.u64()?.cast_signed(), input.u64()?);
        tree.nodes.push(LayerNode {
            kind,
            opaque: flags & 1 != 0,
            implied: flags & 2 != 0,
            mode,
            uid,
            gid,
            rdev,
            size,
            mtime: Timestamp { seconds, nanoseconds },
            nlink,
            position,
            parent,
            names: (first, names),
            directories,
        });
    }
    let count = input.count(12)?;
    tree.names.reserve_exact(count);
    for _ in 0..count {
        let [start, length, node] = input.u32s()?;
        tree.names.push((start, u16::try_from(length).ok()?, node));
    }
    tree.text = input.bytes()?.to_vec();
    tree.sparse = Sparse {
        links: input.map(|input| input.bytes().map(<[u8]>::to_vec))?,
        xattrs: input.map(|input| {
            let count = input.count(16)?;
            (0..count).map(|_| Some((input.bytes()?.to_vec(), input.bytes()?.to_vec()))).collect()
        })?,
        extents: input.map(|input| {
            let count = input.count(24)?;
            (0..count)
                .map(|_| Some(Extent { offset: input.u64()?, length: input.u64()?, stored: input.u64()? }))
                .collect()
        })?,
        other_parents: input.map(|input| {
            let count = input.count(4)?;
            (0..count).map(|_| input.u32()).collect()
        })?,
    };
    input.0.is_empty().then_some((summary, tree))
}

fn kind_byte(kind: LayerKind) -> u8 {
    match kind {
        LayerKind::Whiteout => 0,
        LayerKind::File(kind) => u8::try_from(kind.mode_bits() >> 12).unwrap_or(0),
    }
}

fn kind_of_byte(byte: u8) -> Option<LayerKind> {
    match byte {
        0 => Some(LayerKind::Whiteout),
        bits => FileKind::from_mode_bits(u32::from(bits) << 12).map(LayerKind::File),
    }
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put64(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_map<T>(out: &mut Vec<u8>, map: &HashMap<u32, T>, put: impl Fn(&mut Vec<u8>, &T)) {
    let mut keys: Vec<_> = map.iter().collect();
    keys.sort_unstable_by_key(|(key, _)| **key);
    put64(out, keys.len() as u64);
    for (key, value) in keys {
        put32(out, *key);
        put(out, value);
    }
}

/// The rest of the input; every read is checked, so that no length can lead outside or allocate more than there is.
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

    fn u32s<const N: usize>(&mut self) -> Option<[u32; N]> {
        let mut values = [0; N];
        for value in &mut values {
            *value = self.u32()?;
        }
        Some(values)
    }

    /// A number of things of at least `least` bytes each.
    fn count(&mut self, least: usize) -> Option<usize> {
        let count = usize::try_from(self.u64()?).ok()?;
        (count.checked_mul(least)? <= self.0.len()).then_some(count)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = self.count(1)?;
        self.take(count)
    }

    fn map<T>(&mut self, value: impl Fn(&mut Self) -> Option<T>) -> Option<HashMap<u32, T>> {
        let count = self.count(4)?;
        (0..count).map(|_| Some((self.u32()?, value(self)?))).collect()
    }
}
