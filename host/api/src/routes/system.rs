//! `/_ping`, `/version`, `/info`, `/events`, `/system/df`, `/auth`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use coracle_engine::Engine;
use http::header;

use super::Shared;
use crate::body::json;
use crate::error::Answer;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new().route("/_ping", get(ping)).route("/version", get(version)).route("/info", get(info))
}

async fn ping() -> Response {
    (
        [
            ("builder-version", "1"),
            ("cache-control", "no-cache, no-store, must-revalidate"),
            ("pragma", "no-cache"),
            ("swarm", "inactive"),
            (header::CONTENT_TYPE.as_str(), "text/plain; charset=utf-8"),
        ],
        "OK",
    )
        .into_response()
}

async fn version(State(engine): Shared) -> Answer {
    json(&engine.version())
}

async fn info(State(engine): Shared) -> Answer {
    json(&engine.info())
}
