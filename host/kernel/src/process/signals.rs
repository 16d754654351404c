//! The signal state of one process: dispositions, blocked, pending and queued signals.
//!
//! Three places a signal can be in. *Pending*: it arrived while blocked, or while the process was stopped, and has
//! had no effect yet. *Queued*: the program asked to handle it and has not taken it yet; this is what interrupts
//! blocking calls. Gone: it has had its effect or was ignored. This file is the pure bookkeeping; what an effect is
//! stands in `deliver.rs`.

use std::collections::VecDeque;

use super::Process;
use crate::{DefaultAction, Signal, SignalSet};

/// How many pending or queued real-time signals are kept; further ones are dropped (RLIMIT_SIGPENDING).
const QUEUE_MAX: usize = 1_024;

/// What a program wants done with a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disposition {
    /// [`Signal::default_action`].
    Default,
    /// Nothing.
    Ignore,
    /// It waits for [`Process::take_signal`] and interrupts blocking calls.
    Queue,
}

/// Where a signal comes from; pid 1 is protected from some of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// A process of the container.
    Inside,
    /// The engine: KILL and STOP reach even pid 1.
    Outside,
    /// The kernel itself: terminals, limits, SIGCHLD.
    Kernel,
}

/// What a signal does to a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    None,
    End,
    Stop,
    Queue,
}

#[derive(Default)]
pub(crate) struct SignalState {
    pub(crate) ignored: SignalSet,
    pub(crate) handled: SignalSet,
    pub(crate) blocked: SignalSet,
    pending: VecDeque<Signal>,
    queue: VecDeque<Signal>,
    /// The signal that stopped the process, while it is stopped.
    pub(crate) stopped: Option<Signal>,
    /// Aborts the timer of alarm().
    pub(crate) alarm: Option<Alarm>,
}

pub(crate) struct Alarm {
    /// On the monotonic clock, nanoseconds.
    pub(crate) due: u64,
    pub(crate) timer: tokio::task::AbortHandle,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

impl SignalState {
    /// What a child starts with: ignored signals stay ignored, handled ones become default, the blocked set stays.
    pub(crate) fn inherit(parent: Option<&Process>, ignored: &SignalSet, defaulted: &SignalSet) -> SignalState {
        let mut state = SignalState::default();
        if let Some(parent) = parent {
            let parent = parent.signals.lock();
            state.ignored = parent.ignored;
            state.blocked = parent.blocked;
        }
        state.ignored = state.ignored.difference(*defaulted).union(*ignored).difference(SignalSet::UNCATCHABLE);
        state
    }

    pub(crate) fn disposition(&self, signal: Signal) -> Disposition {
        if self.ignored.contains(signal) {
            Disposition::Ignore
        } else if self.handled.contains(signal) {
            Disposition::Queue
        } else {
            Disposition::Default
        }
    }

    /// Answers the old disposition. Ignoring a signal discards it where it is pending or queued.
    pub(crate) fn set_disposition(&mut self, signal: Signal, disposition: Disposition) -> Disposition {
        let before = self.disposition(signal);
        self.ignored.remove(signal);
        self.handled.remove(signal);
        match disposition {
            Disposition::Default if signal.default_action() == DefaultAction::Ignore => self.discard(signal),
            Disposition::Default => {}
            Disposition::Ignore => {
                self.ignored.insert(signal);
                self.discard(signal);
            }
            Disposition::Queue => self.handled.insert(signal),
        }
        before
    }

    fn discard(&mut self, signal: Signal) {
        self.pending.retain(|waiting| *waiting != signal);
        self.queue.retain(|waiting| *waiting != signal);
    }

    /// What a signal does by its disposition alone.
    pub(crate) fn effect(&self, signal: Signal) -> Effect {
        match self.disposition(signal) {
            Disposition::Ignore => Effect::None,
            Disposition::Queue => Effect::Queue,
            Disposition::Default => match signal.default_action() {
                DefaultAction::Terminate | DefaultAction::Core => Effect::End,
                DefaultAction::Stop => Effect::Stop,
                DefaultAction::Ignore | DefaultAction::Continue => Effect::None,
            },
        }
    }

