//! Names the fabric knows itself.

use std::net::IpAddr;

use crate::address::Family;
use crate::endpoint::short_id;
use crate::error::ErrorCode;
use crate::network::Network;
use crate::stack::{Mode, Stack};

/// The longest name of RFC 1035 in text.
const MAX_NAME: usize = 253;

/// A name in lower case and ASCII (IDNA), without the final dot.
pub(crate) fn normal(name: &str) -> Result<String, ErrorCode> {
    let bad = ErrorCode::InvalidArgument;
    let trimmed = name.strip_suffix('.').unwrap_or(name);
    let ascii = if trimmed.is_ascii() {
        trimmed.to_ascii_lowercase()
    } else {
        let parsed = hickory_proto::rr::Name::from_utf8(trimmed).map_err(|_| bad)?;
        parsed.to_ascii().trim_end_matches('.').to_ascii_lowercase()
    };
    let label_is_good = |label: &str| {
        !label.is_empty() && label.len() <= 63 && label.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
    };
    if ascii.len() > MAX_NAME || !ascii.split('.').all(label_is_good) {
        return Err(bad);
    }
    Ok(ascii)
}

/// The address a literal says, brackets and all.
pub(crate) fn literal(name: &str) -> Option<IpAddr> {
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    bare.parse().ok()
}

fn addresses_on(network: &Network, name: &str) -> Vec<IpAddr> {
    let holders = network.named(name);
    holders.iter().flat_map(|endpoint| endpoint.addresses().map(|net| net.addr()).collect::<Vec<_>>()).collect()
}

impl Stack {
    /// What `host-gateway` means to this container.
    pub(crate) fn host_gateway(&self) -> Option<IpAddr> {
        if self.options.mode == Mode::Host {
            return Some(Family::Ipv4.loopback());
        }
        let like = Family::Ipv4.unspecified();
        let own = self.default_endpoint(like)?;
        self.fabric.default_gateway().or_else(|| own.gateway_like(like))
    }

    /// The container's own host name.
    pub(crate) fn host_name(&self) -> &str {
        if self.options.hostname.is_empty() { short_id(&self.options.id) } else { &self.options.hostname }
    }

    /// Addresses of a normalised name, if the stack or its networks know it. Known without
    /// addresses is an empty list.
    pub(crate) fn local_name(&self, name: &str) -> Option<Vec<IpAddr>> {
        let found = self.hosts_name(name).or_else(|| self.network_name(name)).or_else(|| self.docker_name(name));
        if self.options.policy.depends_on_names()
            && let Some(found) = &found
        {
            // The host is outside, and a rule may name it.
            self.names.grant(name, found);
        }
        found
    }

    /// As `/etc/hosts` has it.
    fn hosts_name(&self, name: &str) -> Option<Vec<IpAddr>> {
        if name == "localhost" || name.ends_with(".localhost") {
            return Some(vec![Family::Ipv4.loopback(), Family::Ipv6.loopback()]);
        }
        let extra: Vec<IpAddr> = self
            .options
            .extra_hosts
            .iter()
            .filter(|host| host.name.eq_ignore_ascii_case(name))
            .filter_map(|host| host.address.or_else(|| self.host_gateway()))
            .collect();
        if !extra.is_empty() {
            return Some(extra);
        }
        if self.options.mode == Mode::Virtual && self.is_own_name(name) {
            let endpoints = self.endpoints();
            let own: Vec<IpAddr> = endpoints.iter().flat_map(|e| e.addresses()).map(|net| net.addr()).collect();
            if !own.is_empty() {
                return Some(own);
            }
        }
        self.bridge_links()
            .into_iter()
            .find(|link| link.names.iter().any(|n| n.eq_ignore_ascii_case(name)))
            .map(|link| vec![link.address])
    }

