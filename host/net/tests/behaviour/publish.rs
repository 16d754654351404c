use coracle_net::{ErrorCode, PortRequest, Protocol, PublishedPort, Quota, StackOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::udp::{datagram, udp};
use super::*;

fn request(container_port: u16, host: &str, ports: (u16, u16)) -> PortRequest {
    PortRequest {
        protocol: Protocol::Tcp,
        container_port,
        host_address: (!host.is_empty()).then(|| host.parse().unwrap()),
        host_ports: ports,
    }
}

fn publish(stack: &Arc<Stack>, request: PortRequest) -> Vec<PublishedPort> {
    stack.publish(&[request]).unwrap()
}

/// A port that was free a moment ago.
async fn free_port() -> u16 {
    tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_published_port_leads_in_and_half_close_goes_through() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let listening = listener(&a, "0.0.0.0:80");
    let published = publish(&a, request(80, "127.0.0.1", (0, 0)));
    assert_eq!(published.len(), 1);
    let mut outside = tokio::net::TcpStream::connect(("127.0.0.1", published[0].host_port())).await.unwrap();
    outside.write_all(b"request").await.unwrap();
    outside.shutdown().await.unwrap();
    let (server, reader, writer) = listening.next_connection().await.unwrap();
    assert_eq!(server.remote_address().unwrap().ip().to_string(), "172.17.0.1", "the host comes as the gateway");
    assert_eq!(server.local_address().unwrap(), SocketAddr::new(address(&a), 80));
    assert_eq!(read_all(&reader).await, b"request");
    writer.write_all("answer".into()).await.unwrap();
    drop((server, reader, writer));
    let mut all = String::new();
    outside.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "answer");
}

#[tokio::test]
async fn without_a_host_address_both_families_share_a_port() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let published = publish(&a, request(80, "", (0, 0)));
    let shown: Vec<_> = published.iter().map(|one| one.host_address().to_string()).collect();
    assert!(shown == ["0.0.0.0", "::"] || shown == ["0.0.0.0"], "{shown:?}");
    assert!(published.iter().all(|one| one.host_port() == published[0].host_port()));
}

#[tokio::test]
async fn conflicts_are_told_as_docker_tells_them_and_ports_are_given_back_at_once() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let (a, b) = (container(&fabric, "a", &network), container(&fabric, "b", &network));
    let foreign = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = foreign.local_addr().unwrap().port();
    assert_eq!(
        a.publish(&[request(80, "127.0.0.1", (taken, taken))]).unwrap_err().to_string(),
        format!("failed to bind host port for 127.0.0.1:{taken}:172.17.0.2:80/tcp: address already in use")
    );
    assert_eq!(
        a.publish(&[request(80, "203.0.113.7", (18_190, 18_190))]).unwrap_err().to_string(),
        "failed to bind host port for 203.0.113.7:18190:172.17.0.2:80/tcp: cannot assign requested address"
    );
    let port = free_port().await;
    let held = publish(&a, request(80, "0.0.0.0", (port, port)));
    for host in ["", "127.0.0.1", "0.0.0.0"] {
        let shown = if host.is_empty() { "0.0.0.0" } else { host };
        assert_eq!(
            b.publish(&[request(80, host, (port, port))]).unwrap_err().to_string(),
            format!("Bind for {shown}:{port} failed: port is already allocated")
        );
    }
    let mut other = request(80, "0.0.0.0", (port, port));
    other.protocol = Protocol::Udp;
    let udp = publish(&b, other);
    assert_eq!((udp.len(), udp[0].protocol()), (1, Protocol::Udp));
    // All or nothing: the first of the two is released again.
    let free = free_port().await;
    assert!(b.publish(&[request(1, "0.0.0.0", (free, free)), request(2, "0.0.0.0", (port, port))]).is_err());
    let again = publish(&b, request(1, "0.0.0.0", (free, free)));
    drop(held);
    let moved = publish(&b, request(80, "0.0.0.0", (port, port)));
    b.close();
    let back = publish(&a, request(80, "0.0.0.0", (port, port)));
    drop((moved, again, back));
}

