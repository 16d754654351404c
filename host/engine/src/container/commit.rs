//! `docker commit`.

use std::sync::Arc;

use coracle_image::{CommitRequest, ContainerConfig, Reference};

use crate::Engine;
use crate::error::{Error, Result};
use crate::model::Config;

/// The query and body of commit.
#[derive(Debug, Clone, Default)]
pub struct CommitOptions {
    /// Container.
    pub container: String,
    /// Name of the image; may be empty.
    pub repository: String,
    /// Tag.
    pub tag: String,
    /// Comment.
    pub comment: String,
    /// Author.
    pub author: String,
    /// Freeze the container meanwhile.
    pub pause: bool,
    /// Dockerfile instructions on the config.
    pub changes: Vec<String>,
    /// Config instead of the container's.
    pub config: Option<Config>,
}

fn image_config(config: &Config) -> Result<ContainerConfig> {
    let mut value = serde_json::to_value(config)?;
    crate::model::strip_nulls(&mut value);
    Ok(serde_json::from_value(value)?)
}

impl Engine {
    /// Makes an image of a container's files and config. Answers its id.
    ///
    /// # Errors
    /// 404, 400 for bad names and instructions.
    pub async fn container_commit(self: &Arc<Self>, options: CommitOptions) -> Result<String> {
        let container = self.containers.find(&options.container)?;
        let reference = match options.repository.as_str() {
            "" => None,
            name => {
                let reference: Reference = name.parse().map_err(Error::from)?;
                Some(if options.tag.is_empty() {
                    reference.with_default_tag()
                } else {
                    reference.with_tag(&options.tag)?
                })
            }
        };
        let spec = container.spec();
        let own = image_config(&spec.config)?;
        let wanted = match &options.config {
            Some(config) if *config != Config::default() => image_config(config)?,
            _ => own.clone(),
        };
        let request = CommitRequest {
            parent: spec.image.parse().ok(),
            config: crate::instructions::apply(wanted, &options.changes)?,
            container: container.id.clone(),
            container_config: own,
            created_by: None,
            author: options.author,
            comment: options.comment,
            reference: reference.clone(),
        };
        let root = self.root(&container)?;
        let frozen = container
            .running()
            .filter(|_| options.pause && container.with_state(|state| state.phase == super::Phase::Running));
        if let Some(run) = &frozen {
            run.processes.pause();
        }
        let store = Arc::clone(&self.images);
        let made = tokio::task::spawn_blocking(move || store.commit(&root.overlay, &request)).await;
        if let Some(run) = &frozen
            && container.with_state(|state| state.phase == super::Phase::Running)
        {
            run.processes.unpause();
        }
        let id = made.map_err(Error::system)??.to_string();
        let name = reference.as_ref().map(Reference::familiar).unwrap_or_default();
        self.container_event(&container, "commit", &[("comment", ""), ("imageID", &id), ("imageRef", &name)]);
        if reference.is_some() {
            self.image_event("tag", &id, &name);
        }
        Ok(id)
    }
}
