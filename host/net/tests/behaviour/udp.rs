use std::net::SocketAddr;

use bytes::Bytes;
use coracle_net::{ErrorCode, OutgoingDatagram, UdpReceiver, UdpSender, UdpSocket};

use super::*;

pub(crate) struct Udp {
    pub(crate) socket: UdpSocket,
    pub(crate) receiver: UdpReceiver,
    pub(crate) sender: UdpSender,
}

pub(crate) fn udp(stack: &Arc<Stack>, local: &str) -> Udp {
    let socket = UdpSocket::new(stack, Family::of(at(local).ip())).unwrap();
    socket.bind(at(local)).unwrap();
    let (receiver, sender) = socket.stream(None).unwrap();
    Udp { socket, receiver, sender }
}

pub(crate) fn datagram(data: &str, to: Option<SocketAddr>) -> OutgoingDatagram {
    OutgoingDatagram { data: Bytes::copy_from_slice(data.as_bytes()), destination: to }
}

#[tokio::test]
async fn datagrams_arrive_whole_with_their_source() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let (a, b) = (container(&fabric, "a", &network), container(&fabric, "b", &network));
    let (one, two) = (udp(&a, "0.0.0.0:0"), udp(&b, "0.0.0.0:53"));
    let to = Some(SocketAddr::new(address(&b), 53));
    assert_eq!(one.sender.send(vec![datagram("first", to), datagram("", to), datagram("third", to)]), Ok(3));
    let got = two.receiver.receive(10).unwrap();
    assert_eq!(got.iter().map(|one| &one.data[..]).collect::<Vec<_>>(), [&b"first"[..], b"", b"third"]);
    let source = SocketAddr::new(address(&a), one.socket.local_address().unwrap().port());
    assert!(got.iter().all(|datagram| datagram.source == source));
    two.sender.send(vec![datagram("back", Some(source))]).unwrap();
    assert_eq!(one.receiver.next_datagram().await.unwrap().data, "back");
}

#[tokio::test]
async fn a_connected_socket_hears_its_peer_only_and_learns_of_closed_ports() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let (a, b) = (container(&fabric, "a", &network), container(&fabric, "b", &network));
    let (one, two, three) = (udp(&a, "0.0.0.0:1000"), udp(&b, "0.0.0.0:2000"), udp(&b, "0.0.0.0:3000"));
    let (here, there) = (SocketAddr::new(address(&a), 1000), SocketAddr::new(address(&b), 2000));
    three.sender.send(vec![datagram("before", Some(here))]).unwrap();
    let (receiver, sender) = one.socket.stream(Some(there)).unwrap();
    assert_eq!(one.socket.remote_address(), Ok(there));
    assert_eq!(one.socket.local_address(), Ok(here));
    three.sender.send(vec![datagram("stranger", Some(here))]).unwrap();
    two.sender.send(vec![datagram("peer", Some(here))]).unwrap();
    let got = receiver.receive(10).unwrap();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].data, "peer");
    assert_eq!(sender.send(vec![datagram("x", Some(at("172.17.0.9:1")))]), Err(ErrorCode::InvalidArgument));
    sender.send(vec![datagram("hello", None)]).unwrap();
    assert_eq!(two.receiver.receive(10).unwrap().len(), 1);
    drop(two);
    sender.send(vec![datagram("anyone?", None)]).unwrap();
    assert_eq!(receiver.receive(10), Err(ErrorCode::ConnectionRefused));
    assert_eq!(receiver.receive(10), Ok(Vec::new()), "told once");
}

#[tokio::test]
async fn limits_of_size_and_queue_hold() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let (one, two) = (udp(&a, "127.0.0.1:0"), udp(&a, "127.0.0.1:2000"));
    let to = Some(at("127.0.0.1:2000"));
    let big = |length| OutgoingDatagram { data: Bytes::from(vec![1; length]), destination: to };
    assert_eq!(one.sender.send(vec![big(65_508)]), Err(ErrorCode::DatagramTooLarge));
    assert_eq!(one.sender.send(vec![big(65_507)]), Ok(1));
    for _ in 0..100 {
        one.sender.send(vec![big(65_507)]).unwrap();
    }
    assert_eq!(two.receiver.receive(1000).unwrap().len(), 3, "212,992 bytes hold three");
    assert_eq!(one.sender.send(vec![big(1)]), Ok(1));
    assert_eq!(two.receiver.receive(1000).unwrap().len(), 1);
    assert!(futures::poll!(std::pin::pin!(two.receiver.ready())).is_pending());
}

#[tokio::test]
async fn ports_are_exclusive_and_given_back() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let one = udp(&a, "0.0.0.0:53");
    let clash = UdpSocket::new(&a, Family::Ipv4).unwrap();
    assert_eq!(clash.start_bind(at("127.0.0.1:53")), Err(ErrorCode::AddressInUse));
    drop(one);
    assert_eq!(clash.bind(at("127.0.0.1:53")), Ok(()));
    assert_eq!(a.sockets().len(), 1);
}

#[tokio::test]
async fn sending_nowhere_is_told() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let one = udp(&a, "0.0.0.0:0");
    let send = |to: &str| one.sender.send(vec![datagram("x", Some(at(to)))]);
    assert_eq!(send("172.17.50.50:1"), Err(ErrorCode::RemoteUnreachable));
    assert_eq!(send("0.0.0.0:1"), Err(ErrorCode::InvalidArgument));
    assert_eq!(send("172.17.0.2:0"), Err(ErrorCode::InvalidArgument));
    assert_eq!(send("[::1]:1"), Err(ErrorCode::InvalidArgument));
    assert_eq!(one.sender.send(vec![datagram("x", None)]), Err(ErrorCode::InvalidArgument));
    a.close();
    assert_eq!(one.sender.permit(), Err(ErrorCode::InvalidState));
    assert!(one.receiver.receive(1).is_err());
}
