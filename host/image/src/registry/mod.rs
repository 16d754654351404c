//! Registries: pull, push, search and what is asked about an image without fetching it.

use crate::{ImageError, ImageId, ImageStore, ProgressSender, Reference, Result};
use std::str::FromStr;

/// How registries are talked to.
#[derive(Clone, Debug, Default)]
pub struct RegistryOptions {
    /// Tried before Docker Hub, in this order (`--registry-mirror`): base URLs.
    pub mirrors: Vec<String>,
    /// Plain HTTP and unverified certificates are good enough for these (`--insecure-registry`): host, host:port or
    /// CIDR. Loopback always is one of them.
    pub insecure: Vec<String>,
    /// Layers fetched at once; 0: 3, as Docker.
    pub concurrent_downloads: usize,
    /// Layers sent at once; 0: 5, as Docker.
    pub concurrent_uploads: usize,
}

/// A user's word for a registry (the decoded `X-Registry-Auth`).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "each is the field of that name in the Docker Engine API's AuthConfig")]
pub struct Credential {
    pub username: String,
    pub password: String,
    #[serde(rename = "identitytoken")]
    pub identity_token: String,
    #[serde(rename = "registrytoken")]
    pub registry_token: String,
    #[serde(rename = "serveraddress")]
    pub server_address: String,
}

/// `os[/architecture[/variant]]`
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Platform {
    /// Operating system, in Go's words.
    pub os: String,
    /// Architecture, in Go's words.
    pub architecture: String,
    /// Variant of the architecture.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

impl FromStr for Platform {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.split('/').map(|part| part.trim().to_lowercase());
        let bad = || {
            ImageError::InvalidReference(format!("{text:?} is an invalid component of {text:?}: platform specifier"))
        };
        let os = parts.next().filter(|os| !os.is_empty()).ok_or_else(bad)?;
        let platform = Self {
            os,
            architecture: parts.next().unwrap_or_else(|| "amd64".into()),
            variant: parts.next().unwrap_or_default(),
        };
        if parts.next().is_some() { Err(bad()) } else { Ok(platform) }
    }
}

/// `docker pull`
#[derive(Clone, Debug)]
pub struct PullRequest {
    /// What to pull; without tag and digest, `latest`.
    pub reference: Reference,
    /// All tags of the repository.
    pub all_tags: bool,
    /// Instead of wasi/wasm, then linux/amd64.
    pub platform: Option<Platform>,
    /// Who pulls.
    pub credential: Option<Credential>,
}

/// One tag that was pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The name it has now.
    pub reference: Reference,
    /// The image.
    pub id: ImageId,
    /// Digest of the manifest or index the registry named.
    pub digest: crate::Digest,
    /// Whether the name had another image before, or none.
    pub changed: bool,
}

/// `docker push`
#[derive(Clone, Debug)]
pub struct PushRequest {
    /// What to push.
    pub reference: Reference,
    /// All tags of the repository.
    pub all_tags: bool,
    /// Only this platform.
    pub platform: Option<Platform>,
    /// Who pushes.
    pub credential: Option<Credential>,
}

/// `docker search`
#[derive(Clone, Debug, Default)]
pub struct SearchRequest {
    /// Words, with a registry in front if it is not Docker Hub.
    pub term: String,
    /// At most so many (1 to 100); 0: 25.
    pub limit: u32,
    /// Who asks.
    pub credential: Option<Credential>,
}

/// One hit of a search, as the API writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "each is the field of that name in the Docker Engine API's ImageSearch")]
pub struct SearchResult {
    pub star_count: i64,
    pub is_official: bool,
    pub name: String,
    pub is_automated: bool,
    pub description: String,
}

/// What `/distribution/{name}/json` answers.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "each is the field of that name in the Docker Engine API's DistributionInspect")]
pub struct Distribution {
    pub descriptor: serde_json::Value,
    pub platforms: Vec<Platform>,
}

/// What the file of an image that is a bare component is called.
pub(crate) const COMPONENT_NAME: &str = "component.wasm";

/// The configuration of an artifact that is a component: what it says about platform and time is kept.
pub(crate) fn component_config(artifact: &[u8], diff_ids: Vec<crate::Digest>) -> Result<Vec<u8>> {
    let artifact: crate::ImageConfig = serde_json::from_slice(artifact).unwrap_or_default();
    let history = diff_ids.iter().map(|_| crate::History { created: artifact.created.clone(), ..Default::default() });
    let config = crate::ImageConfig {
        os: "wasi".into(),
        architecture: "wasm".into(),
        created: artifact.created.clone(),
        author: artifact.author.clone(),
        config: Some(crate::ContainerConfig {
            entrypoint: Some(vec![format!("/{COMPONENT_NAME}")]),
            ..crate::ContainerConfig::default()
        }),
        history: history.collect(),
        rootfs: crate::RootFs { kind: "layers".into(), diff_ids },
        ..crate::ImageConfig::default()
    };
    Ok(serde_json::to_vec(&config)?)
}

/// The connection to registries.
pub(crate) struct Transport {}

impl Transport {
    pub(crate) fn new(_options: &RegistryOptions) -> Self {
        Self {}
    }
}

#[allow(unused_variables, clippy::unused_async, reason = "signatures first")]
impl ImageStore {
    /// Pulls from a registry. Dropping the future stops it and leaves nothing visible; what was fetched whole is used
    /// by the next try.
    pub async fn pull(&self, request: &PullRequest, progress: &ProgressSender) -> Result<Vec<Pulled>> {
        Err(ImageError::Canceled)
    }

    /// Pushes to a registry; the digest of each manifest that was put.
    pub async fn push(
        &self,
        request: &PushRequest,
        progress: &ProgressSender,
    ) -> Result<Vec<(Reference, crate::Digest)>> {
        Err(ImageError::Canceled)
    }

    /// Searches a registry.
    pub async fn search(&self, request: &SearchRequest) -> Result<Vec<SearchResult>> {
        Err(ImageError::Canceled)
    }

    /// Asks a registry about an image.
    pub async fn distribution(&self, reference: &Reference, credential: Option<&Credential>) -> Result<Distribution> {
        Err(ImageError::Canceled)
    }

    /// Checks a user's word at a registry (`docker login`): an identity token where the registry gives one.
    pub async fn authenticate(&self, credential: &Credential) -> Result<String> {
        Err(ImageError::Canceled)
    }
}
