//! Watching files as inotify(7) does: who changed what, told to whoever asked.

use crate::{Caller, Errno, Location, Namespace, Result};
use std::sync::Arc;

bitflags::bitflags! {
    /// inotify events, with Linux's values.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct WatchMask: u32 {
        /// Read.
        const ACCESS = 0x1;
        /// Written or truncated.
        const MODIFY = 0x2;
        /// Mode, owner, times, links or extended attributes changed.
        const ATTRIBUTES = 0x4;
        /// Closed after being open for writing.
        const CLOSE_WRITE = 0x8;
        /// Closed after being open for reading only.
        const CLOSE_NO_WRITE = 0x10;
        /// Opened.
        const OPEN = 0x20;
        /// A name moved away.
        const MOVED_FROM = 0x40;
        /// A name moved in.
        const MOVED_TO = 0x80;
        /// A name made.
        const CREATE = 0x100;
        /// A name removed.
        const DELETE = 0x200;
        /// The watched file itself is gone.
        const DELETE_SELF = 0x400;
        /// The watched file itself moved.
        const MOVE_SELF = 0x800;
        /// Told only: events were lost.
        const OVERFLOW = 0x4000;
        /// Told only: the watch is gone.
        const IGNORED = 0x8000;
        /// Asked only: fail with `ENOTDIR` on anything but a directory.
        const ONLY_DIRECTORY = 0x0100_0000;
        /// Asked only: do not follow a symbolic link.
        const DONT_FOLLOW = 0x0200_0000;
        /// Asked only: add to the events of an existing watch.
        const ADD = 0x2000_0000;
        /// Told with an event about a directory.
        const DIRECTORY = 0x4000_0000;
        /// Asked only: end the watch after one event.
        const ONE_SHOT = 0x8000_0000;
        /// Every event that can be asked for.
        const ALL = 0xfff;
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchEvent {
    /// The watch it belongs to; `u32::MAX` for an overflow.
    pub watch: u32,
    /// What happened.
    pub mask: WatchMask,
    /// Joins the two halves of a rename; 0 otherwise.
    pub cookie: u32,
    /// The name in the watched directory; `None` for the watched file itself.
    pub name: Option<Vec<u8>>,
}

/// All watches of a daemon, by device and inode number.
#[derive(Default)]
pub struct WatchHub {}

impl WatchHub {
    /// A hub without watches.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {})
    }
    pub(crate) fn watcher(self: &Arc<Self>) -> Watcher {
        Watcher {}
    }
}

/// A queue of events (an inotify descriptor). Dropping it ends its watches.
pub struct Watcher {}

#[allow(unused_variables, reason = "signatures first")]
impl Watcher {
    /// Watches what `path` leads to and answers the watch's number; watching the same file again changes its events.
    pub fn add(
        &self,
        namespace: &Namespace,
        base: &Location,
        path: &[u8],
        mask: WatchMask,
        caller: &Caller,
    ) -> Result<u32> {
        Err(Errno::NOSYS)
    }
    /// Watches what is at `at`.
    pub fn add_location(&self, at: &Location, mask: WatchMask) -> Result<u32> {
        Err(Errno::NOSYS)
    }
    /// Ends a watch; `EINVAL` for a number that is none.
    pub fn remove(&self, watch: u32) -> Result<()> {
        Err(Errno::NOSYS)
    }
    /// The queued events, oldest first.
    pub fn take(&self) -> Vec<WatchEvent> {
        Vec::new()
    }
    /// Whether events are queued.
    pub fn is_ready(&self) -> bool {
        false
    }
    /// Ends once events are queued.
    pub async fn ready(&self) {
        std::future::pending::<()>().await;
    }
}
