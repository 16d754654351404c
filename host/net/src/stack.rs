//! A container's network namespace: loopback, its places on networks, its ports and its
//! sockets. Connecting and disconnecting act at once, as on a running container.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};

use crate::address::{Family, MacAddress, Protocol};
use crate::endpoint::{Endpoint, EndpointSpec};
use crate::error::{ErrorCode, FabricError};
use crate::fabric::Fabric;
use crate::names::Names;
use crate::network::{Driver, Network};
use crate::policy::OutboundPolicy;
use crate::ports::Ports;
use crate::publish::PublishedFlows;
use crate::quota::{Quota, Usage};
use crate::status::{Counters, InterfaceStatus, Meter, RouteStatus, SocketState, SocketStatus};
use crate::tcp::Listening;
use crate::udp::Inbox;

/// What a stack is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Loopback and whatever networks it is connected to; none at all for `--network none`.
    #[default]
    Virtual,
    /// `--network host`: sockets are the daemon's own.
    Host,
}

/// `--add-host NAME:ADDRESS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraHost {
    /// The name.
    pub name: String,
    /// The address; none: `host-gateway`, the host as this container reaches it.
    pub address: Option<IpAddr>,
}

/// How a stack is made.
#[derive(Clone, Debug, Default)]
pub struct StackOptions {
    /// Container id, 64 hex digits.
    pub id: String,
    /// Container name, without `/`.
    pub name: String,
    /// `--hostname`; the short id if empty.
    pub hostname: String,
    /// `--domainname`; may be empty.
    pub domain: String,
    /// Virtual or host.
    pub mode: Mode,
    /// `--add-host`.
    pub extra_hosts: Vec<ExtraHost>,
    /// `--dns`: asked for what the networks do not know; empty: the fabric's.
    pub name_servers: Vec<IpAddr>,
    /// `--dns-search`.
    pub search: Vec<String>,
    /// `--dns-option`.
    pub resolver_options: Vec<String>,
    /// What may leave.
    pub policy: OutboundPolicy,
    /// Bounds.
    pub quota: Quota,
}

/// Something of a stack that netstat shows and that ends with it.
pub(crate) trait Member: Send + Sync {
    /// None: nothing to show yet.
    fn status(&self) -> Option<SocketStatus>;
    /// The stack is closed, or the endpoint is gone.
    fn abort(&self);
    /// Whether it lives by this endpoint.
    fn uses(&self, endpoint: &Arc<Endpoint>) -> bool;
}

#[derive(Default)]
struct State {
    name: String,
    endpoints: Vec<Arc<Endpoint>>,
    closed: bool,
}

#[derive(Default)]
struct Members {
    next: u64,
    list: HashMap<u64, Weak<dyn Member>>,
    connections: HashSet<(SocketAddr, SocketAddr)>,
    closed: bool,
}

/// A container's network namespace. One per running container, or shared by several
/// (`--network container:ID`): hand the same `Arc` to each.
pub struct Stack {
    pub(crate) fabric: Fabric,
    pub(crate) options: StackOptions,
    pub(crate) usage: Arc<Usage>,
    pub(crate) loopback: Arc<Meter>,
    pub(crate) tcp: Arc<Ports<Listening>>,
    pub(crate) udp: Arc<Ports<Arc<Inbox>>>,
    pub(crate) names: Names,
    pub(crate) flows: PublishedFlows,
    state: RwLock<State>,
    members: Mutex<Members>,
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stack")
            .field("id", &self.options.id)
            .field("endpoints", &self.endpoints())
            .finish_non_exhaustive()
    }
}

impl Stack {
    pub(crate) fn new(fabric: Fabric, options: StackOptions) -> Arc<Self> {
        Arc::new(Self {
            usage: Usage::new(options.quota),
            loopback: Arc::new(Meter::default()),
            tcp: Ports::new(),
            udp: Ports::new(),
            names: Names::default(),
            flows: PublishedFlows::default(),
            state: RwLock::new(State { name: options.name.clone(), ..State::default() }),
            members: Mutex::new(Members::default()),
            fabric,
            options,
        })
    }

    /// The id of the container it was made for.
    pub fn id(&self) -> &str {
        &self.options.id
    }

    /// The container's name.
    pub fn name(&self) -> String {
        self.state.read().name.clone()
    }

    /// Virtual or host.
    pub fn mode(&self) -> Mode {
        self.options.mode
    }

