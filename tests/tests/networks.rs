//! Networks as people use them: the docker CLI, and programs that know nothing but
//! std::net.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use coracle_tests::daemon::Daemon;
use coracle_tests::{docker, probe};

struct World {
    daemon: Daemon,
    directory: tempfile::TempDir,
}

/// What a command of the CLI left behind.
#[derive(Debug)]
struct Said {
    status: Option<i32>,
    out: String,
    err: String,
}

impl World {
    fn new() -> Result<Option<Self>> {
        if docker::docker().is_none() {
            docker::skip("the docker CLI is not installed");
            return Ok(None);
        }
        let Some(file) = probe::build("wasm32-wasip2") else { return Ok(None) };
        let directory = tempfile::tempdir()?;
        let copy = directory.path().join("probe");
        std::fs::copy(file, &copy)?;
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755))?;
        Ok(Some(Self { daemon: Daemon::ephemeral()?, directory }))
    }

    fn docker(&self, arguments: &[&str]) -> Result<Said> {
        let output = docker::run(&self.daemon.docker_host(), arguments, b"")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        Ok(Said { status: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) })
    }

    fn good(&self, arguments: &[&str]) -> Result<String> {
        let said = self.docker(arguments)?;
        ensure!(said.status == Some(0), "docker {arguments:?}: {said:?}");
        Ok(said.out)
    }

    /// Runs the probe in the foreground.
    fn run(&self, options: &[&str], probe: &[&str]) -> Result<Said> {
        let bind = format!("{}:/opt/bin:ro", self.directory.path().display());
        let arguments = [&["run", "--rm", "-v", &bind][..], options, &["busybox", "/opt/bin/probe"], probe].concat();
        self.docker(&arguments)
    }

    /// Runs the probe as a server and waits until it says that it listens.
    fn serve(&self, name: &str, options: &[&str], probe: &[&str]) -> Result<()> {
        let bind = format!("{}:/opt/bin:ro", self.directory.path().display());
        let start = ["run", "-d", "--name", name, "-v", &bind];
        self.good(&[&start[..], options, &["busybox", "/opt/bin/probe"], probe].concat())?;
        let mut logs = Command::new(docker::docker().context("the docker CLI")?)
            .args(["logs", "-f", name])
            .env("DOCKER_HOST", self.daemon.docker_host())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(logs.stdout.take().context("piped")?).read_line(&mut line)?;
        logs.kill()?;
        logs.wait()?;
        ensure!(line == "listening\n", "{name} said {line:?}");
        Ok(())
    }
}

#[test]
fn containers_of_a_network_find_one_another_by_name_and_alias() -> Result<()> {
    let Some(world) = World::new()? else { return Ok(()) };
    world.good(&["network", "create", "net"])?;
    for target in ["web:80", "www:80", "web.net:80"] {
        world.serve("web", &["--network", "net", "--network-alias", "www"], &["serve", "0.0.0.0:80"])?;
        let said = world.run(&["--network", "net"], &["connect", target, "hello"])?;
        assert_eq!((said.out.as_str(), said.status), ("HELLO", Some(0)), "{target}: {said:?}");
        assert_eq!(world.good(&["wait", "web"])?, "0");
        world.good(&["rm", "web"])?;
    }
    world.serve("web", &["--network", "net"], &["serve-datagram", "0.0.0.0:53"])?;
    let said = world.run(&["--network", "net"], &["send-datagram", "web:53", "ping"])?;
    assert_eq!((said.out.as_str(), said.status), ("ping", Some(0)), "{said:?}");
    Ok(())
}

