//! Which shell a container has, where it is not the daemon's.

use std::sync::Arc;

/// A container's own shell. The engine puts it into the container's [`crate::Extensions`]; the loader runs it wherever
/// the built-in shell would run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ShellOverride {
    /// The component at this path inside the container.
    Path(Vec<u8>),
    /// A component's bytes.
    Bytes(Arc<[u8]>),
}
