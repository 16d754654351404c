use std::net::SocketAddr;

use bytes::Bytes;
use coracle_net::{ErrorCode, Family, Quota, Shutdown, SocketState, StreamError, TcpSocket};

use super::*;

#[tokio::test]
async fn two_containers_talk_and_see_each_others_addresses() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let (a, b) = (container(&fabric, "a", &network), container(&fabric, "b", &network));
    let pair = pair(&a, &b).await;
    assert_eq!(pair.client.remote_address().unwrap(), SocketAddr::new(address(&b), 7000));
    assert_eq!(pair.server.local_address().unwrap(), SocketAddr::new(address(&b), 7000));
    assert_eq!(pair.server.remote_address().unwrap(), pair.client.local_address().unwrap());
    assert_eq!(pair.client.local_address().unwrap().ip(), address(&a));
    assert!((32_768..=60_999).contains(&pair.client.local_address().unwrap().port()));

    pair.client_writer.write_all("ping".into()).await.unwrap();
    assert_eq!(pair.server_reader.read(100).await.unwrap(), "ping");
    pair.server_writer.write_all("pong".into()).await.unwrap();
    assert_eq!(pair.client_reader.read(2).await.unwrap(), "po");
    assert_eq!(pair.client_reader.read(100).await.unwrap(), "ng");
}

#[tokio::test]
async fn half_close_lets_the_other_direction_go_on() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let (a, b) = (container(&fabric, "a", &network), container(&fabric, "b", &network));
    let pair = pair(&a, &b).await;
    pair.client_writer.write_all("question".into()).await.unwrap();
    pair.client.shutdown(Shutdown::Send).unwrap();
    assert_eq!(pair.client_writer.permit(), Err(StreamError::Closed));
    assert_eq!(read_all(&pair.server_reader).await, b"question");
    assert_eq!(pair.server_reader.try_read(1), Err(StreamError::Closed));
    pair.server_writer.write_all("answer".into()).await.unwrap();
    assert_eq!(pair.client_reader.read(100).await.unwrap(), "answer");
    drop((pair.server, pair.server_reader, pair.server_writer));
    assert_eq!(read_all(&pair.client_reader).await, b"");
}

#[tokio::test]
async fn shutdown_of_receiving_ends_reading_without_hurting_the_writer() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let (a, b) = (container(&fabric, "a", &network), container(&fabric, "b", &network));
    let pair = pair(&a, &b).await;
    pair.server.shutdown(Shutdown::Receive).unwrap();
    assert_eq!(pair.server_reader.try_read(1), Err(StreamError::Closed));
    for _ in 0..100 {
        pair.client_writer.write_all(Bytes::from(vec![0; 65_536])).await.unwrap();
    }
}

#[tokio::test]
async fn closing_with_unread_data_resets() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let (a, b) = (container(&fabric, "a", &network), container(&fabric, "b", &network));
    let pair = pair(&a, &b).await;
    pair.server_writer.write_all("bye".into()).await.unwrap();
    pair.client_writer.write_all("never read".into()).await.unwrap();
    drop((pair.server, pair.server_reader, pair.server_writer));
    assert_eq!(pair.client_reader.read(100).await.unwrap(), "bye", "what came before the reset stays readable");
    assert_eq!(pair.client_reader.try_read(100), Err(StreamError::Failed(ErrorCode::ConnectionReset)));
    assert_eq!(pair.client_reader.try_read(100), Err(StreamError::Closed), "an error is told once");
    assert!(pair.client_writer.permit().is_err());
}

#[tokio::test]
async fn writing_to_a_closed_peer_fails_from_the_second_time_on() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let (a, b) = (container(&fabric, "a", &network), container(&fabric, "b", &network));
    let pair = pair(&a, &b).await;
    drop((pair.server, pair.server_reader, pair.server_writer));
    pair.client_writer.write("one".into()).unwrap();
    assert_eq!(pair.client_writer.write("two".into()), Err(StreamError::Closed));
    assert_eq!(pair.client_writer.permit(), Err(StreamError::Closed));
}

