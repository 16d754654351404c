//! `wasi:sockets`: networks, addresses, names and errors; sockets themselves are
//! in `wasi_tcp` and `wasi_udp`. All of it is the container's virtual network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::sync::Arc;

use coracle_net::{ErrorCode as NetError, Family, ResolveStream, Stack};
use wasmtime::component::{Resource, ResourceTableError};
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::{DynPollable, Pollable, subscribe};

use crate::bindings::wasi::sockets::network::{
    self, ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use crate::bindings::wasi::sockets::{instance_network, ip_name_lookup};
use crate::guest::Guest;

/// The right to use the container's network; every program of it has that.
pub struct NetworkAccess;

/// A name being looked up.
pub struct AddressLookup(ResolveStream);

#[async_trait]
impl Pollable for AddressLookup {
    async fn ready(&mut self) {
        self.0.ready().await;
    }
}

/// How a call of `wasi:sockets` fails.
#[derive(Debug)]
pub enum SocketFailure {
    /// The answer of the call.
    Code(NetError),
    /// The guest broke the rules of the interface.
    Trap(wasmtime::Error),
}

impl std::fmt::Display for SocketFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => std::fmt::Display::fmt(code, f),
            Self::Trap(error) => std::fmt::Display::fmt(error, f),
        }
    }
}

impl std::error::Error for SocketFailure {}

impl From<NetError> for SocketFailure {
    fn from(code: NetError) -> Self {
        Self::Code(code)
    }
}

impl From<ResourceTableError> for SocketFailure {
    fn from(error: ResourceTableError) -> Self {
        match error {
            ResourceTableError::Full => Self::Code(NetError::NewSocketLimit),
            error => Self::Trap(error.into()),
        }
    }
}

impl From<wasmtime::Error> for SocketFailure {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}

impl Guest {
    /// The container's network, for a new socket.
    pub(crate) fn stack(&self) -> Result<Arc<Stack>, SocketFailure> {
        self.network().ok_or(SocketFailure::Code(NetError::AccessDenied))
    }
}

impl network::Host for Guest {
    fn convert_error_code(&mut self, failure: SocketFailure) -> wasmtime::Result<ErrorCode> {
        match failure {
            SocketFailure::Code(code) => Ok(error_code(code)),
            SocketFailure::Trap(error) => Err(error),
        }
    }

    fn network_error_code(
        &mut self,
        _error: Resource<wasmtime_wasi_io::streams::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        // Behind an unstable gate that is not opened.
        Ok(None)
    }
}

impl network::HostNetwork for Guest {
    fn drop(&mut self, network: Resource<NetworkAccess>) -> wasmtime::Result<()> {
        self.table.delete(network)?;
        Ok(())
    }
}

impl instance_network::Host for Guest {
    fn instance_network(&mut self) -> wasmtime::Result<Resource<NetworkAccess>> {
        Ok(self.table.push(NetworkAccess)?)
    }
}

impl ip_name_lookup::Host for Guest {
    fn resolve_addresses(
        &mut self,
        _network: Resource<NetworkAccess>,
        name: String,
    ) -> Result<Resource<AddressLookup>, SocketFailure> {
        let lookup = AddressLookup(self.stack()?.resolve_addresses(&name)?);
        Ok(self.table.push(lookup)?)
    }
}

impl ip_name_lookup::HostResolveAddressStream for Guest {
    fn resolve_next_address(&mut self, lookup: Resource<AddressLookup>) -> Result<Option<IpAddress>, SocketFailure> {
        let next = self.table.get_mut(&lookup)?.0.next_address()?;
        Ok(next.map(ip_address))
    }

    fn subscribe(&mut self, lookup: Resource<AddressLookup>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(&mut self.table, lookup)
    }

    fn drop(&mut self, lookup: Resource<AddressLookup>) -> wasmtime::Result<()> {
        self.table.delete(lookup)?;
        Ok(())
    }
}

