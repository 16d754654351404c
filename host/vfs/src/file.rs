//! Open regular files and directories: what stays checked after `open()`.
//!
//! Permission to read and write was decided when the file was opened and stays. Each write still obeys the file size
//! limit of who opened it, takes set-id bits away unless user 0 opened the file, and is told to watchers.

use crate::namespace::{
    OpenOptions, check_size, check_times, check_value, check_xattr, mode_change, owner_change, tell, without_set_id,
};
use crate::{
    Attributes, Caller, ContentIdentity, DirEntry, Errno, FsFigures, Handle, Location, NewTime, Result, SetAttributes,
    WatchHub, WatchMask, XattrFlags,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// An open regular file, without a position. A clone is the same description; the file is closed when the last one
/// is dropped.
#[derive(Clone)]
pub struct File {
    inner: Arc<Inner>,
}

struct Inner {
    handle: Arc<dyn Handle>,
    location: Location,
    watches: Arc<WatchHub>,
    read: bool,
    write: bool,
    created: bool,
    size_limit: Option<u64>,
    /// Whether a write must look for set-id bits to take away.
    strip: AtomicBool,
}

impl File {
    pub(crate) fn new(
        handle: Arc<dyn Handle>,
        location: Location,
        options: &OpenOptions,
        created: bool,
        watches: Arc<WatchHub>,
        caller: &Caller,
    ) -> Self {
        tell(&watches, &location, WatchMask::OPEN);
        let inner = Inner {
            handle,
            location,
            watches,
            read: options.read,
            write: options.write || options.append,
            created,
            size_limit: caller.file_size_limit,
            strip: AtomicBool::new(!caller.credentials.is_root()),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Where the file lies.
    pub fn location(&self) -> &Location {
        &self.inner.location
    }

    /// The file system's handle, past every rule of this type.
    pub fn handle(&self) -> &Arc<dyn Handle> {
        &self.inner.handle
    }

    /// Whether opening it made it.
    pub fn created(&self) -> bool {
        self.inner.created
    }

    /// Whether it was opened for reading.
    pub fn readable(&self) -> bool {
        self.inner.read
    }

    /// Whether it was opened for writing.
    pub fn writable(&self) -> bool {
        self.inner.write
    }

    /// pread(); 0 is the end of the file.
    pub fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        if !self.inner.read {
            return Err(Errno::BADF);
        }
        let read = self.inner.handle.read_at(buf, offset)?;
        if read > 0 {
            self.tell(WatchMask::ACCESS);
        }
        Ok(read)
    }

    /// pwrite(); answers how much was taken.
    pub fn write_at(&self, data: &[u8], offset: u64) -> Result<usize> {
        let data = self.before_write(data, || Ok(offset))?;
        if data.is_empty() {
            return Ok(0);
        }
        let written = self.inner.handle.write_at(data, offset)?;
        self.tell(WatchMask::MODIFY);
        Ok(written)
    }

    /// Writes at the end, atomically with finding the end; answers how much was taken and the new end.
    pub fn append(&self, data: &[u8]) -> Result<(usize, u64)> {
        let end = || self.inner.handle.attributes().map(|attributes| attributes.size);
        let data = match self.inner.size_limit {
            Some(_) => self.before_write(data, end)?,
            None => self.before_write(data, || Ok(0))?,
        };
        if data.is_empty() {
            return Ok((0, end()?));
        }
        let done = self.inner.handle.append(data)?;
        self.tell(WatchMask::MODIFY);
        Ok(done)
    }

    /// ftruncate()
    pub fn set_len(&self, size: u64) -> Result<()> {
        if !self.inner.write {
            return Err(Errno::INVAL);
        }
        check_size(size, self.inner.size_limit)?;
        self.inner.handle.set_len(size)?;
        self.strip_set_id()?;
        self.tell(WatchMask::MODIFY);
        Ok(())
    }

    /// fsync(), or fdatasync() with `data_only`.
    pub fn sync(&self, data_only: bool) -> Result<()> {
        self.inner.handle.sync(data_only)
    }

    /// fstat()
    pub fn attributes(&self) -> Result<Attributes> {
        self.inner.handle.attributes()
    }

    /// fchmod()
    pub fn set_mode(&self, mode: u32, caller: &Caller) -> Result<()> {
        self.change(&mode_change(&self.writable_attributes()?, mode, caller)?)
    }

    /// fchown(); `None` leaves a side as it is.
    pub fn set_owner(&self, uid: Option<u32>, gid: Option<u32>, caller: &Caller) -> Result<()> {
        self.change(&owner_change(&self.writable_attributes()?, uid, gid, caller)?)
    }

    /// futimens()
    pub fn set_times(&self, accessed: NewTime, modified: NewTime, caller: &Caller) -> Result<()> {
        if [accessed, modified] == [NewTime::Keep; 2] {
            return Ok(());
        }
        check_times(&self.writable_attributes()?, [accessed, modified], caller)?;
        self.change(&SetAttributes { atime: accessed, mtime: modified, ..SetAttributes::default() })
    }

    /// What makes the content recognisable without reading it.
    pub fn identity(&self) -> Option<ContentIdentity> {
        self.inner.handle.identity()
    }

    /// fstatvfs()
    pub fn figures(&self) -> Result<FsFigures> {
        self.inner.location.figures()
    }

    /// fgetxattr(2)
    pub fn get_xattr(&self, name: &[u8], caller: &Caller) -> Result<Vec<u8>> {
        check_xattr(&self.inner.location, name, false, caller)?;
        self.inner.location.node().get_xattr(name)
    }

    /// fsetxattr(2)
    pub fn set_xattr(&self, name: &[u8], value: &[u8], flags: XattrFlags, caller: &Caller) -> Result<()> {
        check_xattr(&self.inner.location, name, true, caller)?;
        check_value(value)?;
        self.inner.location.node().set_xattr(name, value, flags)?;
        self.tell(WatchMask::ATTRIBUTES);
        Ok(())
    }

    /// fremovexattr(2)
    pub fn remove_xattr(&self, name: &[u8], caller: &Caller) -> Result<()> {
        check_xattr(&self.inner.location, name, true, caller)?;
        self.inner.location.node().remove_xattr(name)?;
        self.tell(WatchMask::ATTRIBUTES);
        Ok(())
    }

    /// flistxattr(2)
    pub fn list_xattrs(&self) -> Result<Vec<Vec<u8>>> {
        self.inner.location.node().list_xattrs()
    }

    /// What `O_TRUNC` changes besides the size.
    pub(crate) fn truncated(&self) {
        // The contents are gone already: a failure here must not fail the open.
        let _ = self.strip_set_id();
        self.tell(WatchMask::MODIFY);
    }

    /// The part of `data` that the limits let through.
    fn before_write<'a>(&self, data: &'a [u8], offset: impl FnOnce() -> Result<u64>) -> Result<&'a [u8]> {
        if !self.inner.write {
            return Err(Errno::BADF);
        }
        if data.is_empty() {
            return Ok(data);
        }
        let offset = offset()?;
        let most = self.inner.size_limit.unwrap_or(u64::MAX).min(i64::MAX as u64);
        let room = most.saturating_sub(offset);
        if room == 0 {
            return Err(Errno::FBIG);
        }
        self.strip_set_id()?;
        let length = usize::try_from(room).map_or(data.len(), |room| room.min(data.len()));
        Ok(data.get(..length).unwrap_or(data))
    }

    fn strip_set_id(&self) -> Result<()> {
        if self.inner.strip.swap(false, Ordering::Relaxed)
            && let Some(mode) = without_set_id(&self.inner.handle.attributes()?)
        {
            self.inner.handle.set_attributes(&SetAttributes { mode: Some(mode), ..SetAttributes::default() })?;
        }
        Ok(())
    }

    fn writable_attributes(&self) -> Result<Attributes> {
        self.inner.location.mount.writable()?;
        self.inner.handle.attributes()
    }

    fn change(&self, change: &SetAttributes) -> Result<()> {
        self.inner.handle.set_attributes(change)?;
        self.tell(WatchMask::ATTRIBUTES);
        Ok(())
    }

    fn tell(&self, event: WatchMask) {
        tell(&self.inner.watches, &self.inner.location, event);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.watches.is_watching() {
            return;
        }
        let event = if self.write { WatchMask::CLOSE_WRITE } else { WatchMask::CLOSE_NO_WRITE };
        tell(&self.watches, &self.location, event);
        // The last close of a file without a name is its end.
        if self.location.is_deleted()
            && Arc::strong_count(&self.location.dentry) == 1
            && let Ok(attributes) = self.handle.attributes()
            && attributes.nlink == 0
        {
            self.watches.gone((attributes.dev, attributes.ino));
        }
    }
}

