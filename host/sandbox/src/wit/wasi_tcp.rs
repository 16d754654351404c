//! `wasi:sockets/tcp` over the container's virtual network.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use coracle_net::{ErrorCode as NetError, Shutdown, StreamError as NetStreamError, TcpReader, TcpSocket, TcpWriter};
use coracle_vfs::Errno;
use wasmtime::component::Resource;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::{DynPollable, Pollable};
use wasmtime_wasi_io::streams::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, StreamError, StreamResult,
};

use super::wasi_sockets::{
    NetworkAccess, SocketFailure, address_from_wit, address_to_wit, family_from_wit, family_to_wit,
};
use crate::bindings::wasi::sockets::network::{IpAddressFamily, IpSocketAddress};
use crate::bindings::wasi::sockets::tcp::{self, ShutdownType};
use crate::bindings::wasi::sockets::tcp_create_socket;
use crate::files::stream::{MAX_TRANSFER, failed};
use crate::guest::Guest;

/// A TCP socket.
pub struct TcpHandle(Arc<TcpSocket>);

struct Ready(Arc<TcpSocket>);

#[async_trait]
impl Pollable for Ready {
    async fn ready(&mut self) {
        self.0.ready().await;
    }
}

/// A connection's error as a stream tells it.
fn stream_error(error: NetStreamError) -> StreamError {
    match error {
        NetStreamError::Closed => StreamError::Closed,
        NetStreamError::Failed(code) => failed(match code {
            NetError::ConnectionReset => Errno::CONNRESET,
            NetError::ConnectionAborted => Errno::CONNABORTED,
            NetError::Timeout => Errno::TIMEDOUT,
            _ => Errno::IO,
        }),
    }
}

struct Input(TcpReader);

#[async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {
        self.0.ready().await;
    }
}

#[async_trait]
impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.0.try_read(size.min(MAX_TRANSFER)).map_err(stream_error)
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        loop {
            let bytes = self.read(size)?;
            if !bytes.is_empty() || size == 0 {
                return Ok(bytes);
            }
            self.0.ready().await;
        }
    }
}

struct Output {
    writer: TcpWriter,
    /// What the last check-write allowed: kept, although less may be free by now, because
    /// other connections of the container share its budget.
    permit: usize,
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        self.writer.ready().await;
    }
}

#[async_trait]
impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let Some(left) = self.permit.checked_sub(bytes.len()) else {
            return Err(StreamError::trap("wrote more than check-write allowed"));
        };
        self.permit = left;
        self.writer.write(bytes).map_err(stream_error)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.writer.permit().map(|_| ()).map_err(stream_error)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.permit = self.writer.permit().map_err(stream_error)?;
        Ok(self.permit)
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.writer.write_all(bytes).await.map_err(stream_error)
    }

    async fn write_ready(&mut self) -> StreamResult<usize> {
        loop {
            let permit = self.check_write()?;
            if permit > 0 {
                return Ok(permit);
            }
            self.writer.ready().await;
        }
    }
}

type Answer<T> = Result<T, SocketFailure>;

impl Guest {
    fn tcp(&self, socket: &Resource<TcpHandle>) -> Answer<&Arc<TcpSocket>> {
        Ok(&self.table.get(socket)?.0)
    }

    fn tcp_streams(
        &mut self,
        reader: TcpReader,
        writer: TcpWriter,
    ) -> Answer<(Resource<DynInputStream>, Resource<DynOutputStream>)> {
        let input: DynInputStream = Box::new(Input(reader));
        let output: DynOutputStream = Box::new(Output { writer, permit: 0 });
        Ok((self.table.push(input)?, self.table.push(output)?))
    }
}

impl tcp_create_socket::Host for Guest {
    fn create_tcp_socket(&mut self, family: IpAddressFamily) -> Answer<Resource<TcpHandle>> {
        let socket = TcpSocket::new(&self.stack()?, family_from_wit(family))?;
        socket.set_owner(self.process.pid());
        Ok(self.table.push(TcpHandle(Arc::new(socket)))?)
    }
}

impl tcp::Host for Guest {}

impl tcp::HostTcpSocket for Guest {
    fn start_bind(
        &mut self,
        socket: Resource<TcpHandle>,
        _network: Resource<NetworkAccess>,
        local: IpSocketAddress,
    ) -> Answer<()> {
        Ok(self.tcp(&socket)?.start_bind(address_from_wit(local))?)
    }

    fn finish_bind(&mut self, socket: Resource<TcpHandle>) -> Answer<()> {
        Ok(self.tcp(&socket)?.finish_bind()?)
    }

    fn start_connect(
        &mut self,
        socket: Resource<TcpHandle>,
        _network: Resource<NetworkAccess>,
        remote: IpSocketAddress,
    ) -> Answer<()> {
        Ok(self.tcp(&socket)?.start_connect(address_from_wit(remote))?)
    }

    fn finish_connect(
        &mut self,
        socket: Resource<TcpHandle>,
    ) -> Answer<(Resource<DynInputStream>, Resource<DynOutputStream>)> {
        let (reader, writer) = self.tcp(&socket)?.finish_connect()?;
        self.tcp_streams(reader, writer)
    }

    fn start_listen(&mut self, socket: Resource<TcpHandle>) -> Answer<()> {
        Ok(self.tcp(&socket)?.start_listen()?)
    }

