//! Joins a connection of the fabric to a real one, for outbound connections, published
//! ports and host mode alike: bytes both ways, ends and resets passed on, nothing held for
//! a side that is gone.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::task::AbortHandle;

use super::end::End;
use crate::error::{ErrorCode, StreamError};

/// Most that is moved at once.
const CHUNK: usize = 128 << 10;
/// How long what a closed container still had queued may take to reach a slow peer.
const LINGER: Duration = Duration::from_secs(120);

/// Ends a task with its owner.
#[derive(Debug)]
pub(crate) struct AbortOnDrop(pub(crate) AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// From the fabric to the host.
async fn outwards(end: &End, host: &mut WriteHalf<'_>) -> Result<(), ErrorCode> {
    loop {
        poll_fn(|cx| end.poll_readable(cx)).await;
        match end.read(CHUNK) {
            Ok(data) => host.write_all(&data).await?,
            Err(StreamError::Closed) => {
                // The peer may have gone meanwhile; there is nothing left to tell it.
                let _ = host.shutdown().await;
                return Ok(());
            }
            Err(StreamError::Failed(error)) => return Err(error),
        }
    }
}

/// From the host to the fabric, until the host's end or until nobody listens.
async fn inwards(end: &End, host: &ReadHalf<'_>) -> Result<(), ErrorCode> {
    // One allocation serves many reads; none is kept while nothing arrives.
    let mut buffer = BytesMut::new();
    loop {
        poll_fn(|cx| end.poll_writable(cx)).await;
        let permit = match end.permit() {
            Ok(0) => continue,
            Ok(permit) => permit.min(CHUNK),
            Err(StreamError::Closed) => return Ok(()),
            Err(StreamError::Failed(error)) => return Err(error),
        };
        tokio::select! {
            biased;
            () = poll_fn(|cx| end.poll_peer_gone(cx)) => return Ok(()),
            ready = host.readable() => ready?,
        }
        if buffer.capacity() < permit.min(4096) {
            buffer.reserve(CHUNK);
        }
        match host.try_read_buf(&mut bytes::BufMut::limit(&mut buffer, permit)) {
            Ok(0) => {
                end.end_sending();
                return Ok(());
            }
            Ok(_) => match end.write(buffer.split().freeze()) {
                Ok(()) | Err(StreamError::Closed) => {}
                Err(StreamError::Failed(error)) => return Err(error),
            },
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => buffer = BytesMut::new(),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Runs until both directions have ended, or one was reset, which resets the other side.
pub(crate) async fn splice(end: Arc<End>, mut host: TcpStream) {
    let _ = host.set_nodelay(true);
    let keep_alive = socket2::TcpKeepalive::new().with_time(Duration::from_secs(60));
    let _ = socket2::SockRef::from(&host).set_tcp_keepalive(&keep_alive);
    let outcome = {
        let (read, mut write) = host.split();
        let both = futures::future::try_join(outwards(&end, &mut write), inwards(&end, &read));
        let too_long = async {
            poll_fn(|cx| end.poll_peer_gone(cx)).await;
            tokio::time::sleep(LINGER).await;
        };
        tokio::select! {
            outcome = both => outcome.map(|_| ()),
            () = too_long => Err(ErrorCode::Timeout),
        }
    };
    if let Err(error) = outcome {
        end.abort_with(error);
        reset(host);
    }
}

/// Closes with RST, as a refused or broken connection is.
pub(crate) fn reset(host: TcpStream) {
    let _ = socket2::SockRef::from(&host).set_linger(Some(Duration::ZERO));
    drop(host);
}