/// An open directory. A clone is the same description.
#[derive(Clone)]
pub struct Directory {
    inner: Arc<OpenDirectory>,
}

struct OpenDirectory {
    location: Location,
    watches: Arc<WatchHub>,
}

impl Directory {
    pub(crate) fn new(location: Location, watches: Arc<WatchHub>) -> Self {
        tell(&watches, &location, WatchMask::OPEN);
        Self { inner: Arc::new(OpenDirectory { location, watches }) }
    }

    /// Where it lies.
    pub fn location(&self) -> &Location {
        &self.inner.location
    }

    /// fstat()
    pub fn attributes(&self) -> Result<Attributes> {
        self.inner.location.attributes()
    }

    /// Every name without `.` and `..`, in no order. `caller` decides what `/proc` shows.
    pub fn read_dir(&self, caller: &Caller) -> Result<Vec<DirEntry>> {
        let entries = self.inner.location.node().read_dir(caller)?;
        tell(&self.inner.watches, &self.inner.location, WatchMask::ACCESS);
        Ok(entries)
    }

    /// fchmod()
    pub fn set_mode(&self, mode: u32, caller: &Caller) -> Result<()> {
        self.change(&mode_change(&self.writable_attributes()?, mode, caller)?)
    }

    /// fchown(); `None` leaves a side as it is.
    pub fn set_owner(&self, uid: Option<u32>, gid: Option<u32>, caller: &Caller) -> Result<()> {
        self.change(&owner_change(&self.writable_attributes()?, uid, gid, caller)?)
    }

    /// futimens()
    pub fn set_times(&self, accessed: NewTime, modified: NewTime, caller: &Caller) -> Result<()> {
        if [accessed, modified] == [NewTime::Keep; 2] {
            return Ok(());
        }
        check_times(&self.writable_attributes()?, [accessed, modified], caller)?;
        self.change(&SetAttributes { atime: accessed, mtime: modified, ..SetAttributes::default() })
    }

    /// fstatvfs()
    pub fn figures(&self) -> Result<FsFigures> {
        self.inner.location.figures()
    }

    /// fsync(): the names are as durable as the file system makes them.
    pub fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn writable_attributes(&self) -> Result<Attributes> {
        self.inner.location.mount.writable()?;
        self.attributes()
    }

    fn change(&self, change: &SetAttributes) -> Result<()> {
        self.inner.location.node().set_attributes(change)?;
        tell(&self.inner.watches, &self.inner.location, WatchMask::ATTRIBUTES);
        Ok(())
    }
}

impl Drop for OpenDirectory {
    fn drop(&mut self) {
        tell(&self.watches, &self.location, WatchMask::CLOSE_NO_WRITE);
    }
}
