//! What a program may use, and that it cannot resist being ended.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by panicking"
)]

mod common;

use std::time::{Duration, Instant};

use common::{World, wasm};
use coracle_kernel::{ExitStatus, Extensions, Limits, Signal, SpawnError};
use coracle_vfs::Errno;

const SPIN: &str = r#"(module (memory (export "memory") 1) (func (export "_start") (loop $again (br $again))))"#;

/// Grows its memory by 4 MiB until that fails, then ends with 7.
const HOG: &str = r#"(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $more
      (br_if $more (i32.ne (memory.grow (i32.const 64)) (i32.const -1))))
    (call $exit (i32.const 7))))"#;

#[tokio::test]
async fn a_spinning_program_yields_to_others_and_can_be_killed() {
    let world = World::new();
    world.install("/spin", &wasm(SPIN));
    world.install("/quick", &wasm(r#"(module (memory (export "memory") 1) (func (export "_start")))"#));
    world.run(&["/quick"], b"").await;
    // More of them than workers.
    let mut spinning = Vec::new();
    for _ in 0..6 {
        spinning.push(world.start(&["/spin"]).await.unwrap());
    }
    assert_eq!(world.run(&["/quick"], b"").await.status, ExitStatus::Exited(0));
    for started in &spinning {
        let began = Instant::now();
        world.container.signal(started.process.pid(), Signal::KILL).unwrap();
        assert_eq!(started.process.exited().await, ExitStatus::Signaled(Signal::KILL));
        assert!(began.elapsed() < Duration::from_millis(50), "took {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_program_that_waits_in_the_host_can_be_killed() {
    let world = World::new();
    world.install("/wait", &wasm(common::INIT));
    let started = world.start(&["/wait"]).await.unwrap();
    world.container.signal(started.process.pid(), Signal::KILL).unwrap();
    assert_eq!(started.process.exited().await, ExitStatus::Signaled(Signal::KILL));
}

#[tokio::test]
async fn beyond_the_containers_memory_a_program_is_killed() {
    let limits = Limits { memory: Some(64 << 20), ..Limits::default() };
    let world = World::with(limits, Extensions::default(), |options| options);
    let ended = world.run_text(HOG).await;
    assert_eq!(ended.status, ExitStatus::Signaled(Signal::KILL));
    assert!(world.container.oom_killed());
    assert!(world.container.stats().memory_peak > 32 << 20);
    assert!(world.container.stats().memory < 1 << 20, "what was charged was given back");
}

#[tokio::test]
async fn with_oom_kill_disabled_the_allocation_fails() {
    let limits = Limits { memory: Some(64 << 20), oom_kill_disable: true, ..Limits::default() };
    let world = World::with(limits, Extensions::default(), |options| options);
    assert_eq!(world.run_text(HOG).await.status, ExitStatus::Exited(7));
}

#[tokio::test]
async fn a_full_pool_is_the_process_limit_of_the_machine() {
    let world = World::with(Limits::default(), Extensions::default(), |mut options| {
        options.max_processes = Some(64);
        options
    });
    assert_eq!(world.sandbox.capacity().processes, 64);
    world.install("/wait", &wasm(common::INIT));
    let mut waiting = Vec::new();
    // Pid 1 has one of the 64.
    for _ in 0..63 {
        waiting.push(world.start(&["/wait"]).await.unwrap());
    }
    let refused = world.start(&["/wait"]).await.err();
    assert_eq!(refused, Some(SpawnError::Errno(Errno::AGAIN)));
    // A slot that becomes free can be used again.
    let freed = waiting.pop().unwrap();
    freed.finish(b"").await;
    tokio::time::timeout(Duration::from_secs(10), async {
        while world.start(&["/wait"]).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_paused_container_stands_still() {
    let world = World::new();
    world.install("/spin", &wasm(SPIN));
    let started = world.start(&["/spin"]).await.unwrap();
    world.container.pause();
    world.container.frozen().await;
    let before = started.process.usage().user;
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(started.process.usage().user, before);
    world.container.unpause();
    let before = started.process.usage().user;
    tokio::time::timeout(Duration::from_secs(10), async {
        while started.process.usage().user == before {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    world.container.kill_all();
    started.process.exited().await;
}
