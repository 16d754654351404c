//! What the store knows, and the one file it is written to.
//!
//! The file is replaced by rename, so a reader after `kill -9` finds the old or the new state, never half of one. Blobs
//! and layers are put in place before the state that names them; what no state names is removed at the next start.

use crate::{Digest, ImageConfig, ImageId, Reference, Result};
use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

const STATE: &str = "images.json";
const STATE_NEW: &str = "images.json.new";

/// What is written down.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    pub images: BTreeMap<ImageId, ImageRecord>,
    /// Normal forms of references, with tag or digest.
    pub references: BTreeMap<String, ImageId>,
    pub layers: BTreeMap<Digest, LayerRecord>,
    /// Layers of images that were removed by force while containers went on using them.
    pub kept: BTreeMap<ImageId, Vec<Digest>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builtin: Option<BuiltinRecord>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ImageRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<ImageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_tagged: Option<jiff::Timestamp>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LayerRecord {
    /// Bytes of files.
    pub size: u64,
    /// Bytes of the tar.
    pub tar_size: u64,
    /// Where registries have it, and as what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<RemoteBlob>,
}

/// A layer as a registry has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RemoteBlob {
    pub repository: String,
    pub digest: Digest,
    pub size: u64,
    pub media_type: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BuiltinRecord {
    /// Digest of what it was made of.
    pub key: Digest,
    pub id: ImageId,
}

/// A configuration as it came, and what it says.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub bytes: Arc<[u8]>,
    pub config: Arc<ImageConfig>,
}

/// The record with what hangs on it.
pub(crate) struct State {
    pub record: Record,
    pub configs: BTreeMap<ImageId, Loaded>,
    /// Layers unpacked or found for an image that is being made: not to be removed meanwhile.
    pub fresh: BTreeSet<Digest>,
}

impl State {
    /// References to an image in their normal form, sorted.
    pub fn references_of(&self, id: &ImageId) -> Vec<Reference> {
        self.record
            .references
            .iter()
            .filter(|(_, image)| *image == id)
            .filter_map(|(text, _)| text.parse().ok())
            .collect()
    }

    pub fn children_of(&self, id: &ImageId) -> Vec<ImageId> {
        self.record.images.iter().filter(|(_, image)| image.parent.as_ref() == Some(id)).map(|(id, _)| *id).collect()
    }

    pub fn layers_of(&self, id: &ImageId) -> Option<Vec<Digest>> {
        match self.configs.get(id) {
            Some(loaded) => Some(loaded.config.rootfs.diff_ids.clone()),
            None => self.record.kept.get(id).cloned(),
        }
    }

    /// Whether anything needs the layer.
    pub fn is_layer_used(&self, layer: &Digest) -> bool {
        self.fresh.contains(layer)
            || self.configs.values().any(|loaded| loaded.config.rootfs.diff_ids.contains(layer))
            || self.record.kept.values().any(|layers| layers.contains(layer))
    }

    pub fn save(&self, directory: &Dir) -> Result<()> {
        directory.write(STATE_NEW, serde_json::to_vec(&self.record)?)?;
        directory.rename(STATE_NEW, directory, STATE)?;
        Ok(())
    }
}

pub(crate) fn read(directory: &Dir) -> Result<Record> {
    match directory.read(STATE) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Record::default()),
        Err(error) => Err(error.into()),
    }
}
