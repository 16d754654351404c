//! The image store: what is there, under which names, and the layers of it.
//!
//! Answers come from memory; [`disk`] holds blobs and layers, [`state`] the one file that names them.

mod disk;
mod history;
mod remove;
mod state;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use disk::{Disk, Staged};
pub(crate) use state::{BuiltinRecord, State};

use crate::reference::is_hex_id;
use crate::registry::Transport;
use crate::{Digest, ImageConfig, ImageError, ImageId, Reference, RegistryOptions, Result};
use cap_std::fs::Dir;
use coracle_vfs::archive::Limits;
use coracle_vfs::layer::{Layer, Unpacked};
use parking_lot::Mutex;
use state::Loaded;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
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
    /// A layer that no longer is, by its chain id: listed in the answer as deleted, but no event.
    Layer(Digest),
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
    pub(crate) disk: Disk,
    pub(crate) state: Mutex<State>,
    pub(crate) options: StoreOptions,
    #[allow(dead_code, reason = "the registry client's connections")]
    pub(crate) transport: Transport,
}

impl ImageStore {
    /// Opens or makes the store in `directory`, which belongs to it alone. What a killed daemon left half done is
    /// removed.
    pub fn open(directory: Dir, options: StoreOptions) -> Result<Arc<Self>> {
        let record = state::read(&directory)?;
        let disk = Disk::open(directory, options.limits)?;
        let mut state = State { record, configs: BTreeMap::new(), fresh: BTreeSet::new() };
        let ids: Vec<ImageId> = state.record.images.keys().copied().collect();
        for id in ids {
            match load_config(&disk, &id) {
                Ok(loaded) => {
                    state.configs.insert(id, loaded);
                }
                Err(error) => {
                    tracing::error!(%id, %error, "an image is damaged and no longer listed");
                    state.record.images.remove(&id);
                    state.record.references.retain(|_, image| *image != id);
                }
            }
        }
        state.record.layers.retain(|layer, _| disk.has_layer(layer));
        disk.sweep(|blob| state.configs.contains_key(blob), |layer| state.is_layer_used(layer))?;
        let transport = Transport::new(&options.registry);
        Ok(Arc::new(Self { disk, state: Mutex::new(state), options, transport }))
    }

    /// The image a user means: a name (`busybox`, `busybox:1`, `busybox@sha256:…`), an id or its unique prefix.
    /// `NotFound` with Docker's text `No such image: …`.
    pub fn resolve(&self, name: &str) -> Result<Image> {
        let state = self.state.lock();
        let id = find(&state, name)?;
        image(&state, &id).ok_or_else(|| ImageError::no_such_image(name))
    }

    /// The image of that id.
    pub fn get(&self, id: &ImageId) -> Result<Image> {
        image(&self.state.lock(), id).ok_or_else(|| ImageError::no_such_image(&id.to_string()))
    }

    /// All images, newest first; `intermediate` (`-a`) also those that only other images are built on.
    pub fn list(&self, intermediate: bool) -> Vec<Image> {
        let state = self.state.lock();
        let parents: BTreeSet<ImageId> = state.record.images.values().filter_map(|image| image.parent).collect();
        let named: BTreeSet<ImageId> = state.record.references.values().copied().collect();
        let mut images: Vec<Image> = state
            .record
            .images
            .keys()
            .filter(|id| intermediate || named.contains(id) || !parents.contains(id))
            .filter_map(|id| image(&state, id))
            .collect();
        images.sort_by_key(|image| std::cmp::Reverse(image.config.created_at()));
        images
    }

    /// Images built or committed from `parent` here, oldest first: the cache of `docker build`.
    pub fn children(&self, parent: &ImageId) -> Vec<Image> {
        let state = self.state.lock();
        let mut images: Vec<Image> = state.children_of(parent).iter().filter_map(|id| image(&state, id)).collect();
        images.sort_by_key(|image| image.config.created_at());
        images
    }

    /// The layers of an image, top first, as `Overlay::new` takes them; opened once and shared. Also those of an image
    /// that was removed by force from under a container.
    pub fn layers(&self, id: &ImageId) -> Result<Vec<Arc<Layer>>> {
        let layers = self.state.lock().layers_of(id).ok_or_else(|| ImageError::no_such_image(&id.to_string()))?;
        layers.iter().rev().map(|layer| self.disk.layer(layer)).collect()
    }

    /// Gives an image a name; another image loses it. The name gets the tag `latest` if it has none.
    pub fn tag(&self, id: &ImageId, reference: &Reference) -> Result<()> {
        let mut state = self.state.lock();
        let reference = reference.clone().with_default_tag();
        let image = state.record.images.get_mut(id).ok_or_else(|| ImageError::no_such_image(&id.to_string()))?;
        image.last_tagged = Some(jiff::Timestamp::now());
        state.record.references.insert(reference.to_string(), *id);
        state.save(&self.disk.root)
    }

    /// Unpacks a layer (uncompressed tar) for an image to be made with [`ImageStore::create`]. The layer is dropped
    /// at the next start if no image came to use it. Blocks.
    pub fn add_layer(&self, tar: impl Read) -> Result<Digest> {
        let unpacked = self.disk.add_layer(tar)?;
        Ok(self.note_layer(&unpacked))
    }

    /// Notes a layer that has been put in place, and keeps it until an image is made of it.
    pub(crate) fn note_layer(&self, unpacked: &Unpacked) -> Digest {
        let digest = Digest::from_sum(unpacked.diff_id);
        let mut state = self.state.lock();
        state.fresh.insert(digest);
        let record = state.record.layers.entry(digest).or_default();
        record.size = unpacked.content_size;
        record.tar_size = unpacked.tar_size;
        digest
    }

