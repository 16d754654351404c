//! The socket: unbound, bound, listening, connecting, connected or closed, and which
//! operation each of these allows (WASI's TcpSocketOperationalSemantics).

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;

use super::Listening;
use super::connect::Attempt;
use super::end::{End, EndSpec};
use super::listener::{Listener, Offer};
use super::options::{self, Options};
use super::splice::{AbortOnDrop, reset, splice};
use super::stream::{TcpReader, TcpWriter};
use crate::address::{Family, Protocol, check_unicast};
use crate::endpoint::Endpoint;
use crate::error::ErrorCode;
use crate::ports::{BindRequest, PortGuard};
use crate::quota::SocketPermit;
use crate::stack::{Member, Mode, Stack};
use crate::status::{SocketState, SocketStatus};
use crate::wakers::Wakers;

/// Which direction [`TcpSocket::shutdown`] ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// SHUT_RD.
    Receive,
    /// SHUT_WR: the peer reads end of stream.
    Send,
    /// SHUT_RDWR.
    Both,
}

/// A held local address.
#[derive(Clone)]
enum Binding {
    Fabric(Arc<PortGuard<Listening>>),
    Host(Arc<socket2::Socket>, SocketAddr),
}

impl Binding {
    fn local(&self) -> SocketAddr {
        match self {
            Self::Fabric(guard) => guard.local(),
            Self::Host(_, local) => *local,
        }
    }
}

enum State {
    Unbound,
    BindStarted(Binding),
    Bound(Binding),
    ListenStarted(Binding),
    Listening { binding: Binding, listener: Arc<Listener>, _task: Option<AbortOnDrop> },
    Connecting { attempt: Attempt, local: SocketAddr, remote: SocketAddr, via: Option<Arc<Endpoint>> },
    Connected(Arc<End>),
    Closed,
}

struct Inner {
    state: State,
    options: Options,
    owner: u32,
    waiting: Wakers,
}

struct Core {
    stack: Arc<Stack>,
    family: Family,
    inner: Mutex<Inner>,
    key: OnceLock<u64>,
    // An accepted connection is counted by its end.
    _permit: Option<SocketPermit>,
}

/// A TCP socket of a stack: unbound, bound, listening, connecting, connected or closed.
/// All methods take `&self`. A connection ends when the socket and both its streams are gone.
pub struct TcpSocket {
    core: Arc<Core>,
}

impl Core {
    fn create(
        stack: &Arc<Stack>,
        family: Family,
        state: State,
        options: Options,
        permit: Option<SocketPermit>,
    ) -> Result<Arc<Self>, ErrorCode> {
        let inner = Inner { state, options, owner: 0, waiting: Wakers::default() };
        let core = Arc::new(Self {
            stack: stack.clone(),
            family,
            inner: Mutex::new(inner),
            key: OnceLock::new(),
            _permit: permit,
        });
        let _ = core.key.set(stack.enlist(Arc::downgrade(&core))?);
        Ok(core)
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(key) = self.key.get() {
            self.stack.dismiss(*key);
        }
        if let State::Listening { listener, .. } = &self.inner.get_mut().state {
            listener.close();
        }
    }
}

/// IPv4 as an IPv6 socket shows it.
fn shown(family: Family, address: SocketAddr) -> SocketAddr {
    match (family, address.ip()) {
        (Family::Ipv6, IpAddr::V4(ip)) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        _ => address,
    }
}

impl TcpSocket {
    /// A new socket; `new-socket-limit` when the stack's quota is used up.
    pub fn new(stack: &Arc<Stack>, family: Family) -> Result<Self, ErrorCode> {
        let permit = stack.usage.socket()?;
        let core = Core::create(stack, family, State::Unbound, Options::default(), Some(permit))?;
        Ok(Self { core })
    }

