//! `/containers/{id}/archive` and `/containers/{id}/export`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use coracle_engine::container::{ArchiveDownload, PathStat, UploadOptions};
use coracle_engine::{Engine, Error};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use tokio_stream::wrappers::ReceiverStream;

use super::Shared;
use crate::error::{Answer, Failure};
use crate::query::Query;
use crate::upload::body_reader;

const STAT: HeaderName = HeaderName::from_static("x-docker-container-path-stat");

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/containers/{id}/archive", get(download).put(upload))
        .route("/containers/{id}/export", get(export))
}

fn path(query: &Query) -> Answer<&str> {
    match query.text("path") {
        // dockerd's own spelling.
        "" => Err(Error::Invalid("bad parameter: pathcannot be empty".into()).into()),
        path => Ok(path),
    }
}

fn with_stat(mut response: Response, stat: &PathStat) -> Answer {
    let text = STANDARD.encode(serde_json::to_vec(stat).map_err(Error::from)?);
    let value = HeaderValue::from_str(&text).map_err(Error::system)?;
    response.headers_mut().insert(STAT, value);
    Ok(response)
}

/// A tar stream as a body.
pub(super) fn tar(download: ArchiveDownload) -> Response {
    let stream = futures::StreamExt::map(ReceiverStream::new(download), |piece| {
        piece.map_err(|error| std::io::Error::other(error.to_string()))
    });
    ([(header::CONTENT_TYPE, "application/x-tar")], Body::from_stream(stream)).into_response()
}

async fn download(State(engine): Shared, method: Method, Path(id): Path<String>, query: Query) -> Answer {
    let path = path(&query)?;
    if method == Method::HEAD {
        let stat = engine.container_path_stat(&id, path)?;
        return with_stat(StatusCode::OK.into_response(), &stat);
    }
    let (stat, archive) = engine.container_archive_get(&id, path)?;
    with_stat(tar(archive), &stat)
}

async fn upload(State(engine): Shared, Path(id): Path<String>, query: Query, request: Request) -> Answer {
    let path = path(&query)?.to_owned();
    let options = UploadOptions {
        no_overwrite_dir_non_dir: query.flag("noOverwriteDirNonDir"),
        copy_owner: query.flag("copyUIDGID"),
    };
    let (reader, feed) = body_reader(request.into_body());
    let work = tokio::task::spawn_blocking(move || engine.container_archive_put(&id, &path, reader, options));
    let ((), done) = tokio::join!(feed, work);
    done.map_err(|error| Failure(Error::system(error)))??;
    Ok(StatusCode::OK.into_response())
}

async fn export(State(engine): Shared, Path(id): Path<String>) -> Answer {
    let mut response = tar(engine.container_export(&id)?);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Ok(response)
}
