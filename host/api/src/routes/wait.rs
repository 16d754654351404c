//! `POST /containers/{id}/wait`: headers at once, the answer when it comes.
//!
//! `docker run` sends wait before start and goes on only when it has the headers,
//! so an answer that sent them late would deadlock it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::post;
use bytes::Bytes;
use coracle_engine::Engine;
use coracle_engine::container::WaitCondition;
use http::header;
use serde_json::json;

use super::Shared;
use crate::error::Answer;
use crate::query::Query;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new().route("/containers/{id}/wait", post(wait))
}

async fn wait(State(engine): Shared, Path(id): Path<String>, query: Query) -> Answer {
    let condition = WaitCondition::parse(query.text("condition"))?;
    let ended = engine.container_wait(&id, condition)?;
    let body = futures::stream::once(async move {
        let (code, error) = ended.await;
        let mut answer = json!({ "StatusCode": code });
        if let (Some(error), Some(map)) = (error, answer.as_object_mut()) {
            map.insert("Error".into(), json!({ "Message": error }));
        }
        Ok::<_, std::convert::Infallible>(Bytes::from(format!("{answer}\n")))
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(body)).into_response())
}
