//! Two audiences, two error types: a guest sees an [`ErrorCode`], one for one the
//! `wasi:sockets` code, so that the shim above converts without judging; the engine sees
//! a [`FabricError`], whose text is the sentence a Docker client reads.

use std::net::IpAddr;

use thiserror::Error;

/// What a socket operation answers: exactly the cases of `wasi:sockets/network.error-code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum ErrorCode {
    /// None of the others.
    #[error("unknown error")]
    Unknown,
    /// EACCES, EPERM: the outbound policy or the host refused.
    #[error("access denied")]
    AccessDenied,
    /// EOPNOTSUPP.
    #[error("operation not supported")]
    NotSupported,
    /// EINVAL, EAFNOSUPPORT.
    #[error("invalid argument")]
    InvalidArgument,
    /// ENOMEM, ENOBUFS.
    #[error("out of memory")]
    OutOfMemory,
    /// ETIMEDOUT.
    #[error("connection timed out")]
    Timeout,
    /// EALREADY: another asynchronous operation of this socket is under way.
    #[error("operation already in progress")]
    ConcurrencyConflict,
    /// `finish-*` without a `start-*`.
    #[error("no operation in progress")]
    NotInProgress,
    /// EWOULDBLOCK, EAGAIN.
    #[error("operation would block")]
    WouldBlock,
    /// Not valid in the socket's present state (EISCONN, ENOTCONN, …).
    #[error("invalid state")]
    InvalidState,
    /// EMFILE, ENFILE: the stack's socket quota is used up.
    #[error("too many open sockets")]
    NewSocketLimit,
    /// EADDRNOTAVAIL.
    #[error("cannot assign requested address")]
    AddressNotBindable,
    /// EADDRINUSE, or no ephemeral port left.
    #[error("address already in use")]
    AddressInUse,
    /// EHOSTUNREACH, ENETUNREACH.
    #[error("no route to host")]
    RemoteUnreachable,
    /// ECONNREFUSED.
    #[error("connection refused")]
    ConnectionRefused,
    /// ECONNRESET.
    #[error("connection reset by peer")]
    ConnectionReset,
    /// ECONNABORTED.
    #[error("connection aborted")]
    ConnectionAborted,
    /// EMSGSIZE.
    #[error("message too long")]
    DatagramTooLarge,
    /// EAI_NONAME, EAI_NODATA.
    #[error("name does not resolve")]
    NameUnresolvable,
    /// EAI_AGAIN.
    #[error("temporary failure in name resolution")]
    TemporaryResolverFailure,
    /// EAI_FAIL.
    #[error("permanent failure in name resolution")]
    PermanentResolverFailure,
}

impl From<&std::io::Error> for ErrorCode {
    fn from(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as K;
        match error.kind() {
            K::PermissionDenied => Self::AccessDenied,
            K::Unsupported => Self::NotSupported,
            K::InvalidInput => Self::InvalidArgument,
            K::OutOfMemory => Self::OutOfMemory,
            K::TimedOut => Self::Timeout,
            K::WouldBlock => Self::WouldBlock,
            K::AddrNotAvailable => Self::AddressNotBindable,
            K::AddrInUse => Self::AddressInUse,
            K::HostUnreachable | K::NetworkUnreachable | K::NetworkDown => Self::RemoteUnreachable,
            K::ConnectionRefused => Self::ConnectionRefused,
            K::ConnectionReset | K::BrokenPipe => Self::ConnectionReset,
            K::ConnectionAborted => Self::ConnectionAborted,
            K::NotConnected => Self::InvalidState,
            _ => match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
                Some(rustix::io::Errno::MSGSIZE) => Self::DatagramTooLarge,
                Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => Self::NewSocketLimit,
                Some(rustix::io::Errno::NOBUFS) => Self::OutOfMemory,
                Some(rustix::io::Errno::AFNOSUPPORT) => Self::InvalidArgument,
                _ => Self::Unknown,
            },
        }
    }
}

impl From<std::io::Error> for ErrorCode {
    fn from(error: std::io::Error) -> Self {
        Self::from(&error)
    }
}

/// What a stream of a connection answers: the shape of `wasi:io/streams.stream-error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StreamError {
    /// End of stream when reading; nobody can receive any more when writing (EPIPE).
    #[error("stream closed")]
    Closed,
    /// The last operation failed, for instance with [`ErrorCode::ConnectionReset`].
    #[error("{0}")]
    Failed(ErrorCode),
}

/// Which HTTP status dockerd would give to a [`FabricError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FabricErrorKind {
    /// 400: the request cannot be right.
    InvalidParameter,
    /// 403: right, but not allowed as things are.
    Forbidden,
    /// 404.
    NotFound,
    /// 409.
    Conflict,
    /// 500: dockerd answers so where the address space or the host said no.
    System,
}

