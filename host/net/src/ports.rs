//! The port numbers of one stack and one protocol: who holds which, by Linux's rules.
//!
//! Two bindings clash when their addresses could receive the same packet, unless both may
//! share (`SO_REUSEADDR`, implied for TCP by WASI) and neither listens. Ephemeral ports come
//! from 32768–60999, `net.ipv4.ip_local_port_range`.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::ErrorCode;

const EPHEMERAL: std::ops::RangeInclusive<u16> = 32_768..=60_999;

/// What a binding leads to.
#[derive(Clone)]
struct Binding<T> {
    key: u64,
    address: IpAddr,
    dual: bool,
    shares: bool,
    target: Option<T>,
}

struct State<T> {
    bindings: HashMap<u16, Vec<Binding<T>>>,
    next_key: u64,
    next_port: u16,
}

/// Bindings of one protocol. `T` is what receives: a TCP listener, a UDP inbox.
pub(crate) struct Ports<T> {
    state: Mutex<State<T>>,
}

/// How a socket wants to be bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BindRequest {
    pub(crate) local: SocketAddr,
    /// An IPv6 wildcard that also takes IPv4.
    pub(crate) dual: bool,
    /// SO_REUSEADDR.
    pub(crate) shares: bool,
}

fn meets(a: IpAddr, a_dual: bool, b: IpAddr, b_dual: bool) -> bool {
    if a.is_ipv4() == b.is_ipv4() {
        a == b || a.is_unspecified() || b.is_unspecified()
    } else {
        // Only a dual-stack wildcard meets the other family.
        let (six, six_dual) = if a.is_ipv6() { (a, a_dual) } else { (b, b_dual) };
        six_dual && six.is_unspecified()
    }
}

impl<T: Clone> Ports<T> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { bindings: HashMap::new(), next_key: 0, next_port: 0 }) })
    }

    /// Binds; port 0 takes a free ephemeral one. The target is set now (UDP) or when
    /// listening begins (TCP).
    pub(crate) fn bind(self: &Arc<Self>, request: BindRequest, target: Option<T>) -> Result<PortGuard<T>, ErrorCode> {
        let mut state = self.state.lock();
        let address = request.local.ip();
        let port = match request.local.port() {
            0 => state.ephemeral(address, request.dual)?,
            port => {
                let clash = state.bindings.get(&port).into_iter().flatten().any(|other| {
                    let shared = request.shares && other.shares && other.target.is_none() && target.is_none();
                    !shared && meets(address, request.dual, other.address, other.dual)
                });
                if clash {
                    return Err(ErrorCode::AddressInUse);
                }
                port
            }
        };
        let key = state.next_key;
        state.next_key += 1;
        let binding = Binding { key, address, dual: request.dual, shares: request.shares, target };
        state.bindings.entry(port).or_default().push(binding);
        Ok(PortGuard { ports: self.clone(), local: SocketAddr::new(address, port), key })
    }

    /// What receives at this address: the binding of that very address, else the wildcard
    /// of its family, else a dual-stack one.
    pub(crate) fn find(&self, at: SocketAddr) -> Option<T> {
        let state = self.state.lock();
        let bindings = state.bindings.get(&at.port())?;
        let receiving = || bindings.iter().filter_map(|binding| Some((binding, binding.target.as_ref()?)));
        let exact = receiving().find(|(binding, _)| binding.address == at.ip());
        let wildcard = || receiving().find(|(b, _)| b.address.is_unspecified() && b.address.is_ipv4() == at.is_ipv4());
        let dual = || receiving().find(|(b, _)| b.dual && b.address.is_unspecified() && at.is_ipv4());
        exact.or_else(wildcard).or_else(dual).map(|(_, target)| target.clone())
    }
}

impl<T> State<T> {
    fn ephemeral(&mut self, address: IpAddr, dual: bool) -> Result<u16, ErrorCode> {
        let (first, last) = (*EPHEMERAL.start(), *EPHEMERAL.end());
        if self.next_port == 0 {
            self.next_port = rand::random_range(EPHEMERAL);
        }
        for _ in EPHEMERAL {
            let port = self.next_port;
            self.next_port = if port >= last { first } else { port + 1 };
            let taken = self
                .bindings
                .get(&port)
                .is_some_and(|held| held.iter().any(|other| meets(address, dual, other.address, other.dual)));
            if !taken {
                return Ok(port);
            }
        }
        Err(ErrorCode::AddressInUse)
    }
}

