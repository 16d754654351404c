//! The Docker Engine API over HTTP.
//!
//! One file per resource; each handler turns its request into one typed call of
//! the engine and the answer into JSON. No Docker rule lives here but those of
//! HTTP itself: versions, headers, status codes, framing, hijacked streams.

mod body;
mod error;
mod frame;
mod head;
mod hijack;
mod query;
mod routes;
mod server;
mod upload;
mod version;

pub use server::serve;
pub use version::{ApiVersion, MAXIMUM_VERSION, MINIMUM_VERSION};
