//! `docker restart`, and the restart policies with their backoff.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Container;
use super::state::Phase;
use crate::Engine;
use crate::error::{Error, Result};
use crate::model::RestartPolicy;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(60);
/// A run this long was a good one: the next failure begins with the first delay.
const GOOD: Duration = Duration::from_secs(10);

/// How long to wait before the next restart.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    delay: Duration,
}

impl Backoff {
    /// The delay before the next run, or none when the policy says to leave it.
    pub fn next(&mut self, policy: &RestartPolicy, code: i32, ran: Duration, count: u32) -> Option<Duration> {
        let again = match policy.name.as_str() {
            "always" | "unless-stopped" => true,
            "on-failure" => {
                code != 0 && (policy.maximum_retry_count == 0 || i64::from(count) < policy.maximum_retry_count)
            }
            _ => false,
        };
        if !again {
            return None;
        }
        self.delay = if ran >= GOOD || self.delay.is_zero() { FIRST } else { (self.delay * 2).min(LONGEST) };
        Some(self.delay)
    }
}

impl Engine {
    /// Stops (if it runs) and starts a container.
    ///
    /// # Errors
    /// Those of stop and start.
    pub async fn container_restart(
        self: &Arc<Self>,
        name: &str,
        signal: Option<&str>,
        timeout: Option<i64>,
    ) -> Result<()> {
        let container = self.containers.find(name)?;
        let signal = signal.filter(|signal| !signal.is_empty()).map(super::kill::parse_signal).transpose()?;
        let _one_at_a_time = container.lifecycle.lock().await;
        if matches!(container.with_state(|state| state.phase), Phase::Removing | Phase::Dead) {
            return Err(Error::Conflict("container is marked for removal and cannot be started".into()));
        }
        if container.with_state(|state| state.phase.is_running()) {
            container.restarting_by_hand.store(true, Ordering::Release);
            let stopped = self.stop(&container, signal, timeout).await;
            container.restarting_by_hand.store(false, Ordering::Release);
            stopped.map_err(|error| error.context(&format!("Cannot restart container {name}: ")))?;
        }
        self.start_by_hand(&container)
            .await
            .map_err(|error| error.context(&format!("Cannot restart container {name}: ")))?;
        self.container_event(&container, "restart", &[]);
        Ok(())
    }

    /// Starts a container after its policy's delay unless somebody stops it first.
    pub(super) fn restart_after(self: &Arc<Self>, container: &Arc<Container>, delay: Duration, count: u32) {
        let stop = container.restart_stop.lock().clone();
        let (engine, container) = (Arc::clone(self), Arc::clone(container));
        self.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => return,
                () = engine.stopping() => return,
                () = tokio::time::sleep(delay) => {}
            }
            let _one_at_a_time = container.lifecycle.lock().await;
            if stop.is_cancelled() || container.with_state(|state| state.phase != Phase::Restarting) {
                return;
            }
            if let Err(error) = engine.begin(&container, count).await {
                tracing::warn!(container = container.id, %error, "restart policy");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str, count: i64) -> RestartPolicy {
        RestartPolicy { name: name.into(), maximum_retry_count: count }
    }

    #[test]
    fn the_delay_doubles_up_to_a_minute_and_starts_anew_after_a_good_run() {
        let mut backoff = Backoff::default();
        let always = policy("always", 0);
        let delays: Vec<_> = (0..12).filter_map(|_| backoff.next(&always, 0, Duration::ZERO, 0)).collect();
        assert_eq!(delays[..3], [FIRST, FIRST * 2, FIRST * 4]);
        assert_eq!(delays[11], LONGEST);
        assert_eq!(backoff.next(&always, 0, GOOD, 0), Some(FIRST));
    }

    #[test]
    fn on_failure_counts() {
        let mut backoff = Backoff::default();
        assert!(backoff.next(&policy("on-failure", 2), 0, Duration::ZERO, 0).is_none());
        assert!(backoff.next(&policy("on-failure", 2), 1, Duration::ZERO, 1).is_some());
        assert!(backoff.next(&policy("on-failure", 2), 1, Duration::ZERO, 2).is_none());
        assert!(backoff.next(&policy("no", 0), 1, Duration::ZERO, 0).is_none());
    }
}