    /// bind(2), with SO_REUSEADDR. Port 0 takes an ephemeral port.
    pub fn start_bind(&self, local: SocketAddr) -> Result<(), ErrorCode> {
        let mut inner = self.core.inner.lock();
        match inner.state {
            State::Unbound => {}
            State::BindStarted(_) | State::ListenStarted(_) | State::Connecting { .. } => {
                return Err(ErrorCode::ConcurrencyConflict);
            }
            _ => return Err(ErrorCode::InvalidState),
        }
        check_unicast(self.core.family, local)?;
        let binding = self.hold(SocketAddr::new(local.ip(), local.port()), &inner.options)?;
        inner.state = State::BindStarted(binding);
        Ok(())
    }

    fn hold(&self, local: SocketAddr, options: &Options) -> Result<Binding, ErrorCode> {
        if self.core.stack.mode() == Mode::Host {
            return hold_on_host(local, options);
        }
        if !self.core.stack.is_local(local.ip()) {
            return Err(ErrorCode::AddressNotBindable);
        }
        let request = BindRequest { local, dual: options.dual, shares: true };
        Ok(Binding::Fabric(Arc::new(self.core.stack.tcp.bind(request, None)?)))
    }

    /// Result of [`Self::start_bind`].
    pub fn finish_bind(&self) -> Result<(), ErrorCode> {
        let mut inner = self.core.inner.lock();
        match std::mem::replace(&mut inner.state, State::Closed) {
            State::BindStarted(binding) => {
                inner.state = State::Bound(binding);
                Ok(())
            }
            other => {
                inner.state = other;
                Err(ErrorCode::NotInProgress)
            }
        }
    }

    /// connect(2). Binds to an ephemeral port if need be. That nobody is there is told by
    /// [`Self::finish_connect`].
    pub fn start_connect(&self, remote: SocketAddr) -> Result<(), ErrorCode> {
        let mut inner = self.core.inner.lock();
        let binding = match &inner.state {
            State::Unbound => None,
            State::Bound(binding) => Some(binding.clone()),
            State::BindStarted(_) | State::ListenStarted(_) | State::Connecting { .. } => {
                return Err(ErrorCode::ConcurrencyConflict);
            }
            _ => return Err(ErrorCode::InvalidState),
        };
        let remote = self.destination(remote, &inner.options)?;
        let (attempt, local, via) = match self.begin(remote, binding, &inner.options) {
            Ok(begun) => begun,
            Err(error) => (Attempt::Done(Err(error)), SocketAddr::new(self.core.family.unspecified(), 0), None),
        };
        inner.state = State::Connecting { attempt, local, remote, via };
        Ok(())
    }

    fn destination(&self, remote: SocketAddr, options: &Options) -> Result<SocketAddr, ErrorCode> {
        let mut address = remote.ip();
        match address {
            IpAddr::V6(six) if options.dual => {
                address = six.to_ipv4_mapped().map_or(address, IpAddr::V4);
                check_unicast(Family::of(address), SocketAddr::new(address, 0))?;
            }
            _ => check_unicast(self.core.family, remote)?,
        }
        if address.is_unspecified() || remote.port() == 0 {
            return Err(ErrorCode::InvalidArgument);
        }
        Ok(SocketAddr::new(address, remote.port()))
    }

    fn begin(
        &self,
        remote: SocketAddr,
        binding: Option<Binding>,
        options: &Options,
    ) -> Result<(Attempt, SocketAddr, Option<Arc<Endpoint>>), ErrorCode> {
        let stack = &self.core.stack;
        let route = stack.route(remote.ip(), remote.port())?;
        let mut spec = EndSpec {
            stack: Some(stack.clone()),
            endpoint: route.endpoint().cloned(),
            local: SocketAddr::new(Family::of(remote.ip()).unspecified(), 0),
            remote,
            port: None,
            receive_capacity: options.receive_buffer,
        };
        let mut host_socket = None;
        if let Some(source) = route.source(remote.ip()) {
            let guard = match binding {
                Some(Binding::Fabric(guard)) => guard,
                _ => {
                    let local = SocketAddr::new(source, 0);
                    Arc::new(stack.tcp.bind(BindRequest { local, dual: false, shares: true }, None)?)
                }
            };
            let bound = guard.local().ip();
            let from = if bound.is_unspecified() { source } else { bound };
            if from.is_loopback() && !source.is_loopback() {
                return Err(ErrorCode::RemoteUnreachable);
            }
            spec.local = SocketAddr::new(from, guard.local().port());
            spec.port = Some(guard);
        } else if let Some(Binding::Host(socket, local)) = binding {
            spec.local = local;
            host_socket = Some(tokio::net::TcpSocket::from_std_stream(socket.try_clone()?.into()));
        }
        let (local, via) = (spec.local, spec.endpoint.clone());
        Ok((Attempt::begin(stack, route, spec, host_socket), local, via))
    }

