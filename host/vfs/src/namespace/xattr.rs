//! Extended attributes: which name spaces there are and who may touch them (xattr(7)).

use crate::{Caller, Errno, FileKind, Permissions, Result, WatchMask, XattrFlags};

use super::{Location, Namespace};

/// Longest name in bytes.
const NAME_MAX: usize = 255;
/// Longest value in bytes (`XATTR_SIZE_MAX`).
const VALUE_MAX: usize = 65_536;

/// Checks that `caller` may read (or write) the attribute `name` of what is at `at`.
pub(crate) fn check_xattr(at: &Location, name: &[u8], write: bool, caller: &Caller) -> Result<()> {
    if name.is_empty() || name.len() > NAME_MAX {
        return Err(Errno::RANGE);
    }
    if name.contains(&0) {
        return Err(Errno::INVAL);
    }
    if write {
        at.mount.writable()?;
    }
    let hidden = if write { Errno::PERM } else { Errno::NODATA };
    let root = caller.credentials.is_root();
    if name.starts_with(b"user.") {
        let attributes = at.attributes()?;
        if !matches!(attributes.kind, FileKind::Regular | FileKind::Directory) {
            return Err(hidden);
        }
        let sticky = attributes.kind == FileKind::Directory && attributes.mode & 0o1000 != 0;
        if write && sticky && !caller.credentials.owns(&attributes) {
            return Err(Errno::PERM);
        }
        let wanted = if write { Permissions::WRITE } else { Permissions::READ };
        return caller.credentials.check(&attributes, wanted);
    }
    if name.starts_with(b"trusted.") {
        return if root { Ok(()) } else { Err(hidden) };
    }
    if name.starts_with(b"security.") {
        return if root || !write { Ok(()) } else { Err(Errno::PERM) };
    }
    Err(Errno::NOTSUP)
}

impl Namespace {
    /// getxattr(2) and lgetxattr(2); `ENODATA` if there is none.
    pub fn get_xattr(
        &self,
        base: &Location,
        path: &[u8],
        name: &[u8],
        follow: bool,
        caller: &Caller,
    ) -> Result<Vec<u8>> {
        let at = self.resolve(base, path, follow, caller)?;
        check_xattr(&at, name, false, caller)?;
        at.node().get_xattr(name)
    }

    /// setxattr(2) and lsetxattr(2).
    #[allow(clippy::too_many_arguments, reason = "the call has these")]
    pub fn set_xattr(
        &self,
        base: &Location,
        path: &[u8],
        name: &[u8],
        value: &[u8],
        flags: XattrFlags,
        follow: bool,
        caller: &Caller,
    ) -> Result<()> {
        let at = self.resolve(base, path, follow, caller)?;
        check_xattr(&at, name, true, caller)?;
        check_value(value)?;
        at.node().set_xattr(name, value, flags)?;
        self.tell(&at, WatchMask::ATTRIBUTES);
        Ok(())
    }

    /// removexattr(2) and lremovexattr(2); `ENODATA` if there is none.
    pub fn remove_xattr(&self, base: &Location, path: &[u8], name: &[u8], follow: bool, caller: &Caller) -> Result<()> {
        let at = self.resolve(base, path, follow, caller)?;
        check_xattr(&at, name, true, caller)?;
        at.node().remove_xattr(name)?;
        self.tell(&at, WatchMask::ATTRIBUTES);
        Ok(())
    }

    /// listxattr(2) and llistxattr(2); only user 0 sees `trusted.` names.
    pub fn list_xattrs(&self, base: &Location, path: &[u8], follow: bool, caller: &Caller) -> Result<Vec<Vec<u8>>> {
        let at = self.resolve(base, path, follow, caller)?;
        let mut names = at.node().list_xattrs()?;
        names.retain(|name| caller.credentials.is_root() || !name.starts_with(b"trusted."));
        Ok(names)
    }
}

/// `E2BIG` for a value longer than any file system must take.
pub(crate) fn check_value(value: &[u8]) -> Result<()> {
    if value.len() > VALUE_MAX { Err(Errno::TOOBIG) } else { Ok(()) }
}
