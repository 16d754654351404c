//! The table of paths.

mod archive;
mod attach;
mod containers;
mod exec;
mod images;
mod logs;
mod networks;
mod stats;
mod swarm;
mod system;
mod volumes;
mod wait;

use std::sync::Arc;

use axum::Router;
use coracle_engine::Engine;

use crate::head;

/// What handlers share.
pub(crate) type Shared = axum::extract::State<Arc<Engine>>;

/// Every operation of the API.
pub(crate) fn router(engine: Arc<Engine>) -> Router {
    Router::new()
        .merge(archive::routes())
        .merge(attach::routes())
        .merge(containers::routes())
        .merge(exec::routes())
        .merge(images::routes())
        .merge(logs::routes())
        .merge(networks::routes())
        .merge(stats::routes())
        .merge(swarm::routes())
        .merge(system::routes())
        .merge(volumes::routes())
        .merge(wait::routes())
        .fallback(|| async { head::not_found() })
        .method_not_allowed_fallback(|| async { head::not_found() })
        .with_state(engine)
}
