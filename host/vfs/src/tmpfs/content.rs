//! The bytes of a file in memory: chunks by number, with holes between and behind them.

use crate::{Errno, Result};
use std::collections::BTreeMap;

use super::{PAGE, Store};

/// Bytes a chunk holds at most. What lies behind a shorter chunk's end is zeros.
const CHUNK: u64 = 64 * 1024;

/// A file's contents. Whoever owns it gives the pages back with [`Content::clear`].
#[derive(Default)]
pub(super) struct Content {
    size: u64,
    chunks: BTreeMap<u64, Vec<u8>>,
    /// Pages taken from the store.
    pages: u64,
}

/// Chunk number and position in it.
fn locate(offset: u64) -> (u64, usize) {
    (offset / CHUNK, usize::try_from(offset % CHUNK).unwrap_or(0))
}

fn pages(length: usize) -> u64 {
    (length as u64).div_ceil(PAGE)
}

impl Content {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Space taken in units of 512 bytes.
    pub(super) fn blocks(&self) -> u64 {
        self.pages.saturating_mul(PAGE / 512)
    }

    pub(super) fn read(&self, buf: &mut [u8], offset: u64) -> usize {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = buf.len().min(left);
        let mut rest = buf.get_mut(..wanted).unwrap_or_default();
        let mut at = offset;
        while !rest.is_empty() {
            let (number, start) = locate(at);
            let length = rest.len().min(CHUNK as usize - start);
            let (part, behind) = rest.split_at_mut(length);
            let stored = self.chunks.get(&number).and_then(|chunk| chunk.get(start..)).unwrap_or_default();
            let stored = stored.get(..length).unwrap_or(stored);
            let (bytes, zeros) = part.split_at_mut(stored.len());
            bytes.copy_from_slice(stored);
            zeros.fill(0);
            rest = behind;
            at += length as u64;
        }
        wanted
    }

    /// Writes as much as there is room for; `ENOSPC` if there is none.
    pub(super) fn write(&mut self, store: &Store, data: &[u8], offset: u64) -> Result<usize> {
        let end = offset.checked_add(data.len() as u64).filter(|end| i64::try_from(*end).is_ok());
        if end.is_none() {
            return Err(Errno::FBIG);
        }
        let mut written = 0;
        let mut rest = data;
        while !rest.is_empty() {
            let at = offset + written as u64;
            let (number, start) = locate(at);
            let length = rest.len().min(CHUNK as usize - start);
            let (part, behind) = rest.split_at(length);
            match self.write_chunk(store, number, start, part) {
                Ok(()) => {}
                Err(_) if written > 0 => return Ok(written),
                Err(error) => return Err(error),
            }
            written += length;
            self.size = self.size.max(at + length as u64);
            rest = behind;
        }
        Ok(written)
    }

    fn write_chunk(&mut self, store: &Store, number: u64, start: usize, part: &[u8]) -> Result<()> {
        let end = start + part.len();
        let had = self.chunks.get(&number).map_or(0, Vec::len);
        if end > had {
            let more = pages(end) - pages(had);
            store.take_pages(more)?;
            self.pages += more;
        }
        let chunk = self.chunks.entry(number).or_default();
        if chunk.len() < start {
            chunk.resize(start, 0);
        }
        // Overwrite what is there, append the rest: nothing is zeroed only to be written.
        let (over, beyond) = part.split_at(part.len().min(chunk.len() - start));
        if let Some(place) = chunk.get_mut(start..start + over.len()) {
            place.copy_from_slice(over);
        }
        if chunk.is_empty() && beyond.len() as u64 >= PAGE {
            chunk.reserve_exact(if beyond.len() as u64 >= CHUNK / 2 { CHUNK as usize } else { beyond.len() });
        }
        chunk.extend_from_slice(beyond);
        Ok(())
    }

    pub(super) fn set_size(&mut self, store: &Store, size: u64) -> Result<()> {
        if i64::try_from(size).is_err() {
            return Err(Errno::FBIG);
        }
        if size < self.size {
            let (number, keep) = locate(size);
            let mut freed: u64 = self.chunks.split_off(&(number + 1)).values().map(|chunk| pages(chunk.len())).sum();
            if let Some(chunk) = self.chunks.get_mut(&number)
                && chunk.len() > keep
            {
                freed += pages(chunk.len()) - pages(keep);
                chunk.truncate(keep);
                chunk.shrink_to_fit();
                if keep == 0 {
                    self.chunks.remove(&number);
                }
            }
            self.pages -= freed;
            store.give_pages(freed);
        }
        self.size = size;
        Ok(())
    }

    /// Gives everything back.
    pub(super) fn clear(&mut self, store: &Store) {
        store.give_pages(self.pages);
        *self = Self::default();
    }
}
