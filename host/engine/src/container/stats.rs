//! `docker stats`.

use std::sync::Arc;

use coracle_kernel::Stats;
use serde_json::{Value, json};

use super::Container;
use crate::Engine;
use crate::error::Result;
use crate::system::{machine_memory, processors};
use crate::time::Time;

/// Figures of a container, sampled when asked.
pub struct Sampler {
    container: Arc<Container>,
    before: Option<(Time, Value)>,
}

impl Engine {
    /// Prepares to sample a container.
    ///
    /// # Errors
    /// 404.
    pub fn container_stats(&self, name: &str) -> Result<Sampler> {
        Ok(Sampler { container: self.containers.find(name)?, before: None })
    }
}

impl Sampler {
    /// The figures of now; `precpu_stats` are those of the sample before.
    pub fn sample(&mut self) -> Value {
        let spec = self.container.spec();
        let Some(run) = self.container.running() else { return idle(&self.container.id, &spec.name) };
        let now = Time::now();
        let stats = run.processes.stats();
        let cpu = cpu(&stats, now);
        let (before, cpu_before) = self.before.replace((now, cpu.clone())).unwrap_or_else(|| (Time::ZERO, no_cpu()));
        let mut shown = json!({
            "id": self.container.id,
            "name": format!("/{}", spec.name),
            "read": now.to_string(),
            "preread": before.to_string(),
            "pids_stats": {"current": stats.processes},
            "blkio_stats": {
                "io_service_bytes_recursive": [
                    {"major": 0, "minor": 0, "op": "read", "value": stats.read_bytes},
                    {"major": 0, "minor": 0, "op": "write", "value": stats.written_bytes},
                ],
                "io_serviced_recursive": [
                    {"major": 0, "minor": 0, "op": "read", "value": stats.reads},
                    {"major": 0, "minor": 0, "op": "write", "value": stats.writes},
                ],
                "io_queue_recursive": null,
                "io_service_time_recursive": null,
                "io_wait_time_recursive": null,
                "io_merged_recursive": null,
                "io_time_recursive": null,
                "sectors_recursive": null,
            },
            "num_procs": 0,
            "storage_stats": {},
            "cpu_stats": cpu,
            "precpu_stats": cpu_before,
            "memory_stats": {
                "usage": stats.memory,
                "max_usage": stats.memory_peak,
                "stats": {"anon": stats.memory, "inactive_file": 0},
                "limit": stats.memory_limit.unwrap_or_else(machine_memory),
            },
        });
        if let Some(limit) = stats.processes_limit
            && let Some(pids) = shown.get_mut("pids_stats").and_then(Value::as_object_mut)
        {
            pids.insert("limit".to_owned(), json!(limit));
        }
        let networks: serde_json::Map<String, Value> = run
            .network
            .stack
            .counters()
            .into_iter()
            .map(|(interface, counters)| {
                let figures = json!({
                    "rx_bytes": counters.received_bytes, "rx_packets": counters.received_packets,
                    "rx_errors": 0, "rx_dropped": 0,
                    "tx_bytes": counters.sent_bytes, "tx_packets": counters.sent_packets,
                    "tx_errors": 0, "tx_dropped": 0,
                });
                (interface, figures)
            })
            .collect();
        if let (false, Some(shown)) = (networks.is_empty(), shown.as_object_mut()) {
            shown.insert("networks".to_owned(), Value::Object(networks));
        }
        shown
    }

    /// Waits until the container is gone.
    pub async fn removed(&self) {
        let mut milestones = self.container.milestones.subscribe();
        let _ = milestones.wait_for(|milestone| milestone.removed).await;
    }

    /// Whether it runs now.
    pub fn is_running(&self) -> bool {
        self.container.running().is_some()
    }
}

fn cpu(stats: &Stats, now: Time) -> Value {
    let used = u64::try_from(stats.cpu.as_nanos()).unwrap_or(u64::MAX);
    let count = processors();
    // Docker divides by this, in nanoseconds of all processors: wall time will do.
    let system = u64::try_from(now.0).unwrap_or(0).wrapping_mul(count as u64);
    json!({
        "cpu_usage": {"total_usage": used, "usage_in_kernelmode": 0, "usage_in_usermode": used},
        "system_cpu_usage": system,
        "online_cpus": count,
        "throttling_data": {
            "periods": stats.throttled_times,
            "throttled_periods": stats.throttled_times,
            "throttled_time": u64::try_from(stats.throttled.as_nanos()).unwrap_or(u64::MAX),
        },
    })
}

fn no_cpu() -> Value {
    json!({
        "cpu_usage": {"total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0},
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    })
}

/// What dockerd answers for a container that does not run.
fn idle(id: &str, name: &str) -> Value {
    let nothing = Value::Null;
    json!({
        "name": format!("/{name}"),
        "id": id,
        "read": Time::ZERO.to_string(),
        "preread": Time::ZERO.to_string(),
        "pids_stats": {},
        "blkio_stats": {
            "io_service_bytes_recursive": nothing, "io_serviced_recursive": nothing, "io_queue_recursive": nothing,
            "io_service_time_recursive": nothing, "io_wait_time_recursive": nothing, "io_merged_recursive": nothing,
            "io_time_recursive": nothing, "sectors_recursive": nothing,
        },
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": no_cpu(),
        "precpu_stats": no_cpu(),
        "memory_stats": {},
    })
}