    /// Result of [`Self::start_connect`]: `would-block` until it is known. After an error the
    /// socket is closed.
    pub fn finish_connect(&self) -> Result<(TcpReader, TcpWriter), ErrorCode> {
        let mut inner = self.core.inner.lock();
        let State::Connecting { attempt, .. } = &mut inner.state else { return Err(ErrorCode::NotInProgress) };
        match attempt.outcome().ok_or(ErrorCode::WouldBlock)? {
            Ok(end) => {
                end.set_owner(inner.owner);
                inner.state = State::Connected(end.clone());
                Ok((TcpReader { end: end.clone() }, TcpWriter { end }))
            }
            Err(error) => {
                inner.state = State::Closed;
                Err(error)
            }
        }
    }

    /// listen(2); the socket must be bound.
    pub fn start_listen(&self) -> Result<(), ErrorCode> {
        let mut inner = self.core.inner.lock();
        match std::mem::replace(&mut inner.state, State::Closed) {
            State::Bound(binding) => {
                inner.state = State::ListenStarted(binding);
                Ok(())
            }
            other => {
                inner.state = other;
                match inner.state {
                    State::BindStarted(_) | State::ListenStarted(_) | State::Connecting { .. } => {
                        Err(ErrorCode::ConcurrencyConflict)
                    }
                    _ => Err(ErrorCode::InvalidState),
                }
            }
        }
    }

    /// Result of [`Self::start_listen`].
    pub fn finish_listen(&self) -> Result<(), ErrorCode> {
        let mut inner = self.core.inner.lock();
        let State::ListenStarted(binding) = &inner.state else { return Err(ErrorCode::NotInProgress) };
        let binding = binding.clone();
        let listener = Listener::new(&self.core.stack, inner.options.clone());
        let started = match &binding {
            Binding::Fabric(guard) => guard.receive(listener.clone()).map(|()| None),
            Binding::Host(socket, _) => listen_on_host(&self.core.stack, socket, &listener).map(Some),
        };
        match started {
            Ok(task) => {
                inner.state = State::Listening { binding, listener, _task: task };
                Ok(())
            }
            Err(error) => {
                inner.state = State::Closed;
                Err(error)
            }
        }
    }

    /// accept(2): `would-block` if nobody waits.
    pub fn accept(&self) -> Result<(TcpSocket, TcpReader, TcpWriter), ErrorCode> {
        let (end, owner, mut options) = {
            let inner = self.core.inner.lock();
            let State::Listening { listener, .. } = &inner.state else { return Err(ErrorCode::InvalidState) };
            (listener.accept()?, inner.owner, listener.options.clone())
        };
        options.backlog = Options::default().backlog;
        end.set_owner(owner);
        let state = State::Connected(end.clone());
        let core = Core::create(&self.core.stack, self.core.family, state, options, None)?;
        Ok((TcpSocket { core }, TcpReader { end: end.clone() }, TcpWriter { end }))
    }

