//! Docker's nouns and verbs: containers, exec, images, networks, volumes, events.
//!
//! The engine knows every rule of Docker and nothing of HTTP or wasmtime. `api`
//! calls it with typed requests; it drives `kernel`, `vfs`, `net` and `image`.
//! How programs run is behind [`EngineOptions::loader`], which the binary wires.

pub mod build;
pub mod container;
pub mod decompress;
pub mod detach;
pub mod driver;
pub mod error;
pub mod events;
pub mod exec;
pub mod filters;
pub mod id;
pub mod image;
pub mod log;
pub mod model;
pub mod mounts;
pub mod names;
pub mod network;
pub mod store;
pub mod streams;
pub mod system;
pub mod time;
pub mod volume;

mod init_layer;
mod instructions;
mod restore;

use std::path::PathBuf;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use coracle_image::{Builtin, ImageStore, RegistryOptions, StoreOptions};
use coracle_kernel::Loader;
use coracle_net::{Fabric, FabricOptions};
use coracle_vfs::WatchHub;
use coracle_vfs::layer::Layer;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use coracle_image::Credential;
pub use error::{Error, Result};
pub use filters::Filters;
pub use time::Time;

use container::{Phase, Registry};
use driver::{Driver, Processes, Synthetic};
use events::Events;
use exec::Execs;
use network::Networks;
use store::Store;
use volume::Volumes;

/// What the engine needs to start.
pub struct EngineOptions {
    /// Directory of all state; created when missing.
    pub data_root: PathBuf,
    /// Turns files into programs.
    pub loader: Arc<dyn Loader>,
    /// The runtime that guest processes run on; apart from the one that serves
    /// the API, so that a spinning guest delays nobody.
    pub guest_runtime: tokio::runtime::Handle,
    /// Execute nothing: the seed's synthetic driver.
    pub synthetic: bool,
    /// What the built-in image is made of. Compiling it may take seconds with the
    /// first start ever, so it is awaited beside everything else; whoever asks for
    /// an image waits for it.
    pub userland: BoxFuture<'static, Result<Userland, String>>,
    /// Where images come from.
    pub images: ImageSource,
    /// Registries to ask before the Docker Hub.
    pub registry_mirrors: Vec<String>,
    /// Registries that may be spoken to without TLS.
    pub insecure_registries: Vec<String>,
}

/// Where images come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImageSource {
    /// Registries.
    #[default]
    Registry,
    /// Any name is at once the built-in userland.
    Synthetic {
        /// With the true configuration, fetched from the registry.
        fetch_config: bool,
    },
}

/// The built-in image.
#[derive(Clone)]
pub struct Userland {
    /// The component of the shell.
    pub shell: Arc<[u8]>,
    /// The component of the applets.
    pub toolbox: Arc<[u8]>,
    /// Applets, each with the directory it is found in.
    pub applets: Vec<(String, String)>,
}

/// The engine. One per data root.
pub struct Engine {
    pub(crate) data_root: PathBuf,
    /// The database was made by this daemon: directories it does not know are
    /// not leftovers of an earlier one but somebody's data.
    pub(crate) fresh: bool,
    _lock: std::fs::File,
    userland: watch::Sender<bool>,
    pub(crate) store: Store,
    pub(crate) events: Events,
    pub(crate) daemon_id: String,
    pub(crate) containers: Registry,
    pub(crate) execs: Execs,
    pub(crate) networks: Networks,
    pub(crate) volumes: Volumes,
    pub(crate) images: Arc<ImageStore>,
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) watches: Arc<WatchHub>,
    pub(crate) init_layer: Arc<Layer>,
    pub(crate) upper_directory: Arc<Dir>,
    server_header: String,
    tracker: TaskTracker,
    stop: CancellationToken,
}

/// One daemon per data root: the lock goes with the process, however it ends.
fn lock(root: &std::path::Path) -> Result<std::fs::File> {
    let file = std::fs::File::create(root.join("lock"))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| Error::System(format!("{} is in use by another daemon", root.display())))?;
    Ok(file)
}

/// How many containers are in which state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Running and not paused.
    pub running: usize,
    /// Paused.
    pub paused: usize,
    /// Everything else.
    pub stopped: usize,
}