#[tokio::test]
async fn a_full_buffer_stops_the_writer_until_the_reader_makes_room() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let (a, b) = (container(&fabric, "a", &network), container(&fabric, "b", &network));
    let pair = pair(&a, &b).await;
    let mut written = 0;
    loop {
        let permit = pair.client_writer.permit().unwrap();
        if permit == 0 {
            break;
        }
        let piece = permit.min(10_000);
        pair.client_writer.write(Bytes::from(vec![7; piece])).unwrap();
        written += piece;
    }
    assert_eq!(written, 512 << 10);
    assert!(futures::poll!(std::pin::pin!(pair.client_writer.ready())).is_pending());
    let mut waiting = tokio::spawn({
        let writer = pair.client_writer.clone();
        async move { writer.ready().await }
    });
    assert!(futures::poll!(&mut waiting).is_pending());
    let mut read = 0;
    while read < written {
        read += pair.server_reader.read(65_536).await.unwrap().len();
    }
    waiting.await.unwrap();
    assert_eq!(pair.client_writer.permit().unwrap(), 512 << 10);
}

#[tokio::test]
async fn single_bytes_arrive_in_order_and_in_large_pieces() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let (a, b) = (container(&fabric, "a", &network), container(&fabric, "b", &network));
    let pair = pair(&a, &b).await;
    let sent: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
    for byte in &sent {
        pair.client_writer.write(Bytes::copy_from_slice(&[*byte])).unwrap();
    }
    pair.client.shutdown(Shutdown::Send).unwrap();
    assert!(pair.server_reader.try_read(1 << 20).unwrap().len() >= 8192);
    let rest = read_all(&pair.server_reader).await;
    assert!(sent.ends_with(&rest));
}

#[tokio::test]
async fn nobody_listening_refuses_and_nobody_there_is_unreachable() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let other = bridge(&fabric, "other");
    let (a, b) = (container(&fabric, "a", &network), container(&fabric, "b", &network));
    let c = container(&fabric, "c", &other);
    let _listening = listener(&c, "0.0.0.0:80");
    let outcome = |to: SocketAddr| {
        let socket = socket(&a);
        async move { socket.connect(to).await.err() }
    };
    assert_eq!(outcome(SocketAddr::new(address(&b), 80)).await, Some(ErrorCode::ConnectionRefused));
    assert_eq!(outcome(at("172.17.99.99:80")).await, Some(ErrorCode::RemoteUnreachable));
    assert_eq!(
        outcome(SocketAddr::new(address(&c), 80)).await,
        Some(ErrorCode::RemoteUnreachable),
        "networks are apart"
    );
    assert_eq!(outcome(at("127.0.0.1:80")).await, Some(ErrorCode::ConnectionRefused));
    for wrong in ["0.0.0.0:80", "172.17.0.3:0", "224.0.0.1:80", "255.255.255.255:80", "[::1]:80"] {
        assert_eq!(outcome(at(wrong)).await, Some(ErrorCode::InvalidArgument), "{wrong}");
    }
    let failed = socket(&a);
    assert!(failed.connect(at("127.0.0.1:80")).await.is_err());
    assert_eq!(failed.start_connect(at("127.0.0.1:80")), Err(ErrorCode::InvalidState), "closed for good");
}

#[tokio::test]
async fn loopback_is_each_containers_own() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let (a, b) = (container(&fabric, "a", &network), container(&fabric, "b", &network));
    let _on_loopback = listener(&a, "127.0.0.1:80");
    assert!(socket(&a).connect(at("127.0.0.1:80")).await.is_ok());
    assert_eq!(socket(&b).connect(at("127.0.0.1:80")).await.err(), Some(ErrorCode::ConnectionRefused));
    let from_outside = socket(&b).connect(SocketAddr::new(address(&a), 80)).await;
    assert_eq!(from_outside.err(), Some(ErrorCode::ConnectionRefused));
    let isolated = fabric.stack(options("none"));
    let _alone = listener(&isolated, "[::1]:80");
    let six = TcpSocket::new(&isolated, Family::Ipv6).unwrap();
    assert!(six.connect(at("[::1]:80")).await.is_ok());
    assert_eq!(socket(&isolated).connect(at("172.17.0.2:80")).await.err(), Some(ErrorCode::RemoteUnreachable));
}

