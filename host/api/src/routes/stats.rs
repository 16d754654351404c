//! `GET /containers/{id}/stats`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use coracle_engine::Engine;
use coracle_engine::container::Sampler;
use http::header;

use super::Shared;
use crate::body::json;
use crate::error::Answer;
use crate::query::Query;

/// Time between samples, as in dockerd.
const PERIOD: Duration = Duration::from_secs(1);

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new().route("/containers/{id}/stats", get(stats))
}

async fn stats(State(engine): Shared, Path(id): Path<String>, query: Query) -> Answer {
    let mut sampler = engine.container_stats(&id)?;
    if !query.flag_or("stream", true) {
        if !query.flag("one-shot") && sampler.is_running() {
            sampler.sample();
            tokio::time::sleep(PERIOD).await;
        }
        return json(&sampler.sample());
    }
    let state = (sampler, tokio::time::interval(PERIOD), engine);
    let stream = futures::stream::unfold(state, |(mut sampler, mut ticks, engine)| async move {
        tokio::select! {
            _ = ticks.tick() => {}
            () = gone(&sampler) => return None,
            () = engine.stopping() => return None,
        }
        let line = format!("{}\n", sampler.sample());
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(line)), (sampler, ticks, engine)))
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(stream)).into_response())
}

async fn gone(sampler: &Sampler) {
    sampler.removed().await;
}
