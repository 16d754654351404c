//! Accepting connections, and leaving in order.

use std::sync::Arc;

use axum::serve::Listener;
use coracle_engine::Engine;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{head, routes};

/// Answers the Docker Engine API on `listener` until `shutdown` is cancelled,
/// then lets requests that are under way finish (streams end because the
/// engine's containers do) and returns.
pub async fn serve<L: Listener>(mut listener: L, engine: Arc<Engine>, shutdown: CancellationToken) {
    let router = routes::router(Arc::clone(&engine));
    let mut connections = JoinSet::new();
    loop {
        let (stream, _peer) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        let router = router.clone();
        let engine = Arc::clone(&engine);
        let stop = shutdown.clone();
        connections.spawn(async move {
            let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let answer = head::handle(Arc::clone(&engine), router.clone(), request.map(axum::body::Body::new));
                async move { Ok::<_, std::convert::Infallible>(answer.await) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(hyper_util::rt::TokioTimer::new())
                // A client that closes its side has lost interest: its request is dropped, as in dockerd.
                .half_close(false)
                .title_case_headers(true)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "connection");
            }
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}