#[tokio::test]
async fn a_container_reaches_itself_by_its_own_address() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let listening = listener(&a, "0.0.0.0:80");
    let client = socket(&a);
    let _streams = client.connect(SocketAddr::new(address(&a), 80)).await.unwrap();
    let (server, ..) = listening.accept().unwrap();
    assert_eq!(server.remote_address().unwrap().ip(), address(&a));
}

#[tokio::test]
async fn states_allow_what_wasi_says() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let one = socket(&a);
    assert_eq!(one.start_listen(), Err(ErrorCode::InvalidState), "not bound");
    assert_eq!(one.finish_bind(), Err(ErrorCode::NotInProgress));
    assert_eq!(one.local_address(), Err(ErrorCode::InvalidState));
    assert_eq!(one.accept().err(), Some(ErrorCode::InvalidState));
    assert_eq!(one.start_bind(at("10.9.9.9:80")), Err(ErrorCode::AddressNotBindable));
    assert_eq!(one.start_bind(at("[::1]:80")), Err(ErrorCode::InvalidArgument));
    one.start_bind(at("0.0.0.0:80")).unwrap();
    assert_eq!(one.start_bind(at("0.0.0.0:81")), Err(ErrorCode::ConcurrencyConflict));
    one.finish_bind().unwrap();
    assert_eq!(one.start_bind(at("0.0.0.0:81")), Err(ErrorCode::InvalidState));
    one.listen().unwrap();
    assert!(one.is_listening());
    assert_eq!(one.start_connect(at("127.0.0.1:1")), Err(ErrorCode::InvalidState));
    assert_eq!(one.accept().err(), Some(ErrorCode::WouldBlock));
    assert_eq!(one.shutdown(Shutdown::Both), Err(ErrorCode::InvalidState));
    assert_eq!(one.set_listen_backlog_size(9), Err(ErrorCode::NotSupported));
    assert_eq!(socket(&a).start_bind(at("127.0.0.1:80")), Err(ErrorCode::AddressInUse));
    drop(one);
    assert!(socket(&a).bind(at("127.0.0.1:80")).is_ok());
}

#[tokio::test]
async fn options_are_kept_bounded_and_inherited() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let listening = socket(&a);
    listening.set_hop_limit(7).unwrap();
    listening.set_keep_alive_enabled(true).unwrap();
    listening.set_receive_buffer_size(1).unwrap();
    assert_eq!(listening.receive_buffer_size(), Ok(4096));
    assert_eq!(listening.set_hop_limit(0), Err(ErrorCode::InvalidArgument));
    assert_eq!(listening.set_receive_buffer_size(0), Err(ErrorCode::InvalidArgument));
    listening.bind(at("127.0.0.1:80")).unwrap();
    listening.listen().unwrap();
    let (_, writer) = socket(&a).connect(at("127.0.0.1:80")).await.unwrap();
    let (server, ..) = listening.accept().unwrap();
    assert_eq!((server.hop_limit(), server.keep_alive_enabled()), (Ok(7), Ok(true)));
    assert_eq!(writer.permit(), Ok(4096), "the receiver's buffer bounds the sender");
}

#[tokio::test]
async fn a_full_backlog_makes_clients_wait_their_turn() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let listening = socket(&a);
    listening.set_listen_backlog_size(1).unwrap();
    listening.bind(at("127.0.0.1:80")).unwrap();
    listening.listen().unwrap();
    let first = socket(&a).connect(at("127.0.0.1:80")).await.unwrap();
    let second = socket(&a);
    second.start_connect(at("127.0.0.1:80")).unwrap();
    assert_eq!(second.finish_connect().err(), Some(ErrorCode::WouldBlock));
    let mut waiting = tokio::spawn(async move {
        second.ready().await;
        second.finish_connect().is_ok()
    });
    assert!(futures::poll!(&mut waiting).is_pending());
    let _served = listening.accept().unwrap();
    assert!(waiting.await.unwrap());
    drop(first);
}

