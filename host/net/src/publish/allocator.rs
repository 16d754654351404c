//! Choosing and holding host ports, with dockerd's rules and sentences: its own allocations
//! are checked first, then the host has its say.

use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;

use super::PortRequest;
use crate::address::Protocol;
use crate::error::FabricError;

/// How often dockerd tries another port when the host has one in use.
const ATTEMPTS: usize = 10;
const BACKLOG: i32 = 1024;
const DEFAULT_RANGE: (u16, u16) = (32_768, 60_999);

#[derive(Default)]
struct State {
    held: Vec<(Protocol, IpAddr, u16)>,
    next_tcp: u16,
    next_udp: u16,
}

/// Host ports in use by containers.
#[derive(Default)]
pub(crate) struct HostPorts {
    state: Arc<Mutex<State>>,
}

/// A held host port.
pub(crate) struct Reservation {
    state: Arc<Mutex<State>>,
    key: (Protocol, IpAddr, u16),
}

impl Reservation {
    pub(crate) fn port(&self) -> u16 {
        self.key.2
    }

    pub(crate) fn release(&self) {
        let mut state = self.state.lock();
        if let Some(at) = state.held.iter().position(|key| *key == self.key) {
            state.held.swap_remove(at);
        }
    }
}

pub(crate) enum HostSocket {
    Tcp(socket2::Socket),
    Udp(socket2::Socket),
}

/// A bound socket with its reservation. Dropping it gives both back.
pub(crate) struct Reserved {
    pub(crate) socket: HostSocket,
    pub(crate) reservation: Reservation,
}

/// The host's ephemeral range, from which dockerd takes ports too.
fn ephemeral_range() -> (u16, u16) {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(first)), Some(Ok(last))) if 0 < first && first <= last => (first, last),
        _ => DEFAULT_RANGE,
    }
}

fn words(error: &Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => "address already in use".to_owned(),
        ErrorKind::AddrNotAvailable => "cannot assign requested address".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

fn bracketed(address: IpAddr) -> String {
    if address.is_ipv6() { format!("[{address}]") } else { address.to_string() }
}

pub(crate) fn host_error(
    request: &PortRequest,
    address: IpAddr,
    port: u16,
    inner: IpAddr,
    error: &Error,
) -> FabricError {
    FabricError::HostBind {
        address: bracketed(address),
        port,
        container_address: bracketed(inner),
        container_port: request.container_port,
        protocol: request.protocol.name(),
        reason: words(error),
    }
}

impl State {
    fn is_held(&self, protocol: Protocol, address: IpAddr, port: u16) -> bool {
        self.held.iter().any(|(held_protocol, held, held_port)| {
            (*held_protocol, *held_port) == (protocol, port)
                && held.is_ipv4() == address.is_ipv4()
                && (*held == address || held.is_unspecified() || address.is_unspecified())
        })
    }

    fn next(&mut self, protocol: Protocol) -> &mut u16 {
        match protocol {
            Protocol::Tcp => &mut self.next_tcp,
            Protocol::Udp => &mut self.next_udp,
        }
    }
}

impl HostPorts {
    /// Opens one request on each of its addresses, all with the same port.
    pub(crate) fn open(&self, request: &PortRequest, inner: IpAddr) -> Result<Vec<(IpAddr, Reserved)>, FabricError> {
        let addresses = match request.host_address {
            Some(address) => vec![address],
            None => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
        };
        let mut state = self.state.lock();
        let ephemeral = request.host_ports.1 == 0;
        let (first, last) = if ephemeral { ephemeral_range() } else { request.host_ports };
        if first > last || first == 0 {
            return Err(FabricError::RangeExhausted);
        }
        let start = if ephemeral { (*state.next(request.protocol)).clamp(first, last) } else { first };
        let mut refused = None;
        let mut attempts = 0;
        for port in (start..=last).chain(first..start) {
            if let Some(held) = addresses.iter().find(|address| state.is_held(request.protocol, **address, port)) {
                if first == last {
                    return Err(FabricError::PortAllocated { address: held.to_string(), port });
                }
                continue;
            }
            match self.bind_all(request.protocol, &addresses, port, request.host_address.is_none()) {
                Ok(bound) => {
                    if ephemeral {
                        *state.next(request.protocol) = if port == last { first } else { port + 1 };
                    }
                    state.held.extend(bound.iter().map(|(_, reserved)| reserved.reservation.key));
                    return Ok(bound);
                }
                Err((address, error)) => {
                    attempts += 1;
                    let in_use = error.kind() == ErrorKind::AddrInUse;
                    refused = Some(host_error(request, address, port, inner, &error));
                    if !in_use || attempts >= ATTEMPTS {
                        break;
                    }
                }
            }
        }
        Err(refused.unwrap_or(FabricError::RangeExhausted))
    }

    fn bind_all(
        &self,
        protocol: Protocol,
        addresses: &[IpAddr],
        port: u16,
        ipv6_is_optional: bool,
    ) -> Result<Vec<(IpAddr, Reserved)>, (IpAddr, Error)> {
        let mut bound = Vec::new();
        for address in addresses {
            let key = (protocol, *address, port);
            match bind(protocol, SocketAddr::new(*address, port)) {
                Ok(socket) => {
                    let reservation = Reservation { state: self.state.clone(), key };
                    bound.push((*address, Reserved { socket, reservation }));
                }
                // A host without IPv6.
                Err(error) if ipv6_is_optional && address.is_ipv6() && no_such_family(&error) => {}
                Err(error) => return Err((*address, error)),
            }
        }
        Ok(bound)
    }
}

fn no_such_family(error: &Error) -> bool {
    error.kind() == ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn bind(protocol: Protocol, at: SocketAddr) -> Result<HostSocket, Error> {
    let (kind, number) = match protocol {
        Protocol::Tcp => (socket2::Type::STREAM, socket2::Protocol::TCP),
        Protocol::Udp => (socket2::Type::DGRAM, socket2::Protocol::UDP),
    };
    let socket = socket2::Socket::new(socket2::Domain::for_address(at), kind.nonblocking().cloexec(), Some(number))?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if protocol == Protocol::Tcp {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&at.into())?;
    match protocol {
        Protocol::Tcp => {
            // Two sockets with SO_REUSEADDR both bind; only here the second one fails.
            socket.listen(BACKLOG)?;
            Ok(HostSocket::Tcp(socket))
        }
        Protocol::Udp => Ok(HostSocket::Udp(socket)),
    }
}
