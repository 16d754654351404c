//! A file system in memory.

use crate::Filesystem;
use crate::{Errno, Node, Result};
use std::sync::Arc;

/// Called with the bytes a file system is about to take; `false` refuses them with `ENOSPC`. Called with a negative
/// number when memory is given back (the answer is ignored).
pub type Charge = Arc<dyn Fn(i64) -> bool + Send + Sync>;

/// Files in memory.
pub struct Tmpfs {}

#[allow(unused_variables, reason = "signatures first")]
impl Tmpfs {
    /// An empty file system whose root has `mode`. `size` bounds the bytes of all contents; `None` is half of the
    /// machine's memory, as on Linux.
    pub fn new(size: Option<u64>, mode: u32) -> Result<Arc<Self>> {
        Err(Errno::NOSYS)
    }
}

impl Filesystem for Tmpfs {
    fn root(&self) -> Arc<dyn Node> {
        unreachable!()
    }
}
