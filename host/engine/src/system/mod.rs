//! What the daemon says about itself.

mod info;
mod usage;
mod version;

pub use info::Info;
pub(crate) use info::{machine_memory, processors};
pub use version::{Component, Version};
