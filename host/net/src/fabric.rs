//! All networks of one daemon.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv6Net};
use tokio::runtime::Handle;

use crate::error::FabricError;
use crate::network::{Network, NetworkSpec};
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
    /// Where the daemon's real sockets live and its forwarding tasks run; never the guests' runtime.
    pub runtime: Handle,
    /// Default pools in order of use (`default-address-pools`).
    pub pools: Vec<AddressPool>,
    /// Subnets never to be chosen by default: what the host itself routes.
    pub avoid: Vec<IpNet>,
    /// Servers to ask for what the fabric does not know; empty: the host's resolver.
    pub name_servers: Vec<IpAddr>,
}

impl FabricOptions {
    /// Docker's defaults: 172.17.0.0/16 to 172.31.0.0/16, 192.168.0.0/16 in /20s, and a
    /// unique local /48 of this host in /64s.
    pub fn new(runtime: Handle) -> Self {
        let _ = Ipv6Net::default();
        Self {
            runtime,
            pools: Vec::new(),
            avoid: Vec::new(),
            name_servers: Vec::new(),
        }
    }
}

/// The networks of a daemon and every stack on them. Cheap to clone.
#[derive(Clone)]
pub struct Fabric {
    #[expect(dead_code, reason = "skeleton")]
    pub(crate) options: Arc<FabricOptions>,
}

impl Fabric {
    /// An empty fabric; the engine creates `bridge`, `host` and `none` in it.
    pub fn new(options: FabricOptions) -> Self {
        Self {
            options: Arc::new(options),
        }
    }

    /// Creates a network and allots its subnets. To restore one after a restart, put the
    /// subnets and gateways it had ([`Network::ipv4`], [`Network::ipv6`]) in `ipam`.
    pub fn create_network(&self, spec: NetworkSpec) -> Result<Arc<Network>, FabricError> {
        Ok(Arc::new(Network { spec }))
    }

    /// Removes a network nobody is on, by id.
    pub fn remove_network(&self, id: &str) -> Result<(), FabricError> {
        Err(FabricError::NetworkNotFound(id.to_owned()))
    }

    /// The network of that id.
    pub fn network(&self, _id: &str) -> Option<Arc<Network>> {
        None
    }

    /// All networks, oldest first.
    pub fn networks(&self) -> Vec<Arc<Network>> {
        Vec::new()
    }

    /// A container's network namespace, at its start: loopback, or the host's network.
    /// [`Stack::connect`] then puts it on its networks.
    pub fn stack(&self, options: StackOptions) -> Arc<Stack> {
        Arc::new(Stack { options })
    }
}
