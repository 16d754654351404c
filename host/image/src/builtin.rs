//! The image that is always there: `busybox:latest`, made from the guests the daemon carries.

use crate::{ImageConfig, ImageError, ImageId, ImageStore, Reference, Result};

/// What the built-in image is made of. The same input gives the same image id.
#[derive(Clone, Copy, Debug)]
pub struct Builtin<'a> {
    /// The component of the applets.
    pub busybox: &'a [u8],
    /// The component of the shell.
    pub shell: &'a [u8],
    /// Applets and the directory each is found in (`/bin`).
    pub applets: &'a [(&'a str, &'a str)],
}

/// A configuration for [`ImageStore::synthesize`].
pub type SyntheticConfig = Option<ImageConfig>;

#[allow(unused_variables, reason = "signatures first")]
impl ImageStore {
    /// Makes sure the built-in image is there under `busybox:latest` (unless the user gave that name to another image)
    /// and `coracle/busybox:latest`. Quick when nothing changed since the last start.
    pub fn builtin(&self, builtin: &Builtin<'_>) -> Result<ImageId> {
        Err(ImageError::Canceled)
    }

    /// `--images=synthetic`: an image of that name over the built-in userland, with `config` or an empty one.
    pub fn synthesize(&self, reference: &Reference, config: SyntheticConfig) -> Result<ImageId> {
        Err(ImageError::Canceled)
    }
}
