//! Health checks: a probe every interval, and what its results make of the container.

use std::sync::Arc;
use std::time::Duration;

use super::state::{Health, HealthProbe};
use super::{Container, Run};
use crate::Engine;
use crate::error::Result;
use crate::exec::probe;
use crate::model::HealthConfig;
use crate::time::Time;

const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const START_INTERVAL: Duration = Duration::from_secs(5);
const RETRIES: i64 = 3;
/// Probes kept in inspect.
const KEPT: usize = 5;

/// A check with its defaults filled in.
struct Check {
    command: Vec<String>,
    interval: Duration,
    timeout: Duration,
    start_period: Duration,
    start_interval: Duration,
    retries: i64,
}

impl Check {
    fn new(config: &HealthConfig, shell: Option<&Vec<String>>) -> Option<Self> {
        let test = config.test.as_deref().unwrap_or_default();
        let command = match test.split_first() {
            Some((kind, rest)) if kind == "CMD" && !rest.is_empty() => rest.to_vec(),
            Some((kind, rest)) if kind == "CMD-SHELL" && !rest.is_empty() => {
                let default = vec!["/bin/sh".to_owned(), "-c".to_owned()];
                let mut command = shell.cloned().filter(|shell| !shell.is_empty()).unwrap_or(default);
                command.extend_from_slice(rest);
                command
            }
            _ => return None,
        };
        let duration = |nanoseconds: i64, default| match u64::try_from(nanoseconds) {
            Ok(0) | Err(_) => default,
            Ok(nanoseconds) => Duration::from_nanos(nanoseconds),
        };
        Some(Self {
            command,
            interval: duration(config.interval, INTERVAL),
            timeout: duration(config.timeout, TIMEOUT),
            start_period: duration(config.start_period, Duration::ZERO),
            start_interval: duration(config.start_interval, START_INTERVAL),
            retries: if config.retries == 0 { RETRIES } else { config.retries },
        })
    }
}

impl Engine {
    /// Begins to probe a run, if its container has a check.
    pub(super) fn start_health_check(self: &Arc<Self>, container: &Arc<Container>, run: &Arc<Run>) {
        let spec = container.spec();
        let check = spec.config.healthcheck.as_ref().and_then(|config| Check::new(config, spec.config.shell.as_ref()));
        let Some(check) = check else {
            if container.with_state(|state| state.health.is_some()) {
                let _ = self.change_state(container, |state| state.health = None);
            }
            return;
        };
        let starting = Health { status: "starting".into(), ..Health::default() };
        if let Err(error) = self.change_state(container, |state| state.health = Some(starting)) {
            tracing::warn!(container = container.id, %error, "health");
        }
        let (engine, container, run) = (Arc::clone(self), Arc::clone(container), Arc::clone(run));
        self.spawn(async move {
            tokio::select! {
                () = run.ended.cancelled() => {}
                () = engine.stopping() => {}
                () = engine.probe_forever(&container, &run, &check) => {}
            }
        });
    }

    async fn probe_forever(self: &Arc<Self>, container: &Arc<Container>, run: &Arc<Run>, check: &Check) {
        let began = tokio::time::Instant::now();
        loop {
            let starting = began.elapsed() < check.start_period
                && container.with_state(|state| state.health.as_ref().is_some_and(|h| h.status == "starting"));
            tokio::time::sleep(if starting { check.start_interval.min(check.interval) } else { check.interval }).await;
            if container.with_state(|state| state.phase == super::state::Phase::Paused) {
                continue;
            }
            let start = Time::now();
            let (exit_code, output) = probe(self, container, run, &check.command, check.timeout).await;
            let result = HealthProbe { start: start.to_string(), end: Time::now().to_string(), exit_code, output };
            let in_start_period = began.elapsed() < check.start_period;
            if let Err(error) = self.record_probe(container, result, check.retries, in_start_period) {
                tracing::warn!(container = container.id, %error, "health");
            }
        }
    }

    fn record_probe(
        &self,
        container: &Container,
        probe: HealthProbe,
        retries: i64,
        in_start_period: bool,
    ) -> Result<()> {
        let changed = self.change_state(container, |state| {
            let health = state.health.get_or_insert_default();
            let before = health.status.clone();
            judge(health, probe, retries, in_start_period);
            (before != health.status).then(|| health.status.clone())
        })?;
        if let Some(status) = changed {
            self.container_event(container, &format!("health_status: {status}"), &[]);
        }
        Ok(())
    }
}

/// dockerd's rule: one success makes it healthy; failures count unless it is
/// still starting within its start period; `retries` of them make it unhealthy.
fn judge(health: &mut Health, probe: HealthProbe, retries: i64, in_start_period: bool) {
    let success = probe.exit_code == 0;
    health.log.push(probe);
    while health.log.len() > KEPT {
        health.log.remove(0);
    }
    if success {
        health.failing_streak = 0;
        health.status = "healthy".into();
    } else if health.status != "starting" || !in_start_period {
        health.failing_streak += 1;
        if health.failing_streak >= retries {
            health.status = "unhealthy".into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(exit_code: i32) -> HealthProbe {
        HealthProbe { start: String::new(), end: String::new(), exit_code, output: String::new() }
    }

    #[test]
    fn failures_in_the_start_period_do_not_count() {
        let mut health = Health { status: "starting".into(), ..Health::default() };
        for _ in 0..5 {
            judge(&mut health, probe(1), 2, true);
        }
        assert_eq!((health.status.as_str(), health.failing_streak), ("starting", 0));
        judge(&mut health, probe(0), 2, true);
        assert_eq!(health.status, "healthy");
        judge(&mut health, probe(1), 2, true);
        judge(&mut health, probe(1), 2, true);
        assert_eq!((health.status.as_str(), health.failing_streak, health.log.len()), ("unhealthy", 2, 5));
    }

    #[test]
    fn a_check_needs_a_command() {
        let config = |test: &[&str]| HealthConfig {
            test: Some(test.iter().map(|word| (*word).to_owned()).collect()),
            ..HealthConfig::default()
        };
        assert!(Check::new(&config(&["NONE"]), None).is_none());
        assert!(Check::new(&config(&[]), None).is_none());
        assert_eq!(Check::new(&config(&["CMD", "a"]), None).unwrap().command, ["a"]);
        assert_eq!(Check::new(&config(&["CMD-SHELL", "a b"]), None).unwrap().command, ["/bin/sh", "-c", "a b"]);
    }
}
