//! One direction of a connection: a bounded queue of byte slices that are moved, not copied.
//!
//! It keeps what TCP promises a reader and a writer. Data sent before an end or a reset can
//! still be read. A writer is woken when a good part of the buffer is free rather than at
//! every byte, or two ends would take turns in tiny steps. Small writes are gathered into
//! one slice, so that a megabyte sent byte by byte does not become a million allocations.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

use crate::error::{ErrorCode, StreamError};
use crate::quota::Usage;
use crate::status::Meter;
use crate::wakers::Wakers;

/// What every queue may hold, however little is left of its stack's budget.
const FLOOR: usize = 16 << 10;
/// Writes below this are gathered.
const SMALL: usize = 2 << 10;
/// How far gathering goes.
const GATHERED: usize = 16 << 10;

#[derive(Default)]
struct State {
    queue: VecDeque<Bytes>,
    gathered: BytesMut,
    length: usize,
    capacity: usize,
    /// The writer has sent its end.
    ended: bool,
    /// The reader will read no more, but is there: what arrives vanishes.
    deaf: bool,
    /// The reader is gone: what arrives is answered with a reset.
    gone: bool,
    /// Nothing passes any more in this direction.
    reset: bool,
    read_failure: Option<ErrorCode>,
    write_failure: Option<ErrorCode>,
    readers: Wakers,
    writers: Wakers,
}

/// One direction of a connection.
pub(crate) struct Pipe {
    state: Mutex<State>,
    usage: Option<Arc<Usage>>,
    sender: Option<Arc<Meter>>,
    receiver: Option<Arc<Meter>>,
}

/// What became of written data.
pub(crate) enum Written {
    /// Queued, or rightly thrown away.
    Taken,
    /// Nobody is there: the connection is to be reset.
    Unheard,
}

impl State {
    fn space(&self, usage: Option<&Arc<Usage>>) -> usize {
        let own = self.capacity.saturating_sub(self.length);
        let shared = usage.map_or(usize::MAX, |usage| usage.bytes_left());
        own.min(shared.max(FLOOR.saturating_sub(self.length)))
    }

    /// Whether enough is free to be worth waking a writer: a quarter of what the queue may
    /// hold as things are.
    fn roomy(&self, usage: Option<&Arc<Usage>>) -> bool {
        let shared = usage.map_or(usize::MAX, |usage| usage.bytes_left());
        let possible = self.capacity.min(shared.max(FLOOR));
        self.space(usage) >= (possible / 4).max(1)
    }

    fn enqueue(&mut self, data: Bytes) {
        self.length += data.len();
        if data.len() < SMALL && self.gathered.len() + data.len() <= GATHERED {
            self.gathered.extend_from_slice(&data);
            return;
        }
        if !self.gathered.is_empty() {
            self.queue.push_back(self.gathered.split().freeze());
        }
        if data.len() < SMALL {
            self.gathered.extend_from_slice(&data);
        } else {
            self.queue.push_back(data);
        }
    }

    fn dequeue(&mut self, max: usize) -> Bytes {
        let taken = match self.queue.front_mut() {
            Some(front) if front.len() > max => front.split_to(max),
            Some(_) => self.queue.pop_front().unwrap_or_default(),
            None if self.gathered.len() > max => self.gathered.split_to(max).freeze(),
            None => std::mem::take(&mut self.gathered).freeze(),
        };
        self.length -= taken.len();
        taken
    }

    fn discard(&mut self) -> usize {
        self.queue.clear();
        self.gathered = BytesMut::new();
        std::mem::take(&mut self.length)
    }
}

impl Pipe {
    pub(crate) fn new(
        capacity: usize,
        usage: Option<Arc<Usage>>,
        sender: Option<Arc<Meter>>,
        receiver: Option<Arc<Meter>>,
    ) -> Self {
        Self { state: Mutex::new(State { capacity, ..State::default() }), usage, sender, receiver }
    }

    /// How much [`Self::write`] takes now.
    pub(crate) fn permit(&self) -> Result<usize, StreamError> {
        let mut state = self.state.lock();
        if let Some(failure) = state.write_failure.take() {
            return Err(StreamError::Failed(failure));
        }
        if state.reset || state.ended {
            return Err(StreamError::Closed);
        }
        if state.gone || state.deaf {
            return Ok(state.capacity);
        }
        Ok(state.space(self.usage.as_ref()))
    }

