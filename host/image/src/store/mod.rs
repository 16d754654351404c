//! The image store: what is there, under which names, and the layers of it.

use crate::{ContainerConfig, Digest, ImageConfig, ImageError, ImageId, Reference, RegistryOptions, Result};
use cap_std::fs::Dir;
use coracle_vfs::archive::Limits;
use coracle_vfs::layer::Layer;
use std::sync::Arc;

/// How a store behaves.
#[derive(Clone, Debug, Default)]
pub struct StoreOptions {
    /// `--images=synthetic`: any name pulls at once, as metadata over the built-in userland.
    pub synthetic: bool,
    /// With `synthetic`: `SOCKERLESS_FETCH_IMAGE_CONFIG=true`, the true configuration is fetched from the registry.
    pub fetch_config: bool,
    /// Mirrors, insecure registries, limits.
    pub registry: RegistryOptions,
    /// What a layer may hold.
    pub limits: Limits,
}

/// One image as it stands.
#[derive(Clone, Debug)]
pub struct Image {
    /// Digest of the configuration.
    pub id: ImageId,
    /// The configuration.
    pub config: Arc<ImageConfig>,
    /// The configuration as it was made, byte for byte.
    pub config_bytes: Arc<[u8]>,
    /// The image it was built or committed from here.
    pub parent: Option<ImageId>,
    /// Names with tag, familiar form, sorted: `busybox:latest`.
    pub repo_tags: Vec<String>,
    /// Names with digest, familiar form, sorted: `busybox@sha256:…`.
    pub repo_digests: Vec<String>,
    /// Size of all layers' files in bytes.
    pub size: u64,
    /// When it last got a tag here.
    pub last_tagged: Option<jiff::Timestamp>,
}

/// A container that uses an image, told by the engine for `remove` and `prune`.
#[derive(Clone, Debug)]
pub struct ImageUse {
    /// The image it was made from.
    pub image: ImageId,
    /// The reference it was made with, as the user gave it.
    pub reference: String,
    /// The container's id.
    pub container: String,
    /// Whether it runs.
    pub running: bool,
}

/// One thing `remove` or `prune` did; also the order of events (`untag`, `delete`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// A name (familiar form) that no longer is.
    Untagged {
        /// The name.
        reference: String,
        /// What it named.
        id: ImageId,
    },
    /// An image that no longer is.
    Deleted(ImageId),
}

/// What to prune; an image in use is never pruned.
#[derive(Clone, Debug, Default)]
pub struct PruneRequest {
    /// Also images with tags (`--all`, filter `dangling=false`).
    pub all: bool,
    /// Only what was made before this.
    pub until: Option<jiff::Timestamp>,
    /// `label=` filters, `key` or `key=value`; all must match.
    pub labels: Vec<String>,
    /// `label!=` filters; none may match.
    pub not_labels: Vec<String>,
}

/// What pruning did.
#[derive(Clone, Debug, Default)]
pub struct Pruned {
    /// In the order it was done.
    pub removed: Vec<Removed>,
    /// Bytes of files of the layers that went.
    pub reclaimed: u64,
}

/// One row of `docker history`.
#[derive(Clone, Debug)]
pub struct HistoryItem {
    /// The image of that step, where it is known here.
    pub id: Option<ImageId>,
    /// When.
    pub created: jiff::Timestamp,
    /// By which command.
    pub created_by: String,
    /// Tags of that image.
    pub tags: Vec<String>,
    /// Bytes of files the step's layer holds.
    pub size: u64,
    /// Its comment.
    pub comment: String,
}

/// What `docker system df` says about images.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Bytes of files of all layers, each counted once.
    pub layers_size: u64,
    /// Every listed image.
    pub items: Vec<UsageItem>,
}

/// One image's row of `docker system df -v`.
#[derive(Clone, Debug)]
pub struct UsageItem {
    /// The image.
    pub image: Image,
    /// Bytes of files in layers that other images have as well.
    pub shared_size: u64,
}

/// The store of one daemon.
pub struct ImageStore {
    _directory: Dir,
}

#[allow(unused_variables, clippy::missing_errors_doc, reason = "signatures first")]
impl ImageStore {
    /// Opens or makes the store in `directory`, which belongs to it alone. What a killed daemon left half done is
    /// removed.
    pub fn open(directory: Dir, options: StoreOptions) -> Result<Arc<Self>> {
        Ok(Arc::new(Self { _directory: directory }))
    }

    /// The image a user means: a name (`busybox`, `busybox:1`, `busybox@sha256:…`), an id or its unique prefix.
    /// `NotFound` with Docker's text `No such image: …`.
    pub fn resolve(&self, name: &str) -> Result<Image> {
        Err(ImageError::no_such_image(name))
    }

    /// The image of that id.
    pub fn get(&self, id: &ImageId) -> Result<Image> {
        Err(ImageError::no_such_image(&id.to_string()))
    }

    /// All images, newest first; `intermediate` (`-a`) also those that only other images are built on.
    pub fn list(&self, intermediate: bool) -> Vec<Image> {
        Vec::new()
    }

    /// The layers of an image, top first, as `Overlay::new` takes them; opened once and shared.
    pub fn layers(&self, id: &ImageId) -> Result<Vec<Arc<Layer>>> {
        Err(ImageError::no_such_image(&id.to_string()))
    }

    /// `docker history`, newest step first.
    pub fn history(&self, id: &ImageId) -> Result<Vec<HistoryItem>> {
        Err(ImageError::no_such_image(&id.to_string()))
    }

    /// Gives an image a name; another image loses it. The name gets the tag `latest` if it has none.
    pub fn tag(&self, id: &ImageId, reference: &Reference) -> Result<()> {
        Err(ImageError::no_such_image(&id.to_string()))
    }

    /// `docker rmi`: takes the name away, and with the last name the image, its parents that nothing else needs
    /// (unless `keep_parents`), and its layers. `Conflict` in Docker's words while containers use it.
    pub fn remove(&self, name: &str, force: bool, keep_parents: bool, uses: &[ImageUse]) -> Result<Vec<Removed>> {
        Err(ImageError::no_such_image(name))
    }

    /// `docker image prune`.
    pub fn prune(&self, request: &PruneRequest, uses: &[ImageUse]) -> Result<Pruned> {
        Ok(Pruned::default())
    }

    /// `docker system df`.
    pub fn usage(&self) -> Usage {
        Usage::default()
    }

    /// Unpacks a layer (uncompressed tar) for an image to be made with [`ImageStore::create`]. The layer is dropped
    /// at the next start if no image came to use it. Blocks.
    pub fn add_layer(&self, tar: impl std::io::Read) -> Result<Digest> {
        Err(ImageError::Canceled)
    }

    /// Makes an image of a configuration whose layers are there (`docker build`); the same bytes are the same image.
    pub fn create(&self, config: &ImageConfig, parent: Option<ImageId>) -> Result<ImageId> {
        Err(ImageError::Canceled)
    }
}

/// What `docker build` needs to look up its cache: the images whose parent is this one.
impl ImageStore {
    /// Images built or committed from `parent` here, oldest first.
    pub fn children(&self, parent: &ImageId) -> Vec<Image> {
        let _ = (parent, None::<ContainerConfig>);
        Vec::new()
    }
}
