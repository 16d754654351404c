//! `make bench`: the rows of docs/budgets.md with today's figures.
//!
//! Every figure is a median over the Docker Engine API (one client, kept-alive
//! connections) or, for the rows inside a container, the time of an exec next to
//! the same command run by a native BusyBox. With REFERENCE_HOST set the same
//! requests go to a real engine for its column.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use coracle_tests::daemon::Daemon;
use serde_json::{Value, json};

/// One kept-alive connection.
struct Client {
    socket: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Client {
    fn connect(socket: &Path) -> Result<Self> {
        Ok(Self { socket: socket.to_owned(), stream: BufReader::new(UnixStream::connect(socket)?) })
    }

    /// Sends a request and reads its whole answer.
    fn call(&mut self, method: &str, path: &str, body: &str) -> Result<(u16, Vec<u8>)> {
        let content = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let request = format!(
            "{method} /v1.47{path} HTTP/1.1\r\nHost: docker\r\n{content}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (status, length) = self.head()?;
        let mut body = Vec::new();
        match length {
            Length::Fixed(length) => {
                body.resize(length, 0);
                self.stream.read_exact(&mut body)?;
            }
            Length::Chunked => loop {
                let mut line = String::new();
                self.stream.read_line(&mut line)?;
                let size = usize::from_str_radix(line.trim(), 16)?;
                let start = body.len();
                body.resize(start + size, 0);
                self.stream.read_exact(&mut body[start..])?;
                self.stream.read_line(&mut line)?;
                if size == 0 {
                    break;
                }
            },
        }
        if status >= 400 {
            bail!("{method} {path}: {status} {}", String::from_utf8_lossy(&body));
        }
        Ok((status, body))
    }

    fn json(&mut self, method: &str, path: &str, body: Value) -> Result<Value> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let (_, answer) = self.call(method, path, &text)?;
        if answer.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&answer)?) }
    }

    fn head(&mut self) -> Result<(u16, Length)> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no status line")?;
        let mut length = Length::Fixed(0);
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let header = line.trim().to_ascii_lowercase();
            if header.is_empty() {
                return Ok((status, length));
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = Length::Fixed(value.trim().parse()?);
            } else if header == "transfer-encoding: chunked" {
                length = Length::Chunked;
            }
        }
    }

    /// Runs a command in a container to the end of its output.
    fn exec(&mut self, container: &str, command: &[&str]) -> Result<Vec<u8>> {
        let exec = self.json(
            "POST",
            &format!("/containers/{container}/exec"),
            json!({"Cmd": command, "AttachStdout": true, "AttachStderr": true}),
        )?;
        let id = exec["Id"].as_str().context("exec has an id")?;
        let body = r#"{"Detach":false,"Tty":false}"#;
        let mut stream = UnixStream::connect(&self.socket)?;
        write!(
            stream,
            "POST /v1.47/exec/{id}/start HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n\
             Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut output = Vec::new();
        stream.read_to_end(&mut output)?;
        Ok(output)
    }

    fn create(&mut self, command: &[&str]) -> Result<String> {
        let made = self.json(
            "POST",
            "/containers/create",
            json!({"Image": "busybox", "Cmd": command, "HostConfig": {"NetworkMode": "none"}}),
        )?;
        Ok(made["Id"].as_str().context("a container has an id")?.to_owned())
    }

    fn running(&mut self, command: &[&str]) -> Result<String> {
        let id = self.create(command)?;
        self.call("POST", &format!("/containers/{id}/start"), "")?;
        Ok(id)
    }

    fn remove(&mut self, id: &str) -> Result<()> {
        self.call("DELETE", &format!("/containers/{id}?force=true&v=true"), "").map(drop)
    }

    fn cycle(&mut self) -> Result<()> {
        let id = self.running(&["true"])?;
        self.call("POST", &format!("/containers/{id}/wait"), "")?;
        self.call("DELETE", &format!("/containers/{id}"), "").map(drop)
    }
}

