//! The sockets that clients connect to.
//!
//! A Unix socket file outlives a daemon that was killed. So before binding, the
//! path is tried: an answer means a live daemon, which is left alone; a refused
//! connection means a stale file, which is replaced. The lock beside the socket
//! keeps two daemons that start at once from replacing each other's.

use std::fs::File;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use crate::paths;

/// An address of `--host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// unix://PATH
    Unix(PathBuf),
    /// tcp://ADDRESS:PORT
    Tcp(SocketAddr),
}

impl Address {
    /// Reads a `--host` value; a bare path counts as unix://.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix("unix://").or_else(|| text.starts_with('/').then_some(text)) {
            if path.is_empty() {
                return Ok(Self::Unix(paths::default_socket()?));
            }
            return Ok(Self::Unix(std::path::absolute(path)?));
        }
        let Some(address) = text.strip_prefix("tcp://") else {
            bail!("cannot listen on '{text}': say unix://PATH or tcp://ADDRESS:PORT");
        };
        let address = address.trim_end_matches('/');
        let mut found = address
            .to_socket_addrs()
            .with_context(|| format!("cannot listen on '{text}': the address needs a host and a port"))?;
        found.next().map(Self::Tcp).with_context(|| format!("'{address}' names no address"))
    }

    /// The value for DOCKER_HOST.
    pub fn docker_host(&self) -> String {
        match self {
            Self::Unix(path) => format!("unix://{}", path.display()),
            Self::Tcp(address) => format!("tcp://{address}"),
        }
    }
}

/// A bound socket; dropping a Unix one removes its file.
#[derive(Debug)]
pub enum Listener {
    /// A Unix socket, its path and the lock that guards it.
    Unix(UnixListener, SocketFile),
    /// A TCP socket.
    Tcp(TcpListener),
}

/// The file of a Unix socket and the lock beside it.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    _lock: File,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another daemon cannot have replaced the file: we hold the lock.
        let _ = std::fs::remove_file(&self.path);
        let _ = std::fs::remove_file(lock_path(&self.path));
    }
}

fn lock_path(socket: &Path) -> PathBuf {
    let mut name = socket.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Binds `address`; Unix sockets get `mode`.
pub async fn bind(address: &Address, mode: u32, allow_insecure_tcp: bool) -> Result<Listener> {
    match address {
        Address::Unix(path) => bind_unix(path, mode).await,
        Address::Tcp(address) => {
            if !address.ip().is_loopback() && !allow_insecure_tcp {
                bail!(
                    "refusing to listen on tcp://{address}: it is reachable from other machines and not protected; \
                     use tcp://127.0.0.1:{} or say --allow-insecure-tcp",
                    address.port()
                );
            }
            let listener =
                TcpListener::bind(address).await.with_context(|| format!("cannot listen on tcp://{address}"))?;
            Ok(Listener::Tcp(listener))
        }
    }
}

async fn bind_unix(path: &Path, mode: u32) -> Result<Listener> {
    if let Some(directory) = path.parent()
        && !directory.is_dir()
    {
        paths::create_private(directory)?;
    }
    let lock = File::create(lock_path(path)).with_context(|| format!("cannot create {}", lock_path(path).display()))?;
    if rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
        bail!("a daemon already listens on {}; stop it or choose another --host", path.display());
    }
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            bail!("{} exists and is not a socket; remove it or choose another --host", path.display());
        }
        Ok(_) => {
            if UnixStream::connect(path).await.is_ok() {
                bail!("a daemon already listens on {}; stop it or choose another --host", path.display());
            }
            tracing::info!(socket = %path.display(), "replacing a stale socket");
            std::fs::remove_file(path).with_context(|| format!("cannot replace {}", path.display()))?;
        }
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(Listener::Unix(listener, SocketFile { path: path.to_owned(), _lock: lock }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_unix_paths_or_tcp_sockets() {
        assert_eq!(Address::parse("unix:///tmp/a.sock").unwrap(), Address::Unix("/tmp/a.sock".into()));
        assert_eq!(Address::parse("/tmp/a.sock").unwrap(), Address::Unix("/tmp/a.sock".into()));
        assert_eq!(Address::parse("tcp://127.0.0.1:2375").unwrap(), Address::Tcp("127.0.0.1:2375".parse().unwrap()));
        assert!(Address::parse("http://x").is_err());
        assert!(Address::parse("tcp://127.0.0.1").is_err());
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("docker.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a dropped std listener leaves its file: that is the stale case");
        let live = bind_unix(&path, 0o600).await.unwrap();
        let refused = bind_unix(&path, 0o600).await.unwrap_err().to_string();
        assert!(refused.contains("already listens"), "{refused}");
        drop(live);
        assert!(!path.exists(), "the socket file goes with its daemon");
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_never_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("docker.sock");
        std::fs::write(&path, "precious").unwrap();
        assert!(bind_unix(&path, 0o600).await.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }

    #[tokio::test]
    async fn tcp_beyond_loopback_needs_a_word() {
        let any = Address::parse("tcp://0.0.0.0:0").unwrap();
        assert!(bind(&any, 0o600, false).await.is_err());
        assert!(bind(&any, 0o600, true).await.is_ok());
    }
}
