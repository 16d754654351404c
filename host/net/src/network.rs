//! A network as Docker knows it, and a container's place on it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::address::MacAddress;

/// Which kind of network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Driver {
    /// A virtual network with its own subnets.
    Bridge,
    /// The daemon's own network: sockets are real.
    Host,
    /// Loopback only.
    Null,
}

impl Driver {
    /// `bridge`, `host`, `null`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Host => "host",
            Self::Null => "null",
        }
    }
}

/// One entry of `IPAM.Config` of Docker's network create.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IpamConfig {
    /// `--subnet`, as the client wrote it; empty for none.
    pub subnet: String,
    /// `--ip-range`; empty for none.
    pub ip_range: String,
    /// `--gateway`; empty for none.
    pub gateway: String,
    /// `--aux-address name=address`.
    pub auxiliary: BTreeMap<String, String>,
}

/// What network create asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSpec {
    /// 64 hex digits, unique; made by the engine.
    pub id: String,
    /// Unique name.
    pub name: String,
    /// Kind.
    pub driver: Driver,
    /// Whether containers get IPv4 addresses (Docker's default: yes).
    pub ipv4: bool,
    /// Whether containers get IPv6 addresses.
    pub ipv6: bool,
    /// No way out and none in (`--internal`).
    pub internal: bool,
    /// Whether containers of the network may reach each other (`enable_icc`).
    pub inter_container: bool,
    /// The network `bridge`: no names are served on it and ports reach it by address only.
    pub default_bridge: bool,
    /// Address pools; empty: from the fabric's own pools.
    pub ipam: Vec<IpamConfig>,
}

impl NetworkSpec {
    /// A user-defined bridge network with addresses of the fabric's choice.
    pub fn bridge(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            driver: Driver::Bridge,
            ipv4: true,
            ipv6: false,
            internal: false,
            inter_container: true,
            default_bridge: false,
            ipam: Vec::new(),
        }
    }
}

/// How a container wants to be on a network (`EndpointSettings`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSpec {
    /// 64 hex digits, unique; made by the engine.
    pub id: String,
    /// `--ip`.
    pub ipv4: Option<Ipv4Addr>,
    /// `--ip6`.
    pub ipv6: Option<Ipv6Addr>,
    /// `--mac-address`.
    pub mac: Option<MacAddress>,
    /// `--network-alias`, compose's service names.
    pub aliases: Vec<String>,
    /// `--link`: (container name or id, alias); seen by this container only.
    pub links: Vec<(String, String)>,
    /// `gw-priority`: the endpoint with the highest is the default route, then by network name.
    pub gateway_priority: i64,
}

/// A network of the fabric.
pub struct Network {
    pub(crate) spec: NetworkSpec,
}

impl Network {
    /// What it was made from.
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.spec.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The IPv4 subnet and gateway.
    pub fn ipv4(&self) -> Option<(Ipv4Net, Ipv4Addr)> {
        None
    }

    /// The IPv6 subnet and gateway.
    pub fn ipv6(&self) -> Option<(Ipv6Net, Ipv6Addr)> {
        None
    }

    /// What inspect shows as `IPAM.Config`: what the client configured, else what was allotted.
    pub fn ipam_config(&self) -> Vec<IpamConfig> {
        self.spec.ipam.clone()
    }

    /// Who is on it now.
    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        Vec::new()
    }
}

/// A container's live place on a network; goes with [`crate::Stack::disconnect`] or the stack.
pub struct Endpoint {
    pub(crate) spec: EndpointSpec,
    pub(crate) network: Arc<Network>,
    pub(crate) interface: String,
    pub(crate) mac: MacAddress,
    pub(crate) ipv4: Option<Ipv4Net>,
    pub(crate) ipv6: Option<Ipv6Net>,
}

impl Endpoint {
    /// What was asked for.
    pub fn spec(&self) -> &EndpointSpec {
        &self.spec
    }

    /// The network it is on.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// `eth0`, `eth1`, …
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Hardware address.
    pub fn mac(&self) -> MacAddress {
        self.mac
    }

    /// Address with the subnet's prefix length.
    pub fn ipv4(&self) -> Option<Ipv4Net> {
        self.ipv4
    }

    /// Address with the subnet's prefix length.
    pub fn ipv6(&self) -> Option<Ipv6Net> {
        self.ipv6
    }

    /// Both addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.ipv4
            .map(IpNet::from)
            .into_iter()
            .chain(self.ipv6.map(IpNet::from))
    }

    /// Docker's `DNSNames`: container name, aliases, short id, host name; empty on the
    /// default bridge.
    pub fn dns_names(&self) -> Vec<String> {
        Vec::new()
    }
}
