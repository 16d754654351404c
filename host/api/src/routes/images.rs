//! `/images`, `/distribution`, `/build` without a builder.
//!
//! Image names hold slashes, so everything below `/images/` that is not a word of
//! its own comes to one handler, which looks at how the path ends.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use bytes::Bytes;
use coracle_engine::Credential;
use coracle_engine::image::{ImportOptions, ProgressStream, PullOptions, PushOptions};
use coracle_engine::{Engine, Error};
use http::{HeaderMap, Method, StatusCode, header};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::Shared;
use crate::body::json;
use crate::error::Answer;
use crate::head;
use crate::query::Query;
use crate::upload::body_reader;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/images/json", get(list))
        .route("/images/create", post(create))
        .route("/images/load", post(load))
        .route("/images/get", get(save))
        .route("/images/search", get(search))
        .route("/images/prune", post(prune))
        .route("/images/{*rest}", any(named))
        .route("/distribution/{*rest}", get(distribution))
        .route("/build/prune", post(build_prune))
        .route("/build/cancel", post(build_cancel))
}

/// `X-Registry-Auth`: JSON in base64, with or without padding, in either alphabet.
fn credential(headers: &HeaderMap) -> Answer<Option<Credential>> {
    let Some(value) = headers.get("x-registry-auth") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let decoded = URL_SAFE.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).or_else(|_| STANDARD.decode(text));
    let bad = || Error::Invalid("invalid X-Registry-Auth header: must be a valid base64url encoded value".into());
    let decoded = decoded.map_err(|_| bad())?;
    if decoded.is_empty() {
        return Ok(None);
    }
    let mut value: serde_json::Value = serde_json::from_slice(&decoded).map_err(|_| bad())?;
    coracle_engine::model::strip_nulls(&mut value);
    let credential: Credential = serde_json::from_value(value).map_err(|_| bad())?;
    Ok(Some(credential).filter(|credential| *credential != Credential::default()))
}

/// Progress messages, one JSON object a line, as they come.
fn progress(stream: ProgressStream) -> Response {
    let lines = UnboundedReceiverStream::new(stream)
        .map(|message| Ok::<_, std::convert::Infallible>(Bytes::from(format!("{message}\r\n"))));
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(lines)).into_response()
}

async fn list(State(engine): Shared, query: Query) -> Answer {
    engine.images_ready().await;
    json(&engine.image_list(&query.filters()?, query.flag("all"), query.flag("shared-size"))?)
}

async fn create(State(engine): Shared, query: Query, request: Request) -> Answer {
    engine.images_ready().await;
    let source = query.text("fromSrc");
    if !query.text("fromImage").is_empty() {
        let options = PullOptions {
            image: query.text("fromImage").to_owned(),
            tag: query.text("tag").to_owned(),
            platform: query.text("platform").to_owned(),
            credential: credential(request.headers())?,
        };
        return Ok(progress(engine.image_pull(options)?));
    }
    if source.is_empty() {
        return Err(Error::Invalid("fromImage or fromSrc must be given".into()).into());
    }
    if source != "-" {
        return Err(Error::NotImplemented(format!("import from {source}: only from the request body")).into());
    }
    let options = ImportOptions {
        repository: query.text("repo").to_owned(),
        tag: query.text("tag").to_owned(),
        message: query.text("message").to_owned(),
        changes: query.list("changes").to_vec(),
        platform: query.text("platform").to_owned(),
    };
    let (reader, feed) = body_reader(request.into_body());
    engine.spawn(feed);
    Ok(progress(engine.image_import(reader, options)?))
}

async fn load(State(engine): Shared, query: Query, request: Request) -> Answer {
    engine.images_ready().await;
    let (reader, feed) = body_reader(request.into_body());
    engine.spawn(feed);
    Ok(progress(engine.image_load(reader, query.flag("quiet"), query.text("platform"))?))
}

