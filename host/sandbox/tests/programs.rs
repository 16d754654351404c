//! What can be executed, and how it ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by panicking"
)]

mod common;

use common::{World, wasm};
use coracle_kernel::{ExitStatus, Extensions, Limits, ShellOverride, Signal, SpawnError};
use std::sync::Arc;

/// A preview 1 program that ends with `status`.
fn exits(status: u32) -> String {
    format!(
        r#"(module
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") 1)
          (func (export "_start") (call $exit (i32.const {status}))))"#
    )
}

#[tokio::test]
async fn a_preview_1_module_keeps_every_exit_status() {
    // The status is the first byte of standard input, so that one program tells all 256.
    let world = World::new();
    world.install(
        "/program",
        &wasm(
            r#"(module
              (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
              (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
              (memory (export "memory") 1)
              (data (i32.const 0) "\10\00\00\00\01\00\00\00")
              (func (export "_start")
                (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
                (call $exit (i32.load8_u (i32.const 16)))))"#,
        ),
    );
    for status in 0..=255u8 {
        let ended = world.run(&["/program"], &[status]).await;
        assert_eq!(ended.status, ExitStatus::Exited(status));
    }
}

#[tokio::test]
async fn a_preview_1_module_that_returns_has_succeeded() {
    let world = World::new();
    let ended = world.run_text(r#"(module (memory (export "memory") 1) (func (export "_start")))"#).await;
    assert_eq!(ended.status, ExitStatus::Exited(0));
}

#[tokio::test]
async fn arguments_and_environment_arrive() {
    let world = World::new();
    // Writes the argument block, then the environment block, as they are: strings with zero bytes.
    world.install(
        "/program",
        &wasm(
            r#"(module
              (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
              (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
              (import "wasi_snapshot_preview1" "environ_get" (func $env_get (param i32 i32) (result i32)))
              (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env_sizes (param i32 i32) (result i32)))
              (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
              (memory (export "memory") 1)
              (func $out (param $length i32)
                (i32.store (i32.const 0) (i32.const 4096))
                (i32.store (i32.const 4) (local.get $length))
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
              (func (export "_start")
                (drop (call $args_sizes (i32.const 16) (i32.const 20)))
                (drop (call $args_get (i32.const 1024) (i32.const 4096)))
                (call $out (i32.load (i32.const 20)))
                (drop (call $env_sizes (i32.const 16) (i32.const 20)))
                (drop (call $env_get (i32.const 1024) (i32.const 4096)))
                (call $out (i32.load (i32.const 20)))))"#,
        ),
    );
    let started = world
        .start_with(&["/program", "one", "two words"], |mut request| {
            request.environment = vec![b"A=1".to_vec(), b"EMPTY=".to_vec(), b"B=x=y".to_vec()];
            request
        })
        .await
        .unwrap();
    let ended = started.finish(b"").await;
    assert_eq!(ended.out(), "/program\0one\0two words\0A=1\0EMPTY=\0B=x=y\0");
}

/// Copies standard input to standard output and, doubled, to standard error.
const CAT: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func $put (param $fd i32) (param $length i32)
    (local $at i32)
    (local.set $at (i32.const 4096))
    (loop $more
      (if (i32.gt_u (local.get $length) (i32.const 0)) (then
        (i32.store (i32.const 0) (local.get $at))
        (i32.store (i32.const 4) (local.get $length))
        (if (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))
          (then (call $exit (i32.const 9))))
        (local.set $at (i32.add (local.get $at) (i32.load (i32.const 8))))
        (local.set $length (i32.sub (local.get $length) (i32.load (i32.const 8))))
        (br $more)))))
  (func (export "_start")
    (local $length i32)
    (loop $more
      (i32.store (i32.const 0) (i32.const 4096))
      (i32.store (i32.const 4) (i32.const 32768))
      (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))
        (then (call $exit (i32.const 8))))
      (local.set $length (i32.load (i32.const 8)))
      (if (local.get $length) (then
        (call $put (i32.const 1) (local.get $length))
        (call $put (i32.const 2) (local.get $length))
        (call $put (i32.const 2) (local.get $length))
        (br $more))))))"#;

#[tokio::test]
async fn standard_streams_pass_every_byte_until_the_end() {
    let world = World::new();
    world.install("/cat", &wasm(CAT));
    let input: Vec<u8> = (0..1_000_000u32).map(|n| (n * 7 % 251) as u8).collect();
    let ended = world.run(&["/cat"], &input).await;
    assert_eq!(ended.status, ExitStatus::Exited(0));
    assert_eq!(ended.stdout, input);
    assert_eq!(ended.stderr.len(), 2 * input.len());
}

