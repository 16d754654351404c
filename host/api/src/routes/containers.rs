//! `/containers`: create, list, inspect and the verbs without streams.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::routing::{delete, get, post};
use coracle_engine::container::{CreateRequest, ListQuery, RemoveOptions};
use coracle_engine::model::{Config, HostConfig, NetworkingConfig, Resources, RestartPolicy};
use coracle_engine::{Engine, Error};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use crate::body::{self, created, json, no_content};
use crate::error::{Answer, Failure};
use crate::query::Query;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/containers/create", post(create))
        .route("/containers/json", get(list))
        .route("/containers/prune", post(prune))
        .route("/containers/{id}/json", get(inspect))
        .route("/containers/{id}/start", post(start))
        .route("/containers/{id}/stop", post(stop))
        .route("/containers/{id}/restart", post(restart))
        .route("/containers/{id}/kill", post(kill))
        .route("/containers/{id}/pause", post(pause))
        .route("/containers/{id}/unpause", post(unpause))
        .route("/containers/{id}/rename", post(rename))
        .route("/containers/{id}/update", post(update))
        .route("/containers/{id}/resize", post(resize))
        .route("/containers/{id}/top", get(top))
        .route("/containers/{id}/changes", get(changes))
        .route("/containers/{id}", delete(remove))
        .route("/commit", post(commit))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Surroundings {
    host_config: HostConfig,
    networking_config: NetworkingConfig,
}

async fn create(State(engine): Shared, query: Query, request: Request) -> Answer {
    let value: Value = body::read(request).await?;
    if !value.is_object() {
        let found = match value {
            Value::Array(_) => "array",
            Value::String(_) => "string",
            Value::Bool(_) => "bool",
            _ => "number",
        };
        let sentence =
            format!("invalid JSON: json: cannot unmarshal {found} into Go value of type container.CreateRequest");
        return Err(Error::Invalid(sentence).into());
    }
    let config: Config = body::from_value(value.clone())?;
    let surroundings: Surroundings = body::from_value(value)?;
    let request = CreateRequest {
        config,
        host_config: surroundings.host_config,
        networking_config: surroundings.networking_config,
        name: query.text("name").to_owned(),
        platform: query.text("platform").to_owned(),
    };
    created(&engine.container_create(request).await?)
}

async fn list(State(engine): Shared, query: Query) -> Answer {
    let limit = query.number("limit")?.and_then(|limit| usize::try_from(limit).ok());
    let wanted = ListQuery { all: query.flag("all"), limit, size: query.flag("size"), filters: query.filters()? };
    json(&engine.container_list(&wanted)?)
}

async fn inspect(State(engine): Shared, Path(id): Path<String>, query: Query) -> Answer {
    json(&engine.container_inspect(&id, query.flag("size"))?)
}

async fn start(State(engine): Shared, Path(id): Path<String>) -> Answer {
    engine.container_start(&id).await?;
    no_content()
}

async fn stop(State(engine): Shared, Path(id): Path<String>, query: Query) -> Answer {
    engine.container_stop(&id, query.given("signal"), query.number("t")?).await?;
    no_content()
}

async fn restart(State(engine): Shared, Path(id): Path<String>, query: Query) -> Answer {
    engine.container_restart(&id, query.given("signal"), query.number("t")?).await?;
    no_content()
}

async fn kill(State(engine): Shared, Path(id): Path<String>, query: Query) -> Answer {
    engine.container_kill(&id, query.text("signal")).await?;
    no_content()
}

async fn pause(State(engine): Shared, Path(id): Path<String>) -> Answer {
    engine.container_pause(&id).await?;
    no_content()
}

async fn unpause(State(engine): Shared, Path(id): Path<String>) -> Answer {
    engine.container_unpause(&id).await?;
    no_content()
}

async fn rename(State(engine): Shared, Path(id): Path<String>, query: Query) -> Answer {
    engine.container_rename(&id, query.text("name")).await?;
    no_content()
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Update {
    #[serde(flatten)]
    resources: Resources,
    restart_policy: Option<RestartPolicy>,
}

async fn update(State(engine): Shared, Path(id): Path<String>, request: Request) -> Answer {
    let update: Update = body::read(request).await?;
    let warnings = engine.container_update(&id, update.resources, update.restart_policy).await?;
    json(&json!({ "Warnings": (!warnings.is_empty()).then_some(warnings) }))
}

/// `h` and `w`, as dockerd reads them.
pub(super) fn size(query: &Query) -> Answer<(u16, u16)> {
    let side = |name: &str, word: &str| -> Answer<u16> {
        let text = query.text(name);
        let why = match text.parse::<u32>() {
            Ok(value) => return Ok(u16::try_from(value).unwrap_or(u16::MAX)),
            Err(error) if *error.kind() == std::num::IntErrorKind::PosOverflow => "value out of range",
            Err(_) => "invalid syntax",
        };
        Err(Failure(Error::Invalid(format!("invalid resize {word} {text:?}: {why}"))))
    };
    Ok((side("h", "height")?, side("w", "width")?))
}

async fn resize(State(engine): Shared, Path(id): Path<String>, query: Query) -> Answer {
    let (rows, columns) = size(&query)?;
    engine.container_resize(&id, rows, columns)?;
    Ok(axum::response::IntoResponse::into_response(http::StatusCode::OK))
}

async fn top(State(engine): Shared, Path(id): Path<String>, query: Query) -> Answer {
    json(&engine.container_top(&id, query.given("ps_args").unwrap_or("-ef"))?)
}

async fn changes(State(engine): Shared, Path(id): Path<String>) -> Answer {
    json(&engine.container_changes(&id)?)
}

async fn remove(State(engine): Shared, Path(id): Path<String>, query: Query) -> Answer {
    let options = RemoveOptions { force: query.flag("force"), volumes: query.flag("v"), link: query.flag("link") };
    engine.container_remove(&id, options).await?;
    no_content()
}

async fn prune(State(engine): Shared, query: Query) -> Answer {
    json(&engine.container_prune(&query.filters()?).await?)
}

async fn commit(State(engine): Shared, query: Query, request: Request) -> Answer {
    let config = body::read_optional(request).await?;
    let options = coracle_engine::container::CommitOptions {
        container: query.text("container").to_owned(),
        repository: query.text("repo").to_owned(),
        tag: query.text("tag").to_owned(),
        comment: query.text("comment").to_owned(),
        author: query.text("author").to_owned(),
        pause: query.flag_or("pause", true),
        changes: query.list("changes").to_vec(),
        config,
    };
    created(&json!({ "Id": engine.container_commit(options).await? }))
}
