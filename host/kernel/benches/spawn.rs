//! What the kernel itself costs: starting and reaping a trivial process, holding an idle one, moving bytes.
//! `cargo bench -p coracle-kernel`; the budgets are 10 µs and 4 KB.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a benchmark that fails panics")]

#[path = "../tests/world/mod.rs"]
mod world;

use std::time::Instant;

use bytes::Bytes;
use coracle_kernel::{OpenFile, Selector};
use world::{World, forever, pair, request, request_with};

const ROUNDS: u32 = 20_000;
const IDLE: u32 = 10_000;

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

fn main() {
    let workers = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(2);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap();
    runtime.block_on(async {
        let world = World::new();
        world.program("true", |_| async { 0 });
        world.program("idle", forever);
        world.start("idle").await;
        let spawner = world
            .run("spawner", |process| async move {
                let start = Instant::now();
                for _ in 0..ROUNDS {
                    process.spawn(request("true")).await.unwrap();
                    process.wait(Selector::Any, true, false).await.unwrap();
                }
                println!("spawn, end and reap of a process: {:?}", start.elapsed() / ROUNDS);
                0
            })
            .await;
        spawner.exited().await;
        world.program("zeros", |process| async move {
            let out = process.standard(1).unwrap();
            let block = Bytes::from(vec![0; 65_536]);
            for _ in 0..16_384 {
                out.write(Some(&process), block.clone()).await.unwrap();
            }
            0
        });
        world.program("cat", |process| async move {
            let (input, out) = (process.standard(0).unwrap(), process.standard(1).unwrap());
            while OpenFile::transfer(Some(&process), &input, &out, 1 << 20).await.unwrap() > 0 {}
            0
        });
        let start = Instant::now();
        let ((a, b), (c, d)) = (pair(), pair());
        world.container.spawn(request_with("zeros", &[(1, &b)])).await.unwrap();
        world.container.spawn(request_with("cat", &[(0, &a), (1, &d)])).await.unwrap();
        drop((a, b, d));
        let mut total = 0;
        loop {
            let data = c.read(None, 1 << 20).await.unwrap();
            if data.is_empty() {
                break;
            }
            total += data.len();
        }
        println!("{total} bytes through zeros | cat | reader: {:?}", start.elapsed());

        let before = resident();
        for _ in 0..IDLE {
            world.start("idle").await;
        }
        println!("an idle process: {} bytes", (resident() - before) / u64::from(IDLE));
        world.container.kill_all();
        world.container.drained().await;
    });
}
