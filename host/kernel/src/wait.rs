//! Waiting: the one loop in which every blocking call of a process sleeps.
//!
//! A call tries, and if it cannot go on sleeps until the object it waits for says that something changed. What
//! differs from a plain condition variable is the second thing that can end the sleep: a signal that became queued
//! for the process, which must end the call with `EINTR` (POSIX 2.4). Having the loop once keeps the two rules that
//! are easy to get wrong in one place: register before trying, or a wake-up is lost; try before looking for signals,
//! or a call that could have succeeded fails.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use coracle_vfs::Errno;
use tokio::sync::Notify;

use crate::Process;

/// Runs `attempt` until it answers something, sleeping on `change` in between. `EINTR` when a signal is queued for
/// `process` and there is nothing to answer.
pub(crate) async fn until<T>(
    process: Option<&Process>,
    change: &Notify,
    mut attempt: impl FnMut() -> Option<Result<T, Errno>>,
) -> Result<T, Errno> {
    loop {
        // Made before the attempt: a Notified wakes for every notify_waiters() after its creation.
        let mut changed = pin!(change.notified());
        if let Some(answer) = attempt() {
            return answer;
        }
        match process {
            None => changed.await,
            Some(process) => {
                let mut interrupted = pin!(process.interrupt().notified());
                if process.has_queued_signal() {
                    return Err(Errno::INTR);
                }
                poll_fn(|cx| {
                    let change = changed.as_mut().poll(cx).is_ready();
                    let signal = interrupted.as_mut().poll(cx).is_ready();
                    if change || signal { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
            }
        }
    }
}

/// Sleeps until `ready` holds; for poll(), which signals do not end by themselves.
pub(crate) async fn until_ready(change: &Notify, mut ready: impl FnMut() -> bool) {
    loop {
        let changed = pin!(change.notified());
        if ready() {
            return;
        }
        changed.await;
    }
}
