//! What can go wrong when the sandbox starts.

use std::path::PathBuf;

/// Why there is no sandbox. Failures of single programs are errno values, as
/// execve(2) has them.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// wasmtime refused the configuration or the machine lacks what it needs.
    #[error("the WebAssembly engine does not start: {0:#}")]
    Engine(wasmtime::Error),
    /// The interfaces of programs could not be put together; a bug.
    #[error("the interfaces of programs do not fit together: {0:#}")]
    Linker(wasmtime::Error),
    /// The private directory of compiled programs is unusable.
    #[error("the directory of compiled programs {path} is unusable: {source}")]
    Cache {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The file given as the daemon's shell cannot be read.
    #[error("the shell {path} cannot be read: {source}")]
    ShellFile {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// A component is not what its place asks for.
    #[error("the {place} component cannot be used: {reason}")]
    Component {
        /// `shell` or `toolbox`.
        place: &'static str,
        /// Why not.
        reason: String,
    },
    /// No threads for guests.
    #[error("no threads for guests: {0}")]
    Threads(#[source] std::io::Error),
}
