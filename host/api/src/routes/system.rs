//! `/_ping`, `/version`, `/info`, `/events`, `/system/df`, `/auth`, `/session`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use coracle_engine::Credential;
use coracle_engine::{Engine, Error};
use http::header;
use serde_json::json;

use super::Shared;
use crate::body::{self, json};
use crate::error::Answer;
use crate::query::Query;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/_ping", get(ping))
        .route("/version", get(version))
        .route("/info", get(info))
        .route("/events", get(events))
        .route("/system/df", get(disk_usage))
        .route("/auth", post(auth))
        .route("/session", post(session))
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

async fn events(State(engine): Shared, query: Query) -> Answer {
    let (since, until) = (super::logs::time(&query, "since")?, super::logs::time(&query, "until")?);
    if let (Some(from), Some(to)) = (since, until)
        && from > to
    {
        return Err(Error::Invalid(format!(
            "`since` time ({}) cannot be after `until` time ({})",
            query.text("since"),
            query.text("until")
        ))
        .into());
    }
    let subscription = engine.events().subscribe(since, until, query.filters()?);
    let stream = futures::stream::unfold((subscription, engine), |(mut subscription, engine)| async move {
        let event = tokio::select! {
            event = subscription.next() => event?,
            () = engine.stopping() => return None,
        };
        let mut line = serde_json::to_vec(&event).ok()?;
        line.push(b'\n');
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(line)), (subscription, engine)))
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(stream)).into_response())
}

async fn disk_usage(State(engine): Shared, query: Query) -> Answer {
    engine.images_ready().await;
    json(&engine.disk_usage(query.list("type"))?)
}

async fn auth(State(engine): Shared, request: Request) -> Answer {
    let credential: Credential = body::read(request).await?;
    let token = engine.authenticate(&credential).await?;
    json(&json!({ "Status": "Login Succeeded", "IdentityToken": token }))
}

async fn session() -> Answer {
    Err(Error::Invalid("no upgrade proto in request".into()).into())
}
