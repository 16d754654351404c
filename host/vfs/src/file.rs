//! Open regular files and directories: what stays checked after `open()`.

use crate::{
    Attributes, Caller, ContentIdentity, DirEntry, Errno, FsFigures, Handle, Location, NewTime, Result, XattrFlags,
};
use std::sync::Arc;

/// An open regular file, without a position. A clone is the same description.
#[derive(Clone)]
pub struct File {
    inner: Arc<(Arc<dyn Handle>, Location)>,
}

#[allow(unused_variables, missing_docs, reason = "signatures first")]
impl File {
    pub fn location(&self) -> &Location {
        &self.inner.1
    }
    pub fn handle(&self) -> &Arc<dyn Handle> {
        &self.inner.0
    }
    pub fn created(&self) -> bool {
        false
    }
    pub fn readable(&self) -> bool {
        false
    }
    pub fn writable(&self) -> bool {
        false
    }
    pub fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        Err(Errno::NOSYS)
    }
    pub fn write_at(&self, data: &[u8], offset: u64) -> Result<usize> {
        Err(Errno::NOSYS)
    }
    pub fn append(&self, data: &[u8]) -> Result<(usize, u64)> {
        Err(Errno::NOSYS)
    }
    pub fn set_len(&self, size: u64) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn sync(&self, data_only: bool) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn attributes(&self) -> Result<Attributes> {
        Err(Errno::NOSYS)
    }
    pub fn set_mode(&self, mode: u32, caller: &Caller) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn set_owner(&self, uid: Option<u32>, gid: Option<u32>, caller: &Caller) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn set_times(&self, accessed: NewTime, modified: NewTime, caller: &Caller) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn identity(&self) -> Option<ContentIdentity> {
        None
    }
    pub fn figures(&self) -> Result<FsFigures> {
        Err(Errno::NOSYS)
    }
    pub fn get_xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        Err(Errno::NOSYS)
    }
    pub fn set_xattr(&self, name: &[u8], value: &[u8], flags: XattrFlags, caller: &Caller) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn remove_xattr(&self, name: &[u8], caller: &Caller) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn list_xattrs(&self) -> Result<Vec<Vec<u8>>> {
        Err(Errno::NOSYS)
    }
}

/// An open directory.
#[derive(Clone)]
pub struct Directory {
    location: Location,
}

#[allow(unused_variables, missing_docs, reason = "signatures first")]
impl Directory {
    pub fn location(&self) -> &Location {
        &self.location
    }
    pub fn attributes(&self) -> Result<Attributes> {
        self.location.attributes()
    }
    pub fn read_dir(&self, caller: &Caller) -> Result<Vec<DirEntry>> {
        Err(Errno::NOSYS)
    }
    pub fn set_mode(&self, mode: u32, caller: &Caller) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn set_owner(&self, uid: Option<u32>, gid: Option<u32>, caller: &Caller) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn set_times(&self, accessed: NewTime, modified: NewTime, caller: &Caller) -> Result<()> {
        Err(Errno::NOSYS)
    }
    pub fn figures(&self) -> Result<FsFigures> {
        Err(Errno::NOSYS)
    }
    pub fn sync(&self) -> Result<()> {
        Ok(())
    }
}
