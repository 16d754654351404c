//! Published UDP ports: which client an answer goes to.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::task::Poll;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::runtime::Handle;

use super::tcp::shown;
use super::{Gate, Opening};
use crate::address::Family;
use crate::stack::Stack;
use crate::tcp::AbortOnDrop;
use crate::udp::Datagram;

/// Clients of one container remembered at once; the oldest is forgotten first.
const MAX_FLOWS: usize = 4096;

type Slot = Arc<Mutex<Option<UdpSocket>>>;
/// (port in the container, client as the container sees it)
type Key = (u16, SocketAddr);

#[derive(Default)]
struct State {
    flows: HashMap<Key, (Slot, SocketAddr)>,
    order: VecDeque<Key>,
    openings: Vec<Weak<Opening>>,
    closed: bool,
}

/// What a stack knows of its published ports.
#[derive(Default)]
pub(crate) struct PublishedFlows {
    state: Mutex<State>,
}

impl PublishedFlows {
    /// Remembers a port to be closed with the stack; false if that is closed already.
    pub(crate) fn keep(&self, opening: &Arc<Opening>) -> bool {
        let mut state = self.state.lock();
        state.openings.retain(|known| known.strong_count() > 0);
        state.openings.push(Arc::downgrade(opening));
        !state.closed
    }

    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let openings = std::mem::take(&mut state.openings);
        state.flows.clear();
        state.order.clear();
        drop(state);
        openings.iter().filter_map(Weak::upgrade).for_each(|opening| opening.close());
    }

    /// Learns a client and answers the address to show for it.
    fn learn(&self, port: u16, mut source: SocketAddr, slot: &Slot, client: SocketAddr) -> SocketAddr {
        let mut state = self.state.lock();
        // Two clients may look the same behind the gateway.
        for _ in 0..8 {
            match state.flows.get(&(port, source)) {
                Some((known, of)) if Arc::ptr_eq(known, slot) && *of == client => return source,
                Some(_) => source.set_port(rand::random_range(1024..=u16::MAX)),
                None => break,
            }
        }
        if state.flows.insert((port, source), (slot.clone(), client)).is_none() {
            state.order.push_back((port, source));
        }
        while state.order.len() > MAX_FLOWS {
            if let Some(oldest) = state.order.pop_front() {
                state.flows.remove(&oldest);
            }
        }
        source
    }

    /// Sends an answer to a client of a published port; false if `to` is none.
    pub(crate) fn reply(&self, port: u16, to: SocketAddr, data: &Bytes) -> bool {
        let flow = self.state.lock().flows.get(&(port, to)).cloned();
        let Some((slot, client)) = flow else { return false };
        if let Some(socket) = &*slot.lock() {
            // A full host buffer drops it, as any router may.
            let _ = socket2::SockRef::from(socket).send_to(data, &client.into());
        }
        true
    }
}

struct UdpGate {
    slot: Slot,
    _task: AbortOnDrop,
}

impl Gate for UdpGate {
    fn close(&self) {
        let socket = self.slot.lock().take();
        drop(socket);
    }
}

pub(super) fn start(
    runtime: &Handle,
    socket: socket2::Socket,
    stack: &Arc<Stack>,
    container_port: u16,
) -> std::io::Result<Arc<dyn Gate>> {
    let _entered = runtime.enter();
    let slot: Slot = Arc::new(Mutex::new(Some(UdpSocket::from_std(socket.into())?)));
    let task = runtime.spawn(serve(slot.clone(), Arc::downgrade(stack), container_port));
    Ok(Arc::new(UdpGate { slot, _task: AbortOnDrop(task.abort_handle()) }))
}

async fn serve(slot: Slot, stack: Weak<Stack>, port: u16) {
    let mut buffer = vec![0; 65_536];
    loop {
        let mut into = ReadBuf::new(&mut buffer);
        let received = poll_fn(|cx| match &*slot.lock() {
            Some(socket) => socket.poll_recv_from(cx, &mut into).map(Some),
            None => Poll::Ready(None),
        })
        .await;
        let client = match received {
            None => return,
            Some(Ok(client)) => client,
            // An ICMP error of an earlier answer: its client's affair.
            Some(Err(_)) => continue,
        };
        let Some(stack) = stack.upgrade() else { return };
        forward(&stack, port, &slot, client, into.filled());
    }
}

fn forward(stack: &Arc<Stack>, port: u16, slot: &Slot, client: SocketAddr, data: &[u8]) {
    for family in [Family::Ipv4, Family::Ipv6] {
        let Some(endpoint) = stack.default_endpoint(family.unspecified()) else { continue };
        let Some(address) = endpoint.address_like(family.unspecified()) else { continue };
        let local = SocketAddr::new(address, port);
        if let Some(inbox) = stack.udp.find(local) {
            let seen = shown(client, local, endpoint.gateway_like(address));
            let source = stack.flows.learn(port, seen, slot, client);
            inbox.deliver(Datagram { data: Bytes::copy_from_slice(data), source }, Some(&endpoint.meter));
            return;
        }
    }
}
