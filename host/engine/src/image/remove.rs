//! `docker rmi` and `docker image prune`.

use coracle_image::{PruneRequest, Removed};
use serde::Serialize;

use crate::Engine;
use crate::container::until;
use crate::error::Result;
use crate::events::Kind;
use crate::filters::Filters;

/// One thing that was done.
#[derive(Debug, Clone, Serialize)]
pub enum Removal {
    /// A name is gone.
    Untagged(String),
    /// An image is gone.
    Deleted(String),
}

/// The answer of prune.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the field names are Docker's and documented in its API reference")]
pub struct PrunedImages {
    pub images_deleted: Option<Vec<Removal>>,
    pub space_reclaimed: u64,
}

impl Engine {
    /// Removes a name, and the image with its last name.
    ///
    /// # Errors
    /// 404, 409 while containers use it.
    pub fn image_remove(&self, name: &str, force: bool, keep_parents: bool) -> Result<Vec<Removal>> {
        let removed = self.images.remove(name, force, keep_parents, &self.image_uses())?;
        Ok(self.report(removed))
    }

    /// Removes what nobody uses.
    ///
    /// # Errors
    /// For unknown filters.
    pub fn image_prune(&self, filters: &Filters) -> Result<PrunedImages> {
        filters.accept(&["dangling", "label", "label!", "until"])?;
        let request = PruneRequest {
            all: filters.boolean("dangling")? == Some(false),
            until: until(filters)?.and_then(|time| jiff::Timestamp::from_nanosecond(i128::from(time.0)).ok()),
            labels: filters.get("label").to_vec(),
            not_labels: filters.get("label!").to_vec(),
        };
        let pruned = self.images.prune(&request, &self.image_uses())?;
        let removed = self.report(pruned.removed);
        let reclaimed = [("reclaimed".to_owned(), pruned.reclaimed.to_string())];
        self.events.emit(Kind::Image, "prune", "", reclaimed.into());
        Ok(PrunedImages { images_deleted: (!removed.is_empty()).then_some(removed), space_reclaimed: pruned.reclaimed })
    }

    fn report(&self, removed: Vec<Removed>) -> Vec<Removal> {
        removed
            .into_iter()
            .map(|removed| match removed {
                Removed::Untagged { reference, id } => {
                    self.image_event("untag", &id.to_string(), &id.to_string());
                    Removal::Untagged(reference)
                }
                Removed::Deleted(id) => {
                    let id = id.to_string();
                    self.image_event("delete", &id, &id);
                    Removal::Deleted(id)
                }
                Removed::Layer(chain) => Removal::Deleted(chain.to_string()),
            })
            .collect()
    }
}
