//! The bytes of regular files: read from the layer until the first write, then from the upper's own file.

use super::inode::{Content, Inode, Meta, next_generation};
use super::tree::Tree;
use crate::{Attributes, ContentIdentity, Errno, Result, SetAttributes, Timestamp};
use rustix::fs::{Timestamps, copy_file_range, futimens};
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

impl Tree {
    /// Brings size, blocks and times up to the contents file, if they are not.
    pub(super) fn load(&self, inode: &Inode, meta: &mut Meta) -> Result<()> {
        if !meta.unsized_yet && !meta.stale {
            return Ok(());
        }
        let (size, blocks, mtime) = match meta.file.upgrade() {
            Some(file) => {
                let now = file.metadata().map_err(|error| errno(&error))?;
                (now.size(), now.blocks(), time(now.mtime(), now.mtime_nsec()))
            }
            None => match self.upper.content_metadata(inode.ino).map_err(|error| errno(&error))? {
                Some(now) => {
                    use cap_std::fs::MetadataExt;
                    (now.size(), now.blocks(), time(now.mtime(), now.mtime_nsec()))
                }
                None => {
                    meta.unsized_yet = false;
                    meta.stale = false;
                    return Ok(());
                }
            },
        };
        meta.content = Content::Upper;
        meta.size = size;
        meta.blocks = blocks;
        meta.mtime = mtime;
        meta.ctime = meta.ctime.max(mtime);
        meta.unsized_yet = false;
        meta.stale = false;
        Ok(())
    }

    pub(super) fn attributes(&self, inode: &Inode) -> Result<Attributes> {
        let mut meta = inode.meta.lock();
        self.load(inode, &mut meta)?;
        Ok(inode.attributes(&meta, self.dev, &self.lowers))
    }

    pub(super) fn identity(&self, inode: &Inode) -> Option<ContentIdentity> {
        let mut meta = inode.meta.lock();
        if meta.content == Content::Lower {
            let at = inode.lowers.first()?;
            return self.lowers.layer(*at).ok()?.identity(at.node);
        }
        self.load(inode, &mut meta).ok()?;
        // The clock is too coarse to tell two writes apart; the generation is not.
        let generation = Timestamp { seconds: meta.generation.cast_signed(), nanoseconds: 0 };
        Some(ContentIdentity { dev: self.dev, ino: inode.ino, size: meta.size, mtime: meta.mtime, ctime: generation })
    }

    /// The contents file, shared by all handles.
    pub(super) fn content_file(&self, inode: &Inode, meta: &mut Meta) -> Result<Arc<File>> {
        if let Some(file) = meta.file.upgrade() {
            return Ok(file);
        }
        let file = self.upper.open_content(inode.ino).map_err(|error| errno(&error))?;
        let file = Arc::new(file);
        meta.file = Arc::downgrade(&file);
        Ok(file)
    }

    /// The contents file for writing; contents that are still a layer's are copied, unless `keep` says how few of
    /// them will be needed.
    pub(super) fn writable(self: &Arc<Self>, inode: &Arc<Inode>, keep: u64) -> Result<Arc<File>> {
        loop {
            let mut meta = inode.meta.lock();
            if meta.unsized_yet {
                self.load(inode, &mut meta)?;
            }
            match meta.content {
                Content::Upper => return self.content_file(inode, &mut meta),
                Content::None => {
                    let file = self.adopt(inode, &mut meta)?;
                    return Ok(file);
                }
                Content::Lower if !meta.changed => {
                    drop(meta);
                    self.mark_changed(&mut self.state.lock(), inode);
                }
                Content::Lower => {
                    let file = self.copy_up(inode, &mut meta, keep)?;
                    drop(meta);
                    self.journal_inode(&mut self.state.lock(), inode)?;
                    return Ok(file);
                }
            }
        }
    }

