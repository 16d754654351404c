use std::collections::HashSet;

use coracle_net::{ErrorCode, ExtraHost, Shutdown, StackOptions};
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

use super::udp::{Udp, udp};
use super::*;

async fn addresses(stack: &Arc<Stack>, name: &str) -> Vec<String> {
    stack.lookup(name).await.unwrap().iter().map(ToString::to_string).collect()
}

fn question(name: &str, kind: RecordType) -> Vec<u8> {
    let mut query = Message::query();
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    query.to_vec().unwrap()
}

async fn ask(socket: &Udp, bytes: Vec<u8>) -> Message {
    let server = Some(at("127.0.0.11:53"));
    let sent = coracle_net::OutgoingDatagram { data: bytes.into(), destination: server };
    socket.sender.send(vec![sent]).unwrap();
    let answer = socket.receiver.next_datagram().await.unwrap();
    assert_eq!(Some(answer.source), server);
    Message::from_vec(&answer.data).unwrap()
}

#[tokio::test]
async fn user_networks_serve_names_aliases_ids_and_host_names() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let web = fabric.stack(StackOptions { hostname: "frontend".into(), ..options("web") });
    let endpoint = web.connect(&network, endpoint("web", &["www", "service"])).unwrap();
    assert_eq!(endpoint.dns_names(), ["web", "www", "service", &id("web")[..12], "frontend"]);
    for name in ["web", "WEB", "web.", "www", "service", &id("web")[..12], "frontend", "web.net", "www.net"] {
        assert_eq!(addresses(&a, name).await, ["172.17.0.3"], "{name}");
    }
    web.rename("site");
    assert_eq!(addresses(&a, "site").await, ["172.17.0.3"]);
    web.disconnect(network.id()).unwrap();
    assert!(network.endpoints().iter().all(|endpoint| endpoint.container_name() != "site"));
}

#[tokio::test]
async fn several_holders_of_a_name_take_turns() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let stacks: Vec<_> = ["x", "y", "z"]
        .into_iter()
        .map(|name| {
            let stack = fabric.stack(options(name));
            stack.connect(&network, endpoint(name, &["service"])).unwrap();
            stack
        })
        .collect();
    let mut first = HashSet::new();
    for _ in 0..3 {
        let all = addresses(&a, "service").await;
        assert_eq!(all.len(), 3);
        first.insert(all[0].clone());
    }
    assert_eq!(first.len(), 3);
    drop(stacks);
}

#[tokio::test]
async fn names_stay_on_their_network_and_off_the_default_bridge() {
    let fabric = fabric();
    let mut spec = NetworkSpec::bridge(id("bridge"), "bridge");
    spec.default_bridge = true;
    let default = fabric.create_network(spec).unwrap();
    let network = bridge(&fabric, "net");
    let (a, b) = (container(&fabric, "a", &default), container(&fabric, "b", &default));
    let c = container(&fabric, "c", &network);
    assert!(a.endpoints()[0].dns_names().is_empty());
    let found = async |stack: &Arc<Stack>, name: &str| {
        let mut stream = stack.resolve_addresses(name).unwrap();
        stream.ready().await;
        stream.next_address().ok().flatten()
    };
    assert_eq!(found(&a, "b.invalid").await, None);
    assert_eq!(found(&c, "a.net").await, None);
    let linked = fabric.stack(options("linked"));
    linked
        .connect(&default, EndpointSpec { links: vec![("b".into(), "db".into())], ..endpoint("linked", &[]) })
        .unwrap();
    assert_eq!(found(&linked, "db").await, Some(address(&b)));
    assert!(linked.hosts_file().contains(&format!("172.17.0.3\tdb {} b\n", &id("b")[..12])));
}

#[tokio::test]
async fn the_hosts_file_and_the_resolver_agree() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let extra = vec![
        ExtraHost { name: "db.local".into(), address: Some("10.1.2.3".parse().unwrap()) },
        ExtraHost { name: "host".into(), address: None },
    ];
    let a = fabric.stack(StackOptions {
        extra_hosts: extra,
        hostname: "box".into(),
        domain: "example.org".into(),
        ..options("a")
    });
    a.connect(&network, endpoint("a", &[])).unwrap();
    assert_eq!(
        a.hosts_file(),
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n\
         ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n\
         10.1.2.3\tdb.local\n172.17.0.1\thost\n172.17.0.2\tbox.example.org box\n"
    );
    assert_eq!(addresses(&a, "db.local").await, ["10.1.2.3"]);
    assert_eq!(addresses(&a, "host").await, ["172.17.0.1"]);
    assert_eq!(addresses(&a, "host.docker.internal").await, ["172.17.0.1"]);
    assert_eq!(addresses(&a, "box.example.org").await, ["172.17.0.2"]);
    assert_eq!(addresses(&a, "localhost").await, ["127.0.0.1", "::1"]);
    assert_eq!(addresses(&a, "192.0.2.9").await, ["192.0.2.9"]);
    assert!(a.resolver_file().contains("\nnameserver 127.0.0.11\noptions ndots:0\n"));
    assert_eq!(a.resolve_addresses("not a name").err(), Some(ErrorCode::InvalidArgument));
}

