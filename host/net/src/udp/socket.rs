//! The UDP socket: binding, connecting, and the way of a datagram.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use parking_lot::Mutex;

use super::host::HostSocket;
use super::inbox::{DEFAULT_BUFFER, Inbox};
use super::stream::{UdpReceiver, UdpSender};
use super::{Datagram, OutgoingDatagram, max_payload};
use crate::address::{Family, Protocol, check_unicast};
use crate::endpoint::Endpoint;
use crate::error::ErrorCode;
use crate::ports::{BindRequest, PortGuard};
use crate::quota::SocketPermit;
use crate::route::Route;
use crate::stack::{Member, Mode, Stack};
use crate::status::{SocketState, SocketStatus};
use crate::tcp::options::buffer;

enum State {
    Unbound,
    BindStarted(Local),
    Bound(Local),
    Closed,
}

#[derive(Clone)]
enum Local {
    Fabric(Arc<PortGuard<Arc<Inbox>>>),
    Host(SocketAddr),
}

impl Local {
    fn address(&self) -> SocketAddr {
        match self {
            Self::Fabric(guard) => guard.local(),
            Self::Host(local) => *local,
        }
    }
}

struct Inner {
    state: State,
    peer: Option<SocketAddr>,
    hop_limit: u8,
    send_buffer: usize,
    owner: u32,
    host: Option<Arc<HostSocket>>,
}

/// What the socket and its streams share.
pub(crate) struct Core {
    stack: Arc<Stack>,
    family: Family,
    pub(crate) inbox: Arc<Inbox>,
    inner: Mutex<Inner>,
    key: OnceLock<u64>,
    _permit: SocketPermit,
}

/// A UDP socket of a stack. All methods take `&self`. It is closed when it and its streams
/// are gone.
pub struct UdpSocket {
    core: Arc<Core>,
}

impl UdpSocket {
    /// A new socket; `new-socket-limit` when the stack's quota is used up.
    pub fn new(stack: &Arc<Stack>, family: Family) -> Result<Self, ErrorCode> {
        let permit = stack.usage.socket()?;
        let inner = Inner {
            state: State::Unbound,
            peer: None,
            hop_limit: 64,
            send_buffer: DEFAULT_BUFFER,
            owner: 0,
            host: None,
        };
        let core = Arc::new(Core {
            stack: stack.clone(),
            family,
            inbox: Inbox::new(stack.usage.clone()),
            inner: Mutex::new(inner),
            key: OnceLock::new(),
            _permit: permit,
        });
        let _ = core.key.set(stack.enlist(Arc::downgrade(&core))?);
        Ok(Self { core })
    }

    /// bind(2). Port 0 takes an ephemeral port.
    pub fn start_bind(&self, local: SocketAddr) -> Result<(), ErrorCode> {
        let mut inner = self.core.inner.lock();
        match inner.state {
            State::Unbound => {}
            State::BindStarted(_) => return Err(ErrorCode::ConcurrencyConflict),
            _ => return Err(ErrorCode::InvalidState),
        }
        check_unicast(self.core.family, local)?;
        let local = SocketAddr::new(local.ip(), local.port());
        let stack = &self.core.stack;
        let held = if stack.mode() == Mode::Host {
            let (socket, local) = host_socket(local)?;
            let runtime = &stack.fabric.shared.options.runtime;
            let host = HostSocket::start(runtime, socket, &self.core.inbox, None, None, true)?;
            inner.host = Some(Arc::new(host));
            Local::Host(local)
        } else {
            if !stack.is_local(local.ip()) {
                return Err(ErrorCode::AddressNotBindable);
            }
            let request = BindRequest { local, dual: false, shares: false };
            Local::Fabric(Arc::new(stack.udp.bind(request, Some(self.core.inbox.clone()))?))
        };
        inner.state = State::BindStarted(held);
        Ok(())
    }

    /// Result of [`Self::start_bind`].
    pub fn finish_bind(&self) -> Result<(), ErrorCode> {
        let mut inner = self.core.inner.lock();
        match std::mem::replace(&mut inner.state, State::Closed) {
            State::BindStarted(local) => {
                inner.state = State::Bound(local);
                Ok(())
            }
            other => {
                inner.state = other;
                Err(ErrorCode::NotInProgress)
            }
        }
    }

    /// Binds, at once.
    pub fn bind(&self, local: SocketAddr) -> Result<(), ErrorCode> {
        self.start_bind(local)?;
        self.finish_bind()
    }

