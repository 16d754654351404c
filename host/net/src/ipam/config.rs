//! Reading `IPAM.Config` as dockerd does: which entries are wrong, and in which words.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::address::Family;
use crate::error::FabricError;
use crate::network::IpamConfig;

/// One checked entry.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) subnet: IpNet,
    pub(crate) range: Option<IpNet>,
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) auxiliary: BTreeMap<String, IpAddr>,
}

fn family_name(net: IpNet) -> &'static str {
    if net.addr().is_ipv4() { "IPv4" } else { "IPv6" }
}

fn check_range(text: &str, subnet: IpNet, wrong: &mut Vec<String>) -> Option<IpNet> {
    if text.is_empty() {
        return None;
    }
    let Ok(range) = text.parse::<IpNet>() else {
        wrong.push(format!("invalid ip-range {text}: invalid CIDR block notation"));
        return None;
    };
    if Family::of(range.addr()) != Family::of(subnet.addr()) {
        wrong.push(format!("invalid ip-range {text}: parent subnet is an {} block", family_name(subnet)));
        return None;
    }
    if range.prefix_len() < subnet.prefix_len() {
        wrong.push(format!("invalid ip-range {text}: CIDR block is bigger than its parent subnet {subnet}"));
    }
    if range != range.trunc() {
        wrong.push(format!("invalid ip-range {range}: it should be {}", range.trunc()));
    }
    if !super::pools::overlap(range, subnet) {
        wrong.push(format!("invalid ip-range {text}: parent subnet {subnet} doesn't contain ip-range"));
    }
    Some(range)
}

fn check_address(text: &str, subnet: IpNet) -> Result<Option<IpAddr>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let address: IpAddr = text.parse().map_err(|_| "invalid address".to_owned())?;
    if Family::of(address) != Family::of(subnet.addr()) {
        return Err(format!("parent subnet is an {} block", family_name(subnet)));
    }
    if !subnet.contains(&address) {
        return Err(format!("parent subnet {subnet} doesn't contain this address"));
    }
    Ok(Some(address))
}

/// Checks every entry; those of a family that is not enabled are left out unchecked.
pub(crate) fn check(config: &[IpamConfig], ipv4: bool, ipv6: bool) -> Result<Vec<Checked>, FabricError> {
    let (mut good, mut wrong) = (Vec::new(), Vec::new());
    for entry in config {
        let Ok(subnet) = entry.subnet.parse::<IpNet>() else {
            wrong.push(format!("invalid subnet {}: invalid CIDR block notation", entry.subnet));
            continue;
        };
        let enabled = if subnet.addr().is_ipv4() { ipv4 } else { ipv6 };
        if !enabled {
            continue;
        }
        if subnet != subnet.trunc() {
            wrong.push(format!("invalid subnet {subnet}: it should be {}", subnet.trunc()));
        }
        let range = check_range(&entry.ip_range, subnet, &mut wrong);
        let gateway = check_address(&entry.gateway, subnet).unwrap_or_else(|why| {
            wrong.push(format!("invalid gateway {}: {why}", entry.gateway));
            None
        });
        let mut auxiliary = BTreeMap::new();
        for (name, text) in &entry.auxiliary {
            match check_address(text, subnet) {
                Ok(Some(address)) => drop(auxiliary.insert(name.clone(), address)),
                Ok(None) => {}
                Err(why) => wrong.push(format!("invalid auxiliary address {name}: {why}")),
            }
        }
        good.push(Checked { subnet, range, gateway, auxiliary });
    }
    match wrong.as_slice() {
        [] => Ok(good),
        [one] => Err(FabricError::InvalidConfig(one.clone())),
        many => {
            Err(FabricError::InvalidConfig(many.iter().map(|line| format!("* {line}")).collect::<Vec<_>>().join("\n")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(subnet: &str, ip_range: &str, gateway: &str, auxiliary: &[(&str, &str)]) -> String {
        let entry = IpamConfig {
            subnet: subnet.into(),
            ip_range: ip_range.into(),
            gateway: gateway.into(),
            auxiliary: auxiliary.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
        };
        check(&[entry], true, false).unwrap_err().to_string()
    }

    // The expected texts are what dockerd 28.5 answered to the same requests.
    #[test]
    fn wrong_configurations_are_refused_in_dockers_words() {
        assert_eq!(
            message("10.50.0.0/16", "10.51.0.5/24", "10.52.0.1", &[("a", "fd00::1"), ("b", "x")]),
            "invalid network config:\n* invalid ip-range 10.51.0.5/24: it should be 10.51.0.0/24\n\
             * invalid ip-range 10.51.0.5/24: parent subnet 10.50.0.0/16 doesn't contain ip-range\n\
             * invalid gateway 10.52.0.1: parent subnet 10.50.0.0/16 doesn't contain this address\n\
             * invalid auxiliary address a: parent subnet is an IPv4 block\n\
             * invalid auxiliary address b: invalid address"
        );
        assert_eq!(
            message("10.50.0.0/16", "bad", "worse", &[]),
            "invalid network config:\n* invalid ip-range bad: invalid CIDR block notation\n* invalid gateway worse: invalid address"
        );
        assert_eq!(
            message("10.50.0.0/16", "fd00::/8", "fd00::1", &[]),
            "invalid network config:\n* invalid ip-range fd00::/8: parent subnet is an IPv4 block\n\
             * invalid gateway fd00::1: parent subnet is an IPv4 block"
        );
        assert_eq!(
            message("10.1.0.5/16", "", "", &[]),
            "invalid network config:\ninvalid subnet 10.1.0.5/16: it should be 10.1.0.0/16"
        );
        assert_eq!(message("", "", "", &[]), "invalid network config:\ninvalid subnet : invalid CIDR block notation");
        assert_eq!(
            message("10.16.0.0/29", "10.16.0.0/28", "", &[]),
            "invalid network config:\ninvalid ip-range 10.16.0.0/28: CIDR block is bigger than its parent subnet 10.16.0.0/29"
        );
    }

    #[test]
    fn entries_of_a_family_that_is_off_are_ignored() {
        let entry = IpamConfig { subnet: "fd00:78::/64".into(), gateway: "10.0.0.1".into(), ..IpamConfig::default() };
        assert!(check(std::slice::from_ref(&entry), true, false).unwrap().is_empty());
        assert!(check(&[entry], true, true).is_err());
    }
}
