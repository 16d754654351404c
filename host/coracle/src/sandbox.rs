//! The sandbox with the guests that come with the daemon.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use coracle_engine::Userland;
use coracle_sandbox::{Sandbox, SandboxOptions};

use crate::options::Cache;
use crate::{components, paths};

/// Starts the sandbox; nothing is compiled yet.
pub fn start(cache: &Cache, shell: Option<PathBuf>) -> Result<Arc<Sandbox>> {
    let cache_dir = match &cache.cache_dir {
        Some(directory) => directory.clone(),
        None => paths::cache_directory()?,
    };
    paths::create_private(&cache_dir)?;
    let sandbox = Sandbox::new(SandboxOptions {
        cache_dir: cache_dir.join("compiled"),
        builtin_shell: components::SHELL.into(),
        builtin_toolbox: components::TOOLBOX.into(),
        shell,
        workers: None,
        max_processes: None,
        progress: None,
    })?;
    Ok(sandbox)
}

/// Compiles the guests, or finds them compiled, and says what they are.
pub async fn userland(sandbox: Arc<Sandbox>) -> Result<Userland, String> {
    sandbox.prepare().await.map_err(|error| error.to_string())?;
    let applets = sandbox.applets().await.map_err(|error| error.to_string())?;
    Ok(Userland {
        shell: components::SHELL.into(),
        toolbox: components::TOOLBOX.into(),
        applets: applets.iter().map(|applet| (applet.name.clone(), applet.directory.clone())).collect(),
    })
}

/// `coracle precompile`
pub fn precompile(cache: &Cache) -> Result<()> {
    let sandbox = start(cache, None)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(sandbox.prepare()).context("cannot compile the built-in components")
}
