//! Which subnet a network gets: the one it asks for unless it overlaps another's, else the
//! first free one of the default pools.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::subnet::number;
use crate::address::Family;
use crate::error::FabricError;
use crate::fabric::AddressPool;

/// The subnets in use by the fabric.
#[derive(Debug, Default)]
pub(crate) struct AddressSpace {
    taken: Vec<IpNet>,
}

pub(crate) fn overlap(a: IpNet, b: IpNet) -> bool {
    a.addr().is_ipv4() == b.addr().is_ipv4() && (a.contains(&b.network()) || b.contains(&a.network()))
}

impl AddressSpace {
    /// Takes this very subnet.
    pub(crate) fn take(&mut self, net: IpNet) -> Result<(), FabricError> {
        if self.taken.iter().any(|other| overlap(*other, net)) {
            return Err(FabricError::PoolOverlap);
        }
        self.taken.push(net);
        Ok(())
    }

    /// Takes the first subnet of the pools that overlaps nothing taken nor to be avoided.
    pub(crate) fn take_any(
        &mut self,
        family: Family,
        pools: &[AddressPool],
        avoid: &[IpNet],
    ) -> Result<IpNet, FabricError> {
        let pools = pools.iter().filter(|pool| Family::of(pool.base.addr()) == family);
        for pool in pools {
            if let Some(net) = self.first_free(pool, avoid) {
                self.taken.push(net);
                return Ok(net);
            }
        }
        Err(FabricError::PoolsExhausted)
    }

    fn first_free(&self, pool: &AddressPool, avoid: &[IpNet]) -> Option<IpNet> {
        let base = pool.base.trunc();
        let width = if base.addr().is_ipv4() { 32 } else { 128 };
        let length = pool.prefix_length.clamp(base.prefix_len(), width);
        let step = 1u128.checked_shl(u32::from(width - length))?;
        let last = number(base.broadcast());
        let mut start = number(base.network());
        loop {
            let candidate = subnet_at(base, start, length)?;
            // Jumping past whatever is in the way keeps this linear in the subnets taken.
            match self.taken.iter().chain(avoid).find(|other| overlap(**other, candidate)) {
                None => return Some(candidate),
                Some(other) => {
                    let past = number(other.broadcast()).max(number(candidate.broadcast())).checked_add(1)?;
                    start = past.checked_next_multiple_of(step)?;
                    if start > last {
                        return None;
                    }
                }
            }
        }
    }

    /// Gives a subnet back.
    pub(crate) fn release(&mut self, net: IpNet) {
        self.taken.retain(|other| *other != net);
    }
}

fn subnet_at(like: IpNet, start: u128, length: u8) -> Option<IpNet> {
    Some(match like {
        IpNet::V4(_) => Ipv4Net::new(Ipv4Addr::from_bits(u32::try_from(start).ok()?), length).ok()?.into(),
        IpNet::V6(_) => Ipv6Net::new(Ipv6Addr::from_bits(start), length).ok()?.into(),
    })
}

/// Docker's pools: 172.17.0.0/16 … 172.31.0.0/16, 192.168.0.0/16 in /20s.
pub(crate) fn docker_pools() -> Vec<AddressPool> {
    let pool = |base: Ipv4Addr, length, cut| {
        let base = Ipv4Net::new_assert(base, length);
        AddressPool { base: base.into(), prefix_length: cut }
    };
    (17..=31)
        .map(|second| pool(Ipv4Addr::new(172, second, 0, 0), 16, 16))
        .chain([pool(Ipv4Addr::new(192, 168, 0, 0), 16, 20)])
        .collect()
}

/// A unique local /48 (RFC 4193) from 40 bits that are the host's own, cut in /64s.
pub(crate) fn local_pool(host: u64) -> AddressPool {
    let prefix = (0xfd_u128 << 120) | (u128::from(host & 0xff_ffff_ffff) << 80);
    AddressPool { base: IpNet::new_assert(IpAddr::V6(Ipv6Addr::from_bits(prefix)), 48), prefix_length: 64 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn default_pools_come_in_dockers_order_and_are_used_again() {
        let pools = docker_pools();
        let mut space = AddressSpace::default();
        let mut given = Vec::new();
        while let Ok(subnet) = space.take_any(Family::Ipv4, &pools, &[]) {
            given.push(subnet);
        }
        assert_eq!(given.len(), 15 + 16);
        assert_eq!(given[0], net("172.17.0.0/16"));
        assert_eq!(given[15], net("192.168.0.0/20"));
        assert_eq!(given[30], net("192.168.240.0/20"));
        assert_eq!(space.take_any(Family::Ipv4, &pools, &[]), Err(FabricError::PoolsExhausted));
        space.release(net("172.18.0.0/16"));
        assert_eq!(space.take_any(Family::Ipv4, &pools, &[]), Ok(net("172.18.0.0/16")));
    }

    #[test]
    fn overlaps_are_refused_and_stepped_over() {
        let pools = docker_pools();
        let mut space = AddressSpace::default();
        space.take(net("172.16.0.0/15")).unwrap();
        assert_eq!(space.take(net("172.17.3.0/24")), Err(FabricError::PoolOverlap));
        space.take(net("192.168.20.0/24")).unwrap();
        assert_eq!(space.take_any(Family::Ipv4, &pools, &[net("172.18.0.0/15")]), Ok(net("172.20.0.0/16")));
        for _ in 21..=31 {
            space.take_any(Family::Ipv4, &pools, &[net("172.18.0.0/15")]).unwrap();
        }
        assert_eq!(space.take_any(Family::Ipv4, &pools, &[net("172.18.0.0/15")]), Ok(net("192.168.0.0/20")));
        assert_eq!(space.take_any(Family::Ipv4, &pools, &[net("172.18.0.0/15")]), Ok(net("192.168.32.0/20")));
    }

    #[test]
    fn ipv6_subnets_are_unique_local() {
        let pool = local_pool(0x31_2fa9_08bd);
        let mut space = AddressSpace::default();
        assert_eq!(space.take_any(Family::Ipv6, &[pool], &[]), Ok(net("fd31:2fa9:8bd::/64")));
        assert_eq!(space.take_any(Family::Ipv6, &[pool], &[]), Ok(net("fd31:2fa9:8bd:1::/64")));
    }

    proptest! {
        #[test]
        fn what_is_taken_never_overlaps(wanted in prop::collection::vec((any::<u32>(), 4u8..=32, any::<bool>()), 0..60)) {
            let mut space = AddressSpace::default();
            let mut held: Vec<IpNet> = Vec::new();
            for (bits, length, automatic) in wanted {
                let taken = if automatic {
                    space.take_any(Family::Ipv4, &docker_pools(), &[]).ok()
                } else {
                    let wanted = IpNet::from(Ipv4Net::new(Ipv4Addr::from_bits(bits), length).unwrap()).trunc();
                    space.take(wanted).ok().map(|()| wanted)
                };
                if let Some(taken) = taken {
                    prop_assert!(held.iter().all(|other| !overlap(*other, taken)));
                    held.push(taken);
                }
            }
        }
    }
}
