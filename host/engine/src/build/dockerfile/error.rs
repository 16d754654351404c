//! What is wrong with a Dockerfile.

use thiserror::Error;

/// A fault in a Dockerfile, worded as Docker words it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DockerfileError {
    /// Nothing but comments.
    #[error("file with no instructions")]
    NoInstructions,
    /// Something before the first `FROM`.
    #[error("no build stage in current context")]
    NoStage,
    /// A here-document without its end.
    #[error("failed to parse Dockerfile: unterminated heredoc")]
    UnterminatedHeredoc,
    /// Any other fault, as a sentence.
    #[error("{0}")]
    Fault(String),
    /// A fault and its line.
    #[error("dockerfile parse error on line {line}: {fault}")]
    At {
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        fault: Box<DockerfileError>,
    },
}

impl DockerfileError {
    /// The fault at `line`, unless it already has one.
    #[must_use]
    pub fn at(self, line: usize) -> Self {
        match self {
            Self::At { .. } => self,
            fault => Self::At { line, fault: Box::new(fault) },
        }
    }
}

impl From<String> for DockerfileError {
    fn from(text: String) -> Self {
        Self::Fault(text)
    }
}
