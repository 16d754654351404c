//! Ports: `80/tcp`, `8080-8090`, and what inspect and list show of them.

use std::collections::BTreeMap;

use coracle_net::{PortRequest, Protocol, PublishedPort};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::{HostConfig, PortBinding, PortMap};

/// `PORT[-PORT][/PROTOCOL]` of a container.
pub(crate) fn parse_container_port(text: &str) -> Result<(u16, u16, Protocol)> {
    let invalid = || Error::Invalid(format!("invalid port specification: \"{text}\""));
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = match protocol.to_ascii_lowercase().as_str() {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "sctp" => return Err(Error::Invalid("sctp is not supported".into())),
        _ => return Err(invalid()),
    };
    let (first, last) = parse_range(ports).ok_or_else(invalid)?;
    if first == 0 {
        return Err(invalid());
    }
    Ok((first, last, protocol))
}

/// `PORT`, `PORT-PORT`, or empty for any.
pub(crate) fn parse_host_ports(text: &str) -> Result<(u16, u16)> {
    if text.is_empty() {
        return Ok((0, 0));
    }
    parse_range(text).ok_or_else(|| Error::Invalid(format!("invalid port specification: \"{text}\"")))
}

fn parse_range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (first.parse().ok()?, last.parse().ok()?),
        None => {
            let port = text.parse().ok()?;
            (port, port)
        }
    };
    (first <= last).then_some((first, last))
}

/// What a container wants published.
pub(crate) fn requests(host: &HostConfig, exposed: &[String]) -> Result<Vec<PortRequest>> {
    let mut requests = Vec::new();
    let mut bound = Vec::new();
    for (port, bindings) in host.port_bindings.iter().flatten() {
        let (first, _, protocol) = parse_container_port(port)?;
        for binding in bindings.iter().flatten() {
            let host_address = match binding.host_ip.as_str() {
                "" => None,
                address => Some(
                    address
                        .trim_matches(['[', ']'])
                        .parse()
                        .map_err(|_| Error::Invalid(format!("invalid IP address: {address}")))?,
                ),
            };
            requests.push(PortRequest {
                protocol,
                container_port: first,
                host_address,
                host_ports: parse_host_ports(&binding.host_port)?,
            });
        }
        if bindings.as_ref().is_some_and(|bindings| !bindings.is_empty()) {
            bound.push((first, protocol));
        }
    }
    if host.publish_all_ports {
        for port in exposed {
            let (first, last, protocol) = parse_container_port(port)?;
            for container_port in first..=last {
                if !bound.contains(&(container_port, protocol)) {
                    requests.push(PortRequest { protocol, container_port, host_address: None, host_ports: (0, 0) });
                }
            }
        }
    }
    Ok(requests)
}

/// `NetworkSettings.Ports`: exposed ports, with their bindings while published.
pub(crate) fn inspect(published: &[PublishedPort], exposed: &[String]) -> PortMap {
    let mut map: PortMap = BTreeMap::new();
    for port in exposed {
        if let Ok((first, last, protocol)) = parse_container_port(port) {
            for number in first..=last {
                map.insert(format!("{number}/{}", protocol.name()), None);
            }
        }
    }
    for port in published {
        let key = format!("{}/{}", port.container_port(), port.protocol().name());
        map.entry(key)
            .or_default()
            .get_or_insert_default()
            .push(PortBinding { host_ip: port.host_address().to_string(), host_port: port.host_port().to_string() });
    }
    map
}

/// An element of `Ports` in list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Port {
    #[serde(rename = "IP", skip_serializing_if = "String::is_empty")]
    pub ip: String,
    pub private_port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_port: Option<u16>,
    #[serde(rename = "Type")]
    pub kind: &'static str,
}

/// `Ports` of list.
pub(crate) fn list(published: &[PublishedPort], exposed: &[String]) -> Vec<Port> {
    let mut ports: Vec<Port> = published
        .iter()
        .map(|port| Port {
            ip: port.host_address().to_string(),
            private_port: port.container_port(),
            public_port: Some(port.host_port()),
            kind: port.protocol().name(),
        })
        .collect();
    for (first, last, protocol) in exposed.iter().filter_map(|port| parse_container_port(port).ok()) {
        for private_port in first..=last {
            let kind = protocol.name();
            if !ports.iter().any(|port| port.private_port == private_port && port.kind == kind) {
                ports.push(Port { ip: String::new(), private_port, public_port: None, kind });
            }
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_ranges_are_read() {
        assert_eq!(parse_container_port("80").unwrap(), (80, 80, Protocol::Tcp));
        assert_eq!(parse_container_port("53/udp").unwrap(), (53, 53, Protocol::Udp));
        assert_eq!(parse_host_ports("8000-8010").unwrap(), (8000, 8010));
        assert_eq!(parse_host_ports("").unwrap(), (0, 0));
        assert_eq!(parse_host_ports("x").unwrap_err().to_string(), "invalid port specification: \"x\"");
    }

    #[test]
    fn publishing_all_takes_the_exposed_ports_that_have_no_binding() {
        let mut host = HostConfig { publish_all_ports: true, ..HostConfig::default() };
        host.port_bindings = Some(BTreeMap::from([(
            "80/tcp".to_owned(),
            Some(vec![PortBinding { host_ip: String::new(), host_port: "8080".into() }]),
        )]));
        let requests = requests(&host, &["80/tcp".into(), "81/tcp".into()]).unwrap();
        assert_eq!(
            requests.iter().map(|r| (r.container_port, r.host_ports)).collect::<Vec<_>>(),
            [(80, (8080, 8080)), (81, (0, 0))]
        );
    }
}
