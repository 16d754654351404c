//! A container's network namespace.

use std::net::IpAddr;
use std::sync::Arc;

use crate::error::{ErrorCode, FabricError};
use crate::names::ResolveStream;
use crate::network::{Endpoint, EndpointSpec, Network};
use crate::policy::OutboundPolicy;
use crate::publish::{PortRequest, PublishedPort};
use crate::status::{Counters, InterfaceStatus, RouteStatus, SocketStatus};

/// What a stack is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Loopback and whatever networks it is connected to; none at all for `--network none`.
    #[default]
    Virtual,
    /// `--network host`: sockets are the daemon's own.
    Host,
}

/// `--add-host NAME:ADDRESS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraHost {
    /// The name.
    pub name: String,
    /// The address; none: `host-gateway`, the host as this container reaches it.
    pub address: Option<IpAddr>,
}

/// What one container may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Sockets, accepted connections included.
    pub sockets: usize,
    /// Bytes queued in its receive buffers beyond the few KiB every socket may always hold.
    pub buffered_bytes: usize,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            sockets: 16_384,
            buffered_bytes: 256 << 20,
        }
    }
}

/// How a stack is made.
#[derive(Clone, Debug, Default)]
pub struct StackOptions {
    /// Container id, 64 hex digits.
    pub id: String,
    /// Container name, without `/`.
    pub name: String,
    /// `--hostname`; the short id if empty.
    pub hostname: String,
    /// `--domainname`; may be empty.
    pub domain: String,
    /// Virtual or host.
    pub mode: Mode,
    /// `--add-host`.
    pub extra_hosts: Vec<ExtraHost>,
    /// `--dns`: asked for what the networks do not know; empty: the fabric's.
    pub name_servers: Vec<IpAddr>,
    /// `--dns-search`.
    pub search: Vec<String>,
    /// What may leave.
    pub policy: OutboundPolicy,
    /// Bounds.
    pub quota: Quota,
}

/// A container's network namespace. One per running container, or shared by several
/// (`--network container:ID`): hand the same `Arc` to each.
pub struct Stack {
    pub(crate) options: StackOptions,
}

impl Stack {
    /// The id of the container it was made for.
    pub fn id(&self) -> &str {
        &self.options.id
    }

    /// Virtual or host.
    pub fn mode(&self) -> Mode {
        self.options.mode
    }

    /// Puts the container on a network, at once.
    pub fn connect(
        self: &Arc<Self>,
        network: &Arc<Network>,
        spec: EndpointSpec,
    ) -> Result<Arc<Endpoint>, FabricError> {
        let _ = (network, spec);
        Err(FabricError::SharedNamespace)
    }

    /// Takes the container off a network, at once: connections over it are reset.
    pub fn disconnect(&self, network_id: &str) -> Result<(), FabricError> {
        Err(FabricError::NotConnected {
            container: self.options.id.clone(),
            network: network_id.to_owned(),
        })
    }

    /// Its places on networks, `eth0` first.
    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        Vec::new()
    }

    /// `docker rename` of the running container: names follow.
    pub fn rename(&self, _name: &str) {}

    /// The container has stopped: every socket is reset, addresses and ports are given back.
    /// Also happens when the last `Arc` goes.
    pub fn close(&self) {}

    /// Publishes container ports on the host; all of them or none. The ports are released
    /// when the answered guards are dropped or the stack is closed.
    pub fn publish(
        self: &Arc<Self>,
        requests: &[PortRequest],
    ) -> Result<Vec<PublishedPort>, FabricError> {
        let _ = requests;
        Ok(Vec::new())
    }

    /// getaddrinfo: looks a name up as the container's resolver would. Never blocks.
    pub fn resolve_addresses(self: &Arc<Self>, name: &str) -> Result<ResolveStream, ErrorCode> {
        let _ = name;
        Err(ErrorCode::NameUnresolvable)
    }

    /// As [`Stack::resolve_addresses`], awaited.
    pub async fn lookup(self: &Arc<Self>, name: &str) -> Result<Vec<IpAddr>, ErrorCode> {
        let _ = name;
        Err(ErrorCode::NameUnresolvable)
    }

    /// The name of an address, if a network, `/etc/hosts` or the host's resolver knows one.
    pub async fn reverse(self: &Arc<Self>, address: IpAddr) -> Result<String, ErrorCode> {
        let _ = address;
        Err(ErrorCode::NameUnresolvable)
    }

    /// The text of `/etc/hosts` as dockerd writes it for this container now.
    pub fn hosts_file(&self) -> String {
        String::new()
    }

    /// The text of `/etc/resolv.conf` as dockerd writes it. Its server, 127.0.0.11, is
    /// served inside the stack.
    pub fn resolver_file(&self) -> String {
        String::new()
    }

    /// Network traffic so far, loopback excluded (`docker stats`), by interface.
    pub fn counters(&self) -> Vec<(String, Counters)> {
        Vec::new()
    }

    /// Interfaces, `lo` first.
    pub fn interfaces(&self) -> Vec<InterfaceStatus> {
        Vec::new()
    }

    /// Routes, default first.
    pub fn routes(&self) -> Vec<RouteStatus> {
        Vec::new()
    }

    /// Open sockets.
    pub fn sockets(&self) -> Vec<SocketStatus> {
        Vec::new()
    }
}
