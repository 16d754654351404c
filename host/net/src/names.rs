//! Names as a container sees them.

use std::net::IpAddr;
use std::task::{Context, Poll};

use crate::error::ErrorCode;

/// Addresses of a name, in order of preference: `wasi:sockets` resolve-address-stream.
pub struct ResolveStream {
    answer: Result<std::vec::IntoIter<IpAddr>, ErrorCode>,
}

impl ResolveStream {
    /// The next address; `None` when there are no more; `would-block` while not yet known.
    pub fn next_address(&mut self) -> Result<Option<IpAddr>, ErrorCode> {
        match &mut self.answer {
            Ok(addresses) => Ok(addresses.next()),
            Err(error) => Err(*error),
        }
    }

    /// Ready when [`Self::next_address`] will not say `would-block`.
    pub fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// As [`Self::poll_ready`].
    pub async fn ready(&mut self) {
        std::future::poll_fn(|cx| self.poll_ready(cx)).await;
    }
}
