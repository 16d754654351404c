//! Everything that can go wrong with images, each as the sentence Docker's users read.

use coracle_vfs::archive::ArchiveError;

/// The error of every operation of this crate.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// 404: no image, tag or digest of that name.
    #[error("{0}")]
    NotFound(String),
    /// 409: the image is in use, or the name is taken.
    #[error("{0}")]
    Conflict(String),
    /// 400: a name that breaks the grammar of references.
    #[error("{0}")]
    InvalidReference(String),
    /// 400: an archive, manifest or configuration that is not what it says it is.
    #[error("{0}")]
    Invalid(String),
    /// 404 in the answer of pull: the registry refuses, or has no such repository.
    #[error("{0}")]
    Denied(String),
    /// 401 or 500: the registry wants other credentials.
    #[error("{0}")]
    Unauthorized(String),
    /// The registry cannot be reached or answers nonsense.
    #[error("{0}")]
    Registry(String),
    /// The archive is broken.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The disk failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A JSON document is broken.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Whoever asked has gone.
    #[error("context canceled")]
    Canceled,
}

impl ImageError {
    /// No such image, in Docker's words.
    pub fn no_such_image(name: &str) -> Self {
        Self::NotFound(format!("No such image: {name}"))
    }
}