    /// connect(2) with an address, else undoes it; answers fresh streams, the shim having
    /// made sure that the previous ones are gone. The socket must be bound.
    pub fn stream(&self, remote: Option<SocketAddr>) -> Result<(UdpReceiver, UdpSender), ErrorCode> {
        let mut inner = self.core.inner.lock();
        if !matches!(inner.state, State::Bound(_)) {
            return Err(ErrorCode::InvalidState);
        }
        if let Some(remote) = remote {
            check_unicast(self.core.family, remote)?;
            if remote.ip().is_unspecified() || remote.port() == 0 {
                return Err(ErrorCode::InvalidArgument);
            }
            // As connect(2): no way there is known at once.
            self.core.stack.route(remote.ip(), remote.port())?;
        }
        let peer = remote.map(|remote| SocketAddr::new(remote.ip(), remote.port()));
        inner.peer = peer;
        self.core.inbox.set_peer(peer);
        Ok((UdpReceiver { core: self.core.clone() }, UdpSender { core: self.core.clone(), peer }))
    }

    /// getsockname(2); `invalid-state` if not bound.
    pub fn local_address(&self) -> Result<SocketAddr, ErrorCode> {
        let inner = self.core.inner.lock();
        let State::Bound(local) = &inner.state else { return Err(ErrorCode::InvalidState) };
        let local = local.address();
        match inner.peer {
            // A connected socket shows the address it sends from.
            Some(peer) if local.ip().is_unspecified() => {
                let source = self.core.stack.route(peer.ip(), peer.port()).ok().and_then(|r| r.source(peer.ip()));
                Ok(SocketAddr::new(source.unwrap_or(local.ip()), local.port()))
            }
            _ => Ok(local),
        }
    }

    /// getpeername(2); `invalid-state` if not connected.
    pub fn remote_address(&self) -> Result<SocketAddr, ErrorCode> {
        self.core.inner.lock().peer.ok_or(ErrorCode::InvalidState)
    }

    /// Its family.
    pub fn family(&self) -> Family {
        self.core.family
    }

    /// IP_TTL, IPV6_UNICAST_HOPS.
    pub fn unicast_hop_limit(&self) -> Result<u8, ErrorCode> {
        Ok(self.core.inner.lock().hop_limit)
    }
    /// IP_TTL, IPV6_UNICAST_HOPS; not zero.
    pub fn set_unicast_hop_limit(&self, value: u8) -> Result<(), ErrorCode> {
        if value == 0 {
            return Err(ErrorCode::InvalidArgument);
        }
        self.core.inner.lock().hop_limit = value;
        Ok(())
    }
    /// SO_RCVBUF in bytes.
    pub fn receive_buffer_size(&self) -> Result<u64, ErrorCode> {
        Ok(self.core.inbox.capacity() as u64)
    }
    /// SO_RCVBUF: not zero, brought within 4 KiB and 4 MiB.
    pub fn set_receive_buffer_size(&self, value: u64) -> Result<(), ErrorCode> {
        self.core.inbox.set_capacity(buffer(value)?);
        Ok(())
    }
    /// SO_SNDBUF in bytes.
    pub fn send_buffer_size(&self) -> Result<u64, ErrorCode> {
        Ok(self.core.inner.lock().send_buffer as u64)
    }
    /// SO_SNDBUF: not zero, brought within bounds; nothing is kept for sending.
    pub fn set_send_buffer_size(&self, value: u64) -> Result<(), ErrorCode> {
        self.core.inner.lock().send_buffer = buffer(value)?;
        Ok(())
    }
    /// Who uses it, a pid, for netstat.
    pub fn set_owner(&self, owner: u32) {
        self.core.inner.lock().owner = owner;
    }

