//! Address management, as Docker's default IPAM driver.

mod config;
mod intervals;
mod pools;
mod subnet;

pub(crate) use config::{Checked, check};
pub(crate) use pools::{AddressSpace, docker_pools, local_pool};
pub(crate) use subnet::Subnet;
