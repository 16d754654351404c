//! Published ports, `-p`: real sockets of the host that lead into a container.
//!
//! A connection is handed to whatever listens in the container at that moment. Before there
//! is room in its backlog nothing is accepted from the host, so a flood waits in the host's
//! queue; what is accepted counts in the container's quota.

mod allocator;
mod tcp;
mod udp;

use std::net::IpAddr;
use std::sync::Arc;

pub(crate) use allocator::HostPorts;
pub(crate) use udp::PublishedFlows;

use crate::address::{Family, Protocol};
use crate::error::FabricError;
use crate::stack::{Mode, Stack};

/// One `-p`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortRequest {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The port in the container.
    pub container_port: u16,
    /// The host's address; none: every IPv4 and every IPv6 address, two bindings with one port.
    pub host_address: Option<IpAddr>,
    /// First and last host port to try; `(0, 0)`: any free one from the host's ephemeral range.
    pub host_ports: (u16, u16),
}

/// The socket of a published port, open until [`Gate::close`].
pub(crate) trait Gate: Send + Sync {
    /// Closes it before returning: the port can be bound again at once.
    fn close(&self);
}

pub(crate) struct Opening {
    gate: Arc<dyn Gate>,
    reservation: allocator::Reservation,
}

impl Opening {
    pub(crate) fn close(&self) {
        self.gate.close();
        self.reservation.release();
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.close();
    }
}

/// A port of the host that leads into a container; released on drop, or when the stack is
/// closed.
pub struct PublishedPort {
    protocol: Protocol,
    container_port: u16,
    host_address: IpAddr,
    host_port: u16,
    _opening: Arc<Opening>,
}

impl std::fmt::Debug for PublishedPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}->{}/{}", self.host_address, self.host_port, self.container_port, self.protocol)
    }
}

impl PublishedPort {
    /// TCP or UDP.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The port in the container.
    pub fn container_port(&self) -> u16 {
        self.container_port
    }

    /// The host's address.
    pub fn host_address(&self) -> IpAddr {
        self.host_address
    }

    /// The host's port.
    pub fn host_port(&self) -> u16 {
        self.host_port
    }
}

impl Stack {
    /// Publishes container ports on the host; all of them or none. Call it once the stack is
    /// on its networks: as with dockerd, nothing is published in host mode, nor without a
    /// network that has a way out. The ports are released when the answered guards are
    /// dropped or the stack is closed.
    pub fn publish(self: &Arc<Self>, requests: &[PortRequest]) -> Result<Vec<PublishedPort>, FabricError> {
        let routed = |family: Family| self.default_endpoint(family.unspecified());
        let endpoint = routed(Family::Ipv4).or_else(|| routed(Family::Ipv6));
        let (Mode::Virtual, Some(endpoint)) = (self.mode(), endpoint) else { return Ok(Vec::new()) };
        let inner = endpoint.addresses().next().map(|net| net.addr()).unwrap_or(Family::Ipv4.unspecified());
        let mut published = Vec::new();
        for request in requests {
            for (host_address, reserved) in self.fabric.shared.host_ports.open(request, inner)? {
                let runtime = &self.fabric.shared.options.runtime;
                let host_port = reserved.reservation.port();
                let failed =
                    |error: std::io::Error| allocator::host_error(request, host_address, host_port, inner, &error);
                let gate = match reserved.socket {
                    allocator::HostSocket::Tcp(socket) => {
                        tcp::start(runtime, socket, self, request.container_port).map_err(failed)?
                    }
                    allocator::HostSocket::Udp(socket) => {
                        udp::start(runtime, socket, self, request.container_port).map_err(failed)?
                    }
                };
                let opening = Arc::new(Opening { gate, reservation: reserved.reservation });
                if !self.flows.keep(&opening) {
                    return Err(FabricError::StackClosed(self.id().to_owned()));
                }
                published.push(PublishedPort {
                    protocol: request.protocol,
                    container_port: request.container_port,
                    host_address,
                    host_port,
                    _opening: opening,
                });
            }
        }
        Ok(published)
    }
}
