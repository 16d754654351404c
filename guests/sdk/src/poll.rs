//! Waiting for whichever comes first: input, room for output, a signal, a
//! child's change, a file event, the end of a time.

use std::time::Duration;

use crate::fs::Watcher;
use crate::{File, Result, sys};

/// Something to wait for.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A read would not block.
    Readable(&'a File),
    /// A write would not block.
    Writable(&'a File),
    /// A signal is queued.
    Signal,
    /// [`crate::process::wait`] for any child would not block.
    Child,
    /// File events are queued.
    Watcher(&'a Watcher),
}

/// Waits until one of `sources` is ready or the time is over, and says for each
/// whether it is ready. Without a timeout waits for ever. A queued signal does
/// not end the wait unless [`Source::Signal`] is among the sources.
pub fn wait(sources: &[Source<'_>], timeout: Option<Duration>) -> Result<Vec<bool>> {
    sys::poll::wait(sources, timeout)
}
