//! Names as a container sees them, in the order a container's libc asks: its `/etc/hosts`,
//! the names its networks serve, the world's.
//!
//! Guests reach this in two ways that must agree: `resolve-addresses` of `wasi:sockets`, and
//! DNS messages to 127.0.0.11 from programs that speak it themselves.

mod client;
mod files;
mod local;
mod server;
mod stream;

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

pub(crate) use server::{serve_datagram, serve_stream};
pub use stream::ResolveStream;

/// Addresses remembered for rules by name.
const MAX_GRANTED: usize = 4096;
/// Questions of one stack that may wait for the world at once.
const MAX_QUESTIONS: usize = 64;

#[derive(Default)]
struct Granted {
    names: HashMap<IpAddr, Vec<String>>,
    order: VecDeque<IpAddr>,
}

/// What a stack keeps about names.
pub(crate) struct Names {
    granted: Mutex<Granted>,
    pub(crate) questions: Semaphore,
}

impl Default for Names {
    fn default() -> Self {
        Self { granted: Mutex::default(), questions: Semaphore::new(MAX_QUESTIONS) }
    }
}

impl Names {
    /// Remembers that `name` was resolved to these addresses, for the outbound policy.
    pub(crate) fn grant(&self, name: &str, addresses: &[IpAddr]) {
        let mut granted = self.granted.lock();
        let granted = &mut *granted;
        for address in addresses {
            let names = granted.names.entry(*address).or_insert_with(|| {
                granted.order.push_back(*address);
                Vec::new()
            });
            if names.len() < 16 && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        while granted.order.len() > MAX_GRANTED {
            if let Some(oldest) = granted.order.pop_front() {
                granted.names.remove(&oldest);
            }
        }
    }

    /// Under which names the address was given out.
    pub(crate) fn granted(&self, address: IpAddr) -> Vec<String> {
        self.granted.lock().names.get(&address).cloned().unwrap_or_default()
    }
}
