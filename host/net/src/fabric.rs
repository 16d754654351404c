//! All networks of one daemon: creating and removing them, and what they share.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::address::Family;
use crate::endpoint::short_id;
use crate::error::FabricError;
use crate::ipam::{AddressSpace, check, docker_pools, local_pool};
use crate::network::{Driver, Network, NetworkSpec};
use crate::publish::HostPorts;
use crate::stack::{Stack, StackOptions};

/// Subnets of `prefix_length` are cut from `base` for networks that name none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressPool {
    /// `172.17.0.0/16`
    pub base: IpNet,
    /// Prefix length of the subnets cut from it.
    pub prefix_length: u8,
}

/// How a [`Fabric`] is made.
#[derive(Clone, Debug)]
pub struct FabricOptions {
    /// Where the daemon's real sockets live and its forwarding tasks run; never the guests'
    /// runtime.
    pub runtime: Handle,
    /// Default pools in order of use (`default-address-pools`).
    pub pools: Vec<AddressPool>,
    /// Subnets never to be chosen by default: what the host itself routes.
    pub avoid: Vec<IpNet>,
    /// Servers to ask for what the fabric does not know; empty: the host's resolver.
    pub name_servers: Vec<SocketAddr>,
    /// Where the host listens for containers that call their gateway. As with dockerd this
    /// is an outer address of the host, so a service that listens on the host's loopback
    /// only stays out of reach; 127.0.0.1 brings it in. None: nothing is there.
    pub host_address: Option<IpAddr>,
}

impl FabricOptions {
    /// Docker's defaults: 172.17.0.0/16 to 172.31.0.0/16, 192.168.0.0/16 in /20s, and a
    /// unique local /48 of this host in /64s; the host's resolver.
    pub fn new(runtime: Handle) -> Self {
        let mut host = DefaultHasher::new();
        std::fs::read("/etc/machine-id").unwrap_or_default().hash(&mut host);
        let mut pools = docker_pools();
        pools.push(local_pool(host.finish()));
        Self { runtime, pools, avoid: Vec::new(), name_servers: Vec::new(), host_address: outer_address() }
    }
}

/// The host's address towards the world, found by asking its routes; nothing is sent.
fn outer_address() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("198.51.100.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified() && !address.is_loopback()).then_some(address)
}

#[derive(Default)]
struct State {
    networks: Vec<Arc<Network>>,
    space: AddressSpace,
}

pub(crate) struct Shared {
    pub(crate) options: FabricOptions,
    pub(crate) host_ports: Arc<HostPorts>,
    state: Mutex<State>,
}

/// The networks of a daemon and every stack on them. Cheap to clone.
#[derive(Clone)]
pub struct Fabric {
    pub(crate) shared: Arc<Shared>,
}

impl std::fmt::Debug for Fabric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fabric").field("networks", &self.networks().len()).finish_non_exhaustive()
    }
}

impl Fabric {
    /// An empty fabric; the engine creates `bridge`, `host` and `none` in it.
    pub fn new(options: FabricOptions) -> Self {
        let shared =
            Shared { options, host_ports: Arc::new(HostPorts::default()), state: Mutex::new(State::default()) };
        Self { shared: Arc::new(shared) }
    }

    /// Creates a network and allots its subnets. To restore one after a restart, put
    /// [`Network::allotted`] of its former life in `ipam`.
    pub fn create_network(&self, spec: NetworkSpec) -> Result<Arc<Network>, FabricError> {
        if !spec.ipv4 && !spec.ipv6 && spec.driver == Driver::Bridge {
            return Err(FabricError::NoFamily);
        }
        let checked = check(&spec.ipam, spec.ipv4, spec.ipv6)?;
        let mut state = self.shared.state.lock();
        let state = &mut *state;
        for other in &state.networks {
            if other.name() == spec.name {
                return Err(FabricError::NetworkExists(spec.name));
            }
            if other.id() == spec.id {
                return Err(FabricError::DuplicateId(spec.id));
            }
            if spec.driver != Driver::Bridge && other.spec().driver == spec.driver {
                return Err(FabricError::SingleInstance(spec.driver.name()));
            }
        }
        for family in [Family::Ipv4, Family::Ipv6] {
            if checked.iter().filter(|entry| Family::of(entry.subnet.addr()) == family).count() > 1 {
                return Err(FabricError::MultipleSubnets);
            }
        }
        let network = Arc::new(Network::open(spec, &checked, &mut state.space, &self.shared.options)?);
        state.networks.push(network.clone());
        Ok(network)
    }

    /// Removes a network nobody is on, by id.
    pub fn remove_network(&self, id: &str) -> Result<(), FabricError> {
        let mut state = self.shared.state.lock();
        let Some(at) = state.networks.iter().position(|network| network.id() == id) else {
            return Err(FabricError::NetworkNotFound(id.to_owned()));
        };
        let Some(network) = state.networks.get(at).cloned() else {
            return Err(FabricError::NetworkNotFound(id.to_owned()));
        };
        if let Err(endpoints) = network.retire() {
            let list: Vec<_> = endpoints
                .iter()
                .map(|one| format!("name:\"{}\" id:\"{}\"", one.container_name(), short_id(&one.spec().id)))
                .collect();
            return Err(FabricError::ActiveEndpoints { name: network.name().to_owned(), endpoints: list.join(", ") });
        }
        state.networks.remove(at);
        for subnet in network.subnets() {
            state.space.release(subnet);
        }
        Ok(())
    }

    /// The network of that id.
    pub fn network(&self, id: &str) -> Option<Arc<Network>> {
        self.shared.state.lock().networks.iter().find(|network| network.id() == id).cloned()
    }

    /// All networks, oldest first.
    pub fn networks(&self) -> Vec<Arc<Network>> {
        self.shared.state.lock().networks.clone()
    }

    /// The network whose subnet contains the address.
    pub(crate) fn network_of(&self, address: IpAddr) -> Option<Arc<Network>> {
        self.shared.state.lock().networks.iter().find(|network| network.contains(address)).cloned()
    }

    /// What `host-gateway` means: the default bridge's gateway.
    pub(crate) fn default_gateway(&self) -> Option<IpAddr> {
        let state = self.shared.state.lock();
        let bridge = state.networks.iter().find(|network| network.spec().default_bridge)?;
        bridge.ipv4().map(|(_, gateway)| gateway.into())
    }

    /// A container's network namespace, at its start: loopback, or the host's network.
    /// [`Stack::connect`] then puts it on its networks.
    pub fn stack(&self, options: StackOptions) -> Arc<Stack> {
        Stack::new(self.clone(), options)
    }
}
