//! UDP sockets, shaped like `wasi:sockets/udp`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::address::Family;
use crate::error::ErrorCode;
use crate::stack::Stack;

/// A received datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Its bytes.
    pub data: Bytes,
    /// Who sent it.
    pub source: SocketAddr,
}

/// A datagram to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingDatagram {
    /// Its bytes, at most 65,507 (65,527 over IPv6).
    pub data: Bytes,
    /// Where to; may be left out when connected.
    pub destination: Option<SocketAddr>,
}

/// A UDP socket of a stack. All methods take `&self`.
pub struct UdpSocket {
    family: Family,
}

impl UdpSocket {
    /// A new socket; `new-socket-limit` when the stack's quota is used up.
    pub fn new(_stack: &Arc<Stack>, family: Family) -> Result<Self, ErrorCode> {
        Ok(Self { family })
    }

    /// bind(2). Port 0 takes an ephemeral port.
    pub fn start_bind(&self, _local: SocketAddr) -> Result<(), ErrorCode> {
        Err(ErrorCode::NotSupported)
    }

    /// Result of [`Self::start_bind`].
    pub fn finish_bind(&self) -> Result<(), ErrorCode> {
        Err(ErrorCode::NotInProgress)
    }

    /// Binds, at once.
    pub fn bind(&self, local: SocketAddr) -> Result<(), ErrorCode> {
        self.start_bind(local)?;
        self.finish_bind()
    }

    /// connect(2) with an address, else undoes it; answers fresh streams, the shim having
    /// made sure that the previous ones are gone. The socket must be bound.
    pub fn stream(
        &self,
        _remote: Option<SocketAddr>,
    ) -> Result<(UdpReceiver, UdpSender), ErrorCode> {
        Err(ErrorCode::InvalidState)
    }

    /// getsockname(2); `invalid-state` if not bound.
    pub fn local_address(&self) -> Result<SocketAddr, ErrorCode> {
        Err(ErrorCode::InvalidState)
    }

    /// getpeername(2); `invalid-state` if not connected.
    pub fn remote_address(&self) -> Result<SocketAddr, ErrorCode> {
        Err(ErrorCode::InvalidState)
    }

    /// Its family.
    pub fn family(&self) -> Family {
        self.family
    }

    /// IP_TTL, IPV6_UNICAST_HOPS.
    pub fn unicast_hop_limit(&self) -> Result<u8, ErrorCode> {
        Ok(64)
    }
    /// IP_TTL, IPV6_UNICAST_HOPS; not zero.
    pub fn set_unicast_hop_limit(&self, _value: u8) -> Result<(), ErrorCode> {
        Ok(())
    }
    /// SO_RCVBUF in bytes.
    pub fn receive_buffer_size(&self) -> Result<u64, ErrorCode> {
        Ok(0)
    }
    /// SO_RCVBUF; not zero, brought within bounds.
    pub fn set_receive_buffer_size(&self, _value: u64) -> Result<(), ErrorCode> {
        Ok(())
    }
    /// SO_SNDBUF in bytes.
    pub fn send_buffer_size(&self) -> Result<u64, ErrorCode> {
        Ok(0)
    }
    /// SO_SNDBUF; not zero, brought within bounds.
    pub fn set_send_buffer_size(&self, _value: u64) -> Result<(), ErrorCode> {
        Ok(())
    }
    /// Who uses it, a pid, for netstat.
    pub fn set_owner(&self, _owner: u32) {}

    /// Always ready: binding does not wait.
    pub fn poll_ready(&self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// `wasi:sockets/udp` incoming-datagram-stream.
pub struct UdpReceiver {}

impl UdpReceiver {
    /// At most `max` datagrams that have arrived; none if there are none now. A connected
    /// socket answers `connection-refused` once when the peer's port was closed.
    pub fn receive(&self, _max: usize) -> Result<Vec<Datagram>, ErrorCode> {
        Ok(Vec::new())
    }

    /// Ready when [`Self::receive`] has datagrams or an error.
    pub fn poll_ready(&self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// As [`Self::poll_ready`].
    pub async fn ready(&self) {
        std::future::poll_fn(|cx| self.poll_ready(cx)).await;
    }
}

/// `wasi:sockets/udp` outgoing-datagram-stream.
pub struct UdpSender {}

impl UdpSender {
    /// check-send: how many datagrams the next [`Self::send`] may carry.
    pub fn permit(&self) -> Result<usize, ErrorCode> {
        Ok(0)
    }

    /// Sends in order; answers how many were sent. An error is answered only if it met the
    /// first one.
    pub fn send(&self, _datagrams: Vec<OutgoingDatagram>) -> Result<usize, ErrorCode> {
        Err(ErrorCode::InvalidState)
    }

    /// Ready when [`Self::permit`] is not 0.
    pub fn poll_ready(&self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// As [`Self::poll_ready`].
    pub async fn ready(&self) {
        std::future::poll_fn(|cx| self.poll_ready(cx)).await;
    }
}
