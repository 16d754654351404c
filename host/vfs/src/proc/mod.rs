//! `/proc` and `/sys`: the kernel's figures as files (proc(5)).
//!
//! Nothing is stored: nodes stand for a place in a fixed tree ([`tree`]) or for a process ([`process`]), and the text
//! of a file is made when it is read from its beginning.

mod process;
mod source;
mod sys;
mod system;
mod tree;

pub use source::{ControlGroup, DescriptorEntry, Limit, ProcEntry, ProcSource, ProcState, SignalSets, SystemFigures};

use crate::{Filesystem, Node, new_device};
use std::sync::Arc;
use tree::{ProcNode, Shared};

/// `/proc`.
pub struct ProcFs {
    shared: Arc<Shared>,
}

impl ProcFs {
    /// Processes as `source` tells them. The namespace holds the file system, so a source that leads back to the
    /// namespace must hold it weakly.
    pub fn new(source: Arc<dyn ProcSource>) -> Arc<Self> {
        Arc::new(Self { shared: Arc::new(Shared { source, dev: new_device(), kind: "proc" }) })
    }
}

impl Filesystem for ProcFs {
    fn root(&self) -> Arc<dyn Node> {
        ProcNode::fixed(&self.shared, &system::ROOT)
    }
}

/// `/sys`, as far as containers look at it: control group figures and processors.
pub struct SysFs {
    shared: Arc<Shared>,
}

impl SysFs {
    /// Figures as `source` tells them.
    pub fn new(source: Arc<dyn ProcSource>) -> Arc<Self> {
        Arc::new(Self { shared: Arc::new(Shared { source, dev: new_device(), kind: "sysfs" }) })
    }
}

impl Filesystem for SysFs {
    fn root(&self) -> Arc<dyn Node> {
        ProcNode::fixed(&self.shared, &sys::ROOT)
    }
}

/// Clock ticks a second in `stat` files (`USER_HZ`).
const TICKS: u128 = 100;

fn ticks(time: std::time::Duration) -> u128 {
    time.as_nanos() * TICKS / 1_000_000_000
}

#[cfg(test)]
mod tests;
