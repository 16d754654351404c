//! Image layers.
