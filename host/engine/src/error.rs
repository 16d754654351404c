//! What can go wrong, in the sentences Docker's users know.
//!
//! A variant says which HTTP status the answer gets (`api` maps it in one
//! place); its text is the `message` of the answer.

use coracle_vfs::Errno;

/// An operation's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Status 404.
    #[error("No such container: {0}")]
    NoSuchContainer(String),
    /// Status 404.
    #[error("No such image: {0}")]
    NoSuchImage(String),
    /// Status 404.
    #[error("No such exec instance: {0}")]
    NoSuchExec(String),
    /// Status 404.
    #[error("network {0} not found")]
    NoSuchNetwork(String),
    /// Status 404.
    #[error("get {0}: no such volume")]
    NoSuchVolume(String),
    /// Status 404, any other sentence.
    #[error("{0}")]
    NotFound(String),
    /// Status 409.
    #[error("container {0} is not running")]
    NotRunning(String),
    /// Status 409.
    #[error("{0}")]
    Conflict(String),
    /// Status 400.
    #[error("{0}")]
    Invalid(String),
    /// Status 400.
    #[error("invalid filter '{0}'")]
    InvalidFilter(String),
    /// Status 403.
    #[error("{0}")]
    Forbidden(String),
    /// Status 401.
    #[error("{0}")]
    Unauthorized(String),
    /// Status 304: nothing to do, no body.
    #[error("not modified")]
    NotModified,
    /// Status 501.
    #[error("{0}")]
    NotImplemented(String),
    /// Status 503.
    #[error("{0}")]
    Unavailable(String),
    /// Status 500.
    #[error("{0}")]
    System(String),
}

impl Error {
    /// Status 500 from anything that can say what happened.
    pub fn system(error: impl std::fmt::Display) -> Self {
        Self::System(error.to_string())
    }

    /// Puts words before the sentence; the status stays.
    #[must_use]
    pub fn context(self, before: &str) -> Self {
        let text = format!("{before}{self}");
        match self {
            Self::NoSuchContainer(_)
            | Self::NoSuchImage(_)
            | Self::NoSuchExec(_)
            | Self::NoSuchNetwork(_)
            | Self::NoSuchVolume(_)
            | Self::NotFound(_) => Self::NotFound(text),
            Self::NotRunning(_) | Self::Conflict(_) => Self::Conflict(text),
            Self::Invalid(_) | Self::InvalidFilter(_) => Self::Invalid(text),
            Self::Forbidden(_) => Self::Forbidden(text),
            Self::Unauthorized(_) => Self::Unauthorized(text),
            Self::NotModified => Self::NotModified,
            Self::NotImplemented(_) => Self::NotImplemented(text),
            Self::Unavailable(_) => Self::Unavailable(text),
            Self::System(_) => Self::System(text),
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::System(error.to_string())
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::System(format!("state database: {error}"))
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::System(format!("stored state: {error}"))
    }
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        Self::System(errno_text(errno))
    }
}

/// An errno in the words of Go's `syscall.Errno`, which are strerror's in lower case.
pub fn errno_text(errno: Errno) -> String {
    let text = std::io::Error::from_raw_os_error(errno.raw_os_error()).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut characters = text.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}
