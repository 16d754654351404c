//! A container's network namespace, from its start to its end.

use std::net::IpAddr;
use std::sync::Arc;

use coracle_net::{Endpoint, EndpointSpec, ExtraHost, Mode, OutboundPolicy, PublishedPort, Stack, StackOptions};
use parking_lot::Mutex;

use super::{Record, ports};
use crate::Engine;
use crate::container::{Container, Spec};
use crate::error::{Error, Result};
use crate::events::Kind;
use crate::model::EndpointSettings;

/// The network of a running container.
pub(crate) struct Attachment {
    /// The namespace.
    pub stack: Arc<Stack>,
    /// It belongs to another container (`--network container:ID`).
    pub shared: bool,
    /// Published ports, released when dropped.
    pub published: Mutex<Vec<PublishedPort>>,
    /// Networks without addresses (`host`, `none`): name and endpoint id.
    pub plain: Mutex<Vec<(String, String)>>,
}

impl Engine {
    /// Makes or joins the network namespace of a container that starts.
    pub(crate) fn attach_network(&self, container: &Container, spec: &Spec) -> Result<Attachment> {
        let mode = spec.host.network_mode.as_str();
        if let Some(other) = mode.strip_prefix("container:") {
            let other = self
                .containers
                .find(other)
                .map_err(|error| Error::System(format!("joining network namespace of container: {error}")))?;
            let Some(run) = other.running() else {
                return Err(Error::Conflict(format!(
                    "joining network namespace of container: cannot join network namespace of a non running container: container {} is exited",
                    other.id
                )));
            };
            return Ok(Attachment {
                stack: Arc::clone(&run.network.stack),
                shared: true,
                published: Mutex::default(),
                plain: Mutex::default(),
            });
        }
        let stack = self.networks.fabric.stack(StackOptions {
            id: container.id.clone(),
            name: spec.name.clone(),
            hostname: spec.config.hostname.clone(),
            domain: spec.config.domainname.clone(),
            mode: if mode == "host" { Mode::Host } else { Mode::Virtual },
            extra_hosts: spec
                .host
                .extra_hosts
                .iter()
                .flatten()
                .map(|extra| extra_host(extra))
                .collect::<Result<_>>()?,
            name_servers: spec
                .host
                .dns
                .iter()
                .flatten()
                .map(|server| {
                    server.parse::<IpAddr>().map_err(|_| Error::Invalid(format!("bad nameserver address {server}")))
                })
                .collect::<Result<_>>()?,
            search: spec.host.dns_search.clone().unwrap_or_default(),
            resolver_options: spec.host.dns_options.clone().unwrap_or_default(),
            policy: OutboundPolicy::Allow,
            quota: coracle_net::Quota::default(),
        });
        let attachment = Attachment {
            stack: Arc::clone(&stack),
            shared: false,
            published: Mutex::default(),
            plain: Mutex::default(),
        };
        let made = (|| {
            for (name, settings) in &spec.networks {
                let record = self
                    .networks
                    .find(name)
                    .map_err(|error| error.context("failed to set up container networking: "))?;
                self.connect_stack(&attachment, &record, spec, settings)
                    .map_err(|error| error.context("failed to set up container networking: "))?;
                self.network_event(&record, "connect", &[("container", &container.id)]);
            }
            let exposed = exposed(spec);
            let requests = ports::requests(&spec.host, &exposed)?;
            if !requests.is_empty() && mode != "host" && mode != "none" {
                let published = stack.publish(&requests).map_err(|error| {
                    Error::from(error).context(&format!(
                        "failed to set up container networking: driver failed programming external connectivity on endpoint {} ({}): ",
                        spec.name, container.id
                    ))
                })?;
                *attachment.published.lock() = published;
            }
            Ok(())
        })();
        match made {
            Ok(()) => Ok(attachment),
            Err(error) => {
                self.detach_network(container, &attachment);
                Err(error)
            }
        }
    }

