//! What every answer carries, and what is decided before routing.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use coracle_engine::Engine;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use tower::ServiceExt;

use crate::error::message;
use crate::version::{ApiVersion, MAXIMUM_VERSION, MINIMUM_VERSION};

const API_VERSION: HeaderName = HeaderName::from_static("api-version");
const EXPERIMENTAL: HeaderName = HeaderName::from_static("docker-experimental");
const OSTYPE: HeaderName = HeaderName::from_static("ostype");

/// Marks an answer that goes out bare: dockerd writes hijacked streams and
/// unknown paths past the layer that adds the headers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bare;

/// Checks the version, strips it from the path, routes, and adds the headers.
pub(crate) async fn handle(engine: Arc<Engine>, router: axum::Router, mut request: Request) -> Response {
    let path = request.uri().path();
    if request.method() == Method::OPTIONS {
        return decorate(&engine, StatusCode::OK.into_response());
    }
    let mut version = MAXIMUM_VERSION;
    if let Some((text, rest)) = ApiVersion::split(path) {
        let Some(wanted) = ApiVersion::parse(text) else { return not_found() };
        if wanted > MAXIMUM_VERSION {
            let sentence =
                format!("client version {text} is too new. Maximum supported API version is {MAXIMUM_VERSION}");
            return decorate(&engine, message(StatusCode::BAD_REQUEST, &sentence));
        }
        if wanted < MINIMUM_VERSION {
            let sentence = format!(
                "client version {text} is too old. Minimum supported API version is {MINIMUM_VERSION}, \
                 please upgrade your client to a newer version\n"
            );
            let plain = [
                (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
                (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            ];
            return decorate(&engine, (StatusCode::BAD_REQUEST, plain, sentence).into_response());
        }
        version = wanted;
        let stripped = match request.uri().query() {
            Some(query) => PathAndQuery::try_from(format!("{rest}?{query}")),
            None => PathAndQuery::try_from(rest),
        };
        let Ok(stripped) = stripped else { return not_found() };
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.path_and_query = Some(stripped);
        match Uri::from_parts(parts) {
            Ok(uri) => *request.uri_mut() = uri,
            Err(_) => return not_found(),
        }
    }
    // axum answers HEAD wherever GET is routed; dockerd only in these two places.
    let head = request.method() == Method::HEAD;
    if head && !(request.uri().path() == "/_ping" || request.uri().path().ends_with("/archive")) {
        return not_found();
    }
    request.extensions_mut().insert(version);
    match router.oneshot(request).await {
        Ok(response) => decorate(&engine, response),
        Err(never) => match never {},
    }
}

/// The answer for a path or method nobody routed.
pub(crate) fn not_found() -> Response<Body> {
    let mut response = message(StatusCode::NOT_FOUND, "page not found");
    response.extensions_mut().insert(Bare);
    response
}

fn decorate(engine: &Engine, mut response: Response) -> Response {
    if response.extensions().get::<Bare>().is_some() {
        return response;
    }
    let headers = response.headers_mut();
    headers.insert(API_VERSION, HeaderValue::from_static("1.51"));
    headers.insert(EXPERIMENTAL, HeaderValue::from_static("false"));
    headers.insert(OSTYPE, HeaderValue::from_static("linux"));
    if let Ok(server) = HeaderValue::from_str(engine.server_header()) {
        headers.insert(header::SERVER, server);
    }
    response
}
