//! An engine whose programs are plain futures, behind a real Unix socket.

#![allow(dead_code, reason = "each test file uses its part")]

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use coracle_engine::{Engine, EngineOptions, ImageSource};
use coracle_kernel::{Errno, ExecImage, ExitStatus, Loader, Process, Program, Signal};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Programs by the base name of the file: what is in the file does not matter.
pub struct Programs;

async fn say(process: &Process, fd: u32, text: &[u8]) {
    if let Some(file) = process.standard(fd) {
        let mut rest = Bytes::copy_from_slice(text);
        while !rest.is_empty() {
            match file.write(Some(process), rest.clone()).await {
                Ok(count) => drop(rest.split_to(count)),
                Err(_) => return,
            }
        }
    }
}

async fn run(name: String, process: Arc<Process>) -> ExitStatus {
    let arguments: Vec<String> =
        process.arguments().iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    let inherited = process.inherited();
    let stdin = process.standard(0);
    let code = match name.as_str() {
        "true" => 0,
        "exit" => arguments.get(1).and_then(|code| code.parse().ok()).unwrap_or(0),
        "echo" => {
            say(&process, 1, format!("{}\n", arguments.get(1..).unwrap_or_default().join(" ")).as_bytes()).await;
            0
        }
        "both" => {
            say(&process, 1, b"out\n").await;
            say(&process, 2, b"err\n").await;
            0
        }
        "env" => {
            for variable in process.environment() {
                say(&process, 1, &[variable.as_slice(), b"\n"].concat()).await;
            }
            0
        }
        "pwd" => {
            say(&process, 1, &process.working_directory_path().unwrap_or_default()).await;
            say(&process, 1, b"\n").await;
            0
        }
        "id" => {
            let who = process.credentials();
            say(&process, 1, format!("{}:{}\n", who.uid, who.gid).as_bytes()).await;
            0
        }
        "cat" => {
            if let Some(stdin) = stdin {
                while let Ok(data) = stdin.read(Some(&process), 65_536).await {
                    if data.is_empty() {
                        break;
                    }
                    say(&process, 1, &data).await;
                }
            }
            0
        }
        // Writes a file of the container: NAME TEXT.
        "put" => {
            let namespace = process.container().namespace().clone();
            let options = coracle_vfs::OpenOptions {
                write: true,
                create: true,
                truncate: true,
                mode: 0o644,
                ..coracle_vfs::OpenOptions::default()
            };
            let path = arguments.get(1).cloned().unwrap_or_default();
            match namespace.open(&process.working_directory(), path.as_bytes(), &options, &process.caller()) {
                Ok(coracle_vfs::Opened::File(file)) => {
                    let text = arguments.get(2).cloned().unwrap_or_default();
                    u8::from(file.write_at(text.as_bytes(), 0).is_err())
                }
                _ => 1,
            }
        }
        // Ends with 0 at a TERM.
        "polite" => {
            let _ = process.set_disposition(Signal::TERM, coracle_kernel::Disposition::Queue);
            say(&process, 1, b"ready\n").await;
            loop {
                process.signal_pending().await;
                if process.take_signal() == Some(Signal::TERM) {
                    say(&process, 1, b"bye\n").await;
                    break 0;
                }
            }
        }
        // Lives until it is killed.
        "sleep" => std::future::pending().await,
        "spin" => loop {
            tokio::task::yield_now().await;
        },
        _ => 99,
    };
    drop(inherited);
    ExitStatus::Exited(code)
}

#[async_trait]
impl Loader for Programs {
    async fn load(&self, image: ExecImage, process: Arc<Process>) -> Result<Program, Errno> {
        let path = String::from_utf8_lossy(&image.path).into_owned();
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        if name == "garbage" {
            return Err(Errno::NOEXEC);
        }
        Ok(Box::pin(run(name, process)))
    }

    fn has_builtin(&self, _name: &[u8]) -> bool {
        false
    }
}

/// A daemon on a socket in a temporary directory.
pub struct Daemon {
    pub engine: Arc<Engine>,
    pub directory: Arc<tempfile::TempDir>,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
    socket: std::path::PathBuf,
    pub programs: std::path::PathBuf,
}

pub const NAMES: [&str; 14] =
    ["true", "exit", "echo", "both", "env", "pwd", "id", "cat", "put", "polite", "sleep", "spin", "other", "garbage"];

impl Daemon {
    pub async fn start() -> Self {
        Self::over(Arc::new(tempfile::tempdir().unwrap()), false).await
    }

    pub async fn over(directory: Arc<tempfile::TempDir>, synthetic: bool) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let programs = directory.path().join("programs");
        if !programs.exists() {
            std::fs::create_dir(&programs).unwrap();
            for name in NAMES {
                std::fs::write(programs.join(name), b"\0asm\x0d\0\x01\0").unwrap();
                std::fs::set_permissions(programs.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
            }
            std::fs::write(programs.join("plain"), "x").unwrap();
            std::fs::set_permissions(programs.join("plain"), std::fs::Permissions::from_mode(0o644)).unwrap();
        }
        let engine = Engine::start(EngineOptions {
            data_root: directory.path().join("data"),
            loader: Arc::new(Programs),
            guest_runtime: tokio::runtime::Handle::current(),
            synthetic,
            userland: Box::pin(async { Err("none in tests".to_owned()) }),
            images: ImageSource::Registry,
            registry_mirrors: Vec::new(),
            insecure_registries: Vec::new(),
        })
        .await
        .unwrap();
        let socket =
            directory.path().join(format!("{}.sock", coracle_engine::id::short(&coracle_engine::id::generate())));
        let listener = UnixListener::bind(&socket).unwrap();
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(coracle_api::serve(listener, Arc::clone(&engine), shutdown.clone()));
        Self { engine, directory, shutdown, server, socket, programs }
    }

