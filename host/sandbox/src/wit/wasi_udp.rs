//! `wasi:sockets/udp` over the container's virtual network.

use std::sync::{Arc, Weak};

use coracle_net::{OutgoingDatagram as NetDatagram, UdpReceiver, UdpSender, UdpSocket};
use wasmtime::component::Resource;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::{DynPollable, Pollable};

use super::wasi_sockets::{
    NetworkAccess, SocketFailure, address_from_wit, address_to_wit, family_from_wit, family_to_wit,
};
use crate::bindings::wasi::sockets::network::{IpAddressFamily, IpSocketAddress};
use crate::bindings::wasi::sockets::udp::{self, IncomingDatagram, OutgoingDatagram};
use crate::bindings::wasi::sockets::udp_create_socket;
use crate::guest::Guest;

/// Most datagrams one call answers.
const MAX_DATAGRAMS: u64 = 64;

/// A UDP socket.
pub struct UdpHandle {
    socket: Arc<UdpSocket>,
    /// Alive while a stream of the last `stream` call is.
    streams: Weak<()>,
}

/// Datagrams that arrive.
pub struct IncomingDatagrams {
    receiver: Arc<UdpReceiver>,
    _open: Arc<()>,
}

/// The way out for datagrams.
pub struct OutgoingDatagrams {
    sender: Arc<UdpSender>,
    /// Datagrams the guest was allowed to send and has not.
    permit: usize,
    _open: Arc<()>,
}

/// Binding does not wait.
struct Always;

#[async_trait]
impl Pollable for Always {
    async fn ready(&mut self) {}
}

struct Arrived(Arc<UdpReceiver>);

#[async_trait]
impl Pollable for Arrived {
    async fn ready(&mut self) {
        self.0.ready().await;
    }
}

struct Room(Arc<UdpSender>);

#[async_trait]
impl Pollable for Room {
    async fn ready(&mut self) {
        self.0.ready().await;
    }
}

type Answer<T> = Result<T, SocketFailure>;

impl Guest {
    fn udp(&self, socket: &Resource<UdpHandle>) -> Answer<&Arc<UdpSocket>> {
        Ok(&self.table.get(socket)?.socket)
    }
}

impl udp_create_socket::Host for Guest {
    fn create_udp_socket(&mut self, family: IpAddressFamily) -> Answer<Resource<UdpHandle>> {
        let socket = UdpSocket::new(&self.stack()?, family_from_wit(family))?;
        socket.set_owner(self.process.pid());
        Ok(self.table.push(UdpHandle { socket: Arc::new(socket), streams: Weak::new() })?)
    }
}

impl udp::Host for Guest {}

impl udp::HostUdpSocket for Guest {
    fn start_bind(
        &mut self,
        socket: Resource<UdpHandle>,
        _network: Resource<NetworkAccess>,
        local: IpSocketAddress,
    ) -> Answer<()> {
        Ok(self.udp(&socket)?.start_bind(address_from_wit(local))?)
    }

    fn finish_bind(&mut self, socket: Resource<UdpHandle>) -> Answer<()> {
        Ok(self.udp(&socket)?.finish_bind()?)
    }

    fn stream(
        &mut self,
        socket: Resource<UdpHandle>,
        remote: Option<IpSocketAddress>,
    ) -> Answer<(Resource<IncomingDatagrams>, Resource<OutgoingDatagrams>)> {
        let handle = self.table.get_mut(&socket)?;
        if handle.streams.strong_count() > 0 {
            return Err(SocketFailure::Trap(wasmtime::format_err!("the streams of the last call are still in use")));
        }
        let (receiver, sender) = handle.socket.stream(remote.map(address_from_wit))?;
        let open = Arc::new(());
        handle.streams = Arc::downgrade(&open);
        let incoming = self.table.push(IncomingDatagrams { receiver: Arc::new(receiver), _open: Arc::clone(&open) })?;
        let outgoing = self.table.push(OutgoingDatagrams { sender: Arc::new(sender), permit: 0, _open: open })?;
        Ok((incoming, outgoing))
    }

    fn local_address(&mut self, socket: Resource<UdpHandle>) -> Answer<IpSocketAddress> {
        Ok(address_to_wit(self.udp(&socket)?.local_address()?))
    }

