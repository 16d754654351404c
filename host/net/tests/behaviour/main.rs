//! The crate through its public API: what a container would notice.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test asserts by panicking")]
mod names;
mod networks;
mod outbound;
mod publish;
mod tcp;
mod udp;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use coracle_net::{
    EndpointSpec, Fabric, FabricOptions, Family, Network, NetworkSpec, Stack, StackOptions, TcpReader, TcpSocket,
    TcpWriter,
};

/// A fabric whose containers find the host at 127.0.0.1.
fn fabric() -> Fabric {
    let mut options = FabricOptions::new(tokio::runtime::Handle::current());
    options.host_address = Some(Ipv4Addr::LOCALHOST.into());
    Fabric::new(options)
}

fn id(name: &str) -> String {
    let mut id: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    while id.len() < 64 {
        id.push('0');
    }
    id.truncate(64);
    id
}

fn bridge(fabric: &Fabric, name: &str) -> Arc<Network> {
    fabric.create_network(NetworkSpec::bridge(id(name), name)).unwrap()
}

fn options(name: &str) -> StackOptions {
    StackOptions { id: id(name), name: name.to_owned(), ..StackOptions::default() }
}

fn container(fabric: &Fabric, name: &str, network: &Arc<Network>) -> Arc<Stack> {
    let stack = fabric.stack(options(name));
    stack.connect(network, endpoint(name, &[])).unwrap();
    stack
}

fn endpoint(name: &str, aliases: &[&str]) -> EndpointSpec {
    EndpointSpec {
        id: id(&format!("endpoint of {name}")),
        aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        ..EndpointSpec::default()
    }
}

fn address(stack: &Stack) -> IpAddr {
    stack.endpoints()[0].ipv4().unwrap().addr().into()
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn socket(stack: &Arc<Stack>) -> TcpSocket {
    TcpSocket::new(stack, Family::Ipv4).unwrap()
}

fn listener(stack: &Arc<Stack>, local: &str) -> TcpSocket {
    let local = at(local);
    let family = if local.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
    let socket = TcpSocket::new(stack, family).unwrap();
    socket.bind(local).unwrap();
    socket.listen().unwrap();
    socket
}

/// A connected pair over the network: (client socket, its streams, server socket, its streams).
struct Pair {
    client: TcpSocket,
    client_reader: TcpReader,
    client_writer: TcpWriter,
    server: TcpSocket,
    server_reader: TcpReader,
    server_writer: TcpWriter,
}

async fn pair(client_stack: &Arc<Stack>, server_stack: &Arc<Stack>) -> Pair {
    let listening = listener(server_stack, "0.0.0.0:7000");
    let client = socket(client_stack);
    let (client_reader, client_writer) = client.connect(SocketAddr::new(address(server_stack), 7000)).await.unwrap();
    let (server, server_reader, server_writer) = listening.next_connection().await.unwrap();
    Pair { client, client_reader, client_writer, server, server_reader, server_writer }
}

async fn read_all(reader: &TcpReader) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let data = reader.read(65_536).await.unwrap();
        if data.is_empty() {
            return all;
        }
        all.extend_from_slice(&data);
    }
}
