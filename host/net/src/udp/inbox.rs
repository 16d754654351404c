//! What has arrived for a UDP socket. Bounded; past the bound datagrams are dropped and
//! counted, as Linux does.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;

use super::Datagram;
use crate::error::ErrorCode;
use crate::quota::Usage;
use crate::status::Meter;
use crate::wakers::Wakers;

/// SO_RCVBUF of Linux, `net.core.rmem_default`.
pub(crate) const DEFAULT_BUFFER: usize = 212_992;
/// What a datagram costs beside its bytes.
const OVERHEAD: usize = 256;
/// Bytes a socket may hold when its stack's budget is used up.
const FLOOR: usize = 4096;

#[derive(Default)]
struct State {
    queue: VecDeque<Datagram>,
    bytes: usize,
    capacity: usize,
    peer: Option<SocketAddr>,
    error: Option<ErrorCode>,
    closed: bool,
    waiting: Wakers,
}

/// The receive queue of a UDP socket.
pub(crate) struct Inbox {
    state: Mutex<State>,
    usage: Arc<Usage>,
}

impl Inbox {
    pub(crate) fn new(usage: Arc<Usage>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { capacity: DEFAULT_BUFFER, ..State::default() }), usage })
    }

    /// Puts a datagram in, if it is from whom the socket listens to and there is room.
    pub(crate) fn deliver(&self, datagram: Datagram, meter: Option<&Meter>) {
        let cost = datagram.data.len() + OVERHEAD;
        let mut state = self.state.lock();
        if state.closed || state.peer.is_some_and(|peer| peer != datagram.source) {
            return;
        }
        let over = state.bytes > 0 && state.bytes + cost > state.capacity;
        if over || (state.bytes > FLOOR && self.usage.bytes_left() < cost) {
            meter.iter().for_each(|meter| meter.dropped());
            return;
        }
        meter.iter().for_each(|meter| meter.received(datagram.data.len()));
        self.usage.add_bytes(cost);
        state.bytes += cost;
        state.queue.push_back(datagram);
        let woken = state.waiting.take();
        drop(state);
        woken.wake();
    }

    /// What a connected socket learns by ICMP.
    pub(crate) fn fail(&self, error: ErrorCode) {
        let mut state = self.state.lock();
        state.error = Some(error);
        let woken = state.waiting.take();
        drop(state);
        woken.wake();
    }

    pub(crate) fn take_error(&self) -> Option<ErrorCode> {
        self.state.lock().error.take()
    }

    pub(crate) fn receive(&self, max: usize) -> Result<Vec<Datagram>, ErrorCode> {
        let mut state = self.state.lock();
        if let Some(error) = state.error.take() {
            return Err(error);
        }
        if state.closed {
            return Err(ErrorCode::InvalidState);
        }
        let count = max.min(state.queue.len());
        let taken: Vec<_> = state.queue.drain(..count).collect();
        let cost = taken.iter().map(|datagram| datagram.data.len() + OVERHEAD).sum();
        state.bytes -= cost;
        drop(state);
        self.usage.remove_bytes(cost);
        Ok(taken)
    }

    pub(crate) fn poll_receivable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if !state.queue.is_empty() || state.error.is_some() || state.closed {
            return Poll::Ready(());
        }
        state.waiting.register(cx);
        Poll::Pending
    }

    /// From now on only this peer is heard; what others have sent is thrown away.
    pub(crate) fn set_peer(&self, peer: Option<SocketAddr>) {
        let mut state = self.state.lock();
        state.peer = peer;
        state.error = None;
        if let Some(peer) = peer {
            let before = state.bytes;
            state.queue.retain(|datagram| datagram.source == peer);
            state.bytes = state.queue.iter().map(|datagram| datagram.data.len() + OVERHEAD).sum();
            self.usage.remove_bytes(before - state.bytes);
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.state.lock().capacity
    }

    pub(crate) fn set_capacity(&self, bytes: usize) {
        self.state.lock().capacity = bytes;
    }

    pub(crate) fn queued(&self) -> usize {
        self.state.lock().queue.iter().map(|datagram| datagram.data.len()).sum()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Everything after this is `invalid-state`.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.queue.clear();
        let bytes = std::mem::take(&mut state.bytes);
        let woken = state.waiting.take();
        drop(state);
        self.usage.remove_bytes(bytes);
        woken.wake();
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.usage.remove_bytes(self.state.get_mut().bytes);
    }
}