    fn finish_listen(&mut self, socket: Resource<TcpHandle>) -> Answer<()> {
        Ok(self.tcp(&socket)?.finish_listen()?)
    }

    fn accept(
        &mut self,
        socket: Resource<TcpHandle>,
    ) -> Answer<(Resource<TcpHandle>, Resource<DynInputStream>, Resource<DynOutputStream>)> {
        let (accepted, reader, writer) = self.tcp(&socket)?.accept()?;
        accepted.set_owner(self.process.pid());
        let accepted = self.table.push(TcpHandle(Arc::new(accepted)))?;
        let (input, output) = self.tcp_streams(reader, writer)?;
        Ok((accepted, input, output))
    }

    fn local_address(&mut self, socket: Resource<TcpHandle>) -> Answer<IpSocketAddress> {
        Ok(address_to_wit(self.tcp(&socket)?.local_address()?))
    }

    fn remote_address(&mut self, socket: Resource<TcpHandle>) -> Answer<IpSocketAddress> {
        Ok(address_to_wit(self.tcp(&socket)?.remote_address()?))
    }

    fn is_listening(&mut self, socket: Resource<TcpHandle>) -> wasmtime::Result<bool> {
        Ok(self.table.get(&socket)?.0.is_listening())
    }

    fn address_family(&mut self, socket: Resource<TcpHandle>) -> wasmtime::Result<IpAddressFamily> {
        Ok(family_to_wit(self.table.get(&socket)?.0.family()))
    }

    fn set_listen_backlog_size(&mut self, socket: Resource<TcpHandle>, value: u64) -> Answer<()> {
        Ok(self.tcp(&socket)?.set_listen_backlog_size(value)?)
    }

    fn keep_alive_enabled(&mut self, socket: Resource<TcpHandle>) -> Answer<bool> {
        Ok(self.tcp(&socket)?.keep_alive_enabled()?)
    }

    fn set_keep_alive_enabled(&mut self, socket: Resource<TcpHandle>, value: bool) -> Answer<()> {
        Ok(self.tcp(&socket)?.set_keep_alive_enabled(value)?)
    }

    fn keep_alive_idle_time(&mut self, socket: Resource<TcpHandle>) -> Answer<u64> {
        Ok(nanoseconds(self.tcp(&socket)?.keep_alive_idle_time()?))
    }

    fn set_keep_alive_idle_time(&mut self, socket: Resource<TcpHandle>, value: u64) -> Answer<()> {
        let value = Duration::from_nanos(value);
        Ok(self.tcp(&socket)?.set_keep_alive_idle_time(value)?)
    }

    fn keep_alive_interval(&mut self, socket: Resource<TcpHandle>) -> Answer<u64> {
        Ok(nanoseconds(self.tcp(&socket)?.keep_alive_interval()?))
    }

    fn set_keep_alive_interval(&mut self, socket: Resource<TcpHandle>, value: u64) -> Answer<()> {
        let value = Duration::from_nanos(value);
        Ok(self.tcp(&socket)?.set_keep_alive_interval(value)?)
    }

    fn keep_alive_count(&mut self, socket: Resource<TcpHandle>) -> Answer<u32> {
        Ok(self.tcp(&socket)?.keep_alive_count()?)
    }

    fn set_keep_alive_count(&mut self, socket: Resource<TcpHandle>, value: u32) -> Answer<()> {
        Ok(self.tcp(&socket)?.set_keep_alive_count(value)?)
    }

    fn hop_limit(&mut self, socket: Resource<TcpHandle>) -> Answer<u8> {
        Ok(self.tcp(&socket)?.hop_limit()?)
    }

    fn set_hop_limit(&mut self, socket: Resource<TcpHandle>, value: u8) -> Answer<()> {
        Ok(self.tcp(&socket)?.set_hop_limit(value)?)
    }

    fn receive_buffer_size(&mut self, socket: Resource<TcpHandle>) -> Answer<u64> {
        Ok(self.tcp(&socket)?.receive_buffer_size()?)
    }

    fn set_receive_buffer_size(&mut self, socket: Resource<TcpHandle>, value: u64) -> Answer<()> {
        Ok(self.tcp(&socket)?.set_receive_buffer_size(value)?)
    }

    fn send_buffer_size(&mut self, socket: Resource<TcpHandle>) -> Answer<u64> {
        Ok(self.tcp(&socket)?.send_buffer_size()?)
    }

    fn set_send_buffer_size(&mut self, socket: Resource<TcpHandle>, value: u64) -> Answer<()> {
        Ok(self.tcp(&socket)?.set_send_buffer_size(value)?)
    }

    fn subscribe(&mut self, socket: Resource<TcpHandle>) -> wasmtime::Result<Resource<DynPollable>> {
        let socket = Arc::clone(&self.table.get(&socket)?.0);
        self.pollable(Ready(socket))
    }

    fn shutdown(&mut self, socket: Resource<TcpHandle>, how: ShutdownType) -> Answer<()> {
        let how = match how {
            ShutdownType::Receive => Shutdown::Receive,
            ShutdownType::Send => Shutdown::Send,
            ShutdownType::Both => Shutdown::Both,
        };
        Ok(self.tcp(&socket)?.shutdown(how)?)
    }

    fn drop(&mut self, socket: Resource<TcpHandle>) -> wasmtime::Result<()> {
        self.table.delete(socket)?;
        Ok(())
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