    /// Takes all of `data`; the caller keeps to [`Self::permit`].
    pub(crate) fn write(&self, data: Bytes) -> Result<Written, StreamError> {
        let mut state = self.state.lock();
        if let Some(failure) = state.write_failure.take() {
            return Err(StreamError::Failed(failure));
        }
        if state.reset || state.ended {
            return Err(StreamError::Closed);
        }
        if state.gone {
            return Ok(Written::Unheard);
        }
        if data.is_empty() {
            return Ok(Written::Taken);
        }
        self.sender.iter().for_each(|meter| meter.sent(data.len()));
        self.receiver.iter().for_each(|meter| meter.received(data.len()));
        if state.deaf {
            return Ok(Written::Taken);
        }
        self.usage.iter().for_each(|usage| usage.add_bytes(data.len()));
        state.enqueue(data);
        let woken = state.readers.take();
        drop(state);
        woken.wake();
        Ok(Written::Taken)
    }

    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        let decided = state.reset || state.ended || state.gone || state.deaf || state.write_failure.is_some();
        if decided || state.roomy(self.usage.as_ref()) {
            return Poll::Ready(());
        }
        state.writers.register(cx);
        Poll::Pending
    }

    /// What has arrived, at most `max` bytes; empty: nothing now.
    pub(crate) fn read(&self, max: usize) -> Result<Bytes, StreamError> {
        let mut state = self.state.lock();
        if state.deaf || state.gone {
            return Err(StreamError::Closed);
        }
        if state.length > 0 {
            let data = state.dequeue(max);
            self.usage.iter().for_each(|usage| usage.remove_bytes(data.len()));
            let woken = if state.roomy(self.usage.as_ref()) { state.writers.take() } else { Default::default() };
            drop(state);
            woken.wake();
            return Ok(data);
        }
        if let Some(failure) = state.read_failure.take() {
            return Err(StreamError::Failed(failure));
        }
        if state.ended || state.reset { Err(StreamError::Closed) } else { Ok(Bytes::new()) }
    }

    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.length > 0 || state.ended || state.reset || state.deaf || state.gone {
            return Poll::Ready(());
        }
        state.readers.register(cx);
        Poll::Pending
    }

    /// The reader has closed its side: nothing more will be taken.
    pub(crate) fn poll_unheard(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.gone || state.reset {
            return Poll::Ready(());
        }
        state.writers.register(cx);
        Poll::Pending
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        change(&mut state);
        let woken = (state.readers.take(), state.writers.take());
        drop(state);
        woken.0.wake();
        woken.1.wake();
    }

    /// FIN.
    pub(crate) fn end(&self) {
        self.change(|state| state.ended = true);
    }

    /// SHUT_RD.
    pub(crate) fn deafen(&self) {
        let mut discarded = 0;
        self.change(|state| {
            state.deaf = true;
            discarded = state.discard();
        });
        self.usage.iter().for_each(|usage| usage.remove_bytes(discarded));
    }

    /// The reader closes; answers whether it left data unread.
    pub(crate) fn close_reader(&self) -> bool {
        let mut discarded = 0;
        self.change(|state| {
            state.gone = true;
            discarded = state.discard();
        });
        self.usage.iter().for_each(|usage| usage.remove_bytes(discarded));
        discarded > 0
    }

    /// RST: what is queued can still be read, then each side that has not yet closed meets
    /// its failure once.
    pub(crate) fn reset(&self, reader: Option<ErrorCode>, writer: Option<ErrorCode>) {
        self.change(|state| {
            if !state.reset {
                state.reset = true;
                state.read_failure = reader.filter(|_| !state.ended);
                state.write_failure = writer.filter(|_| !state.ended);
            }
        });
    }

    pub(crate) fn queued(&self) -> usize {
        self.state.lock().length
    }

    /// Whether an end was sent, or nothing can pass any more.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.state.lock();
        state.ended || state.reset || state.gone
    }

    pub(crate) fn set_capacity(&self, capacity: usize) {
        self.change(|state| state.capacity = capacity);
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let left = self.state.get_mut().length;
        self.usage.iter().for_each(|usage| usage.remove_bytes(left));
    }
}
