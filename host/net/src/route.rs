//! Where a packet would go: the one place that decides what a container can reach.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::endpoint::Endpoint;
use crate::error::ErrorCode;
use crate::stack::{Mode, Stack};

/// Docker's embedded resolver.
pub(crate) const RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);

/// The way to an address.
#[derive(Debug)]
pub(crate) enum Route {
    /// The stack itself.
    Own {
        /// The source address of an unbound socket.
        source: IpAddr,
    },
    /// The stack's name server.
    Resolver,
    /// Another container.
    Peer {
        /// Our place on the network shared with it.
        mine: Arc<Endpoint>,
        /// Its place.
        theirs: Arc<Endpoint>,
    },
    /// Out of the fabric by a real socket.
    Out {
        /// Our place on the network with the default route; none in host mode.
        mine: Option<Arc<Endpoint>>,
        /// The address to use on the host.
        address: IpAddr,
    },
}

impl Route {
    /// The source address of an unbound socket towards `to`; none: whatever the host says.
    pub(crate) fn source(&self, to: IpAddr) -> Option<IpAddr> {
        match self {
            Self::Own { source } => Some(*source),
            Self::Resolver => Some(Ipv4Addr::LOCALHOST.into()),
            Self::Peer { mine, .. } | Self::Out { mine: Some(mine), .. } => mine.address_like(to),
            Self::Out { mine: None, .. } => None,
        }
    }

    /// The endpoint it leaves by.
    pub(crate) fn endpoint(&self) -> Option<&Arc<Endpoint>> {
        match self {
            Self::Peer { mine, .. } => Some(mine),
            Self::Out { mine, .. } => mine.as_ref(),
            Self::Own { .. } | Self::Resolver => None,
        }
    }
}

impl Stack {
    /// The way to `to`, or why there is none.
    pub(crate) fn route(&self, to: IpAddr, port: u16) -> Result<Route, ErrorCode> {
        if self.is_closed() {
            return Err(ErrorCode::RemoteUnreachable);
        }
        if self.options.mode == Mode::Host {
            return self.out(None, to, to, port);
        }
        if to == IpAddr::V4(RESOLVER) && port == 53 {
            return Ok(Route::Resolver);
        }
        if to.is_loopback() {
            let family = crate::address::Family::of(to);
            return Ok(Route::Own { source: family.loopback() });
        }
        if let Some(mine) = self.endpoint_towards(to) {
            return self.on_link(mine, to, port);
        }
        // Docker keeps bridge networks apart from one another; their gateways are the host.
        let foreign = self.fabric.network_of(to);
        let mine = self.default_endpoint(to).ok_or(ErrorCode::RemoteUnreachable)?;
        match foreign {
            Some(network) if network.is_gateway(to) && !network.spec().internal => self.to_host(mine, to, port),
            Some(_) => Err(ErrorCode::RemoteUnreachable),
            None => self.out(Some(mine), to, to, port),
        }
    }

    fn on_link(&self, mine: Arc<Endpoint>, to: IpAddr, port: u16) -> Result<Route, ErrorCode> {
        if mine.has(to) {
            return Ok(Route::Own { source: to });
        }
        if mine.network.is_gateway(to) {
            if mine.network.spec().internal {
                return Err(ErrorCode::RemoteUnreachable);
            }
            return self.to_host(mine, to, port);
        }
        let theirs = mine.network.holder(to).ok_or(ErrorCode::RemoteUnreachable)?;
        if !mine.network.spec().inter_container && !linked(&mine, &theirs) {
            return Err(ErrorCode::RemoteUnreachable);
        }
        Ok(Route::Peer { mine, theirs })
    }

    /// The gateway stands for the host.
    fn to_host(&self, mine: Arc<Endpoint>, to: IpAddr, port: u16) -> Result<Route, ErrorCode> {
        let address = self.fabric.shared.options.host_address.ok_or(ErrorCode::ConnectionRefused)?;
        self.out(Some(mine), to, address, port)
    }

    fn out(&self, mine: Option<Arc<Endpoint>>, to: IpAddr, address: IpAddr, port: u16) -> Result<Route, ErrorCode> {
        if !self.options.policy.allows(to, port, &self.names.granted(to)) {
            return Err(ErrorCode::AccessDenied);
        }
        Ok(Route::Out { mine, address })
    }
}

/// `--link` opens a network without inter-container traffic, in both directions.
fn linked(a: &Endpoint, b: &Endpoint) -> bool {
    let names = |from: &Endpoint, to: &Endpoint| {
        let name = to.container_name();
        let id = to.stack().map(|stack| stack.id().to_owned()).unwrap_or_default();
        from.spec
            .links
            .iter()
            .any(|(target, _)| *target == name || (target.len() >= 12 && id.starts_with(target.as_str())))
    };
    names(a, b) || names(b, a)
}
