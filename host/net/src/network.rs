//! A network as Docker knows it: its subnets, who is on it, and which names it serves.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use parking_lot::Mutex;

use crate::address::Family;
use crate::endpoint::{Endpoint, EndpointSpec};
use crate::error::FabricError;
use crate::fabric::FabricOptions;
use crate::ipam::{AddressSpace, Checked, Subnet};

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

/// A subnet of the network with its gateway.
#[derive(Debug)]
pub(crate) struct OpenSubnet {
    pub(crate) subnet: IpNet,
    pub(crate) gateway: IpAddr,
    pub(crate) range: Option<IpNet>,
    /// Whether a client chose the subnet: then, and only then, it may choose addresses.
    pub(crate) chosen: bool,
}

struct State {
    ipv4: Option<Subnet>,
    ipv6: Option<Subnet>,
    members: Vec<Arc<Endpoint>>,
    by_address: HashMap<IpAddr, Arc<Endpoint>>,
    by_name: HashMap<String, Vec<Arc<Endpoint>>>,
    turn: usize,
    removed: bool,
}

/// A network of the fabric.
pub struct Network {
    spec: NetworkSpec,
    families: Vec<OpenSubnet>,
    state: Mutex<State>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("name", &self.spec.name)
            .field("families", &self.families)
            .finish_non_exhaustive()
    }
}

/// Takes a subnet, its gateway and its auxiliary addresses, or nothing.
fn open_family(
    family: Family,
    entry: Option<&Checked>,
    space: &mut AddressSpace,
    options: &FabricOptions,
) -> Result<(OpenSubnet, Subnet), FabricError> {
    let net = match entry {
        Some(entry) => {
            space.take(entry.subnet)?;
            entry.subnet
        }
        None => space.take_any(family, &options.pools, &options.avoid)?,
    };
    let range = entry.and_then(|entry| entry.range);
    let mut subnet = Subnet::new(net, range);
    let filled = fill(&mut subnet, entry);
    match filled {
        Ok(gateway) => Ok((OpenSubnet { subnet: net, gateway, range, chosen: entry.is_some() }, subnet)),
        Err(error) => {
            space.release(net);
            Err(error)
        }
    }
}

fn fill(subnet: &mut Subnet, entry: Option<&Checked>) -> Result<IpAddr, FabricError> {
    let gateway = match entry.and_then(|entry| entry.gateway) {
        Some(gateway) if subnet.take(gateway) => gateway,
        Some(gateway) => return Err(FabricError::GatewayInUse(gateway)),
        None => subnet.take_any().ok_or(FabricError::GatewayInUse(subnet.net().addr()))?,
    };
    for (name, address) in entry.iter().flat_map(|entry| &entry.auxiliary) {
        if !subnet.take(*address) {
            return Err(FabricError::AuxiliaryInUse { name: name.clone(), address: *address });
        }
    }
    Ok(gateway)
}

/// Addresses taken for an endpoint that is being made.
pub(crate) struct Allotted {
    pub(crate) ipv4: Option<Ipv4Net>,
    pub(crate) ipv6: Option<Ipv6Net>,
}