enum Length {
    Fixed(usize),
    Chunked,
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The median time of `action` over `count` runs after one warm-up.
fn time(count: usize, mut action: impl FnMut() -> Result<()>) -> Result<Duration> {
    action()?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        action()?;
        times.push(start.elapsed());
    }
    Ok(median(times))
}

fn row(what: &str, ours: Result<String>, theirs: Option<Result<String>>, budget: &str) {
    let text = |figure: Result<String>| figure.unwrap_or_else(|error| format!("failed: {error:#}"));
    let theirs = theirs.map_or_else(|| "—".to_owned(), text);
    println!("| {what} | {theirs} | {} | {budget} |", text(ours));
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// One measured row: the same closure on our socket and on the reference's.
fn compare(
    what: &str,
    budget: &str,
    ours: &Path,
    reference: Option<&Path>,
    measure: impl Fn(&mut Client, bool) -> Result<String>,
) {
    let run = |socket: &Path, real: bool| measure(&mut Client::connect(socket)?, real);
    row(what, run(ours, false), reference.map(|socket| run(socket, true)), budget);
}

/// Resident memory of a process in KiB.
fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
        .context("no Pss line")
}

fn throughput(socket: &Path, total: usize) -> Result<String> {
    let start = Instant::now();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let socket = socket.to_owned();
            std::thread::spawn(move || -> Result<()> {
                let mut client = Client::connect(&socket)?;
                (0..total / 4).try_for_each(|_| client.cycle())
            })
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
    }
    Ok(format!("{:.0} /s", total as f64 / start.elapsed().as_secs_f64()))
}

/// Times a shell line in a container against the same line in native BusyBox.
fn inside(client: &mut Client, container: &str, what: &str, line: &str, budget: &str) {
    let figure = (|| {
        let ours = time(3, || client.exec(container, &["sh", "-c", line]).map(drop))?;
        let native = time(3, || {
            let status = std::process::Command::new("busybox")
                .args(["sh", "-c", line])
                .current_dir("/tmp")
                .stdout(std::process::Stdio::null())
                .status()
                .context("no native busybox to compare with")?;
            if status.success() { Ok(()) } else { bail!("native: {status}") }
        })?;
        Ok(format!(
            "{} ({:.2} × native {})",
            milliseconds(ours),
            ours.as_secs_f64() / native.as_secs_f64(),
            milliseconds(native)
        ))
    })();
    row(what, figure, None, budget);
}

