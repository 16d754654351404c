//! What the daemon says about itself.

mod info;
mod version;

pub use info::Info;
pub use version::{Component, Version};
