//! Open files as WASI programs see them: descriptors and byte streams.
//!
//! WASI has its own model of files (descriptors with positioned streams, no
//! shared position), so these types stand between its interfaces and the
//! container's files: [`descriptor`] over the mount namespace, [`stream`] over regular
//! files, [`blocking`] over everything else that is open.

pub(crate) mod blocking;
pub(crate) mod descriptor;

pub(crate) mod preopened;
pub(crate) mod stream;