#[tokio::test]
async fn a_writer_without_a_reader_dies_of_sigpipe() {
    let world = World::new();
    world.install("/cat", &wasm(CAT));
    let started = world.start(&["/cat"]).await.unwrap();
    drop(started.stdout);
    started.stdin.write(None, b"hello".as_slice().into()).await.unwrap();
    assert_eq!(started.process.exited().await, ExitStatus::Signaled(Signal::PIPE));
}

#[tokio::test]
async fn traps_are_the_signals_a_parent_expects() {
    let world = World::new();
    let body = |code: &str| {
        format!(r#"(module (memory (export "memory") 1) (func $deep (call $deep)) (func (export "_start") {code}))"#)
    };
    for (code, signal) in [
        ("unreachable", Signal::ABRT),
        ("(drop (i32.load (i32.const 0x7fffffff)))", Signal::SEGV),
        ("(call $deep)", Signal::SEGV),
        ("(drop (i32.div_u (i32.const 1) (i32.load (i32.const 64))))", Signal::FPE),
    ] {
        let ended = world.run_text(&body(code)).await;
        assert_eq!(ended.status, ExitStatus::Signaled(signal), "{code}");
        assert!(ended.stderr.starts_with(b"/program: "), "{code}: {:?}", ended.stderr);
    }
    let ended = world.run_text(&exits(3)).await;
    assert_eq!(ended.status, ExitStatus::Exited(3));
    assert!(ended.stderr.is_empty());
}

#[tokio::test]
async fn what_is_no_program_is_refused() {
    let world = World::new();
    let engine = wasmtime::Engine::default();
    let compiled = engine.precompile_component(&wasm("(component)")).unwrap();
    let files: [(&str, Vec<u8>); 6] = [
        ("compiled code", compiled),
        ("a component that exports nothing", wasm("(component)")),
        ("a module without _start", wasm(r#"(module (memory (export "memory") 1))"#)),
        (
            "a module that imports what nobody has",
            wasm(r#"(module (import "env" "f" (func)) (func (export "_start")))"#),
        ),
        ("half a module", wasm(&exits(0))[..20].to_vec()),
        ("a component with an unknown import", wasm(r#"(component (import "a:b/c@1.0.0" (instance)))"#)),
    ];
    for (what, bytes) in files {
        world.install("/program", &bytes);
        let refused = world.start(&["/program"]).await.err();
        assert_eq!(refused, Some(SpawnError::NotExecutable), "{what}");
    }
}

#[tokio::test]
async fn a_file_that_is_overwritten_runs_as_its_new_content() {
    let world = World::new();
    assert_eq!(world.run_text(&exits(1)).await.status, ExitStatus::Exited(1));
    assert_eq!(world.run_text(&exits(2)).await.status, ExitStatus::Exited(2));
}

#[tokio::test]
async fn the_built_in_shell_runs_by_content_and_by_name() {
    let world = World::new();
    world.install("/shell", &wasm(common::COUNTING_SHELL));
    assert_eq!(world.run(&["/shell", "-c", "x"], b"").await.status, ExitStatus::Exited(3));
    world.install("/sh", b"\x7fELF\x02\x01\x01 not ours");
    assert_eq!(world.run(&["/sh", "x"], b"").await.status, ExitStatus::Exited(2));
}

#[tokio::test]
async fn an_elf_file_named_like_an_applet_runs_ours() {
    let world = World::new();
    let applets = world.sandbox.applets().await.unwrap();
    assert_eq!(applets.len(), 1);
    assert_eq!((applets[0].name.as_str(), applets[0].directory.as_str()), ("answer", "/bin"));
    assert_eq!(applets[0].summary, "what it all means");
    world.install("/answer", b"\x7fELF\x02\x01\x01 not ours");
    assert_eq!(world.run(&["/answer"], b"").await.status, ExitStatus::Exited(42));
    world.install("/question", b"\x7fELF\x02\x01\x01 not ours");
    assert_eq!(world.start(&["/question"]).await.err(), Some(SpawnError::NotExecutable));
}

#[tokio::test]
async fn a_container_may_have_its_own_shell() {
    // Ends with 100 whatever it is told.
    let other = common::COUNTING_SHELL.replace("(result i32) (local.get 1))", "(result i32) (i32.const 100))");
    let mut extensions = Extensions::default();
    extensions.insert(Arc::new(ShellOverride::Path(b"/opt-shell".to_vec())));
    let world = World::with(Limits::default(), extensions, |options| options);
    world.install("/opt-shell", &wasm(&other));
    world.install("/sh", &wasm(common::COUNTING_SHELL));
    assert_eq!(world.run(&["/sh", "-c", "x"], b"").await.status, ExitStatus::Exited(100));
}
