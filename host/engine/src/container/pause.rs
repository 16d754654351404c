//! `docker pause` and `docker unpause`.

use super::state::Phase;
use crate::Engine;
use crate::error::{Error, Result};

impl Engine {
    /// Freezes every process of a container.
    ///
    /// # Errors
    /// 409 when it does not run, or is frozen already.
    pub async fn container_pause(&self, name: &str) -> Result<()> {
        let container = self.containers.find(name)?;
        let Some(run) = container.running() else { return Err(Error::NotRunning(container.id.clone())) };
        match container.with_state(|state| state.phase) {
            Phase::Paused => return Err(Error::Conflict(format!("Container {} is already paused", container.id))),
            Phase::Restarting => {
                return Err(Error::Conflict(format!(
                    "Container {} is restarting, wait until the container is running",
                    container.id
                )));
            }
            Phase::Running => {}
            _ => return Err(Error::NotRunning(container.id.clone())),
        }
        run.processes.pause();
        self.change_state(&container, |state| {
            if state.phase == Phase::Running {
                state.phase = Phase::Paused;
            }
        })?;
        self.container_event(&container, "pause", &[]);
        Ok(())
    }

    /// Lets the processes of a container go on.
    ///
    /// # Errors
    /// 500 when it is not frozen, as dockerd has it.
    pub async fn container_unpause(&self, name: &str) -> Result<()> {
        let container = self.containers.find(name)?;
        let not_paused = || Error::System(format!("Container {} is not paused", container.id));
        let run = container.running().ok_or_else(not_paused)?;
        let paused = self.change_state(&container, |state| {
            let paused = state.phase == Phase::Paused;
            if paused {
                state.phase = Phase::Running;
            }
            paused
        })?;
        if !paused {
            return Err(not_paused());
        }
        run.processes.unpause();
        self.container_event(&container, "unpause", &[]);
        Ok(())
    }
}