#[tokio::test]
async fn search_domains_are_tried_and_written_down() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = fabric.stack(StackOptions {
        search: vec!["net".into()],
        resolver_options: vec!["ndots:2".into(), "timeout:1".into()],
        ..options("a")
    });
    a.connect(&network, endpoint("a", &[])).unwrap();
    assert!(a.resolver_file().contains("\nsearch net\noptions ndots:2 timeout:1\n"));
    let _b = container(&fabric, "b", &network);
    assert_eq!(addresses(&a, "b").await, ["172.17.0.3"]);
}

#[tokio::test]
async fn without_a_way_out_the_world_is_not_asked() {
    let fabric = fabric();
    let mut spec = NetworkSpec::bridge(id("inside"), "inside");
    spec.internal = true;
    let network = fabric.create_network(spec).unwrap();
    let a = container(&fabric, "a", &network);
    let _b = container(&fabric, "b", &network);
    assert_eq!(addresses(&a, "b").await, ["172.17.0.3"]);
    assert_eq!(a.lookup("example.org").await, Err(ErrorCode::TemporaryResolverFailure));
    let answer = ask(&udp(&a, "0.0.0.0:0"), question("example.org.", RecordType::A)).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
}

#[tokio::test]
async fn the_name_server_answers_over_udp() {
    let fabric = fabric();
    let mut spec = NetworkSpec::bridge(id("net"), "net");
    spec.ipv6 = true;
    let network = fabric.create_network(spec).unwrap();
    let (a, b) = (container(&fabric, "a", &network), container(&fabric, "b", &network));
    let socket = udp(&a, "0.0.0.0:0");
    let answer = ask(&socket, question("B.", RecordType::A)).await;
    assert_eq!(answer.answers.len(), 1);
    assert_eq!((answer.answers[0].ttl, &answer.answers[0].data), (600, &RData::A("172.17.0.3".parse().unwrap())));
    let six = b.endpoints()[0].ipv6().unwrap().addr();
    let answer = ask(&socket, question("b.", RecordType::AAAA)).await;
    assert_eq!(answer.answers[0].data, RData::AAAA(six.into()));
    let answer = ask(&socket, question("b.", RecordType::MX)).await;
    assert_eq!((answer.metadata.response_code, answer.answers.len()), (ResponseCode::NoError, 0));
    let answer = ask(&socket, question("3.0.17.172.in-addr.arpa.", RecordType::PTR)).await;
    assert!(matches!(&answer.answers[0].data, RData::PTR(name) if name.0.to_ascii() == "b.net."));
    assert_eq!(a.reverse(address(&b)).await, Ok("b.net".to_owned()));

    let mut two = Message::query();
    two.add_query(Query::query(Name::from_ascii("b.").unwrap(), RecordType::A));
    two.add_query(Query::query(Name::from_ascii("a.").unwrap(), RecordType::A));
    assert_eq!(ask(&socket, two.to_vec().unwrap()).await.metadata.response_code, ResponseCode::FormErr);
}

#[tokio::test]
async fn answers_too_long_for_a_datagram_are_had_over_tcp() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let a = container(&fabric, "a", &network);
    let many: Vec<_> = (0..60)
        .map(|number| {
            let name = format!("worker{number}");
            let stack = fabric.stack(options(&name));
            stack.connect(&network, endpoint(&name, &["worker"])).unwrap();
            stack
        })
        .collect();
    let answer = ask(&udp(&a, "0.0.0.0:0"), question("worker.", RecordType::A)).await;
    assert!(answer.metadata.truncation && answer.answers.is_empty());
    let client = socket(&a);
    let (reader, writer) = client.connect(at("127.0.0.11:53")).await.unwrap();
    let query = question("worker.", RecordType::A);
    let mut framed = (query.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(&query);
    // In two pieces, as a stream may be cut.
    writer.write_all(framed[..5].to_vec().into()).await.unwrap();
    writer.write_all(framed[5..].to_vec().into()).await.unwrap();
    client.shutdown(Shutdown::Send).unwrap();
    let answer = read_all(&reader).await;
    assert_eq!(usize::from(u16::from_be_bytes([answer[0], answer[1]])), answer.len() - 2);
    assert_eq!(Message::from_vec(&answer[2..]).unwrap().answers.len(), 60);
    drop(many);
}

