//! `docker rename`.

use crate::Engine;
use crate::error::{Error, Result};
use crate::names;

impl Engine {
    /// Gives a container another name.
    ///
    /// # Errors
    /// 400 for bad names, 409 for taken ones.
    pub async fn container_rename(&self, old: &str, new: &str) -> Result<()> {
        let wanted = new.strip_prefix('/').unwrap_or(new);
        if old.is_empty() || wanted.is_empty() {
            return Err(Error::Invalid("Neither old nor new names may be empty".into()));
        }
        let container = self.containers.find(old)?;
        let _one_at_a_time = container.lifecycle.lock().await;
        let before = container.spec().name.clone();
        if before == wanted {
            return Err(Error::Invalid("Renaming a container with the same name as its current name".into()));
        }
        let allocating = "Error when allocating new name: ";
        if !names::is_valid(wanted) {
            return Err(Error::Invalid(format!(
                "{allocating}Invalid container name (/{wanted}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            )));
        }
        self.containers.reserve(wanted, &container.id).map_err(|error| error.context(allocating))?;
        let changed = self.change_spec(&container, |spec| {
            wanted.clone_into(&mut spec.name);
            Ok(())
        });
        if let Err(error) = changed {
            self.containers.release(wanted, &container.id);
            return Err(error);
        }
        self.containers.release(&before, &container.id);
        if let Some(run) = container.running() {
            run.network.stack.rename(wanted);
        }
        self.container_event(&container, "rename", &[("oldName", &format!("/{before}"))]);
        Ok(())
    }
}