    fn remote_address(&mut self, socket: Resource<UdpHandle>) -> Answer<IpSocketAddress> {
        Ok(address_to_wit(self.udp(&socket)?.remote_address()?))
    }

    fn address_family(&mut self, socket: Resource<UdpHandle>) -> wasmtime::Result<IpAddressFamily> {
        Ok(family_to_wit(self.table.get(&socket)?.socket.family()))
    }

    fn unicast_hop_limit(&mut self, socket: Resource<UdpHandle>) -> Answer<u8> {
        Ok(self.udp(&socket)?.unicast_hop_limit()?)
    }

    fn set_unicast_hop_limit(&mut self, socket: Resource<UdpHandle>, value: u8) -> Answer<()> {
        Ok(self.udp(&socket)?.set_unicast_hop_limit(value)?)
    }

    fn receive_buffer_size(&mut self, socket: Resource<UdpHandle>) -> Answer<u64> {
        Ok(self.udp(&socket)?.receive_buffer_size()?)
    }

    fn set_receive_buffer_size(&mut self, socket: Resource<UdpHandle>, value: u64) -> Answer<()> {
        Ok(self.udp(&socket)?.set_receive_buffer_size(value)?)
    }

    fn send_buffer_size(&mut self, socket: Resource<UdpHandle>) -> Answer<u64> {
        Ok(self.udp(&socket)?.send_buffer_size()?)
    }

    fn set_send_buffer_size(&mut self, socket: Resource<UdpHandle>, value: u64) -> Answer<()> {
        Ok(self.udp(&socket)?.set_send_buffer_size(value)?)
    }

    fn subscribe(&mut self, _socket: Resource<UdpHandle>) -> wasmtime::Result<Resource<DynPollable>> {
        self.pollable(Always)
    }

    fn drop(&mut self, socket: Resource<UdpHandle>) -> wasmtime::Result<()> {
        self.table.delete(socket)?;
        Ok(())
    }
}

impl udp::HostIncomingDatagramStream for Guest {
    fn receive(&mut self, stream: Resource<IncomingDatagrams>, max: u64) -> Answer<Vec<IncomingDatagram>> {
        let max = usize::try_from(max.min(MAX_DATAGRAMS)).unwrap_or(0);
        let datagrams = self.table.get(&stream)?.receiver.receive(max)?;
        Ok(datagrams
            .into_iter()
            .map(|datagram| IncomingDatagram {
                data: datagram.data.into(),
                remote_address: address_to_wit(datagram.source),
            })
            .collect())
    }

    fn subscribe(&mut self, stream: Resource<IncomingDatagrams>) -> wasmtime::Result<Resource<DynPollable>> {
        let receiver = Arc::clone(&self.table.get(&stream)?.receiver);
        self.pollable(Arrived(receiver))
    }

    fn drop(&mut self, stream: Resource<IncomingDatagrams>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}

impl udp::HostOutgoingDatagramStream for Guest {
    fn check_send(&mut self, stream: Resource<OutgoingDatagrams>) -> Answer<u64> {
        let stream = self.table.get_mut(&stream)?;
        stream.permit = stream.sender.permit()?;
        Ok(stream.permit as u64)
    }

    fn send(&mut self, stream: Resource<OutgoingDatagrams>, datagrams: Vec<OutgoingDatagram>) -> Answer<u64> {
        let stream = self.table.get_mut(&stream)?;
        if datagrams.is_empty() {
            return Ok(0);
        }
        if datagrams.len() > stream.permit {
            return Err(SocketFailure::Trap(wasmtime::format_err!("sent more than check-send allowed")));
        }
        let datagrams = datagrams
            .into_iter()
            .map(|datagram| NetDatagram {
                data: datagram.data.into(),
                destination: datagram.remote_address.map(address_from_wit),
            })
            .collect();
        let sent = stream.sender.send(datagrams)?;
        stream.permit = stream.permit.saturating_sub(sent);
        Ok(sent as u64)
    }

    fn subscribe(&mut self, stream: Resource<OutgoingDatagrams>) -> wasmtime::Result<Resource<DynPollable>> {
        let sender = Arc::clone(&self.table.get(&stream)?.sender);
        self.pollable(Room(sender))
    }

    fn drop(&mut self, stream: Resource<OutgoingDatagrams>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}