#[tokio::test]
async fn what_the_fabric_does_not_know_goes_to_the_configured_server() {
    let upstream = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut fabric_options = coracle_net::FabricOptions::new(tokio::runtime::Handle::current());
    fabric_options.name_servers = vec![upstream.local_addr().unwrap()];
    let fabric = Fabric::new(fabric_options);
    let server = tokio::spawn(async move {
        let mut buffer = vec![0; 2048];
        loop {
            let (length, from) = upstream.recv_from(&mut buffer).await.unwrap();
            let query = Message::from_vec(&buffer[..length]).unwrap();
            let name = query.queries[0].name().clone();
            let mut answer = query.clone();
            answer.metadata.message_type = hickory_proto::op::MessageType::Response;
            if name.to_ascii() == "known.example." {
                if query.queries[0].query_type() == RecordType::A {
                    let data = RData::A("192.0.2.77".parse().unwrap());
                    answer.add_answer(hickory_proto::rr::Record::from_rdata(name, 5, data));
                }
            } else {
                answer.metadata.response_code = ResponseCode::NXDomain;
            }
            upstream.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
        }
    });
    let network = bridge(&fabric, "net");
    let policy = coracle_net::OutboundPolicy::Only(vec!["known.example:80".parse().unwrap()]);
    let a = fabric.stack(StackOptions { policy, ..options("a") });
    a.connect(&network, endpoint("a", &[])).unwrap();
    let free = container(&fabric, "free", &network);

    assert_eq!(addresses(&free, "known.example").await, ["192.0.2.77"]);
    assert_eq!(free.lookup("unknown.example").await, Err(ErrorCode::NameUnresolvable));
    let answer = ask(&udp(&free, "0.0.0.0:0"), question("known.example.", RecordType::A)).await;
    assert_eq!(answer.answers[0].ttl, 5, "passed on as it came");

    // A rule by name lets pass what that name resolved to, and nothing else.
    let connect = async |to: &str| {
        let socket = socket(&a);
        socket.start_connect(at(to)).unwrap();
        socket.finish_connect().err()
    };
    assert_eq!(connect("192.0.2.77:80").await, Some(ErrorCode::AccessDenied));
    assert_eq!(addresses(&a, "known.example").await, ["192.0.2.77"]);
    assert_ne!(connect("192.0.2.77:80").await, Some(ErrorCode::AccessDenied));
    assert_eq!(connect("192.0.2.77:81").await, Some(ErrorCode::AccessDenied));
    assert_eq!(a.lookup("unknown.example").await, Err(ErrorCode::NameUnresolvable), "not even asked");
    let refused = ask(&udp(&a, "0.0.0.0:0"), question("unknown.example.", RecordType::A)).await;
    assert_eq!(refused.metadata.response_code, ResponseCode::Refused);
    server.abort();
}

#[tokio::test]
async fn a_rule_may_name_the_host() {
    let fabric = fabric();
    let network = bridge(&fabric, "net");
    let policy = coracle_net::OutboundPolicy::Only(vec!["host.docker.internal:80".parse().unwrap()]);
    let a = fabric.stack(StackOptions { policy, ..options("a") });
    a.connect(&network, endpoint("a", &[])).unwrap();
    let outcome = async || socket(&a).connect(at("172.17.0.1:80")).await.err();
    assert_eq!(outcome().await, Some(ErrorCode::AccessDenied));
    assert_eq!(addresses(&a, "host.docker.internal").await, ["172.17.0.1"]);
    assert_ne!(outcome().await, Some(ErrorCode::AccessDenied));
}

#[tokio::test]
async fn nothing_sent_to_the_name_server_hurts_it() {
    let fabric = fabric();
    let mut spec = NetworkSpec::bridge(id("inside"), "inside");
    spec.internal = true;
    let network = fabric.create_network(spec).unwrap();
    let a = container(&fabric, "a", &network);
    let socket = udp(&a, "0.0.0.0:0");
    let good = question("a.", RecordType::A);
    for cut in 0..good.len() {
        let mut broken = good[..cut].to_vec();
        for byte in [0, 0xc0, 0xff] {
            broken.push(byte);
            let data = broken.clone().into();
            let datagram = coracle_net::OutgoingDatagram { data, destination: Some(at("127.0.0.11:53")) };
            socket.sender.send(vec![datagram]).unwrap();
        }
    }
    let client = super::socket(&a);
    let (reader, writer) = client.connect(at("127.0.0.11:53")).await.unwrap();
    writer.write_all(vec![0xff; 70_000].into()).await.unwrap();
    client.shutdown(Shutdown::Send).unwrap();
    let _ = reader.read(1).await;
    let fresh = udp(&a, "0.0.0.0:0");
    assert_eq!(ask(&fresh, good).await.answers.len(), 1);
}
