//! `docker load`: images out of a docker-archive or an OCI layout.
//!
//! The archive is read once, as it streams in: layers are unpacked into the staging place where they turn up, small
//! files are kept, and only when the manifests have been understood and every digest fits do layers, images and names
//! become visible, all in one step.

use super::{Descriptor, Manifest, choose, decompress, media};
use crate::store::{Publication, Staged, find};
use crate::{
    Digest, ImageConfig, ImageError, ImageId, ImageStore, Platform, Progress, ProgressSender, Reference, Result,
};
use coracle_vfs::FileKind;
use coracle_vfs::archive::{EntryKind, TarReader};
use coracle_vfs::layer::Unpacked;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::io::{self, Read};
use std::time::{Duration, Instant};

/// Largest manifest, configuration or component, and all of an archive's together.
const FILE_MAX: u64 = 256 << 20;
const FILES_MAX: u64 = 1 << 30;
/// Images in one archive.
const IMAGES_MAX: usize = 10_000;

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

/// An entry of `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerManifest {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// A file of the archive.
enum Found {
    Bytes(Vec<u8>),
    /// Index in `Archive::layers`.
    Layer(usize),
    Link(String),
}

struct FoundLayer {
    /// None once it is in place.
    staged: Option<Staged>,
    unpacked: Unpacked,
}

#[derive(Default)]
struct Archive {
    files: HashMap<String, Found>,
    layers: Vec<FoundLayer>,
}

/// An image of the archive that has been understood.
struct Plan {
    config: Vec<u8>,
    layers: Vec<usize>,
    references: Vec<Reference>,
}

impl ImageStore {
    /// Loads a docker-archive or OCI layout, tar, plain or compressed (gzip, zstd, xz, bzip2). Nothing is visible
    /// before everything has been verified. Blocks. The progress messages are Docker's, the last lines included.
    pub fn load(
        &self,
        archive: impl Read + Send,
        request: &LoadRequest,
        progress: &ProgressSender,
    ) -> Result<Vec<Loaded>> {
        let mut found = self.read_archive(archive, request, progress)?;
        let plans = plan(&mut found, self, request)?;
        let mut loaded = Vec::new();
        let mut publications = Vec::new();
        for plan in &plans {
            for layer in &plan.layers {
                let Some(layer) = found.layers.get_mut(*layer) else { continue };
                if let Some(staged) = layer.staged.take() {
                    self.disk.place_layer(staged, &Digest::from_sum(layer.unpacked.diff_id))?;
                }
                self.note_layer(&layer.unpacked);
            }
            let id = Digest::of(&plan.config);
            for reference in &plan.references {
                self.tell_renamed(reference, &id, progress);
                loaded.push(Loaded { id, reference: Some(reference.clone()) });
            }
            if plan.references.is_empty() {
                loaded.push(Loaded { id, reference: None });
            }
            publications.push(Publication {
                config: plan.config.as_slice().into(),
                parent: None,
                references: plan.references.clone(),
            });
        }
        self.publish(&publications)?;
        for image in &loaded {
            progress.send(Progress::stream(match &image.reference {
                Some(reference) => format!("Loaded image: {}\n", reference.familiar()),
                None => format!("Loaded image ID: {}\n", image.id),
            }));
        }
        Ok(loaded)
    }

    fn tell_renamed(&self, reference: &Reference, id: &ImageId, progress: &ProgressSender) {
        let before = find(&self.state.lock(), &reference.to_string()).ok();
        if let Some(before) = before.filter(|before| before != id) {
            progress.send(Progress::stream(format!(
                "The image {} already exists, renaming the old one with ID {before} to empty string\n",
                reference.familiar()
            )));
        }
    }

    fn read_archive(
        &self,
        archive: impl Read + Send,
        request: &LoadRequest,
        progress: &ProgressSender,
    ) -> Result<Archive> {
        let mut found = Archive::default();
        let mut reader = TarReader::new(decompress(archive)?, self.options.limits);
        let mut kept = 0u64;
        while let Some(entry) = reader.next()? {
            let name = clean(&entry.path)?;
            match entry.kind {
                EntryKind::File(FileKind::Regular) => {}
                EntryKind::HardLink => {
                    found.files.insert(name, Found::Link(clean(&entry.link)?));
                    continue;
                }
                EntryKind::File(FileKind::Symlink) => {
                    // `docker save` of old links a layer that is there already: `../ID/layer.tar`.
                    let directory = name.rsplit_once('/').map_or("", |(directory, _)| directory);
                    let target = resolve(directory, &String::from_utf8_lossy(&entry.link))?;
                    found.files.insert(name, Found::Link(target));
                    continue;
                }
                EntryKind::File(_) => continue,
            }
            if name == "repositories" || name == "VERSION" || name.ends_with("/VERSION") || name.ends_with("/json") {
                continue;
            }
            let data = &mut reader;
            let mut head = Vec::with_capacity(1024);
            data.by_ref().take(1024).read_to_end(&mut head)?;
            if is_json(&head) || head.starts_with(b"\0asm") {
                kept += entry.size;
                if entry.size > FILE_MAX || kept > FILES_MAX {
                    return Err(ImageError::Invalid(format!("{name} of the archive is too large")));
                }
                data.read_to_end(&mut head)?;
                check_name(&name, &Digest::of(&head))?;
                found.files.insert(name, Found::Bytes(head));
                continue;
            }
            let total = entry.size;
            let id = short_name(&name);
            let mut data = Hashing::new(head.chain(data), |done| {
                if !request.quiet {
                    progress.send(Progress::bytes(&id, "Loading layer", done, total));
                }
            });
            let staged = self.disk.stage_directory()?;
            let unpacked = self.disk.unpack_into(&staged, decompress(&mut data)?)?;
            io::copy(&mut data, &mut io::sink())?;
            check_name(&name, &data.finish())?;
            found.files.insert(name, Found::Layer(found.layers.len()));
            found.layers.push(FoundLayer { staged: Some(staged), unpacked });
        }
        reader.drain()?;
        Ok(found)
    }
}

