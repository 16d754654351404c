//! Runs programs: every process of every container is a WebAssembly component
//! that wasmtime runs inside the daemon.
//!
//! [`Sandbox`] is the kernel's [`coracle_kernel::Loader`]: it turns an executable
//! file into a future. On the way there a file becomes a program (`programs`: by
//! identity, digest, compiled form on disk, or `compiler`), a program is resolved
//! once (`program`), and every process gets a store of its own (`guest`, `run`).
//! The interfaces a program imports are shims in `wit`, over the container's kernel,
//! files and network, which know nothing of WebAssembly.

mod applets;
mod bindings;
mod compiled;
mod compiler;
mod digest;
mod engine;
mod error;
mod files;
mod guest;
mod linker;
mod memory;
mod preview1;
mod program;
mod programs;
mod run;
mod sandbox;
mod ticker;
mod wit;

pub use applets::Applet;
pub use compiler::{Progress, ProgressCallback};
pub use coracle_kernel::ShellOverride;
pub use digest::ProgramDigest;
pub use engine::Capacity;
pub use error::SandboxError;
pub use sandbox::{Sandbox, SandboxOptions};
