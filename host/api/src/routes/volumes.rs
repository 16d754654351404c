//! `/volumes`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Path, Request, State};
use axum::routing::{get, post};
use coracle_engine::volume::VolumeCreate;
use coracle_engine::{Engine, Error};

use super::Shared;
use crate::body::{self, created, json, no_content};
use crate::error::Answer;
use crate::query::Query;
use crate::version::ApiVersion;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/volumes", get(list))
        .route("/volumes/create", post(create))
        .route("/volumes/prune", post(prune))
        .route("/volumes/{name}", get(inspect).delete(remove).put(update))
}

async fn list(State(engine): Shared, query: Query) -> Answer {
    json(&engine.volume_list(&query.filters()?)?)
}

async fn create(State(engine): Shared, request: Request) -> Answer {
    let wanted: Option<VolumeCreate> = body::read_optional(request).await?;
    created(&engine.volume_create(wanted.unwrap_or_default())?)
}

async fn inspect(State(engine): Shared, Path(name): Path<String>) -> Answer {
    json(&engine.volume_inspect(&name)?)
}

async fn remove(State(engine): Shared, Path(name): Path<String>, query: Query) -> Answer {
    engine.volume_remove(&name, query.flag("force"))?;
    no_content()
}

async fn update() -> Answer {
    Err(Error::Unavailable("volume update only valid for cluster volumes, but swarm is unavailable".into()).into())
}

async fn prune(State(engine): Shared, Extension(version): Extension<ApiVersion>, query: Query) -> Answer {
    // Before 1.42 every unused volume went, not only anonymous ones.
    json(&engine.volume_prune(&query.filters()?, !version.at_least(42))?)
}
