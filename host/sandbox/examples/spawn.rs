//! What a process costs: time from spawn to reap, memory of an idle one.
//!
//! `cargo run --release --example spawn -p coracle-sandbox [FILE [ARGUMENT...]]` runs a component or module, by
//! default one that does nothing.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a measurement that cannot go on ends")]

use std::sync::Arc;
use std::time::Instant;

use coracle_kernel::{
    Container, ContainerOptions, Extensions, Limits, OpenFile, PIPE_CAPACITY, ProgramName, SpawnRequest, pipe,
};
use coracle_sandbox::{Sandbox, SandboxOptions};
use coracle_vfs::{Caller, MountKind, MountOptions, Namespace, OpenOptions, Opened, WatchHub, tmpfs::Tmpfs};

const NOTHING: &str = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;
const WAIT: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 17)
  (data (i32.const 0) "\10\00\00\00\01\00\00\00")
  (func (export "_start") (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

fn request(arguments: &[String], input: Option<&Arc<OpenFile>>) -> SpawnRequest {
    let null = OpenFile::null();
    let program = ProgramName::Path(arguments[0].clone().into_bytes());
    let mut request = SpawnRequest::new(program, arguments.iter().map(|a| a.clone().into_bytes()).collect());
    request.files = vec![(0, Arc::clone(input.unwrap_or(&null))), (1, null.clone()), (2, null)];
    request
}

fn install(namespace: &Namespace, path: &str, bytes: &[u8]) {
    let options = OpenOptions { write: true, create: true, truncate: true, mode: 0o755, ..OpenOptions::default() };
    let opened = namespace.open(&namespace.root(), path.as_bytes(), &options, &Caller::root()).expect("creates");
    let Opened::File(file) = opened else { panic!("a file") };
    let mut at = 0;
    while at < bytes.len() {
        at += file.write_at(&bytes[at..], at as u64).expect("writes");
    }
}

/// Resident memory of this process in KiB, its file pages left out, and its mappings.
fn memory() -> (u64, usize) {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok())
            .unwrap_or(0)
    };
    let mappings = std::fs::read_to_string("/proc/self/maps").expect("maps").lines().count();
    (field("RssAnon:") + field("RssShmem:"), mappings)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[tokio::main]
async fn main() {
    let cache = tempfile::tempdir().expect("a directory");
    let empty: Arc<[u8]> = wat::parse_str("(component)").expect("parses").into();
    let began = Instant::now();
    let sandbox = Sandbox::new(SandboxOptions {
        cache_dir: cache.path().join("programs"),
        builtin_shell: Arc::clone(&empty),
        builtin_toolbox: empty,
        shell: None,
        workers: None,
        max_processes: None,
        progress: None,
    })
    .expect("starts");
    println!("sandbox started in {:.1} ms, capacity {:?}", began.elapsed().as_secs_f64() * 1e3, sandbox.capacity());

    let options =
        MountOptions { kind: MountKind::Tmpfs, source: b"tmpfs".to_vec(), read_only: false, options: String::new() };
    let namespace = Namespace::new(Tmpfs::new(None, 0o755).expect("a file system"), options, WatchHub::new());
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let bytes = match arguments.first() {
        Some(path) => std::fs::read(path).expect("reads the program"),
        None => wat::parse_str(NOTHING).expect("parses"),
    };
    install(&namespace, "/program", &bytes);
    install(&namespace, "/wait", &wat::parse_str(WAIT).expect("parses"));
    let first = "/program".to_owned();
    if arguments.is_empty() {
        arguments.push(first);
    } else {
        arguments[0] = first;
    }
    let container = Container::new(ContainerOptions {
        id: "0".repeat(64),
        hostname: "bench".into(),
        domainname: "(none)".into(),
        namespace,
        loader: Arc::clone(&sandbox) as _,
        runtime: sandbox.runtime().clone(),
        limits: Limits::default(),
        extensions: Extensions::default(),
        on_event: None,
    });
    let waiting = vec!["/wait".to_owned()];
    // Pid 1 waits: when it ends, so does the container.
    let (input, keep) = pipe(PIPE_CAPACITY);
    container.spawn(request(&waiting, Some(&input))).await.expect("spawns");

    let began = Instant::now();
    let status = container.spawn(request(&arguments, None)).await.expect("spawns").exited().await;
    println!("first run, compiling: {:.1} ms, {status:?}", began.elapsed().as_secs_f64() * 1e3);

    let mut times = Vec::new();
    for _ in 0..5_000 {
        let began = Instant::now();
        container.spawn(request(&arguments, None)).await.expect("spawns").exited().await;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    println!("one at a time, spawn to exit: median {:.1} µs", median(times));

    let began = Instant::now();
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (container, arguments) = (Arc::clone(&container), arguments.clone());
            tokio::spawn(async move {
                for _ in 0..500 {
                    container.spawn(request(&arguments, None)).await.expect("spawns").exited().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("runs");
    }
    println!("16 at a time: {:.1} µs a process", began.elapsed().as_secs_f64() * 1e6 / 8_000.0);

    let (mut anonymous, mut mappings) = memory();
    let mut live = 1;
    for goal in [1_000usize, 9_900] {
        let goal = goal.min(sandbox.capacity().processes as usize - 1);
        let added = goal - live;
        while live < goal {
            container.spawn(request(&waiting, Some(&input))).await.expect("spawns");
            live += 1;
        }
        // A short program ends after those before it have run to where they wait.
        for _ in 0..100 {
            container.spawn(request(&arguments, None)).await.expect("spawns").exited().await;
        }
        let (now, maps) = memory();
        println!(
            "{live} idle: {:.1} KiB and {:.1} mappings each of the last {added}",
            (now - anonymous) as f64 / added as f64,
            (maps - mappings) as f64 / added as f64
        );
        (anonymous, mappings) = (now, maps);
    }
    drop(keep);
    let began = Instant::now();
    container.drained().await;
    println!("{live} ended in {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
}
