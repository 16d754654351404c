//! What a volume's files are to containers, kept beside what they are to the host: the xattr `user.coracle.meta`.
//!
//! A daemon without privilege cannot give files away or make devices, so mode, owner, kind and device number are
//! written down. Version 1 is 20 bytes: version, kind (`S_IFMT >> 12`), mode, uid, gid, device number, little endian.
//! Where the host has no such attributes (or, for symbolic links, allows none) they are kept in memory until the daemon ends.

use super::access::Pin;
use crate::{Errno, FileKind, Name, Result};
use parking_lot::Mutex;
use rustix::fs::XattrFlags;
use std::collections::HashMap;

pub(super) const XATTR: &[u8] = b"user.coracle.meta";
/// Everything of ours starts so; guests neither see nor set it.
pub(super) const OURS: &[u8] = b"user.coracle.";
/// Attributes of name spaces a daemon without privilege cannot write.
const FOREIGN: &[u8] = b"user.coracle.x.";
const VERSION: u8 = 1;

/// What is kept of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    pub kind: FileKind,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub rdev: u64,
}

impl Meta {
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION, u8::try_from(self.kind.mode_bits() >> 12).unwrap_or(0)];
        out.extend_from_slice(&u16::try_from(self.mode & 0o7777).unwrap_or(0).to_le_bytes());
        out.extend_from_slice(&self.uid.to_le_bytes());
        out.extend_from_slice(&self.gid.to_le_bytes());
        out.extend_from_slice(&self.rdev.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<4>()?;
        let (uid, rest) = rest.split_first_chunk::<4>()?;
        let (gid, rest) = rest.split_first_chunk::<4>()?;
        let (rdev, rest) = rest.split_first_chunk::<8>()?;
        let [version, kind, mode @ ..] = *head;
        (version == VERSION && rest.is_empty()).then_some(())?;
        Some(Self {
            kind: FileKind::from_mode_bits(u32::from(kind) << 12)?,
            mode: u32::from(u16::from_le_bytes(mode)) & 0o7777,
            uid: u32::from_le_bytes(*uid),
            gid: u32::from_le_bytes(*gid),
            rdev: u64::from_le_bytes(*rdev),
        })
    }
}

/// The metadata of one volume.
#[derive(Default)]
pub(super) struct MetaStore {
    fallback: Mutex<HashMap<(u64, u64), Meta>>,
}

impl MetaStore {
    pub(super) fn get(&self, pin: &Pin, number: (u64, u64)) -> Result<Option<Meta>> {
        self.interpret(pin.get_xattr(XATTR), number)
    }

    pub(super) fn get_child(&self, directory: &Pin, name: &Name, number: (u64, u64)) -> Result<Option<Meta>> {
        self.interpret(directory.get_xattr_of_child(name, XATTR), number)
    }

    fn interpret(&self, read: Result<Vec<u8>>, number: (u64, u64)) -> Result<Option<Meta>> {
        match read {
            Ok(bytes) => Ok(Meta::decode(&bytes)),
            Err(Errno::NODATA | Errno::NOTSUP | Errno::PERM | Errno::ACCESS) => {
                let fallback = self.fallback.lock();
                Ok(if fallback.is_empty() { None } else { fallback.get(&number).copied() })
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn set(&self, pin: &Pin, number: (u64, u64), meta: Meta) -> Result<()> {
        match pin.set_xattr(XATTR, &meta.encode(), XattrFlags::empty()) {
            Err(Errno::NOTSUP | Errno::PERM) => {
                self.fallback.lock().insert(number, meta);
                Ok(())
            }
            other => other,
        }
    }

    /// The number may be given to another file.
    pub(super) fn forget(&self, number: (u64, u64)) {
        let mut fallback = self.fallback.lock();
        if !fallback.is_empty() {
            fallback.remove(&number);
        }
    }
}

/// The name under which a volume keeps a guest's attribute.
pub(super) fn stored_name(name: &[u8]) -> Result<Vec<u8>> {
    if name.starts_with(OURS) {
        return Err(Errno::PERM);
    }
    if name.starts_with(b"user.") { Ok(name.to_vec()) } else { Ok([FOREIGN, name].concat()) }
}

/// The guest's name of a stored attribute; none if it is ours.
pub(super) fn shown_name(stored: &[u8]) -> Option<Vec<u8>> {
    match stored.strip_prefix(FOREIGN) {
        Some(name) => Some(name.to_vec()),
        None => {
            stored.starts_with(b"user.").then_some(stored).filter(|name| !name.starts_with(OURS)).map(<[u8]>::to_vec)
        }
    }
}
