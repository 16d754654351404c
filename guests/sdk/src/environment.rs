//! Arguments and environment as the process was started with them.

use crate::sys;

/// argv, argv[0] included.
pub fn args() -> Vec<Vec<u8>> {
    sys::process::arguments()
}

/// The environment the process was started with; a program that changes
/// variables keeps its own list and hands it to [`crate::process::Command`].
pub mod env {
    use crate::sys;

    /// Every `NAME=VALUE`, in order.
    pub fn entries() -> Vec<Vec<u8>> {
        sys::process::environment()
    }

    /// The value of the first entry called `name`.
    pub fn get(name: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        let name = name.as_ref();
        entries().into_iter().find_map(|entry| {
            let rest = entry.strip_prefix(name)?.strip_prefix(b"=")?;
            Some(rest.to_vec())
        })
    }
}
