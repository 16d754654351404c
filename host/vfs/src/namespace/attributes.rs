//! Changing modes, owners, times and sizes: who may, and what else changes with them.

use crate::{Attributes, Caller, Errno, FileKind, FsFigures, NewTime, Permissions, Result, SetAttributes, WatchMask};

use super::{Location, Namespace, Target};

const SET_UID: u32 = 0o4000;
const SET_GID: u32 = 0o2000;

/// The mode that chmod() leads to. A caller outside the file's group cannot set the set-group-id bit.
pub(crate) fn mode_change(attributes: &Attributes, mode: u32, caller: &Caller) -> Result<SetAttributes> {
    if !caller.credentials.owns(attributes) {
        return Err(Errno::PERM);
    }
    let mut mode = mode & 0o7777;
    if !caller.credentials.is_root() && !caller.credentials.in_group(attributes.gid) {
        mode &= !SET_GID;
    }
    Ok(SetAttributes { mode: Some(mode), ..SetAttributes::default() })
}

/// The mode without the set-id bits that must not survive a change of owner or contents; `None` if there are none.
/// The set-group-id bit only counts on files that the group may execute.
pub(crate) fn without_set_id(attributes: &Attributes) -> Option<u32> {
    if attributes.kind != FileKind::Regular {
        return None;
    }
    let mut mode = attributes.mode & !SET_UID;
    if mode & 0o010 != 0 {
        mode &= !SET_GID;
    }
    (mode != attributes.mode).then_some(mode)
}

/// What chown() changes. User 0 may do everything; an owner may give the file to one of its own groups.
pub(crate) fn owner_change(
    attributes: &Attributes,
    uid: Option<u32>,
    gid: Option<u32>,
    caller: &Caller,
) -> Result<SetAttributes> {
    let credentials = &caller.credentials;
    if !credentials.is_root() {
        let owner = credentials.uid == attributes.uid;
        let keeps_user = uid.is_none_or(|uid| owner && uid == attributes.uid);
        let own_group = gid.is_none_or(|gid| owner && (gid == attributes.gid || credentials.in_group(gid)));
        if !keeps_user || !own_group {
            return Err(Errno::PERM);
        }
    }
    Ok(SetAttributes { uid, gid, mode: without_set_id(attributes), ..SetAttributes::default() })
}

/// Whether utimensat() is allowed: own times need ownership, the present also just permission to write.
pub(crate) fn check_times(attributes: &Attributes, times: [NewTime; 2], caller: &Caller) -> Result<()> {
    let valid = |time: NewTime| !matches!(time, NewTime::At(time) if time.nanoseconds >= 1_000_000_000);
    if !times.into_iter().all(valid) {
        return Err(Errno::INVAL);
    }
    if caller.credentials.owns(attributes) {
        return Ok(());
    }
    if times == [NewTime::Now; 2] {
        return caller.credentials.check(attributes, Permissions::WRITE);
    }
    Err(Errno::PERM)
}

impl Namespace {
    fn change(&self, at: &Location, change: &SetAttributes) -> Result<()> {
        at.node().set_attributes(change)?;
        self.tell(at, WatchMask::ATTRIBUTES);
        Ok(())
    }

    /// chmod(); `ENOTSUP` for a symbolic link that is not followed.
    pub fn set_mode(&self, base: &Location, path: &[u8], mode: u32, follow: bool, caller: &Caller) -> Result<()> {
        let at = match self.target(base, path, follow, caller)? {
            Target::At(at) => at,
            Target::Magic(link) => {
                return link.set_target_attributes(&mode_change(&link.target_attributes()?, mode, caller)?);
            }
        };
        at.mount.writable()?;
        if at.kind() == FileKind::Symlink {
            return Err(Errno::NOTSUP);
        }
        self.change(&at, &mode_change(&at.attributes()?, mode, caller)?)
    }

