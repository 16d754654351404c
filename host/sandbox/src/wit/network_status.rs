//! `coracle:container/network-status`.

use std::net::SocketAddr;
use std::sync::Arc;

use coracle_net::{Family, Protocol as NetProtocol, SocketState as NetState, Stack};

use crate::bindings::coracle::container::network_status::{
    Address, Host, NetworkInterface, Protocol, Route, Socket, SocketState,
};
use crate::guest::Guest;

impl Guest {
    /// The container's network, if it has one.
    pub(crate) fn network(&self) -> Option<Arc<Stack>> {
        self.process.container().extensions().get::<Stack>()
    }
}

impl Host for Guest {
    fn list_interfaces(&mut self) -> wasmtime::Result<Vec<NetworkInterface>> {
        let interfaces = self.network().map(|stack| stack.interfaces());
        Ok(interfaces
            .into_iter()
            .flatten()
            .map(|interface| NetworkInterface {
                name: interface.name,
                index: interface.index,
                hardware_address: interface
                    .mac
                    .map_or_else(|| "00:00:00:00:00:00".to_owned(), |address| address.to_string()),
                mtu: interface.mtu,
                // An interface exists as long as its container is connected.
                up: true,
                loopback: interface.loopback,
                addresses: interface
                    .addresses
                    .iter()
                    .map(|address| Address { address: address.addr().to_string(), prefix_length: address.prefix_len() })
                    .collect(),
                received_bytes: interface.counters.received_bytes,
                received_packets: interface.counters.received_packets,
                sent_bytes: interface.counters.sent_bytes,
                sent_packets: interface.counters.sent_packets,
            })
            .collect())
    }

    fn list_routes(&mut self) -> wasmtime::Result<Vec<Route>> {
        let routes = self.network().map(|stack| stack.routes());
        Ok(routes
            .into_iter()
            .flatten()
            .map(|route| Route {
                destination: route.destination.to_string(),
                gateway: route.gateway.map(|gateway| gateway.to_string()),
                device: route.device,
            })
            .collect())
    }

    fn list_sockets(&mut self) -> wasmtime::Result<Vec<Socket>> {
        let sockets = self.network().map(|stack| stack.sockets());
        Ok(sockets
            .into_iter()
            .flatten()
            .map(|socket| Socket {
                protocol: match (socket.protocol, socket.family) {
                    (NetProtocol::Tcp, Family::Ipv4) => Protocol::Tcp,
                    (NetProtocol::Tcp, Family::Ipv6) => Protocol::Tcp6,
                    (NetProtocol::Udp, Family::Ipv4) => Protocol::Udp,
                    (NetProtocol::Udp, Family::Ipv6) => Protocol::Udp6,
                },
                state: match socket.state {
                    NetState::Listen => SocketState::Listen,
                    NetState::Established => SocketState::Established,
                    NetState::Connecting => SocketState::Connecting,
                    NetState::Closing => SocketState::Closing,
                    NetState::Bound => SocketState::Bound,
                },
                local: socket.local.to_string(),
                remote: remote(socket.remote, socket.family),
                receive_queue: socket.receive_queue as u64,
                send_queue: socket.send_queue as u64,
                process: socket.owner,
            })
            .collect())
    }
}

/// As netstat shows a socket without a peer.
fn remote(address: Option<SocketAddr>, family: Family) -> String {
    match (address, family) {
        (Some(address), _) => address.to_string(),
        (None, Family::Ipv4) => "0.0.0.0:*".to_owned(),
        (None, Family::Ipv6) => "[::]:*".to_owned(),
    }
}
