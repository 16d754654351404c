//! What the end-to-end tests share: a real daemon on a temporary socket, the
//! docker CLI, the reference engine, and the raw HTTP that no client sends.

pub mod cases;
pub mod container;
pub mod daemon;
pub mod docker;
pub mod http;
pub mod probe;
