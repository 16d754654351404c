//! The addresses of one subnet: who has which, and which is next. As Docker's default IPAM:
//! the lowest free address of the range, network and broadcast address kept back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::intervals::Intervals;

/// Addresses of a subnet in use.
#[derive(Debug)]
pub(crate) struct Subnet {
    net: IpNet,
    range: IpNet,
    used: Intervals,
}

pub(crate) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn address(like: IpNet, number: u128) -> IpAddr {
    match like {
        // The number came from an address of the same family.
        IpNet::V4(_) => Ipv4Addr::from_bits(u32::try_from(number).unwrap_or(u32::MAX)).into(),
        IpNet::V6(_) => Ipv6Addr::from_bits(number).into(),
    }
}

impl Subnet {
    /// All of `net` free but its network address and, for IPv4, its broadcast address;
    /// addresses are handed out of `range`. A /31 or /32 has neither (RFC 3021).
    pub(crate) fn new(net: IpNet, range: Option<IpNet>) -> Self {
        let net = net.trunc();
        let mut used = Intervals::default();
        let tiny = matches!(net, IpNet::V4(net) if net.prefix_len() >= 31);
        if !tiny {
            used.insert(number(net.network()));
            if let IpNet::V4(net) = net {
                used.insert(number(net.broadcast().into()));
            }
        }
        Self { net, range: range.unwrap_or(net).trunc(), used }
    }

    pub(crate) fn net(&self) -> IpNet {
        self.net
    }

    /// Takes that address; false if it is outside, reserved or taken.
    pub(crate) fn take(&mut self, address: IpAddr) -> bool {
        self.net.contains(&address) && self.used.insert(number(address))
    }

    /// Takes the lowest free address of the range.
    pub(crate) fn take_any(&mut self) -> Option<IpAddr> {
        let (first, last) = (number(self.range.network()), number(self.range.broadcast()));
        let free = self.used.first_absent(first, last)?;
        self.used.insert(free);
        Some(address(self.net, free))
    }

    /// Gives an address back.
    pub(crate) fn release(&mut self, address: IpAddr) {
        if self.net.contains(&address) && address != self.net.network() && !self.is_broadcast(address) {
            self.used.remove(number(address));
        }
    }

    fn is_broadcast(&self, address: IpAddr) -> bool {
        self.net.addr().is_ipv4() && self.net.prefix_len() < 31 && address == self.net.broadcast()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_lowest_free_address_comes_first_and_is_used_again() {
        let mut subnet = Subnet::new("172.17.0.0/16".parse().unwrap(), None);
        assert_eq!(subnet.take_any(), Some(ip("172.17.0.1")));
        assert_eq!(subnet.take_any(), Some(ip("172.17.0.2")));
        assert!(subnet.take(ip("172.17.0.3")));
        assert!(!subnet.take(ip("172.17.0.3")));
        assert_eq!(subnet.take_any(), Some(ip("172.17.0.4")));
        subnet.release(ip("172.17.0.2"));
        assert_eq!(subnet.take_any(), Some(ip("172.17.0.2")));
    }

    #[test]
    fn network_and_broadcast_address_are_never_given() {
        let mut subnet = Subnet::new("10.53.0.0/29".parse().unwrap(), None);
        subnet.release(ip("10.53.0.0"));
        subnet.release(ip("10.53.0.7"));
        assert!(!subnet.take(ip("10.53.0.0")) && !subnet.take(ip("10.53.0.7")) && !subnet.take(ip("10.54.0.1")));
        let given: Vec<_> = std::iter::from_fn(|| subnet.take_any()).collect();
        assert_eq!(given.first(), Some(&ip("10.53.0.1")));
        assert_eq!(given.last(), Some(&ip("10.53.0.6")));
        assert_eq!(given.len(), 6);
    }

    #[test]
    fn a_range_narrows_what_is_given_but_not_what_may_be_taken() {
        let mut subnet = Subnet::new("10.11.0.0/16".parse().unwrap(), Some("10.11.5.0/24".parse().unwrap()));
        assert_eq!(subnet.take_any(), Some(ip("10.11.5.0")), "as dockerd's gateway");
        assert!(subnet.take(ip("10.11.9.9")));
        assert_eq!(std::iter::from_fn(|| subnet.take_any()).count(), 255);
    }

    #[test]
    fn single_addresses_and_pairs_are_subnets() {
        let mut one = Subnet::new("10.7.0.0/32".parse().unwrap(), None);
        assert_eq!((one.take_any(), one.take_any()), (Some(ip("10.7.0.0")), None));
        let mut two = Subnet::new("10.7.0.0/31".parse().unwrap(), None);
        assert_eq!(std::iter::from_fn(|| two.take_any()).count(), 2);
        let mut six = Subnet::new("fd00::/64".parse().unwrap(), None);
        assert_eq!(six.take_any(), Some(ip("fd00::1")));
        assert!(six.take(ip("fd00::ffff:ffff:ffff:ffff")));
    }

    proptest! {
        #[test]
        fn no_address_is_given_twice_and_none_is_lost(
            prefix in 24u8..=30,
            operations in prop::collection::vec((0u8..3, 0u32..256), 0..400),
        ) {
            let net: IpNet = format!("10.9.8.0/{prefix}").parse().unwrap();
            let (low, high) = (number(net.network()) + 1, number(net.broadcast()) - 1);
            let mut subnet = Subnet::new(net, None);
            let mut held = BTreeSet::new();
            for (what, which) in operations {
                let chosen = ip("10.9.8.0");
                let chosen = address(net, number(chosen) + u128::from(which));
                let valid = (low..=high).contains(&number(chosen));
                match what {
                    0 => match subnet.take_any() {
                        Some(got) => {
                            prop_assert_eq!(Some(number(got)), (low..=high).find(|n| !held.contains(n)));
                            held.insert(number(got));
                        }
                        None => prop_assert_eq!(held.len() as u128, high - low + 1),
                    },
                    1 => prop_assert_eq!(subnet.take(chosen), valid && held.insert(number(chosen))),
                    _ => {
                        subnet.release(chosen);
                        held.remove(&number(chosen));
                    }
                }
            }
        }
    }
}
