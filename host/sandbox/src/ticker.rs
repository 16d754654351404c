//! The clock that takes the CPU from a guest that spins.
//!
//! Compiled code compares wasmtime's epoch with its deadline at every loop; an
//! operating-system thread advances the epoch, so that a guest returns to its
//! runtime within about a tick however it loops. A thread of its own, not a
//! tokio timer: guests may hold every worker. With no guest running the thread
//! parks, and an idle daemon does not wake up at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use wasmtime::EngineWeak;

/// Time between epochs: what a process may hold a worker before others get it,
/// and the precision of pause, kill and CPU quota.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// Ticks without a running guest before the thread parks: waking it costs more
/// than a few idle ticks when short programs follow each other.
const IDLE_TICKS: u32 = 25;

#[derive(Default)]
struct Shared {
    running: AtomicUsize,
    epoch: AtomicU64,
    parked: AtomicBool,
    stop: AtomicBool,
}

/// Advances the engine's epoch while guests run.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
    handle: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Starts the thread, parked.
    pub(crate) fn start(engine: EngineWeak) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let handle = std::thread::Builder::new().name("guest-ticker".into()).spawn(move || run(&theirs, &engine))?;
        Ok(Self { shared, thread: handle.thread().clone(), handle: Some(handle) })
    }

    /// Says that a guest is being polled until the answer is dropped.
    pub(crate) fn enter(&self) -> Running<'_> {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        // The thread announces that it parks before it looks at `running` a last
        // time, so one of both sides always sees the other.
        if self.shared.parked.load(Ordering::SeqCst) && self.shared.parked.swap(false, Ordering::SeqCst) {
            self.thread.unpark();
        }
        Running(&self.shared)
    }

    /// Ticks so far; a guest compares it with the tick its turn began at.
    pub(crate) fn now(&self) -> u64 {
        self.shared.epoch.load(Ordering::Relaxed)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.thread.unpark();
        if let Some(handle) = self.handle.take() {
            // The thread only fails to join if it panicked; it is over either way.
            let _ = handle.join();
        }
    }
}

/// A guest is being polled.
pub(crate) struct Running<'a>(&'a Shared);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

fn run(shared: &Shared, engine: &EngineWeak) {
    let mut idle = IDLE_TICKS;
    while !shared.stop.load(Ordering::SeqCst) {
        if shared.running.load(Ordering::SeqCst) > 0 {
            idle = 0;
        } else {
            idle = idle.saturating_add(1);
        }
        if idle >= IDLE_TICKS {
            shared.parked.store(true, Ordering::SeqCst);
            if shared.running.load(Ordering::SeqCst) == 0 && !shared.stop.load(Ordering::SeqCst) {
                std::thread::park();
            }
            shared.parked.store(false, Ordering::SeqCst);
            idle = 0;
        }
        std::thread::sleep(TICK);
        let Some(engine) = engine.upgrade() else {
            return;
        };
        shared.epoch.fetch_add(1, Ordering::Relaxed);
        engine.increment_epoch();
    }
}
