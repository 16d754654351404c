//! UDP, shaped like `wasi:sockets/udp`.

mod host;
mod inbox;
mod socket;
mod stream;

use std::net::SocketAddr;

use bytes::Bytes;

pub(crate) use inbox::Inbox;
pub use socket::UdpSocket;
pub use stream::{UdpReceiver, UdpSender};

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

/// The largest payload towards an address.
pub(crate) fn max_payload(to: SocketAddr) -> usize {
    if to.is_ipv4() { 65_507 } else { 65_527 }
}