    /// Whether the addresses an endpoint asks for may be, in dockerd's words.
    pub(crate) fn check_addresses(&self, record: &Record, settings: &EndpointSettings) -> Result<()> {
        let Some(ipam) = &settings.ipam_config else { return Ok(()) };
        let mut wrong = Vec::new();
        let mut wanted = EndpointSpec::default();
        if !ipam.ipv4_address.is_empty() {
            match ipam.ipv4_address.parse() {
                Ok(address) => wanted.ipv4 = Some(address),
                Err(_) => wrong.push(format!("invalid IPv4 address: {}", ipam.ipv4_address)),
            }
        }
        if !ipam.ipv6_address.is_empty() {
            match ipam.ipv6_address.parse() {
                Ok(address) => wanted.ipv6 = Some(address),
                Err(_) => wrong.push(format!("invalid IPv6 address: {}", ipam.ipv6_address)),
            }
        }
        match wrong.as_slice() {
            [] if record.driver == "bridge" => Ok(self.networks.live(record)?.validate(&wanted)?),
            [] => Ok(()),
            [one] => Err(Error::Invalid(format!("invalid endpoint settings:\n{one}"))),
            many => Err(Error::Invalid(format!("invalid endpoint settings:\n* {}", many.join("\n* ")))),
        }
    }

    /// Puts a stack on one network.
    pub(crate) fn connect_stack(
        &self,
        attachment: &Attachment,
        record: &Record,
        spec: &Spec,
        settings: &EndpointSettings,
    ) -> Result<()> {
        let endpoint_id = crate::id::generate();
        if matches!(record.driver.as_str(), "host" | "null") {
            attachment.plain.lock().push((record.name.clone(), endpoint_id));
            return Ok(());
        }
        let address = |text: &str| -> Result<Option<IpAddr>> {
            if text.is_empty() {
                return Ok(None);
            }
            text.parse().map(Some).map_err(|_| Error::Invalid(format!("invalid IP address: {text}")))
        };
        let ipam = settings.ipam_config.clone().unwrap_or_default();
        let mac = [&settings.mac_address, &spec.config.mac_address].into_iter().find(|mac| !mac.is_empty());
        let mut links: Vec<String> = settings.links.clone().unwrap_or_default();
        if record.name == "bridge" {
            links.extend(spec.host.links.iter().flatten().cloned());
        }
        let endpoint = EndpointSpec {
            id: endpoint_id,
            ipv4: match address(&ipam.ipv4_address)? {
                Some(IpAddr::V4(address)) => Some(address),
                Some(IpAddr::V6(_)) => {
                    return Err(Error::Invalid(format!("invalid IPv4 address: {}", ipam.ipv4_address)));
                }
                None => None,
            },
            ipv6: match address(&ipam.ipv6_address)? {
                Some(IpAddr::V6(address)) => Some(address),
                Some(IpAddr::V4(_)) => {
                    return Err(Error::Invalid(format!("invalid IPv6 address: {}", ipam.ipv6_address)));
                }
                None => None,
            },
            mac: mac
                .map(|mac| mac.parse().map_err(|_| Error::Invalid(format!("invalid MAC address: {mac}"))))
                .transpose()?,
            aliases: settings.aliases.clone().unwrap_or_default(),
            links: links
                .iter()
                .map(|link| {
                    let (target, alias) = link.split_once(':').unwrap_or((link, link));
                    let name = |text: &str| text.rsplit('/').next().unwrap_or(text).to_owned();
                    (name(target), name(alias))
                })
                .collect(),
            gateway_priority: settings.gw_priority,
        };
        attachment.stack.connect(&self.networks.live(record)?, endpoint)?;
        Ok(())
    }

