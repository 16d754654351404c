//! The queue between connect and accept.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use parking_lot::Mutex;

use super::end::{End, EndSpec, establish};
use super::options::Options;
use crate::endpoint::Endpoint;
use crate::error::ErrorCode;
use crate::stack::Stack;
use crate::wakers::Wakers;

struct State {
    queue: VecDeque<Arc<End>>,
    open: bool,
    acceptors: Wakers,
    connectors: Wakers,
}

/// A listening socket's backlog.
pub(crate) struct Listener {
    state: Mutex<State>,
    backlog: usize,
    stack: Weak<Stack>,
    pub(crate) options: Options,
}

/// What became of an attempt to connect.
pub(crate) enum Offer {
    /// The caller's end.
    Connected(Arc<End>),
    /// The backlog is full: wait with [`Listener::poll_room`]. Gives the wish back.
    Full(Box<EndSpec>),
    /// As if the handshake had failed.
    Refused(ErrorCode),
}

impl Listener {
    pub(crate) fn new(stack: &Arc<Stack>, options: Options) -> Arc<Self> {
        let state =
            State { queue: VecDeque::new(), open: true, acceptors: Wakers::default(), connectors: Wakers::default() };
        Arc::new(Self { state: Mutex::new(state), backlog: options.backlog, stack: Arc::downgrade(stack), options })
    }

    /// Connects `client` to this listener, whose side of it is `endpoint` (none: loopback).
    /// The addresses of the server's end mirror the client's unless given.
    pub(crate) fn offer(
        &self,
        client: EndSpec,
        endpoint: Option<Arc<Endpoint>>,
        addresses: Option<(SocketAddr, SocketAddr)>,
    ) -> Offer {
        let Some(stack) = self.stack.upgrade() else { return Offer::Refused(ErrorCode::ConnectionRefused) };
        let mut state = self.state.lock();
        if !state.open {
            return Offer::Refused(ErrorCode::ConnectionRefused);
        }
        if state.queue.len() >= self.backlog {
            return Offer::Full(Box::new(client));
        }
        let (local, remote) = addresses.unwrap_or((client.remote, client.local));
        let server = EndSpec {
            stack: Some(stack),
            endpoint,
            local,
            remote,
            port: None,
            receive_capacity: self.options.receive_buffer,
        };
        match establish(client, server) {
            Ok((client, server)) => {
                state.queue.push_back(server);
                let woken = state.acceptors.take();
                drop(state);
                woken.wake();
                Offer::Connected(client)
            }
            // The server's quota is no affair of the client: to it, nobody answers.
            Err(ErrorCode::NewSocketLimit) => Offer::Refused(ErrorCode::ConnectionRefused),
            Err(error) => Offer::Refused(error),
        }
    }

    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if !state.open || state.queue.len() < self.backlog {
            return Poll::Ready(());
        }
        state.connectors.register(cx);
        Poll::Pending
    }

    pub(crate) fn accept(&self) -> Result<Arc<End>, ErrorCode> {
        let mut state = self.state.lock();
        let end = state.queue.pop_front().ok_or(ErrorCode::WouldBlock)?;
        let woken = state.connectors.take();
        drop(state);
        woken.wake();
        Ok(end)
    }

    pub(crate) fn poll_acceptable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if !state.open || !state.queue.is_empty() {
            return Poll::Ready(());
        }
        state.acceptors.register(cx);
        Poll::Pending
    }

    /// (waiting connections, backlog)
    pub(crate) fn figures(&self) -> (usize, usize) {
        (self.state.lock().queue.len(), self.backlog)
    }

    /// Resets what waits and refuses what comes.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.open = false;
        let waiting = std::mem::take(&mut state.queue);
        let woken = (state.acceptors.take(), state.connectors.take());
        drop(state);
        for end in waiting {
            end.abort_with(ErrorCode::ConnectionReset);
        }
        woken.0.wake();
        woken.1.wake();
    }
}
