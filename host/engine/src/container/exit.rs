//! What happens when the processes of a container are gone.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::state::Phase;
use super::{Container, RemoveOptions, Run};
use crate::Engine;
use crate::driver::Exit;
use crate::mounts::MountKind;
use crate::time::Time;

impl Engine {
    /// The run is over: resources are given back, the state is stored, everybody
    /// who waits is told, and the restart policy or `--rm` has its way.
    pub(super) async fn ended(self: &Arc<Self>, container: &Arc<Container>, run: &Arc<Run>, exit: Exit) {
        run.ended.cancel();
        self.forget_execs(container);
        let spec = container.spec();
        self.detach_network(container, &run.network);
        for point in spec.mounts.iter().filter(|point| point.kind == MountKind::Volume) {
            self.volume_event(&point.name, "unmount", &[("container", &container.id), ("driver", "local")]);
        }
        container.log.close();
        let (ran, stopped, restart_count) =
            container.with_state(|state| (state.started_at.elapsed(), state.stopped_by_hand, state.restart_count));
        let restart = if stopped || self.is_stopping() {
            None
        } else {
            container.restarts.lock().next(&spec.host.restart_policy, exit.code, ran, restart_count)
        };
        *container.run.lock() = None;
        container.streams.end();
        let stored = self.change_state(container, |state| {
            state.phase = if restart.is_some() { Phase::Restarting } else { Phase::Exited };
            state.pid = 0;
            state.exit_code = exit.code;
            state.oom_killed = exit.oom_killed;
            state.finished_at = Time::now();
        });
        if let Err(error) = stored {
            tracing::error!(container = container.id, %error, "the end of a container could not be stored");
        }
        let (code, seconds) = (exit.code.to_string(), ran.as_secs().to_string());
        self.container_event(container, "die", &[("exitCode", &code), ("execDuration", &seconds)]);
        container.milestones.send_modify(|milestone| {
            milestone.exits += 1;
            milestone.exit_code = exit.code;
            milestone.running = false;
        });
        if let Some(delay) = restart {
            self.restart_after(container, delay, restart_count + 1);
        } else if spec.host.auto_remove && !container.restarting_by_hand.load(Ordering::Acquire) {
            self.remove_soon(container);
        }
    }

    /// Removes a container of `--rm`, its anonymous volumes too.
    pub(super) fn remove_soon(self: &Arc<Self>, container: &Arc<Container>) {
        let (engine, container) = (Arc::clone(self), Arc::clone(container));
        self.spawn(async move {
            let options = RemoveOptions { force: true, volumes: true, link: false };
            if let Err(error) = engine.remove(&container, options).await {
                tracing::debug!(container = container.id, %error, "automatic removal");
            }
        });
    }
}
