//! A sandbox and a container on a memory file system, for programs written as text.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use coracle_kernel::{
    Container, ContainerOptions, ExitStatus, Extensions, Limits, OpenFile, PIPE_CAPACITY, Process, ProgramName,
    SpawnError, SpawnRequest, pipe,
};
use coracle_sandbox::{Sandbox, SandboxOptions};
use coracle_vfs::{Caller, MountKind, MountOptions, Namespace, OpenOptions, Opened, WatchHub, tmpfs::Tmpfs};

/// A shell whose exit status is the number of its arguments.
pub const COUNTING_SHELL: &str = r#"
(component
  (core module $m
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
    (func (export "run") (param i32 i32) (result i32) (local.get 1)))
  (core instance $i (instantiate $m))
  (func $run (param "arguments" (list (list u8))) (result u8)
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (instance $exec (export "run" (func $run)))
  (export "coracle:container/exec@0.1.0" (instance $exec)))
"#;

/// A toolbox with one applet, `answer`, whose exit status is 42.
pub const TOOLBOX: &str = r#"
(component
  (core module $m
    (memory (export "memory") 1)
    (data (i32.const 64) "answer/binwhat it all means")
    ;; list of one record at 16: name, directory, summary
    (data (i32.const 16)
      "\40\00\00\00\06\00\00\00"
      "\46\00\00\00\04\00\00\00"
      "\4a\00\00\00\11\00\00\00")
    (data (i32.const 8) "\10\00\00\00\01\00\00\00")
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
    (func (export "list") (result i32) (i32.const 8))
    (func (export "run") (param i32 i32) (result i32) (i32.const 42)))
  (core instance $i (instantiate $m))
  (type $applet' (record (field "name" string) (field "directory" string) (field "summary" string)))
  (func $run (param "arguments" (list (list u8))) (result u8)
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (component $types
    (type $applet (record (field "name" string) (field "directory" string) (field "summary" string)))
    (import "import-type-applet" (type $imported (eq $applet)))
    (import "run" (func $run (param "arguments" (list (list u8))) (result u8)))
    (import "list" (func $list (result (list $imported))))
    (export $exported "applet" (type $imported))
    (export "run" (func $run))
    (export "list-applets" (func $list) (func (result (list $exported)))))
  (func $list (result (list $applet'))
    (canon lift (core func $i "list") (memory (core memory $i "memory"))))
  (instance $applets (instantiate $types (with "import-type-applet" (type $applet')) (with "run" (func $run)) (with "list" (func $list))))
  (export "coracle:container/applets@0.1.0" (instance $applets)))
"#;

/// A preview 1 program from its text.
pub fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// A daemon's sandbox with one container.
pub struct World {
    pub sandbox: Arc<Sandbox>,
    pub container: Arc<Container>,
    /// Pid 1 waits for the end of its input: the container lives as long as this is open.
    init: tokio::sync::OnceCell<Arc<OpenFile>>,
    _cache: tempfile::TempDir,
}

/// Waits for the end of its standard input.
pub const INIT: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\01\00\00\00")
  (func (export "_start") (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

/// What came of a program.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Ended {
    pub fn out(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }
}

/// A process and the far ends of its standard files.
pub struct Started {
    pub process: Arc<Process>,
    pub stdin: Arc<OpenFile>,
    pub stdout: Arc<OpenFile>,
    pub stderr: Arc<OpenFile>,
}

pub fn options(cache: &std::path::Path) -> SandboxOptions {
    SandboxOptions {
        cache_dir: cache.join("programs"),
        builtin_shell: wasm(COUNTING_SHELL).into(),
        builtin_toolbox: wasm(TOOLBOX).into(),
        shell: None,
        workers: Some(2),
        max_processes: Some(64),
        progress: None,
    }
}

impl World {
    pub fn new() -> Self {
        Self::with(Limits::default(), Extensions::default(), |options| options)
    }

    pub fn with(limits: Limits, extensions: Extensions, change: impl FnOnce(SandboxOptions) -> SandboxOptions) -> Self {
        let _ = tracing_subscriber::fmt().with_test_writer().try_init();
        let cache = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::new(change(options(cache.path()))).unwrap();
        let container = container(&sandbox, limits, extensions);
        Self { sandbox, container, init: tokio::sync::OnceCell::new(), _cache: cache }
    }

    /// Puts an executable file into the container.
    pub fn install(&self, path: &str, bytes: &[u8]) {
        self.write(path, bytes, 0o755);
    }

    pub fn write(&self, path: &str, bytes: &[u8], mode: u32) {
        let namespace = self.container.namespace();
        let options = OpenOptions { write: true, create: true, truncate: true, mode, ..OpenOptions::default() };
        let Opened::File(file) = namespace.open(&namespace.root(), path.as_bytes(), &options, &Caller::root()).unwrap()
        else {
            panic!("{path} is no file");
        };
        let mut at = 0;
        while at < bytes.len() {
            at += file.write_at(&bytes[at..], at as u64).unwrap();
        }
    }

    pub fn read(&self, path: &str) -> Vec<u8> {
        let namespace = self.container.namespace();
        let options = OpenOptions { read: true, ..OpenOptions::default() };
        let Opened::File(file) = namespace.open(&namespace.root(), path.as_bytes(), &options, &Caller::root()).unwrap()
        else {
            panic!("{path} is no file");
        };
        let mut bytes = vec![0; file.attributes().unwrap().size as usize];
        let read = file.read_at(&mut bytes, 0).unwrap();
        bytes.truncate(read);
        bytes
    }

    /// Starts a program with pipes on its standard files.
    pub async fn start(&self, arguments: &[&str]) -> Result<Started, SpawnError> {
        self.start_with(arguments, |request| request).await
    }

    pub async fn start_with(
        &self,
        arguments: &[&str],
        change: impl FnOnce(SpawnRequest) -> SpawnRequest,
    ) -> Result<Started, SpawnError> {
        self.init.get_or_init(|| self.start_init()).await;
        let (input, stdin) = pipe(PIPE_CAPACITY);
        let (stdout, output) = pipe(PIPE_CAPACITY);
        let (stderr, errors) = pipe(PIPE_CAPACITY);
        let program = ProgramName::Path(arguments[0].as_bytes().to_vec());
        let mut request = SpawnRequest::new(program, arguments.iter().map(|a| a.as_bytes().to_vec()).collect());
        request.files = vec![(0, input), (1, output), (2, errors)];
        let process = self.container.spawn(change(request)).await?;
        Ok(Started { process, stdin, stdout, stderr })
    }

    async fn start_init(&self) -> Arc<OpenFile> {
        self.install("/init", &wasm(INIT));
        let (input, stdin) = pipe(PIPE_CAPACITY);
        let mut request = SpawnRequest::new(ProgramName::Path(b"/init".to_vec()), vec![b"init".to_vec()]);
        request.files = vec![(0, input)];
        self.container.spawn(request).await.unwrap();
        let namespace = self.container.namespace();
        namespace.unlink(&namespace.root(), b"/init", &Caller::root()).unwrap();
        stdin
    }

    /// Runs a program to its end; `input` is what it reads.
    pub async fn run(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let started = self.start(arguments).await.unwrap();
        started.finish(input).await
    }

    /// Runs the program of `text` to its end.
    pub async fn run_text(&self, text: &str) -> Ended {
        self.install("/program", &wasm(text));
        self.run(&["/program"], b"").await
    }
}

pub fn container(sandbox: &Arc<Sandbox>, limits: Limits, extensions: Extensions) -> Arc<Container> {
    let root = Tmpfs::new(None, 0o755).unwrap();
    let options =
        MountOptions { kind: MountKind::Tmpfs, source: b"tmpfs".to_vec(), read_only: false, options: String::new() };
    Container::new(ContainerOptions {
        id: "0".repeat(64),
        hostname: "test".into(),
        domainname: "(none)".into(),
        namespace: Namespace::new(root, options, WatchHub::new()),
        loader: Arc::clone(sandbox) as _,
        runtime: sandbox.runtime().clone(),
        limits,
        extensions,
        on_event: None,
    })
}

impl Started {
    /// Writes `input`, closes it and collects what comes out.
    pub async fn finish(self, input: &[u8]) -> Ended {
        let Self { process, stdin, stdout, stderr } = self;
        let feed = async {
            let _ = stdin.write(None, Bytes::copy_from_slice(input)).await;
            drop(stdin);
        };
        let ended = async { tokio::join!(feed, drain(&stdout), drain(&stderr), process.exited()) };
        let ((), stdout, stderr, status) = tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap();
        Ended { status, stdout, stderr }
    }
}

pub async fn drain(file: &OpenFile) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let bytes = file.read(None, 1 << 16).await.unwrap();
        if bytes.is_empty() {
            return all;
        }
        all.extend_from_slice(&bytes);
    }
}