#[tokio::test]
async fn ranges_take_the_first_free_port() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let foreign = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = foreign.local_addr().unwrap().port();
    let range = (taken, taken.saturating_add(9));
    let first = publish(&a, request(80, "127.0.0.1", range));
    assert!(first[0].host_port() > taken);
    let one = (first[0].host_port(), first[0].host_port());
    assert!(a.publish(&[request(80, "127.0.0.1", one)]).is_err());
    let second = publish(&a, request(81, "127.0.0.1", (first[0].host_port(), range.1)));
    assert!(second[0].host_port() > first[0].host_port());
    let both_held = (first[0].host_port(), second[0].host_port());
    if both_held.1 == both_held.0 + 1 {
        assert_eq!(
            a.publish(&[request(82, "127.0.0.1", both_held)]).unwrap_err().to_string(),
            "all ports are allocated"
        );
    }
}

#[tokio::test]
async fn nobody_listening_inside_resets_the_client() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let _loopback_only = listener(&a, "127.0.0.1:80");
    let published = publish(&a, request(80, "127.0.0.1", (0, 0)));
    let mut outside = tokio::net::TcpStream::connect(("127.0.0.1", published[0].host_port())).await.unwrap();
    assert_eq!(outside.read(&mut [0]).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_flood_of_idle_clients_harms_nobody_else() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let quota = Quota { sockets: 40, ..Quota::default() };
    let a = fabric.stack(StackOptions { quota, ..options("a") });
    a.connect(&network, endpoint("a", &[])).unwrap();
    let b = container(&fabric, "b", &network);
    let (idle, busy) = (listener(&a, "0.0.0.0:80"), listener(&b, "0.0.0.0:80"));
    let flooded = publish(&a, request(80, "127.0.0.1", (0, 0)));
    let served = publish(&b, request(80, "127.0.0.1", (0, 0)));
    let mut flood = Vec::new();
    for _ in 0..200 {
        // Those over the quota are reset, some before they know that they were connected.
        flood.extend(tokio::net::TcpStream::connect(("127.0.0.1", flooded[0].host_port())).await);
    }
    let mut outside = tokio::net::TcpStream::connect(("127.0.0.1", served[0].host_port())).await.unwrap();
    let (_server, _reader, writer) = busy.next_connection().await.unwrap();
    writer.write_all("ok".into()).await.unwrap();
    let mut two = [0; 2];
    outside.read_exact(&mut two).await.unwrap();
    assert_eq!(&two, b"ok");
    // The flooded container holds what its quota allows, and serves again when they go.

    let mut accepted = Vec::new();
    while let Ok(one) = idle.accept() {
        accepted.push(one);
    }
    assert!(accepted.len() < 40);
    drop((accepted, flood));
    let mut last = tokio::net::TcpStream::connect(("127.0.0.1", flooded[0].host_port())).await.unwrap();
    last.write_all(b"!").await.unwrap();
    loop {
        let (_socket, reader, _writer) = idle.next_connection().await.unwrap();
        match reader.read(1).await {
            Ok(data) if data == "!" => break,
            Ok(_) | Err(ErrorCode::ConnectionReset) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn udp_answers_find_their_client() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let server = udp(&a, "0.0.0.0:53");
    let mut wanted = request(53, "127.0.0.1", (0, 0));
    wanted.protocol = Protocol::Udp;
    let published = publish(&a, wanted);
    let to = ("127.0.0.1", published[0].host_port());
    let clients = [
        tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap(),
        tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap(),
    ];
    for (client, text) in clients.iter().zip(["one", "two"]) {
        client.send_to(text.as_bytes(), to).await.unwrap();
    }
    for _ in 0..2 {
        let got = server.receiver.next_datagram().await.unwrap();
        assert_eq!(got.source.ip().to_string(), "172.17.0.1");
        let text = format!("{}!", String::from_utf8_lossy(&got.data));
        server.sender.send(vec![datagram(&text, Some(got.source))]).unwrap();
    }
    for (client, text) in clients.iter().zip(["one!", "two!"]) {
        let mut buffer = [0; 10];
        let (length, from) = client.recv_from(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], text.as_bytes());
        assert_eq!(from.port(), published[0].host_port());
    }
}

#[tokio::test]
async fn host_mode_and_internal_networks_publish_nothing() {
    let fabric = fabric();
    let mut spec = NetworkSpec::bridge(id("inside"), "inside");
    spec.internal = true;
    let inside = fabric.create_network(spec).unwrap();
    let a = container(&fabric, "a", &inside);
    assert!(publish(&a, request(80, "", (0, 0))).is_empty());
}
