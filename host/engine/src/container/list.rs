//! `docker ps`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::state::Phase;
use super::{Container, Spec};
use crate::Engine;
use crate::error::{Error, Result};
use crate::filters::Filters;
use crate::network::ports::{self, Port};

/// The query of list.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Also those that do not run.
    pub all: bool,
    /// Only so many, newest first; any limit implies `all`.
    pub limit: Option<usize>,
    /// Compute sizes.
    pub size: bool,
    /// Filters.
    pub filters: Filters,
}

/// An element of list.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the field names are Docker's and documented in its API reference")]
pub struct Summary {
    pub id: String,
    pub names: Vec<String>,
    pub image: String,
    #[serde(rename = "ImageID")]
    pub image_id: String,
    pub command: String,
    pub created: i64,
    pub ports: Vec<Port>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_rw: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_root_fs: Option<u64>,
    pub labels: BTreeMap<String, String>,
    pub state: &'static str,
    pub status: String,
    pub host_config: Value,
    pub network_settings: Value,
    pub mounts: Vec<Value>,
}

const ACCEPTED: [&str; 17] = [
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "isolation",
    "is-task",
    "label",
    "label!",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
    "annotation",
];
const STATES: [&str; 7] = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
const HEALTH: [&str; 4] = ["none", "starting", "healthy", "unhealthy"];

