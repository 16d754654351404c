//! Virtual networks of containers, inside the daemon: addresses, names, sockets, published ports.
//!
//! No packet exists here. A container's network namespace is a [`Stack`]; a TCP connection
//! between two stacks is a pair of bounded byte queues, a datagram is a move into a bounded
//! inbox. What leaves the virtual networks (outbound connections, published ports, host
//! mode) is carried by real sockets of the daemon, behind the same types. So a guest cannot
//! reach anything that a table in this crate does not name, and moving bytes between
//! containers costs no system call.
//!
//! | To do | Start at |
//! |---|---|
//! | the daemon's networks, IPAM | [`Fabric`], [`Network`], [`NetworkSpec`] |
//! | a container's network | [`Stack`], [`StackOptions`], [`EndpointSpec`] |
//! | `wasi:sockets` | [`TcpSocket`], [`UdpSocket`], [`ResolveStream`], [`ErrorCode`], [`StreamError`] |
//! | `docker run -p` | [`Stack::publish`], [`PortRequest`], [`PublishedPort`] |
//! | what may leave | [`OutboundPolicy`] |
//! | `docker stats`, netstat | [`Stack::counters`], [`Stack::interfaces`], [`Stack::routes`], [`Stack::sockets`] |
//!
//! Every socket operation is non-blocking with a `poll_*` and an async twin; wakers may come
//! from any runtime. The crate knows neither WIT nor HTTP nor processes.

mod address;
mod endpoint;
mod error;
mod fabric;
mod ipam;
mod names;
mod network;
mod policy;
mod ports;
mod publish;
mod quota;
mod route;
mod stack;
mod status;
mod tcp;
mod udp;
mod wakers;

pub use address::{Family, MacAddress, Protocol};
pub use endpoint::{Endpoint, EndpointSpec};
pub use error::{ErrorCode, FabricError, FabricErrorKind, StreamError};
pub use fabric::{AddressPool, Fabric, FabricOptions};
pub use ipnet::{IpNet, Ipv4Net, Ipv6Net};
pub use names::ResolveStream;
pub use network::{Driver, IpamConfig, Network, NetworkSpec};
pub use policy::{OutboundPolicy, OutboundRule, RuleHost};
pub use publish::{PortRequest, PublishedPort};
pub use quota::Quota;
pub use stack::{ExtraHost, Mode, Stack, StackOptions};
pub use status::{Counters, InterfaceStatus, RouteStatus, SocketState, SocketStatus};
pub use tcp::{Shutdown, TcpReader, TcpSocket, TcpWriter};
pub use udp::{Datagram, OutgoingDatagram, UdpReceiver, UdpSender, UdpSocket};
