//! `/dev`.

use crate::{Errno, Filesystem, Node, Result};
use std::sync::Arc;

/// Terminals that exist: the names in `/dev/pts`.
pub type Terminals = Arc<dyn Fn() -> Vec<u32> + Send + Sync>;

/// The device directory of a container.
pub struct DevFs {}

#[allow(unused_variables, reason = "signatures first")]
impl DevFs {
    /// `terminals` tells the numbers in `/dev/pts`; `shm_size` bounds `/dev/shm` (Docker: 64 MiB).
    pub fn new(terminals: Terminals, shm_size: u64) -> Result<Arc<Self>> {
        Err(Errno::NOSYS)
    }
}

impl Filesystem for DevFs {
    fn root(&self) -> Arc<dyn Node> {
        unreachable!()
    }
}