    /// Puts the container on a network, at once. On the host and null networks it only
    /// takes note of it.
    pub fn connect(self: &Arc<Self>, network: &Arc<Network>, spec: EndpointSpec) -> Result<Arc<Endpoint>, FabricError> {
        match (network.spec().driver, self.options.mode) {
            (Driver::Host, Mode::Virtual) => return Err(FabricError::HostOnRunning),
            (Driver::Bridge | Driver::Null, Mode::Host) => return Err(FabricError::SharedNamespace),
            _ => {}
        }
        let mut state = self.state.write();
        if state.closed {
            return Err(FabricError::StackClosed(self.options.id.clone()));
        }
        if state.endpoints.iter().any(|other| Arc::ptr_eq(&other.network, network)) {
            return Err(FabricError::EndpointExists {
                container: state.name.clone(),
                network: network.name().to_owned(),
            });
        }
        let null = |network: &Network| network.spec().driver == Driver::Null;
        if !state.endpoints.is_empty() && (null(network) || state.endpoints.iter().any(|other| null(&other.network))) {
            return Err(FabricError::NullWithOthers);
        }
        let interface = if network.spec().driver == Driver::Bridge { state.free_interface() } else { "lo".to_owned() };
        let names = Endpoint::names_for(&spec, network, &state.name, self);
        let endpoint = network.join(&spec, |allotted| {
            Arc::new(Endpoint {
                mac: spec.mac.unwrap_or_else(MacAddress::random),
                network: network.clone(),
                stack: Arc::downgrade(self),
                interface,
                ipv4: allotted.ipv4,
                ipv6: allotted.ipv6,
                container: Mutex::new(state.name.clone()),
                names: Mutex::new(names),
                meter: Arc::new(Meter::default()),
                spec: spec.clone(),
            })
        })?;
        state.endpoints.push(endpoint.clone());
        Ok(endpoint)
    }

    /// Takes the container off a network, at once: connections over it are reset.
    pub fn disconnect(&self, network_id: &str) -> Result<(), FabricError> {
        let mut state = self.state.write();
        let at = state.endpoints.iter().position(|endpoint| endpoint.network.id() == network_id);
        let Some(at) = at else {
            let network =
                self.fabric.network(network_id).map_or_else(|| network_id.to_owned(), |n| n.name().to_owned());
            return Err(FabricError::NotConnected { container: self.options.id.clone(), network });
        };
        let endpoint = state.endpoints.remove(at);
        drop(state);
        endpoint.network.leave(&endpoint);
        self.abort_members(|member| member.uses(&endpoint));
        Ok(())
    }

