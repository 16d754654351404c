//! `docker network`: create, list, inspect, rm, connect, disconnect, prune.

use std::sync::Arc;

use serde::Serialize;

use super::Record;
use crate::Engine;
use crate::container::Container;
use crate::error::{Error, Result};
use crate::filters::Filters;
use crate::model::{ConfigFrom, EndpointSettings, NetworkContainer, NetworkCreate, NetworkInspect};
use crate::store::Table;
use crate::time::Time;

/// The answer of create.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkCreated {
    /// Id.
    pub id: String,
    /// What was accepted but will not work as asked.
    pub warning: String,
}

impl Engine {
    /// Creates a network.
    ///
    /// # Errors
    /// In dockerd's words: bad names and pools 400, predefined names 403, taken names 409.
    pub fn network_create(&self, request: NetworkCreate) -> Result<NetworkCreated> {
        let name = request.name.clone();
        if name.is_empty() {
            return Err(Error::Invalid("invalid name: name is empty".into()));
        }
        if matches!(name.as_str(), "bridge" | "host" | "none" | "default") {
            return Err(Error::Forbidden(format!("operation is not permitted on predefined {name} network ")));
        }
        if name.starts_with("container:") {
            return Err(Error::Invalid(format!("invalid name: '{name}' is reserved")));
        }
        if self.networks.all().iter().any(|record| record.name == name) {
            return Err(Error::Conflict(format!("network with name {name} already exists")));
        }
        let driver = match request.driver.as_str() {
            "" | "default" | "bridge" => "bridge",
            "host" => "host",
            "null" => "null",
            "overlay" => {
                return Err(Error::Unavailable(
                    "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.".into(),
                ));
            }
            other => {
                return Err(Error::NotFound(format!(
                    "could not find plugin {other} in v1 plugin registry: plugin {other:?} not found"
                )));
            }
        };
        let mut ipam = request.ipam.unwrap_or_default();
        if ipam.driver.is_empty() {
            ipam.driver = "default".into();
        }
        let record = self.add_network(Record {
            id: crate::id::generate(),
            name,
            created: Time::now(),
            driver: driver.into(),
            ipv4: request.enable_ipv4.unwrap_or(true),
            ipv6: request.enable_ipv6.unwrap_or(false),
            internal: request.internal,
            attachable: request.attachable,
            config_only: request.config_only,
            config_from: request.config_from.unwrap_or_default().network,
            ipam,
            options: request.options.unwrap_or_default(),
            labels: request.labels.unwrap_or_default(),
        })?;
        self.network_event(&record, "create", &[]);
        Ok(NetworkCreated { id: record.id.clone(), warning: String::new() })
    }

    /// One network.
    ///
    /// # Errors
    /// 404.
    pub fn network_inspect(&self, name: &str, scope: &str) -> Result<NetworkInspect> {
        if !matches!(scope, "" | "local") {
            return Err(Error::NoSuchNetwork(name.to_owned()));
        }
        Ok(self.show(&*self.networks.find(name)?, true))
    }

    /// The networks that the filters admit.
    ///
    /// # Errors
    /// For unknown filters.
    pub fn network_list(&self, filters: &Filters) -> Result<Vec<NetworkInspect>> {
        filters.accept(&["dangling", "driver", "id", "label", "name", "scope", "type"])?;
        let mut records = self.networks.all();
        records.sort_by_key(|record| record.created);
        let dangling = filters.boolean("dangling")?;
        for kind in filters.get("type") {
            if !matches!(kind.as_str(), "builtin" | "custom") {
                return Err(Error::System(format!("invalid filter: 'type'='{kind}'")));
            }
        }
        let shown = records
            .iter()
            .filter(|record| {
                filters.exact("driver", &record.driver)
                    && filters.matches("name", &record.name)
                    && filters.matches("id", &record.id)
                    && filters.exact("scope", "local")
                    && filters.labels(&record.labels)
                    && filters.exact("type", if record.is_predefined() { "builtin" } else { "custom" })
                    && dangling.is_none_or(|wanted| {
                        wanted == (!record.is_predefined() && self.network_users(record).is_empty())
                    })
            })
            .map(|record| self.show(record, false))
            .collect();
        Ok(shown)
    }

    /// Removes a network.
    ///
    /// # Errors
    /// 403 for predefined ones and those in use, 404.
    pub fn network_remove(&self, name: &str) -> Result<()> {
        let record = self.networks.find(name)?;
        if record.is_predefined() {
            return Err(Error::Forbidden(format!("{} is a pre-defined network and cannot be removed", record.name)));
        }
        self.networks.fabric.remove_network(&record.id)?;
        self.networks.records.write().remove(&record.id);
        self.store.remove(Table::Network, &record.id)?;
        self.network_event(&record, "destroy", &[]);
        Ok(())
    }

    /// Removes the networks nobody uses.
    ///
    /// # Errors
    /// For unknown filters.
    pub fn network_prune(&self, filters: &Filters) -> Result<Vec<String>> {
        filters.accept(&["label", "label!", "until"])?;
        let until = crate::container::until(filters)?;
        let mut removed = Vec::new();
        for record in self.networks.all() {
            if !record.is_predefined()
                && filters.labels(&record.labels)
                && until.is_none_or(|until| record.created <= until)
                && self.network_users(&record).is_empty()
                && self.network_remove(&record.id).is_ok()
            {
                removed.push(record.name.clone());
            }
        }
        self.events.emit(
            crate::events::Kind::Network,
            "prune",
            "",
            std::collections::BTreeMap::from([("reclaimed".to_owned(), "0".to_owned())]),
        );
        Ok(removed)
    }

