//! `docker history` and `docker system df`.

use super::{HistoryItem, ImageStore, Usage, UsageItem, image};
use crate::{Digest, ImageError, ImageId, Reference, Result};
use std::collections::BTreeMap;

impl ImageStore {
    /// `docker history`, newest step first.
    pub fn history(&self, id: &ImageId) -> Result<Vec<HistoryItem>> {
        let state = self.state.lock();
        let loaded = state.configs.get(id).ok_or_else(|| ImageError::no_such_image(&id.to_string()))?;
        let mut layers = loaded.config.rootfs.diff_ids.iter();
        let mut items = Vec::new();
        for step in &loaded.config.history {
            let layer = if step.empty_layer { None } else { layers.next() };
            let size = layer.and_then(|layer| state.record.layers.get(layer)).map_or(0, |layer| layer.size);
            items.push(HistoryItem {
                id: None,
                created: step
                    .created
                    .as_deref()
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(jiff::Timestamp::UNIX_EPOCH),
                created_by: step.created_by.clone(),
                tags: Vec::new(),
                size,
                comment: step.comment.clone(),
            });
        }
        items.reverse();
        // The images of the steps are known as far as they were made here, one on the other.
        let mut at = Some(*id);
        for item in &mut items {
            let Some(step) = at else { break };
            item.id = Some(step);
            item.tags = state
                .references_of(&step)
                .iter()
                .filter(|reference| reference.digest().is_none())
                .map(Reference::familiar)
                .collect();
            at = state.record.images.get(&step).and_then(|image| image.parent);
        }
        Ok(items)
    }

    /// `docker system df`.
    pub fn usage(&self) -> Usage {
        let images = self.list(false);
        let state = self.state.lock();
        let mut users: BTreeMap<Digest, usize> = BTreeMap::new();
        for id in state.record.images.keys() {
            for layer in state.layers_of(id).unwrap_or_default() {
                *users.entry(layer).or_default() += 1;
            }
        }
        // An image and the images it was built on have the same layers; that is not sharing.
        let listed =
            |layer: &Digest| images.iter().filter(|image| image.config.rootfs.diff_ids.contains(layer)).count();
        let size = |layer: &Digest| state.record.layers.get(layer).map_or(0, |layer| layer.size);
        let items = images
            .iter()
            .filter_map(|shown| {
                let shared = shown.config.rootfs.diff_ids.iter().filter(|layer| listed(layer) > 1);
                Some(UsageItem { image: image(&state, &shown.id)?, shared_size: shared.map(size).sum() })
            })
            .collect();
        Usage { layers_size: users.keys().map(size).sum(), items }
    }
}
