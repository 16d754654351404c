use coracle_net::{Driver, FabricError, FabricErrorKind, IpamConfig, Mode, StackOptions};

use super::*;

fn with_subnet(name: &str, subnet: &str, gateway: &str) -> NetworkSpec {
    let entry = IpamConfig { subnet: subnet.into(), gateway: gateway.into(), ..IpamConfig::default() };
    NetworkSpec { ipam: vec![entry], ..NetworkSpec::bridge(id(name), name) }
}

#[tokio::test]
async fn networks_get_dockers_subnets_and_containers_the_lowest_address() {
    let fabric = fabric();
    let one = bridge(&fabric, "one");
    assert_eq!(one.ipv4().unwrap().0.to_string(), "172.17.0.0/16");
    assert_eq!(one.ipv4().unwrap().1.to_string(), "172.17.0.1");
    assert_eq!(bridge(&fabric, "two").ipv4().unwrap().0.to_string(), "172.18.0.0/16");
    let a = container(&fabric, "a", &one);
    let b = container(&fabric, "b", &one);
    assert_eq!((address(&a).to_string(), address(&b).to_string()), ("172.17.0.2".into(), "172.17.0.3".into()));
    drop(a);
    assert_eq!(address(&container(&fabric, "c", &one)).to_string(), "172.17.0.2");
}

#[tokio::test]
async fn refusals_are_dockers() {
    let fabric = fabric();
    let one = bridge(&fabric, "one");
    let refuse = |spec: NetworkSpec| {
        let error = fabric.create_network(spec).err().unwrap();
        (error.to_string(), error.kind())
    };
    let (text, kind) = refuse(NetworkSpec::bridge(id("x"), "one"));
    assert_eq!((text.as_str(), kind), ("network with name one already exists", FabricErrorKind::Conflict));
    let (text, kind) = refuse(with_subnet("x", "172.17.128.0/24", ""));
    assert_eq!(text, "invalid pool request: Pool overlaps with other one on this address space");
    assert_eq!(kind, FabricErrorKind::Forbidden);
    assert_eq!(
        refuse(with_subnet("x", "10.12.0.0/16", "10.12.0.0")).0,
        "failed to allocate gateway (10.12.0.0): Address already in use"
    );
    let mut both = with_subnet("x", "10.1.0.0/16", "");
    both.ipam.extend(with_subnet("x", "10.2.0.0/16", "").ipam);
    assert_eq!(refuse(both).0, "bridge driver doesn't support multiple subnets");
    let mut neither = NetworkSpec::bridge(id("x"), "x");
    neither.ipv4 = false;
    assert_eq!(refuse(neither).0, "IPv4 or IPv6 must be enabled");
    fabric.create_network(NetworkSpec { driver: Driver::Host, ..NetworkSpec::bridge(id("host"), "host") }).unwrap();
    let second = NetworkSpec { driver: Driver::Host, ..NetworkSpec::bridge(id("h2"), "h2") };
    assert_eq!(refuse(second).0, "only one instance of \"host\" network is allowed");
    // What failed has kept nothing.
    assert!(fabric.create_network(with_subnet("y", "10.12.0.0/16", "")).is_ok());

    let a = container(&fabric, "a", &one);
    let error = fabric.remove_network(one.id()).unwrap_err().to_string();
    let short = &id("endpoint of a")[..12];
    assert_eq!(
        error,
        format!("error while removing network: network one has active endpoints (name:\"a\" id:\"{short}\")")
    );
    assert_eq!(
        a.connect(&one, endpoint("a", &[])).unwrap_err().to_string(),
        "endpoint with name a already exists in network one"
    );
    a.disconnect(one.id()).unwrap();
    assert_eq!(
        a.disconnect(one.id()).unwrap_err().to_string(),
        format!("container {} is not connected to network one", id("a"))
    );
    fabric.remove_network(one.id()).unwrap();
    assert!(matches!(a.connect(&one, endpoint("a", &[])), Err(FabricError::NetworkNotFound(_))));
}

#[tokio::test]
async fn chosen_addresses_need_a_chosen_subnet() {
    let fabric = fabric();
    let automatic = bridge(&fabric, "automatic");
    let chosen = fabric.create_network(with_subnet("chosen", "10.40.0.0/16", "")).unwrap();
    let a = fabric.stack(options("a"));
    let want = |ip: &str| EndpointSpec { ipv4: Some(ip.parse().unwrap()), ..endpoint("a", &[]) };
    assert_eq!(
        a.connect(&automatic, want("172.17.0.9")).unwrap_err().to_string(),
        "invalid endpoint settings:\nuser specified IP address is supported only when connecting to networks with user configured subnets"
    );
    assert_eq!(
        a.connect(&chosen, want("10.0.0.5")).unwrap_err().to_string(),
        "invalid endpoint settings:\nno configured subnet or ip-range contain the IP address 10.0.0.5"
    );
    assert_eq!(a.connect(&chosen, want("10.40.0.1")).unwrap_err().to_string(), "Address already in use");
    let endpoint = a.connect(&chosen, want("10.40.7.7")).unwrap();
    assert_eq!(endpoint.ipv4().unwrap().to_string(), "10.40.7.7/16");
    assert_eq!(endpoint.interface(), "eth0");
}