    /// The daemon ends in order; its data stays.
    pub async fn stop(self) -> Arc<tempfile::TempDir> {
        self.engine.shutdown().await;
        self.shutdown.cancel();
        self.server.await.unwrap();
        self.directory
    }

    /// What `kill -9` would leave at this moment: a copy of the data, while this daemon lives on unaware.
    pub fn snapshot(&self) -> Arc<tempfile::TempDir> {
        let copy = tempfile::tempdir().unwrap();
        for part in ["data", "programs"] {
            let status = std::process::Command::new("cp")
                .arg("-a")
                .arg(self.directory.path().join(part))
                .arg(copy.path())
                .status()
                .unwrap();
            assert!(status.success());
        }
        Arc::new(copy)
    }

    pub async fn connect(&self) -> http1::SendRequest<Full<Bytes>> {
        let stream = UnixStream::connect(&self.socket).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        sender
    }

    pub async fn raw(&self) -> UnixStream {
        UnixStream::connect(&self.socket).await.unwrap()
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> http::Response<hyper::body::Incoming> {
        let mut request = Request::builder().method(method).uri(path).header("host", "d");
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(text))).unwrap();
        self.connect().await.send_request(request).await.unwrap()
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let response = self.send(method, path, body).await;
        let status = response.status();
        let text = response.into_body().collect().await.unwrap().to_bytes();
        let value =
            serde_json::from_slice(&text).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&text).into()));
        (status, value)
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, value) = self.call(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    pub async fn post(&self, path: &str) -> (StatusCode, Value) {
        self.call(Method::POST, path, None).await
    }

    /// Creates a container whose PATH is the test programs.
    pub async fn create(&self, name: &str, mut body: Value) -> String {
        let bind = format!("{}:/programs", self.programs.display());
        let host = body["HostConfig"].take();
        let mut host = if host.is_null() { serde_json::json!({}) } else { host };
        if host["NetworkMode"].is_null() {
            host["NetworkMode"] = "none".into();
        }
        let mut binds: Vec<Value> = host["Binds"].as_array().cloned().unwrap_or_default();
        binds.push(bind.into());
        host["Binds"] = Value::Array(binds);
        body["HostConfig"] = host;
        let mut env: Vec<Value> = body["Env"].as_array().cloned().unwrap_or_default();
        env.push("PATH=/programs".into());
        body["Env"] = Value::Array(env);
        let (status, answer) = self.call(Method::POST, &format!("/containers/create?name={name}"), Some(body)).await;
        assert_eq!(status, 201, "{answer}");
        answer["Id"].as_str().unwrap().to_owned()
    }

    pub async fn start_container(&self, name: &str) {
        let (status, answer) = self.post(&format!("/containers/{name}/start")).await;
        assert_eq!(status, 204, "{answer}");
    }

    pub async fn wait(&self, name: &str) -> i64 {
        let (status, answer) = self.post(&format!("/containers/{name}/wait")).await;
        assert_eq!(status, 200, "{answer}");
        answer["StatusCode"].as_i64().unwrap()
    }

    /// Log of a container, streams apart.
    pub async fn logs(&self, name: &str, query: &str) -> (String, String) {
        let response =
            self.send(Method::GET, &format!("/containers/{name}/logs?stdout=1&stderr=1&{query}"), None).await;
        assert_eq!(response.status(), 200);
        split(&response.into_body().collect().await.unwrap().to_bytes())
    }

    /// Upgrades a POST to a raw stream.
    pub async fn hijack(&self, path: &str, body: Option<Value>) -> TokioIo<hyper::upgrade::Upgraded> {
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        let request = Request::post(path)
            .header("host", "d")
            .header("connection", "Upgrade")
            .header("upgrade", "tcp")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(text)))
            .unwrap();
        let response = self.connect().await.send_request(request).await.unwrap();
        assert_eq!(response.status(), 101);
        TokioIo::new(hyper::upgrade::on(response).await.unwrap())
    }
}

/// Takes frames apart.
pub fn split(mut data: &[u8]) -> (String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    while data.len() >= 8 {
        let length = u32::from_be_bytes([data[4], data[5], data[6], data[7]]) as usize;
        let text = &data[8..8 + length];
        if data[0] == 2 {
            err.extend_from_slice(text)
        } else {
            out.extend_from_slice(text)
        }
        data = &data[8 + length..];
    }
    (String::from_utf8_lossy(&out).into(), String::from_utf8_lossy(&err).into())
}

/// Whether a path exists below a directory.
pub fn entries(directory: &Path) -> usize {
    std::fs::read_dir(directory).map_or(0, Iterator::count)
}