    /// Its places on networks, in the order of connecting.
    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.state.read().endpoints.clone()
    }

    /// `docker rename` of the running container: names follow.
    pub fn rename(&self, name: &str) {
        let mut state = self.state.write();
        name.clone_into(&mut state.name);
        let endpoints = state.endpoints.clone();
        drop(state);
        for endpoint in endpoints {
            let names = Endpoint::names_for(&endpoint.spec, &endpoint.network, name, self);
            name.clone_into(&mut endpoint.container.lock());
            *endpoint.names.lock() = names;
            endpoint.network.renamed(&endpoint);
        }
    }

    /// The container has stopped: every socket is reset, addresses and ports are given back.
    /// Also happens when the last `Arc` goes.
    pub fn close(&self) {
        let endpoints = {
            let mut state = self.state.write();
            state.closed = true;
            std::mem::take(&mut state.endpoints)
        };
        for endpoint in endpoints {
            endpoint.network.leave(&endpoint);
        }
        self.members.lock().closed = true;
        self.flows.close();
        self.abort_members(|_| true);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.read().closed
    }

    fn abort_members(&self, which: impl Fn(&dyn Member) -> bool) {
        for member in self.live_members() {
            if which(&*member) {
                member.abort();
            }
        }
    }

    fn live_members(&self) -> Vec<Arc<dyn Member>> {
        // Upgraded first and dropped by the caller: a member's own drop takes this lock.
        self.members.lock().list.values().filter_map(Weak::upgrade).collect()
    }

    /// Lists a socket or connection until [`Self::dismiss`].
    pub(crate) fn enlist<M: Member + 'static>(&self, member: Weak<M>) -> Result<u64, ErrorCode> {
        let mut members = self.members.lock();
        if members.closed {
            return Err(ErrorCode::ConnectionReset);
        }
        members.next += 1;
        let key = members.next;
        members.list.insert(key, member);
        Ok(key)
    }

    pub(crate) fn dismiss(&self, key: u64) {
        let member = self.members.lock().list.remove(&key);
        drop(member);
    }

    /// A connection is told by its two addresses; the same twice cannot be.
    pub(crate) fn claim_connection(&self, local: SocketAddr, remote: SocketAddr) -> Result<(), ErrorCode> {
        if self.members.lock().connections.insert((local, remote)) { Ok(()) } else { Err(ErrorCode::AddressInUse) }
    }

    pub(crate) fn release_connection(&self, local: SocketAddr, remote: SocketAddr) {
        self.members.lock().connections.remove(&(local, remote));
    }

    /// The endpoint of the default route for the family of `like`.
    pub(crate) fn default_endpoint(&self, like: IpAddr) -> Option<Arc<Endpoint>> {
        let state = self.state.read();
        let with_gateway = state
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.gateway_like(like).is_some() && endpoint.address_like(like).is_some());
        let best = with_gateway.min_by(|a, b| {
            let order = b.spec.gateway_priority.cmp(&a.spec.gateway_priority);
            order.then_with(|| a.network.name().cmp(b.network.name()))
        });
        best.cloned()
    }

    /// Whether a socket may bind to this address.
    pub(crate) fn is_local(&self, address: IpAddr) -> bool {
        address.is_unspecified()
            || address.is_loopback()
            || self.state.read().endpoints.iter().any(|endpoint| endpoint.has(address))
    }

    /// The endpoint that has or could reach this address on link.
    pub(crate) fn endpoint_towards(&self, address: IpAddr) -> Option<Arc<Endpoint>> {
        let state = self.state.read();
        let found = state.endpoints.iter().find(|e| e.addresses().any(|net| net.contains(&address)));
        found.cloned()
    }

    /// Network traffic so far, loopback excluded (`docker stats`), by interface.
    pub fn counters(&self) -> Vec<(String, Counters)> {
        let bridged = self.endpoints().into_iter().filter(|e| e.network.spec().driver == Driver::Bridge);
        bridged.map(|endpoint| (endpoint.interface.clone(), endpoint.meter.read())).collect()
    }

    /// Interfaces, `lo` first.
    pub fn interfaces(&self) -> Vec<InterfaceStatus> {
        let loopback = InterfaceStatus {
            name: "lo".to_owned(),
            index: 1,
            mac: None,
            mtu: 65_536,
            loopback: true,
            addresses: [(Family::Ipv4, 8), (Family::Ipv6, 128)]
                .into_iter()
                .filter_map(|(family, length)| ipnet::IpNet::new(family.loopback(), length).ok())
                .collect(),
            counters: self.loopback.read(),
        };
        let bridged = self.endpoints().into_iter().filter(|e| e.network.spec().driver == Driver::Bridge);
        let others = bridged.zip(2..).map(|(endpoint, index)| InterfaceStatus {
            name: endpoint.interface.clone(),
            index,
            mac: Some(endpoint.mac),
            mtu: 1500,
            loopback: false,
            addresses: endpoint.addresses().collect(),
            counters: endpoint.meter.read(),
        });
        [loopback].into_iter().chain(others).collect()
    }

    /// Routes, default first.
    pub fn routes(&self) -> Vec<RouteStatus> {
        let mut routes = Vec::new();
        for family in [Family::Ipv4, Family::Ipv6] {
            let like = family.unspecified();
            let best = self.default_endpoint(like);
            let gateway = best.as_ref().and_then(|endpoint| endpoint.gateway_like(like));
            if let (Some(endpoint), Some(gateway), Ok(destination)) = (best, gateway, ipnet::IpNet::new(like, 0)) {
                let device = endpoint.interface.clone();
                routes.push(RouteStatus { destination, gateway: Some(gateway), device });
            }
        }
        for endpoint in self.endpoints() {
            let device = &endpoint.interface;
            routes.extend(endpoint.addresses().map(|net| RouteStatus {
                destination: net.trunc(),
                gateway: None,
                device: device.clone(),
            }));
        }
        routes
    }

    /// Open sockets, listeners first, then by local address.
    pub fn sockets(&self) -> Vec<SocketStatus> {
        let mut sockets: Vec<_> = self.live_members().iter().filter_map(|member| member.status()).collect();
        let rank = |one: &SocketStatus| (one.protocol == Protocol::Udp, one.state != SocketState::Listen, one.local);
        sockets.sort_by_key(rank);
        sockets
    }
}

impl State {
    /// The first `ethN` not in use.
    fn free_interface(&self) -> String {
        let mut number = 0;
        loop {
            let name = format!("eth{number}");
            if !self.endpoints.iter().any(|endpoint| endpoint.interface == name) {
                return name;
            }
            number += 1;
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.close();
    }
}
