//! Watching files as inotify(7) does: who changed what, told to whoever asked.
//!
//! The namespace and open files tell the hub what they do, by device and inode number, so that containers sharing a
//! volume see each other's changes. A bind can also be changed by programs outside: the first watch put on one of its
//! files sets the host's inotify on it, and from then on only the host's events count for that file, which reports
//! what containers do as well.

mod host;
mod queue;

use crate::{Caller, Errno, Location, Namespace, Result};
use hashbrown::HashMap;
use host::HostWatches;
use parking_lot::{Mutex, RwLock};
use queue::Queue;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

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

/// Device and inode number: which file.
type Number = (u64, u64);

/// All watches of a daemon, by device and inode number.
#[derive(Default)]
pub struct WatchHub {
    /// How many files are watched; file operations look here first.
    watched: AtomicUsize,
    files: RwLock<HashMap<Number, Watched>>,
    cookies: AtomicU32,
    host: Mutex<Option<HostWatches>>,
}

#[derive(Default)]
struct Watched {
    queues: Vec<Arc<Queue>>,
    /// The host's watch on the same file; its events replace ours.
    host: Option<i32>,
}

impl WatchHub {
    /// A hub without watches.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Whether anything at all is watched.
    pub fn is_watching(&self) -> bool {
        self.watched.load(Ordering::Relaxed) > 0
    }

    /// A number that joins the two halves of a rename. The host's own cookies have the top bit clear.
    pub(crate) fn cookie(&self) -> u32 {
        self.cookies.fetch_add(1, Ordering::Relaxed) | 0x8000_0000
    }

    /// Tells what was done to a file from inside; `name` is the one concerned if it is a directory.
    pub(crate) fn tell(&self, number: Number, event: WatchMask, cookie: u32, name: Option<&[u8]>) {
        let spent = {
            let files = self.files.read();
            match files.get(&number) {
                Some(watched) if watched.host.is_none() => deliver(watched, number, event, cookie, name),
                _ => return,
            }
        };
        self.forget(number, &spent);
    }

    /// Tells what the host saw.
    fn tell_from_host(&self, number: Number, event: WatchMask, cookie: u32, name: Option<&[u8]>) {
        let spent = {
            let files = self.files.read();
            match files.get(&number) {
                Some(watched) => deliver(watched, number, event, cookie, name),
                None => return,
            }
        };
        self.forget(number, &spent);
    }

    /// Tells that a file has ceased to exist, which ends every watch on it.
    pub(crate) fn gone(&self, number: Number) {
        if self.files.read().get(&number).is_some_and(|watched| watched.host.is_none()) {
            self.tell(number, WatchMask::DELETE_SELF, 0, None);
            self.end(number);
        }
    }

    /// Ends every watch on a file.
    fn end(&self, number: Number) {
        let Some(watched) = self.files.write().remove(&number) else { return };
        self.watched.fetch_sub(1, Ordering::Relaxed);
        for queue in watched.queues {
            queue.ended(number);
        }
    }

    fn watch(self: &Arc<Self>, number: Number, queue: &Arc<Queue>, host: Option<OwnedFd>) {
        let mut files = self.files.write();
        let watched = files.entry(number).or_insert_with(|| {
            self.watched.fetch_add(1, Ordering::Relaxed);
            Watched::default()
        });
        if !watched.queues.iter().any(|known| Arc::ptr_eq(known, queue)) {
            watched.queues.push(queue.clone());
        }
        if watched.host.is_none()
            && let Some(file) = host
        {
            let mut host = self.host.lock();
            if host.is_none() {
                *host = HostWatches::start(self)
                    .inspect_err(|error| tracing::warn!(%error, "changes from outside containers cannot be watched"))
                    .ok();
            }
            watched.host = host.as_ref().and_then(|host| host.add(&file, number));
        }
    }

    /// Takes queues off a file.
    fn forget(&self, number: Number, queues: &[Arc<Queue>]) {
        if queues.is_empty() {
            return;
        }
        let mut files = self.files.write();
        let Some(watched) = files.get_mut(&number) else { return };
        watched.queues.retain(|known| !queues.iter().any(|queue| Arc::ptr_eq(known, queue)));
        if watched.queues.is_empty() {
            if let (Some(watch), Some(host)) = (watched.host, self.host.lock().as_ref()) {
                host.remove(watch);
            }
            files.remove(&number);
            self.watched.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The host lost events: so did everybody who watches through it.
    fn lost_on_host(&self) {
        for watched in self.files.read().values().filter(|watched| watched.host.is_some()) {
            for queue in &watched.queues {
                queue.lost();
            }
        }
    }
}

/// Answers the queues whose watch was for one event only.
fn deliver(watched: &Watched, number: Number, event: WatchMask, cookie: u32, name: Option<&[u8]>) -> Vec<Arc<Queue>> {
    watched.queues.iter().filter(|queue| queue.push(number, event, cookie, name)).cloned().collect()
}

/// A queue of events (an inotify descriptor). Dropping it ends its watches.
pub struct Watcher {
    hub: Arc<WatchHub>,
    queue: Arc<Queue>,
}

impl Watcher {
    pub(crate) fn new(hub: Arc<WatchHub>) -> Self {
        Self { hub, queue: Arc::default() }
    }

    /// Watches what `path` leads to, which the caller must be able to read, and answers the watch's number. Watching
    /// the same file again changes its events, or adds to them with [`WatchMask::ADD`].
    pub fn add(
        &self,
        namespace: &Namespace,
        base: &Location,
        path: &[u8],
        mask: WatchMask,
        caller: &Caller,
    ) -> Result<u32> {
        let at = namespace.resolve(base, path, !mask.contains(WatchMask::DONT_FOLLOW), caller)?;
        caller.credentials.check(&at.attributes()?, crate::Permissions::READ)?;
        self.add_location(&at, mask)
    }

    /// Watches what is at `at`.
    pub fn add_location(&self, at: &Location, mask: WatchMask) -> Result<u32> {
        if mask.contains(WatchMask::ONLY_DIRECTORY) && !at.kind().is_directory() {
            return Err(Errno::NOTDIR);
        }
        if (mask & WatchMask::ALL).is_empty() {
            return Err(Errno::INVAL);
        }
        let number = at.node().number()?;
        let watch = self.queue.add(number, mask)?;
        self.hub.watch(number, &self.queue, at.node().host_watch());
        Ok(watch)
    }

    /// Ends a watch; `EINVAL` for a number that is none.
    pub fn remove(&self, watch: u32) -> Result<()> {
        let number = self.queue.remove(watch)?;
        self.hub.forget(number, std::slice::from_ref(&self.queue));
        Ok(())
    }

    /// The queued events, oldest first.
    pub fn take(&self) -> Vec<WatchEvent> {
        self.queue.take()
    }

    /// Whether events are queued.
    pub fn is_ready(&self) -> bool {
        self.queue.is_ready()
    }

    /// Ends once events are queued.
    pub async fn ready(&self) {
        self.queue.ready().await;
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        for number in self.queue.close() {
            self.hub.forget(number, std::slice::from_ref(&self.queue));
        }
    }
}

#[cfg(test)]
mod tests;
