//! Clocks, and sleeping that a signal can end.

use std::time::Duration;

use crate::fs::Timestamp;
use crate::{Errno, Result, poll, sys};

/// The time of day.
pub fn now() -> Timestamp {
    sys::time::now()
}

/// Time since some point in the past, never going back.
pub fn monotonic() -> Duration {
    sys::time::monotonic()
}

/// Sleeps; `EINTR` when a queued signal ends it early.
pub fn sleep(duration: Duration) -> Result<()> {
    if sys::signal::any_queued() {
        let ready = poll::wait(&[poll::Source::Signal], Some(duration))?;
        return if ready.first() == Some(&true) { Err(Errno::INTR) } else { Ok(()) };
    }
    poll::wait(&[], Some(duration)).map(drop)
}
