//! `docker rm`.

use std::sync::Arc;

use super::Container;
use super::state::Phase;
use crate::Engine;
use crate::error::{Error, Result};
use crate::mounts::MountKind;

/// The query of remove.
#[derive(Debug, Clone, Copy, Default)]
pub struct RemoveOptions {
    /// Kill it first if it runs.
    pub force: bool,
    /// Remove its anonymous volumes too.
    pub volumes: bool,
    /// Remove a link, not the container.
    pub link: bool,
}

impl Engine {
    /// Removes a container with everything that is its own.
    ///
    /// # Errors
    /// 409 while it runs, unless forced.
    pub async fn container_remove(self: &Arc<Self>, name: &str, options: RemoveOptions) -> Result<()> {
        let container = self.containers.find(name)?;
        if options.link {
            return Err(Error::System("Conflict, cannot remove the default link name of the container".into()));
        }
        let phase = container.with_state(|state| state.phase);
        if phase == Phase::Removing {
            return Err(Error::Conflict(format!("removal of container {name} is already in progress")));
        }
        if !options.force {
            let why = match phase {
                Phase::Paused => "container is paused and must be unpaused first",
                Phase::Restarting => "container is restarting: stop the container before removing or force remove",
                Phase::Running => "container is running: stop the container before removing or force remove",
                _ => "",
            };
            if !why.is_empty() {
                return Err(Error::Conflict(format!("cannot remove container \"{name}\": {why}")));
            }
        }
        self.remove(&container, options).await
    }

    /// Removes a container whose removal is allowed.
    pub(super) async fn remove(self: &Arc<Self>, container: &Arc<Container>, options: RemoveOptions) -> Result<()> {
        if options.force
            && container.with_state(|state| state.phase.is_running())
            && !self.give_up_restart(container)?
        {
            let exits = container.milestones.borrow().exits;
            match self.send_signal(container, coracle_kernel::Signal::KILL) {
                Ok(()) => container.wait_for_exit_after(exits).await,
                Err(Error::NotRunning(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let _one_at_a_time = container.lifecycle.lock().await;
        let spec = container.spec();
        let claimed = {
            let mut state = container.state.lock();
            match state.phase {
                Phase::Removing => {
                    Err(Error::Conflict(format!("removal of container {} is already in progress", spec.name)))
                }
                phase if phase.is_running() => Err(Error::Conflict(format!(
                    "cannot remove container \"{}\": container is running: stop the container before removing or force remove",
                    spec.name
                ))),
                _ => {
                    state.phase = Phase::Removing;
                    Ok(())
                }
            }
        };
        claimed?;
        // Once the record is gone the container is; what is left on disk is swept at the next start.
        self.store.remove_container(&container.id)?;
        self.containers.remove(&container.id);
        self.forget_execs(container);
        *container.root.lock() = None;
        container.log.remove();
        self.discard_root(&container.id);
        if options.volumes {
            for point in spec.mounts.iter().filter(|p| p.kind == MountKind::Volume && p.more.anonymous) {
                self.remove_anonymous_volume(&point.name);
            }
        }
        self.container_event(container, "destroy", &[]);
        container.streams.close();
        container.milestones.send_modify(|milestone| {
            milestone.removed = true;
            // A failed start is told to who waits for an end, not to who waits for the removal.
            milestone.error.clear();
            milestone.running = false;
        });
        Ok(())
    }
}
