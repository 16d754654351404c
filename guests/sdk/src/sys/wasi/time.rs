//! Clocks over `wasi:clocks`.

use std::time::Duration;

use super::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use crate::fs::Timestamp;

pub fn now() -> Timestamp {
    let now = wall_clock::now();
    Timestamp { seconds: now.seconds as i64, nanoseconds: now.nanoseconds }
}

pub fn monotonic() -> Duration {
    Duration::from_nanos(monotonic_clock::now())
}
