//! TCP sockets, shaped like `wasi:sockets/tcp`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use crate::address::Family;
use crate::error::{ErrorCode, StreamError};
use crate::stack::Stack;

/// Which direction [`TcpSocket::shutdown`] ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// SHUT_RD.
    Receive,
    /// SHUT_WR: the peer reads end of stream.
    Send,
    /// SHUT_RDWR.
    Both,
}

/// A TCP socket of a stack: unbound, bound, listening, connecting, connected or closed.
/// All methods take `&self`. A connection ends when the socket and both its streams are gone.
pub struct TcpSocket {
    family: Family,
}

impl TcpSocket {
    /// A new socket; `new-socket-limit` when the stack's quota is used up.
    pub fn new(_stack: &Arc<Stack>, family: Family) -> Result<Self, ErrorCode> {
        Ok(Self { family })
    }

    /// bind(2), with SO_REUSEADDR. Port 0 takes an ephemeral port.
    pub fn start_bind(&self, _local: SocketAddr) -> Result<(), ErrorCode> {
        Err(ErrorCode::NotSupported)
    }

    /// Result of [`Self::start_bind`].
    pub fn finish_bind(&self) -> Result<(), ErrorCode> {
        Err(ErrorCode::NotInProgress)
    }

    /// connect(2). Binds to an ephemeral port if need be.
    pub fn start_connect(&self, _remote: SocketAddr) -> Result<(), ErrorCode> {
        Err(ErrorCode::NotSupported)
    }

    /// Result of [`Self::start_connect`]: `would-block` until it is known. After an error the
    /// socket is closed.
    pub fn finish_connect(&self) -> Result<(TcpReader, TcpWriter), ErrorCode> {
        Err(ErrorCode::NotInProgress)
    }

    /// listen(2); the socket must be bound.
    pub fn start_listen(&self) -> Result<(), ErrorCode> {
        Err(ErrorCode::NotSupported)
    }

    /// Result of [`Self::start_listen`].
    pub fn finish_listen(&self) -> Result<(), ErrorCode> {
        Err(ErrorCode::NotInProgress)
    }

    /// accept(2): `would-block` if nobody waits.
    pub fn accept(&self) -> Result<(TcpSocket, TcpReader, TcpWriter), ErrorCode> {
        Err(ErrorCode::InvalidState)
    }

