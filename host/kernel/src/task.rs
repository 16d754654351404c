//! The future that runs one process.
//!
//! It stands between the runtime and the program and decides at every poll whether the program may go on, in this
//! order: ended, then dropped; replaced by exec, then swapped; paused or stopped, then not polled at all, a true
//! freeze; container out of CPU quota, then asleep until the refill; else polled, and charged the thread's CPU time.
//! A program that computes gives the order a chance by yielding, which the sandbox makes it do every few
//! milliseconds. A panic in a program ends that program only.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep};

use crate::{ExitStatus, Process, Program, Signal, cpu};

/// What a program that panicked is said to have died of (128 + 11).
const PANICKED: ExitStatus = ExitStatus::Signaled(Signal::SEGV);

pub(crate) struct Task {
    process: Arc<Process>,
    /// `None` once it has ended.
    program: Option<Program>,
    /// Set while the container's quota is spent.
    refill: Option<Pin<Box<Sleep>>>,
}

impl Task {
    pub(crate) fn new(process: Arc<Process>, program: Program) -> Task {
        Task { process, program: Some(program), refill: None }
    }

    fn finish(&mut self, status: ExitStatus) {
        self.stop_waiting();
        let program = self.program.take();
        drop_program(program);
        self.process.finish(status);
    }

    fn stop_waiting(&mut self) {
        if self.refill.take().is_some() {
            self.process.container().cpu.wait_ends(cpu::monotonic());
        }
    }

    /// Whether the container has CPU time left; registers for the refill otherwise.
    fn may_run(&mut self, cx: &mut Context<'_>) -> bool {
        // Asked anew at every poll, also while asleep: a changed limit lets the process go on at once.
        while let Some(delay) = self.process.container().cpu.delay(cpu::monotonic) {
            let refill = match &mut self.refill {
                Some(refill) => {
                    refill.as_mut().reset(Instant::now() + delay);
                    refill
                }
                None => {
                    self.process.container().cpu.wait_begins(cpu::monotonic());
                    self.refill.insert(Box::pin(sleep(delay)))
                }
            };
            if refill.as_mut().poll(cx).is_pending() {
                return false;
            }
        }
        self.stop_waiting();
        true
    }

    fn poll_program(&mut self, cx: &mut Context<'_>) -> Poll<ExitStatus> {
        let Some(program) = &mut self.program else { return Poll::Pending };
        let container = self.process.container();
        let before = cpu::thread_time();
        self.process.control.set_running(true);
        let result = catch_unwind(AssertUnwindSafe(|| program.as_mut().poll(cx)));
        self.process.control.set_running(false);
        container.note_left();
        let used = cpu::thread_time().saturating_sub(before);
        self.process.charge(used);
        container.cpu.charge(used);
        match result {
            Ok(poll) => poll,
            Err(_) => {
                tracing::error!(pid = self.process.pid(), container = container.id(), "a program panicked");
                Poll::Ready(PANICKED)
            }
        }
    }
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let task = &mut *self;
        let process = task.process.clone();
        let control = &process.control;
        control.register(cx.waker());
        loop {
            if task.program.is_none() {
                return Poll::Ready(());
            }
            if control.is_ended() {
                let status = control.status().unwrap_or(PANICKED);
                task.finish(status);
                return Poll::Ready(());
            }
            if let Some(replacement) = control.take_replacement() {
                drop_program(task.program.take());
                task.program = Some(process.become_replacement(replacement));
                continue;
            }
            if control.is_stopped() || process.container().is_paused() {
                return Poll::Pending;
            }
            if !task.may_run(cx) {
                return Poll::Pending;
            }
            match task.poll_program(cx) {
                // A program that was told to end answers whatever it likes on its way out.
                Poll::Ready(status) => {
                    task.finish(control.status().unwrap_or(status));
                    return Poll::Ready(());
                }
                Poll::Pending if control.is_urgent() => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// The runtime is going down: whoever waits for the process must still hear of its end.
impl Drop for Task {
    fn drop(&mut self) {
        if self.program.is_some() {
            let status = self.process.control.status().unwrap_or(ExitStatus::Signaled(Signal::KILL));
            self.finish(status);
        }
    }
}

fn drop_program(program: Option<Program>) {
    if catch_unwind(AssertUnwindSafe(|| drop(program))).is_err() {
        tracing::error!("a program panicked while it was dropped");
    }
}
