//! Published ports: `-p`.

use std::net::IpAddr;

use crate::address::Protocol;

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

/// A port of the host that leads into a container; released on drop.
#[derive(Debug)]
pub struct PublishedPort {
    pub(crate) protocol: Protocol,
    pub(crate) container_port: u16,
    pub(crate) host_address: IpAddr,
    pub(crate) host_port: u16,
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
