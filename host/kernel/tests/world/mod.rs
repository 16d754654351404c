//! A container whose programs are plain futures: a file that says `\0asm NAME` runs the future of that name.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use coracle_kernel::{
    Container, ContainerEvent, ContainerOptions, Errno, ExecImage, ExitStatus, Extensions, Limits, Loader, OpenFile,
    OpenFlags, Process, Program, ProgramName, SpawnRequest, pipe,
};
use coracle_vfs::tmpfs::Tmpfs;
use coracle_vfs::{Caller, MountKind, MountOptions, Namespace, OpenOptions, Opened, WatchHub};

type Maker = Arc<dyn Fn(Arc<Process>) -> Program + Send + Sync>;

/// The programs there are.
#[derive(Default)]
pub struct Programs(Mutex<HashMap<Vec<u8>, Maker>>);

#[async_trait]
impl Loader for Programs {
    async fn load(&self, image: ExecImage, process: Arc<Process>) -> Result<Program, Errno> {
        let mut text = [0; 64];
        let length = image.file.read_at(&mut text, 0)?;
        let name = match &image.builtin {
            Some(name) => name.clone(),
            None => text[5..length].to_vec(),
        };
        let maker = self.0.lock().unwrap().get(&name).cloned().ok_or(Errno::NOEXEC)?;
        Ok(maker(process))
    }

    fn has_builtin(&self, name: &[u8]) -> bool {
        name == b"ls"
    }
}

pub struct World {
    pub container: Arc<Container>,
    pub programs: Arc<Programs>,
    pub events: Arc<Mutex<Vec<ContainerEvent>>>,
}

pub fn mount_options(kind: MountKind) -> MountOptions {
    MountOptions { kind, source: b"none".to_vec(), read_only: false, options: String::new() }
}

impl World {
    pub fn new() -> World {
        World::with(Limits::default())
    }

    pub fn with(limits: Limits) -> World {
        let root = Tmpfs::new(None, 0o755).unwrap();
        let namespace = Namespace::new(root, mount_options(MountKind::Tmpfs), WatchHub::new());
        let caller = Caller::root();
        for directory in [&b"/bin"[..], b"/tmp", b"/dev", b"/proc", b"/sys"] {
            namespace.mkdir(&namespace.root(), directory, 0o755, &caller).unwrap();
        }
        let programs = Arc::<Programs>::default();
        let events = Arc::new(Mutex::new(Vec::new()));
        let seen = events.clone();
        let container = Container::new(ContainerOptions {
            id: "0123456789abcdef".repeat(4),
            hostname: "box".to_owned(),
            domainname: "(none)".to_owned(),
            namespace,
            loader: programs.clone(),
            runtime: tokio::runtime::Handle::current(),
            limits,
            extensions: Extensions::default(),
            on_event: Some(Arc::new(move |event| seen.lock().unwrap().push(event))),
        });
        World { container, programs, events }
    }

    /// Puts a file there.
    pub fn file(&self, path: &str, contents: &[u8], mode: u32) {
        let namespace = self.container.namespace();
        let options = OpenOptions { write: true, create: true, truncate: true, mode, ..OpenOptions::default() };
        match namespace.open(&namespace.root(), path.as_bytes(), &options, &Caller::root()).unwrap() {
            Opened::File(file) => assert_eq!(file.write_at(contents, 0), Ok(contents.len())),
            _ => panic!("{path} is no regular file"),
        }
        namespace.set_mode(&namespace.root(), path.as_bytes(), mode, true, &Caller::root()).unwrap();
    }

    /// Puts a program into /bin.
    pub fn program<F>(&self, name: &str, body: impl Fn(Arc<Process>) -> F + Send + Sync + 'static)
    where
        F: Future<Output = u8> + Send + 'static,
    {
        self.file(&format!("/bin/{name}"), format!("\0asm {name}").as_bytes(), 0o755);
        let maker: Maker = Arc::new(move |process| {
            let body = body(process);
            Box::pin(async move { ExitStatus::Exited(body.await) })
        });
        self.programs.0.lock().unwrap().insert(name.as_bytes().to_vec(), maker);
    }

    /// Starts a program as the engine does.
    pub async fn start(&self, name: &str) -> Arc<Process> {
        self.container.spawn(request(name)).await.unwrap()
    }

    /// Starts `body` as the program `name`.
    pub async fn run<F>(&self, name: &str, body: impl Fn(Arc<Process>) -> F + Send + Sync + 'static) -> Arc<Process>
    where
        F: Future<Output = u8> + Send + 'static,
    {
        self.program(name, body);
        self.start(name).await
    }

    /// Runs `body` as pid 1 to its end and answers its status.
    pub async fn main<F>(&self, body: impl Fn(Arc<Process>) -> F + Send + Sync + 'static) -> ExitStatus
    where
        F: Future<Output = u8> + Send + 'static,
    {
        let process = self.run("main", body).await;
        assert_eq!(process.pid(), 1);
        let status = process.exited().await;
        // What a failed assertion in a program looks like from outside.
        assert_ne!(status, ExitStatus::Signaled(coracle_kernel::Signal::SEGV), "the program panicked");
        self.container.drained().await;
        status
    }
}

/// A request for a program of /bin.
pub fn request(name: &str) -> SpawnRequest {
    let mut request = SpawnRequest::new(ProgramName::Search(name.into()), vec![name.into()]);
    request.environment = vec![b"PATH=/bin".to_vec()];
    request
}

pub fn request_with(name: &str, files: &[(u32, &Arc<OpenFile>)]) -> SpawnRequest {
    let mut request = request(name);
    request.files = files.iter().map(|(number, file)| (*number, (*file).clone())).collect();
    request
}

/// Everything there is to read.
pub async fn read_all(file: &OpenFile) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let data = file.read(None, 100_000).await.unwrap();
        if data.is_empty() {
            return all;
        }
        all.extend_from_slice(&data);
    }
}

/// A pipe as two plain ends.
pub fn pair() -> (Arc<OpenFile>, Arc<OpenFile>) {
    pipe(coracle_kernel::PIPE_CAPACITY)
}

pub async fn forever(_: Arc<Process>) -> u8 {
    std::future::pending().await
}

/// Lets everything that can run run. Only on a single-threaded runtime.
pub async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

pub fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

pub fn reading() -> OpenOptions {
    OpenOptions { read: true, ..OpenOptions::default() }
}

pub fn creating() -> OpenOptions {
    OpenOptions { read: true, write: true, create: true, mode: 0o666, ..OpenOptions::default() }
}

pub const PLAIN: OpenFlags = OpenFlags { no_controlling_terminal: false, non_blocking: false };
