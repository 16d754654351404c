//! Docker's resource flags as limits of the kernel.

use coracle_kernel::{Limits, Resource, ResourceLimit, ResourceLimits};

use crate::model::Resources;

/// What `resources` allows.
pub(super) fn limits(resources: &Resources) -> Limits {
    let positive = |value: i64| u64::try_from(value).ok().filter(|value| *value > 0);
    let period = positive(resources.cpu_period).unwrap_or(100_000);
    let quota = positive(resources.cpu_quota).map(|quota| quota.saturating_mul(1_000_000_000) / period);
    let mut processes = ResourceLimits::default();
    for limit in resources.ulimits.iter().flatten() {
        let resource = match limit.name.as_str() {
            "cpu" => Resource::Cpu,
            "fsize" => Resource::FileSize,
            "nofile" => Resource::OpenFiles,
            "nproc" => Resource::Processes,
            "as" | "data" | "rss" => Resource::Memory,
            "stack" => Resource::Stack,
            "core" => Resource::Core,
            _ => continue,
        };
        let value = |value: i64| u64::try_from(value).ok();
        processes.put(resource, ResourceLimit { soft: value(limit.soft), hard: value(limit.hard) });
    }
    Limits {
        memory: positive(resources.memory),
        nano_cpus: positive(resources.nano_cpus).or(quota),
        pids: resources.pids_limit.and_then(|limit| u32::try_from(limit).ok()).filter(|limit| *limit > 0),
        oom_kill_disable: resources.oom_kill_disable == Some(true),
        resources: processes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_a_share_of_its_period() {
        let resources = Resources { cpu_quota: 50_000, cpu_period: 100_000, memory: 1 << 20, ..Resources::default() };
        let limits = limits(&resources);
        assert_eq!((limits.nano_cpus, limits.memory, limits.pids), (Some(500_000_000), Some(1 << 20), None));
    }
}
