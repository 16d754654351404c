//! Reaching out: the ways a connection attempt can go, and what it waits for.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::Sleep;

use super::end::{End, EndSpec, establish};
use super::listener::{Listener, Offer};
use super::splice::{AbortOnDrop, splice};
use crate::endpoint::Endpoint;
use crate::error::ErrorCode;
use crate::route::Route;
use crate::stack::Stack;

/// Linux gives up after six unanswered SYNs.
const TIMEOUT: Duration = Duration::from_secs(127);

/// A connection attempt under way.
pub(crate) enum Attempt {
    Done(Result<Arc<End>, ErrorCode>),
    /// The listener's backlog is full.
    Waiting {
        listener: Arc<Listener>,
        endpoint: Option<Arc<Endpoint>>,
        client: Option<Box<EndSpec>>,
        deadline: Pin<Box<Sleep>>,
    },
    /// A task dials on the host.
    Dialling {
        result: oneshot::Receiver<Result<Arc<End>, ErrorCode>>,
        _task: AbortOnDrop,
    },
}

impl Attempt {
    /// Begins to connect `client` over `route`. `host_socket` is a bound socket to dial from.
    pub(crate) fn begin(
        stack: &Arc<Stack>,
        route: Route,
        client: EndSpec,
        host_socket: Option<tokio::net::TcpSocket>,
    ) -> Self {
        match route {
            Route::Own { .. } => Self::knock(stack, stack.clone(), client, None),
            Route::Peer { theirs, .. } => match theirs.stack() {
                Some(target) => Self::knock(stack, target, client, Some(theirs)),
                None => Self::Done(Err(ErrorCode::RemoteUnreachable)),
            },
            Route::Resolver => {
                let served = EndSpec::daemon(client.remote, client.local);
                Self::Done(establish(client, served).map(|(end, server)| {
                    crate::names::serve_stream(stack, server);
                    end
                }))
            }
            Route::Out { mine, address } => Self::dial(stack, client, address, host_socket, mine.is_none()),
        }
    }

    fn knock(stack: &Arc<Stack>, target: Arc<Stack>, client: EndSpec, endpoint: Option<Arc<Endpoint>>) -> Self {
        let Some(listener) = target.tcp.find(client.remote) else {
            return Self::Done(Err(ErrorCode::ConnectionRefused));
        };
        match listener.offer(client, endpoint.clone(), None) {
            Offer::Connected(end) => Self::Done(Ok(end)),
            Offer::Refused(error) => Self::Done(Err(error)),
            Offer::Full(client) => {
                let _runtime = stack.fabric.shared.options.runtime.enter();
                let deadline = Box::pin(tokio::time::sleep(TIMEOUT));
                Self::Waiting { listener, endpoint, client: Some(client), deadline }
            }
        }
    }

    fn dial(
        stack: &Arc<Stack>,
        mut client: EndSpec,
        address: std::net::IpAddr,
        host_socket: Option<tokio::net::TcpSocket>,
        show_host_address: bool,
    ) -> Self {
        let (sender, result) = oneshot::channel();
        let to = SocketAddr::new(address, client.remote.port());
        let task = stack.fabric.shared.options.runtime.spawn(async move {
            let dialled = async {
                let stream = match host_socket {
                    Some(socket) => socket.connect(to).await?,
                    None => TcpStream::connect(to).await?,
                };
                if show_host_address {
                    client.local = stream.local_addr()?;
                }
                let served = EndSpec::daemon(client.remote, client.local);
                let (end, far) = establish(client, served)?;
                tokio::spawn(splice(far, stream));
                Ok(end)
            };
            // A socket closed meanwhile drops the end, which closes the connection.
            let _ = sender.send(dialled.await);
        });
        Self::Dialling { result, _task: AbortOnDrop(task.abort_handle()) }
    }

    /// Ready when the outcome is known; [`Self::outcome`] then has it.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Done(_) => return Poll::Ready(()),
            Self::Dialling { result, .. } => match Pin::new(result).poll(cx) {
                Poll::Ready(outcome) => *self = Self::Done(outcome.unwrap_or(Err(ErrorCode::ConnectionAborted))),
                Poll::Pending => return Poll::Pending,
            },
            Self::Waiting { listener, deadline, .. } => {
                let listener = listener.clone();
                if deadline.as_mut().poll(cx).is_ready() {
                    *self = Self::Done(Err(ErrorCode::Timeout));
                    return Poll::Ready(());
                }
                while listener.poll_room(cx).is_ready() {
                    self.knock_again();
                    if let Self::Done(_) = self {
                        return Poll::Ready(());
                    }
                }
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    fn knock_again(&mut self) {
        let Self::Waiting { listener, endpoint, client, .. } = self else { return };
        let Some(wish) = client.take() else { return };
        match listener.offer(*wish, endpoint.clone(), None) {
            Offer::Connected(end) => *self = Self::Done(Ok(end)),
            Offer::Refused(error) => *self = Self::Done(Err(error)),
            Offer::Full(wish) => *client = Some(wish),
        }
    }

    /// The outcome, if it is known.
    pub(crate) fn outcome(&mut self) -> Option<Result<Arc<End>, ErrorCode>> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        if self.poll(&mut cx).is_pending() {
            return None;
        }
        match std::mem::replace(self, Self::Done(Err(ErrorCode::NotInProgress))) {
            Self::Done(outcome) => Some(outcome),
            _ => None,
        }
    }
}
