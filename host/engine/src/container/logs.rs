//! `docker logs`.

use super::Container;
use crate::Engine;
use crate::error::Result;
use crate::log::{LogQuery, LogReader};

impl Engine {
    /// The log of a container, and whether it has a terminal (one raw stream).
    ///
    /// # Errors
    /// 404; 501 when nothing is kept.
    pub fn container_logs(&self, name: &str, query: LogQuery) -> Result<(LogReader, bool)> {
        let container: std::sync::Arc<Container> = self.containers.find(name)?;
        let reader = container.log.read(query)?;
        Ok((reader, container.spec().config.tty))
    }
}
