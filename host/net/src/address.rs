//! Hardware addresses and the few address facts every room of this crate needs.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use crate::error::ErrorCode;

/// Address family of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// AF_INET.
    Ipv4,
    /// AF_INET6.
    Ipv6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }

    /// `0.0.0.0` or `::`.
    pub fn unspecified(self) -> IpAddr {
        match self {
            Self::Ipv4 => Ipv4Addr::UNSPECIFIED.into(),
            Self::Ipv6 => Ipv6Addr::UNSPECIFIED.into(),
        }
    }

    /// `127.0.0.1` or `::1`.
    pub fn loopback(self) -> IpAddr {
        match self {
            Self::Ipv4 => Ipv4Addr::LOCALHOST.into(),
            Self::Ipv6 => Ipv6Addr::LOCALHOST.into(),
        }
    }
}

/// Transport of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
}

impl Protocol {
    /// `tcp` or `udp`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An EUI-48.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// A random locally administered unicast address, as dockerd 28 gives to an endpoint.
    pub fn random() -> Self {
        let mut octets: [u8; 6] = rand::random();
        octets[0] = (octets[0] & 0xfc) | 0x02;
        Self(octets)
    }

    /// The link-local address of the interface (RFC 4291, appendix A).
    pub fn link_local(self) -> Ipv6Addr {
        let [a, b, c, d, e, f] = self.0;
        Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f])
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddress {
    type Err = ErrorCode;

    /// `02:42:ac:11:00:02` or with `-`.
    fn from_str(text: &str) -> Result<Self, ErrorCode> {
        let mut octets = [0; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut octets {
            let part = parts.next().filter(|part| part.len() == 2).ok_or(ErrorCode::InvalidArgument)?;
            *octet = u8::from_str_radix(part, 16).map_err(|_| ErrorCode::InvalidArgument)?;
        }
        if parts.next().is_some() {
            return Err(ErrorCode::InvalidArgument);
        }
        Ok(Self(octets))
    }
}

/// Refuses what no unicast socket may bind or connect to: another family, an IPv4-mapped
/// IPv6 address, multicast and limited broadcast.
pub(crate) fn check_unicast(family: Family, address: SocketAddr) -> Result<(), ErrorCode> {
    let good = match (family, address.ip()) {
        (Family::Ipv4, IpAddr::V4(ip)) => !ip.is_multicast() && !ip.is_broadcast(),
        (Family::Ipv6, IpAddr::V6(ip)) => !ip.is_multicast() && ip.to_ipv4_mapped().is_none(),
        _ => false,
    };
    if good { Ok(()) } else { Err(ErrorCode::InvalidArgument) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_read_and_write_themselves() {
        let mac: MacAddress = "02:42:ac:11:00:02".parse().unwrap();
        assert_eq!(mac.to_string(), "02:42:ac:11:00:02");
        assert_eq!(mac.link_local(), "fe80::42:acff:fe11:2".parse::<Ipv6Addr>().unwrap());
        for bad in ["", "02:42:ac:11:00", "02:42:ac:11:00:02:03", "2:42:ac:11:0:2", "zz:42:ac:11:00:02"] {
            assert!(bad.parse::<MacAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn random_hardware_addresses_are_local_and_unicast() {
        for _ in 0..100 {
            assert_eq!(MacAddress::random().0[0] & 3, 2);
        }
    }
}
