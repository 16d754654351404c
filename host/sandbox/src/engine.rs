//! The one wasmtime engine of the daemon and what it is sized for.
//!
//! Every process of every container is an instance in this engine, so its
//! settings decide how fast a process starts (pooled slots, copy-on-write
//! images), how many can live at once (each live instance costs a handful of
//! kernel mappings, and Linux caps those per process) and that no guest can hold
//! a worker thread (epochs). A machine that cannot carry the wanted number of
//! slots gets a smaller pool and a log line that says what to do, instead of a
//! daemon that does not start.

use std::num::NonZeroUsize;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::error::SandboxError;

/// Kernel mappings one live process needs at most: two for its stack and its
/// guard page, the rest for linear memory, its image and tables.
const MAPPINGS_PER_PROCESS: u64 = 6;
/// Mappings left for the daemon itself: its binary, thread stacks, the heap and
/// mapped programs.
const MAPPINGS_FOR_THE_DAEMON: u64 = 2_500;
/// Address space of one linear memory: 4 GiB reserved and its guard, which is
/// what lets compiled code go without bounds checks.
const MEMORY_SPAN: u64 = (4 << 30) + (32 << 20);
/// What a guest may use of its stack.
pub(crate) const WASM_STACK: usize = 1 << 20;
/// Guest stack and, below it, the part for host functions; running out of the
/// latter would end the daemon, so it is generous (it is only address space).
const ASYNC_STACK: usize = 2 << 20;
/// Entries of the largest table a guest may have (function pointers).
const TABLE_ELEMENTS: usize = 100_000;

/// How many processes may live at once, and how they are allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Slots for live processes with one linear memory each.
    pub processes: u32,
    /// Slots are pooled; otherwise each instance maps its own memory, slower,
    /// because the machine's address space is too small for a pool.
    pub pooled: bool,
}

/// What the machine allows, measured before the engine is built.
#[derive(Debug, Clone, Copy)]
struct Machine {
    mappings: Option<u64>,
    address_space: Option<u64>,
}

impl Machine {
    fn measure() -> Self {
        let mappings =
            std::fs::read_to_string("/proc/sys/vm/max_map_count").ok().and_then(|text| text.trim().parse().ok());
        let address_space = rustix::process::getrlimit(rustix::process::Resource::As).current;
        Self { mappings, address_space }
    }

    /// The number of processes this machine carries, at most `wanted`.
    fn carries(self, wanted: u32) -> u32 {
        let by_mappings = self
            .mappings
            .map_or(u64::from(wanted), |limit| limit.saturating_sub(MAPPINGS_FOR_THE_DAEMON) / MAPPINGS_PER_PROCESS);
        let by_space = self.address_space.map_or(u64::from(wanted), |limit| limit / 2 / MEMORY_SPAN);
        let carried = u64::from(wanted).min(by_mappings).min(by_space);
        u32::try_from(carried).unwrap_or(wanted)
    }
}

/// Builds the engine for up to `wanted` live processes, falling back to fewer.
pub(crate) fn build(wanted: u32) -> Result<(Engine, Capacity), SandboxError> {
    let machine = Machine::measure();
    let mut processes = machine.carries(wanted).max(1);
    if processes < wanted {
        tracing::warn!(
            wanted,
            processes,
            max_map_count = machine.mappings,
            address_space = machine.address_space,
            "this machine carries fewer live processes than wanted: raise it with \
             `sysctl -w vm.max_map_count={}` and an unlimited address space (`ulimit -v`)",
            u64::from(wanted) * MAPPINGS_PER_PROCESS + MAPPINGS_FOR_THE_DAEMON,
        );
    }
    // Reserving address space can fail for reasons no limit tells (39-bit
    // addresses, strict overcommit), so try, and halve.
    while processes >= 64 {
        match Engine::new(&config(Some(processes))) {
            Ok(engine) => {
                return Ok((engine, Capacity { processes, pooled: true }));
            }
            Err(error) => {
                tracing::warn!(processes, %error, "no pool of this size, trying half of it");
                processes /= 2;
            }
        }
    }
    let processes = machine.carries(wanted).max(1);
    let engine = Engine::new(&config(None)).map_err(SandboxError::Engine)?;
    tracing::warn!("instances are allocated one by one: starting a process takes longer");
    Ok((engine, Capacity { processes, pooled: false }))
}

/// The settings; `pool` is the number of pooled processes.
fn config(pool: Option<u32>) -> Config {
    let mut config = Config::new();
    config
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(ASYNC_STACK)
        .memory_init_cow(true)
        .wasm_backtrace_max_frames(NonZeroUsize::new(16))
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    if let Some(processes) = pool {
        let mut slots = PoolingAllocationConfig::default();
        slots
            .total_component_instances(processes)
            .total_core_instances(processes.saturating_mul(4))
            .total_memories(processes)
            .total_tables(processes.saturating_mul(2))
            .total_stacks(processes)
            .max_component_instance_size(4 << 20)
            .max_core_instance_size(2 << 20)
            .max_core_instances_per_component(64)
            .max_memories_per_component(16)
            .max_tables_per_component(32)
            .max_memories_per_module(16)
            .max_tables_per_module(16)
            .table_elements(TABLE_ELEMENTS)
            .max_unused_warm_slots(64)
            // Memory of ended processes goes back to the machine, several at a time. Keeping the lowest pages of a
            // slot would clear and hold pages that compilers leave unused there (the far end of the stack): after
            // 10,000 processes a gigabyte more, and no faster as measured by `examples/spawn.rs`.
            .linear_memory_keep_resident(0)
            .table_keep_resident(0)
            .decommit_batch_size(16);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(slots));
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_mapping_limit_carries_ten_thousand_processes() {
        let machine = Machine { mappings: Some(65_530), address_space: None };
        assert_eq!(machine.carries(10_000), 10_000);
    }

    #[test]
    fn a_small_address_space_carries_fewer() {
        let machine = Machine { mappings: Some(65_530), address_space: Some(64 << 30) };
        assert!(machine.carries(10_000) < 10);
    }
}