    /// Gives a file its own, empty contents file.
    fn adopt(&self, inode: &Inode, meta: &mut Meta) -> Result<Arc<File>> {
        let file = Arc::new(self.upper.create_content(inode.ino).map_err(|error| errno(&error))?);
        if meta.removed {
            // Deleted while open: the bytes go with the last handle.
            self.upper.remove_content(inode.ino);
        }
        meta.content = Content::Upper;
        meta.file = Arc::downgrade(&file);
        set_host_times(&file, meta.mtime)?;
        Ok(file)
    }

    fn copy_up(&self, inode: &Inode, meta: &mut Meta, keep: u64) -> Result<Arc<File>> {
        let at = *inode.lowers.first().ok_or(Errno::IO)?;
        let layer = Arc::clone(self.lowers.layer(at)?);
        let keep = keep.min(meta.size);
        self.reserve(keep)?;
        let file = self.upper.create_content(inode.ino).map_err(|error| errno(&error))?;
        let copied = copy_stretches(&layer, at.node, keep, &file)
            .and_then(|()| file.set_len(keep).map_err(|error| errno(&error)));
        if let Err(error) = copied {
            self.upper.remove_content(inode.ino);
            return Err(error);
        }
        set_host_times(&file, meta.mtime)?;
        let file = Arc::new(file);
        if meta.removed {
            self.upper.remove_content(inode.ino);
        }
        meta.content = Content::Upper;
        meta.size = keep;
        meta.file = Arc::downgrade(&file);
        self.account(meta, &file);
        Ok(file)
    }

    /// Fails if so many more bytes would go over the limit of the upper.
    fn reserve(&self, bytes: u64) -> Result<()> {
        match self.upper.limit {
            Some(limit) if self.used.load(Ordering::Relaxed).saturating_add(bytes) > limit => Err(Errno::NOSPC),
            _ => Ok(()),
        }
    }

    /// Counts the space a contents file takes now.
    fn account(&self, meta: &mut Meta, file: &File) {
        if self.upper.limit.is_none() {
            meta.stale = true;
            return;
        }
        let Ok(now) = file.metadata() else { return };
        let (before, after) = (meta.blocks * 512, now.blocks() * 512);
        meta.blocks = now.blocks();
        if after >= before {
            self.used.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.used.fetch_sub(before - after, Ordering::Relaxed);
        }
        meta.stale = true;
    }

