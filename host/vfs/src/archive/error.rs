//! What can be wrong with an archive, worded so that a user can act on it.

use crate::Errno;

/// Why an archive was refused or could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The stream under the archive failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// An operation on a file failed.
    #[error("{path}: {}", std::io::Error::from(*.errno))]
    File {
        /// The path in the archive or in the namespace.
        path: String,
        /// What the operation answered.
        errno: Errno,
    },
    /// The archive breaks off in the middle.
    #[error("unexpected EOF")]
    Truncated,
    /// The archive is not a tar.
    #[error("archive/tar: invalid tar header: {0}")]
    Malformed(&'static str),
    /// An entry's name or link would leave the directory it is extracted to.
    #[error("invalid entry {0:?}: it would leave the directory of the archive")]
    Escape(String),
    /// A hard link to something the archive does not hold.
    #[error("hard link {link:?} to {target:?}, which is not there")]
    DanglingLink {
        /// The entry.
        link: String,
        /// What it names.
        target: String,
    },
    /// `noOverwriteDirNonDir`: a directory would replace something else or be replaced by it.
    #[error("cannot overwrite {what} {path:?} with {with}")]
    KindClash {
        /// What is there.
        what: &'static str,
        /// The path.
        path: String,
        /// What the archive holds.
        with: &'static str,
    },
    /// The archive is larger than this daemon takes.
    #[error("archive exceeds the limit of {limit} {what}")]
    TooLarge {
        /// The number.
        limit: u64,
        /// Of what.
        what: &'static str,
    },
}

impl ArchiveError {
    /// A failed operation on `path`.
    pub fn file(path: &[u8], errno: Errno) -> Self {
        Self::File { path: text(path), errno }
    }

    /// The error number that says it best, where only a number can be told.
    pub fn errno(&self) -> Errno {
        match self {
            Self::Io(error) => Errno::from_io_error(error).unwrap_or(Errno::IO),
            Self::File { errno, .. } => *errno,
            Self::Truncated | Self::Malformed(_) | Self::Escape(_) | Self::DanglingLink { .. } => Errno::INVAL,
            Self::KindClash { .. } => Errno::EXIST,
            Self::TooLarge { .. } => Errno::FBIG,
        }
    }
}

/// Bytes of a path as text for a message.
pub(crate) fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
