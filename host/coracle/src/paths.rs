//! Where the daemon keeps things when no flag says so (XDG Base Directory
//! Specification; for root the places of the Filesystem Hierarchy Standard).

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// An XDG variable, when it holds an absolute path as the specification asks.
fn xdg(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

fn home() -> Result<PathBuf> {
    std::env::var_os("HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .context("HOME is not set: say --data-root, --cache-dir and --host")
}

/// The socket that `docker` is pointed at.
pub fn default_socket() -> Result<PathBuf> {
    if is_root() {
        return Ok(PathBuf::from("/run/coracle/docker.sock"));
    }
    let directory = match xdg("XDG_RUNTIME_DIR") {
        Some(directory) => directory.join("coracle"),
        // Without a runtime directory (a CI job, su) the cache directory is as private.
        None => cache_directory()?.join("run"),
    };
    Ok(directory.join("docker.sock"))
}

/// Images, containers, volumes.
pub fn data_root() -> Result<PathBuf> {
    if is_root() {
        return Ok(PathBuf::from("/var/lib/coracle"));
    }
    match xdg("XDG_DATA_HOME") {
        Some(directory) => Ok(directory.join("coracle")),
        None => Ok(home()?.join(".local/share/coracle")),
    }
}

/// Compiled programs.
pub fn cache_directory() -> Result<PathBuf> {
    if is_root() {
        return Ok(PathBuf::from("/var/cache/coracle"));
    }
    match xdg("XDG_CACHE_HOME") {
        Some(directory) => Ok(directory.join("coracle")),
        None => Ok(home()?.join(".cache/coracle")),
    }
}

/// Creates a directory that only its owner may enter.
pub fn create_private(directory: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .with_context(|| format!("cannot create {}", directory.display()))
}
