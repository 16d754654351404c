//! Images as archives: load, save and import.

use crate::{ContainerConfig, ImageError, ImageId, ImageStore, Platform, ProgressSender, Reference, Result};
use std::io::{Read, Write};

/// `docker load`
#[derive(Clone, Debug, Default)]
pub struct LoadRequest {
    /// No progress bars.
    pub quiet: bool,
    /// Only this platform of images with several.
    pub platform: Option<Platform>,
}

/// One image `load` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The image.
    pub id: ImageId,
    /// The name it got; none: "Loaded image ID: sha256:…".
    pub reference: Option<Reference>,
}

/// `docker import`
#[derive(Clone, Debug, Default)]
pub struct ImportRequest {
    /// The commit message.
    pub message: String,
    /// What the image runs (`--change` already applied by the engine).
    pub config: ContainerConfig,
    /// The name to give.
    pub reference: Option<Reference>,
    /// Platform to write into the configuration; default linux and the daemon's architecture.
    pub platform: Option<Platform>,
}

#[allow(unused_variables, reason = "signatures first")]
impl ImageStore {
    /// Loads a docker-archive or OCI layout, tar, plain or compressed (gzip, zstd, xz, bzip2). Nothing is visible
    /// before everything has been verified. Blocks. The progress messages are Docker's, the last lines included.
    pub fn load(
        &self,
        archive: impl Read + Send,
        request: &LoadRequest,
        progress: &ProgressSender,
    ) -> Result<Vec<Loaded>> {
        Err(ImageError::Canceled)
    }

    /// Writes images by name or id as one archive that both Docker (any version) and OCI tools load. Blocks.
    pub fn save(&self, names: &[String], platform: Option<&Platform>, archive: impl Write) -> Result<()> {
        Err(ImageError::Canceled)
    }

    /// Makes an image of one layer out of a file tree (tar, plain or compressed). Blocks.
    pub fn import(
        &self,
        tree: impl Read + Send,
        request: &ImportRequest,
        progress: &ProgressSender,
    ) -> Result<ImageId> {
        Err(ImageError::Canceled)
    }
}