    /// Ready when the operation under way can be finished, a connection can be accepted, or
    /// there is nothing to wait for.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.core.inner.lock();
        let polled = match &mut inner.state {
            State::Listening { listener, .. } => listener.poll_acceptable(cx),
            State::Connecting { attempt, .. } => attempt.poll(cx),
            _ => Poll::Ready(()),
        };
        if polled.is_pending() {
            inner.waiting.register(cx);
        }
        polled
    }

    /// As [`Self::poll_ready`].
    pub async fn ready(&self) {
        poll_fn(|cx| self.poll_ready(cx)).await;
    }

    /// Binds, at once.
    pub fn bind(&self, local: SocketAddr) -> Result<(), ErrorCode> {
        self.start_bind(local)?;
        self.finish_bind()
    }

    /// Listens, at once.
    pub fn listen(&self) -> Result<(), ErrorCode> {
        self.start_listen()?;
        self.finish_listen()
    }

    /// Connects and waits for it.
    pub async fn connect(&self, remote: SocketAddr) -> Result<(TcpReader, TcpWriter), ErrorCode> {
        self.start_connect(remote)?;
        loop {
            match self.finish_connect() {
                Err(ErrorCode::WouldBlock) => self.ready().await,
                known => return known,
            }
        }
    }

    /// Waits for a connection.
    pub async fn next_connection(&self) -> Result<(TcpSocket, TcpReader, TcpWriter), ErrorCode> {
        loop {
            match self.accept() {
                Err(ErrorCode::WouldBlock) => self.ready().await,
                known => return known,
            }
        }
    }

    /// getsockname(2); `invalid-state` if not bound.
    pub fn local_address(&self) -> Result<SocketAddr, ErrorCode> {
        let local = match &self.core.inner.lock().state {
            State::Bound(binding) | State::ListenStarted(binding) | State::Listening { binding, .. } => binding.local(),
            State::Connecting { local, .. } if local.port() != 0 => *local,
            State::Connected(end) => end.local(),
            _ => return Err(ErrorCode::InvalidState),
        };
        Ok(shown(self.core.family, local))
    }

    /// getpeername(2); `invalid-state` if not connected.
    pub fn remote_address(&self) -> Result<SocketAddr, ErrorCode> {
        match &self.core.inner.lock().state {
            State::Connected(end) => Ok(shown(self.core.family, end.remote())),
            _ => Err(ErrorCode::InvalidState),
        }
    }

    /// Whether it listens.
    pub fn is_listening(&self) -> bool {
        matches!(self.core.inner.lock().state, State::Listening { .. })
    }

    /// Its family.
    pub fn family(&self) -> Family {
        self.core.family
    }

    /// shutdown(2); `invalid-state` if not connected.
    pub fn shutdown(&self, how: Shutdown) -> Result<(), ErrorCode> {
        let end = match &self.core.inner.lock().state {
            State::Connected(end) => end.clone(),
            _ => return Err(ErrorCode::InvalidState),
        };
        if how != Shutdown::Receive {
            end.end_sending();
        }
        if how != Shutdown::Send {
            end.end_receiving();
        }
        Ok(())
    }

    /// IPV6_V6ONLY off, before binding or connecting: the socket also serves IPv4, whose
    /// addresses it shows mapped. `wasi:sockets` never asks for it.
    pub fn set_dual_stack(&self, dual: bool) -> Result<(), ErrorCode> {
        let mut inner = self.core.inner.lock();
        if self.core.family != Family::Ipv6 || !matches!(inner.state, State::Unbound) {
            return Err(ErrorCode::InvalidState);
        }
        inner.options.dual = dual;
        Ok(())
    }

    /// The backlog of [`Self::start_listen`]: not zero, at most 4096, default 128. A
    /// listening socket keeps the one it has.
    pub fn set_listen_backlog_size(&self, size: u64) -> Result<(), ErrorCode> {
        if size == 0 {
            return Err(ErrorCode::InvalidArgument);
        }
        let mut inner = self.core.inner.lock();
        match inner.state {
            State::Listening { .. } => Err(ErrorCode::NotSupported),
            State::Connected(_) | State::Connecting { .. } | State::Closed => Err(ErrorCode::InvalidState),
            _ => {
                inner.options.backlog = usize::try_from(size.min(4096)).unwrap_or(4096);
                Ok(())
            }
        }
    }

    /// Who uses it, a pid, for netstat.
    pub fn set_owner(&self, owner: u32) {
        let mut inner = self.core.inner.lock();
        inner.owner = owner;
        if let State::Connected(end) = &inner.state {
            end.set_owner(owner);
        }
    }

    fn option<T>(&self, get: impl FnOnce(&Options) -> T) -> Result<T, ErrorCode> {
        let inner = self.core.inner.lock();
        if let State::Closed = inner.state { Err(ErrorCode::InvalidState) } else { Ok(get(&inner.options)) }
    }

    fn change(&self, set: impl FnOnce(&mut Options)) -> Result<(), ErrorCode> {
        let mut inner = self.core.inner.lock();
        if let State::Closed = inner.state {
            return Err(ErrorCode::InvalidState);
        }
        set(&mut inner.options);
        Ok(())
    }

    /// SO_KEEPALIVE.
    pub fn keep_alive_enabled(&self) -> Result<bool, ErrorCode> {
        self.option(|options| options.keep_alive)
    }
    /// SO_KEEPALIVE.
    pub fn set_keep_alive_enabled(&self, value: bool) -> Result<(), ErrorCode> {
        self.change(|options| options.keep_alive = value)
    }
    /// TCP_KEEPIDLE.
    pub fn keep_alive_idle_time(&self) -> Result<Duration, ErrorCode> {
        self.option(|options| options.keep_alive_idle)
    }
    /// TCP_KEEPIDLE; not zero, rounded up to a second, at most 32767 s.
    pub fn set_keep_alive_idle_time(&self, value: Duration) -> Result<(), ErrorCode> {
        let value = options::seconds(value)?;
        self.change(|options| options.keep_alive_idle = value)
    }
    /// TCP_KEEPINTVL.
    pub fn keep_alive_interval(&self) -> Result<Duration, ErrorCode> {
        self.option(|options| options.keep_alive_interval)
    }
    /// TCP_KEEPINTVL; not zero, rounded up to a second, at most 32767 s.
    pub fn set_keep_alive_interval(&self, value: Duration) -> Result<(), ErrorCode> {
        let value = options::seconds(value)?;
        self.change(|options| options.keep_alive_interval = value)
    }
    /// TCP_KEEPCNT.
    pub fn keep_alive_count(&self) -> Result<u32, ErrorCode> {
        self.option(|options| options.keep_alive_count)
    }
    /// TCP_KEEPCNT; not zero, at most 127.
    pub fn set_keep_alive_count(&self, value: u32) -> Result<(), ErrorCode> {
        if value == 0 {
            return Err(ErrorCode::InvalidArgument);
        }
        self.change(|options| options.keep_alive_count = value.min(127))
    }
    /// IP_TTL, IPV6_UNICAST_HOPS.
    pub fn hop_limit(&self) -> Result<u8, ErrorCode> {
        self.option(|options| options.hop_limit)
    }
    /// IP_TTL, IPV6_UNICAST_HOPS; not zero.
    pub fn set_hop_limit(&self, value: u8) -> Result<(), ErrorCode> {
        if value == 0 {
            return Err(ErrorCode::InvalidArgument);
        }
        self.change(|options| options.hop_limit = value)
    }
    /// TCP_NODELAY.
    pub fn no_delay(&self) -> Result<bool, ErrorCode> {
        self.option(|options| options.no_delay)
    }
    /// TCP_NODELAY.
    pub fn set_no_delay(&self, value: bool) -> Result<(), ErrorCode> {
        self.change(|options| options.no_delay = value)
    }
    /// SO_RCVBUF in bytes.
    pub fn receive_buffer_size(&self) -> Result<u64, ErrorCode> {
        self.option(|options| options.receive_buffer as u64)
    }
    /// SO_RCVBUF: not zero, brought within 4 KiB and 4 MiB; effective at once.
    pub fn set_receive_buffer_size(&self, value: u64) -> Result<(), ErrorCode> {
        let value = options::buffer(value)?;
        self.change(|options| options.receive_buffer = value)?;
        if let State::Connected(end) = &self.core.inner.lock().state {
            end.set_receive_capacity(value);
        }
        Ok(())
    }
    /// SO_SNDBUF in bytes.
    pub fn send_buffer_size(&self) -> Result<u64, ErrorCode> {
        self.option(|options| options.send_buffer as u64)
    }
    /// SO_SNDBUF: not zero, brought within bounds. What is sent goes straight into the
    /// receiver's buffer, so this has no effect but to be told back.
    pub fn set_send_buffer_size(&self, value: u64) -> Result<(), ErrorCode> {
        let value = options::buffer(value)?;
        self.change(|options| options.send_buffer = value)
    }
}