impl Engine {
    /// Opens the data root, restores what is there and applies restart policies.
    ///
    /// # Errors
    /// When the data root cannot be made or read, or belongs to a later version.
    pub async fn start(options: EngineOptions) -> Result<Arc<Self>> {
        let root = options.data_root.clone();
        for directory in ["overlay", "containers", "volumes", "images"] {
            std::fs::create_dir_all(root.join(directory))?;
        }
        let lock = lock(&root)?;
        let store = Store::open(&root.join("state.db"))?;
        let (daemon_id, fresh) = match store.setting("id")? {
            Some(id) => (id, false),
            None => {
                let id = id::generate();
                store.put(store::Table::Setting, "id", &id)?;
                (id, true)
            }
        };
        let open = |name: &str| Dir::open_ambient_dir(root.join(name), ambient_authority());
        let images = ImageStore::open(
            open("images")?,
            StoreOptions {
                synthetic: matches!(options.images, ImageSource::Synthetic { .. }),
                fetch_config: options.images == ImageSource::Synthetic { fetch_config: true },
                registry: RegistryOptions {
                    mirrors: options.registry_mirrors,
                    insecure: options.insecure_registries,
                    ..RegistryOptions::default()
                },
                ..StoreOptions::default()
            },
        )?;
        let driver: Arc<dyn Driver> = if options.synthetic {
            Arc::new(Synthetic)
        } else {
            Arc::new(Processes::new(Arc::clone(&options.loader), options.guest_runtime.clone()))
        };
        let engine = Arc::new(Self {
            store,
            events: Events::default(),
            daemon_id,
            containers: Registry::default(),
            execs: Execs::default(),
            networks: Networks::new(Fabric::new(FabricOptions::new(tokio::runtime::Handle::current()))),
            volumes: Volumes::default(),
            images,
            driver,
            watches: WatchHub::new(),
            init_layer: init_layer::open(&root)?,
            upper_directory: Arc::new(open("overlay")?),
            server_header: format!("Coracle/{} (linux)", env!("CARGO_PKG_VERSION")),
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            data_root: root,
            fresh,
            _lock: lock,
            userland: watch::Sender::new(false),
        });
        engine.install_userland(options.userland);
        engine.restore_networks()?;
        engine.restore_volumes()?;
        engine.restore_containers().await?;
        Ok(engine)
    }

    /// The images of the daemon: the binary adds the built-in one.
    pub fn images(&self) -> &Arc<ImageStore> {
        &self.images
    }

    fn install_userland(self: &Arc<Self>, userland: BoxFuture<'static, Result<Userland, String>>) {
        let engine = Arc::clone(self);
        self.spawn(async move {
            let userland = tokio::select! {
                userland = userland => userland,
                () = engine.stopping() => Err("the daemon stops".to_owned()),
            };
            let installed = match userland {
                Ok(userland) => {
                    let images = Arc::clone(&engine.images);
                    tokio::task::spawn_blocking(move || {
                        let applets: Vec<(&str, &str)> =
                            userland.applets.iter().map(|(name, place)| (name.as_str(), place.as_str())).collect();
                        let builtin = Builtin { busybox: &userland.toolbox, shell: &userland.shell, applets: &applets };
                        images.builtin(&builtin).map(drop).map_err(|error| error.to_string())
                    })
                    .await
                    .unwrap_or_else(|error| Err(error.to_string()))
                }
                Err(error) => Err(error),
            };
            if let Err(error) = installed {
                tracing::warn!(error, "the built-in image is not there");
            }
            engine.userland.send_replace(true);
        });
    }

    /// Waits until the built-in image is there, or is known not to come.
    pub async fn images_ready(&self) {
        let mut ready = self.userland.subscribe();
        let _ = ready.wait_for(|ready| *ready).await;
    }

    /// The `Server` header.
    pub fn server_header(&self) -> &str {
        &self.server_header
    }

    /// The events of the daemon.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// How many containers are in which state.
    pub fn container_counts(&self) -> Counts {
        let mut counts = Counts::default();
        for container in self.containers.all() {
            match container.with_state(|state| state.phase) {
                Phase::Paused => counts.paused += 1,
                phase if phase.is_running() => counts.running += 1,
                _ => counts.stopped += 1,
            }
        }
        counts
    }

    /// How many tasks the engine has running: for tests that look for leaks.
    pub fn tasks(&self) -> usize {
        self.tracker.len()
    }

    /// Stops every container in its own way, and waits until all is quiet and written.
    pub async fn shutdown(self: &Arc<Self>) {
        self.stop.cancel();
        let mut stopping = tokio::task::JoinSet::new();
        for container in self.containers.all() {
            let engine = Arc::clone(self);
            stopping.spawn(async move {
                let _one_at_a_time = container.lifecycle.lock().await;
                if container.with_state(|state| state.phase.is_running()) {
                    engine.stop_for_shutdown(&container).await;
                }
            });
        }
        while stopping.join_next().await.is_some() {}
        // Who attached to a container that does not run waits for nothing now.
        for container in self.containers.all() {
            container.streams.close();
        }
        self.tracker.close();
        if tokio::time::timeout(std::time::Duration::from_secs(5), self.tracker.wait()).await.is_err() {
            tracing::warn!(tasks = self.tracker.len(), "left behind at shutdown");
        }
    }

    /// Runs a task that the engine owns: it ends with the daemon at the latest.
    pub fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(task);
    }

    /// Runs what may block.
    pub fn spawn_blocking(self: &Arc<Self>, work: impl FnOnce() + Send + 'static) {
        self.tracker.spawn_blocking(work);
    }

    /// The daemon is about to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until the daemon is about to end.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }
}
