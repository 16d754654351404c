//! The machine as the container sees it: names, load, memory, mounts, counters,
//! network interfaces and sockets.

use std::time::Duration;

use crate::{Result, sys};

/// struct utsname.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Names {
    pub system: String,
    pub node: String,
    pub release: String,
    pub version: String,
    pub machine: String,
    pub domain: String,
}

/// sysinfo()
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Since the container's start.
    pub uptime: Duration,
    /// Load averages over 1, 5 and 15 minutes, times 100.
    pub load: (u32, u32, u32),
    /// Bytes the container may use.
    pub memory_total: u64,
    /// Bytes left of them.
    pub memory_free: u64,
    /// CPUs the container may use at once.
    pub processors: u32,
}

/// uname()
pub fn names() -> Names {
    sys::system::names()
}

/// sysinfo()
pub fn figures() -> Figures {
    sys::system::figures()
}

/// sethostname(); `EPERM` unless the caller is user 0.
pub fn set_node_name(name: impl AsRef<[u8]>) -> Result<()> {
    sys::system::set_node_name(name.as_ref())
}

/// The container's id, 64 hexadecimal digits; zeros outside of one.
pub fn container_id() -> String {
    sys::system::container_id()
}

/// One mounted file system.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Where.
    pub target: Vec<u8>,
    /// `overlay`, `bind`, `volume`, `tmpfs`, `proc`, `devtmpfs`
    pub kind: String,
    /// What mount(8) shows before `on`.
    pub source: Vec<u8>,
    /// Mounted read-only.
    pub read_only: bool,
    /// Further options, comma-separated.
    pub options: String,
}

/// In mount order.
pub fn mounts() -> Vec<Mount> {
    sys::system::mounts()
}

/// Counters since the container's start; sizes in bytes.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Stats {
    pub memory: u64,
    pub memory_peak: u64,
    pub memory_limit: Option<u64>,
    pub out_of_memory_kills: u64,
    pub cpu: Duration,
    pub cpu_limit_nano_cpus: Option<u64>,
    pub throttled: Duration,
    pub processes: u32,
    pub processes_limit: Option<u32>,
    pub read_bytes: u64,
    pub written_bytes: u64,
    pub received_bytes: u64,
    pub sent_bytes: u64,
}

/// The container's figures against its limits.
pub fn stats() -> Stats {
    sys::system::stats()
}

/// A network interface.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Interface {
    pub name: String,
    pub index: u32,
    pub hardware_address: String,
    pub mtu: u32,
    pub up: bool,
    pub loopback: bool,
    /// Address and prefix length.
    pub addresses: Vec<(String, u8)>,
    pub received_bytes: u64,
    pub received_packets: u64,
    pub sent_bytes: u64,
    pub sent_packets: u64,
}

/// A route.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Route {
    pub destination: String,
    pub gateway: Option<String>,
    pub device: String,
}

/// The protocol column of netstat: `tcp`, `tcp6`, `udp`, `udp6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Protocol {
    Tcp,
    Tcp6,
    Udp,
    Udp6,
}

/// The state of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SocketState {
    Listen,
    Established,
    Connecting,
    Closing,
    Bound,
}

/// A socket of the container.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Socket {
    pub protocol: Protocol,
    pub state: SocketState,
    pub local: String,
    pub remote: String,
    pub receive_queue: u64,
    pub send_queue: u64,
    pub process: Option<u32>,
}

/// In order of their index.
pub fn interfaces() -> Vec<Interface> {
    sys::system::interfaces()
}

/// The routing table.
pub fn routes() -> Vec<Route> {
    sys::system::routes()
}

/// Open sockets.
pub fn sockets() -> Vec<Socket> {
    sys::system::sockets()
}

/// Fills `buffer` with bytes fit for keys and unguessable names.
pub fn random(buffer: &mut [u8]) {
    sys::system::random(buffer);
}
