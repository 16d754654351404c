//! The two datagram streams of a UDP socket.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::socket::Core;
use super::{Datagram, OutgoingDatagram};
use crate::error::ErrorCode;

/// Datagrams one `send` takes at most.
const BATCH: usize = 64;

/// `wasi:sockets/udp` incoming-datagram-stream.
pub struct UdpReceiver {
    pub(crate) core: Arc<Core>,
}

impl UdpReceiver {
    /// At most `max` datagrams that have arrived; none if there are none now. A connected
    /// socket answers `connection-refused` once when the peer's port was closed.
    pub fn receive(&self, max: usize) -> Result<Vec<Datagram>, ErrorCode> {
        self.core.inbox.receive(max)
    }

    /// Ready when [`Self::receive`] has datagrams or an error.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.core.inbox.poll_receivable(cx)
    }

    /// As [`Self::poll_ready`].
    pub async fn ready(&self) {
        poll_fn(|cx| self.poll_ready(cx)).await;
    }

    /// Waits for one datagram.
    pub async fn next_datagram(&self) -> Result<Datagram, ErrorCode> {
        loop {
            if let Some(datagram) = self.receive(1)?.pop() {
                return Ok(datagram);
            }
            self.ready().await;
        }
    }
}

/// `wasi:sockets/udp` outgoing-datagram-stream.
pub struct UdpSender {
    pub(crate) core: Arc<Core>,
    pub(crate) peer: Option<SocketAddr>,
}

impl UdpSender {
    /// check-send: how many datagrams the next [`Self::send`] may carry. Never 0: what finds
    /// no room is lost on the way, as with UDP anywhere.
    pub fn permit(&self) -> Result<usize, ErrorCode> {
        if self.core.inbox.is_closed() { Err(ErrorCode::InvalidState) } else { Ok(BATCH) }
    }

    /// Sends in order; answers how many were sent. An error is answered only if it met the
    /// first one.
    pub fn send(&self, datagrams: Vec<OutgoingDatagram>) -> Result<usize, ErrorCode> {
        if self.peer.is_some()
            && let Some(error) = self.core.inbox.take_error()
        {
            return Err(error);
        }
        let mut sent = 0;
        for datagram in datagrams.into_iter().take(BATCH) {
            match self.core.send(datagram, self.peer) {
                Ok(()) => sent += 1,
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    /// Ready when [`Self::permit`] is not 0: always.
    pub fn poll_ready(&self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// As [`Self::poll_ready`].
    pub async fn ready(&self) {
        poll_fn(|cx| self.poll_ready(cx)).await;
    }
}