async fn save(State(engine): Shared, query: Query) -> Answer {
    engine.images_ready().await;
    let names = query.list("names").iter().flat_map(|names| names.split(',')).map(str::to_owned).collect();
    Ok(super::archive::tar(engine.image_save(names, query.text("platform"))?))
}

async fn search(State(engine): Shared, query: Query, headers: HeaderMap) -> Answer {
    let limit = query.number("limit")?.unwrap_or(25);
    if !(0..=100).contains(&limit) {
        return Err(Error::Invalid(format!("limit {limit} is outside the range of [1, 100]")).into());
    }
    let limit = u32::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(25);
    let filters = query.filters()?;
    filters.accept(&["is-automated", "is-official", "stars"])?;
    let official = filters.boolean("is-official")?;
    let automated = filters.boolean("is-automated")?;
    let stars = filters.get("stars").iter().filter_map(|stars| stars.parse::<i64>().ok()).max().unwrap_or(0);
    let mut found = engine.image_search(query.text("term"), limit, credential(&headers)?).await?;
    found.retain(|result| {
        official.is_none_or(|wanted| wanted == result.is_official)
            && automated.is_none_or(|wanted| wanted == result.is_automated)
            && result.star_count >= stars
    });
    json(&found)
}

async fn prune(State(engine): Shared, query: Query) -> Answer {
    engine.images_ready().await;
    json(&engine.image_prune(&query.filters()?)?)
}

async fn named(
    State(engine): Shared,
    method: Method,
    Path(rest): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    engine.images_ready().await;
    if method == Method::DELETE {
        return json(&engine.image_remove(&rest, query.flag("force"), query.flag("noprune"))?);
    }
    let Some((name, verb)) = rest.rsplit_once('/') else { return Ok(head::not_found()) };
    match (method, verb) {
        (Method::GET, "json") => json(&engine.image_inspect(name)?),
        (Method::GET, "history") => json(&engine.image_history(name)?),
        (Method::GET, "get") => {
            Ok(super::archive::tar(engine.image_save(vec![name.to_owned()], query.text("platform"))?))
        }
        (Method::POST, "tag") => {
            engine.image_tag(name, query.text("repo"), query.text("tag"))?;
            Ok(StatusCode::CREATED.into_response())
        }
        (Method::POST, "push") => {
            let options = PushOptions {
                image: name.to_owned(),
                tag: query.text("tag").to_owned(),
                platform: query.text("platform").to_owned(),
                credential: credential(&headers)?,
            };
            Ok(progress(engine.image_push(options)?))
        }
        _ => Ok(head::not_found()),
    }
}

async fn distribution(State(engine): Shared, Path(rest): Path<String>, headers: HeaderMap) -> Answer {
    let Some(name) = rest.strip_suffix("/json") else { return Ok(head::not_found()) };
    let found = engine.distribution_inspect(name, credential(&headers)?).await?;
    json(&serde_json::json!({ "Descriptor": found.descriptor, "Platforms": found.platforms }))
}

async fn build_prune() -> Answer {
    json(&serde_json::json!({ "CachesDeleted": null, "SpaceReclaimed": 0 }))
}

async fn build_cancel(query: Query) -> Answer {
    match query.text("id") {
        "" => Err(Error::Invalid("build ID not provided".into()).into()),
        _ => Ok(StatusCode::OK.into_response()),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn credentials_come_in_every_base64() {
        let text = r#"{"username":"a","password":"b?>"}"#;
        for encoded in [URL_SAFE.encode(text), URL_SAFE_NO_PAD.encode(text), STANDARD.encode(text)] {
            let mut headers = HeaderMap::new();
            headers.insert("x-registry-auth", HeaderValue::from_str(&encoded).unwrap());
            assert_eq!(credential(&headers).unwrap().unwrap().username, "a");
        }
        assert!(credential(&HeaderMap::new()).unwrap().is_none());
    }
}
