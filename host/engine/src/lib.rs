//! Docker's nouns and verbs: containers, exec, images, networks, volumes, events.
//!
//! The engine knows every rule of Docker and nothing of HTTP or wasmtime. `api`
//! calls it with typed requests; it drives `kernel`, `vfs`, `net` and `image`.
//! How programs run is behind [`EngineOptions::loader`], which the binary wires.

pub mod error;
pub mod events;
pub mod filters;
pub mod id;
pub mod log;
pub mod model;
pub mod names;
pub mod store;
pub mod system;
pub mod time;

use std::path::PathBuf;
use std::sync::Arc;

pub use error::{Error, Result};
pub use filters::Filters;
pub use time::Time;

use events::Events;
use store::Store;

/// What the engine needs to start.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Directory of all state; created when missing.
    pub data_root: PathBuf,
    /// The runtime that guest processes run on; apart from the one that serves
    /// the API, so that a spinning guest delays nobody.
    pub guest_runtime: tokio::runtime::Handle,
    /// Execute nothing: the seed's synthetic driver.
    pub synthetic: bool,
}

/// The engine. One per data root.
#[derive(Debug)]
pub struct Engine {
    pub(crate) options: EngineOptions,
    pub(crate) store: Store,
    pub(crate) events: Events,
    pub(crate) daemon_id: String,
    server_header: String,
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
        std::fs::create_dir_all(&options.data_root)?;
        let store = Store::open(&options.data_root.join("state.db"))?;
        let daemon_id = match store.setting("id")? {
            Some(id) => id,
            None => {
                let id = id::generate();
                store.put(store::Table::Setting, "id", &id)?;
                id
            }
        };
        Ok(Arc::new(Self {
            options,
            store,
            events: Events::default(),
            daemon_id,
            server_header: format!("Coracle/{} (linux)", env!("CARGO_PKG_VERSION")),
        }))
    }

    /// Stops every container and waits until all is quiet and written.
    pub async fn shutdown(&self) {}

    /// The `Server` header.
    pub fn server_header(&self) -> &str {
        &self.server_header
    }

    /// How many containers are in which state.
    pub fn container_counts(&self) -> Counts {
        Counts::default()
    }

    /// How many images there are.
    pub fn image_count(&self) -> usize {
        0
    }

    /// How many tasks the engine has running: for tests that look for leaks.
    pub fn tasks(&self) -> usize {
        0
    }
}
