//! A container's place on a network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Weak};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use parking_lot::Mutex;

use crate::address::MacAddress;
use crate::network::{Driver, Network};
use crate::stack::Stack;
use crate::status::Meter;

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

/// A container's live place on a network; goes with [`crate::Stack::disconnect`] or the stack.
pub struct Endpoint {
    pub(crate) spec: EndpointSpec,
    pub(crate) network: Arc<Network>,
    pub(crate) stack: Weak<Stack>,
    pub(crate) interface: String,
    pub(crate) mac: MacAddress,
    pub(crate) ipv4: Option<Ipv4Net>,
    pub(crate) ipv6: Option<Ipv6Net>,
    pub(crate) container: Mutex<String>,
    pub(crate) names: Mutex<Vec<String>>,
    pub(crate) meter: Arc<Meter>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let addresses: Vec<_> = self.addresses().collect();
        f.debug_struct("Endpoint")
            .field("interface", &self.interface)
            .field("addresses", &addresses)
            .finish_non_exhaustive()
    }
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

    /// The stack it belongs to, if that still lives.
    pub fn stack(&self) -> Option<Arc<Stack>> {
        self.stack.upgrade()
    }

    /// The container's name.
    pub fn container_name(&self) -> String {
        self.container.lock().clone()
    }

    /// `eth0`, `eth1`, …; `lo` on the null network.
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
        self.ipv4.map(IpNet::from).into_iter().chain(self.ipv6.map(IpNet::from))
    }

    /// Whether one of the addresses is this one.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        self.addresses().any(|net| net.addr() == address)
    }

    /// Its address in the family of `like`.
    pub(crate) fn address_like(&self, like: IpAddr) -> Option<IpAddr> {
        self.addresses().map(|net| net.addr()).find(|address| address.is_ipv4() == like.is_ipv4())
    }

    /// The gateway it offers for the family of `like`: none on internal networks.
    pub(crate) fn gateway_like(&self, like: IpAddr) -> Option<IpAddr> {
        if self.network.spec().internal {
            return None;
        }
        if like.is_ipv4() {
            self.network.ipv4().map(|(_, gateway)| gateway.into())
        } else {
            self.network.ipv6().map(|(_, gateway)| gateway.into())
        }
    }

    /// Docker's `DNSNames`: container name, aliases, short id, host name; empty on the
    /// default bridge, which serves no names.
    pub fn dns_names(&self) -> Vec<String> {
        self.names.lock().clone()
    }

    /// The names for a container called so.
    pub(crate) fn names_for(spec: &EndpointSpec, network: &Network, name: &str, stack: &Stack) -> Vec<String> {
        if network.spec().default_bridge || network.spec().driver != Driver::Bridge {
            return Vec::new();
        }
        let short = short_id(stack.id());
        let host = if stack.options.hostname.is_empty() { short } else { &stack.options.hostname };
        let mut names: Vec<String> = Vec::new();
        let all = [name].into_iter().chain(spec.aliases.iter().map(String::as_str)).chain([short, host]);
        for candidate in all.filter(|candidate| !candidate.is_empty()) {
            if !names.iter().any(|known| known == candidate) {
                names.push(candidate.to_owned());
            }
        }
        names
    }
}

/// The first 12 digits of an id.
pub(crate) fn short_id(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
