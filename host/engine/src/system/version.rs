//! `docker version`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Engine;

/// `GET /version`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the field names are Docker's and documented in its API reference")]
pub struct Version {
    pub platform: BTreeMap<&'static str, String>,
    pub components: Vec<Component>,
    pub version: String,
    pub api_version: &'static str,
    #[serde(rename = "MinAPIVersion")]
    pub min_api_version: &'static str,
    pub git_commit: String,
    pub go_version: &'static str,
    pub os: &'static str,
    pub arch: &'static str,
    pub kernel_version: String,
    pub build_time: &'static str,
}

/// A part of the engine with its version.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the field names are Docker's and documented in its API reference")]
pub struct Component {
    pub name: &'static str,
    pub version: String,
    pub details: BTreeMap<&'static str, String>,
}

/// The processor architecture in Go's words.
pub(crate) fn go_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

impl Engine {
    /// `GET /version`.
    pub fn version(&self) -> Version {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let kernel_version = rustix::system::uname().release().to_string_lossy().into_owned();
        let details = BTreeMap::from([
            ("ApiVersion", "1.51".to_owned()),
            ("Arch", go_arch().to_owned()),
            ("BuildTime", String::new()),
            ("Experimental", "false".to_owned()),
            ("GitCommit", String::new()),
            ("GoVersion", String::new()),
            ("KernelVersion", kernel_version.clone()),
            ("MinAPIVersion", "1.24".to_owned()),
            ("Os", "linux".to_owned()),
        ]);
        Version {
            platform: BTreeMap::from([("Name", "Coracle".to_owned())]),
            components: vec![Component { name: "Engine", version: version.clone(), details }],
            version,
            api_version: "1.51",
            min_api_version: "1.24",
            git_commit: String::new(),
            go_version: "",
            os: "linux",
            arch: go_arch(),
            kernel_version,
            build_time: "",
        }
    }
}
