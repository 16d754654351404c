//! `POST /containers/create`: checks, merges with the image's config, stores.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::state::State;
use super::{Container, Spec};
use crate::Engine;
use crate::error::{Error, Result};
use crate::log::{ContainerLog, LogOptions};
use crate::model::{Config, EndpointSettings, HealthConfig, HostConfig, NetworkingConfig, Resources, RestartPolicy};
use crate::mounts::{self, MountKind, MountPoint};
use crate::time::Time;
use crate::{id, names};

/// The body, with the name and platform of the query.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateRequest {
    /// The container's config.
    #[serde(flatten)]
    pub config: Config,
    /// What it asks of this host.
    pub host_config: HostConfig,
    /// Networks.
    pub networking_config: NetworkingConfig,
    /// `name=`; empty: made up.
    #[serde(skip)]
    pub name: String,
    /// `platform=`; empty: any.
    #[serde(skip)]
    pub platform: String,
}

/// The answer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Created {
    /// Id.
    pub id: String,
    /// What was accepted but will not work as asked.
    pub warnings: Vec<String>,
}

const MASKED_PATHS: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];
const READONLY_PATHS: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The least memory a container may be given, as in dockerd.
const LEAST_MEMORY: i64 = 6 << 20;

impl Engine {
    /// Creates a container.
    ///
    /// # Errors
    /// 400 for what makes no sense, 404 for an unknown image, 409 for a name that is taken.
    pub async fn container_create(&self, request: CreateRequest) -> Result<Created> {
        let CreateRequest { mut config, host_config: mut host, networking_config, name, platform } = request;
        if config == Config::default() {
            return Err(Error::Invalid("config cannot be empty in order to create a container".into()));
        }
        check_config(&config)?;
        check_host(&host)?;
        let mut warnings = Vec::new();

        if !config.image.is_empty() {
            self.images_ready().await;
        }
        let image = if config.image.is_empty() { None } else { Some(self.image_for_create(&config.image, &platform)?) };
        if let Some(image) = image.as_ref().and_then(|image| image.config.config.as_ref()) {
            merge(&mut config, &Config::from_image(image));
        }
        if config.entrypoint.as_ref().is_some_and(|words| words.len() == 1 && words.iter().all(String::is_empty)) {
            config.entrypoint = None;
        }
        let words: Vec<String> =
            config.entrypoint.iter().flatten().chain(config.cmd.iter().flatten()).cloned().collect();
        let Some((path, args)) = words.split_first() else {
            return Err(Error::Invalid("no command specified".into()));
        };

        let id = id::generate();
        defaults(&id, &mut config, &mut host);
        adapt_limits(&mut host.resources, &mut warnings);
        let networks = networks(&host, networking_config, &config)?;
        for (name, settings) in &networks {
            // That a network is not there is told at the start.
            if let Ok(record) = self.networks.find(name) {
                self.check_addresses(&record, settings)
                    .map_err(|error| error.context(&format!("invalid config for network {name}: ")))?;
            }
        }
        let mut mounts = mounts::collect(&host)?;
        for from in host.volumes_from.iter().flatten() {
            self.volumes_from(from, &mut mounts)?;
        }
        for destination in config.volumes.iter().flatten().map(|(destination, _)| destination) {
            let point = MountPoint::new(MountKind::Volume, "", destination);
            if point.destination == "/" {
                return Err(Error::Invalid("invalid specification: destination can't be '/'".into()));
            }
            mounts.entry(point.destination.clone()).or_insert(point);
        }
        let mut log_options = LogOptions::parse(&host.log_config, self.log_path(&id))?;
        log_options.attach(&host.log_config, &config);

        let name = self.reserve_name(&name, &id)?;
        // From here on a failure gives the name back and removes what was made.
        let made = async {
            let mut mounts: Vec<MountPoint> = mounts.into_values().collect();
            for point in mounts.iter_mut().filter(|point| point.kind == MountKind::Volume) {
                self.volume_for_mount(point)?;
            }
            let spec = Spec {
                name: name.clone(),
                created: Time::now(),
                image: image.as_ref().map(|image| image.id.to_string()).unwrap_or_default(),
                path: path.clone(),
                args: args.to_vec(),
                config,
                host,
                mounts,
                networks,
            };
            let container = Container::new(id.clone(), spec, State::default(), ContainerLog::new(log_options));
            self.prepare_root(&container)?;
            self.store.put_container(&id, &*container.spec(), &container.state())?;
            Ok::<_, Error>(container)
        }
        .await;
        let container = match made {
            Ok(container) => container,
            Err(error) => {
                self.containers.release(&name, &id);
                self.discard_root(&id);
                return Err(error);
            }
        };
        self.containers.insert(Arc::clone(&container));
        self.container_event(&container, "create", &[]);
        Ok(Created { id, warnings })
    }

