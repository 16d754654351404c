//! `coracle serve`: starts the rooms in order and stops them in reverse.
//!
//! The sockets are bound first, so that a second daemon is refused before it
//! touches any state; compiling the guests comes last and beside the API, which
//! answers meanwhile.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use coracle_engine::{Engine, EngineOptions, ImageSource};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::listen::{self, Address, Listener};
use crate::options::{Images, Serve, environment_flag};
use crate::{paths, sandbox};

/// How long requests that are under way may still take once the daemon stops.
const DRAIN: Duration = Duration::from_secs(10);

/// Runs the daemon until a signal ends it.
pub fn run(options: &Serve) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_name("api").enable_all().build()?;
    let done = runtime.block_on(serve(options));
    // A stuck connection must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

/// Where state is kept; a temporary directory vanishes when this is dropped.
enum DataRoot {
    Kept(std::path::PathBuf),
    Ephemeral(TempDir),
}

impl DataRoot {
    fn open(options: &Serve) -> Result<Self> {
        if options.ephemeral {
            return Ok(Self::Ephemeral(tempfile::Builder::new().prefix("coracle-").tempdir()?));
        }
        let directory = match &options.data_root {
            Some(directory) => std::path::absolute(directory)?,
            None => paths::data_root()?,
        };
        paths::create_private(&directory)?;
        Ok(Self::Kept(directory))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Ephemeral(directory) => directory.path(),
        }
    }
}

async fn serve(options: &Serve) -> Result<()> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;

    let mut addresses = options.host.iter().map(|host| Address::parse(host)).collect::<Result<Vec<_>>>()?;
    if addresses.is_empty() {
        addresses.push(Address::Unix(paths::default_socket()?));
    }
    let mut listeners = Vec::new();
    for address in &addresses {
        listeners.push(listen::bind(address, options.socket_mode, options.allow_insecure_tcp).await?);
    }

    let data_root = DataRoot::open(options)?;
    let sandbox = sandbox::start(&options.cache, options.shell.clone())?;
    let engine = Engine::start(EngineOptions {
        data_root: data_root.path().to_owned(),
        guest_runtime: sandbox.runtime().clone(),
        loader: sandbox.clone(),
        userland: Box::pin(sandbox::userland(sandbox.clone())),
        synthetic: options.synthetic || environment_flag("SOCKERLESS_SYNTHETIC"),
        images: match options.images {
            Images::Registry => ImageSource::Registry,
            Images::Synthetic => {
                ImageSource::Synthetic { fetch_config: environment_flag("SOCKERLESS_FETCH_IMAGE_CONFIG") }
            }
        },
        registry_mirrors: options.registry_mirror.clone(),
        insecure_registries: options.insecure_registry.clone(),
    })
    .await
    .context("cannot start the engine")?;

    let stop = CancellationToken::new();
    let mut servers = JoinSet::new();
    let mut socket_files = Vec::new();
    for listener in listeners {
        let (engine, stop) = (Arc::clone(&engine), stop.clone());
        match listener {
            Listener::Unix(listener, file) => {
                socket_files.push(file);
                servers.spawn(coracle_api::serve(listener, engine, stop));
            }
            Listener::Tcp(listener) => {
                servers.spawn(coracle_api::serve(listener, engine, stop));
            }
        }
    }
    if let Some(file) = &options.pidfile {
        std::fs::write(file, format!("{}\n", std::process::id()))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    announce(&addresses)?;

    tokio::select! {
        _ = interrupted.recv() => tracing::info!("interrupted: stopping"),
        _ = terminated.recv() => tracing::info!("terminated: stopping"),
    }
    // Containers first: what streams from them ends with them, so that the
    // requests under way can finish.
    engine.shutdown().await;
    stop.cancel();
    let drained = async { while servers.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("some requests did not end: dropping them");
        servers.abort_all();
    }
    drop(socket_files);
    if let Some(file) = &options.pidfile {
        let _ = std::fs::remove_file(file);
    }
    drop(engine);
    drop(data_root);
    Ok(())
}

/// Prints the line that points clients here; scripts wait for it.
fn announce(addresses: &[Address]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for (index, address) in addresses.iter().enumerate() {
        let comment = if index == 0 { "" } else { "# or: " };
        writeln!(out, "{comment}export DOCKER_HOST={}", address.docker_host())?;
    }
    out.flush()?;
    Ok(())
}
