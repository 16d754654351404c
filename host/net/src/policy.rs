//! What may leave the virtual networks. Docker's default is everything; an operator narrows
//! it with a daemon flag or a label to a list of host names, address blocks and ports.
//!
//! A rule by host name cannot be judged from an address alone, so the stack remembers which
//! addresses its own resolver gave for an allowed name, and only those pass (see
//! [`crate::names`]).

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::error::ErrorCode;

/// What a container may reach outside the virtual networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OutboundPolicy {
    /// Everything, as Docker.
    #[default]
    Allow,
    /// Nothing: `access-denied`.
    Deny,
    /// What one of the rules names.
    Only(Vec<OutboundRule>),
}

/// One line of an allow-list: `HOST[:PORT[-PORT]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundRule {
    /// Where to.
    pub host: RuleHost,
    /// First and last port allowed.
    pub ports: (u16, u16),
}

/// The host part of an [`OutboundRule`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleHost {
    /// `*`
    Any,
    /// `example.org`, compared without case.
    Name(String),
    /// `*.example.org`: any name below, not the name itself. Kept without the `*`.
    Below(String),
    /// `10.0.0.0/8`, or a single address.
    Block(IpNet),
}

impl RuleHost {
    fn names(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        match self {
            Self::Any => true,
            Self::Name(wanted) => *wanted == name,
            Self::Below(suffix) => name.len() > suffix.len() && name.ends_with(suffix.as_str()),
            Self::Block(_) => false,
        }
    }
}

impl FromStr for OutboundRule {
    type Err = ErrorCode;

    /// `*`, `example.org:443`, `*.example.org`, `10.0.0.0/8:1-1023`, `[fd00::/8]:53`.
    fn from_str(text: &str) -> Result<Self, ErrorCode> {
        let bad = ErrorCode::InvalidArgument;
        let (host, ports) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or(bad)?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or(bad)?) })
        } else if text.matches(':').count() == 1 {
            text.split_once(':').map_or((text, None), |(host, ports)| (host, Some(ports)))
        } else {
            (text, None)
        };
        let ports = match ports {
            None => (1, u16::MAX),
            Some(ports) => {
                let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
                let range = (first.parse().map_err(|_| bad)?, last.parse().map_err(|_| bad)?);
                if range.0 > range.1 {
                    return Err(bad);
                }
                range
            }
        };
        let host = if host == "*" {
            RuleHost::Any
        } else if let Ok(block) = host.parse::<IpNet>() {
            RuleHost::Block(block)
        } else if let Ok(address) = host.parse::<IpAddr>() {
            RuleHost::Block(address.into())
        } else if host.is_empty() || host.contains(['/', ':', ' ']) {
            return Err(bad);
        } else if let Some(suffix) = host.strip_prefix('*') {
            if !suffix.starts_with('.') {
                return Err(bad);
            }
            RuleHost::Below(suffix.to_ascii_lowercase())
        } else {
            RuleHost::Name(host.to_ascii_lowercase())
        };
        Ok(Self { host, ports })
    }
}

impl OutboundPolicy {
    /// Whether a connection or datagram to this address may leave. `names` are the names
    /// under which the stack's resolver gave out the address.
    pub fn allows(&self, address: IpAddr, port: u16, names: &[String]) -> bool {
        let Self::Only(rules) = self else {
            return *self == Self::Allow;
        };
        rules.iter().any(|rule| {
            let host = match &rule.host {
                RuleHost::Any => true,
                RuleHost::Block(block) => block.contains(&address),
                by_name => names.iter().any(|name| by_name.names(name)),
            };
            host && (rule.ports.0..=rule.ports.1).contains(&port)
        })
    }

    /// Whether the host's resolver may be asked for this name.
    pub fn may_resolve(&self, name: &str) -> bool {
        match self {
            Self::Allow => true,
            Self::Deny => false,
            Self::Only(rules) => rules.iter().any(|rule| rule.host.names(name)),
        }
    }

    /// Whether answers of the resolver decide what may pass.
    pub(crate) fn depends_on_names(&self) -> bool {
        matches!(self, Self::Only(rules) if rules.iter().any(|rule| matches!(rule.host, RuleHost::Name(_) | RuleHost::Below(_))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(rules: &[&str]) -> OutboundPolicy {
        OutboundPolicy::Only(rules.iter().map(|rule| rule.parse().unwrap()).collect())
    }

    #[test]
    fn rules_name_hosts_blocks_and_ports() {
        let policy = only(&["10.0.0.0/8:80-81", "[fd00::/8]:53", "example.org:443", "*.example.net", "192.0.2.7"]);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(policy.allows(ip("10.1.2.3"), 81, &[]));
        assert!(!policy.allows(ip("10.1.2.3"), 82, &[]));
        assert!(policy.allows(ip("fd12::1"), 53, &[]));
        assert!(policy.allows(ip("192.0.2.7"), 1, &[]));
        assert!(!policy.allows(ip("192.0.2.8"), 443, &[]));
        assert!(policy.allows(ip("192.0.2.8"), 443, &["Example.org.".into()]));
        assert!(policy.allows(ip("192.0.2.8"), 9, &["a.example.net".into()]));
        assert!(!policy.allows(ip("192.0.2.8"), 9, &["example.net".into()]));
        assert!(policy.may_resolve("www.example.net") && !policy.may_resolve("example.com"));
    }

    #[test]
    fn allow_and_deny_need_no_rules() {
        let ip = "192.0.2.1".parse().unwrap();
        assert!(OutboundPolicy::Allow.allows(ip, 1, &[]));
        assert!(!OutboundPolicy::Deny.allows(ip, 1, &[]));
        assert!(!only(&[]).allows(ip, 1, &[]));
    }

    #[test]
    fn malformed_rules_are_refused() {
        for bad in ["", "a:b", "a:9-1", "*foo", "10.0.0.0/40", "[::1", "a b", "a:70000"] {
            assert!(bad.parse::<OutboundRule>().is_err(), "{bad}");
        }
    }
}
