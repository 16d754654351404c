//! `docker kill`, and signals by name and number.

use std::sync::Arc;

use coracle_kernel::Signal;

use super::Container;
use super::state::Phase;
use crate::Engine;
use crate::error::{Error, Result};

/// `TERM`, `SIGTERM`, `15`.
///
/// # Errors
/// `invalid signal: X`.
pub(super) fn parse_signal(text: &str) -> Result<Signal> {
    let invalid = || Error::Invalid(format!("invalid signal: {text}"));
    if let Ok(number) = text.parse::<u8>() {
        return Signal::new(number).map_err(|_| invalid());
    }
    text.to_ascii_uppercase().parse().map_err(|_| invalid())
}

impl Engine {
    /// Sends a signal; SIGKILL also waits for the end.
    ///
    /// # Errors
    /// 409 when it does not run, 400 for unknown signals.
    pub async fn container_kill(self: &Arc<Self>, name: &str, signal: &str) -> Result<()> {
        let context = format!("cannot kill container: {name}: ");
        let signal = match signal {
            "" | "0" => Signal::KILL,
            text => parse_signal(text).map_err(|error| error.context(&context))?,
        };
        let container = self.containers.find(name).map_err(|error| error.context(&context))?;
        if !container.with_state(|state| state.phase.is_running()) {
            return Err(Error::NotRunning(container.id.clone()).context(&context));
        }
        if self.give_up_restart(&container)? {
            return Ok(());
        }
        let exits = container.milestones.borrow().exits;
        self.send_signal(&container, signal)?;
        if signal == Signal::KILL {
            container.wait_for_exit_after(exits).await;
        }
        Ok(())
    }

    /// Sends one signal and says so. Whoever sends the stop signal by hand has
    /// the last word over the restart policy.
    pub(super) fn send_signal(&self, container: &Arc<Container>, signal: Signal) -> Result<()> {
        let Some(run) = container.running() else { return Err(Error::NotRunning(container.id.clone())) };
        let stop_signal = container.spec().config.stop_signal.clone();
        let is_stop =
            stop_signal.is_empty() || signal == Signal::KILL || parse_signal(&stop_signal).is_ok_and(|s| s == signal);
        if is_stop {
            self.change_state(container, |state| state.stopped_by_hand = true)?;
        }
        if signal == Signal::KILL {
            run.processes.kill()
        } else {
            run.processes.signal(signal)
        }
        self.container_event(container, "kill", &[("signal", &signal.number().to_string())]);
        if is_stop && container.with_state(|state| state.phase == Phase::Paused) {
            run.processes.unpause();
            self.change_state(container, |state| {
                if state.phase == Phase::Paused {
                    state.phase = Phase::Running;
                }
            })?;
            self.container_event(container, "unpause", &[]);
        }
        Ok(())
    }

    /// Ends the backoff of a restart policy; false when the container is not in it.
    pub(super) fn give_up_restart(&self, container: &Container) -> Result<bool> {
        if container.with_state(|state| state.phase != Phase::Restarting) {
            return Ok(false);
        }
        container.restart_stop.lock().cancel();
        let ended = self.change_state(container, |state| {
            let restarting = state.phase == Phase::Restarting;
            if restarting {
                state.phase = Phase::Exited;
                state.stopped_by_hand = true;
            }
            restarting
        })?;
        if ended {
            container.milestones.send_modify(|milestone| {
                milestone.exits += 1;
                milestone.running = false;
            });
        }
        Ok(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        assert_eq!(parse_signal("TERM").unwrap(), Signal::TERM);
        assert_eq!(parse_signal("sigterm").unwrap(), Signal::TERM);
        assert_eq!(parse_signal("15").unwrap(), Signal::TERM);
        assert_eq!(parse_signal("BAD").unwrap_err().to_string(), "invalid signal: BAD");
        assert!(parse_signal("0").is_err() && parse_signal("99").is_err());
    }
}