/// What the engine gets when it asks for networks, endpoints and ports; each text is dockerd's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FabricError {
    /// A network of that name exists.
    #[error("network with name {0} already exists")]
    NetworkExists(String),
    /// No such network.
    #[error("network {0} not found")]
    NetworkNotFound(String),
    /// A network of that id exists; the engine made the id, so this is its mistake.
    #[error("network id {0} already exists")]
    DuplicateId(String),
    /// Removing a network that containers use. `id` is the network's, `endpoints` is dockerd's list.
    #[error("error while removing network: network {name} has active endpoints ({endpoints})")]
    ActiveEndpoints {
        /// The network's name.
        name: String,
        /// `name:"web" id:"0123456789ab"`, joined by `, `.
        endpoints: String,
    },
    /// host and null networks exist once each.
    #[error("only one instance of \"{0}\" network is allowed")]
    SingleInstance(&'static str),
    /// Neither address family was wanted.
    #[error("IPv4 or IPv6 must be enabled")]
    NoFamily,
    /// A subnet, range, gateway or auxiliary address that does not fit; one sentence a line.
    #[error("invalid network config:\n{0}")]
    InvalidConfig(String),
    /// The bridge driver takes one subnet per family.
    #[error("bridge driver doesn't support multiple subnets")]
    MultipleSubnets,
    /// The wanted subnet overlaps another network's.
    #[error("invalid pool request: Pool overlaps with other one on this address space")]
    PoolOverlap,
    /// Every default pool is taken.
    #[error("all predefined address pools have been fully subnetted")]
    PoolsExhausted,
    /// The gateway address cannot be had.
    #[error("failed to allocate gateway ({0}): Address already in use")]
    GatewayInUse(IpAddr),
    /// An auxiliary address cannot be had.
    #[error("failed to allocate secondary ip address ({name}:{address}): Address already in use")]
    AuxiliaryInUse {
        /// The name it was given.
        name: String,
        /// The address.
        address: IpAddr,
    },
    /// `--ip` names an address that is taken.
    #[error("Address already in use")]
    AddressInUse,
    /// The subnet is used up.
    #[error("no available {family} addresses on this network's address pools: {name} ({id})")]
    AddressesExhausted {
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// The network's name.
        name: String,
        /// The network's id.
        id: String,
    },
    /// `--ip` on a network whose subnet nobody chose.
    #[error(
        "invalid endpoint settings:\nuser specified IP address is supported only when connecting to networks with user configured subnets"
    )]
    StaticOnAutomatic,
    /// `--ip` outside every subnet.
    #[error("invalid endpoint settings:\nno configured subnet or ip-range contain the IP address {0}")]
    StaticOutside(IpAddr),
    /// Connecting a container twice.
    #[error("endpoint with name {container} already exists in network {network}")]
    EndpointExists {
        /// The container's name.
        container: String,
        /// The network's name.
        network: String,
    },
    /// Disconnecting a container that is not connected.
    #[error("container {container} is not connected to network {network}")]
    NotConnected {
        /// The container's id.
        container: String,
        /// The network's name.
        network: String,
    },
    /// A running container cannot join the host's network.
    #[error("cannot connect container to host network - container must be created in host network mode")]
    HostOnRunning,
    /// `none` goes with no other network.
    #[error("container cannot be connected to multiple networks with one of the networks in private (none) mode")]
    NullWithOthers,
    /// A stack in host mode has no other networks.
    #[error(
        "container sharing network namespace with another container or host cannot be connected to any other network"
    )]
    SharedNamespace,
    /// The stack was closed, its container has stopped.
    #[error("container {0} is not running")]
    StackClosed(String),
    /// Another container publishes this host port.
    #[error("Bind for {address}:{port} failed: port is already allocated")]
    PortAllocated {
        /// The host address.
        address: String,
        /// The host port.
        port: u16,
    },
    /// The host itself refuses the port: something else listens there, or no permission.
    #[error("failed to bind host port for {address}:{port}:{container_address}:{container_port}/{protocol}: {reason}")]
    HostBind {
        /// The host address, IPv6 in brackets.
        address: String,
        /// The host port.
        port: u16,
        /// The container's address.
        container_address: String,
        /// The container's port.
        container_port: u16,
        /// `tcp` or `udp`.
        protocol: &'static str,
        /// The host's words, `address already in use`.
        reason: String,
    },
    /// No port of the wanted range is free.
    #[error("all ports are allocated")]
    RangeExhausted,
}

impl FabricError {
    /// The class that decides the HTTP status, as dockerd 28.5 was seen to answer.
    pub fn kind(&self) -> FabricErrorKind {
        use FabricErrorKind as K;
        match self {
            Self::NetworkExists(_) | Self::DuplicateId(_) | Self::StackClosed(_) => K::Conflict,
            Self::NetworkNotFound(_) => K::NotFound,
            Self::ActiveEndpoints { .. }
            | Self::SingleInstance(_)
            | Self::PoolOverlap
            | Self::PoolsExhausted
            | Self::MultipleSubnets
            | Self::AddressInUse
            | Self::EndpointExists { .. } => K::Forbidden,
            Self::NoFamily
            | Self::InvalidConfig(_)
            | Self::StaticOnAutomatic
            | Self::StaticOutside(_)
            | Self::NullWithOthers
            | Self::SharedNamespace
            | Self::HostOnRunning => K::InvalidParameter,
            Self::GatewayInUse(_)
            | Self::AuxiliaryInUse { .. }
            | Self::NotConnected { .. }
            | Self::AddressesExhausted { .. }
            | Self::PortAllocated { .. }
            | Self::HostBind { .. }
            | Self::RangeExhausted => K::System,
        }
    }
}