    pub(crate) fn add_pending(&mut self, signal: Signal) {
        push(&mut self.pending, signal);
    }

    pub(crate) fn add_queued(&mut self, signal: Signal) {
        push(&mut self.queue, signal);
    }

    pub(crate) fn discard_pending(&mut self, signals: SignalSet) {
        self.pending.retain(|waiting| !signals.contains(*waiting));
    }

    /// Takes out the pending signals that are not blocked.
    pub(crate) fn take_deliverable(&mut self) -> Vec<Signal> {
        let blocked = self.blocked;
        let (held, free): (VecDeque<Signal>, VecDeque<Signal>) =
            self.pending.drain(..).partition(|signal| blocked.contains(*signal));
        self.pending = held;
        free.into()
    }

    /// Answers the old set. Queued signals that are blocked now wait again.
    pub(crate) fn set_blocked(&mut self, blocked: SignalSet) -> SignalSet {
        let before = self.blocked;
        self.blocked = blocked.difference(SignalSet::UNCATCHABLE);
        let queue = std::mem::take(&mut self.queue);
        for signal in queue {
            if self.blocked.contains(signal) {
                self.add_pending(signal);
            } else {
                self.queue.push_back(signal);
            }
        }
        before
    }

    pub(crate) fn take(&mut self) -> Option<Signal> {
        self.queue.pop_front()
    }

    pub(crate) fn has_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// exec: handled signals become default; what was queued but never taken becomes pending again.
    pub(crate) fn reset(&mut self, ignored: SignalSet, defaulted: SignalSet) {
        self.handled = SignalSet::EMPTY;
        self.ignored = self.ignored.difference(defaulted).union(ignored).difference(SignalSet::UNCATCHABLE);
        let queue = std::mem::take(&mut self.queue);
        for signal in queue {
            self.add_pending(signal);
        }
    }

    /// Signals that wait, pending or queued, as /proc shows them.
    pub(crate) fn waiting(&self) -> SignalSet {
        self.pending.iter().chain(&self.queue).copied().collect()
    }
}

/// A standard signal waits at most once, a real-time one as often as it came.
fn push(queue: &mut VecDeque<Signal>, signal: Signal) {
    if queue.len() < QUEUE_MAX && (signal.is_realtime() || !queue.contains(&signal)) {
        queue.push_back(signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_signals_merge_and_realtime_ones_count() {
        let mut state = SignalState::default();
        let realtime = Signal::new(40).unwrap();
        for _ in 0..3 {
            state.add_queued(Signal::HUP);
            state.add_queued(realtime);
        }
        let taken: Vec<_> = std::iter::from_fn(|| state.take()).collect();
        assert_eq!(taken, [Signal::HUP, realtime, realtime, realtime]);
    }

    #[test]
    fn blocking_takes_a_queued_signal_back() {
        let mut state = SignalState::default();
        state.set_disposition(Signal::INT, Disposition::Queue);
        state.add_queued(Signal::INT);
        state.set_blocked([Signal::INT, Signal::KILL].into_iter().collect());
        assert!(!state.blocked.contains(Signal::KILL));
        assert_eq!(state.take(), None);
        state.set_blocked(SignalSet::EMPTY);
        assert_eq!(state.take_deliverable(), [Signal::INT]);
    }

    #[test]
    fn ignoring_discards_what_waits() {
        let mut state = SignalState::default();
        state.set_disposition(Signal::INT, Disposition::Queue);
        state.add_queued(Signal::INT);
        assert_eq!(state.set_disposition(Signal::INT, Disposition::Ignore), Disposition::Queue);
        assert!(!state.has_queued());
    }
}
