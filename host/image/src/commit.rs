//! `docker commit`: an image from a container's upper layer.

use crate::{ContainerConfig, ImageError, ImageId, ImageStore, Reference, Result};
use coracle_vfs::overlay::Overlay;

/// What to commit. The engine has paused the container and applied `--change` to `config`.
#[derive(Clone, Debug, Default)]
pub struct CommitRequest {
    /// The image the container was made from.
    pub parent: Option<ImageId>,
    /// What the new image runs.
    pub config: ContainerConfig,
    /// The container's id.
    pub container: String,
    /// The container's own configuration.
    pub container_config: ContainerConfig,
    /// `created_by` of the new history entry; default the container's command.
    pub created_by: Option<String>,
    /// `--author`
    pub author: String,
    /// `--message`
    pub comment: String,
    /// The name to give.
    pub reference: Option<Reference>,
}

#[allow(unused_variables, reason = "signatures first")]
impl ImageStore {
    /// Packs what changed in `overlay` into a layer and makes the image. Blocks.
    pub fn commit(&self, overlay: &Overlay, request: &CommitRequest) -> Result<ImageId> {
        Err(ImageError::Canceled)
    }
}
