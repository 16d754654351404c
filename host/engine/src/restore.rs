//! What an earlier daemon left: containers that ran come back as exited, and
//! their restart policies apply.

use std::sync::Arc;

use crate::Engine;
use crate::container::state::State;
use crate::container::{Container, Phase, Spec};
use crate::error::Result;
use crate::log::{ContainerLog, LogOptions};
use crate::time::Time;

/// Status of a container whose daemon went away under it.
const KILLED: i32 = 137;

impl Engine {
    pub(crate) async fn restore_containers(self: &Arc<Self>) -> Result<()> {
        let mut again = Vec::new();
        for (id, spec, mut state) in self.store.containers::<Spec, State>()? {
            let was_running = state.phase.is_running();
            let policy = spec.host.restart_policy.name.clone();
            let removed = spec.host.auto_remove && (was_running || state.phase == Phase::Exited);
            if was_running || state.phase == Phase::Removing {
                state.phase = Phase::Exited;
                state.pid = 0;
                if was_running {
                    state.exit_code = KILLED;
                    state.finished_at = Time::now();
                }
                self.store.put_container_state(&id, &state)?;
            }
            let mut options = LogOptions::parse(&spec.host.log_config, self.log_path(&id))?;
            options.attach(&spec.host.log_config, &spec.config);
            let stopped = state.stopped_by_hand;
            let ever = !state.started_at.is_zero();
            let name = spec.name.clone();
            let container = Container::new(id.clone(), spec, state, ContainerLog::new(options));
            if self.containers.reserve(&name, &id).is_err() {
                tracing::warn!(container = id, name, "name given to another container");
                continue;
            }
            self.containers.insert(Arc::clone(&container));
            let restart = match policy.as_str() {
                "always" => ever,
                "unless-stopped" => ever && !stopped,
                "on-failure" => was_running,
                _ => false,
            };
            if removed {
                self.remove_after_restart(&container);
            } else if restart {
                again.push(container);
            }
        }
        if !self.fresh {
            self.sweep("overlay");
            self.sweep("containers");
        }
        for container in again {
            let engine = Arc::clone(self);
            self.spawn(async move {
                let id = container.id.clone();
                if let Err(error) = engine.container_start(&id).await {
                    tracing::warn!(container = id, %error, "restart policy");
                }
            });
        }
        Ok(())
    }

    fn remove_after_restart(self: &Arc<Self>, container: &Arc<Container>) {
        let (engine, id) = (Arc::clone(self), container.id.clone());
        self.spawn(async move {
            let options = crate::container::RemoveOptions { force: true, volumes: true, link: false };
            let _ = engine.container_remove(&id, options).await;
        });
    }

    /// Deletes directories of containers that are not there.
    fn sweep(&self, directory: &str) {
        let Ok(entries) = std::fs::read_dir(self.data_root.join(directory)) else { return };
        for entry in entries.flatten() {
            let known = entry.file_name().to_str().is_some_and(|name| self.containers.find(name).is_ok());
            if !known {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }
}
