//! One watcher's events: bounded, coalesced, and told when something was lost.

use crate::{Errno, Result};
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::collections::VecDeque;
use tokio::sync::Notify;

use super::{Number, WatchEvent, WatchMask};

/// Events kept before an overflow is told (Linux's `max_queued_events`).
pub(super) const EVENTS_MAX: usize = 16_384;
/// Files one watcher may watch.
const WATCHES_MAX: usize = 65_536;

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    events: VecDeque<WatchEvent>,
    watches: HashMap<Number, Watch>,
    numbers: HashMap<u32, Number>,
    last: u32,
}

struct Watch {
    number: u32,
    mask: WatchMask,
}

impl State {
    /// An event like the newest one adds nothing; one too many becomes an overflow.
    fn push(&mut self, event: WatchEvent) {
        if self.events.back() == Some(&event) {
            return;
        }
        let lost = WatchEvent { watch: u32::MAX, mask: WatchMask::OVERFLOW, cookie: 0, name: None };
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(event);
        } else if self.events.back() != Some(&lost) {
            self.events.push_back(lost);
        }
    }

    fn end(&mut self, number: u32) {
        self.numbers.remove(&number);
        self.push(WatchEvent { watch: number, mask: WatchMask::IGNORED, cookie: 0, name: None });
    }
}

impl Queue {
    pub(super) fn add(&self, file: Number, mask: WatchMask) -> Result<u32> {
        let mut state = self.state.lock();
        if let Some(watch) = state.watches.get_mut(&file) {
            watch.mask = if mask.contains(WatchMask::ADD) { watch.mask | mask } else { mask };
            return Ok(watch.number);
        }
        if state.watches.len() >= WATCHES_MAX {
            return Err(Errno::NOSPC);
        }
        let number = state.last.checked_add(1).filter(|number| *number < u32::MAX).ok_or(Errno::NOSPC)?;
        state.last = number;
        state.watches.insert(file, Watch { number, mask });
        state.numbers.insert(number, file);
        Ok(number)
    }

    pub(super) fn remove(&self, number: u32) -> Result<Number> {
        let mut state = self.state.lock();
        let file = state.numbers.get(&number).copied().ok_or(Errno::INVAL)?;
        state.watches.remove(&file);
        state.end(number);
        drop(state);
        self.changed.notify_waiters();
        Ok(file)
    }

    /// The watch on `file` has ended with the file.
    pub(super) fn ended(&self, file: Number) {
        let mut state = self.state.lock();
        if let Some(watch) = state.watches.remove(&file) {
            state.end(watch.number);
            drop(state);
            self.changed.notify_waiters();
        }
    }

    /// Forgets everything; answers what was watched.
    pub(super) fn close(&self) -> Vec<Number> {
        let mut state = self.state.lock();
        state.events.clear();
        state.numbers.clear();
        state.watches.drain().map(|(file, _)| file).collect()
    }

    /// Queues an event if it was asked for. Answers whether that ended the watch.
    pub(super) fn push(&self, file: Number, event: WatchMask, cookie: u32, name: Option<&[u8]>) -> bool {
        let mut state = self.state.lock();
        let Some(watch) = state.watches.get(&file) else { return false };
        if (watch.mask & event & WatchMask::ALL).is_empty() {
            return false;
        }
        let (watch, once) = (watch.number, watch.mask.contains(WatchMask::ONE_SHOT));
        state.push(WatchEvent { watch, mask: event, cookie, name: name.map(Into::into) });
        if once {
            state.watches.remove(&file);
            state.end(watch);
        }
        drop(state);
        self.changed.notify_waiters();
        once
    }

    pub(super) fn lost(&self) {
        self.state.lock().push(WatchEvent { watch: u32::MAX, mask: WatchMask::OVERFLOW, cookie: 0, name: None });
        self.changed.notify_waiters();
    }

    pub(super) fn take(&self) -> Vec<WatchEvent> {
        std::mem::take(&mut self.state.lock().events).into()
    }

    pub(super) fn is_ready(&self) -> bool {
        !self.state.lock().events.is_empty()
    }

    pub(super) async fn ready(&self) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.is_ready() {
                return;
            }
            changed.await;
        }
    }
}
