//! Clocks over clock_gettime.

use std::time::Duration;

use crate::fs::Timestamp;

fn clock(id: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: timespec is plain data that the call fills.
    unsafe { libc::clock_gettime(id, &mut time) };
    time
}

pub fn now() -> Timestamp {
    let time = clock(libc::CLOCK_REALTIME);
    Timestamp { seconds: time.tv_sec, nanoseconds: time.tv_nsec as u32 }
}

pub fn monotonic() -> Duration {
    let time = clock(libc::CLOCK_MONOTONIC);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
