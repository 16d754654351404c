//! A real daemon, started for a test and stopped with it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};
use tempfile::TempDir;

/// A running `coracle serve`. Dropping it sends SIGTERM and waits.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    socket: PathBuf,
    log: Arc<Mutex<String>>,
    _directory: Option<TempDir>,
}

impl Daemon {
    /// A daemon whose whole state vanishes with it.
    pub fn ephemeral() -> Result<Self> {
        Self::with_arguments(&["--ephemeral"])
    }

    /// An ephemeral or persistent daemon with further arguments of `serve`.
    pub fn with_arguments(arguments: &[&str]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut daemon = Self::at(&directory.path().join("docker.sock"), arguments, &[])?;
        daemon._directory = Some(directory);
        Ok(daemon)
    }

    /// A daemon on a given socket; answers once it serves.
    pub fn at(socket: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Self> {
        let mut child = Command::new(binary()?)
            .arg("serve")
            .arg("--host")
            .arg(format!("unix://{}", socket.display()))
            .args(arguments)
            .env("CORACLE_CACHE_DIR", cache_directory()?)
            .env("RUST_LOG", std::env::var("RUST_LOG").unwrap_or_else(|_| "info".into()))
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start the daemon")?;
        let log = Arc::new(Mutex::new(String::new()));
        let mut errors = child.stderr.take().context("standard error is piped")?;
        let sink = log.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = errors.read(&mut buffer) {
                if let Ok(mut log) = sink.lock() {
                    log.push_str(&String::from_utf8_lossy(&buffer[..count]));
                }
            }
        });
        let mut lines = BufReader::new(child.stdout.take().context("standard output is piped")?);
        let mut line = String::new();
        loop {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                let status = child.wait()?;
                let log = log.lock().map(|log| log.clone()).unwrap_or_default();
                bail!("the daemon ended with {status} before it served:\n{log}");
            }
            if line.starts_with("export DOCKER_HOST=") {
                break;
            }
        }
        // What it prints later must not fill the pipe.
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut lines, &mut std::io::sink());
        });
        Ok(Self { child, socket: socket.to_owned(), log, _directory: None })
    }

    /// The Unix socket it serves.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The value for DOCKER_HOST.
    pub fn docker_host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// The daemon's process id on the host.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.log.lock().map(|log| log.clone()).unwrap_or_default()
    }

    /// Ends it as `kill -9` does.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop and answers its exit status.
    pub fn stop(mut self) -> Result<std::process::ExitStatus> {
        self.terminate();
        Ok(self.child.wait()?)
    }

    fn terminate(&self) {
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
    }

    /// A bollard client for it.
    pub fn bollard(&self) -> Result<bollard::Docker> {
        let socket = self.socket.to_str().context("the socket's path is UTF-8")?;
        Ok(bollard::Docker::connect_with_unix(socket, 60, bollard::API_DEFAULT_VERSION)?)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.terminate();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- the daemon's log\n{}", self.log());
        }
    }
}

/// The daemon's binary: CORACLE_BIN, or the one built beside these tests.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CORACLE_BIN") {
        return Ok(path.into());
    }
    let me = std::env::current_exe()?;
    let path = me
        .ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join("coracle"))
        .find(|path| path.is_file())
        .context("the daemon is not built: run `cargo build --bin coracle`, or say CORACLE_BIN")?;
    Ok(path)
}

/// Compiled guests, shared by all daemons of all tests.
fn cache_directory() -> Result<PathBuf> {
    let directory = binary()?.parent().context("the binary has a directory")?.join("test-cache");
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}