    /// Ready when the operation under way can be finished, a connection can be accepted, or
    /// there is nothing to wait for.
    pub fn poll_ready(&self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// As [`Self::poll_ready`].
    pub async fn ready(&self) {
        std::future::poll_fn(|cx| self.poll_ready(cx)).await;
    }

    /// Binds, at once.
    pub fn bind(&self, local: SocketAddr) -> Result<(), ErrorCode> {
        self.start_bind(local)?;
        self.finish_bind()
    }

    /// Listens, at once.
    pub fn listen(&self) -> Result<(), ErrorCode> {
        self.start_listen()?;
        self.finish_listen()
    }

    /// Connects and waits for it.
    pub async fn connect(&self, remote: SocketAddr) -> Result<(TcpReader, TcpWriter), ErrorCode> {
        self.start_connect(remote)?;
        self.ready().await;
        self.finish_connect()
    }

    /// Waits for a connection.
    pub async fn next_connection(&self) -> Result<(TcpSocket, TcpReader, TcpWriter), ErrorCode> {
        self.accept()
    }

    /// getsockname(2); `invalid-state` if not bound.
    pub fn local_address(&self) -> Result<SocketAddr, ErrorCode> {
        Err(ErrorCode::InvalidState)
    }

    /// getpeername(2); `invalid-state` if not connected.
    pub fn remote_address(&self) -> Result<SocketAddr, ErrorCode> {
        Err(ErrorCode::InvalidState)
    }

    /// Whether it listens.
    pub fn is_listening(&self) -> bool {
        false
    }

    /// Its family.
    pub fn family(&self) -> Family {
        self.family
    }

    /// shutdown(2); `invalid-state` if not connected.
    pub fn shutdown(&self, _how: Shutdown) -> Result<(), ErrorCode> {
        Err(ErrorCode::InvalidState)
    }

    /// The backlog of [`Self::start_listen`]; at least 1, at most 4096, default 128.
    pub fn set_listen_backlog_size(&self, _size: u64) -> Result<(), ErrorCode> {
        Ok(())
    }

    /// SO_KEEPALIVE.
    pub fn keep_alive_enabled(&self) -> Result<bool, ErrorCode> {
        Ok(false)
    }
    /// SO_KEEPALIVE.
    pub fn set_keep_alive_enabled(&self, _value: bool) -> Result<(), ErrorCode> {
        Ok(())
    }
    /// TCP_KEEPIDLE.
    pub fn keep_alive_idle_time(&self) -> Result<Duration, ErrorCode> {
        Ok(Duration::from_secs(7200))
    }
    /// TCP_KEEPIDLE; not zero, rounded up to a second, at most 32767 s.
    pub fn set_keep_alive_idle_time(&self, _value: Duration) -> Result<(), ErrorCode> {
        Ok(())
    }
    /// TCP_KEEPINTVL.
    pub fn keep_alive_interval(&self) -> Result<Duration, ErrorCode> {
        Ok(Duration::from_secs(75))
    }
    /// TCP_KEEPINTVL; not zero, rounded up to a second, at most 32767 s.
    pub fn set_keep_alive_interval(&self, _value: Duration) -> Result<(), ErrorCode> {
        Ok(())
    }
    /// TCP_KEEPCNT.
    pub fn keep_alive_count(&self) -> Result<u32, ErrorCode> {
        Ok(9)
    }
    /// TCP_KEEPCNT; not zero, at most 127.
    pub fn set_keep_alive_count(&self, _value: u32) -> Result<(), ErrorCode> {
        Ok(())
    }
    /// IP_TTL, IPV6_UNICAST_HOPS.
    pub fn hop_limit(&self) -> Result<u8, ErrorCode> {
        Ok(64)
    }
    /// IP_TTL, IPV6_UNICAST_HOPS; not zero.
    pub fn set_hop_limit(&self, _value: u8) -> Result<(), ErrorCode> {
        Ok(())
    }
    /// SO_RCVBUF in bytes.
    pub fn receive_buffer_size(&self) -> Result<u64, ErrorCode> {
        Ok(0)
    }
    /// SO_RCVBUF; not zero, brought within bounds.
    pub fn set_receive_buffer_size(&self, _value: u64) -> Result<(), ErrorCode> {
        Ok(())
    }
    /// SO_SNDBUF in bytes.
    pub fn send_buffer_size(&self) -> Result<u64, ErrorCode> {
        Ok(0)
    }
    /// SO_SNDBUF; not zero, brought within bounds.
    pub fn set_send_buffer_size(&self, _value: u64) -> Result<(), ErrorCode> {
        Ok(())
    }
    /// Who uses it, a pid, for netstat.
    pub fn set_owner(&self, _owner: u32) {}
}

/// The receiving side of a connection: `wasi:io` input-stream.
pub struct TcpReader {}

impl TcpReader {
    /// What has arrived, at most `max` bytes and not copied; empty if nothing is there now.
    /// [`StreamError::Closed`] is end of stream.
    pub fn try_read(&self, _max: usize) -> Result<Bytes, StreamError> {
        Err(StreamError::Closed)
    }

    /// Ready when [`Self::try_read`] has data, end of stream or an error.
    pub fn poll_ready(&self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// As [`Self::poll_ready`].
    pub async fn ready(&self) {
        std::future::poll_fn(|cx| self.poll_ready(cx)).await;
    }

    /// Waits for data; empty at end of stream (or for `max` 0).
    pub async fn read(&self, _max: usize) -> Result<Bytes, ErrorCode> {
        Ok(Bytes::new())
    }
}

/// The sending side of a connection: `wasi:io` output-stream.
pub struct TcpWriter {}

impl TcpWriter {
    /// check-write: how many bytes the next [`Self::write`] may carry; 0 when full.
    pub fn permit(&self) -> Result<usize, StreamError> {
        Err(StreamError::Closed)
    }

    /// write: takes all of `data`, which must not be longer than the last permit.
    pub fn write(&self, _data: Bytes) -> Result<(), StreamError> {
        Err(StreamError::Closed)
    }

    /// Ready when [`Self::permit`] is not 0 or an error.
    pub fn poll_ready(&self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// As [`Self::poll_ready`].
    pub async fn ready(&self) {
        std::future::poll_fn(|cx| self.poll_ready(cx)).await;
    }

    /// Waits until all is queued.
    pub async fn write_all(&self, _data: Bytes) -> Result<(), StreamError> {
        Err(StreamError::Closed)
    }
}