fn hold_on_host(local: SocketAddr, options: &Options) -> Result<Binding, ErrorCode> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(local),
        socket2::Type::STREAM.nonblocking().cloexec(),
        Some(socket2::Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if local.is_ipv6() {
        socket.set_only_v6(!options.dual)?;
    }
    socket.bind(&local.into())?;
    let local = socket.local_addr()?.as_socket().ok_or(ErrorCode::Unknown)?;
    Ok(Binding::Host(Arc::new(socket), local))
}

/// Accepts on the host and offers to the listener, never faster than it accepts.
fn listen_on_host(
    stack: &Arc<Stack>,
    socket: &socket2::Socket,
    listener: &Arc<Listener>,
) -> Result<AbortOnDrop, ErrorCode> {
    socket.listen(i32::try_from(listener.options.backlog).unwrap_or(i32::MAX))?;
    let runtime = &stack.fabric.shared.options.runtime;
    let _entered = runtime.enter();
    let host = tokio::net::TcpListener::from_std(socket.try_clone()?.into())?;
    let listener = listener.clone();
    let task = runtime.spawn(async move {
        loop {
            poll_fn(|cx| listener.poll_room(cx)).await;
            let Ok((stream, peer)) = host.accept().await else {
                // Out of descriptors, most likely: others must close theirs first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Ok(local) = stream.local_addr() else { continue };
            match listener.offer(EndSpec::daemon(peer, local), None, None) {
                Offer::Connected(end) => drop(tokio::spawn(splice(end, stream))),
                Offer::Full(_) | Offer::Refused(_) => reset(stream),
            }
        }
    });
    Ok(AbortOnDrop(task.abort_handle()))
}

impl Member for Core {
    fn status(&self) -> Option<SocketStatus> {
        let inner = self.inner.lock();
        let (state, local, remote, queues) = match &inner.state {
            State::Bound(binding) | State::ListenStarted(binding) => {
                (SocketState::Bound, binding.local(), None, (0, 0))
            }
            State::Listening { binding, listener, .. } => {
                (SocketState::Listen, binding.local(), None, listener.figures())
            }
            State::Connecting { local, remote, .. } => (SocketState::Connecting, *local, Some(*remote), (0, 0)),
            _ => return None,
        };
        Some(SocketStatus {
            protocol: Protocol::Tcp,
            family: self.family,
            state,
            local,
            remote,
            receive_queue: queues.0,
            send_queue: queues.1,
            owner: Some(inner.owner).filter(|owner| *owner != 0),
        })
    }

    fn abort(&self) {
        let mut inner = self.inner.lock();
        let old = match &inner.state {
            State::Connecting { local, remote, .. } => {
                let attempt = Attempt::Done(Err(ErrorCode::ConnectionReset));
                let new = State::Connecting { attempt, local: *local, remote: *remote, via: None };
                Some(std::mem::replace(&mut inner.state, new))
            }
            State::Connected(_) => None,
            _ => Some(std::mem::replace(&mut inner.state, State::Closed)),
        };
        let woken = inner.waiting.take();
        drop(inner);
        if let Some(State::Listening { listener, .. }) = &old {
            listener.close();
        }
        drop(old);
        woken.wake();
    }

    fn uses(&self, endpoint: &Arc<Endpoint>) -> bool {
        match &self.inner.lock().state {
            State::Connecting { via: Some(via), .. } => Arc::ptr_eq(via, endpoint),
            _ => false,
        }
    }
}
