//! Images as archives: load, save and import.

mod compression;
mod import;
mod load;
mod save;

#[cfg(test)]
mod tests;

pub use compression::decompress;
pub use import::ImportRequest;
pub use load::{LoadRequest, Loaded};

pub(crate) use import::sole_file;

/// Media types of manifests and what they name.
#[allow(dead_code, reason = "the media types that the registry client meets stand with the archives'")]
pub(crate) mod media {
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    pub const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
    pub const WASM_LAYERS: [&str; 3] = [
        "application/wasm",
        "application/vnd.wasm.content.layer.v1+wasm",
        "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
    ];
}

/// A descriptor (OCI image spec).
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Descriptor {
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<crate::Platform>,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub annotations: std::collections::BTreeMap<String, String>,
}

/// An image manifest or an index: which of the fields are there tells which it is.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Manifest {
    pub schema_version: u32,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Descriptor>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Descriptor>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<Descriptor>,
}

/// Chooses among the platforms of an index: the one asked for, else wasi/wasm, else linux/amd64, else the first.
pub(crate) fn choose<'a>(manifests: &'a [Descriptor], wanted: Option<&crate::Platform>) -> Option<&'a Descriptor> {
    let find = |os: &str, architecture: &str, variant: &str| {
        manifests.iter().find(|manifest| {
            manifest.platform.as_ref().is_some_and(|platform| {
                platform.os == os
                    && platform.architecture == architecture
                    && (variant.is_empty() || platform.variant == variant)
            })
        })
    };
    match wanted {
        Some(wanted) => find(&wanted.os, &wanted.architecture, &wanted.variant),
        None => find("wasi", "wasm", "")
            .or_else(|| find("wasip1", "wasm", ""))
            .or_else(|| find("linux", "amd64", ""))
            .or_else(|| manifests.iter().find(|manifest| manifest.platform.is_none()))
            .or_else(|| {
                // Attestations are listed as of an unknown platform.
                let known =
                    |manifest: &&Descriptor| manifest.platform.as_ref().is_none_or(|platform| platform.os != "unknown");
                manifests.iter().find(known)
            }),
    }
}