#[tokio::test]
async fn closing_a_listener_resets_who_waits_and_refuses_who_queues() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let listening = socket(&a);
    listening.set_listen_backlog_size(1).unwrap();
    listening.bind(at("127.0.0.1:80")).unwrap();
    listening.listen().unwrap();
    let (reader, _writer) = socket(&a).connect(at("127.0.0.1:80")).await.unwrap();
    let queued = socket(&a);
    queued.start_connect(at("127.0.0.1:80")).unwrap();
    let queued = tokio::spawn(async move {
        queued.ready().await;
        queued.finish_connect().err()
    });
    tokio::task::yield_now().await;
    drop(listening);
    assert_eq!(reader.read(1).await.err(), Some(ErrorCode::ConnectionReset));
    assert_eq!(queued.await.unwrap(), Some(ErrorCode::ConnectionRefused));
}

#[tokio::test]
async fn leaving_a_network_resets_its_connections_only() {
    let fabric = fabric();
    let (one, two) = (bridge(&fabric, "one"), bridge(&fabric, "two"));
    let (a, b) = (container(&fabric, "a", &one), container(&fabric, "b", &one));
    a.connect(&two, endpoint("a", &[])).unwrap();
    let c = container(&fabric, "c", &two);
    let over_one = pair(&a, &b).await;
    let over_two = pair(&a, &c).await;
    a.disconnect(one.id()).unwrap();
    assert_eq!(over_one.client_reader.read(1).await.err(), Some(ErrorCode::ConnectionReset));
    assert_eq!(over_one.server_reader.read(1).await.err(), Some(ErrorCode::ConnectionReset));
    over_two.client_writer.write_all("still here".into()).await.unwrap();
    assert_eq!(over_two.server_reader.read(100).await.unwrap(), "still here");
    assert_eq!(socket(&a).connect(SocketAddr::new(address(&b), 7000)).await.err(), Some(ErrorCode::RemoteUnreachable));
}

#[tokio::test]
async fn a_stopped_container_is_gone_for_its_peers() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let (a, b) = (container(&fabric, "a", &network), container(&fabric, "b", &network));
    let pair = pair(&a, &b).await;
    let to = SocketAddr::new(address(&b), 7000);
    let waiting = tokio::spawn({
        let listening = listener(&b, "0.0.0.0:81");
        async move { listening.next_connection().await.err() }
    });
    tokio::task::yield_now().await;
    b.close();
    assert_eq!(pair.client_reader.read(1).await.err(), Some(ErrorCode::ConnectionReset));
    assert_eq!(waiting.await.unwrap(), Some(ErrorCode::InvalidState));
    assert_eq!(socket(&a).connect(to).await.err(), Some(ErrorCode::RemoteUnreachable));
    assert!(TcpSocket::new(&b, Family::Ipv4).is_err());
    assert!(network.endpoints().iter().all(|endpoint| endpoint.container_name() != "b"));
}

#[tokio::test]
async fn quotas_refuse_sockets_and_shrink_buffers_but_never_stall() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let small = Quota { sockets: 3, buffered_bytes: 100_000 };
    let b = fabric.stack(coracle_net::StackOptions { quota: small, ..options("b") });
    b.connect(&network, endpoint("b", &[])).unwrap();
    let listening = listener(&b, "0.0.0.0:80");
    let to = SocketAddr::new(address(&b), 80);
    let (_, first) = socket(&a).connect(to).await.unwrap();
    let (_, second) = socket(&a).connect(to).await.unwrap();
    assert_eq!(socket(&a).connect(to).await.err(), Some(ErrorCode::ConnectionRefused));
    assert_eq!(TcpSocket::new(&b, Family::Ipv4).err(), Some(ErrorCode::NewSocketLimit));

    let fill = |writer: &TcpWriter| {
        let mut total = 0;
        while let Ok(permit @ 1..) = writer.permit() {
            writer.write(Bytes::from(vec![0; permit])).unwrap();
            total += permit;
        }
        total
    };
    assert_eq!(fill(&first), 100_000);
    assert_eq!(fill(&second), 16 << 10, "a connection always has its floor");
    let (_one, reader, _) = listening.accept().unwrap();
    let mut read = 0;
    while read < 100_000 {
        read += reader.try_read(usize::MAX).unwrap().len();
    }
    first.ready().await;
    assert!(fill(&first) > 0);
    drop(listening);
    drop(reader);
    drop(_one);
    assert!(TcpSocket::new(&b, Family::Ipv4).is_ok());
}

