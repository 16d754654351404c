//! `docker save`: an OCI layout that is a docker-archive at the same time, as dockerd 25 and later write it.
//!
//! Layers are written as the tars they are stored as, so digests are those they came with. The same images give the
//! same archive.

use super::{Descriptor, Manifest, media};
use crate::store::find;
use crate::{Digest, ImageError, ImageStore, Platform, Reference, Result};
use coracle_vfs::archive::{Header, TarWriter};
use coracle_vfs::layer::Layer;
use coracle_vfs::{FileKind, Timestamp};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

enum Blob {
    Bytes(Vec<u8>),
    Layer(Arc<Layer>),
}

impl ImageStore {
    /// Writes images by name or id as one archive that both Docker (any version) and OCI tools load. A name without
    /// tag means all tags of that repository. Blocks.
    pub fn save(&self, names: &[String], platform: Option<&Platform>, archive: impl Write) -> Result<()> {
        let mut chosen: BTreeMap<Digest, BTreeSet<Reference>> = BTreeMap::new();
        let mut order = Vec::new();
        for name in names {
            for (id, reference) in self.named(name)? {
                if !chosen.contains_key(&id) {
                    order.push(id);
                }
                chosen.entry(id).or_default().extend(reference);
            }
        }
        let mut blobs: BTreeMap<String, (Timestamp, Blob)> = BTreeMap::new();
        let (mut docker, mut index, mut repositories) = (Vec::new(), Vec::new(), Map::new());
        for id in order {
            let image = self.get(&id)?;
            if let Some(platform) = platform
                && (platform.os != image.config.os || platform.architecture != image.config.architecture)
            {
                return Err(ImageError::NotFound(format!(
                    "image {} is of platform {}, not of the one that was asked for",
                    id.short(),
                    image.config.platform()
                )));
            }
            let time = Timestamp { seconds: image.config.created_at().as_second(), nanoseconds: 0 };
            let mut layers = Vec::new();
            let mut sources = Map::new();
            for (layer, digest) in self.layers(&id)?.into_iter().rev().zip(&image.config.rootfs.diff_ids) {
                let descriptor = Descriptor {
                    media_type: media::OCI_LAYER.into(),
                    digest: digest.to_string(),
                    size: layer.tar_size(),
                    ..Descriptor::default()
                };
                sources.insert(
                    digest.to_string(),
                    json!({"mediaType": descriptor.media_type, "size": descriptor.size, "digest": descriptor.digest}),
                );
                layers.push(descriptor);
                blobs.entry(digest.hex()).or_insert((time, Blob::Layer(layer)));
            }
            let manifest = Manifest {
                schema_version: 2,
                media_type: media::OCI_MANIFEST.into(),
                config: Some(Descriptor {
                    media_type: media::OCI_CONFIG.into(),
                    digest: id.to_string(),
                    size: image.config_bytes.len() as u64,
                    ..Descriptor::default()
                }),
                layers,
                manifests: Vec::new(),
            };
            let manifest = serde_json::to_vec(&manifest)?;
            let digest = Digest::of(&manifest);
            let described = |annotations| Descriptor {
                media_type: media::OCI_MANIFEST.into(),
                digest: digest.to_string(),
                size: manifest.len() as u64,
                annotations,
                platform: None,
            };
            let references = chosen.get(&id).cloned().unwrap_or_default();
            if references.is_empty() {
                index.push(described(BTreeMap::new()));
            }
            for reference in &references {
                let tag = reference.tag().unwrap_or_default().to_owned();
                index.push(described(BTreeMap::from([
                    ("io.containerd.image.name".to_owned(), reference.to_string()),
                    ("org.opencontainers.image.ref.name".to_owned(), tag.clone()),
                ])));
                let top = image.config.rootfs.diff_ids.last().map(Digest::hex).unwrap_or_default();
                let entry = repositories.entry(reference.familiar_name()).or_insert_with(|| json!({}));
                if let Some(entry) = entry.as_object_mut() {
                    entry.insert(tag, Value::String(top));
                }
            }
            let tags: Vec<String> = references.iter().map(Reference::familiar).collect();
            let paths: Vec<String> =
                image.config.rootfs.diff_ids.iter().map(|layer| format!("blobs/sha256/{}", layer.hex())).collect();
            docker.push(json!({
                "Config": format!("blobs/sha256/{}", id.hex()),
                "RepoTags": if tags.is_empty() { Value::Null } else { json!(tags) },
                "Layers": paths,
                "LayerSources": sources,
            }));
            blobs.insert(digest.hex(), (Timestamp::default(), Blob::Bytes(manifest)));
            blobs.insert(id.hex(), (time, Blob::Bytes(image.config_bytes.to_vec())));
        }
        let index = Manifest {
            schema_version: 2,
            media_type: media::OCI_INDEX.into(),
            manifests: index,
            ..Manifest::default()
        };
        let mut files = vec![
            ("index.json", serde_json::to_vec(&index)?),
            ("manifest.json", serde_json::to_vec(&docker)?),
            ("oci-layout", br#"{"imageLayoutVersion": "1.0.0"}"#.to_vec()),
        ];
        if !repositories.is_empty() {
            files.push(("repositories", serde_json::to_vec(&repositories)?));
        }
        write(archive, &blobs, &files)
    }

    /// What a name means to `save`: an image, and the names it is saved under.
    fn named(&self, name: &str) -> Result<Vec<(Digest, Option<Reference>)>> {
        let state = self.state.lock();
        if let Ok(reference) = name.parse::<Reference>() {
            if reference.tag().is_none() && reference.digest().is_none() {
                let tags: Vec<_> = state
                    .record
                    .references
                    .iter()
                    .filter_map(|(text, id)| Some((*id, text.parse::<Reference>().ok()?)))
                    .filter(|(_, other)| other.tag().is_some() && other.name_only() == reference)
                    .map(|(id, other)| (id, Some(other)))
                    .collect();
                if !tags.is_empty() {
                    return Ok(tags);
                }
            } else if let Some(id) = state.record.references.get(&reference.to_string()) {
                return Ok(vec![(*id, reference.tag().is_some().then_some(reference))]);
            }
        }
        Ok(vec![(find(&state, name)?, None)])
    }
}

fn write(archive: impl Write, blobs: &BTreeMap<String, (Timestamp, Blob)>, files: &[(&str, Vec<u8>)]) -> Result<()> {
    let mut writer = TarWriter::new(io::BufWriter::with_capacity(256 << 10, archive));
    for directory in ["blobs", "blobs/sha256"] {
        writer.append(&Header::plain(directory.as_bytes(), FileKind::Directory, 0o755), &mut io::empty())?;
    }
    for (name, (mtime, blob)) in blobs {
        let path = format!("blobs/sha256/{name}");
        let header = Header { mtime: *mtime, ..Header::plain(path.as_bytes(), FileKind::Regular, 0o644) };
        match blob {
            Blob::Bytes(bytes) => {
                writer.append(&Header { size: bytes.len() as u64, ..header }, &mut bytes.as_slice())?;
            }
            Blob::Layer(layer) => {
                writer.append(&Header { size: layer.tar_size(), ..header }, &mut TarOf::new(layer))?;
            }
        }
    }
    for (name, bytes) in files {
        let header = Header { size: bytes.len() as u64, ..Header::plain(name.as_bytes(), FileKind::Regular, 0o644) };
        writer.append(&header, &mut bytes.as_slice())?;
    }
    writer.finish()?.flush()?;
    Ok(())
}

/// A layer's tar from its start.
pub(crate) struct TarOf {
    layer: Arc<Layer>,
    offset: u64,
}

impl TarOf {
    pub(crate) fn new(layer: &Arc<Layer>) -> Self {
        Self { layer: Arc::clone(layer), offset: 0 }
    }
}

impl Read for TarOf {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.layer.tar().read_at(buf, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}