    /// Puts a container on a network, at once if it runs.
    ///
    /// # Errors
    /// 404, 403.
    pub async fn network_connect(
        &self,
        network: &str,
        container: &str,
        settings: Option<EndpointSettings>,
    ) -> Result<()> {
        let container = self.containers.find(container)?;
        let _one_at_a_time = container.lifecycle.lock().await;
        let record = self.networks.find(network)?;
        let spec = container.spec();
        let mode = spec.host.network_mode.as_str();
        // Statuses and sentences as dockerd 28.5 was seen to answer.
        if record.driver == "host" {
            return Err(Error::Invalid(
                "cannot connect container to host network - container must be created in host network mode".into(),
            ));
        }
        if mode.starts_with("container:") || mode == "host" {
            return Err(Error::Invalid(
                "container sharing network namespace with another container or host cannot be connected to any other network".into(),
            ));
        }
        let is_none = |name: &str| self.networks.find(name).is_ok_and(|record| record.driver == "null");
        if spec.networks.keys().any(|name| *name != record.name && (record.driver == "null" || is_none(name))) {
            return Err(Error::Invalid(
                "container cannot be connected to multiple networks with one of the networks in private (none) mode"
                    .into(),
            ));
        }
        if spec.networks.contains_key(&record.name) && container.running().is_some() {
            return Err(Error::Forbidden(format!(
                "endpoint with name {} already exists in network {}",
                spec.name, record.name
            )));
        }
        let settings = settings.unwrap_or_default();
        self.check_addresses(&record, &settings)?;
        if let Some(run) = container.running() {
            self.connect_stack(&run.network, &record, &spec, &settings)?;
            self.refresh_network_files(&container, &run);
        }
        self.change_spec(&container, |spec| {
            spec.networks.insert(record.name.clone(), settings);
            Ok(())
        })?;
        if container.running().is_some() {
            self.network_event(&record, "connect", &[("container", &container.id)]);
        }
        Ok(())
    }

    /// Takes a container off a network, at once if it runs.
    ///
    /// # Errors
    /// 404; 500 when it is not on it, as with dockerd.
    pub async fn network_disconnect(&self, network: &str, container: &str, force: bool) -> Result<()> {
        let found = self.containers.find(container);
        let record = self.networks.find(network)?;
        let container = match found {
            Ok(container) => container,
            Err(_) if force => return Ok(()),
            Err(error) => return Err(error),
        };
        let _one_at_a_time = container.lifecycle.lock().await;
        let spec = container.spec();
        let running = container.running().is_some();
        if record.driver == "host" && spec.host.network_mode == "host" && running {
            return Err(Error::Invalid(
                "cannot disconnect container from host network - container was created in host network mode".into(),
            ));
        }
        if !spec.networks.contains_key(&record.name) {
            let network = if running { "network" } else { "the network" };
            return Err(Error::System(format!(
                "container {} is not connected to {network} {}",
                container.id, record.name
            )));
        }
        if let Some(run) = container.running() {
            if record.driver == "bridge" {
                run.network.stack.disconnect(&record.id)?;
            }
            run.network.plain.lock().retain(|(name, _)| *name != record.name);
            self.refresh_network_files(&container, &run);
            self.network_event(&record, "disconnect", &[("container", &container.id)]);
        }
        self.change_spec(&container, |spec| {
            spec.networks.remove(&record.name);
            Ok(())
        })
    }

    /// Containers whose specification names a network.
    pub(crate) fn network_users(&self, record: &Record) -> Vec<Arc<Container>> {
        self.containers
            .all()
            .into_iter()
            .filter(|container| {
                let spec = container.spec();
                spec.networks.contains_key(&record.name) || spec.networks.contains_key(&record.id)
            })
            .collect()
    }

    fn show(&self, record: &Record, with_containers: bool) -> NetworkInspect {
        let mut containers = std::collections::BTreeMap::new();
        if with_containers {
            for container in self.network_users(record) {
                let Some(run) = container.running() else { continue };
                let spec = container.spec();
                let settings = self.endpoints(&container, &spec).remove(&record.name).unwrap_or_default();
                let with_prefix = |address: &str, length: u8| {
                    if address.is_empty() { String::new() } else { format!("{address}/{length}") }
                };
                if !run.network.shared {
                    containers.insert(
                        container.id.clone(),
                        NetworkContainer {
                            name: spec.name.clone(),
                            endpoint_id: settings.endpoint_id,
                            mac_address: settings.mac_address,
                            ipv4_address: with_prefix(&settings.ip_address, settings.ip_prefix_len),
                            ipv6_address: with_prefix(&settings.global_ipv6_address, settings.global_ipv6_prefix_len),
                        },
                    );
                }
            }
        }
        NetworkInspect {
            name: record.name.clone(),
            id: record.id.clone(),
            created: record.created.to_string(),
            scope: "local".into(),
            driver: record.driver.clone(),
            enable_ipv4: record.ipv4,
            enable_ipv6: record.ipv6,
            ipam: record.ipam.clone(),
            internal: record.internal,
            attachable: record.attachable,
            ingress: false,
            config_from: ConfigFrom { network: record.config_from.clone() },
            config_only: record.config_only,
            containers,
            options: record.options.clone(),
            labels: record.labels.clone(),
        }
    }
}
