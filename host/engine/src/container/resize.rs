//! `POST /containers/{id}/resize`.

use coracle_kernel::Size;

use crate::Engine;
use crate::error::{Error, Result};

impl Engine {
    /// Tells a container's terminal its new size.
    ///
    /// # Errors
    /// 409 when it does not run.
    pub fn container_resize(&self, name: &str, rows: u16, columns: u16) -> Result<()> {
        let container = self.containers.find(name)?;
        if container.running().is_none() {
            return Err(Error::NotRunning(container.id.clone()));
        }
        if let Some(pty) = container.streams.terminal() {
            pty.terminal().set_size(Size { rows, columns });
        }
        self.container_event(&container, "resize", &[("height", &rows.to_string()), ("width", &columns.to_string())]);
        Ok(())
    }
}
