//! `docker stop`: the stop signal, a time of grace, then SIGKILL.

use std::sync::Arc;
use std::time::Duration;

use coracle_kernel::Signal;

use super::Container;
use crate::Engine;
use crate::error::{Error, Result};

const DEFAULT_GRACE: i64 = 10;

impl Engine {
    /// Stops a container. `timeout` in seconds; negative waits without end.
    ///
    /// # Errors
    /// 304 when it does not run.
    pub async fn container_stop(
        self: &Arc<Self>,
        name: &str,
        signal: Option<&str>,
        timeout: Option<i64>,
    ) -> Result<()> {
        let container = self.containers.find(name)?;
        let _one_at_a_time = container.lifecycle.lock().await;
        if !container.with_state(|state| state.phase.is_running()) {
            return Err(Error::NotModified);
        }
        let signal = signal.filter(|signal| !signal.is_empty()).map(super::kill::parse_signal).transpose()?;
        self.stop(&container, signal, timeout)
            .await
            .map_err(|error| error.context(&format!("cannot stop container: {name}: ")))
    }

    /// The caller holds the lifecycle lock.
    pub(crate) async fn stop(
        self: &Arc<Self>,
        container: &Arc<Container>,
        signal: Option<Signal>,
        timeout: Option<i64>,
    ) -> Result<()> {
        if self.give_up_restart(container)? {
            return Ok(());
        }
        let spec = container.spec();
        let signal = match signal {
            Some(signal) => signal,
            None if spec.config.stop_signal.is_empty() => Signal::TERM,
            None => super::kill::parse_signal(&spec.config.stop_signal)?,
        };
        let grace = timeout.or(spec.config.stop_timeout).unwrap_or(DEFAULT_GRACE);
        let exits = container.milestones.borrow().exits;
        match self.send_signal(container, signal) {
            Ok(()) => {}
            // It has ended by itself in the meantime.
            Err(Error::NotRunning(_)) => return Ok(()),
            Err(error) => return Err(error),
        }
        let gone = container.wait_for_exit_after(exits);
        let ended = match u64::try_from(grace) {
            Ok(seconds) => tokio::time::timeout(Duration::from_secs(seconds), gone).await.is_ok(),
            Err(_) => {
                gone.await;
                true
            }
        };
        if !ended {
            match self.send_signal(container, Signal::KILL) {
                Ok(()) | Err(Error::NotRunning(_)) => container.wait_for_exit_after(exits).await,
                Err(error) => return Err(error),
            }
        }
        self.container_event(container, "stop", &[]);
        Ok(())
    }

    /// The daemon ends: like stop, but the restart policy starts it again with the next daemon.
    pub(crate) async fn stop_for_shutdown(self: &Arc<Self>, container: &Arc<Container>) {
        let by_hand = container.with_state(|state| state.stopped_by_hand);
        if let Err(error) = self.stop(container, None, None).await {
            tracing::warn!(container = container.id, %error, "stop");
        }
        if let Err(error) = self.change_state(container, |state| state.stopped_by_hand = by_hand) {
            tracing::warn!(container = container.id, %error, "stop");
        }
    }
}
