//! `docker commit`: an image from a container's upper layer.

use crate::{ContainerConfig, Digest, History, ImageConfig, ImageId, ImageStore, Reference, Result, RootFs};
use coracle_vfs::layer::pack_changes;
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

/// SHA-256 of a tar without entries: a commit without changes adds no layer.
const EMPTY_TAR: &str = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

impl ImageStore {
    /// Packs what changed in `overlay` into a layer and makes the image. Blocks.
    pub fn commit(&self, overlay: &Overlay, request: &CommitRequest) -> Result<ImageId> {
        let layer = self.add_changes(overlay)?;
        let base = match &request.parent {
            Some(parent) => (*self.get(parent)?.config).clone(),
            None => ImageConfig { os: "linux".into(), architecture: "amd64".into(), ..ImageConfig::default() },
        };
        let empty = layer.to_string() == EMPTY_TAR;
        let mut rootfs = RootFs { kind: "layers".into(), ..base.rootfs };
        if !empty {
            rootfs.diff_ids.push(layer);
        }
        let now = jiff::Timestamp::now().to_string();
        let mut history = base.history;
        history.push(History {
            created: Some(now.clone()),
            created_by: match &request.created_by {
                Some(text) => text.clone(),
                None => request.container_config.cmd.as_deref().unwrap_or_default().join(" "),
            },
            author: request.author.clone(),
            comment: request.comment.clone(),
            empty_layer: empty,
        });
        let config = ImageConfig {
            author: request.author.clone(),
            comment: String::new(),
            config: Some(request.config.clone()),
            container: request.container.clone(),
            container_config: (!request.container.is_empty()).then(|| request.container_config.clone()),
            created: Some(now),
            docker_version: String::new(),
            history,
            rootfs,
            ..base
        };
        for layer in &config.rootfs.diff_ids {
            self.keep_layer(layer);
        }
        self.publish_one(&config, request.parent, request.reference.clone())
    }

    /// What changed in `overlay` as a layer for [`ImageStore::create`] (`docker build`). Blocks.
    pub fn add_changes(&self, overlay: &Overlay) -> Result<Digest> {
        let (reader, writer) = std::io::pipe()?;
        std::thread::scope(|scope| {
            let packing = scope.spawn(move || pack_changes(overlay, writer));
            let added = self.add_layer(reader);
            let packed = packing.join().map_err(|_| std::io::Error::other("packing a layer failed"))?;
            // A pipe that ends early looks like the end of a tar: what went wrong in packing counts first.
            packed?;
            added
        })
    }
}
