//! `docker info`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::Engine;
use crate::time::Time;

/// `GET /info`. The many fields that never change here are in `fixed`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the field names are Docker's and documented in its API reference")]
pub struct Info {
    #[serde(rename = "ID")]
    pub id: String,
    pub containers: usize,
    pub containers_running: usize,
    pub containers_paused: usize,
    pub containers_stopped: usize,
    pub images: usize,
    pub n_events_listener: usize,
    pub n_fd: usize,
    pub n_goroutines: usize,
    pub system_time: String,
    #[serde(rename = "NCPU")]
    pub ncpu: usize,
    pub mem_total: u64,
    pub docker_root_dir: String,
    pub name: String,
    pub kernel_version: String,
    pub server_version: &'static str,
    pub architecture: &'static str,
    pub driver: &'static str,
    pub driver_status: Vec<[String; 2]>,
    pub operating_system: String,
    #[serde(flatten)]
    pub fixed: BTreeMap<String, Value>,
}

/// Bytes of memory of the machine.
pub(crate) fn machine_memory() -> u64 {
    let info = rustix::system::sysinfo();
    #[expect(clippy::useless_conversion, reason = "the width differs between platforms")]
    u64::from(info.totalram).saturating_mul(u64::from(info.mem_unit))
}

/// Processors this daemon may use.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn fixed() -> BTreeMap<String, Value> {
    let Value::Object(map) = json!({
        "Plugins": {"Volume": ["local"], "Network": ["bridge", "host", "null"], "Authorization": null, "Log": ["json-file", "local", "none"]},
        "MemoryLimit": true, "SwapLimit": false, "CpuCfsPeriod": true, "CpuCfsQuota": true, "CPUShares": true, "CPUSet": false,
        "PidsLimit": true, "IPv4Forwarding": true, "Debug": false, "OomKillDisable": true, "LoggingDriver": "json-file",
        "CgroupDriver": "none", "CgroupVersion": "2", "OSVersion": env!("CARGO_PKG_VERSION"), "OSType": "linux",
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": {
            "IndexConfigs": {"docker.io": {"Mirrors": [], "Name": "docker.io", "Official": true, "Secure": true}},
            "InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8"], "Mirrors": null
        },
        "GenericResources": null, "HttpProxy": "", "HttpsProxy": "", "NoProxy": "", "Labels": [], "ExperimentalBuild": false,
        "Runtimes": {"wasmtime": {"path": "wasmtime"}}, "DefaultRuntime": "wasmtime",
        "Swarm": {"NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": false, "Error": "", "RemoteManagers": null},
        "LiveRestoreEnabled": false, "Isolation": "", "InitBinary": "", "ContainerdCommit": {"ID": ""}, "RuncCommit": {"ID": ""},
        "InitCommit": {"ID": ""}, "SecurityOptions": ["name=wasm"], "CDISpecDirs": null, "Warnings": null
    }) else {
        return BTreeMap::new();
    };
    map.into_iter().collect()
}

impl Engine {
    /// `GET /info`.
    pub fn info(&self) -> Info {
        let counts = self.container_counts();
        let uname = rustix::system::uname();
        Info {
            id: self.daemon_id.clone(),
            containers: counts.running + counts.paused + counts.stopped,
            containers_running: counts.running,
            containers_paused: counts.paused,
            containers_stopped: counts.stopped,
            images: self.image_count(),
            n_events_listener: self.events.listeners(),
            n_fd: std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
            n_goroutines: self.tasks(),
            system_time: Time::now().to_string(),
            ncpu: processors(),
            mem_total: machine_memory(),
            docker_root_dir: self.data_root.display().to_string(),
            name: uname.nodename().to_string_lossy().into_owned(),
            kernel_version: uname.release().to_string_lossy().into_owned(),
            server_version: env!("CARGO_PKG_VERSION"),
            architecture: std::env::consts::ARCH,
            driver: "overlay",
            driver_status: vec![["Backing Filesystem".into(), "host directories".into()]],
            operating_system: "Coracle (WebAssembly)".into(),
            fixed: fixed(),
        }
    }
}
