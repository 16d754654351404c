//! Image configurations: the OCI fields and Docker's own, read leniently and never rewritten.
//!
//! An image's id is the digest of these bytes, so a configuration that came from elsewhere is stored as it came;
//! [`ImageConfig`] is only a view of it. Field names and the rules of what is left out are Docker's (`image.Image`,
//! `container.Config`).

use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// An image configuration (OCI image spec, `config.md`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// CPU architecture, in Go's words.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "lenient")]
    pub architecture: String,
    /// Who made it.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "lenient")]
    pub author: String,
    /// What a container made from it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<ContainerConfig>,
    /// The container it was committed from.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "lenient")]
    pub container: String,
    /// That container's configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_config: Option<ContainerConfig>,
    /// When it was made (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The engine that made it.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "lenient")]
    pub docker_version: String,
    /// How each layer came to be, oldest first.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<History>,
    /// Operating system, in Go's words.
    #[serde(deserialize_with = "lenient")]
    pub os: String,
    /// Version of the operating system.
    #[serde(rename = "os.version", skip_serializing_if = "String::is_empty", deserialize_with = "lenient")]
    pub os_version: String,
    /// Its layers, lowest first.
    pub rootfs: RootFs,
    /// Variant of the architecture.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "lenient")]
    pub variant: String,
    /// The comment of a commit or import, as old images have it.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "lenient")]
    pub comment: String,
}

/// The layers of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub kind: String,
    /// Digests of the uncompressed layers, lowest first.
    #[serde(deserialize_with = "lenient")]
    pub diff_ids: Vec<crate::Digest>,
}

/// One step in the making of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By which command.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "lenient")]
    pub created_by: String,
    /// By whom.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "lenient")]
    pub author: String,
    /// What they said.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "lenient")]
    pub comment: String,
    /// Whether it left the files as they were.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// Docker's `container.Config`: what to run and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[allow(missing_docs, reason = "each is the field of that name in the Docker Engine API's ContainerConfig")]
pub struct ContainerConfig {
    #[serde(deserialize_with = "lenient")]
    pub hostname: String,
    #[serde(deserialize_with = "lenient")]
    pub domainname: String,
    #[serde(deserialize_with = "lenient")]
    pub user: String,
    pub attach_stdin: bool,
    pub attach_stdout: bool,
    pub attach_stderr: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "lenient")]
    pub exposed_ports: BTreeMap<String, Empty>,
    pub tty: bool,
    pub open_stdin: bool,
    pub stdin_once: bool,
    pub env: Option<Vec<String>>,
    #[serde(deserialize_with = "words")]
    pub cmd: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub args_escaped: bool,
    #[serde(deserialize_with = "lenient")]
    pub image: String,
    pub volumes: Option<BTreeMap<String, Empty>>,
    #[serde(deserialize_with = "lenient")]
    pub working_dir: String,
    #[serde(deserialize_with = "words")]
    pub entrypoint: Option<Vec<String>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub network_disabled: bool,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "lenient")]
    pub mac_address: String,
    pub on_build: Option<Vec<String>>,
    pub labels: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "lenient")]
    pub stop_signal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<Vec<String>>,
}

/// The value of the sets Docker writes as maps: `{}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// Docker's `HealthConfig`; times in nanoseconds, 0 inherits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[allow(missing_docs, reason = "each is the field of that name in the Docker Engine API's HealthConfig")]
pub struct Healthcheck {
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "lenient")]
    pub test: Vec<String>,
    #[serde(skip_serializing_if = "zero")]
    pub interval: i64,
    #[serde(skip_serializing_if = "zero")]
    pub timeout: i64,
    #[serde(skip_serializing_if = "zero")]
    pub start_period: i64,
    #[serde(skip_serializing_if = "zero")]
    pub start_interval: i64,
    #[serde(skip_serializing_if = "zero")]
    pub retries: i64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn zero(value: &i64) -> bool {
    *value == 0
}

/// `null` where Go has an empty value.
fn lenient<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(input: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(input)?.unwrap_or_default())
}

/// A list of words, or one word alone (old images).
fn words<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        One(String),
        Many(Vec<String>),
    }
    Ok(Option::<Words>::deserialize(input)?.map(|words| match words {
        Words::One(word) => vec![word],
        Words::Many(words) => words,
    }))
}

impl ImageConfig {
    /// The platform as `os/architecture[/variant]`.
    pub fn platform(&self) -> String {
        let mut text = format!("{}/{}", self.os, self.architecture);
        if !self.variant.is_empty() {
            text.push('/');
            text.push_str(&self.variant);
        }
        text
    }

    /// When it was made; the start of 1970 if it does not say.
    pub fn created_at(&self) -> jiff::Timestamp {
        self.created.as_deref().and_then(|text| text.parse().ok()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}
