//! The path walk: one component at a time, inside the container's root.
//!
//! No path is ever given to a file system, only one validated name at a time, so neither `..` nor a symbolic link can
//! lead out: `..` follows the namespace's own parents and an absolute link starts at the namespace's root. POSIX XBD
//! 4.16 says how a path is resolved; where it leaves a choice this follows Linux.

use crate::{Caller, Errno, FileKind, Name, Node, Permissions, Result};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::dentry::{Dentry, Location};
use super::mount::MountTable;

/// Longest path in bytes, its terminating zero byte included (`PATH_MAX`).
const PATH_MAX: usize = 4096;
/// Symbolic links followed in one resolution before `ELOOP`.
const LINKS_MAX: u32 = 40;

/// The last component of a path, once everything before it has been walked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// A name; the bytes are [`Walk::name`].
    Name(Range<usize>),
    /// `.`
    Dot,
    /// `..`
    DotDot,
    /// Nothing but slashes.
    Root,
}

/// Where a path leads.
pub(crate) enum Target {
    /// To a file of the namespace.
    At(Location),
    /// Through this magic link to something that is no file of the namespace.
    Magic(Arc<dyn Node>),
}

/// A path being walked.
pub(crate) struct Walk<'a> {
    table: &'a MountTable,
    caller: &'a Caller,
    path: Cow<'a, [u8]>,
    next: usize,
    links: u32,
    /// The directory reached so far.
    pub(crate) here: Location,
    /// Whether the last component had a slash behind it, so that it must be a directory.
    pub(crate) slash: bool,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(table: &'a MountTable, base: &Location, path: &'a [u8], caller: &'a Caller) -> Result<Self> {
        match path {
            [] => return Err(Errno::NOENT),
            _ if path.len() >= PATH_MAX => return Err(Errno::NAMETOOLONG),
            _ if path.contains(&0) => return Err(Errno::INVAL),
            _ => {}
        }
        let here = if path.first() == Some(&b'/') { table.root() } else { base };
        Ok(Self { table, caller, path: Cow::Borrowed(path), next: 0, links: 0, here: here.clone(), slash: false })
    }

    /// The bytes of a last name.
    pub(crate) fn name(&self, name: &Range<usize>) -> &[u8] {
        self.path.get(name.clone()).unwrap_or_default()
    }

    /// Walks up to the last component.
    pub(crate) fn parent(&mut self) -> Result<Last> {
        loop {
            let rest = self.path.get(self.next..).unwrap_or_default();
            let Some(skip) = rest.iter().position(|byte| *byte != b'/') else {
                return Ok(Last::Root);
            };
            let start = self.next + skip;
            let rest = self.path.get(start..).unwrap_or_default();
            let length = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
            let end = start + length;
            let last = rest.iter().skip(length).all(|byte| *byte == b'/');
            self.next = end;
            search(&self.here, self.caller)?;
            let component = self.path.get(start..end).unwrap_or_default();
            match component {
                b"." if last => return Ok(Last::Dot),
                b"." => {}
                b".." if last => return Ok(Last::DotDot),
                b".." => self.here = self.table.above(&self.here)?,
                _ if last => {
                    self.slash = end < self.path.len();
                    return Ok(Last::Name(start..end));
                }
                name => {
                    let child = child(self.table, &self.here, name, self.caller)?;
                    if child.kind() == FileKind::Symlink {
                        if let Some(magic) = self.follow(&child)? {
                            drop(magic);
                            return Err(Errno::NOTDIR);
                        }
                    } else {
                        self.here = child;
                    }
                }
            }
        }
    }

    /// What the last name stands for.
    pub(crate) fn child(&self, name: &Range<usize>) -> Result<Location> {
        child(self.table, &self.here, self.name(name), self.caller)
    }

    /// Goes on with the contents of a symbolic link in place of the component that named it. Answers the link itself
    /// if it is a magic one that leads out of the namespace.
    pub(crate) fn follow(&mut self, link: &Location) -> Result<Option<Arc<dyn Node>>> {
        self.links += 1;
        if self.links > LINKS_MAX {
            return Err(Errno::LOOP);
        }
        let node = link.node();
        let jump = node.jump();
        if jump.is_some() || node.descriptor().is_some() {
            if !self.caller.credentials.owns(&node.attributes()?) {
                return Err(Errno::ACCESS);
            }
            let Some(target) = jump else { return Ok(Some(node.clone())) };
            if !target.kind().is_directory() && self.next < self.path.len() {
                return Err(Errno::NOTDIR);
            }
            // What is left of the path is walked from there; if nothing is left, it is the place itself.
            self.here = target;
            return Ok(None);
        }
        let mut path = node.read_link(self.caller)?;
        if path.is_empty() {
            return Err(Errno::NOENT);
        }
        if path.first() == Some(&b'/') {
            self.here = self.table.root().clone();
        }
        path.extend_from_slice(self.path.get(self.next..).unwrap_or_default());
        self.path = Cow::Owned(path);
        self.next = 0;
        Ok(None)
    }

    /// Walks to the end; a symbolic link as last component is followed if asked, or if a slash stands behind it.
    pub(crate) fn resolve(mut self, follow: bool) -> Result<Target> {
        loop {
            match self.parent()? {
                Last::Root | Last::Dot => return Ok(Target::At(self.here)),
                Last::DotDot => return self.table.above(&self.here).map(Target::At),
                Last::Name(name) => {
                    let child = self.child(&name)?;
                    if child.kind() == FileKind::Symlink && (follow || self.slash) {
                        if let Some(magic) = self.follow(&child)? {
                            return if self.slash { Err(Errno::NOTDIR) } else { Ok(Target::Magic(magic)) };
                        }
                        continue;
                    }
                    if self.slash && !child.kind().is_directory() {
                        return Err(Errno::NOTDIR);
                    }
                    return Ok(Target::At(child));
                }
            }
        }
    }
}

/// Checks that names may be looked up in a directory.
fn search(directory: &Location, caller: &Caller) -> Result<()> {
    if !directory.kind().is_directory() {
        return Err(Errno::NOTDIR);
    }
    if caller.credentials.is_root() {
        return Ok(());
    }
    caller.credentials.check(&directory.attributes()?, Permissions::EXECUTE)
}

/// What a name in a directory stands for, mounts included.
pub(crate) fn child(table: &MountTable, directory: &Location, name: &[u8], caller: &Caller) -> Result<Location> {
    let name = Name::new(name)?;
    let node = directory.node();
    if table.has_points()
        && let Some(mounted) = table.mounted(directory, node.number()?, name.as_bytes())
    {
        return Ok(mounted);
    }
    let found = node.lookup(name, caller)?;
    Ok(directory.at(Dentry::child(&directory.dentry, name.as_bytes(), found)))
}
