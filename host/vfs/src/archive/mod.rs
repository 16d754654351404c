//! Tar streams: read with positions, written as Docker writes them, in and out of a namespace.

mod error;
mod extract;
mod pack;
mod reader;
mod writer;

pub use error::ArchiveError;
pub use extract::{ExtractOptions, extract};
pub use pack::{PackOptions, pack};
pub use reader::{Entry, EntryKind, Extent, Limits, TarReader};
pub use writer::{Header, TarWriter};

pub(crate) use error::text;

#[cfg(test)]
mod tests;
