//! What happens when a signal reaches a process.
//!
//! The rules that are not in POSIX's table of default actions, all as Linux has them: pid 1 is immune to what would
//! end or stop it unless it handles it, KILL and STOP from outside excepted; keyboard stops do not stop a process
//! of an orphaned group; a stopped process keeps every signal but KILL and CONT until it goes on; CONT resumes also
//! where it is blocked or ignored; a stop discards a pending CONT and the other way round.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Process;
use super::signals::{Alarm, Disposition, Effect, Origin};
use crate::{ChildStatus, Errno, ExitStatus, Result, Signal, SignalSet, cpu};

impl Process {
    /// Lets `signal` have its effect.
    pub(crate) fn deliver(&self, signal: Signal, origin: Origin) {
        if self.status().is_some() {
            return;
        }
        let keyboard_stop = matches!(signal, Signal::TSTP | Signal::TTIN | Signal::TTOU);
        let orphaned = keyboard_stop && self.container.table.lock().is_orphaned(self.pid);
        let mut report = None;
        {
            let mut state = self.signals.lock();
            // Asked again under the lock: what is set from here on, `forget_stop` sees.
            if self.status().is_some() {
                return;
            }
            if signal == Signal::CONT {
                state.discard_pending(SignalSet::STOPS);
                if state.stopped.take().is_some() {
                    self.control.resume();
                    self.container.stopped.fetch_sub(1, Ordering::Relaxed);
                    report = Some(ChildStatus::Continued);
                }
            } else if SignalSet::STOPS.contains(signal) {
                state.discard_pending([Signal::CONT].into_iter().collect());
            }
            let blocked = state.blocked.contains(signal);
            let effect = self.protected(signal, state.effect(signal), origin, orphaned);
            // A blocked signal is kept even if it would have no effect now: that may change before it is let through.
            let held = blocked && !signal.is_uncatchable();
            if held || (state.stopped.is_some() && signal != Signal::KILL && effect == Effect::End) {
                state.add_pending(signal);
            } else {
                match effect {
                    Effect::None => {}
                    Effect::End => self.end(ExitStatus::Signaled(signal)),
                    Effect::Stop => {
                        if state.stopped.replace(signal).is_none() {
                            self.control.stop();
                            self.container.stopped.fetch_add(1, Ordering::Relaxed);
                            report = Some(ChildStatus::Stopped(signal));
                        }
                    }
                    Effect::Queue => {
                        state.add_queued(signal);
                        self.note_queued(state.has_queued());
                    }
                }
            }
        }
        match report {
            Some(ChildStatus::Continued) => {
                self.container.report(self.pid, ChildStatus::Continued);
                // Calls it was blocked in look again: it may have come back in the background.
                self.interrupt.notify_waiters();
                self.reconsider(origin);
            }
            Some(change) => self.container.report(self.pid, change),
            None => {}
        }
    }

    fn protected(&self, signal: Signal, effect: Effect, origin: Origin, orphaned: bool) -> Effect {
        let forced = signal.is_uncatchable() && origin != Origin::Inside;
        match effect {
            Effect::End | Effect::Stop if self.pid == 1 && !forced => Effect::None,
            Effect::Stop if orphaned => Effect::None,
            effect => effect,
        }
    }

    /// Delivers anew what was pending: after CONT, a changed blocked set or an exec.
    fn reconsider(&self, origin: Origin) {
        let deliverable = self.signals.lock().take_deliverable();
        for signal in deliverable {
            self.deliver(signal, origin);
        }
    }

    fn note_queued(&self, queued: bool) {
        self.queued.store(queued, Ordering::Release);
        if queued {
            self.interrupt.notify_waiters();
        }
    }

    pub(crate) fn has_queued_signal(&self) -> bool {
        self.queued.load(Ordering::Acquire)
    }

    /// Ends the process; the first status counts. It loses control at its next yield.
    pub(crate) fn end(&self, status: ExitStatus) {
        self.control.end(status);
    }

    /// exit(): ends this process. The caller awaits [`Process::settle`], which then never returns.
    pub fn exit(&self, status: u8) {
        self.end(ExitStatus::Exited(status));
    }

    /// Ends this process as a fault of its own does: SEGV for a trap, ABRT for an abort. Nothing protects from it.
    pub fn fault(&self, signal: Signal) {
        self.end(ExitStatus::Signaled(signal));
    }

