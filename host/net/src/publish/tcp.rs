//! A published TCP port.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

use super::Gate;
use crate::address::Family;
use crate::endpoint::Endpoint;
use crate::stack::Stack;
use crate::tcp::{AbortOnDrop, EndSpec, Listener, Offer, reset, splice};

/// How often another source port is tried when the shown one is in use.
const ATTEMPTS: usize = 8;

type Slot = Arc<Mutex<Option<TcpListener>>>;

struct TcpGate {
    slot: Slot,
    _task: AbortOnDrop,
}

impl Gate for TcpGate {
    fn close(&self) {
        let listener = self.slot.lock().take();
        drop(listener);
    }
}

pub(super) fn start(
    runtime: &Handle,
    socket: socket2::Socket,
    stack: &Arc<Stack>,
    container_port: u16,
) -> std::io::Result<Arc<dyn Gate>> {
    let _entered = runtime.enter();
    let slot: Slot = Arc::new(Mutex::new(Some(TcpListener::from_std(socket.into())?)));
    let task = runtime.spawn(serve(slot.clone(), Arc::downgrade(stack), container_port));
    Ok(Arc::new(TcpGate { slot, _task: AbortOnDrop(task.abort_handle()) }))
}

async fn accept(slot: &Slot) -> Option<std::io::Result<(TcpStream, SocketAddr)>> {
    poll_fn(|cx| match &*slot.lock() {
        Some(listener) => listener.poll_accept(cx).map(Some),
        None => Poll::Ready(None),
    })
    .await
}

async fn serve(slot: Slot, stack: Weak<Stack>, port: u16) {
    while let Some(accepted) = accept(&slot).await {
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, port, "accepting on a published port");
                // Out of descriptors, most likely: others must close theirs first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(stack) = stack.upgrade() else { return };
        match target(&stack, port) {
            Some(target) => {
                drop(stack);
                enter(target, stream, client).await;
            }
            None => reset(stream),
        }
    }
}

/// What listens in the container, and where.
struct Target {
    endpoint: Arc<Endpoint>,
    listener: Arc<Listener>,
    local: SocketAddr,
    gateway: Option<IpAddr>,
}

fn target(stack: &Arc<Stack>, port: u16) -> Option<Target> {
    [Family::Ipv4, Family::Ipv6].into_iter().find_map(|family| {
        let endpoint = stack.default_endpoint(family.unspecified())?;
        let local = SocketAddr::new(endpoint.address_like(family.unspecified())?, port);
        let listener = stack.tcp.find(local)?;
        let gateway = endpoint.gateway_like(family.unspecified());
        Some(Target { endpoint, listener, local, gateway })
    })
}

/// The client's address as the container sees it: its own, or the gateway for the host
/// itself and for a client of the other family.
pub(super) fn shown(client: SocketAddr, local: SocketAddr, gateway: Option<IpAddr>) -> SocketAddr {
    let ip = client.ip().to_canonical();
    let kept = !ip.is_loopback() && ip.is_ipv4() == local.is_ipv4();
    SocketAddr::new(if kept { ip } else { gateway.unwrap_or(ip) }, client.port())
}

async fn enter(target: Target, stream: TcpStream, client: SocketAddr) {
    let mut source = shown(client, target.local, target.gateway);
    for _ in 0..ATTEMPTS {
        poll_fn(|cx| target.listener.poll_room(cx)).await;
        let spec = EndSpec::daemon(source, target.local);
        match target.listener.offer(spec, Some(target.endpoint.clone()), None) {
            Offer::Connected(end) => {
                tokio::spawn(splice(end, stream));
                return;
            }
            Offer::Full(_) => {}
            // Two clients that look the same behind the gateway.
            Offer::Refused(crate::error::ErrorCode::AddressInUse) => {
                source.set_port(rand::random_range(1024..=u16::MAX));
            }
            Offer::Refused(_) => break,
        }
    }
    reset(stream);
}
