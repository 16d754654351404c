//! `docker update`.

use super::{create, limits};
use crate::Engine;
use crate::error::{Error, Result};
use crate::model::{Resources, RestartPolicy};

impl Engine {
    /// Changes limits and the restart policy, at once if it runs. Answers warnings.
    ///
    /// # Errors
    /// 400 for what makes no sense.
    pub async fn container_update(
        &self,
        name: &str,
        wanted: Resources,
        policy: Option<RestartPolicy>,
    ) -> Result<Vec<String>> {
        create::check_resources(&wanted)?;
        let policy = policy.filter(|policy| !policy.name.is_empty());
        if let Some(policy) = &policy {
            create::check_restart_policy(policy)?;
        }
        let container = self.containers.find(name)?;
        let _one_at_a_time = container.lifecycle.lock().await;
        if policy.as_ref().is_some_and(|policy| !policy.is_none()) && container.spec().host.auto_remove {
            return Err(Error::Invalid(format!(
                "Restart policy cannot be updated because AutoRemove is enabled for the container {}",
                container.id
            )));
        }
        let resources = self.change_spec(&container, |spec| {
            let own = &mut spec.host.resources;
            apply(own, &wanted);
            create::check_resources(own)?;
            if let Some(policy) = policy {
                spec.host.restart_policy = policy;
            }
            Ok(own.clone())
        })?;
        if let Some(run) = container.running() {
            run.processes.set_limits(limits::limits(&resources));
        }
        self.container_event(&container, "update", &[]);
        Ok(Vec::new())
    }
}

/// Zero leaves a limit as it is.
fn apply(own: &mut Resources, wanted: &Resources) {
    let number = |own: &mut i64, wanted: i64| {
        if wanted != 0 {
            *own = wanted;
        }
    };
    number(&mut own.cpu_shares, wanted.cpu_shares);
    if wanted.nano_cpus != 0 {
        own.nano_cpus = wanted.nano_cpus;
        own.cpu_period = 0;
        own.cpu_quota = 0;
    }
    number(&mut own.cpu_period, wanted.cpu_period);
    number(&mut own.cpu_quota, wanted.cpu_quota);
    if wanted.memory != 0 {
        own.memory = wanted.memory;
        if own.memory_swap > 0 && own.memory_swap < own.memory && wanted.memory_swap == 0 {
            own.memory_swap = own.memory.saturating_mul(2);
        }
    }
    number(&mut own.memory_swap, wanted.memory_swap);
    number(&mut own.memory_reservation, wanted.memory_reservation);
    if wanted.pids_limit.is_some() {
        own.pids_limit = wanted.pids_limit.filter(|limit| *limit > 0);
    }
    if !wanted.cpuset_cpus.is_empty() {
        own.cpuset_cpus.clone_from(&wanted.cpuset_cpus);
    }
    if wanted.ulimits.is_some() {
        own.ulimits.clone_from(&wanted.ulimits);
    }
    if wanted.blkio_weight != 0 {
        own.blkio_weight = wanted.blkio_weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_leaves_a_limit_alone() {
        let mut own = Resources { memory: 1 << 30, nano_cpus: 5, ..Resources::default() };
        apply(&mut own, &Resources { pids_limit: Some(7), ..Resources::default() });
        assert_eq!((own.memory, own.nano_cpus, own.pids_limit), (1 << 30, 5, Some(7)));
        apply(&mut own, &Resources { pids_limit: Some(-1), memory: 2 << 30, ..Resources::default() });
        assert_eq!((own.memory, own.pids_limit), (2 << 30, None));
    }
}
