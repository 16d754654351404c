//! `docker import`: an image of one layer out of a file tree.

use super::decompress;
use crate::store::Publication;
use crate::{
    ContainerConfig, Digest, History, ImageConfig, ImageError, ImageId, ImageStore, Platform, ProgressSender,
    Reference, Result, RootFs,
};
use coracle_vfs::FileKind;
use coracle_vfs::archive::{Header, TarWriter};
use std::io::Read;

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

impl ImageStore {
    /// Makes an image of one layer out of a file tree (tar, plain or compressed). Blocks.
    pub fn import(
        &self,
        tree: impl Read + Send,
        request: &ImportRequest,
        _progress: &ProgressSender,
    ) -> Result<ImageId> {
        let layer = self.add_layer(decompress(tree)?)?;
        let now = jiff::Timestamp::now().to_string();
        let platform = request.platform.clone().unwrap_or_else(native);
        let config = ImageConfig {
            architecture: platform.architecture,
            os: platform.os,
            variant: platform.variant,
            comment: request.message.clone(),
            created: Some(now.clone()),
            config: Some(request.config.clone()),
            history: vec![History { created: Some(now), comment: request.message.clone(), ..History::default() }],
            rootfs: RootFs { kind: "layers".into(), diff_ids: vec![layer] },
            ..ImageConfig::default()
        };
        self.publish_one(&config, None, request.reference.clone())
    }

    /// Makes one image visible under at most one name.
    pub(crate) fn publish_one(
        &self,
        config: &ImageConfig,
        parent: Option<ImageId>,
        reference: Option<Reference>,
    ) -> Result<ImageId> {
        let references = reference.map(Reference::with_default_tag).into_iter().collect();
        let ids = self.publish(&[Publication { config: serde_json::to_vec(config)?.into(), parent, references }])?;
        ids.first().copied().ok_or(ImageError::Canceled)
    }

    /// A layer that holds nothing but one file: what becomes of an artifact that is a component.
    #[allow(dead_code, reason = "for artifacts, which the registry client brings")]
    pub(crate) fn add_sole_file(&self, name: &str, contents: &[u8]) -> Result<Digest> {
        self.add_layer(&sole_file(name, contents)?[..])
    }
}

/// The tar of one executable file.
pub(crate) fn sole_file(name: &str, contents: &[u8]) -> Result<Vec<u8>> {
    let mut writer = TarWriter::new(Vec::with_capacity(contents.len() + 4096));
    let size = contents.len() as u64;
    let header = Header { size, ..Header::plain(name.as_bytes(), FileKind::Regular, 0o755) };
    writer.append(&header, &mut &*contents)?;
    Ok(writer.finish()?)
}

/// The platform of images made here, in Go's words.
fn native() -> Platform {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    Platform { os: "linux".into(), architecture: architecture.into(), variant: String::new() }
}
