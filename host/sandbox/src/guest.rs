//! What the store of one running program holds.
//!
//! A store is one life of a program: it is made when the program starts and
//! dropped when it ends, is killed or replaced by exec, and with it go its
//! handles, its unfinished calls and its charge on the container's memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use coracle_kernel::Process;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::clocks::{WasiClocksCtx, WasiClocksCtxView, WasiClocksView};
use wasmtime_wasi_io::IoView;

use crate::files::blocking::Outgoing;
use crate::memory::MemoryCharge;

/// Handles a program may hold at once: files, pollables, streams, sockets.
const MAX_HANDLES: usize = 32_768;

/// A program's end by its own wish, on its way out of the guest as an error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exit(pub(crate) u8);

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exited with status {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// What waits to go out on the standard streams.
#[derive(Default)]
pub(crate) struct StandardOutgoing {
    pub(crate) stdout: Arc<Outgoing>,
    pub(crate) stderr: Arc<Outgoing>,
}

/// The data of a program's store.
pub(crate) struct Guest {
    pub(crate) process: Arc<Process>,
    pub(crate) table: ResourceTable,
    pub(crate) outgoing: StandardOutgoing,
    pub(crate) memory: MemoryCharge,
    /// The tick at which the program's present turn on a worker began.
    pub(crate) turn: Arc<AtomicU64>,
    /// The program has asked for its working directory.
    pub(crate) knows_directory: Arc<AtomicBool>,
    clocks: WasiClocksCtx,
}

impl Guest {
    pub(crate) fn new(process: Arc<Process>, turn: Arc<AtomicU64>) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        Self {
            memory: MemoryCharge::new(Arc::clone(&process)),
            process,
            table,
            outgoing: StandardOutgoing::default(),
            turn,
            knows_directory: Arc::default(),
            clocks: WasiClocksCtx::default(),
        }
    }

    /// What the program wrote goes out before it is gone.
    pub(crate) async fn flush(&mut self) {
        self.outgoing.stdout.finish(&self.process, 1).await;
        self.outgoing.stderr.finish(&self.process, 2).await;
    }
}

impl IoView for Guest {
    fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }
}

impl WasiClocksView for Guest {
    fn clocks(&mut self) -> WasiClocksCtxView<'_> {
        WasiClocksCtxView { ctx: &mut self.clocks, table: &mut self.table }
    }
}