fn main() -> Result<()> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let count = if quick { 20 } else { 200 };
    let reference = std::env::var("REFERENCE_HOST").ok();
    let reference = reference.as_deref().and_then(|host| host.strip_prefix("unix://")).map(Path::new);

    // Warm: a first daemon fills the cache of compiled programs.
    drop(Daemon::ephemeral()?);
    let started = Instant::now();
    let daemon = Daemon::ephemeral()?;
    Client::connect(daemon.socket())?.call("GET", "/_ping", "")?;
    let first_answer = started.elapsed();
    let socket = daemon.socket().to_owned();
    let at_rest = resident(daemon.pid());

    println!("| What | Docker | Coracle | Budget |\n|---|---|---|---|");
    row("daemon start to first answer, warm cache", Ok(milliseconds(first_answer)), None, "50 ms");
    row("daemon at rest", at_rest.map(|kib| format!("{:.1} MB", kib as f64 / 1024.0)), None, "40 MB");
    compare("create + start + wait + remove of `true`", "1 ms", &socket, reference, |client, real| {
        Ok(milliseconds(time(if real { 10 } else { count }, || client.cycle())?))
    });
    compare("exec of `true`, create to end of stream", "0.3 ms", &socket, reference, |client, real| {
        let id = client.running(&["tail", "-f", "/dev/null"])?;
        let figure = time(if real { 10 } else { count }, || client.exec(&id, &["true"]).map(drop))?;
        client.remove(&id)?;
        Ok(milliseconds(figure))
    });
    compare("inspect / list with 100 containers", "0.3 / 1 ms", &socket, reference, |client, _| {
        let ids = (0..100).map(|_| client.create(&["true"])).collect::<Result<Vec<_>>>()?;
        let id = ids.first().context("a container")?.clone();
        let inspect = time(50, || client.call("GET", &format!("/containers/{id}/json"), "").map(drop))?;
        let list = time(50, || client.call("GET", "/containers/json?all=1", "").map(drop))?;
        ids.iter().try_for_each(|id| client.remove(id))?;
        Ok(format!("{} / {}", milliseconds(inspect), milliseconds(list)))
    });
    row(
        "containers per second, concurrency 4",
        throughput(&socket, if quick { 200 } else { 4000 }),
        reference.map(|socket| throughput(socket, 20)),
        "2000 /s",
    );
    compare("stop of a container that ignores TERM, t=0", "2 ms", &socket, reference, |client, real| {
        let id = client.running(&["tail", "-f", "/dev/null"])?;
        let figure = time(if real { 5 } else { 50 }, || {
            client.call("POST", &format!("/containers/{id}/stop?t=0"), "")?;
            client.call("POST", &format!("/containers/{id}/start"), "").map(drop)
        })?;
        client.remove(&id)?;
        Ok(format!("{} (with the start after it)", milliseconds(figure)))
    });
    let idle = if quick { 100 } else { 1000 };
    compare(&format!("memory per idle container ({idle} of `sleep`)"), "0.1 MB", &socket, None, |client, _| {
        let before = resident(daemon.pid())?;
        let ids = (0..idle).map(|_| client.running(&["sleep", "1000000"])).collect::<Result<Vec<_>>>()?;
        let after = resident(daemon.pid())?;
        ids.iter().try_for_each(|id| client.remove(id))?;
        Ok(format!("{:.3} MB", after.saturating_sub(before) as f64 / 1024.0 / f64::from(idle)))
    });

    println!("\n| Inside a container | Docker | Coracle | Budget, × native |\n|---|---|---|---|");
    let mut client = Client::connect(&socket)?;
    let id = client.running(&["tail", "-f", "/dev/null"])?;
    let prepare = "seq 200000 > /tmp/s1; seq 2000000 > /tmp/s2";
    client.exec(&id, &["sh", "-c", prepare])?;
    let _ = std::process::Command::new("busybox").args(["sh", "-c", prepare]).status();
    for (what, line, budget) in [
        ("loop of 100,000", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done", "1.5"),
        ("200 external commands", "i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done", "0.4"),
        ("200 `$(echo …)`", "i=0; while [ $i -lt 200 ]; do x=$(echo a); i=$((i+1)); done", "1"),
        ("`sort -r s1`", "sort -r /tmp/s1 > /dev/null", "1.5"),
        ("`wc s2`", "wc /tmp/s2", "1.5"),
        ("`grep -c 99 s2`", "grep -c 99 /tmp/s2", "1"),
        ("`sed s/9/x/ s2`", "sed s/9/x/ /tmp/s2 > /dev/null", "1"),
        ("`awk` sum of s2", "awk '{s+=$1} END {print s}' /tmp/s2", "1"),
        ("`sha256sum s2`", "sha256sum /tmp/s2", "2.5"),
        ("`gzip -c s2`", "gzip -c /tmp/s2 > /dev/null", "1.5"),
        ("`head -c 1G /dev/zero | cat | wc -c`", "head -c 1073741824 /dev/zero | cat | wc -c", "0.5"),
    ] {
        inside(&mut client, &id, what, line, budget);
    }
    client.remove(&id)?;
    let _ = std::fs::remove_file("/tmp/s1");
    let _ = std::fs::remove_file("/tmp/s2");
    Ok(())
}
