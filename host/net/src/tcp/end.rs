//! A connection is two pipes and two ends. Whoever drops an end closes it, and what the
//! other side then meets is what Linux would show: end of stream, or a reset if data was
//! left unread.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;

use super::Listening;
use super::pipe::{Pipe, Written};
use crate::address::{Family, Protocol};
use crate::endpoint::Endpoint;
use crate::error::{ErrorCode, StreamError};
use crate::ports::PortGuard;
use crate::quota::SocketPermit;
use crate::stack::{Member, Stack};
use crate::status::{Meter, SocketState, SocketStatus};

struct Link {
    forth: Pipe,
    back: Pipe,
}

/// What one end of a new connection is to be.
pub(crate) struct EndSpec {
    /// Whose socket; none for a forwarding task of the daemon.
    pub(crate) stack: Option<Arc<Stack>>,
    /// Over which endpoint; none for loopback.
    pub(crate) endpoint: Option<Arc<Endpoint>>,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) port: Option<Arc<PortGuard<Listening>>>,
    pub(crate) receive_capacity: usize,
}

impl EndSpec {
    /// An end in the daemon's hands.
    pub(crate) fn daemon(local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            stack: None,
            endpoint: None,
            local,
            remote,
            port: None,
            receive_capacity: super::options::DEFAULT_BUFFER,
        }
    }

    fn meter(&self) -> Option<Arc<Meter>> {
        match (&self.endpoint, &self.stack) {
            (Some(endpoint), _) => Some(endpoint.meter.clone()),
            (None, Some(stack)) => Some(stack.loopback.clone()),
            (None, None) => None,
        }
    }
}

/// One end of a connection; closed on drop.
pub(crate) struct End {
    link: Arc<Link>,
    first: bool,
    local: SocketAddr,
    remote: SocketAddr,
    stack: Option<Arc<Stack>>,
    endpoint: Option<Arc<Endpoint>>,
    owner: AtomicU32,
    key: OnceLock<u64>,
    // Held for their drop.
    _port: Option<Arc<PortGuard<Listening>>>,
    _permit: Option<SocketPermit>,
}

/// Makes a connection. `second` is counted in its stack's quota and registered like `first`.
pub(crate) fn establish(first: EndSpec, second: EndSpec) -> Result<(Arc<End>, Arc<End>), ErrorCode> {
    let usage = |spec: &EndSpec| spec.stack.as_ref().map(|stack| stack.usage.clone());
    let link = Arc::new(Link {
        forth: Pipe::new(second.receive_capacity, usage(&second), first.meter(), second.meter()),
        back: Pipe::new(first.receive_capacity, usage(&first), second.meter(), first.meter()),
    });
    let permit = second.stack.as_ref().map(|stack| stack.usage.socket()).transpose()?;
    let first = End::new(link.clone(), true, first, None)?;
    let second = End::new(link, false, second, permit)?;
    Ok((first, second))
}

impl End {
    fn new(link: Arc<Link>, first: bool, spec: EndSpec, permit: Option<SocketPermit>) -> Result<Arc<Self>, ErrorCode> {
        let stack = spec.stack;
        if let Some(stack) = &stack {
            stack.claim_connection(spec.local, spec.remote)?;
        }
        let end = Arc::new(Self {
            link,
            first,
            local: spec.local,
            remote: spec.remote,
            stack,
            endpoint: spec.endpoint,
            owner: AtomicU32::new(0),
            key: OnceLock::new(),
            _port: spec.port,
            _permit: permit,
        });
        if let Some(stack) = &end.stack {
            let weak: std::sync::Weak<Self> = Arc::downgrade(&end);
            let _ = end.key.set(stack.enlist(weak)?);
        }
        Ok(end)
    }

    fn outgoing(&self) -> &Pipe {
        if self.first { &self.link.forth } else { &self.link.back }
    }

    fn incoming(&self) -> &Pipe {
        if self.first { &self.link.back } else { &self.link.forth }
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.remote
    }

    pub(crate) fn set_owner(&self, owner: u32) {
        self.owner.store(owner, Ordering::Relaxed);
    }

    pub(crate) fn permit(&self) -> Result<usize, StreamError> {
        self.outgoing().permit()
    }

    pub(crate) fn write(&self, data: Bytes) -> Result<(), StreamError> {
        if let Written::Unheard = self.outgoing().write(data)? {
            // The peer answers with RST: this write was taken, the next one is not.
            self.outgoing().reset(None, None);
        }
        Ok(())
    }

    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.outgoing().poll_writable(cx)
    }

    pub(crate) fn read(&self, max: usize) -> Result<Bytes, StreamError> {
        if max == 0 { Ok(Bytes::new()) } else { self.incoming().read(max) }
    }

    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.incoming().poll_readable(cx)
    }

    /// Ready once the peer's end is closed altogether.
    pub(crate) fn poll_peer_gone(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.outgoing().poll_unheard(cx)
    }

    pub(crate) fn end_sending(&self) {
        self.outgoing().end();
    }

    pub(crate) fn end_receiving(&self) {
        self.incoming().deafen();
    }

    /// Both sides meet `error`.
    pub(crate) fn abort_with(&self, error: ErrorCode) {
        self.outgoing().reset(Some(error), Some(error));
        self.incoming().reset(Some(error), Some(error));
    }

    pub(crate) fn set_receive_capacity(&self, bytes: usize) {
        self.incoming().set_capacity(bytes);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if let Some(stack) = &self.stack {
            stack.release_connection(self.local, self.remote);
            if let Some(key) = self.key.get() {
                stack.dismiss(*key);
            }
        }
        if self.incoming().close_reader() {
            self.outgoing().reset(Some(ErrorCode::ConnectionReset), None);
            self.incoming().reset(None, Some(ErrorCode::ConnectionReset));
        } else {
            self.outgoing().end();
        }
    }
}

impl Member for End {
    fn status(&self) -> Option<SocketStatus> {
        let over = self.incoming().is_over() || self.outgoing().is_over();
        Some(SocketStatus {
            protocol: Protocol::Tcp,
            family: Family::of(self.local.ip()),
            state: if over { SocketState::Closing } else { SocketState::Established },
            local: self.local,
            remote: Some(self.remote),
            receive_queue: self.incoming().queued(),
            send_queue: self.outgoing().queued(),
            owner: Some(self.owner.load(Ordering::Relaxed)).filter(|owner| *owner != 0),
        })
    }

    fn abort(&self) {
        self.abort_with(ErrorCode::ConnectionReset);
    }

    fn uses(&self, endpoint: &Arc<Endpoint>) -> bool {
        self.endpoint.as_ref().is_some_and(|own| Arc::ptr_eq(own, endpoint))
    }
}
