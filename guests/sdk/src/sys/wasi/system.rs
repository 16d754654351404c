//! Names, figures, mounts and the network over the WIT package.

use std::time::Duration;

use super::bindings::wasi::random::random;
use super::wit::{mounts as wit_mounts, network_status as net, stats as wit_stats, system as wit};
use crate::Result;
use crate::system::{Figures, Interface, Mount, Names, Protocol, Route, Socket, SocketState, Stats};

pub fn names() -> Names {
    let names = wit::get_names();
    Names {
        system: names.system,
        node: names.node,
        release: names.release,
        version: names.version,
        machine: names.machine,
        domain: names.domain,
    }
}

pub fn figures() -> Figures {
    let figures = wit::get_figures();
    Figures {
        uptime: Duration::from_nanos(figures.uptime_nanoseconds),
        load: figures.load,
        memory_total: figures.memory_total_bytes,
        memory_free: figures.memory_free_bytes,
        processors: figures.processors,
    }
}

pub fn set_node_name(name: &[u8]) -> Result<()> {
    Ok(wit::set_node_name(name)?)
}

pub fn container_id() -> String {
    wit::container_id()
}

pub fn mounts() -> Vec<Mount> {
    wit_mounts::list_mounts()
        .into_iter()
        .map(|mount| Mount {
            target: mount.target,
            kind: match mount.kind {
                wit_mounts::Kind::Overlay => "overlay",
                wit_mounts::Kind::Bind => "bind",
                wit_mounts::Kind::Volume => "volume",
                wit_mounts::Kind::Tmpfs => "tmpfs",
                wit_mounts::Kind::Proc => "proc",
                wit_mounts::Kind::Devices => "devtmpfs",
            }
            .to_string(),
            source: mount.source,
            read_only: mount.read_only,
            options: mount.options,
        })
        .collect()
}

pub fn stats() -> Stats {
    let stats = wit_stats::get_stats();
    Stats {
        memory: stats.memory_bytes,
        memory_peak: stats.memory_peak_bytes,
        memory_limit: stats.memory_limit_bytes,
        out_of_memory_kills: stats.out_of_memory_kills,
        cpu: Duration::from_nanos(stats.cpu_nanoseconds),
        cpu_limit_nano_cpus: stats.cpu_limit_nano_cpus,
        throttled: Duration::from_nanos(stats.throttled_nanoseconds),
        processes: stats.processes,
        processes_limit: stats.processes_limit,
        read_bytes: stats.read_bytes,
        written_bytes: stats.written_bytes,
        received_bytes: stats.received_bytes,
        sent_bytes: stats.sent_bytes,
    }
}

pub fn interfaces() -> Vec<Interface> {
    net::list_interfaces()
        .into_iter()
        .map(|interface| Interface {
            name: interface.name,
            index: interface.index,
            hardware_address: interface.hardware_address,
            mtu: interface.mtu,
            up: interface.up,
            loopback: interface.loopback,
            addresses: interface
                .addresses
                .into_iter()
                .map(|address| (address.address, address.prefix_length))
                .collect(),
            received_bytes: interface.received_bytes,
            received_packets: interface.received_packets,
            sent_bytes: interface.sent_bytes,
            sent_packets: interface.sent_packets,
        })
        .collect()
}

pub fn routes() -> Vec<Route> {
    net::list_routes()
        .into_iter()
        .map(|route| Route { destination: route.destination, gateway: route.gateway, device: route.device })
        .collect()
}

pub fn sockets() -> Vec<Socket> {
    net::list_sockets()
        .into_iter()
        .map(|socket| Socket {
            protocol: match socket.protocol {
                net::Protocol::Tcp => Protocol::Tcp,
                net::Protocol::Tcp6 => Protocol::Tcp6,
                net::Protocol::Udp => Protocol::Udp,
                net::Protocol::Udp6 => Protocol::Udp6,
            },
            state: match socket.state {
                net::SocketState::Listen => SocketState::Listen,
                net::SocketState::Established => SocketState::Established,
                net::SocketState::Connecting => SocketState::Connecting,
                net::SocketState::Closing => SocketState::Closing,
                net::SocketState::Bound => SocketState::Bound,
            },
            local: socket.local,
            remote: socket.remote,
            receive_queue: socket.receive_queue,
            send_queue: socket.send_queue,
            process: socket.process,
        })
        .collect()
}

pub fn random(buffer: &mut [u8]) {
    for chunk in buffer.chunks_mut(4096) {
        let bytes = random::get_random_bytes(chunk.len() as u64);
        for (target, byte) in chunk.iter_mut().zip(bytes) {
            *target = byte;
        }
    }
}