    /// The space of a file that is no more.
    pub(super) fn release(&self, meta: &Meta) {
        if self.upper.limit.is_some() && meta.content == Content::Upper {
            let freed = meta.blocks * 512;
            let _ =
                self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| Some(used.saturating_sub(freed)));
        }
    }

    pub(super) fn write(
        self: &Arc<Self>,
        inode: &Arc<Inode>,
        data: &[u8],
        offset: Option<u64>,
    ) -> Result<(usize, u64)> {
        let file = self.writable(inode, u64::MAX)?;
        let mut meta = inode.meta.lock();
        if meta.unsized_yet {
            self.load(inode, &mut meta)?;
        }
        let offset = offset.unwrap_or(meta.size);
        let end = offset.checked_add(data.len() as u64).filter(|end| i64::try_from(*end).is_ok()).ok_or(Errno::FBIG)?;
        // Overwriting what is there takes no space; holes being filled do, and are seen afterwards.
        if end > meta.size {
            self.reserve(end - meta.size.max(offset))?;
        }
        let count = file.write_at(data, offset).map_err(|error| errno(&error))?;
        let end = offset + count as u64;
        meta.size = meta.size.max(end);
        meta.generation = next_generation();
        self.account(&mut meta, &file);
        Ok((count, end))
    }

    pub(super) fn set_len(self: &Arc<Self>, inode: &Arc<Inode>, size: u64) -> Result<()> {
        if i64::try_from(size).is_err() {
            return Err(Errno::FBIG);
        }
        let file = self.writable(inode, size)?;
        let mut meta = inode.meta.lock();
        file.set_len(size).map_err(|error| errno(&error))?;
        // truncate() to the same size moves the times as well, which the host may leave out.
        if meta.size == size {
            set_host_times(&file, Timestamp::now())?;
        }
        meta.size = size;
        meta.unsized_yet = false;
        meta.ctime = Timestamp::now();
        meta.generation = next_generation();
        self.account(&mut meta, &file);
        Ok(())
    }

    /// chmod, chown, utimes, truncate.
    pub(super) fn set_attributes(self: &Arc<Self>, inode: &Arc<Inode>, change: &SetAttributes) -> Result<()> {
        if let Some(size) = change.size {
            match inode.kind {
                crate::FileKind::Regular => self.set_len(inode, size)?,
                crate::FileKind::Directory => return Err(Errno::ISDIR),
                _ => return Err(Errno::INVAL),
            }
        }
        let (atime, mtime) = (change.atime.resolve(), change.mtime.resolve());
        if change.mode.is_none() && change.uid.is_none() && change.gid.is_none() && atime.is_none() && mtime.is_none() {
            return Ok(());
        }
        let mut state = self.state.lock();
        self.mark_changed(&mut state, inode);
        {
            let mut meta = inode.meta.lock();
            self.load(inode, &mut meta)?;
            if let Some(mtime) = mtime {
                if meta.content == Content::Upper {
                    let file = self.content_file(inode, &mut meta)?;
                    set_host_times(&file, mtime)?;
                }
                meta.mtime = mtime;
                meta.stale = false;
            }
            meta.atime = atime.unwrap_or(meta.atime);
            meta.mode = change.mode.map_or(meta.mode, |mode| mode & 0o7777);
            meta.uid = change.uid.unwrap_or(meta.uid);
            meta.gid = change.gid.unwrap_or(meta.gid);
            meta.ctime = Timestamp::now();
        }
        self.journal_inode(&mut state, inode)
    }

    pub(super) fn touch_atime(&self, inode: &Inode) {
        let mut meta = inode.meta.lock();
        let now = Timestamp::now();
        // As with relatime: once after each change, and once a day.
        if meta.atime <= meta.mtime || meta.atime.seconds.saturating_add(86_400) < now.seconds {
            meta.atime = now;
        }
    }
}

fn time(seconds: i64, nanoseconds: i64) -> Timestamp {
    Timestamp { seconds, nanoseconds: u32::try_from(nanoseconds).unwrap_or(0) }
}

fn set_host_times(file: &File, mtime: Timestamp) -> Result<()> {
    let spec = |time: Timestamp| rustix::fs::Timespec { tv_sec: time.seconds, tv_nsec: time.nanoseconds.into() };
    futimens(file, &Timestamps { last_access: spec(mtime), last_modification: spec(mtime) })
}

fn copy_stretches(layer: &crate::layer::Layer, node: u32, keep: u64, file: &File) -> Result<()> {
    for (offset, length, position) in layer.stretches(node) {
        let mut left = length.min(keep.saturating_sub(offset));
        let (mut from, mut to) = (position, offset);
        while left > 0 {
            let want = usize::try_from(left.min(1 << 30)).unwrap_or(1 << 30);
            let count = match copy_file_range(layer.tar(), Some(&mut from), file, Some(&mut to), want) {
                Ok(0) => return Err(Errno::IO),
                Ok(count) => count,
                // Across file systems of kinds that cannot, or kernels that do not.
                Err(Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => {
                    let mut buffer = vec![0; want.min(256 << 10)];
                    let count = layer.tar().read_at(&mut buffer, from).map_err(|error| errno(&error))?;
                    if count == 0 {
                        return Err(Errno::IO);
                    }
                    let part = buffer.get(..count).unwrap_or_default();
                    file.write_all_at(part, to).map_err(|error| errno(&error))?;
                    from += count as u64;
                    to += count as u64;
                    count
                }
                Err(error) => return Err(error),
            };
            left -= count as u64;
        }
    }
    Ok(())
}