/// Filters, read once for all containers.
struct Wanted<'a> {
    filters: &'a Filters,
    exited: Vec<i32>,
    before: Option<Arc<Container>>,
    since: Option<Arc<Container>>,
    ancestors: Option<Vec<String>>,
    publish: Vec<(u16, u16, &'static str)>,
    expose: Vec<(u16, u16, &'static str)>,
    any_state: bool,
}

impl Engine {
    /// The containers that the query admits, newest first.
    ///
    /// # Errors
    /// For filters that make no sense, in dockerd's words.
    pub fn container_list(&self, query: &ListQuery) -> Result<Vec<Summary>> {
        let wanted = self.wanted(&query.filters)?;
        let mut found = Vec::new();
        for container in self.containers.newest_first() {
            if query.limit.is_some_and(|limit| limit > 0 && found.len() >= limit) {
                break;
            }
            let phase = container.with_state(|state| state.phase);
            let shown =
                query.all || wanted.any_state || query.limit.is_some_and(|limit| limit > 0) || phase.is_running();
            if shown && self.admits(&wanted, &container, phase) {
                found.push(self.summary(&container, query.size));
            }
        }
        Ok(found)
    }

    fn wanted<'a>(&self, filters: &'a Filters) -> Result<Wanted<'a>> {
        filters.accept(&ACCEPTED)?;
        let one_of = |name: &str, word: &str, values: &[&str]| {
            filters.get(name).iter().find(|value| !values.contains(&value.as_str())).map_or(Ok(()), |bad| {
                Err(Error::Invalid(format!(
                    "invalid filter '{name}={bad}': invalid value for {word} ({bad}): must be one of {}",
                    values.join(", ")
                )))
            })
        };
        one_of("status", "state", &STATES)?;
        one_of("health", "health", &HEALTH)?;
        filters.boolean("is-task")?;
        let exited = filters
            .get("exited")
            .iter()
            .map(|code| {
                code.parse().map_err(|_| {
                    Error::Invalid(format!(
                        "invalid filter 'exited={code}': strconv.Atoi: parsing {code:?}: invalid syntax"
                    ))
                })
            })
            .collect::<Result<Vec<i32>>>()?;
        let other = |name: &str| filters.get(name).last().map(|id| self.containers.find(id)).transpose();
        let ancestors = if filters.contains("ancestor") {
            let ids = filters.get("ancestor").iter().flat_map(|name| self.image_and_descendants(name)).collect();
            Some(ids)
        } else {
            None
        };
        let port = |name: &str| {
            filters
                .get(name)
                .iter()
                .map(|text| {
                    let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
                    let (first, last) = ports::parse_host_ports(range).ok().filter(|_| !range.is_empty()).ok_or_else(|| {
                        Error::System(format!(
                            "error while looking up for {name} {text}: strconv.ParseUint: parsing {range:?}: invalid syntax"
                        ))
                    })?;
                    Ok((first, last, if protocol == "udp" { "udp" } else { "tcp" }))
                })
                .collect::<Result<Vec<_>>>()
        };
        Ok(Wanted {
            filters,
            exited,
            before: other("before")?,
            since: other("since")?,
            ancestors,
            publish: port("publish")?,
            expose: port("expose")?,
            any_state: filters.contains("status") || filters.contains("exited"),
        })
    }

    fn admits(&self, wanted: &Wanted<'_>, container: &Container, phase: Phase) -> bool {
        let spec = container.spec();
        let filters = wanted.filters;
        let name = format!("/{}", spec.name);
        let health = container.with_state(|state| match &state.health {
            Some(health) if !health.status.is_empty() => health.status.clone(),
            _ => "none".into(),
        });
        let exposed = crate::network::exposed(&spec);
        let listed = |ranges: &[(u16, u16, &str)], public: bool| {
            ranges.is_empty()
                || self.ports(container, &exposed).iter().any(|port| {
                    let number = if public { port.public_port } else { Some(port.private_port) };
                    number
                        .is_some_and(|n| ranges.iter().any(|(a, b, kind)| (*a..=*b).contains(&n) && *kind == port.kind))
                })
        };
        filters.prefix("id", &container.id)
            && (filters.matches("name", &name) || filters.matches("name", &spec.name))
            && filters.labels(spec.config.labels.as_ref().unwrap_or(&BTreeMap::new()))
            && filters.exact("status", phase.word())
            && filters.exact("health", &health)
            && filters.boolean("is-task").ok().flatten() != Some(true)
            && (wanted.exited.is_empty()
                || container.with_state(|state| phase == Phase::Exited && wanted.exited.contains(&state.exit_code)))
            && wanted.before.as_ref().is_none_or(|other| spec.created < other.spec().created)
            && wanted.since.as_ref().is_none_or(|other| spec.created > other.spec().created)
            && wanted.ancestors.as_ref().is_none_or(|ids| ids.contains(&spec.image))
            && (!filters.contains("volume")
                || filters.get("volume").iter().any(|volume| {
                    spec.mounts
                        .iter()
                        .any(|point| point.name == *volume || point.destination == *volume || point.source == *volume)
                }))
            && (!filters.contains("network")
                || filters.get("network").iter().any(|wanted| {
                    spec.networks.contains_key(wanted)
                        || self.networks.find(wanted).is_ok_and(|record| spec.networks.contains_key(&record.name))
                }))
            && listed(&wanted.publish, true)
            && listed(&wanted.expose, false)
    }

    fn ports(&self, container: &Container, exposed: &[String]) -> Vec<Port> {
        match container.running() {
            Some(run) if !run.network.shared => ports::list(&run.network.published.lock(), exposed),
            _ => Vec::new(),
        }
    }

    fn summary(&self, container: &Container, size: bool) -> Summary {
        let spec = container.spec();
        let exposed = crate::network::exposed(&spec);
        let (state, status) = container.with_state(|state| (state.phase.word(), state.sentence()));
        let mut host_config = json!({ "NetworkMode": spec.host.network_mode });
        if let (Some(annotations), Some(map)) = (&spec.host.annotations, host_config.as_object_mut()) {
            map.insert("Annotations".into(), json!(annotations));
        }
        let (size_rw, size_root_fs) = if size { self.sizes(container, &spec) } else { (None, None) };
        Summary {
            id: container.id.clone(),
            names: vec![format!("/{}", spec.name)],
            image: self.image_name_now(&spec),
            image_id: spec.image.clone(),
            command: command(&spec),
            created: spec.created.seconds(),
            ports: self.ports(container, &exposed),
            size_rw: size_rw.filter(|size| *size > 0),
            size_root_fs,
            labels: spec.config.labels.clone().unwrap_or_default(),
            state,
            status,
            host_config,
            network_settings: json!({ "Networks": self.endpoints(container, &spec) }),
            mounts: spec
                .mounts
                .iter()
                .map(|point| {
                    let mut shown = point.inspect();
                    if let (false, Some(map)) = (point.name.is_empty(), shown.as_object_mut()) {
                        map.insert("Source".into(), "".into());
                    }
                    shown
                })
                .collect(),
        }
    }

    /// Bytes changed, and those plus the image's.
    pub(super) fn sizes(&self, container: &Container, spec: &Spec) -> (Option<u64>, Option<u64>) {
        let changed = self.root(container).map(|root| root.overlay.changed_bytes()).unwrap_or(0);
        let image = self.images.resolve(&spec.image).map(|image| image.size).unwrap_or(0);
        (Some(changed), Some(changed + image))
    }
}

/// Program and arguments as one line, quoted where a shell would need it.
fn command(spec: &Spec) -> String {
    if spec.args.is_empty() {
        return spec.path.clone();
    }
    let mut line = spec.path.clone();
    for argument in &spec.args {
        line.push(' ');
        if argument.contains(' ') {
            line.push('\'');
            line.push_str(&argument.replace('\'', "'\\''"));
            line.push('\'');
        } else {
            line.push_str(argument);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_line() {
        let spec = Spec { path: "sh".into(), args: vec!["-c".into(), "echo it's".into()], ..Spec::default() };
        assert_eq!(command(&spec), r"sh -c 'echo it'\''s'");
    }
}
