//! A container: what was asked for, where it is in its life, and who waits for it.

pub(crate) mod state;
pub(crate) use state::Phase;

mod archive;
mod attach;
mod changes;
mod commit;
mod create;
mod exit;
mod health;
mod inspect;
mod kill;
mod limits;
mod list;
mod logs;
mod pause;
mod prune;
mod registry;
mod remove;
mod rename;
mod resize;
mod restart;
mod root;
mod start;
mod stats;
mod stop;
mod top;
mod update;
mod user;
mod wait;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use archive::{ArchiveDownload, PathStat, UploadOptions};
pub use attach::{AttachOptions, Attached, AttachedInput, AttachedOutput, Chunk, DetachGuard, InputEnd};
pub use changes::Difference;
pub use commit::CommitOptions;
pub use create::{CreateRequest, Created};
pub use list::{ListQuery, Summary};
pub(crate) use prune::until;
pub use prune::{Pruned, PrunedContainers};
pub(crate) use registry::Registry;
pub use remove::RemoveOptions;
pub(crate) use start::{environment, start_failure, working_directory};
pub use stats::Sampler;
pub use top::ProcessTable;
pub(crate) use user::lookup as lookup_user;
pub use wait::WaitCondition;

use crate::Engine;
use crate::driver::Running;
use crate::error::Result;
use crate::log::ContainerLog;
use crate::model::{Config, EndpointSettings, HostConfig};
use crate::mounts::MountPoint;
use crate::streams::Streams;
use crate::time::Time;
use root::Root;
use state::State;

/// What was asked for; changed by `rename`, `update` and network commands only.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Spec {
    /// Name without the slash.
    pub name: String,
    /// When it was created.
    pub created: Time,
    /// Image id, `sha256:…`.
    pub image: String,
    /// Program.
    pub path: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Image config and request, merged.
    pub config: Config,
    /// What it asks of this host.
    pub host: HostConfig,
    /// Mounts, in the order of their paths.
    pub mounts: Vec<MountPoint>,
    /// Networks by name.
    pub networks: BTreeMap<String, EndpointSettings>,
}

/// What waiters look at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Milestone {
    /// How many runs have ended.
    pub exits: u64,
    /// Status of the last run.
    pub exit_code: i32,
    /// Why the last run could not begin.
    pub error: String,
    /// Processes exist or are about to.
    pub running: bool,
    /// It is gone.
    pub removed: bool,
}

/// A container.
pub struct Container {
    /// 64 digits.
    pub id: String,
    spec: RwLock<Arc<Spec>>,
    state: Mutex<State>,
    pub(crate) milestones: watch::Sender<Milestone>,
    /// Held over start, stop, remove and the like, so that they happen one after another.
    pub(crate) lifecycle: tokio::sync::Mutex<()>,
    pub(crate) log: ContainerLog,
    pub(crate) streams: Streams,
    /// The present run.
    pub(crate) run: Mutex<Option<Arc<Run>>>,
    /// The overlay, opened with first use.
    pub(crate) root: Mutex<Option<Arc<Root>>>,
    /// Ends the wait of a restart policy's backoff, and restarts as such.
    pub(crate) restart_stop: Mutex<CancellationToken>,
    /// Backoff and count of the restart policy.
    pub(crate) restarts: Mutex<restart::Backoff>,
    /// `docker restart` is at work: `--rm` must not remove it between stop and start.
    pub(crate) restarting_by_hand: std::sync::atomic::AtomicBool,
    /// Ids of the exec instances, oldest first.
    pub(crate) execs: Mutex<Vec<String>>,
}

/// What exists only while a container runs.
pub(crate) struct Run {
    /// The processes.
    pub processes: Arc<dyn Running>,
    /// The network namespace, which others may share.
    pub network: crate::network::Attachment,
    /// Its files.
    pub namespace: coracle_vfs::Namespace,
    /// The generated files in `/etc`.
    pub files: root::GeneratedFiles,
    /// Ends what watches the run: health checks.
    pub ended: CancellationToken,
}

impl std::fmt::Debug for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Container").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Container {
    pub(crate) fn new(id: String, spec: Spec, state: State, log: ContainerLog) -> Arc<Self> {
        let milestone = Milestone { exit_code: state.exit_code, ..Milestone::default() };
        Arc::new(Self {
            id,
            spec: RwLock::new(Arc::new(spec)),
            state: Mutex::new(state),
            milestones: watch::Sender::new(milestone),
            lifecycle: tokio::sync::Mutex::default(),
            log,
            streams: Streams::default(),
            run: Mutex::default(),
            root: Mutex::default(),
            restart_stop: Mutex::default(),
            restarts: Mutex::default(),
            restarting_by_hand: std::sync::atomic::AtomicBool::new(false),
            execs: Mutex::default(),
        })
    }

    /// What was asked for, as of now.
    pub fn spec(&self) -> Arc<Spec> {
        Arc::clone(&self.spec.read())
    }

    /// The state as of now.
    pub fn state(&self) -> State {
        self.state.lock().clone()
    }

    /// A look at the state without copying it.
    pub(crate) fn with_state<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock())
    }

    /// The present run, if any.
    pub(crate) fn running(&self) -> Option<Arc<Run>> {
        self.run.lock().clone()
    }

    /// Attributes of the container's events: labels, image, name.
    pub(crate) fn attributes(&self) -> BTreeMap<String, String> {
        let spec = self.spec();
        let mut attributes = spec.config.labels.clone().unwrap_or_default();
        attributes.insert("image".into(), spec.config.image.clone());
        attributes.insert("name".into(), spec.name.clone());
        attributes
    }
}

impl Engine {
    /// Changes the state and stores it before anybody is told.
    pub(crate) fn change_state<T>(&self, container: &Container, change: impl FnOnce(&mut State) -> T) -> Result<T> {
        let mut state = container.state.lock();
        let mut next = state.clone();
        let answer = change(&mut next);
        self.store.put_container_state(&container.id, &next)?;
        *state = next;
        Ok(answer)
    }

    /// Changes what was asked for and stores it.
    pub(crate) fn change_spec<T>(
        &self,
        container: &Container,
        change: impl FnOnce(&mut Spec) -> Result<T>,
    ) -> Result<T> {
        let mut spec = container.spec.write();
        let mut next = Spec::clone(&spec);
        let answer = change(&mut next)?;
        self.store.put_container(&container.id, &next, &*container.state.lock())?;
        *spec = Arc::new(next);
        Ok(answer)
    }

    /// Emits an event about a container.
    pub(crate) fn container_event(&self, container: &Container, action: &str, more: &[(&str, &str)]) {
        let mut attributes = container.attributes();
        for (name, value) in more {
            attributes.insert((*name).to_owned(), (*value).to_owned());
        }
        self.events.emit(crate::events::Kind::Container, action, &container.id, attributes);
    }
}
