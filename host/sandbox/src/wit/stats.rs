//! `coracle:container/stats`.

use crate::bindings::coracle::container::stats::{ContainerStats, Host};
use crate::guest::Guest;

impl Host for Guest {
    fn get_stats(&mut self) -> wasmtime::Result<ContainerStats> {
        let stats = self.process.container().stats();
        let (received, sent) = self.network().map(|stack| stack.counters()).into_iter().flatten().fold(
            (0u64, 0u64),
            |(received, sent), (_, counters)| {
                (received.saturating_add(counters.received_bytes), sent.saturating_add(counters.sent_bytes))
            },
        );
        Ok(ContainerStats {
            memory_bytes: stats.memory,
            memory_peak_bytes: stats.memory_peak,
            memory_limit_bytes: stats.memory_limit,
            out_of_memory_kills: stats.out_of_memory_kills,
            cpu_nanoseconds: nanoseconds(stats.cpu),
            cpu_limit_nano_cpus: stats.cpu_limit,
            throttled_nanoseconds: nanoseconds(stats.throttled),
            processes: stats.processes,
            processes_limit: stats.processes_limit,
            read_bytes: stats.read_bytes,
            written_bytes: stats.written_bytes,
            received_bytes: received,
            sent_bytes: sent,
        })
    }
}

fn nanoseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
