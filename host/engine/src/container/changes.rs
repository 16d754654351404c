//! `docker diff`.

use serde::Serialize;

use crate::Engine;
use crate::error::Result;

/// A path that differs from the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Difference {
    /// Absolute path.
    pub path: String,
    /// 0 modified, 1 added, 2 deleted.
    pub kind: u8,
}

impl Engine {
    /// What a container changed, `None` for nothing at all.
    ///
    /// # Errors
    /// 404.
    pub fn container_changes(&self, name: &str) -> Result<Option<Vec<Difference>>> {
        let container = self.containers.find(name)?;
        let changes: Vec<Difference> = self
            .root(&container)?
            .overlay
            .changes()?
            .into_iter()
            .map(|change| Difference {
                path: String::from_utf8_lossy(&change.path).into_owned(),
                kind: change.kind as u8,
            })
            .collect();
        Ok((!changes.is_empty()).then_some(changes))
    }
}
