//! One program from its first instruction to its exit status.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use coracle_kernel::{ExitStatus, Process, Signal};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::component::{ComponentExportIndex, Instance};
use wasmtime::{Engine, Store, Trap, UpdateDeadline};

use crate::guest::{Exit, Guest};
use crate::memory::OutOfMemoryKill;
use crate::program::{Kind, Program};
use crate::ticker::Ticker;

/// Bytes a guest may pass to the host in one call: the largest is the state a
/// shell hands to a subshell, 16 MiB, with the rest of the request.
const HOSTCALL_BYTES: usize = 20 << 20;
/// Handles in the guest's own tables.
const MAX_HANDLES: usize = 32_768;

/// The future that runs `program` as `process`. Nothing of it happens before the
/// first poll, and dropping it ends the program wherever it is.
pub(crate) fn run(
    engine: &Engine,
    ticker: &Arc<Ticker>,
    program: Arc<Program>,
    process: Arc<Process>,
    slots: OwnedSemaphorePermit,
) -> Turns {
    let turn = Arc::new(AtomicU64::new(0));
    let engine = engine.clone();
    let clock = Arc::clone(ticker);
    let guest_turn = Arc::clone(&turn);
    let life = async move {
        // Released last: the slots are free once the store is gone.
        let _slots = slots;
        live(&engine, clock, &program, process, guest_turn).await
    };
    Turns { ticker: Arc::clone(ticker), turn, life: Box::pin(life) }
}

/// A program whose turns on a worker are known to the ticker. A panic in a host
/// function passes through and ends it: the kernel's task takes care of that.
pub(crate) struct Turns {
    ticker: Arc<Ticker>,
    turn: Arc<AtomicU64>,
    life: Pin<Box<dyn Future<Output = ExitStatus> + Send>>,
}

impl Future for Turns {
    type Output = ExitStatus;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<ExitStatus> {
        let this = &mut *self;
        let _running = this.ticker.enter();
        this.turn.store(this.ticker.now(), Ordering::Relaxed);
        this.life.as_mut().poll(context)
    }
}

async fn live(
    engine: &Engine,
    ticker: Arc<Ticker>,
    program: &Program,
    process: Arc<Process>,
    turn: Arc<AtomicU64>,
) -> ExitStatus {
    let mut store = Store::new(engine, Guest::new(process, turn));
    if store.data_mut().memory.begin().is_err() {
        return ExitStatus::Signaled(Signal::KILL);
    }
    store.limiter(|guest| &mut guest.memory);
    store.set_hostcall_fuel(HOSTCALL_BYTES);
    store.set_max_component_handles(MAX_HANDLES);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |context| {
        // The deadline also passes while a program waits in the host; it has used
        // up its turn only if this turn is older than a tick.
        let began = context.data().turn.load(Ordering::Relaxed);
        Ok(if ticker.now() == began {
            UpdateDeadline::Continue(1)
        } else {
            UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))
        })
    });
    let ended = call(&mut store, program).await;
    let status = match ended {
        Ok(code) => ExitStatus::Exited(code),
        Err(error) => failure(&store.data().process, &error),
    };
    store.data_mut().flush().await;
    status
}

/// Instantiates the program and runs it to its end.
async fn call(store: &mut Store<Guest>, program: &Program) -> wasmtime::Result<u8> {
    let instance = program.pre.instantiate_async(&mut *store).await?;
    match program.kind {
        Kind::Command { run } => {
            let run = instance.get_typed_func::<(), (Result<(), ()>,)>(&mut *store, run)?;
            let (answer,) = run.call_async(&mut *store, ()).await?;
            Ok(u8::from(answer.is_err()))
        }
        Kind::Shell { exec, interactive } => {
            let talks = interactive.filter(|_| talks(&store.data().process));
            with_arguments(store, instance, talks.unwrap_or(exec)).await
        }
        Kind::Toolbox { run, .. } => with_arguments(store, instance, run).await,
    }
}