impl Network {
    /// Opens the network's subnets in `space`.
    pub(crate) fn open(
        spec: NetworkSpec,
        checked: &[Checked],
        space: &mut AddressSpace,
        options: &FabricOptions,
    ) -> Result<Self, FabricError> {
        let mut families = Vec::new();
        let (mut ipv4, mut ipv6) = (None, None);
        if spec.driver == Driver::Bridge {
            for (family, on) in [(Family::Ipv4, spec.ipv4), (Family::Ipv6, spec.ipv6)] {
                if !on {
                    continue;
                }
                let entry = checked.iter().find(|entry| Family::of(entry.subnet.addr()) == family);
                match open_family(family, entry, space, options) {
                    Ok((open, subnet)) => {
                        families.push(open);
                        let place = if family == Family::Ipv4 { &mut ipv4 } else { &mut ipv6 };
                        *place = Some(subnet);
                    }
                    Err(error) => {
                        families.iter().for_each(|open: &OpenSubnet| space.release(open.subnet));
                        return Err(error);
                    }
                }
            }
        }
        let state = State {
            ipv4,
            ipv6,
            members: Vec::new(),
            by_address: HashMap::new(),
            by_name: HashMap::new(),
            turn: 0,
            removed: false,
        };
        Ok(Self { spec, families, state: Mutex::new(state) })
    }

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
        self.families.iter().find_map(|family| match (family.subnet, family.gateway) {
            (IpNet::V4(net), IpAddr::V4(gateway)) => Some((net, gateway)),
            _ => None,
        })
    }

    /// The IPv6 subnet and gateway.
    pub fn ipv6(&self) -> Option<(Ipv6Net, Ipv6Addr)> {
        self.families.iter().find_map(|family| match (family.subnet, family.gateway) {
            (IpNet::V6(net), IpAddr::V6(gateway)) => Some((net, gateway)),
            _ => None,
        })
    }

    pub(crate) fn subnets(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.families.iter().map(|family| family.subnet)
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.subnets().any(|subnet| subnet.contains(&address))
    }

    pub(crate) fn is_gateway(&self, address: IpAddr) -> bool {
        self.families.iter().any(|family| family.gateway == address)
    }

    /// What inspect shows as `IPAM.Config`: the entries the client configured as they were,
    /// then what was allotted for a family it left open.
    pub fn ipam_config(&self) -> Vec<IpamConfig> {
        let allotted = self.families.iter().filter(|family| !family.chosen).map(|family| IpamConfig {
            subnet: family.subnet.to_string(),
            gateway: family.gateway.to_string(),
            ..IpamConfig::default()
        });
        self.spec.ipam.iter().cloned().chain(allotted).collect()
    }

    /// What to create the network from after a restart of the daemon, so that it gets the
    /// same subnets and gateways again: for [`NetworkSpec::ipam`], beside the client's own
    /// configuration, which the engine keeps.
    pub fn allotted(&self) -> Vec<IpamConfig> {
        let auxiliary = |subnet: IpNet| {
            let of = |entry: &&IpamConfig| entry.subnet.parse() == Ok(subnet);
            self.spec.ipam.iter().find(of).map(|entry| entry.auxiliary.clone()).unwrap_or_default()
        };
        let entry = |family: &OpenSubnet| IpamConfig {
            subnet: family.subnet.to_string(),
            ip_range: family.range.map(|range| range.to_string()).unwrap_or_default(),
            gateway: family.gateway.to_string(),
            auxiliary: auxiliary(family.subnet),
        };
        self.families.iter().map(entry).collect()
    }

    /// Who is on it now, in order of arrival.
    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.state.lock().members.clone()
    }

    /// Takes addresses for an endpoint, has it built, and makes it reachable.
    pub(crate) fn join(
        &self,
        spec: &EndpointSpec,
        build: impl FnOnce(Allotted) -> Arc<Endpoint>,
    ) -> Result<Arc<Endpoint>, FabricError> {
        self.validate(spec)?;
        let mut state = self.state.lock();
        let state = &mut *state;
        if state.removed {
            return Err(FabricError::NetworkNotFound(self.spec.name.clone()));
        }
        let ipv4 = self.allot_one(state.ipv4.as_mut(), spec.ipv4.map(IpAddr::from))?;
        let ipv6 = match self.allot_one(state.ipv6.as_mut(), spec.ipv6.map(IpAddr::from)) {
            Ok(ipv6) => ipv6,
            Err(error) => {
                if let (Some(subnet), Some(net)) = (state.ipv4.as_mut(), ipv4) {
                    subnet.release(net.addr());
                }
                return Err(error);
            }
        };
        let ipv4 = ipv4.and_then(|net| if let IpNet::V4(net) = net { Some(net) } else { None });
        let ipv6 = ipv6.and_then(|net| if let IpNet::V6(net) = net { Some(net) } else { None });
        let endpoint = build(Allotted { ipv4, ipv6 });
        state.members.push(endpoint.clone());
        for net in endpoint.addresses() {
            state.by_address.insert(net.addr(), endpoint.clone());
        }
        state.learn_names(&endpoint);
        Ok(endpoint)
    }

    /// Whether the addresses chosen in `spec` may be: what dockerd checks already when the
    /// container is created, with `invalid config for network NAME: ` before the sentence.
    pub fn validate(&self, spec: &EndpointSpec) -> Result<(), FabricError> {
        let chosen = spec.ipv4.map(IpAddr::from).into_iter().chain(spec.ipv6.map(IpAddr::from));
        chosen.into_iter().try_for_each(|address| self.check_chosen(address))
    }

    fn check_chosen(&self, address: IpAddr) -> Result<(), FabricError> {
        if self.spec.default_bridge || !self.families.iter().any(|family| family.chosen) {
            return Err(FabricError::StaticOnAutomatic);
        }
        if !self.families.iter().any(|family| family.chosen && family.subnet.contains(&address)) {
            return Err(FabricError::StaticOutside(address));
        }
        Ok(())
    }

    fn allot_one(&self, subnet: Option<&mut Subnet>, wanted: Option<IpAddr>) -> Result<Option<IpNet>, FabricError> {
        let Some(subnet) = subnet else { return Ok(None) };
        let address = match wanted {
            Some(address) if subnet.take(address) => address,
            Some(_) => return Err(FabricError::AddressInUse),
            None => subnet.take_any().ok_or_else(|| FabricError::AddressesExhausted {
                family: if subnet.net().addr().is_ipv4() { "IPv4" } else { "IPv6" },
                name: self.spec.name.clone(),
                id: self.spec.id.clone(),
            })?,
        };
        Ok(IpNet::new(address, subnet.net().prefix_len()).ok())
    }

    /// No more joining; answers who is still there, and then it is not done.
    pub(crate) fn retire(&self) -> Result<(), Vec<Arc<Endpoint>>> {
        let mut state = self.state.lock();
        if !state.members.is_empty() {
            return Err(state.members.clone());
        }
        state.removed = true;
        Ok(())
    }

    /// Takes an endpoint off and its addresses back.
    pub(crate) fn leave(&self, endpoint: &Arc<Endpoint>) {
        let mut state = self.state.lock();
        state.members.retain(|other| !Arc::ptr_eq(other, endpoint));
        state.forget_names(endpoint);
        for net in endpoint.addresses() {
            state.by_address.remove(&net.addr());
            let subnet = if net.addr().is_ipv4() { state.ipv4.as_mut() } else { state.ipv6.as_mut() };
            if let Some(subnet) = subnet {
                subnet.release(net.addr());
            }
        }
    }

    /// The endpoint's names have changed.
    pub(crate) fn renamed(&self, endpoint: &Arc<Endpoint>) {
        let mut state = self.state.lock();
        state.forget_names(endpoint);
        state.learn_names(endpoint);
    }

    /// Who has this address.
    pub(crate) fn holder(&self, address: IpAddr) -> Option<Arc<Endpoint>> {
        self.state.lock().by_address.get(&address).cloned()
    }

    /// Who answers to this lower-case name, a different one first at every call.
    pub(crate) fn named(&self, name: &str) -> Vec<Arc<Endpoint>> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let Some(holders) = state.by_name.get(name) else { return Vec::new() };
        let mut holders = holders.clone();
        if !holders.is_empty() {
            state.turn = state.turn.wrapping_add(1);
            let by = state.turn % holders.len();
            holders.rotate_left(by);
        }
        holders
    }
}

impl State {
    fn learn_names(&mut self, endpoint: &Arc<Endpoint>) {
        for name in endpoint.dns_names() {
            self.by_name.entry(name.to_ascii_lowercase()).or_default().push(endpoint.clone());
        }
    }

    fn forget_names(&mut self, endpoint: &Arc<Endpoint>) {
        self.by_name.retain(|_, holders| {
            holders.retain(|other| !Arc::ptr_eq(other, endpoint));
            !holders.is_empty()
        });
    }
}