    /// chown() and lchown(); `None` leaves a side as it is.
    pub fn set_owner(
        &self,
        base: &Location,
        path: &[u8],
        uid: Option<u32>,
        gid: Option<u32>,
        follow: bool,
        caller: &Caller,
    ) -> Result<()> {
        let at = match self.target(base, path, follow, caller)? {
            Target::At(at) => at,
            Target::Magic(link) => {
                return link.set_target_attributes(&owner_change(&link.target_attributes()?, uid, gid, caller)?);
            }
        };
        at.mount.writable()?;
        self.change(&at, &owner_change(&at.attributes()?, uid, gid, caller)?)
    }

    /// utimensat()
    pub fn set_times(
        &self,
        base: &Location,
        path: &[u8],
        accessed: NewTime,
        modified: NewTime,
        follow: bool,
        caller: &Caller,
    ) -> Result<()> {
        let target = self.target(base, path, follow, caller)?;
        let times = [accessed, modified];
        if times == [NewTime::Keep; 2] {
            return Ok(());
        }
        let change = SetAttributes { atime: accessed, mtime: modified, ..SetAttributes::default() };
        match target {
            Target::At(at) => {
                at.mount.writable()?;
                check_times(&at.attributes()?, times, caller)?;
                self.change(&at, &change)
            }
            Target::Magic(link) => {
                check_times(&link.target_attributes()?, times, caller)?;
                link.set_target_attributes(&change)
            }
        }
    }

    /// truncate()
    pub fn truncate(&self, base: &Location, path: &[u8], size: u64, caller: &Caller) -> Result<()> {
        let at = self.resolve(base, path, true, caller)?;
        match at.kind() {
            FileKind::Regular => {}
            FileKind::Directory => return Err(Errno::ISDIR),
            _ => return Err(Errno::INVAL),
        }
        let attributes = at.attributes()?;
        caller.credentials.check(&attributes, Permissions::WRITE)?;
        at.mount.writable()?;
        check_size(size, caller.file_size_limit)?;
        let mode = if caller.credentials.is_root() { None } else { without_set_id(&attributes) };
        at.node().set_attributes(&SetAttributes { size: Some(size), mode, ..SetAttributes::default() })?;
        self.tell(&at, WatchMask::MODIFY);
        Ok(())
    }

    /// access(), against the identity in `caller`. Empty permissions ask whether the file exists.
    pub fn access(
        &self,
        base: &Location,
        path: &[u8],
        wanted: Permissions,
        follow: bool,
        caller: &Caller,
    ) -> Result<()> {
        let at = match self.target(base, path, follow, caller)? {
            Target::At(at) => at,
            Target::Magic(link) => return caller.credentials.check(&link.target_attributes()?, wanted),
        };
        at.check_access(wanted, caller)
    }

    /// statvfs()
    pub fn figures(&self, base: &Location, path: &[u8], caller: &Caller) -> Result<FsFigures> {
        self.resolve(base, path, true, caller)?.figures()
    }
}

impl Location {
    /// access(): mode and owner, and what the mount forbids (writing on a read-only one, executing with `noexec`).
    pub fn check_access(&self, wanted: Permissions, caller: &Caller) -> Result<()> {
        if wanted.is_empty() {
            return Ok(());
        }
        let attributes = self.attributes()?;
        caller.credentials.check(&attributes, wanted)?;
        let stored = matches!(attributes.kind, FileKind::Regular | FileKind::Directory | FileKind::Symlink);
        if wanted.contains(Permissions::WRITE) && stored {
            self.mount.writable()?;
        }
        if wanted.contains(Permissions::EXECUTE) && attributes.kind == FileKind::Regular && self.mount.no_execute {
            return Err(Errno::ACCESS);
        }
        Ok(())
    }

    /// statvfs() of the mount.
    pub fn figures(&self) -> Result<FsFigures> {
        let mut figures = self.node().figures()?;
        figures.read_only |= self.is_read_only();
        Ok(figures)
    }
}

/// `EFBIG` for a size over the caller's limit, `EINVAL` for one that no file offset can express.
pub(crate) fn check_size(size: u64, limit: Option<u64>) -> Result<()> {
    if i64::try_from(size).is_err() {
        return Err(Errno::INVAL);
    }
    if limit.is_some_and(|limit| size > limit) { Err(Errno::FBIG) } else { Ok(()) }
}
