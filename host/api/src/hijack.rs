//! Streams that take a connection over: attach, exec, build sessions.
//!
//! A client that sends `Upgrade: tcp` gets 101 and the raw connection. One that
//! does not gets 200 and a body that goes on until the end, its request body
//! being the input. Both look the same to the code that serves the stream.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use coracle_engine::Engine;
use futures::TryStreamExt;
use http::{HeaderValue, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::{ReaderStream, StreamReader};

use crate::head::Bare;
use crate::version::ApiVersion;

/// Bytes on their way to a client that did not upgrade.
const BUFFER: usize = 64 * 1024;

pub(crate) type Reader = Box<dyn AsyncRead + Send + Unpin>;
pub(crate) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// Content type of a stream without frames.
pub(crate) const RAW: &str = "application/vnd.docker.raw-stream";
/// Content type of a stream of frames.
pub(crate) const MULTIPLEXED: &str = "application/vnd.docker.multiplexed-stream";

/// Whether the client wants the connection itself.
pub(crate) fn wants_upgrade(request: &Request) -> bool {
    request.headers().contains_key(header::UPGRADE)
}

/// What an upgraded stream calls itself; older clients know only the raw type.
pub(crate) fn content_type(version: ApiVersion, multiplexed: bool) -> &'static str {
    if multiplexed && version.at_least(42) { MULTIPLEXED } else { RAW }
}

/// Answers and hands both directions to `serve`, which the engine owns as a task.
pub(crate) fn hijack<F>(
    engine: &Arc<Engine>,
    mut request: Request,
    multiplexed: bool,
    serve: impl FnOnce(Reader, Writer) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send,
{
    let version = request.extensions().get::<ApiVersion>().copied().unwrap_or(crate::MAXIMUM_VERSION);
    let upgrade = wants_upgrade(&request);
    let mut response = if upgrade {
        let upgraded = hyper::upgrade::on(&mut request);
        engine.spawn(async move {
            match upgraded.await {
                Ok(connection) => {
                    let (reader, writer) = tokio::io::split(TokioIo::new(connection));
                    serve(Box::new(reader), Box::new(writer)).await;
                }
                Err(error) => tracing::debug!(%error, "connection was not handed over"),
            }
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("tcp"));
        response
    } else {
        let (near, far) = tokio::io::duplex(BUFFER);
        let input = StreamReader::new(request.into_body().into_data_stream().map_err(std::io::Error::other));
        engine.spawn(async move { serve(Box::new(input), Box::new(near)).await });
        Response::new(Body::from_stream(ReaderStream::with_capacity(far, BUFFER)))
    };
    let kind = if upgrade { content_type(version, multiplexed) } else { RAW };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.extensions_mut().insert(Bare);
    response
}
