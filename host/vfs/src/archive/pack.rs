//! A subtree of a namespace as a tar stream: `docker cp` out of a container and `docker export`.

use super::ArchiveError;
use crate::{Location, Namespace};
use std::io::Write;

/// How to pack.
#[derive(Clone, Debug, Default)]
pub struct PackOptions {
    /// What the archive calls the top (`docker cp`: the base name of the path asked for); empty: its contents only,
    /// named from the root (`docker export`).
    pub name: Vec<u8>,
    /// Stay on the file system of the top: mounts below it are empty directories (`docker export`).
    pub one_file_system: bool,
}

/// Packs what is at `from`, not following it if it is a symbolic link.
pub fn pack(
    namespace: &Namespace,
    from: &Location,
    archive: impl Write,
    options: &PackOptions,
) -> Result<(), ArchiveError> {
    let _ = (namespace, from, archive, options);
    Err(ArchiveError::Truncated)
}
