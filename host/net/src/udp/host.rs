//! A real UDP socket behind one of the fabric: for what leaves, and in host mode.
//!
//! It behaves as Linux's connection tracking would: from outside only those are heard whom
//! the container has written to, under the address it used for them.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::net::UdpSocket;
use tokio::runtime::Handle;

use super::Datagram;
use super::inbox::Inbox;
use crate::error::ErrorCode;
use crate::status::Meter;
use crate::tcp::AbortOnDrop;

/// Peers remembered at once.
const MAX_PEERS: usize = 1024;

#[derive(Default)]
struct Peers {
    shown: HashMap<SocketAddr, SocketAddr>,
    order: VecDeque<SocketAddr>,
}

/// The socket and the task that receives from it; both end on drop.
pub(crate) struct HostSocket {
    socket: Arc<UdpSocket>,
    peers: Arc<Mutex<Peers>>,
    connected: Option<SocketAddr>,
    _task: AbortOnDrop,
}

impl HostSocket {
    /// Wraps a bound std socket. `open` hears everybody (host mode).
    pub(crate) fn start(
        runtime: &Handle,
        socket: std::net::UdpSocket,
        inbox: &Arc<Inbox>,
        meter: Option<Arc<Meter>>,
        connected: Option<SocketAddr>,
        open: bool,
    ) -> Result<Self, ErrorCode> {
        let _entered = runtime.enter();
        if let Some(peer) = connected {
            socket.connect(peer)?;
        }
        socket.set_nonblocking(true)?;
        let socket = Arc::new(UdpSocket::from_std(socket)?);
        let peers = Arc::new(Mutex::new(Peers::default()));
        let task = runtime.spawn(receive(socket.clone(), peers.clone(), inbox.clone(), meter, open));
        Ok(Self { socket, peers, connected, _task: AbortOnDrop(task.abort_handle()) })
    }

    pub(crate) fn connected(&self) -> Option<SocketAddr> {
        self.connected
    }

    /// Sends to `actual`, known to the container as `shown`. A full host buffer drops the
    /// datagram, as a full queue anywhere on the way would.
    pub(crate) fn send(&self, data: &Bytes, actual: SocketAddr, shown: SocketAddr) -> Result<(), ErrorCode> {
        let mut peers = self.peers.lock();
        if peers.shown.insert(actual, shown).is_none() {
            peers.order.push_back(actual);
            if peers.order.len() > MAX_PEERS
                && let Some(oldest) = peers.order.pop_front()
            {
                peers.shown.remove(&oldest);
            }
        }
        drop(peers);
        // Straight to the descriptor: tokio does not know yet that a fresh socket is writable.
        let socket = socket2::SockRef::from(&*self.socket);
        let sent = match self.connected {
            Some(_) => socket.send(data),
            None => socket.send_to(data, &actual.into()),
        };
        match sent {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

async fn receive(
    socket: Arc<UdpSocket>,
    peers: Arc<Mutex<Peers>>,
    inbox: Arc<Inbox>,
    meter: Option<Arc<Meter>>,
    open: bool,
) {
    let mut buffer = vec![0; 65_536];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, actual)) => {
                let shown = peers.lock().shown.get(&actual).copied().or(open.then_some(actual));
                if let (Some(source), Some(data)) = (shown, buffer.get(..length)) {
                    let data = BytesMut::from(data).freeze();
                    inbox.deliver(Datagram { data, source }, meter.as_deref());
                }
            }
            // An ICMP error of an earlier datagram; Linux tells it once.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                inbox.fail(ErrorCode::ConnectionRefused);
            }
            Err(error) => {
                inbox.fail(error.into());
                return;
            }
        }
    }
}
