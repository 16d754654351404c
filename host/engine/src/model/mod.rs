//! Docker's JSON, as structs.
//!
//! Our own rather than a generated crate, because the exact null-or-empty shape
//! of every field matters to clients and generated models lose it.

mod config;
mod host_config;
mod network;

pub use config::{Config, EmptySet, HealthConfig};
pub use host_config::{
    BindOptions, DriverConfig, HostConfig, LogConfig, Mount, PortBinding, PortMap, Resources, RestartPolicy,
    TmpfsOptions, Ulimit, VolumeOptions,
};
pub use network::{
    ConfigFrom, EndpointIpam, EndpointSettings, Ipam, IpamPool, NetworkContainer, NetworkCreate, NetworkInspect,
    NetworkingConfig,
};

use serde::{Deserialize, Deserializer};

/// Docker's `strslice`: a list, or a single word that stands for a list of one.
pub(crate) fn string_or_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        List(Vec<String>),
        Word(String),
    }
    Ok(Option::<Either>::deserialize(deserializer)?.map(|either| match either {
        Either::List(list) => list,
        Either::Word(word) => vec![word],
    }))
}

/// Maps whose keys mean something even when the value is null.
const KEEP_NULL_MEMBERS: [&str; 5] = ["EndpointsConfig", "PortBindings", "Volumes", "ExposedPorts", "BuildArgs"];

/// Go's decoder takes null for any field and leaves it untouched; serde does not.
/// Removing the nulls first gives the same result.
pub fn strip_nulls(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.retain(|_, member| !member.is_null());
            for (name, member) in map.iter_mut() {
                match member {
                    serde_json::Value::Object(inner) if KEEP_NULL_MEMBERS.contains(&name.as_str()) => {
                        inner.values_mut().for_each(strip_nulls);
                    }
                    other => strip_nulls(other),
                }
            }
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(strip_nulls),
        _ => {}
    }
}