    /// Lets a signal that has arrived act on the caller, as on return from a system call: never returns for a process
    /// that has been ended, and only after SIGCONT for one that has been stopped. Every blocking call begins with it.
    pub async fn settle(&self) {
        if self.control.is_ended() {
            self.control.wake();
            pending::<()>().await;
        }
        if self.control.is_stopped() {
            // One yield is enough: the task does not poll the program again before SIGCONT.
            tokio::task::yield_now().await;
        }
    }

    /// What `signal` does now.
    pub fn disposition(&self, signal: Signal) -> Disposition {
        self.signals.lock().disposition(signal)
    }

    /// Answers what it did before; `EINVAL` for KILL and STOP.
    pub fn set_disposition(&self, signal: Signal, disposition: Disposition) -> Result<Disposition> {
        if signal.is_uncatchable() {
            return Err(Errno::INVAL);
        }
        let mut state = self.signals.lock();
        let before = state.set_disposition(signal, disposition);
        self.queued.store(state.has_queued(), Ordering::Release);
        drop(state);
        // Like SA_NOCLDWAIT: from now on nobody will wait for the children that have ended already.
        if signal == Signal::CHLD && disposition == Disposition::Ignore {
            self.container.reap_ended_children(self.pid);
        }
        Ok(before)
    }

    /// The oldest queued signal.
    pub fn take_signal(&self) -> Option<Signal> {
        if !self.has_queued_signal() {
            return None;
        }
        let mut state = self.signals.lock();
        let signal = state.take();
        self.queued.store(state.has_queued(), Ordering::Release);
        signal
    }

    /// Waits until a signal is queued.
    pub async fn signal_pending(&self) {
        crate::wait::until_ready(&self.interrupt, || self.has_queued_signal()).await;
    }

    /// Whether a signal is queued.
    pub fn is_signal_pending(&self) -> bool {
        self.has_queued_signal()
    }

    /// The signals held back. Answers the old set; KILL and STOP are never in it.
    pub fn set_blocked(&self, blocked: SignalSet) -> SignalSet {
        let mut state = self.signals.lock();
        let before = state.set_blocked(blocked);
        self.queued.store(state.has_queued(), Ordering::Release);
        drop(state);
        self.reconsider(Origin::Inside);
        before
    }

    /// The signals held back.
    pub fn blocked(&self) -> SignalSet {
        self.signals.lock().blocked
    }

    pub(crate) fn reset_signals(&self, ignored: SignalSet, defaulted: SignalSet) {
        let mut state = self.signals.lock();
        state.reset(ignored, defaulted);
        self.queued.store(false, Ordering::Release);
        drop(state);
        self.reconsider(Origin::Inside);
    }

    /// Delivers SIGALRM after `nanoseconds`; 0 cancels. Answers the nanoseconds that were left.
    pub fn alarm(self: &Arc<Self>, nanoseconds: u64) -> u64 {
        let now = cpu::monotonic();
        let mut state = self.signals.lock();
        let left = state.alarm.take().map_or(0, |alarm| alarm.due.saturating_sub(now));
        if nanoseconds > 0 && self.status().is_none() {
            let process = Arc::downgrade(self);
            let timer = self.container.runtime().spawn(async move {
                tokio::time::sleep(Duration::from_nanos(nanoseconds)).await;
                if let Some(process) = process.upgrade() {
                    process.deliver(Signal::ALRM, Origin::Kernel);
                }
            });
            state.alarm = Some(Alarm { due: now.saturating_add(nanoseconds), timer: timer.abort_handle() });
        }
        left
    }

    pub(crate) fn cancel_alarm(&self) {
        let alarm = self.signals.lock().alarm.take();
        drop(alarm);
    }

    /// A process that ends is stopped no more.
    pub(crate) fn forget_stop(&self) {
        if self.signals.lock().stopped.take().is_some() {
            self.container.stopped.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn stopped_by(&self) -> Option<Signal> {
        self.signals.lock().stopped
    }

    /// pending, blocked, ignored and handled signals.
    pub(crate) fn signal_sets(&self) -> [SignalSet; 4] {
        let state = self.signals.lock();
        [state.waiting(), state.blocked, state.ignored, state.handled]
    }

    pub(crate) fn ignores_or_blocks(&self, signal: Signal) -> bool {
        let state = self.signals.lock();
        state.ignored.contains(signal) || state.blocked.contains(signal)
    }
}
