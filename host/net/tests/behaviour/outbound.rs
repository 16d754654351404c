use coracle_net::{ErrorCode, Mode, OutboundPolicy, Shutdown, StackOptions, UdpSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::udp::{datagram, udp};
use super::*;

/// The host as a container names it: the gateway, which `fabric()` maps to 127.0.0.1.
fn gateway(port: u16) -> SocketAddr {
    SocketAddr::new("172.17.0.1".parse().unwrap(), port)
}

#[tokio::test]
async fn a_connection_leaves_through_the_host_and_keeps_its_halves() {
    let host = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = host.local_addr().unwrap().port();
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let served = tokio::spawn(async move {
        let (mut stream, _) = host.accept().await.unwrap();
        let mut question = Vec::new();
        stream.read_to_end(&mut question).await.unwrap();
        question.reverse();
        stream.write_all(&question).await.unwrap();
    });
    let client = socket(&a);
    let (reader, writer) = client.connect(gateway(port)).await.unwrap();
    assert_eq!(client.local_address().unwrap().ip(), address(&a));
    assert_eq!(client.remote_address().unwrap(), gateway(port));
    let data: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let send = async {
        writer.write_all(data.clone().into()).await.unwrap();
        client.shutdown(Shutdown::Send).unwrap();
    };
    let ((), answer) = tokio::join!(send, read_all(&reader));
    assert!(answer.iter().rev().eq(data.iter()));
    served.await.unwrap();
    assert_eq!(a.counters()[0].1.sent_bytes, 3_000_000);
    assert_eq!(a.counters()[0].1.received_bytes, 3_000_000);
}

#[tokio::test]
async fn refusals_and_resets_of_the_world_reach_the_container() {
    let host = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = host.local_addr().unwrap().port();
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let client = socket(&a);
    let (reader, _writer) = client.connect(gateway(port)).await.unwrap();
    let (stream, _) = host.accept().await.unwrap();
    socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(stream);
    assert_eq!(reader.read(1).await, Err(ErrorCode::ConnectionReset));
    drop(host);
    assert_eq!(socket(&a).connect(gateway(port)).await.err(), Some(ErrorCode::ConnectionRefused));
}

#[tokio::test]
async fn a_container_that_closes_closes_towards_the_world() {
    let host = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = host.local_addr().unwrap().port();
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let client = socket(&a);
    let streams = client.connect(gateway(port)).await.unwrap();
    streams.1.write_all("last words".into()).await.unwrap();
    let (mut stream, _) = host.accept().await.unwrap();
    drop((client, streams));
    let mut all = String::new();
    stream.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "last words");

    let client = socket(&a);
    let _streams = client.connect(gateway(port)).await.unwrap();
    let (mut stream, _) = host.accept().await.unwrap();
    a.close();
    assert_eq!(stream.read(&mut [0]).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn policy_internal_and_none_refuse() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let mut spec = NetworkSpec::bridge(id("inside"), "inside");
    spec.internal = true;
    let inside = fabric.create_network(spec).unwrap();
    let denied = fabric.stack(StackOptions { policy: OutboundPolicy::Deny, ..options("denied") });
    denied.connect(&network, endpoint("denied", &[])).unwrap();
    let internal = container(&fabric, "internal", &inside);
    let none = fabric.stack(options("none"));
    let outcome = async |stack: &Arc<Stack>, to: &str| socket(stack).connect(at(to)).await.err();
    assert_eq!(outcome(&denied, "192.0.2.1:80").await, Some(ErrorCode::AccessDenied));
    assert_eq!(outcome(&denied, "172.17.0.1:80").await, Some(ErrorCode::AccessDenied));
    for stack in [&internal, &none] {
        assert_eq!(outcome(stack, "192.0.2.1:80").await, Some(ErrorCode::RemoteUnreachable));
        assert_eq!(outcome(stack, "172.17.0.1:80").await, Some(ErrorCode::RemoteUnreachable));
    }
    assert_eq!(outcome(&internal, "172.18.0.1:80").await, Some(ErrorCode::RemoteUnreachable));
    let one = udp(&denied, "0.0.0.0:0");
    assert_eq!(one.sender.send(vec![datagram("x", Some(at("192.0.2.1:9")))]), Err(ErrorCode::AccessDenied));
}

#[tokio::test]
async fn datagrams_leave_and_only_answers_come_back() {
    let host = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let stranger = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = gateway(host.local_addr().unwrap().port());
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let one = udp(&a, "0.0.0.0:0");
    one.sender.send(vec![datagram("ping", Some(to))]).unwrap();
    let mut buffer = [0; 100];
    let (length, from) = host.recv_from(&mut buffer).await.unwrap();
    assert_eq!(&buffer[..length], b"ping");
    stranger.send_to(b"unasked", from).await.unwrap();
    host.send_to(b"pong", from).await.unwrap();
    let got = one.receiver.next_datagram().await.unwrap();
    assert_eq!((&got.data[..], got.source), (&b"pong"[..], to));

    drop(host);
    let (receiver, sender) = one.socket.stream(Some(to)).unwrap();
    sender.send(vec![datagram("anyone?", None)]).unwrap();
    receiver.ready().await;
    assert_eq!(receiver.receive(1), Err(ErrorCode::ConnectionRefused));
}

#[tokio::test]
async fn host_mode_is_the_hosts_network() {
    let fabric = fabric();
    let stack = fabric.stack(StackOptions { mode: Mode::Host, ..options("host") });
    let listening = listener(&stack, "127.0.0.1:0");
    let port = listening.local_address().unwrap().port();
    let second = socket(&stack);
    second.bind(SocketAddr::new([127, 0, 0, 1].into(), port)).unwrap_or(());
    assert!(second.listen().is_err(), "the host refuses a second listener");

    let mut outside = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (accepted, reader, writer) = listening.next_connection().await.unwrap();
    assert_eq!(accepted.remote_address().unwrap(), outside.local_addr().unwrap());
    outside.write_all(b"hello").await.unwrap();
    assert_eq!(reader.read(100).await.unwrap(), "hello");
    writer.write_all("hello yourself".into()).await.unwrap();
    drop((accepted, reader, writer));
    let mut all = String::new();
    outside.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "hello yourself");
    drop(listening);

    let one = UdpSocket::new(&stack, Family::Ipv4).unwrap();
    one.bind(at("127.0.0.1:0")).unwrap();
    let (receiver, sender) = one.stream(None).unwrap();
    let peer = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    peer.send_to(b"first", one.local_address().unwrap()).await.unwrap();
    let got = receiver.next_datagram().await.unwrap();
    assert_eq!((&got.data[..], got.source), (&b"first"[..], peer.local_addr().unwrap()));
    sender.send(vec![datagram("second", Some(got.source))]).unwrap();
    let mut buffer = [0; 100];
    assert_eq!(peer.recv(&mut buffer).await.unwrap(), 6);
}