async fn with_arguments(
    store: &mut Store<Guest>,
    instance: Instance,
    function: ComponentExportIndex,
) -> wasmtime::Result<u8> {
    let function = instance.get_typed_func::<(Vec<Vec<u8>>,), (u8,)>(&mut *store, function)?;
    let arguments = store.data().process.arguments();
    let (status,) = function.call_async(&mut *store, (arguments,)).await?;
    Ok(status)
}

/// Whether a shell was started to talk to a person: on a terminal, with options
/// at most.
fn talks(process: &Process) -> bool {
    let terminal = process.standard(0).is_some_and(|file| file.terminal().is_some());
    terminal && !has_operands(&process.arguments())
}

/// Whether a shell's argv has a command, a script or operands (XCU sh).
fn has_operands(arguments: &[Vec<u8>]) -> bool {
    let mut rest = arguments.iter().skip(1);
    while let Some(argument) = rest.next() {
        let Some((sign, letters)) = argument.split_first() else {
            return true;
        };
        if !matches!(sign, b'-' | b'+') {
            return true;
        }
        // `-` and `--` alone end the options.
        if matches!(letters, b"" | b"-") {
            return rest.next().is_some();
        }
        if letters.starts_with(b"-") {
            if matches!(letters, b"-rcfile" | b"-init-file") {
                rest.next();
            }
            continue;
        }
        if letters.contains(&b'c') {
            return true;
        }
        if letters.iter().any(|letter| matches!(letter, b'o' | b'O')) {
            rest.next();
        }
    }
    false
}

/// What an error that left the guest means for a parent, with a word on standard
/// error where the program did not choose its end.
fn failure(process: &Process, error: &wasmtime::Error) -> ExitStatus {
    if let Some(Exit(code)) = error.downcast_ref() {
        return ExitStatus::Exited(*code);
    }
    if error.downcast_ref::<OutOfMemoryKill>().is_some() {
        return ExitStatus::Signaled(Signal::KILL);
    }
    let (signal, reason) = match error.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => (Signal::ABRT, "aborted".to_owned()),
        Some(Trap::IntegerDivisionByZero | Trap::IntegerOverflow) => (Signal::FPE, "arithmetic error".to_owned()),
        Some(
            trap @ (Trap::StackOverflow
            | Trap::MemoryOutOfBounds
            | Trap::HeapMisaligned
            | Trap::TableOutOfBounds
            | Trap::IndirectCallToNull
            | Trap::BadSignature),
        ) => (Signal::SEGV, trap.to_string()),
        Some(trap) => (Signal::ABRT, trap.to_string()),
        None => (Signal::ABRT, format!("{error:#}")),
    };
    tracing::debug!(pid = process.pid(), error = format!("{error:?}"), "a program failed");
    if let Some(file) = process.standard(2) {
        let name = process.arguments().into_iter().next().unwrap_or_default();
        let text = format!("{}: {reason}\n", String::from_utf8_lossy(&name));
        // Nobody is left to be told that standard error takes nothing.
        let _ = file.try_write(Bytes::from(text));
    }
    ExitStatus::Signaled(signal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operands(arguments: &[&str]) -> bool {
        let arguments: Vec<_> = arguments.iter().map(|a| a.as_bytes().to_vec()).collect();
        has_operands(&arguments)
    }

    #[test]
    fn a_shell_with_options_only_has_no_operands() {
        assert!(!operands(&["sh"]));
        assert!(!operands(&["sh", "-"]));
        assert!(!operands(&["-sh"]));
        assert!(!operands(&["bash", "-l", "-i"]));
        assert!(!operands(&["sh", "-o", "vi", "+e"]));
        assert!(!operands(&["bash", "--norc", "--rcfile", "x"]));
    }

    #[test]
    fn a_command_or_a_script_is_an_operand() {
        assert!(operands(&["sh", "-c", "true"]));
        assert!(operands(&["sh", "-ec", "true"]));
        assert!(operands(&["sh", "script"]));
        assert!(operands(&["sh", "--", "script"]));
        assert!(operands(&["sh", "-", "script"]));
    }
}
