//! Who waits for a queue. A pollable of a guest may be polled from several tasks in turn,
//! so one slot is not enough; and a task that gave up must not pile up, so the set is
//! bounded: past the bound everybody is woken, which costs a spurious wake and no more.

use std::task::{Context, Waker};

const MAX: usize = 64;

/// Wakers to wake at the next change.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    waiting: Vec<Waker>,
}

impl Wakers {
    /// Remembers who polls. Call under the lock that also guards the condition.
    pub(crate) fn register(&mut self, cx: &Context<'_>) {
        if self.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            return;
        }
        if self.waiting.len() >= MAX {
            self.take().wake();
        }
        self.waiting.push(cx.waker().clone());
    }

    /// Takes everybody out, to be woken once the lock is released.
    pub(crate) fn take(&mut self) -> Woken {
        Woken(std::mem::take(&mut self.waiting))
    }
}

/// Wakers on their way to being woken.
#[must_use]
#[derive(Default)]
pub(crate) struct Woken(Vec<Waker>);

impl Woken {
    pub(crate) fn wake(self) {
        for waker in self.0 {
            waker.wake();
        }
    }
}