pub(crate) fn family_from_wit(family: IpAddressFamily) -> Family {
    match family {
        IpAddressFamily::Ipv4 => Family::Ipv4,
        IpAddressFamily::Ipv6 => Family::Ipv6,
    }
}

pub(crate) fn family_to_wit(family: Family) -> IpAddressFamily {
    match family {
        Family::Ipv4 => IpAddressFamily::Ipv4,
        Family::Ipv6 => IpAddressFamily::Ipv6,
    }
}

fn ipv4_to_wit(address: Ipv4Addr) -> (u8, u8, u8, u8) {
    let [a, b, c, d] = address.octets();
    (a, b, c, d)
}

type Ipv6Segments = (u16, u16, u16, u16, u16, u16, u16, u16);

fn ipv6_to_wit(address: Ipv6Addr) -> Ipv6Segments {
    let [a, b, c, d, e, f, g, h] = address.segments();
    (a, b, c, d, e, f, g, h)
}

fn ip_address(address: IpAddr) -> IpAddress {
    match address {
        IpAddr::V4(address) => IpAddress::Ipv4(ipv4_to_wit(address)),
        IpAddr::V6(address) => IpAddress::Ipv6(ipv6_to_wit(address)),
    }
}

pub(crate) fn address_from_wit(address: IpSocketAddress) -> SocketAddr {
    match address {
        IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address }) => {
            let (a, b, c, d) = address;
            SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port))
        }
        IpSocketAddress::Ipv6(v6) => {
            let (a, b, c, d, e, f, g, h) = v6.address;
            SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::new(a, b, c, d, e, f, g, h), v6.port, v6.flow_info, v6.scope_id))
        }
    }
}

pub(crate) fn address_to_wit(address: SocketAddr) -> IpSocketAddress {
    match address {
        SocketAddr::V4(v4) => {
            IpSocketAddress::Ipv4(Ipv4SocketAddress { port: v4.port(), address: ipv4_to_wit(*v4.ip()) })
        }
        SocketAddr::V6(v6) => IpSocketAddress::Ipv6(Ipv6SocketAddress {
            port: v6.port(),
            flow_info: v6.flowinfo(),
            address: ipv6_to_wit(*v6.ip()),
            scope_id: v6.scope_id(),
        }),
    }
}

fn error_code(code: NetError) -> ErrorCode {
    match code {
        NetError::Unknown => ErrorCode::Unknown,
        NetError::AccessDenied => ErrorCode::AccessDenied,
        NetError::NotSupported => ErrorCode::NotSupported,
        NetError::InvalidArgument => ErrorCode::InvalidArgument,
        NetError::OutOfMemory => ErrorCode::OutOfMemory,
        NetError::Timeout => ErrorCode::Timeout,
        NetError::ConcurrencyConflict => ErrorCode::ConcurrencyConflict,
        NetError::NotInProgress => ErrorCode::NotInProgress,
        NetError::WouldBlock => ErrorCode::WouldBlock,
        NetError::InvalidState => ErrorCode::InvalidState,
        NetError::NewSocketLimit => ErrorCode::NewSocketLimit,
        NetError::AddressNotBindable => ErrorCode::AddressNotBindable,
        NetError::AddressInUse => ErrorCode::AddressInUse,
        NetError::RemoteUnreachable => ErrorCode::RemoteUnreachable,
        NetError::ConnectionRefused => ErrorCode::ConnectionRefused,
        NetError::ConnectionReset => ErrorCode::ConnectionReset,
        NetError::ConnectionAborted => ErrorCode::ConnectionAborted,
        NetError::DatagramTooLarge => ErrorCode::DatagramTooLarge,
        NetError::NameUnresolvable => ErrorCode::NameUnresolvable,
        NetError::TemporaryResolverFailure => ErrorCode::TemporaryResolverFailure,
        NetError::PermanentResolverFailure => ErrorCode::PermanentResolverFailure,
    }
}