#[tokio::test]
async fn a_restored_network_is_the_same_and_inspect_shows_what_docker_shows() {
    let former = fabric();
    let mut spec = with_subnet("net", "10.40.0.0/16", "");
    spec.ipv6 = true;
    let network = former.create_network(spec.clone()).unwrap();
    let shown = network.ipam_config();
    assert_eq!((shown[0].subnet.as_str(), shown[0].gateway.as_str()), ("10.40.0.0/16", ""));
    assert!(shown[1].subnet.starts_with("fd") && shown[1].gateway.ends_with("::1"));
    let again = NetworkSpec { ipam: network.allotted(), ..spec };
    let restored = fabric().create_network(again).unwrap();
    assert_eq!((restored.ipv4(), restored.ipv6()), (network.ipv4(), network.ipv6()));
}

#[tokio::test]
async fn interfaces_are_numbered_and_the_default_route_chosen_as_docker_does() {
    let fabric = fabric();
    let (zebra, ant) = (bridge(&fabric, "zebra"), bridge(&fabric, "ant"));
    let mut inside = NetworkSpec::bridge(id("inside"), "aaa");
    inside.internal = true;
    let inside = fabric.create_network(inside).unwrap();
    let a = container(&fabric, "a", &zebra);
    a.connect(&inside, endpoint("a", &[])).unwrap();
    assert_eq!(a.routes()[0].gateway, Some("172.17.0.1".parse().unwrap()), "internal networks have no way out");
    a.connect(&ant, endpoint("a", &[])).unwrap();
    assert_eq!(a.routes()[0].gateway, Some("172.18.0.1".parse().unwrap()), "by name");
    a.disconnect(ant.id()).unwrap();
    a.disconnect(inside.id()).unwrap();
    let preferred = EndpointSpec { gateway_priority: -1, ..endpoint("a", &[]) };
    let endpoint = a.connect(&ant, preferred).unwrap();
    assert_eq!(endpoint.interface(), "eth1", "the lowest free number");
    assert_eq!(a.routes()[0].gateway, Some("172.17.0.1".parse().unwrap()), "by priority");
}

#[tokio::test]
async fn host_and_null_networks_take_no_addresses() {
    let fabric = fabric();
    let host =
        fabric.create_network(NetworkSpec { driver: Driver::Host, ..NetworkSpec::bridge(id("host"), "host") }).unwrap();
    let none =
        fabric.create_network(NetworkSpec { driver: Driver::Null, ..NetworkSpec::bridge(id("none"), "none") }).unwrap();
    let net = bridge(&fabric, "net");
    let a = fabric.stack(options("a"));
    assert_eq!(a.connect(&none, endpoint("a", &[])).unwrap().ipv4(), None);
    assert_eq!(a.interfaces().len(), 1);
    assert_eq!(
        a.connect(&net, endpoint("a", &[])).unwrap_err().to_string(),
        "container cannot be connected to multiple networks with one of the networks in private (none) mode"
    );
    assert_eq!(
        a.connect(&host, endpoint("a", &[])).unwrap_err().to_string(),
        "cannot connect container to host network - container must be created in host network mode"
    );
    let b = fabric.stack(StackOptions { mode: Mode::Host, ..options("b") });
    assert!(b.connect(&host, endpoint("b", &[])).is_ok());
    assert!(b.connect(&net, endpoint("b", &[])).is_err());
}

#[tokio::test]
async fn without_inter_container_traffic_only_links_pass() {
    let fabric = fabric();
    let mut spec = NetworkSpec::bridge(id("apart"), "apart");
    spec.inter_container = false;
    let network = fabric.create_network(spec).unwrap();
    let (a, b) = (container(&fabric, "a", &network), container(&fabric, "b", &network));
    let c = fabric.stack(options("c"));
    c.connect(&network, EndpointSpec { links: vec![("b".into(), "db".into())], ..endpoint("c", &[]) }).unwrap();
    let _listening = listener(&b, "0.0.0.0:80");
    let to = SocketAddr::new(address(&b), 80);
    assert!(socket(&a).connect(to).await.is_err());
    assert!(socket(&c).connect(to).await.is_ok());
}
