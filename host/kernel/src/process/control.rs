//! The switches by which others steer a running program: end it, stop it, replace it.
//!
//! The task that polls the program reads them before every poll. They are atomic and never wait for the program, so
//! a program that spins cannot resist: it loses control at its next yield.

use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Waker;

use futures::task::AtomicWaker;
use parking_lot::Mutex;

use super::spawn::Replacement;
use crate::ExitStatus;

const ENDED: u8 = 1;
const STOPPED: u8 = 2;
const REPLACED: u8 = 4;
const RUNNING: u8 = 8;

#[derive(Default)]
pub(crate) struct Control {
    flags: AtomicU8,
    task: AtomicWaker,
    orders: Mutex<Orders>,
}

#[derive(Default)]
struct Orders {
    status: Option<ExitStatus>,
    replacement: Option<Replacement>,
}

impl Control {
    /// Ends the program; the first status given counts.
    pub(crate) fn end(&self, status: ExitStatus) {
        let mut orders = self.orders.lock();
        if orders.status.is_none() {
            orders.status = Some(status);
        }
        drop(orders);
        self.flags.fetch_or(ENDED, Ordering::AcqRel);
        self.task.wake();
    }

    pub(crate) fn replace(&self, replacement: Replacement) {
        let before = self.orders.lock().replacement.replace(replacement);
        self.flags.fetch_or(REPLACED, Ordering::AcqRel);
        self.task.wake();
        drop(before);
    }

    pub(crate) fn stop(&self) {
        self.flags.fetch_or(STOPPED, Ordering::AcqRel);
    }

    pub(crate) fn resume(&self) {
        self.flags.fetch_and(!STOPPED, Ordering::AcqRel);
        self.task.wake();
    }

    pub(crate) fn wake(&self) {
        self.task.wake();
    }

    pub(crate) fn register(&self, waker: &Waker) {
        self.task.register(waker);
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.flags.load(Ordering::Acquire) & ENDED != 0
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.flags.load(Ordering::Acquire) & STOPPED != 0
    }

    /// Notes whether the program is being polled.
    pub(crate) fn set_running(&self, running: bool) {
        if running {
            self.flags.fetch_or(RUNNING, Ordering::Relaxed);
        } else {
            self.flags.fetch_and(!RUNNING, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & RUNNING != 0
    }

    /// Whether the task has something to do before it polls the program on.
    pub(crate) fn is_urgent(&self) -> bool {
        self.flags.load(Ordering::Acquire) & (ENDED | REPLACED) != 0
    }

    pub(crate) fn status(&self) -> Option<ExitStatus> {
        self.orders.lock().status
    }

    pub(crate) fn take_replacement(&self) -> Option<Replacement> {
        if self.flags.load(Ordering::Acquire) & REPLACED == 0 {
            return None;
        }
        let mut orders = self.orders.lock();
        self.flags.fetch_and(!REPLACED, Ordering::AcqRel);
        orders.replacement.take()
    }
}
