//! `/proc` and `/sys`: the kernel's figures as files.

mod source;

pub use source::{ControlGroup, DescriptorEntry, Limit, ProcEntry, ProcSource, ProcState, SignalSets, SystemFigures};

use crate::{Filesystem, Node};
use std::sync::Arc;

/// `/proc`.
pub struct ProcFs {}
/// `/sys`.
pub struct SysFs {}

#[allow(unused_variables, reason = "signatures first")]
impl ProcFs {
    /// Processes as `source` tells them. The namespace holds the file system, so a source that leads back to the
    /// namespace must hold it weakly.
    pub fn new(source: Arc<dyn ProcSource>) -> Arc<Self> {
        Arc::new(Self {})
    }
}

#[allow(unused_variables, reason = "signatures first")]
impl SysFs {
    /// Control group figures as `source` tells them.
    pub fn new(source: Arc<dyn ProcSource>) -> Arc<Self> {
        Arc::new(Self {})
    }
}

impl Filesystem for ProcFs {
    fn root(&self) -> Arc<dyn Node> {
        unreachable!()
    }
}
impl Filesystem for SysFs {
    fn root(&self) -> Arc<dyn Node> {
        unreachable!()
    }
}
