//! `docker inspect`.

use serde_json::{Value, json};

use super::Container;
use crate::Engine;
use crate::error::Result;
use crate::network::ports;

impl Engine {
    /// Everything about a container.
    ///
    /// # Errors
    /// 404.
    pub fn container_inspect(&self, name: &str, size: bool) -> Result<Value> {
        let container = self.containers.find(name)?;
        let spec = container.spec();
        let state = container.state();
        let directory = self.container_directory(&container.id);
        let file = |name: &str| directory.join(name).display().to_string();
        let log_path = container.log.path().map(|path| path.display().to_string()).unwrap_or_default();
        let execs: Option<Vec<String>> =
            Some(self.running_execs(&container)).filter(|ids: &Vec<String>| !ids.is_empty());
        let mut host = serde_json::to_value(&spec.host)?;
        // Docker omits these when nothing was said, but shows the other empty ones as null.
        if let Some(map) = host.as_object_mut()
            && spec.host.mounts.as_ref().is_some_and(Vec::is_empty)
        {
            map.remove("Mounts");
        }
        let mut shown = json!({
            "Id": container.id,
            "Created": spec.created.to_string(),
            "Path": spec.path,
            "Args": spec.args,
            "State": state.inspect(),
            "Image": spec.image,
            "ResolvConfPath": file("resolv.conf"),
            "HostnamePath": file("hostname"),
            "HostsPath": file("hosts"),
            "LogPath": log_path,
            "Name": format!("/{}", spec.name),
            "RestartCount": state.restart_count,
            "Driver": "overlay",
            "Platform": "linux",
            "MountLabel": "",
            "ProcessLabel": "",
            "AppArmorProfile": "",
            "ExecIDs": execs,
            "HostConfig": host,
            "GraphDriver": {
                "Data": {"UpperDir": self.uppers().join(&container.id).display().to_string()},
                "Name": "overlay",
            },
            "Mounts": spec.mounts.iter().map(crate::mounts::MountPoint::inspect).collect::<Vec<_>>(),
            "Config": spec.config,
            "NetworkSettings": self.network_settings(&container),
        });
        if size {
            let (changed, all) = self.sizes(&container, &spec);
            if let Some(map) = shown.as_object_mut() {
                map.insert("SizeRw".into(), json!(changed));
                map.insert("SizeRootFs".into(), json!(all));
            }
        }
        Ok(shown)
    }

    fn network_settings(&self, container: &Container) -> Value {
        let spec = container.spec();
        let run = container.running();
        let exposed = crate::network::exposed(&spec);
        let ports = match &run {
            Some(run) if !run.network.shared && spec.host.network_mode != "host" => {
                ports::inspect(&run.network.published.lock(), &exposed)
            }
            _ => Default::default(),
        };
        let endpoints = self.endpoints(container, &spec);
        // The deprecated fields of the top repeat the default bridge's endpoint.
        let bridge = endpoints.get("bridge").cloned().unwrap_or_default();
        let sandbox = if run.is_some() { container.id.clone() } else { String::new() };
        json!({
            "Bridge": "",
            "SandboxID": sandbox,
            "SandboxKey": "",
            "Ports": ports,
            "HairpinMode": false,
            "LinkLocalIPv6Address": "",
            "LinkLocalIPv6PrefixLen": 0,
            "SecondaryIPAddresses": null,
            "SecondaryIPv6Addresses": null,
            "EndpointID": bridge.endpoint_id,
            "Gateway": bridge.gateway,
            "GlobalIPv6Address": bridge.global_ipv6_address,
            "GlobalIPv6PrefixLen": bridge.global_ipv6_prefix_len,
            "IPAddress": bridge.ip_address,
            "IPPrefixLen": bridge.ip_prefix_len,
            "IPv6Gateway": bridge.ipv6_gateway,
            "MacAddress": bridge.mac_address,
            "Networks": endpoints,
        })
    }
}