    /// Keeps a layer that is there for an image that is being made; false if it is not there.
    pub(crate) fn keep_layer(&self, digest: &Digest) -> bool {
        let mut state = self.state.lock();
        let there = state.record.layers.contains_key(digest) && self.disk.has_layer(digest);
        if there {
            state.fresh.insert(*digest);
        }
        there
    }

    /// Makes an image of a configuration whose layers are there (`docker build`); the same bytes are the same image.
    pub fn create(&self, config: &ImageConfig, parent: Option<ImageId>) -> Result<ImageId> {
        self.create_from_bytes(&serde_json::to_vec(config)?, parent)
    }

    /// Makes an image of a configuration as it came.
    pub fn create_from_bytes(&self, bytes: &[u8], parent: Option<ImageId>) -> Result<ImageId> {
        self.publish(&[Publication { config: bytes.into(), parent, references: Vec::new() }])
            .and_then(|ids| ids.first().copied().ok_or(ImageError::Canceled))
    }

    /// Makes several images and their names visible in one step.
    pub(crate) fn publish(&self, images: &[Publication]) -> Result<Vec<ImageId>> {
        let mut prepared = Vec::new();
        for image in images {
            let config: ImageConfig = serde_json::from_slice(&image.config)?;
            let id = self.disk.write_blob(&image.config)?;
            prepared.push((id, image, Loaded { bytes: image.config.clone(), config: Arc::new(config) }));
        }
        let mut state = self.state.lock();
        for (_, _, loaded) in &prepared {
            for layer in &loaded.config.rootfs.diff_ids {
                if !state.record.layers.contains_key(layer) {
                    return Err(ImageError::Invalid(format!("layer {layer} of the image is not there")));
                }
            }
        }
        let now = jiff::Timestamp::now();
        let mut ids = Vec::new();
        for (id, image, loaded) in prepared {
            let record = state.record.images.entry(id).or_default();
            record.parent = record.parent.or(image.parent.filter(|parent| *parent != id));
            if !image.references.is_empty() {
                record.last_tagged = Some(now);
            }
            for reference in &image.references {
                state.record.references.insert(reference.to_string(), id);
            }
            for layer in &loaded.config.rootfs.diff_ids {
                state.fresh.remove(layer);
            }
            state.configs.insert(id, loaded);
            ids.push(id);
        }
        state.save(&self.disk.root)?;
        Ok(ids)
    }
}

/// An image to be made visible.
pub(crate) struct Publication {
    pub config: Arc<[u8]>,
    pub parent: Option<ImageId>,
    /// With tag or digest.
    pub references: Vec<Reference>,
}

fn load_config(disk: &Disk, id: &ImageId) -> Result<Loaded> {
    let bytes = disk.read_blob(id)?;
    let config: ImageConfig = serde_json::from_slice(&bytes)?;
    if let Some(missing) = config.rootfs.diff_ids.iter().find(|layer| !disk.has_layer(layer)) {
        return Err(ImageError::Invalid(format!("layer {missing} is missing")));
    }
    Ok(Loaded { bytes: bytes.into(), config: Arc::new(config) })
}

/// The image a user means.
pub(crate) fn find(state: &State, name: &str) -> Result<ImageId> {
    let missing = |name: &str| ImageError::no_such_image(name);
    let digits = name.strip_prefix("sha256:").unwrap_or(name);
    if is_hex_id(digits) {
        let id = format!("sha256:{digits}").parse()?;
        return if state.record.images.contains_key(&id) { Ok(id) } else { Err(missing(name)) };
    }
    if !name.starts_with("sha256:") {
        let reference: Reference = name.parse()?;
        let reference = reference.with_default_tag();
        let found = match reference.digest() {
            // The digest decides; the tag beside it is for people.
            Some(digest) => state.record.references.get(&reference.with_digest(*digest).to_string()),
            None => state.record.references.get(&reference.to_string()),
        };
        if let Some(id) = found {
            return Ok(*id);
        }
        return by_prefix(state, name).ok_or_else(|| missing(&reference.familiar()));
    }
    by_prefix(state, digits).ok_or_else(|| missing(name))
}

/// The only image whose id starts so.
fn by_prefix(state: &State, prefix: &str) -> Option<ImageId> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(is_hex) {
        return None;
    }
    let mut found = state.record.images.keys().filter(|id| id.hex().starts_with(prefix));
    let first = found.next()?;
    found.next().is_none().then_some(*first)
}

pub(crate) fn image(state: &State, id: &ImageId) -> Option<Image> {
    let record = state.record.images.get(id)?;
    let loaded = state.configs.get(id)?;
    let (digests, tags): (Vec<_>, Vec<_>) =
        state.references_of(id).into_iter().partition(|reference| reference.digest().is_some());
    let size = |layer: &Digest| state.record.layers.get(layer).map_or(0, |layer| layer.size);
    let sorted = |references: Vec<Reference>| {
        let mut texts: Vec<String> = references.iter().map(Reference::familiar).collect();
        texts.sort_unstable();
        texts
    };
    Some(Image {
        id: *id,
        config: Arc::clone(&loaded.config),
        config_bytes: Arc::clone(&loaded.bytes),
        parent: record.parent,
        repo_tags: sorted(tags),
        repo_digests: sorted(digests),
        size: loaded.config.rootfs.diff_ids.iter().map(size).sum(),
        last_tagged: record.last_tagged,
    })
}
