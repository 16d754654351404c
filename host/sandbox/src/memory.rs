//! A program's linear memories on the container's account.
//!
//! Linux charges a container for the pages its processes touched. A linear memory
//! begins with the program's static data, which is shared with every other
//! instance until it is written, and a stack of which most is never used; from
//! then on it grows because the program allocates. So the first megabytes count as
//! the little that an instance really takes, and everything beyond in full, before
//! it is there.

use std::sync::Arc;

use coracle_kernel::{OutOfMemory, Process};
use wasmtime::ResourceLimiter;

/// What an instance really takes of the machine, as measured (bytes).
const INSTANCE: u64 = 96 << 10;
/// Initial memory that counts as [`INSTANCE`]: static data and the usual stack.
const INITIAL: u64 = 2 << 20;
/// Entries of the largest table.
const MAX_TABLE: usize = 100_000;

/// The container's limit was reached; the kernel has ended the process already.
#[derive(Debug)]
pub(crate) struct OutOfMemoryKill;

impl std::fmt::Display for OutOfMemoryKill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("out of memory")
    }
}

impl std::error::Error for OutOfMemoryKill {}

/// What one program has charged; given back when it is dropped.
pub(crate) struct MemoryCharge {
    process: Arc<Process>,
    charged: u64,
    last: u64,
    /// Initial memory that still counts as part of the instance.
    free: u64,
}

impl MemoryCharge {
    pub(crate) fn new(process: Arc<Process>) -> Self {
        Self { process, charged: 0, last: 0, free: INITIAL }
    }

    /// Charges the instance itself.
    pub(crate) fn begin(&mut self) -> Result<(), OutOfMemory> {
        self.charge(INSTANCE)
    }

    fn charge(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        self.process.memory().grow(bytes)?;
        self.charged = self.charged.saturating_add(bytes);
        self.last = bytes;
        Ok(())
    }
}

impl ResourceLimiter for MemoryCharge {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let mut bytes = desired.saturating_sub(current) as u64;
        if current == 0 {
            let free = bytes.min(self.free);
            self.free -= free;
            bytes -= free;
        }
        match self.charge(bytes) {
            Ok(()) => Ok(true),
            Err(OutOfMemory::Refused) => Ok(false),
            Err(OutOfMemory::Killed) => Err(wasmtime::format_err!(OutOfMemoryKill)),
        }
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        tracing::debug!(error = format!("{error:#}"), "a memory did not grow");
        let bytes = std::mem::take(&mut self.last);
        self.charged = self.charged.saturating_sub(bytes);
        self.process.memory().release(bytes);
        Ok(())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE)
    }

    fn instances(&self) -> usize {
        64
    }

    fn tables(&self) -> usize {
        32
    }

    fn memories(&self) -> usize {
        16
    }
}

impl Drop for MemoryCharge {
    fn drop(&mut self) {
        self.process.memory().release(self.charged);
    }
}
