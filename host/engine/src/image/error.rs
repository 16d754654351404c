//! The image crate's errors as the engine's.

use coracle_image::ImageError;

use crate::error::Error;

impl From<ImageError> for Error {
    fn from(error: ImageError) -> Self {
        let text = error.to_string();
        match error {
            ImageError::NotFound(_) | ImageError::Denied(_) => Self::NotFound(text),
            ImageError::Conflict(_) => Self::Conflict(text),
            ImageError::InvalidReference(_) | ImageError::Invalid(_) => Self::Invalid(text),
            ImageError::Unauthorized(_) => Self::Unauthorized(text),
            _ => Self::System(text),
        }
    }
}
