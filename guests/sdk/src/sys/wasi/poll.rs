//! Waiting over `wasi:io/poll`.

use std::time::Duration;

use super::bindings::wasi::clocks::monotonic_clock;
use super::bindings::wasi::io::poll::{Pollable, poll};
use super::wit;
use crate::Result;
use crate::poll::Source;

pub fn wait(sources: &[Source<'_>], timeout: Option<Duration>) -> Result<Vec<bool>> {
    let mut pollables: Vec<Pollable> = sources
        .iter()
        .map(|source| match source {
            Source::Readable(file) => file.0.0.readable(),
            Source::Writable(file) => file.0.0.writable(),
            Source::Signal => wit::signals::pending(),
            Source::Child => wit::processes::child_changed(),
            Source::Watcher(watcher) => watcher.0.0.ready(),
        })
        .collect();
    if let Some(timeout) = timeout {
        let nanoseconds = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        pollables.push(monotonic_clock::subscribe_duration(nanoseconds));
    }
    if pollables.is_empty() {
        // Nothing can end this wait but a signal that ends the process.
        pollables.push(monotonic_clock::subscribe_instant(u64::MAX));
    }
    let mut ready = vec![false; sources.len()];
    for index in poll(&pollables.iter().collect::<Vec<_>>()) {
        if let Some(flag) = ready.get_mut(index as usize) {
            *flag = true;
        }
    }
    Ok(ready)
}
