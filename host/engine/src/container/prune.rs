//! `docker container prune`.

use std::sync::Arc;

use serde::Serialize;

use super::RemoveOptions;
use crate::Engine;
use crate::error::{Error, Result};
use crate::events::Kind;
use crate::filters::Filters;
use crate::time::Time;

/// What was removed.
#[derive(Debug, Clone, Default)]
pub struct Pruned {
    /// Ids or names; `None` for nothing.
    pub removed: Option<Vec<String>>,
    /// Bytes given back.
    pub reclaimed: u64,
}

/// The answer of container prune.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PrunedContainers {
    /// Ids.
    pub containers_deleted: Option<Vec<String>>,
    /// Bytes.
    pub space_reclaimed: u64,
}

/// The `until` filter of the prunes.
///
/// # Errors
/// For more than one, or text that is no time.
pub(crate) fn until(filters: &Filters) -> Result<Option<Time>> {
    match filters.get("until") {
        [] => Ok(None),
        [one] => Time::parse_query(one).map(Some).ok_or_else(|| Error::InvalidFilter(format!("until={one}"))),
        _ => Err(Error::Invalid("more than one until filter specified".into())),
    }
}

impl Engine {
    /// Removes the containers that do not run.
    ///
    /// # Errors
    /// For unknown filters.
    pub async fn container_prune(self: &Arc<Self>, filters: &Filters) -> Result<PrunedContainers> {
        filters.accept(&["label", "label!", "until"])?;
        let until = until(filters)?;
        let mut removed = Vec::new();
        let mut reclaimed = 0;
        for container in self.containers.newest_first() {
            let spec = container.spec();
            let idle = container.with_state(|state| !state.phase.is_running());
            let admitted = filters.labels(spec.config.labels.as_ref().unwrap_or(&Default::default()))
                && until.is_none_or(|until| spec.created <= until);
            if !idle || !admitted {
                continue;
            }
            let (changed, _) = self.sizes(&container, &spec);
            if self.remove(&container, RemoveOptions::default()).await.is_ok() {
                reclaimed += changed.unwrap_or(0);
                removed.push(container.id.clone());
            }
        }
        self.events.emit(Kind::Container, "prune", "", [("reclaimed".to_owned(), reclaimed.to_string())].into());
        Ok(PrunedContainers {
            containers_deleted: (!removed.is_empty()).then_some(removed),
            space_reclaimed: reclaimed,
        })
    }
}