/// A held port, given back on drop.
pub(crate) struct PortGuard<T> {
    ports: Arc<Ports<T>>,
    local: SocketAddr,
    key: u64,
}

impl<T> PortGuard<T> {
    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// TCP listen: from now on `target` receives. Clashes with another listener that a
    /// shared binding allowed so far.
    pub(crate) fn receive(&self, target: T) -> Result<(), ErrorCode> {
        let mut state = self.ports.state.lock();
        let Some(bindings) = state.bindings.get_mut(&self.local.port()) else { return Err(ErrorCode::InvalidState) };
        let Some(own) = bindings.iter().position(|binding| binding.key == self.key) else {
            return Err(ErrorCode::InvalidState);
        };
        let (address, dual) = bindings.get(own).map(|b| (b.address, b.dual)).ok_or(ErrorCode::InvalidState)?;
        let clash = bindings.iter().any(|other| {
            other.key != self.key && other.target.is_some() && meets(address, dual, other.address, other.dual)
        });
        if clash {
            return Err(ErrorCode::AddressInUse);
        }
        if let Some(binding) = bindings.get_mut(own) {
            binding.target = Some(target);
        }
        Ok(())
    }
}

impl<T> Drop for PortGuard<T> {
    fn drop(&mut self) {
        let mut state = self.ports.state.lock();
        let mut gone = None;
        if let Some(bindings) = state.bindings.get_mut(&self.local.port()) {
            if let Some(own) = bindings.iter().position(|binding| binding.key == self.key) {
                gone = Some(bindings.swap_remove(own));
            }
            if bindings.is_empty() {
                state.bindings.remove(&self.local.port());
            }
        }
        drop(state);
        // The target may be the last of a listener, whose own drop takes locks.
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(local: &str) -> BindRequest {
        BindRequest { local: local.parse().unwrap(), dual: false, shares: true }
    }

    #[test]
    fn wildcard_and_specific_addresses_clash_once_somebody_listens() {
        let ports = Ports::<u8>::new();
        let wildcard = ports.bind(request("0.0.0.0:80"), None).unwrap();
        let specific = ports.bind(request("127.0.0.1:80"), None).unwrap();
        wildcard.receive(1).unwrap();
        assert_eq!(specific.receive(2).unwrap_err(), ErrorCode::AddressInUse);
        assert_eq!(ports.bind(request("10.0.0.1:80"), None).err(), Some(ErrorCode::AddressInUse));
        assert!(ports.bind(request("[::]:80"), None).is_ok(), "families are apart");
        drop(wildcard);
        specific.receive(2).unwrap();
        assert_eq!(ports.find("127.0.0.1:80".parse().unwrap()), Some(2));
        assert_eq!(ports.find("10.0.0.1:80".parse().unwrap()), None);
    }

    #[test]
    fn specific_bindings_receive_before_wildcards() {
        let ports = Ports::<u8>::new();
        let one = ports.bind(request("10.0.0.1:53"), Some(1)).unwrap();
        let two = ports.bind(request("10.0.0.2:53"), Some(2)).unwrap();
        assert_eq!(ports.bind(request("0.0.0.0:53"), Some(3)).err(), Some(ErrorCode::AddressInUse));
        assert_eq!(ports.find(one.local()), Some(1));
        assert_eq!(ports.find(two.local()), Some(2));
    }

    #[test]
    fn a_dual_stack_wildcard_takes_both_families() {
        let ports = Ports::<u8>::new();
        let dual = BindRequest { dual: true, ..request("[::]:80") };
        let _guard = ports.bind(dual, Some(1)).unwrap();
        assert_eq!(ports.find("10.0.0.1:80".parse().unwrap()), Some(1));
        assert_eq!(ports.find("[fd00::1]:80".parse().unwrap()), Some(1));
        assert_eq!(ports.bind(request("10.0.0.1:80"), None).err(), Some(ErrorCode::AddressInUse));
    }

    #[test]
    fn ephemeral_ports_are_all_usable_and_then_used_up() {
        let ports = Ports::<u8>::new();
        let mut guards: Vec<_> = EPHEMERAL.map(|_| ports.bind(request("127.0.0.1:0"), None).unwrap()).collect();
        assert!(guards.iter().all(|guard| EPHEMERAL.contains(&guard.local().port())));
        assert_eq!(ports.bind(request("0.0.0.0:0"), None).err(), Some(ErrorCode::AddressInUse));
        let freed = guards.pop().map(|guard| guard.local());
        assert_eq!(ports.bind(request("127.0.0.1:0"), None).ok().map(|guard| guard.local()), freed);
    }
}