    fn is_own_name(&self, name: &str) -> bool {
        let host = self.host_name();
        let qualified = name
            .strip_suffix(&self.options.domain.to_ascii_lowercase())
            .and_then(|rest| rest.strip_suffix('.'))
            .is_some_and(|rest| !self.options.domain.is_empty() && rest.eq_ignore_ascii_case(host));
        host.eq_ignore_ascii_case(name) || qualified
    }

    /// As Docker's embedded resolver: names, aliases, link aliases, `NAME.NETWORK`.
    fn network_name(&self, name: &str) -> Option<Vec<IpAddr>> {
        for endpoint in self.endpoints() {
            let network = &endpoint.network;
            if network.spec().default_bridge {
                continue;
            }
            let linked = endpoint.spec.links.iter().find(|(_, alias)| alias.eq_ignore_ascii_case(name));
            let target = linked.map_or(name.to_owned(), |(target, _)| target.to_ascii_lowercase());
            let mut found = addresses_on(network, &target);
            if found.is_empty() {
                let network_name = network.name().to_ascii_lowercase();
                let bare = name.strip_suffix(&network_name).and_then(|rest| rest.strip_suffix('.'));
                found = bare.map(|bare| addresses_on(network, bare)).unwrap_or_default();
            }
            if !found.is_empty() {
                return Some(found);
            }
        }
        None
    }

    /// Names Docker Desktop gives to the host.
    fn docker_name(&self, name: &str) -> Option<Vec<IpAddr>> {
        let is_host = matches!(name, "host.docker.internal" | "gateway.docker.internal");
        is_host.then(|| self.host_gateway()).flatten().map(|address| vec![address])
    }

    /// The name of an address on one of its networks, `NAME.NETWORK` as Docker answers PTR.
    pub(crate) fn local_reverse(&self, address: IpAddr) -> Option<String> {
        if address.is_loopback() {
            return Some("localhost".to_owned());
        }
        if let Some(host) = self.options.extra_hosts.iter().find(|host| host.address == Some(address)) {
            return Some(host.name.clone());
        }
        self.endpoints().iter().filter(|endpoint| !endpoint.network.spec().default_bridge).find_map(|endpoint| {
            let holder = endpoint.network.holder(address)?;
            Some(format!("{}.{}", holder.container_name(), endpoint.network.name()))
        })
    }

    /// Families in which anything can be reached: others are not worth resolving to.
    pub(crate) fn reaches(&self, family: Family) -> bool {
        if self.options.mode == Mode::Host {
            return true;
        }
        self.endpoints().iter().any(|endpoint| endpoint.address_like(family.unspecified()).is_some())
    }

    /// Whether questions may leave for the world.
    pub(crate) fn may_ask_the_world(&self) -> bool {
        let routed = |family: Family| self.default_endpoint(family.unspecified()).is_some();
        self.options.mode == Mode::Host || routed(Family::Ipv4) || routed(Family::Ipv6)
    }

    /// Sorts for connecting: only what can be reached, IPv4 first as the networks are.
    pub(crate) fn prefer(&self, mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
        let reached = |address: &IpAddr| address.is_loopback() || self.reaches(Family::of(*address));
        addresses.retain(reached);
        addresses.sort_by_key(IpAddr::is_ipv6);
        addresses.dedup();
        addresses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_brought_to_one_form() {
        assert_eq!(normal("WEB.Example."), Ok("web.example".to_owned()));
        assert_eq!(normal("bücher.example"), Ok("xn--bcher-kva.example".to_owned()));
        assert_eq!(normal("my_service"), Ok("my_service".to_owned()));
        let long = "a".repeat(64);
        for bad in ["", ".", "a..b", "a b", "a\0b", &long, &"a.".repeat(130), "a/b"] {
            assert_eq!(normal(bad), Err(ErrorCode::InvalidArgument), "{bad:?}");
        }
    }

    #[test]
    fn literals_are_addresses() {
        assert_eq!(literal("127.0.0.1"), "127.0.0.1".parse().ok());
        assert_eq!(literal("[::1]"), "::1".parse().ok());
        assert_eq!(literal("web"), None);
    }
}
