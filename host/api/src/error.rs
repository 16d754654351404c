//! The engine's errors as answers.

use axum::response::{IntoResponse, Response};
use coracle_engine::Error;
use http::StatusCode;

use crate::body::json_text;

/// A handler's failure.
#[derive(Debug)]
pub(crate) struct Failure(pub Error);

/// A handler's result.
pub(crate) type Answer<T = Response> = Result<T, Failure>;

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// The status dockerd gives to each kind of error.
pub(crate) fn status(error: &Error) -> StatusCode {
    match error {
        Error::NoSuchContainer(_)
        | Error::NoSuchImage(_)
        | Error::NoSuchExec(_)
        | Error::NoSuchNetwork(_)
        | Error::NoSuchVolume(_)
        | Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::NotRunning(_) | Error::Conflict(_) => StatusCode::CONFLICT,
        Error::Invalid(_) | Error::InvalidFilter(_) => StatusCode::BAD_REQUEST,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::Unauthorized(_) => StatusCode::UNAUTHORIZED,
        Error::NotModified => StatusCode::NOT_MODIFIED,
        Error::NotImplemented(_) => StatusCode::NOT_IMPLEMENTED,
        Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::System(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = status(&self.0);
        if status == StatusCode::NOT_MODIFIED {
            return status.into_response();
        }
        if status.is_server_error() {
            tracing::debug!(error = %self.0, "request failed");
        }
        message(status, &self.0.to_string())
    }
}

/// `{"message": …}`.
pub(crate) fn message(status: StatusCode, text: &str) -> Response {
    json_text(status, &serde_json::json!({ "message": text }))
}
