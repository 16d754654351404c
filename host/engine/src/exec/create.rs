//! `POST /containers/{id}/exec`.

use std::sync::Arc;

use super::{Exec, ExecConfig};
use crate::Engine;
use crate::container::{Phase, lookup_user};
use crate::detach::DetachKeys;
use crate::error::{Error, Result};

/// The body.
pub type ExecCreate = ExecConfig;

/// Instances of one container that were never started and are still kept.
const PENDING: usize = 1 << 16;

impl Engine {
    /// Prepares a process; it begins with [`Engine::exec_start`].
    ///
    /// # Errors
    /// 409 when the container does not run or is paused, 400 without a command.
    pub fn exec_create(&self, name: &str, config: ExecCreate) -> Result<String> {
        if config.cmd.as_ref().is_none_or(Vec::is_empty) {
            return Err(Error::Invalid("No exec command specified".into()));
        }
        let container = self.containers.find(name)?;
        let phase = container.with_state(|state| state.phase);
        let Some(run) = container.running() else { return Err(Error::NotRunning(container.id.clone())) };
        match phase {
            Phase::Paused => {
                return Err(Error::Conflict(format!("Container {name} is paused, unpause the container before exec")));
            }
            Phase::Restarting => {
                return Err(Error::Conflict(format!(
                    "Container {} is restarting, wait until the container is running",
                    container.id
                )));
            }
            Phase::Running => {}
            _ => return Err(Error::NotRunning(container.id.clone())),
        }
        if DetachKeys::parse(&config.detach_keys).is_err() {
            return Err(Error::Invalid(format!("Invalid escape keys ({}) provided", config.detach_keys)));
        }
        if !config.user.is_empty() {
            lookup_user(&run.namespace, &config.user, &[]).map_err(|error| Error::Invalid(error.to_string()))?;
        }
        if !config.working_dir.is_empty() && !config.working_dir.starts_with('/') {
            return Err(Error::Invalid(format!(
                "the working directory '{}' is invalid, it needs to be an absolute path",
                config.working_dir
            )));
        }
        let id = crate::id::generate();
        let exec =
            Arc::new(Exec { id: id.clone(), container: Arc::clone(&container), config, state: Default::default() });
        {
            let mut ids = container.execs.lock();
            if ids.len() >= PENDING {
                return Err(Error::System("too many exec instances".into()));
            }
            ids.push(id.clone());
        }
        self.execs.insert(Arc::clone(&exec));
        let action = format!("exec_create: {}", exec.line());
        self.container_event(&container, &action, &[("execID", &id)]);
        Ok(id)
    }
}

impl Exec {
    /// The command as events show it.
    pub(super) fn line(&self) -> String {
        let command = self.config.cmd.as_deref().unwrap_or_default();
        let (program, arguments) = command.split_first().map_or(("", &[][..]), |(p, a)| (p.as_str(), a));
        format!("{program} {}", arguments.join(" "))
    }
}
