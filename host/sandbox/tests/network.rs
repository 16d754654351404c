//! Programs that know nothing but std::net, in containers of one network.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by panicking"
)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use common::{Ended, World};
use coracle_kernel::{ExitStatus, Extensions, Limits};
use coracle_net::{EndpointSpec, Fabric, FabricOptions, Network, NetworkSpec, Stack, StackOptions};

/// `guests/probe` as a component; none, said aloud, where the compiler has no wasip2.
fn probe() -> Option<Vec<u8>> {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guests");
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().unwrap();
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    if !sysroot.join("lib/rustlib/wasm32-wasip2/lib").is_dir() {
        eprintln!("SKIPPED: no Rust standard library for wasm32-wasip2 (rustup target add wasm32-wasip2)");
        return None;
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--release", "-p", "probe", "--target", "wasm32-wasip2"]);
    assert!(cargo.current_dir(&guests).env_remove("CARGO_TARGET_DIR").status().unwrap().success());
    Some(std::fs::read(guests.join("target/wasm32-wasip2/release/probe.wasm")).unwrap())
}

struct Net {
    fabric: Fabric,
    network: Arc<Network>,
    probe: Vec<u8>,
}

impl Net {
    fn new() -> Option<Self> {
        let probe = probe()?;
        let fabric = Fabric::new(FabricOptions::new(tokio::runtime::Handle::current()));
        let network = fabric.create_network(NetworkSpec::bridge("1".repeat(64), "net")).unwrap();
        Some(Self { fabric, network, probe })
    }

    fn container(&self, name: &str) -> (World, Arc<Stack>) {
        let id = format!("{name:0<64}");
        let stack =
            self.fabric.stack(StackOptions { id: id.clone(), name: name.to_owned(), ..StackOptions::default() });
        stack.connect(&self.network, EndpointSpec { id, ..EndpointSpec::default() }).unwrap();
        let mut extensions = Extensions::default();
        extensions.insert(Arc::clone(&stack));
        let world = World::with(Limits::default(), extensions, |options| options);
        world.install("/probe", &self.probe);
        (world, stack)
    }
}

/// Runs a server until it says that it listens, then the client, then both to their ends.
async fn talk(server: &World, serve: &[&str], client: &World, call: &[&str]) -> (Ended, Ended) {
    let started = server.start(serve).await.unwrap();
    let first = started.stdout.read(None, 100).await.unwrap();
    assert_eq!(first, "listening\n");
    let called = client.run(call, b"").await;
    (called, started.finish(b"").await)
}

#[tokio::test]
async fn std_net_streams_reach_the_other_container_by_name() {
    let Some(net) = Net::new() else { return };
    let ((server, _a), (client, b)) = (net.container("server"), net.container("client"));
    let (called, served) = talk(
        &server,
        &["/probe", "serve", "0.0.0.0:8080"],
        &client,
        &["/probe", "connect", "server:8080", "hello over there"],
    )
    .await;
    assert_eq!((called.out(), called.status), ("HELLO OVER THERE\n", ExitStatus::Exited(0)), "{called:?}");
    assert_eq!(served.status, ExitStatus::Exited(0), "{served:?}");
    assert_eq!(b.counters()[0].1.sent_bytes, 16);
    assert!(b.sockets().is_empty(), "a program that ended has left nothing open");
}

#[tokio::test]
async fn std_net_datagrams_go_there_and_back() {
    let Some(net) = Net::new() else { return };
    let ((server, _a), (client, _b)) = (net.container("server"), net.container("client"));
    let (called, served) = talk(
        &server,
        &["/probe", "serve-datagram", "0.0.0.0:5353"],
        &client,
        &["/probe", "send-datagram", "server:5353", "ping"],
    )
    .await;
    assert_eq!((called.out(), called.status), ("ping\n", ExitStatus::Exited(0)), "{called:?}");
    assert_eq!(served.status, ExitStatus::Exited(0), "{served:?}");
}

#[tokio::test]
async fn errors_are_what_std_calls_them() {
    let Some(net) = Net::new() else { return };
    let (world, stack) = net.container("alone");
    let failure = async |to: &str| {
        let ended = world.run(&["/probe", "connect", to, "x"], b"").await;
        assert_eq!(ended.status, ExitStatus::Exited(1));
        String::from_utf8_lossy(&ended.stderr).into_owned()
    };
    let refused = failure("127.0.0.1:9").await;
    assert!(refused.contains("refused"), "{refused}");
    let unreachable = failure("172.17.99.99:9").await;
    assert!(unreachable.contains("unreachable"), "{unreachable}");
    stack.disconnect(net.network.id()).unwrap();
    let unresolvable = failure("server:9").await;
    assert!(!unresolvable.contains("refused"), "{unresolvable}");
}

#[tokio::test]
async fn a_killed_server_frees_its_port() {
    let Some(net) = Net::new() else { return };
    let (world, stack) = net.container("server");
    for _ in 0..2 {
        let started = world.start(&["/probe", "serve", "0.0.0.0:8080"]).await.unwrap();
        assert_eq!(started.stdout.read(None, 100).await.unwrap(), "listening\n");
        world.container.signal(started.process.pid(), coracle_kernel::Signal::KILL).unwrap();
        started.process.exited().await;
    }
    assert!(stack.sockets().is_empty());
}
