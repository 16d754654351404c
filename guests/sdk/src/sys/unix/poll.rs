//! Waiting over ppoll.

use std::time::{Duration, Instant};

use super::last;
use crate::poll::Source;
use crate::{Errno, Result};

fn child_waits() -> bool {
    // SAFETY: siginfo is plain data that waitid fills; WNOWAIT leaves the child.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let flags = libc::WEXITED | libc::WSTOPPED | libc::WCONTINUED | libc::WNOHANG | libc::WNOWAIT;
        // Without children a wait does not block either.
        libc::waitid(libc::P_ALL, 0, &mut info, flags) != 0 || info.si_pid() != 0
    }
}

pub fn wait(sources: &[Source<'_>], timeout: Option<Duration>) -> Result<Vec<bool>> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut set: Vec<libc::pollfd> = sources
        .iter()
        .map(|source| {
            let (fd, events) = match source {
                Source::Readable(file) => (file.0.fd(), libc::POLLIN),
                Source::Writable(file) => (file.0.fd(), libc::POLLOUT),
                Source::Watcher(watcher) => (watcher.0.0.fd(), libc::POLLIN),
                Source::Signal | Source::Child => (-1, 0),
            };
            libc::pollfd { fd, events, revents: 0 }
        })
        .collect();
    let signals = sources.iter().any(|source| matches!(source, Source::Signal));
    let children = sources.iter().any(|source| matches!(source, Source::Child));
    let wake = if signals || children {
        let wake = super::signal::wake_pipe()?;
        set.push(libc::pollfd { fd: wake.fd(), events: libc::POLLIN, revents: 0 });
        Some(wake)
    } else {
        None
    };
    if children {
        super::signal::watch_children()?;
    }
    loop {
        if let Some(wake) = wake {
            // What was written before is looked at below; only news must wake.
            while wake.read(64).is_ok() {}
        }
        let ready_now = (signals && super::signal::pending()) || (children && child_waits());
        let remaining = if ready_now {
            Some(Duration::ZERO)
        } else {
            deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
        };
        let limit = remaining.map(|remaining| libc::timespec {
            tv_sec: i64::try_from(remaining.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(remaining.subsec_nanos()),
        });
        let limit = limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: the set is valid for its length, the limit lives through the call.
        let count = unsafe { libc::ppoll(set.as_mut_ptr(), set.len() as libc::nfds_t, limit, std::ptr::null()) };
        let errno = last();
        if count < 0 && errno != Errno::INTR {
            return Err(errno);
        }
        if count < 0 {
            set.iter_mut().for_each(|entry| entry.revents = 0);
        }
        let ready: Vec<bool> = sources
            .iter()
            .zip(&set)
            .map(|(source, entry)| match source {
                Source::Signal => super::signal::pending(),
                Source::Child => child_waits(),
                _ => entry.revents != 0,
            })
            .collect();
        let over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if over || ready.contains(&true) {
            return Ok(ready);
        }
    }
}