#[test]
fn networks_keep_containers_apart_until_they_are_connected() -> Result<()> {
    let Some(world) = World::new()? else { return Ok(()) };
    world.good(&["network", "create", "one"])?;
    world.good(&["network", "create", "two"])?;
    world.serve("web", &["--network", "one"], &["serve", "0.0.0.0:80"])?;
    let address = world.good(&["inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", "web"])?;
    let by_address = format!("{address}:80");
    let said = world.run(&["--network", "two"], &["connect", &by_address, "x"])?;
    assert!(said.status == Some(1) && said.err.contains("unreachable"), "{said:?}");
    let said = world.run(&["--network", "none"], &["connect", &by_address, "x"])?;
    assert!(said.status == Some(1) && said.err.contains("unreachable"), "{said:?}");
    world.good(&["network", "connect", "--alias", "door", "two", "web"])?;
    let said = world.run(&["--network", "two"], &["connect", "door:80", "open"])?;
    assert_eq!(said.out, "OPEN", "{said:?}");

    world.good(&["rm", "-f", "web"])?;
    world.serve("web", &["--network", "one"], &["serve", "127.0.0.1:80"])?;
    let said = world.run(&["--network", "one"], &["connect", "web:80", "x"])?;
    assert!(said.status == Some(1) && said.err.contains("refused"), "loopback is the container's own: {said:?}");
    let said = world.run(&["--network", "container:web"], &["connect", "localhost:80", "inside"])?;
    assert_eq!(said.out, "INSIDE", "{said:?}");
    let said = world.docker(&["network", "rm", "one"])?;
    assert_eq!(said.status, Some(0), "nobody runs on it any more: {said:?}");
    Ok(())
}

#[test]
fn published_ports_lead_in_and_are_given_back() -> Result<()> {
    let Some(world) = World::new()? else { return Ok(()) };
    world.serve("web", &["-p", "127.0.0.1::80"], &["serve", "0.0.0.0:80"])?;
    let port = world.good(&["port", "web", "80/tcp"])?;
    let mut stream = TcpStream::connect(&port)?;
    stream.write_all(b"from outside")?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert_eq!(answer, "FROM OUTSIDE");
    assert_eq!(world.good(&["wait", "web"])?, "0");
    assert!(TcpStream::connect(&port).is_err(), "a stopped container publishes nothing");

    let publish = format!("{port}:80");
    world.serve("again", &["-p", &publish], &["serve", "0.0.0.0:80"])?;
    let said = world.docker(&["run", "--rm", "-p", &publish, "busybox", "true"])?;
    assert_eq!(said.status, Some(125));
    assert!(said.err.contains(&format!("Bind for {port} failed: port is already allocated")), "{said:?}");

    world.serve("datagrams", &["-p", "127.0.0.1::53/udp"], &["serve-datagram", "0.0.0.0:53"])?;
    let port = world.good(&["port", "datagrams", "53/udp"])?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.send_to(b"ping", &port)?;
    let mut buffer = [0; 100];
    let (length, from) = socket.recv_from(&mut buffer)?;
    assert_eq!((&buffer[..length], from.to_string()), (&b"ping"[..], port));
    Ok(())
}

#[test]
fn the_host_network_is_the_hosts() -> Result<()> {
    let Some(world) = World::new()? else { return Ok(()) };
    let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    world.serve("web", &["--network", "host"], &["serve", &free])?;
    let said = world.run(&["--network", "host"], &["connect", &free, "hello"])?;
    assert_eq!(said.out, "HELLO", "{said:?}");
    Ok(())
}

#[test]
fn the_files_about_names_are_dockers() -> Result<()> {
    let Some(world) = World::new()? else { return Ok(()) };
    world.good(&["network", "create", "--subnet", "10.231.0.0/16", "net"])?;
    let options = ["--network", "net", "--ip", "10.231.7.7", "--hostname", "box", "--add-host", "db:10.1.2.3"];
    let said = world.docker(&[&["run", "--rm"][..], &options, &["busybox", "cat", "/etc/hosts"]].concat())?;
    assert!(said.out.contains("\n10.1.2.3\tdb\n10.231.7.7\tbox"), "{said:?}");
    let said = world.docker(&["run", "--rm", "--network", "net", "busybox", "cat", "/etc/resolv.conf"])?;
    assert!(said.out.contains("\nnameserver 127.0.0.11\noptions ndots:0\n"), "{said:?}");
    let said = world.docker(&["run", "--rm", "--network", "net", "--ip", "10.0.0.1", "busybox", "true"])?;
    assert!(
        said.err.contains(
            "invalid config for network net: invalid endpoint settings:\nno configured subnet or ip-range contain the IP address 10.0.0.1"
        ),
        "{said:?}"
    );
    Ok(())
}
