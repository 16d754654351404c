//! Networks as Docker keeps them, over the virtual network of `coracle_net`.
//!
//! A record per network is stored; the fabric is rebuilt from the records when
//! the daemon starts, with the subnets it allotted before.

mod attach;
mod manage;
pub(crate) mod ports;

use std::collections::BTreeMap;
use std::sync::Arc;

use coracle_net::{Driver, Fabric, FabricError, FabricErrorKind, IpamConfig, Network, NetworkSpec};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

pub(crate) use attach::{Attachment, exposed};
pub use manage::NetworkCreated;

use crate::Engine;
use crate::error::{Error, Result};
use crate::model::{Ipam, IpamPool};
use crate::store::Table;
use crate::time::Time;

/// A network as it is stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    pub id: String,
    pub name: String,
    pub created: Time,
    pub driver: String,
    pub ipv4: bool,
    pub ipv6: bool,
    pub internal: bool,
    pub attachable: bool,
    pub config_only: bool,
    pub config_from: String,
    /// As the client wrote it, with what was allotted.
    pub ipam: Ipam,
    pub options: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
}

impl Record {
    /// One of the three that are always there.
    pub fn is_predefined(&self) -> bool {
        matches!(self.name.as_str(), "bridge" | "host" | "none")
    }

    fn spec(&self) -> NetworkSpec {
        NetworkSpec {
            id: self.id.clone(),
            name: self.name.clone(),
            driver: match self.driver.as_str() {
                "host" => Driver::Host,
                "null" => Driver::Null,
                _ => Driver::Bridge,
            },
            ipv4: self.ipv4,
            ipv6: self.ipv6,
            internal: self.internal,
            inter_container: self
                .options
                .get("com.docker.network.bridge.enable_icc")
                .is_none_or(|value| value == "true" || value == "1"),
            default_bridge: self.name == "bridge",
            ipam: self.ipam.config.iter().flatten().map(pool_for_fabric).collect(),
        }
    }
}

fn pool_for_fabric(pool: &IpamPool) -> IpamConfig {
    IpamConfig {
        subnet: pool.subnet.clone(),
        ip_range: pool.ip_range.clone(),
        gateway: pool.gateway.clone(),
        auxiliary: pool.auxiliary_addresses.clone().unwrap_or_default(),
    }
}

fn pool_for_show(pool: IpamConfig) -> IpamPool {
    IpamPool {
        subnet: pool.subnet,
        ip_range: pool.ip_range,
        gateway: pool.gateway,
        auxiliary_addresses: (!pool.auxiliary.is_empty()).then_some(pool.auxiliary),
    }
}

/// The networks of the daemon.
pub(crate) struct Networks {
    pub fabric: Fabric,
    records: RwLock<BTreeMap<String, Arc<Record>>>,
}

impl Networks {
    pub fn new(fabric: Fabric) -> Self {
        Self { fabric, records: RwLock::default() }
    }

    /// Finds by name, full id or beginning of an id, in that order.
    pub fn find(&self, wanted: &str) -> Result<Arc<Record>> {
        let records = self.records.read();
        if let Some(record) = records.get(wanted) {
            return Ok(Arc::clone(record));
        }
        if let Some(record) = records.values().find(|record| record.name == wanted) {
            return Ok(Arc::clone(record));
        }
        let mut matching = records.values().filter(|record| !wanted.is_empty() && record.id.starts_with(wanted));
        match (matching.next(), matching.next()) {
            (Some(record), None) => Ok(Arc::clone(record)),
            (Some(_), Some(_)) => {
                Err(Error::Invalid(format!("network {wanted} is ambiguous (2 matches found based on ID prefix)")))
            }
            (None, _) => Err(Error::NoSuchNetwork(wanted.to_owned())),
        }
    }

    /// Every network.
    pub fn all(&self) -> Vec<Arc<Record>> {
        self.records.read().values().cloned().collect()
    }

    /// The fabric's network of a record.
    pub fn live(&self, record: &Record) -> Result<Arc<Network>> {
        self.fabric.network(&record.id).ok_or_else(|| Error::NoSuchNetwork(record.name.clone()))
    }
}

impl Engine {
    /// Rebuilds the networks of the last daemon and makes the three predefined ones.
    pub(crate) fn restore_networks(&self) -> Result<()> {
        for record in self.store.all::<Record>(Table::Network)? {
            match self.networks.fabric.create_network(record.spec()) {
                Ok(_) => {
                    self.networks.records.write().insert(record.id.clone(), Arc::new(record));
                }
                Err(error) => tracing::warn!(network = record.name, %error, "network cannot be restored"),
            }
        }
        for (name, driver) in [("bridge", "bridge"), ("host", "host"), ("none", "null")] {
            if self.networks.find(name).is_ok() {
                continue;
            }
            let mut options = BTreeMap::new();
            if name == "bridge" {
                for (option, value) in [
                    ("com.docker.network.bridge.default_bridge", "true"),
                    ("com.docker.network.bridge.enable_icc", "true"),
                    ("com.docker.network.bridge.enable_ip_masquerade", "true"),
                    ("com.docker.network.bridge.host_binding_ipv4", "0.0.0.0"),
                    ("com.docker.network.bridge.name", "docker0"),
                    ("com.docker.network.driver.mtu", "1500"),
                ] {
                    options.insert(option.to_owned(), value.to_owned());
                }
            }
            self.add_network(Record {
                id: crate::id::generate(),
                name: name.into(),
                created: Time::now(),
                driver: driver.into(),
                ipv4: true,
                ipam: Ipam { driver: "default".into(), options: None, config: None },
                options,
                ..Record::default()
            })?;
        }
        Ok(())
    }

    /// Makes a network in the fabric and stores it with the subnets it got.
    pub(crate) fn add_network(&self, mut record: Record) -> Result<Arc<Record>> {
        let live = self.networks.fabric.create_network(record.spec())?;
        let allotted: Vec<IpamPool> = live.ipam_config().into_iter().map(pool_for_show).collect();
        if !allotted.is_empty() {
            record.ipam.config = Some(allotted);
        }
        let record = Arc::new(record);
        if let Err(error) = self.store.put(Table::Network, &record.id, &*record) {
            let _ = self.networks.fabric.remove_network(&record.id);
            return Err(error);
        }
        self.networks.records.write().insert(record.id.clone(), Arc::clone(&record));
        Ok(record)
    }
}

impl From<FabricError> for Error {
    fn from(error: FabricError) -> Self {
        let text = error.to_string();
        match error.kind() {
            FabricErrorKind::InvalidParameter => Self::Invalid(text),
            FabricErrorKind::Forbidden => Self::Forbidden(text),
            FabricErrorKind::NotFound => Self::NotFound(text),
            FabricErrorKind::Conflict => Self::Conflict(text),
            FabricErrorKind::System => Self::System(text),
        }
    }
}