/// A blob of an OCI layout is named by its digest.
fn check_name(name: &str, digest: &Digest) -> Result<()> {
    match name.strip_prefix("blobs/sha256/") {
        Some(hex) if hex != digest.hex() => {
            Err(ImageError::Invalid(format!("{name} of the archive has the digest {digest}")))
        }
        _ => Ok(()),
    }
}

fn is_json(head: &[u8]) -> bool {
    let text = head.trim_ascii_start();
    // A tar whose first entry is named like JSON is still told apart by the magic of its header.
    (text.starts_with(b"{") || text.starts_with(b"[") || text.is_empty()) && head.get(257..262) != Some(b"ustar")
}

fn short_name(name: &str) -> String {
    let base = name.strip_suffix("/layer.tar").unwrap_or(name);
    let base = base.rsplit('/').next().unwrap_or(base);
    base.chars().take(12).collect()
}

fn clean(path: &[u8]) -> Result<String> {
    resolve("", &String::from_utf8_lossy(path))
}

/// A path of the archive, without `.` and `..`, which must not lead out of it.
fn resolve(directory: &str, path: &str) -> Result<String> {
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or_else(|| ImageError::Invalid(format!("{path:?} leads out of the archive")))?;
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

impl Archive {
    /// The file of that name, through links.
    fn get(&self, name: &str) -> Result<&Found> {
        let mut name = name;
        for _ in 0..8 {
            match self.files.get(name) {
                Some(Found::Link(target)) => name = target,
                Some(found) => return Ok(found),
                None => break,
            }
        }
        Err(ImageError::Invalid(format!("open {name}: no such file or directory")))
    }

    fn bytes(&self, name: &str) -> Result<&[u8]> {
        match self.get(name)? {
            Found::Bytes(bytes) => Ok(bytes),
            _ => Err(ImageError::Invalid(format!("{name} of the archive is no JSON document"))),
        }
    }
}

fn plan(archive: &mut Archive, store: &ImageStore, request: &LoadRequest) -> Result<Vec<Plan>> {
    let mut plans = Vec::new();
    if archive.files.contains_key("manifest.json") {
        let manifests: Vec<DockerManifest> = serde_json::from_slice(archive.bytes("manifest.json")?)?;
        if manifests.len() > IMAGES_MAX {
            return Err(ImageError::Invalid("too many images in the archive".into()));
        }
        for manifest in manifests {
            let config = archive.bytes(&clean(manifest.config.as_bytes())?)?.to_vec();
            let mut layers = Vec::new();
            for layer in manifest.layers.unwrap_or_default() {
                match archive.get(&clean(layer.as_bytes())?)? {
                    Found::Layer(index) => layers.push(*index),
                    _ => return Err(ImageError::Invalid(format!("{layer} of the archive is no layer"))),
                }
            }
            let references = manifest.repo_tags.unwrap_or_default();
            let references: Vec<Reference> =
                references.iter().map(|tag| Ok(tag.parse::<Reference>()?.with_default_tag())).collect::<Result<_>>()?;
            check_layers(archive, &config, &layers)?;
            plans.push(Plan { config, layers, references });
        }
        return Ok(plans);
    }
    if !archive.files.contains_key("index.json") {
        return Err(ImageError::Invalid("the archive holds neither manifest.json nor index.json".into()));
    }
    let index: Manifest = serde_json::from_slice(archive.bytes("index.json")?)?;
    for descriptor in &index.manifests {
        if plans.len() > IMAGES_MAX {
            return Err(ImageError::Invalid("too many images in the archive".into()));
        }
        let mut found = of_descriptor(archive, store, descriptor, request, 0)?;
        found.references = name_of(descriptor);
        // The same image under several names has several descriptors.
        match plans.iter_mut().find(|plan: &&mut Plan| plan.config == found.config) {
            Some(plan) => plan.references.append(&mut found.references),
            None => plans.push(found),
        }
    }
    Ok(plans)
}

fn name_of(descriptor: &Descriptor) -> Vec<Reference> {
    let annotation = |key: &str| descriptor.annotations.get(key);
    let whole = annotation("io.containerd.image.name").and_then(|name| name.parse::<Reference>().ok());
    // Other tools write the whole name here, Docker only the tag.
    let name = whole.or_else(|| {
        annotation("org.opencontainers.image.ref.name")
            .filter(|name| name.contains([':', '/']))
            .and_then(|name| name.parse().ok())
    });
    name.map(Reference::with_default_tag).into_iter().collect()
}

fn of_descriptor(
    archive: &mut Archive,
    store: &ImageStore,
    descriptor: &Descriptor,
    request: &LoadRequest,
    depth: usize,
) -> Result<Plan> {
    let blob = |digest: &str| digest.replacen(':', "/", 1);
    let manifest: Manifest = serde_json::from_slice(archive.bytes(&format!("blobs/{}", blob(&descriptor.digest)))?)?;
    let Some(config) = &manifest.config else {
        let present: Vec<Descriptor> = manifest
            .manifests
            .iter()
            .filter(|manifest| archive.files.contains_key(&format!("blobs/{}", blob(&manifest.digest))))
            .cloned()
            .collect();
        let chosen = choose(&present, request.platform.as_ref())
            .filter(|_| depth < 4)
            .ok_or_else(|| ImageError::NotFound("no image of the platform is in the archive".into()))?;
        return of_descriptor(archive, store, chosen, request, depth + 1);
    };
    let mut config_bytes = archive.bytes(&format!("blobs/{}", blob(&config.digest)))?.to_vec();
    let mut layers = Vec::new();
    for layer in &manifest.layers {
        let name = format!("blobs/{}", blob(&layer.digest));
        match archive.get(&name)? {
            Found::Layer(index) => layers.push(*index),
            Found::Bytes(bytes) if media::WASM_LAYERS.contains(&layer.media_type.as_str()) => {
                let tar = super::sole_file(crate::registry::COMPONENT_NAME, bytes)?;
                let staged = store.disk.stage_directory()?;
                let unpacked = store.disk.unpack_into(&staged, &tar[..])?;
                layers.push(archive.layers.len());
                archive.layers.push(FoundLayer { staged: Some(staged), unpacked });
            }
            _ => return Err(ImageError::Invalid(format!("{name} of the archive is no layer"))),
        }
    }
    let is_component = manifest.layers.iter().any(|layer| media::WASM_LAYERS.contains(&layer.media_type.as_str()));
    if is_component {
        let diff_ids = layers.iter().filter_map(|layer| archive.layers.get(*layer)).map(|layer| layer.unpacked.diff_id);
        config_bytes = crate::registry::component_config(&config_bytes, diff_ids.map(Digest::from_sum).collect())?;
    }
    check_layers(archive, &config_bytes, &layers)?;
    Ok(Plan { config: config_bytes, layers, references: Vec::new() })
}

/// The layers must be those the configuration names.
fn check_layers(archive: &Archive, config: &[u8], layers: &[usize]) -> Result<()> {
    let config: ImageConfig = serde_json::from_slice(config)?;
    let expected = &config.rootfs.diff_ids;
    if expected.len() != layers.len() {
        return Err(ImageError::Invalid(format!(
            "invalid manifest, layers length mismatch: expected {}, got {}",
            expected.len(),
            layers.len()
        )));
    }
    for (at, (expected, layer)) in expected.iter().zip(layers).enumerate() {
        let got = archive.layers.get(*layer).map(|layer| Digest::from_sum(layer.unpacked.diff_id));
        if got != Some(*expected) {
            let got = got.map(|got| got.to_string()).unwrap_or_default();
            return Err(ImageError::Invalid(format!(
                "invalid diffID for layer {at}: expected {expected:?}, got {got:?}"
            )));
        }
    }
    if config.os.is_empty() { Err(ImageError::Invalid("invalid image JSON, no os".into())) } else { Ok(()) }
}

/// Sums up what goes by and tells how far it is, a few times a second.
struct Hashing<R, F> {
    inner: R,
    sum: Sha256,
    done: u64,
    told: Instant,
    tell: F,
}

impl<R: Read, F: FnMut(u64)> Hashing<R, F> {
    fn new(inner: R, tell: F) -> Self {
        Self { inner, sum: Sha256::new(), done: 0, told: Instant::now(), tell }
    }

    fn finish(mut self) -> Digest {
        (self.tell)(self.done);
        Digest::from_sum(self.sum.finalize().into())
    }
}

impl<R: Read, F: FnMut(u64)> Read for Hashing<R, F> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buf)?;
        self.sum.update(buf.get(..count).unwrap_or_default());
        self.done += count as u64;
        if self.told.elapsed() > Duration::from_millis(100) {
            self.told = Instant::now();
            (self.tell)(self.done);
        }
        Ok(count)
    }
}
