//! What a stack tells about itself, in the terms of WIT `network-status` and netstat.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

use ipnet::IpNet;

use crate::address::{Family, MacAddress, Protocol};

/// Traffic of an interface. A packet is one queued write or datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes received.
    pub received_bytes: u64,
    /// Packets received.
    pub received_packets: u64,
    /// Packets that found no room.
    pub received_dropped: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Packets sent.
    pub sent_packets: u64,
}

/// Live [`Counters`] of one interface.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    received_bytes: AtomicU64,
    received_packets: AtomicU64,
    received_dropped: AtomicU64,
    sent_bytes: AtomicU64,
    sent_packets: AtomicU64,
}

impl Meter {
    pub(crate) fn received(&self, bytes: usize) {
        self.received_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.received_packets.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn dropped(&self) {
        self.received_dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.sent_packets.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Counters {
        Counters {
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
            received_packets: self.received_packets.load(Ordering::Relaxed),
            received_dropped: self.received_dropped.load(Ordering::Relaxed),
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
            sent_packets: self.sent_packets.load(Ordering::Relaxed),
        }
    }
}

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceStatus {
    /// `lo`, `eth0`, …
    pub name: String,
    /// From 1.
    pub index: u32,
    /// None for loopback.
    pub mac: Option<MacAddress>,
    /// Bytes.
    pub mtu: u32,
    /// Whether it is `lo`.
    pub loopback: bool,
    /// Addresses with prefix length.
    pub addresses: Vec<IpNet>,
    /// Traffic.
    pub counters: Counters,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteStatus {
    /// `0.0.0.0/0` for the default route.
    pub destination: IpNet,
    /// None: on link.
    pub gateway: Option<IpAddr>,
    /// Interface.
    pub device: String,
}

/// State of a socket as netstat would say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketState {
    /// Accepts connections.
    Listen,
    /// Connected.
    Established,
    /// Waits for the peer.
    Connecting,
    /// One side has sent its end.
    Closing,
    /// Has a local address only.
    Bound,
}

/// One socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketStatus {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Address family.
    pub family: Family,
    /// State.
    pub state: SocketState,
    /// Local address.
    pub local: SocketAddr,
    /// Peer.
    pub remote: Option<SocketAddr>,
    /// Bytes waiting to be read; for a listener, connections waiting to be accepted.
    pub receive_queue: usize,
    /// Bytes the peer has not read; for a listener, its backlog.
    pub send_queue: usize,
    /// What [`crate::TcpSocket::set_owner`] said, a pid.
    pub owner: Option<u32>,
}