    fn reserve_name(&self, wanted: &str, id: &str) -> Result<String> {
        if wanted.is_empty() {
            let mut attempt = 0;
            loop {
                let name = names::generate(attempt);
                if self.containers.reserve(&name, id).is_ok() {
                    return Ok(name);
                }
                attempt += 1;
            }
        }
        let name = wanted.strip_prefix('/').unwrap_or(wanted);
        if !names::is_valid(name) {
            return Err(Error::Invalid(format!(
                "Invalid container name ({wanted}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            )));
        }
        self.containers.reserve(name, id)?;
        Ok(name.to_owned())
    }

    /// Adds the mounts of another container, `ID[:ro|rw]`.
    fn volumes_from(&self, spec: &str, mounts: &mut BTreeMap<String, MountPoint>) -> Result<()> {
        let (id, mode) = spec.split_once(':').unwrap_or((spec, "rw"));
        if id.is_empty() {
            return Err(Error::Invalid(format!("invalid volumes-from specification: {spec}")));
        }
        if !mode.split(',').all(|word| matches!(word, "ro" | "rw" | "z" | "Z" | "nocopy")) {
            return Err(Error::Invalid(format!("invalid mode for volumes-from: {mode}")));
        }
        let other = self.containers.find(id)?.spec();
        for point in &other.mounts {
            let mut point = point.clone();
            point.rw &= !mode.split(',').any(|word| word == "ro");
            point.more.anonymous = false;
            mounts.entry(point.destination.clone()).or_insert(point);
        }
        Ok(())
    }
}

/// Rules of `Config` that need nothing else.
fn check_config(config: &Config) -> Result<()> {
    if !config.working_dir.is_empty() && !config.working_dir.starts_with('/') {
        return Err(Error::Invalid(format!(
            "the working directory '{}' is invalid, it needs to be an absolute path",
            config.working_dir
        )));
    }
    if !config.stop_signal.is_empty() {
        super::kill::parse_signal(&config.stop_signal)?;
    }
    for variable in config.env.iter().flatten() {
        if variable.starts_with('=') || variable.is_empty() {
            return Err(Error::Invalid(format!("invalid environment variable: {variable}")));
        }
    }
    if let Some(health) = &config.healthcheck {
        check_health(health)?;
    }
    Ok(())
}

fn check_health(health: &HealthConfig) -> Result<()> {
    for (name, value) in [
        ("Interval", health.interval),
        ("Timeout", health.timeout),
        ("StartPeriod", health.start_period),
        ("StartInterval", health.start_interval),
    ] {
        if value != 0 && value < 1_000_000 {
            return Err(Error::Invalid(format!("{name} in Healthcheck cannot be less than 1ms")));
        }
    }
    if health.retries < 0 {
        return Err(Error::Invalid("Retries in Healthcheck cannot be negative".into()));
    }
    Ok(())
}

/// Rules of a restart policy.
pub(super) fn check_restart_policy(policy: &RestartPolicy) -> Result<()> {
    match policy.name.as_str() {
        "always" | "unless-stopped" | "no" | "" if policy.maximum_retry_count != 0 => {
            let only = if policy.maximum_retry_count < 0 { " and cannot be negative" } else { "" };
            Err(Error::Invalid(format!(
                "invalid restart policy: maximum retry count can only be used with 'on-failure'{only}"
            )))
        }
        "always" | "unless-stopped" | "no" | "" => Ok(()),
        "on-failure" if policy.maximum_retry_count < 0 => {
            Err(Error::Invalid("invalid restart policy: maximum retry count cannot be negative".into()))
        }
        "on-failure" => Ok(()),
        other => Err(Error::Invalid(format!(
            "invalid restart policy: unknown policy '{other}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        ))),
    }
}

/// Rules of limits.
pub(super) fn check_resources(resources: &Resources) -> Result<()> {
    if resources.memory != 0 && resources.memory < LEAST_MEMORY {
        return Err(Error::Invalid("Minimum memory limit allowed is 6MB".into()));
    }
    if resources.memory > 0 && resources.memory_swap > 0 && resources.memory_swap < resources.memory {
        return Err(Error::Invalid("Minimum memoryswap limit should be larger than memory limit, see usage".into()));
    }
    if resources.memory == 0 && resources.memory_swap > 0 {
        return Err(Error::Invalid(
            "You should always set the Memory limit when using Memoryswap limit, see usage".into(),
        ));
    }
    if resources.memory_reservation > 0 && resources.memory > 0 && resources.memory < resources.memory_reservation {
        return Err(Error::Invalid(
            "Minimum memory limit can not be less than memory reservation limit, see usage".into(),
        ));
    }
    let processors = crate::system::processors();
    let most = i64::try_from(processors).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
    if resources.nano_cpus < 0 || resources.nano_cpus > most {
        return Err(Error::Invalid(format!(
            "range of CPUs is from 0.01 to {processors}.00, as there are only {processors} CPUs available"
        )));
    }
    if resources.nano_cpus > 0 && resources.cpu_period > 0 {
        return Err(Error::Invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set".into()));
    }
    if resources.nano_cpus > 0 && resources.cpu_quota > 0 {
        return Err(Error::Invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set".into()));
    }
    if resources.cpu_period != 0 && !(1_000..=1_000_000).contains(&resources.cpu_period) {
        return Err(Error::Invalid(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)".into(),
        ));
    }
    if resources.cpu_quota > 0 && resources.cpu_quota < 1_000 {
        return Err(Error::Invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)".into()));
    }
    for limit in resources.ulimits.iter().flatten() {
        if limit.soft > limit.hard && limit.hard != -1 {
            return Err(Error::Invalid(format!(
                "ulimit soft limit must be less than or equal to hard limit: {} > {}",
                limit.soft, limit.hard
            )));
        }
    }
    Ok(())
}

fn check_host(host: &HostConfig) -> Result<()> {
    check_restart_policy(&host.restart_policy)?;
    if host.auto_remove && !host.restart_policy.is_none() {
        return Err(Error::Invalid("can't create 'AutoRemove' container with restart policy".into()));
    }
    check_resources(&host.resources)?;
    for (port, bindings) in host.port_bindings.iter().flatten() {
        crate::network::ports::parse_container_port(port)?;
        for binding in bindings.iter().flatten() {
            crate::network::ports::parse_host_ports(&binding.host_port)?;
        }
    }
    for extra in host.extra_hosts.iter().flatten() {
        if !extra.contains(':') {
            return Err(Error::Invalid(format!("bad format for add-host: \"{extra}\"")));
        }
    }
    if host.shm_size < 0 {
        return Err(Error::Invalid("SHM size can not be less than 0".into()));
    }
    Ok(())
}

/// The user's config over the image's, field by field as dockerd does it.
fn merge(user: &mut Config, image: &Config) {
    if user.user.is_empty() {
        user.user.clone_from(&image.user);
    }
    for (port, set) in image.exposed_ports.iter().flatten() {
        user.exposed_ports.get_or_insert_default().entry(port.clone()).or_insert_with(|| set.clone());
    }
    let name_of = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
    let given: Vec<String> = user.env.iter().flatten().map(|variable| name_of(variable)).collect();
    let inherited: Vec<String> =
        image.env.iter().flatten().filter(|variable| !given.contains(&name_of(variable))).cloned().collect();
    if !inherited.is_empty() {
        user.env.get_or_insert_default().extend(inherited);
    }
    for (label, value) in image.labels.iter().flatten() {
        user.labels.get_or_insert_default().entry(label.clone()).or_insert_with(|| value.clone());
    }
    if user.entrypoint.as_ref().is_none_or(Vec::is_empty) {
        if user.cmd.as_ref().is_none_or(Vec::is_empty) {
            user.cmd.clone_from(&image.cmd);
        }
        if user.entrypoint.is_none() {
            user.entrypoint.clone_from(&image.entrypoint);
        }
    }
    if let Some(check) = &image.healthcheck {
        match &mut user.healthcheck {
            None => user.healthcheck = Some(check.clone()),
            Some(own) => {
                if own.test.as_ref().is_none_or(Vec::is_empty) {
                    own.test.clone_from(&check.test);
                }
                let fill = |own: &mut i64, image: i64| {
                    if *own == 0 {
                        *own = image;
                    }
                };
                fill(&mut own.interval, check.interval);
                fill(&mut own.timeout, check.timeout);
                fill(&mut own.start_period, check.start_period);
                fill(&mut own.start_interval, check.start_interval);
                fill(&mut own.retries, check.retries);
            }
        }
    }
    if user.working_dir.is_empty() {
        user.working_dir.clone_from(&image.working_dir);
    }
    for (path, set) in image.volumes.iter().flatten() {
        user.volumes.get_or_insert_default().entry(path.clone()).or_insert_with(|| set.clone());
    }
    if user.stop_signal.is_empty() {
        user.stop_signal.clone_from(&image.stop_signal);
    }
}

fn defaults(id: &str, config: &mut Config, host: &mut HostConfig) {
    if matches!(host.network_mode.as_str(), "" | "default") {
        host.network_mode = "bridge".into();
    }
    if config.hostname.is_empty() {
        config.hostname = if host.network_mode == "host" {
            rustix::system::uname().nodename().to_string_lossy().into_owned()
        } else {
            id::short(id).to_owned()
        };
    }
    config.labels.get_or_insert_default();
    let fill = |field: &mut String, value: &str| {
        if field.is_empty() {
            value.clone_into(field);
        }
    };
    fill(&mut host.log_config.kind, "json-file");
    host.log_config.config.get_or_insert_default();
    fill(&mut host.restart_policy.name, "no");
    fill(&mut host.cgroupns_mode, "private");
    fill(&mut host.ipc_mode, "private");
    fill(&mut host.runtime, "wasmtime");
    if host.shm_size == 0 {
        host.shm_size = 64 << 20;
    }
    if !host.privileged {
        let paths = |list: &[&str]| Some(list.iter().map(|path| (*path).to_owned()).collect());
        host.masked_paths = host.masked_paths.take().or_else(|| paths(&MASKED_PATHS));
        host.readonly_paths = host.readonly_paths.take().or_else(|| paths(&READONLY_PATHS));
    }
}

/// Limits that follow from others, and warnings for those that cannot be kept.
pub(super) fn adapt_limits(resources: &mut Resources, warnings: &mut Vec<String>) {
    if resources.memory > 0 && resources.memory_swap == 0 {
        resources.memory_swap = resources.memory.saturating_mul(2);
    }
    if resources.oom_kill_disable.is_none() {
        resources.oom_kill_disable = Some(false);
    }
    if resources.pids_limit.is_some_and(|limit| limit <= 0) {
        resources.pids_limit = None;
    }
    if resources.oom_kill_disable == Some(true) && resources.memory == 0 {
        warnings.push(
            "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources."
                .into(),
        );
    }
    if !resources.cpuset_cpus.is_empty() || !resources.cpuset_mems.is_empty() {
        warnings.push("Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.".into());
        resources.cpuset_cpus.clear();
        resources.cpuset_mems.clear();
    }
    if resources.blkio_weight != 0 {
        warnings.push(
            "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.".into(),
        );
        resources.blkio_weight = 0;
    }
}

/// The networks a container begins with: those of the request, and that of its mode.
fn networks(
    host: &HostConfig,
    request: NetworkingConfig,
    config: &Config,
) -> Result<BTreeMap<String, EndpointSettings>> {
    let mode = host.network_mode.as_str();
    let mut networks: BTreeMap<String, EndpointSettings> = BTreeMap::new();
    if mode.starts_with("container:") {
        if (config.exposed_ports.as_ref().is_some_and(|ports| !ports.is_empty())
            || host.port_bindings.as_ref().is_some_and(|ports| !ports.is_empty()))
            && host.port_bindings.as_ref().is_some_and(|ports| !ports.is_empty())
        {
            return Err(Error::Invalid(
                "conflicting options: port publishing and the container type network mode".into(),
            ));
        }
        return Ok(networks);
    }
    for (name, settings) in request.endpoints_config {
        let name = if name == "default" { "bridge".to_owned() } else { name };
        let settings = settings.unwrap_or_default();
        let user_network = !matches!(name.as_str(), "bridge" | "host" | "none");
        let asks_address = settings
            .ipam_config
            .as_ref()
            .is_some_and(|ipam| !ipam.ipv4_address.is_empty() || !ipam.ipv6_address.is_empty());
        if !user_network && asks_address {
            return Err(Error::Invalid(
                "invalid config for network bridge: invalid endpoint settings:\nuser specified IP address is supported on user defined networks only".replace("network bridge", &format!("network {name}")),
            ));
        }
        networks.insert(name, settings);
    }
    if config.network_disabled {
        return Ok(networks);
    }
    networks.entry(mode.to_owned()).or_default();
    Ok(networks)
}

impl Config {
    /// The config part of an image's config file.
    pub(crate) fn from_image(image: &coracle_image::ContainerConfig) -> Self {
        // Both are Docker's `container.Config`; JSON is the common form.
        serde_json::to_value(image)
            .map(|mut value| {
                crate::model::strip_nulls(&mut value);
                serde_json::from_value(value).unwrap_or_default()
            })
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Option<Vec<String>> {
        Some(list.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn an_entrypoint_hides_the_images_command() {
        let image = Config { cmd: words(&["a"]), entrypoint: words(&["e"]), ..Config::default() };
        let mut user = Config { entrypoint: words(&["x"]), ..Config::default() };
        merge(&mut user, &image);
        assert_eq!((user.entrypoint, user.cmd), (words(&["x"]), None));
        let mut user = Config { cmd: words(&["c"]), ..Config::default() };
        merge(&mut user, &image);
        assert_eq!((user.entrypoint, user.cmd), (words(&["e"]), words(&["c"])));
        let mut user = Config::default();
        merge(&mut user, &image);
        assert_eq!((user.entrypoint, user.cmd), (words(&["e"]), words(&["a"])));
    }

    #[test]
    fn the_environment_is_merged_by_name_and_the_user_wins() {
        let image = Config { env: words(&["PATH=/bin", "A=image"]), ..Config::default() };
        let mut user = Config { env: words(&["A=user", "B"]), ..Config::default() };
        merge(&mut user, &image);
        assert_eq!(user.env, words(&["A=user", "B", "PATH=/bin"]));
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_dockerds_words() {
        let policy = |name: &str, count| RestartPolicy { name: name.into(), maximum_retry_count: count };
        assert_eq!(
            check_restart_policy(&policy("always", 3)).unwrap_err().to_string(),
            "invalid restart policy: maximum retry count can only be used with 'on-failure'"
        );
        assert_eq!(
            check_restart_policy(&policy("bad", 0)).unwrap_err().to_string(),
            "invalid restart policy: unknown policy 'bad'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        );
        let small = Resources { memory: 1000, ..Resources::default() };
        assert_eq!(check_resources(&small).unwrap_err().to_string(), "Minimum memory limit allowed is 6MB");
        let health = HealthConfig { interval: 1, ..HealthConfig::default() };
        assert_eq!(check_health(&health).unwrap_err().to_string(), "Interval in Healthcheck cannot be less than 1ms");
    }
}
