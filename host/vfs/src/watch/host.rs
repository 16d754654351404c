//! The host's inotify on bound files: how changes from outside the containers come in.
//!
//! One inotify instance and one thread a daemon, started with the first watch on a bind and ended with the hub.

use hashbrown::HashMap;
use parking_lot::Mutex;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Weak};

use super::{Number, WatchHub, WatchMask};

pub(super) struct HostWatches {
    shared: Arc<Shared>,
}

struct Shared {
    inotify: OwnedFd,
    stop: OwnedFd,
    /// Which file the host's watch numbers stand for.
    files: Mutex<HashMap<i32, Number>>,
}

impl HostWatches {
    pub(super) fn start(hub: &Arc<WatchHub>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            inotify: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?,
            stop: eventfd(0, EventfdFlags::CLOEXEC)?,
            files: Mutex::default(),
        });
        let (hub, reader) = (Arc::downgrade(hub), shared.clone());
        std::thread::Builder::new().name("inotify".into()).spawn(move || read(&hub, &reader))?;
        Ok(Self { shared })
    }

    /// Sets the host's watch on a file that is open with `O_PATH`. Its directory entry in `/proc/self/fd` leads there
    /// without a path that somebody could swap.
    pub(super) fn add(&self, file: &OwnedFd, number: Number) -> Option<i32> {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let events = WatchFlags::from_bits_retain(WatchMask::ALL.bits());
        let mut files = self.shared.files.lock();
        match inotify::add_watch(&self.shared.inotify, path, events) {
            Ok(watch) => {
                files.insert(watch, number);
                Some(watch)
            }
            Err(error) => {
                tracing::warn!(%error, "a bound file cannot be watched from outside");
                None
            }
        }
    }

    pub(super) fn remove(&self, watch: i32) {
        if self.shared.files.lock().remove(&watch).is_some() {
            // It may have ended by itself; then the host has forgotten it already.
            let _ = inotify::remove_watch(&self.shared.inotify, watch);
        }
    }
}

impl Drop for HostWatches {
    fn drop(&mut self) {
        // Cannot fail: the counter is at zero. The thread ends with its next look.
        let _ = rustix::io::write(&self.shared.stop, &1u64.to_ne_bytes());
    }
}

fn read(hub: &Weak<WatchHub>, shared: &Shared) {
    let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
    let mut reader = Reader::new(&shared.inotify, &mut buffer);
    loop {
        let mut fds = [PollFd::new(&shared.inotify, PollFlags::IN), PollFd::new(&shared.stop, PollFlags::IN)];
        match poll(&mut fds, None) {
            Err(Errno::INTR) => continue,
            Err(error) => {
                tracing::warn!(%error, "watching bound files ended");
                return;
            }
            Ok(_) => {}
        }
        if fds.get(1).is_none_or(|stop| !stop.revents().is_empty()) {
            return;
        }
        loop {
            match reader.next() {
                Ok(event) => {
                    let Some(hub) = hub.upgrade() else { return };
                    let name = event.file_name().map(|name| name.to_bytes());
                    tell(&hub, shared, event.wd(), event.events(), event.cookie(), name);
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(error) => {
                    tracing::warn!(%error, "watching bound files ended");
                    return;
                }
            }
        }
    }
}

fn tell(hub: &WatchHub, shared: &Shared, watch: i32, events: ReadFlags, cookie: u32, name: Option<&[u8]>) {
    if events.contains(ReadFlags::QUEUE_OVERFLOW) {
        hub.lost_on_host();
        return;
    }
    let Some(number) = shared.files.lock().get(&watch).copied() else { return };
    if events.contains(ReadFlags::IGNORED) {
        shared.files.lock().remove(&watch);
        hub.end(number);
        return;
    }
    let mask = WatchMask::from_bits_truncate(events.bits()) & (WatchMask::ALL | WatchMask::DIRECTORY);
    hub.tell_from_host(number, mask, cookie, name);
}
