//! `/networks`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use coracle_engine::Engine;
use coracle_engine::model::{EndpointSettings, NetworkCreate};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::Shared;
use crate::body::{self, created, json, no_content};
use crate::error::Answer;
use crate::query::Query;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/networks", get(list))
        .route("/networks/create", post(create))
        .route("/networks/prune", post(prune))
        .route("/networks/{id}", get(inspect).delete(remove))
        .route("/networks/{id}/connect", post(connect))
        .route("/networks/{id}/disconnect", post(disconnect))
}

async fn list(State(engine): Shared, query: Query) -> Answer {
    json(&engine.network_list(&query.filters()?)?)
}

async fn create(State(engine): Shared, request: Request) -> Answer {
    let wanted: NetworkCreate = body::read(request).await?;
    created(&engine.network_create(wanted)?)
}

async fn inspect(State(engine): Shared, Path(id): Path<String>, query: Query) -> Answer {
    json(&engine.network_inspect(&id, query.text("scope"))?)
}

async fn remove(State(engine): Shared, Path(id): Path<String>) -> Answer {
    engine.network_remove(&id)?;
    no_content()
}

async fn prune(State(engine): Shared, query: Query) -> Answer {
    let removed = engine.network_prune(&query.filters()?)?;
    json(&json!({ "NetworksDeleted": (!removed.is_empty()).then_some(removed) }))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Connect {
    container: String,
    endpoint_config: Option<EndpointSettings>,
}

async fn connect(State(engine): Shared, Path(id): Path<String>, request: Request) -> Answer {
    let wanted: Connect = body::read(request).await?;
    engine.network_connect(&id, &wanted.container, wanted.endpoint_config).await?;
    Ok(StatusCode::OK.into_response())
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Disconnect {
    container: String,
    force: bool,
}

async fn disconnect(State(engine): Shared, Path(id): Path<String>, request: Request) -> Answer {
    let wanted: Disconnect = body::read(request).await?;
    engine.network_disconnect(&id, &wanted.container, wanted.force).await?;
    Ok(StatusCode::OK.into_response())
}