    /// Always ready: binding does not wait.
    pub fn poll_ready(&self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

fn host_socket(local: SocketAddr) -> Result<(std::net::UdpSocket, SocketAddr), ErrorCode> {
    let kind = socket2::Type::DGRAM.nonblocking().cloexec();
    let socket = socket2::Socket::new(socket2::Domain::for_address(local), kind, Some(socket2::Protocol::UDP))?;
    if local.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&local.into())?;
    let local = socket.local_addr()?.as_socket().ok_or(ErrorCode::Unknown)?;
    Ok((socket.into(), local))
}

impl Core {
    /// Sends one datagram; `fixed` is the peer of a connected socket's stream.
    pub(crate) fn send(&self, datagram: OutgoingDatagram, fixed: Option<SocketAddr>) -> Result<(), ErrorCode> {
        let to = match (fixed, datagram.destination) {
            (Some(peer), None) => peer,
            (Some(peer), Some(to)) if peer == SocketAddr::new(to.ip(), to.port()) => peer,
            (None, Some(to)) => SocketAddr::new(to.ip(), to.port()),
            _ => return Err(ErrorCode::InvalidArgument),
        };
        check_unicast(self.family, to)?;
        if to.ip().is_unspecified() || to.port() == 0 {
            return Err(ErrorCode::InvalidArgument);
        }
        if datagram.data.len() > max_payload(to) {
            return Err(ErrorCode::DatagramTooLarge);
        }
        let local = match &self.inner.lock().state {
            State::Bound(local) => local.address(),
            _ => return Err(ErrorCode::InvalidState),
        };
        if self.stack.flows.reply(local.port(), to, &datagram.data) {
            if let Some(endpoint) = self.stack.default_endpoint(to.ip()) {
                endpoint.meter.sent(datagram.data.len());
            }
            return Ok(());
        }
        let route = self.stack.route(to.ip(), to.port())?;
        let source = route.source(to.ip());
        let from = if local.ip().is_unspecified() { source.unwrap_or(local.ip()) } else { local.ip() };
        if from.is_loopback() && source.is_some_and(|source| !source.is_loopback()) {
            return Err(ErrorCode::InvalidArgument);
        }
        let from = SocketAddr::new(from, local.port());
        let meter = route.endpoint().map_or(&self.stack.loopback, |endpoint| &endpoint.meter);
        meter.sent(datagram.data.len());
        let received = Datagram { data: datagram.data, source: from };
        match &route {
            Route::Own { .. } => self.put(&self.stack, to, received, &self.stack.loopback, fixed),
            Route::Peer { theirs, .. } => match theirs.stack() {
                Some(target) => self.put(&target, to, received, &theirs.meter, fixed),
                None => return Err(ErrorCode::RemoteUnreachable),
            },
            Route::Resolver => crate::names::serve_datagram(&self.stack, received.data, &self.inbox),
            Route::Out { mine, address } => {
                let actual = SocketAddr::new(*address, to.port());
                self.host(mine.as_ref(), fixed.map(|_| actual), actual)?.send(&received.data, actual, to)?;
            }
        }
        Ok(())
    }

    fn put(
        &self,
        target: &Stack,
        to: SocketAddr,
        datagram: Datagram,
        meter: &crate::status::Meter,
        fixed: Option<SocketAddr>,
    ) {
        match target.udp.find(to) {
            Some(inbox) => inbox.deliver(datagram, Some(meter)),
            // ICMP port unreachable reaches connected sockets only.
            None if fixed.is_some() => self.inbox.fail(ErrorCode::ConnectionRefused),
            None => {}
        }
    }

    /// The real socket for what leaves, made at first use.
    fn host(
        &self,
        mine: Option<&Arc<Endpoint>>,
        connected: Option<SocketAddr>,
        towards: SocketAddr,
    ) -> Result<Arc<HostSocket>, ErrorCode> {
        let mut inner = self.inner.lock();
        if let Some(host) = &inner.host {
            // In host mode the bound socket serves everything.
            if mine.is_none() || host.connected() == connected {
                return Ok(host.clone());
            }
        }
        let (socket, _) = host_socket(SocketAddr::new(Family::of(towards.ip()).unspecified(), 0))?;
        let meter = mine.map(|endpoint| endpoint.meter.clone());
        let runtime = &self.stack.fabric.shared.options.runtime;
        let host = Arc::new(HostSocket::start(runtime, socket, &self.inbox, meter, connected, false)?);
        inner.host = Some(host.clone());
        Ok(host)
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(key) = self.key.get() {
            self.stack.dismiss(*key);
        }
    }
}

impl Member for Core {
    fn status(&self) -> Option<SocketStatus> {
        let inner = self.inner.lock();
        let State::Bound(local) = &inner.state else { return None };
        let local = local.address();
        Some(SocketStatus {
            protocol: Protocol::Udp,
            family: self.family,
            state: if inner.peer.is_some() { SocketState::Established } else { SocketState::Bound },
            local,
            remote: inner.peer,
            receive_queue: self.inbox.queued(),
            send_queue: 0,
            owner: Some(inner.owner).filter(|owner| *owner != 0),
        })
    }

    fn abort(&self) {
        let mut inner = self.inner.lock();
        let state = std::mem::replace(&mut inner.state, State::Closed);
        let host = inner.host.take();
        drop(inner);
        drop((state, host));
        self.inbox.close();
    }

    fn uses(&self, _endpoint: &Arc<Endpoint>) -> bool {
        false
    }
}
