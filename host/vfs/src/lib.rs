//! Files: the mount namespace of a container and the file systems in it.
//!
//! Three layers, each of which knows nothing of the one above:
//!
//! * **File systems** ([`Filesystem`], [`Node`], [`Handle`]) store bytes, names and attributes. They check neither
//!   permissions nor mounts. Here are [`tmpfs`], [`proc`], [`dev`], [`overlay`] and [`host`].
//! * **The namespace** ([`Namespace`]) puts file systems together, walks paths one component at a time inside the
//!   container's root, checks POSIX permissions and read-only mounts on every operation, and tells watchers.
//! * **Open objects** ([`File`], [`Directory`]) go on obeying the rules of the mount they were opened through.
//!
//! Everything is synchronous and runs at page-cache speed. What blocks by design (pipes, terminals, fifos, locks)
//! belongs to the kernel, which is told of such nodes by [`Opened`].

pub mod archive;
pub mod dev;
pub mod host;
pub mod layer;
pub mod overlay;
pub mod proc;
pub mod tmpfs;
pub mod watch;

mod attributes;
mod credentials;
mod file;
mod name;
mod namespace;
mod node;

pub use attributes::{Attributes, ContentIdentity, FileKind, FsFigures, NewTime, SetAttributes, Timestamp};
pub use credentials::{Caller, Credentials, Permissions};
pub use file::{Directory, File};
pub use name::Name;
pub use namespace::{Location, MountEntry, MountKind, MountOptions, Namespace, OpenOptions, Opened};
pub use node::{
    Access, DirEntry, Filesystem, Handle, NewKind, NewNode, Node, RenameFlags, XattrFlags, device_number, new_device,
};
pub use proc::{ControlGroup, DescriptorEntry, Limit, ProcEntry, ProcSource, ProcState, SignalSets, SystemFigures};
pub use watch::{WatchEvent, WatchHub, WatchMask, Watcher};

/// POSIX error numbers; every operation below the engine fails with one.
pub use rustix::io::Errno;
/// The result of a file operation.
pub type Result<T, E = Errno> = std::result::Result<T, E>;
