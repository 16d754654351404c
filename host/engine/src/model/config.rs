//! `container.Config`: the part of a container that does not depend on the host.
//!
//! The same shape serves `POST /containers/create`, `inspect`, image configs and
//! `commit`. Docker tells null from empty for lists and maps, and clients look at
//! the difference, so those fields are `Option`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A set as Go writes it: `{"80/tcp": {}}`.
pub type EmptySet = BTreeMap<String, Value>;

/// Docker's `container.Config`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Config {
    /// Host name; empty means the first twelve digits of the id.
    pub hostname: String,
    /// Domain name.
    pub domainname: String,
    /// `user[:group]`, by name or number.
    pub user: String,
    /// Whether the creator meant to attach to standard input.
    pub attach_stdin: bool,
    /// Whether the creator meant to attach to standard output.
    pub attach_stdout: bool,
    /// Whether the creator meant to attach to standard error.
    pub attach_stderr: bool,
    /// Ports the image says it listens on, `80/tcp`.
    #[serde(skip_serializing_if = "empty_map")]
    pub exposed_ports: Option<EmptySet>,
    /// Give the process a terminal.
    pub tty: bool,
    /// Keep standard input open.
    pub open_stdin: bool,
    /// Close standard input when the first attached client leaves.
    pub stdin_once: bool,
    /// `NAME=value`.
    pub env: Option<Vec<String>>,
    /// Arguments, or the command when there is no entrypoint.
    #[serde(deserialize_with = "super::string_or_list")]
    pub cmd: Option<Vec<String>>,
    /// Health check; null means that of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<HealthConfig>,
    /// Windows only.
    #[serde(skip_serializing_if = "is_false")]
    pub args_escaped: bool,
    /// The image as the creator named it.
    pub image: String,
    /// Paths that get anonymous volumes.
    pub volumes: Option<EmptySet>,
    /// Working directory.
    pub working_dir: String,
    /// Program that runs before `cmd`.
    #[serde(deserialize_with = "super::string_or_list")]
    pub entrypoint: Option<Vec<String>>,
    /// No network at all.
    #[serde(skip_serializing_if = "is_false")]
    pub network_disabled: bool,
    /// Deprecated: address of the first endpoint.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mac_address: String,
    /// Triggers for images built upon this one.
    pub on_build: Option<Vec<String>>,
    /// Labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// Signal of `docker stop`; empty means SIGTERM.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// Seconds of `docker stop`; null means 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    /// Shell of shell-form instructions.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "super::string_or_list")]
    pub shell: Option<Vec<String>>,
}

/// Docker's `container.HealthConfig`; durations in nanoseconds, 0 inherits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HealthConfig {
    /// `[]`, `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", line]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<Vec<String>>,
    /// Time between probes.
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: i64,
    /// Time after which a probe counts as failed.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout: i64,
    /// Time at the beginning in which failures do not count.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_period: i64,
    /// Time between probes in the start period.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    /// Failures in a row that make it unhealthy.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: i64,
}

pub(super) fn is_false(value: &bool) -> bool {
    !*value
}

pub(super) fn is_zero(value: &i64) -> bool {
    *value == 0
}

pub(super) fn empty_map<V>(map: &Option<BTreeMap<String, V>>) -> bool {
    map.as_ref().is_none_or(BTreeMap::is_empty)
}
