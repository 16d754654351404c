//! The driver that executes nothing: `SOCKERLESS_SYNTHETIC=1`, `--synthetic`.
//!
//! A start logs one message and ends by itself after 50 ms (200 ms with an open
//! standard input); an exec says nothing and succeeds; accounts are zero.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use coracle_kernel::{Limits, OpenFile, PIPE_CAPACITY, ProcessInfo, Signal, SpawnError, Stats, pipe};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::{Driver, ExecProcess, Exit, ProcessOrder, Running, StartOrder, Stdio};

/// The seed's fixed pid.
const PID: u32 = 42;

/// Executes nothing.
#[derive(Debug, Default)]
pub struct Synthetic;

struct SyntheticRun {
    lasts: Duration,
    begun: tokio::time::Instant,
    killed: CancellationToken,
    code: Mutex<i32>,
    /// Held open until the end, as a process would.
    output: Mutex<Option<Arc<OpenFile>>>,
}

#[async_trait]
impl Driver for Synthetic {
    async fn start(&self, order: StartOrder) -> Result<(Arc<dyn Running>, Stdio), SpawnError> {
        let (read, write) = pipe(PIPE_CAPACITY);
        let words: Vec<_> = order.process.arguments.iter().map(|word| String::from_utf8_lossy(word)).collect();
        let message = format!("[synthetic] {}\n", words.join(" "));
        let _ = write.try_write(Bytes::from(message));
        let run = SyntheticRun {
            lasts: Duration::from_millis(if order.open_stdin { 200 } else { 50 }),
            begun: tokio::time::Instant::now(),
            killed: CancellationToken::new(),
            code: Mutex::new(0),
            output: Mutex::new(Some(write)),
        };
        Ok((Arc::new(run), Stdio { stdout: Some(read), ..Stdio::default() }))
    }
}

#[async_trait]
impl Running for SyntheticRun {
    fn pid(&self) -> u32 {
        PID
    }

    async fn exited(&self) -> Exit {
        tokio::select! {
            () = tokio::time::sleep_until(self.begun + self.lasts) => {}
            () = self.killed.cancelled() => {}
        }
        *self.output.lock() = None;
        Exit { code: *self.code.lock(), oom_killed: false }
    }

    async fn exec(&self, _order: ProcessOrder) -> Result<(Arc<dyn ExecProcess>, Stdio), SpawnError> {
        Ok((Arc::new(SyntheticExec), Stdio::default()))
    }

    fn signal(&self, signal: Signal) {
        *self.code.lock() = if signal == Signal::KILL { 137 } else { 0 };
        self.killed.cancel();
    }

    fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn pause(&self) {}

    fn unpause(&self) {}

    fn processes(&self) -> Vec<ProcessInfo> {
        Vec::new()
    }

    fn stats(&self) -> Stats {
        Stats::default()
    }

    fn set_limits(&self, _limits: Limits) {}
}

struct SyntheticExec;

#[async_trait]
impl ExecProcess for SyntheticExec {
    fn pid(&self) -> u32 {
        PID
    }

    async fn exited(&self) -> i32 {
        0
    }

    fn kill(&self) {}
}
