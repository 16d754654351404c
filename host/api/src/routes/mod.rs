//! The table of paths.

mod system;

use std::sync::Arc;

use axum::Router;
use coracle_engine::Engine;

use crate::head;

/// What handlers share.
pub(crate) type Shared = axum::extract::State<Arc<Engine>>;

/// Every operation of the API.
pub(crate) fn router(engine: Arc<Engine>) -> Router {
    Router::new()
        .merge(system::routes())
        .fallback(|| async { head::not_found() })
        .method_not_allowed_fallback(|| async { head::not_found() })
        .with_state(engine)
}