    /// The container has ended: addresses and ports are given back.
    pub(crate) fn detach_network(&self, container: &Container, attachment: &Attachment) {
        if attachment.shared {
            return;
        }
        attachment.published.lock().clear();
        let mut names: Vec<String> =
            attachment.stack.endpoints().iter().map(|endpoint| endpoint.network().name().to_owned()).collect();
        names.extend(attachment.plain.lock().drain(..).map(|(name, _)| name));
        attachment.stack.close();
        for name in names {
            if let Ok(record) = self.networks.find(&name) {
                self.network_event(&record, "disconnect", &[("container", &container.id)]);
            }
        }
    }

    /// The endpoints of a container as inspect and list show them.
    pub(crate) fn endpoints(
        &self,
        container: &Container,
        spec: &Spec,
    ) -> std::collections::BTreeMap<String, EndpointSettings> {
        let run = container.running();
        let started = !container.with_state(|state| state.started_at.is_zero());
        let mut shown = spec.networks.clone();
        for (name, settings) in &mut shown {
            if (started || run.is_some())
                && let Ok(record) = self.networks.find(name)
            {
                settings.network_id.clone_from(&record.id);
            }
            let Some(run) = run.as_ref().filter(|run| !run.network.shared) else { continue };
            if let Some((_, id)) = run.network.plain.lock().iter().find(|(plain, _)| plain == name) {
                settings.endpoint_id.clone_from(id);
            }
            if let Some(endpoint) = run.network.stack.endpoints().iter().find(|e| e.network().name() == name) {
                fill(settings, endpoint);
            }
        }
        shown
    }

    /// Emits an event about a network.
    pub(crate) fn network_event(&self, record: &Record, action: &str, more: &[(&str, &str)]) {
        let mut attributes = record.labels.clone();
        attributes.insert("name".into(), record.name.clone());
        attributes.insert("type".into(), record.driver.clone());
        for (name, value) in more {
            attributes.insert((*name).to_owned(), (*value).to_owned());
        }
        self.events.emit(Kind::Network, action, &record.id, attributes);
    }
}

/// Names of the ports an image or a request exposes, and those with bindings.
pub(crate) fn exposed(spec: &Spec) -> Vec<String> {
    let mut exposed: Vec<String> = spec.config.exposed_ports.iter().flatten().map(|(port, _)| port.clone()).collect();
    for (port, _) in spec.host.port_bindings.iter().flatten() {
        let port = if port.contains('/') { port.clone() } else { format!("{port}/tcp") };
        if !exposed.contains(&port) {
            exposed.push(port);
        }
    }
    exposed
}

fn fill(settings: &mut EndpointSettings, endpoint: &Endpoint) {
    settings.endpoint_id.clone_from(&endpoint.spec().id);
    settings.mac_address = endpoint.mac().to_string();
    if let Some(address) = endpoint.ipv4() {
        settings.ip_address = address.addr().to_string();
        settings.ip_prefix_len = address.prefix_len();
        settings.gateway = endpoint.network().ipv4().map(|(_, gateway)| gateway.to_string()).unwrap_or_default();
    }
    if let Some(address) = endpoint.ipv6() {
        settings.global_ipv6_address = address.addr().to_string();
        settings.global_ipv6_prefix_len = address.prefix_len();
        settings.ipv6_gateway = endpoint.network().ipv6().map(|(_, gateway)| gateway.to_string()).unwrap_or_default();
    }
    let names = endpoint.dns_names();
    settings.dns_names = (!names.is_empty()).then_some(names);
}

fn extra_host(text: &str) -> Result<ExtraHost> {
    let bad = || Error::Invalid(format!("bad format for add-host: \"{text}\""));
    let (name, address) = text.split_once(':').ok_or_else(bad)?;
    let address = match address.trim_matches(['[', ']']) {
        "host-gateway" => None,
        address => Some(
            address.parse().map_err(|_| Error::Invalid(format!("invalid IP address in add-host: \"{address}\"")))?,
        ),
    };
    Ok(ExtraHost { name: name.to_owned(), address })
}
