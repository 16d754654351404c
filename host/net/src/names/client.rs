//! Asking the world: the servers of `--dns`, else the host's resolver.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::address::Family;
use crate::error::ErrorCode;
use crate::stack::Stack;

const PATIENCE: Duration = Duration::from_secs(4);
const DNS: u16 = 53;

/// Where the stack's questions go.
pub(crate) fn servers(stack: &Stack) -> Vec<SocketAddr> {
    configured(stack).unwrap_or_else(host_servers)
}

fn configured(stack: &Stack) -> Option<Vec<SocketAddr>> {
    let own = &stack.options.name_servers;
    if !own.is_empty() {
        return Some(own.iter().map(|ip| SocketAddr::new(*ip, DNS)).collect());
    }
    let fabric = &stack.fabric.shared.options.name_servers;
    (!fabric.is_empty()).then(|| fabric.clone())
}

/// The host's, read when needed: a laptop changes networks.
fn host_servers() -> Vec<SocketAddr> {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let server = |line: &str| {
        let address = line.trim().strip_prefix("nameserver")?.split_whitespace().next()?;
        Some(SocketAddr::new(address.parse().ok()?, DNS))
    };
    text.lines().filter_map(server).take(3).collect()
}

/// Addresses of a name nobody in the fabric has.
pub(crate) async fn lookup(stack: &Stack, name: &str) -> Result<Vec<IpAddr>, ErrorCode> {
    let Some(servers) = configured(stack) else {
        // The host's own way, its /etc/hosts and nsswitch included.
        let found = tokio::net::lookup_host((name, 0)).await.map_err(|_| ErrorCode::NameUnresolvable)?;
        return Ok(found.map(|at| at.ip()).collect());
    };
    let mut found = Vec::new();
    let mut failure = None;
    for (family, kind) in [(Family::Ipv4, RecordType::A), (Family::Ipv6, RecordType::AAAA)] {
        if !stack.reaches(family) {
            continue;
        }
        match question(name, kind, &servers).await {
            Ok(answer) => found.extend(addresses(&answer)),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

/// The addresses in an answer.
pub(crate) fn addresses(answer: &Message) -> Vec<IpAddr> {
    let address = |record: &hickory_proto::rr::Record| match &record.data {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
    };
    answer.answers.iter().filter_map(address).collect()
}

/// The name of an address, by PTR.
pub(crate) async fn reverse(stack: &Stack, address: IpAddr) -> Result<String, ErrorCode> {
    let answer = question(&Name::from(address).to_ascii(), RecordType::PTR, &servers(stack)).await?;
    let name = answer.answers.iter().find_map(|record| match &record.data {
        RData::PTR(name) => Some(name.0.to_ascii()),
        _ => None,
    });
    let name = name.ok_or(ErrorCode::NameUnresolvable)?;
    Ok(name.trim_end_matches('.').to_owned())
}

async fn question(name: &str, kind: RecordType, servers: &[SocketAddr]) -> Result<Message, ErrorCode> {
    let mut name = Name::from_ascii(name).map_err(|_| ErrorCode::InvalidArgument)?;
    name.set_fqdn(true);
    let mut query = Message::query();
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(name, kind));
    let bytes = query.to_vec().map_err(|_| ErrorCode::InvalidArgument)?;
    let answer = ask(&bytes, servers, false).await.ok_or(ErrorCode::TemporaryResolverFailure)?;
    let answer = Message::from_vec(&answer).map_err(|_| ErrorCode::TemporaryResolverFailure)?;
    match answer.metadata.response_code {
        ResponseCode::NoError => Ok(answer),
        ResponseCode::NXDomain => Err(ErrorCode::NameUnresolvable),
        ResponseCode::ServFail => Err(ErrorCode::TemporaryResolverFailure),
        _ => Err(ErrorCode::PermanentResolverFailure),
    }
}

/// Sends a message to the servers in turn; the first answer, byte for byte.
pub(crate) async fn ask(query: &[u8], servers: &[SocketAddr], stream: bool) -> Option<Vec<u8>> {
    for server in servers {
        let answer = if stream {
            timeout(PATIENCE, over_tcp(query, *server)).await
        } else {
            timeout(PATIENCE, over_udp(query, *server)).await
        };
        if let Ok(Ok(answer)) = answer {
            return Some(answer);
        }
    }
    None
}

async fn over_udp(query: &[u8], server: SocketAddr) -> std::io::Result<Vec<u8>> {
    let socket = UdpSocket::bind(SocketAddr::new(Family::of(server.ip()).unspecified(), 0)).await?;
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut buffer = vec![0; 65_535];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let answer = buffer.get(..length).unwrap_or_default();
        // Anything else is a stray or a forgery.
        if length >= 12 && answer.get(..2) == query.get(..2) {
            return Ok(answer.to_vec());
        }
    }
}

async fn over_tcp(query: &[u8], server: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(query.len()).map_err(std::io::Error::other)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(query).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; length.into()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}