#[tokio::test]
async fn a_dual_stack_listener_serves_both_families() {
    let fabric = fabric();
    let mut spec = NetworkSpec::bridge(id("six"), "six");
    spec.ipv6 = true;
    let network = fabric.create_network(spec).unwrap();
    let (a, b) = (container(&fabric, "a", &network), container(&fabric, "b", &network));
    let listening = TcpSocket::new(&b, Family::Ipv6).unwrap();
    listening.set_dual_stack(true).unwrap();
    listening.bind(at("[::]:80")).unwrap();
    listening.listen().unwrap();
    let _four = socket(&a).connect(SocketAddr::new(address(&b), 80)).await.unwrap();
    let (accepted, ..) = listening.accept().unwrap();
    let mapped = match accepted.remote_address().unwrap().ip() {
        IpAddr::V6(ip) => ip.to_ipv4_mapped().map(IpAddr::from),
        IpAddr::V4(_) => None,
    };
    assert_eq!(mapped, Some(address(&a)));
    let six = b.endpoints()[0].ipv6().unwrap().addr();
    let client = TcpSocket::new(&a, Family::Ipv6).unwrap();
    let _six = client.connect(SocketAddr::new(six.into(), 80)).await.unwrap();
    let (accepted, ..) = listening.accept().unwrap();
    assert_eq!(accepted.remote_address().unwrap().ip(), IpAddr::from(a.endpoints()[0].ipv6().unwrap().addr()));
}

#[tokio::test]
async fn netstat_and_stats_tell_what_is_there() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let (a, b) = (container(&fabric, "a", &network), container(&fabric, "b", &network));
    let listening = listener(&b, "0.0.0.0:80");
    listening.set_owner(42);
    let client = socket(&a);
    let (_reader, writer) = client.connect(SocketAddr::new(address(&b), 80)).await.unwrap();
    writer.write_all("12345".into()).await.unwrap();
    let sockets = b.sockets();
    assert_eq!((sockets[0].state, sockets[0].owner, sockets[0].receive_queue), (SocketState::Listen, Some(42), 1));
    assert_eq!((sockets[1].state, sockets[1].receive_queue), (SocketState::Established, 5));
    assert_eq!(sockets[1].remote, Some(client.local_address().unwrap()));
    assert_eq!(a.sockets()[0].send_queue, 5);
    let (name, counters) = &a.counters()[0];
    assert_eq!((name.as_str(), counters.sent_bytes, counters.received_bytes), ("eth0", 5, 0));
    assert_eq!(b.counters()[0].1.received_bytes, 5);
    assert_eq!(a.interfaces().iter().map(|one| one.name.clone()).collect::<Vec<_>>(), ["lo", "eth0"]);
    let routes: Vec<_> = a.routes().iter().map(|route| (route.destination.to_string(), route.gateway)).collect();
    assert_eq!(
        routes,
        [("0.0.0.0/0".to_owned(), Some("172.17.0.1".parse().unwrap())), ("172.17.0.0/16".to_owned(), None)]
    );
}

#[tokio::test]
async fn a_thousand_connections_at_once() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let (a, b) = (container(&fabric, "a", &network), container(&fabric, "b", &network));
    let listening = listener(&b, "0.0.0.0:80");
    let to = SocketAddr::new(address(&b), 80);
    let server = tokio::spawn(async move {
        for _ in 0..1000 {
            let (socket, reader, writer) = listening.next_connection().await.unwrap();
            tokio::spawn(async move {
                let data = read_all(&reader).await;
                writer.write_all(data.into()).await.unwrap();
                drop(socket);
            });
        }
    });
    let clients = (0..1000).map(|number: u32| {
        let a = a.clone();
        tokio::spawn(async move {
            let socket = socket(&a);
            let (reader, writer) = socket.connect(to).await.unwrap();
            writer.write_all(Bytes::from(number.to_be_bytes().to_vec())).await.unwrap();
            socket.shutdown(Shutdown::Send).unwrap();
            assert_eq!(read_all(&reader).await, number.to_be_bytes());
        })
    });
    for outcome in futures::future::join_all(clients).await {
        outcome.unwrap();
    }
    server.await.unwrap();
}
