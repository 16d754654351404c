//! `/containers/{id}/exec` and `/exec`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use bytes::Bytes;
use coracle_engine::Engine;
use coracle_engine::exec::{ExecCreate, ExecStart, ExecStarted, ExecStreams};
use coracle_engine::log::Stream;
use http::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Shared;
use crate::body::{self, created, json};
use crate::error::Answer;
use crate::frame::frame;
use crate::hijack::{Reader, Writer, hijack};
use crate::query::Query;

const CHUNK: usize = 32 * 1024;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/containers/{id}/exec", post(create))
        .route("/exec/{id}/start", post(start))
        .route("/exec/{id}/resize", post(resize))
        .route("/exec/{id}/json", get(inspect))
}

async fn create(State(engine): Shared, Path(id): Path<String>, request: Request) -> Answer {
    let config: ExecCreate = body::read(request).await?;
    created(&json!({ "Id": engine.exec_create(&id, config)? }))
}

async fn inspect(State(engine): Shared, Path(id): Path<String>) -> Answer {
    json(&engine.exec_inspect(&id)?)
}

async fn resize(State(engine): Shared, Path(id): Path<String>, query: Query) -> Answer {
    let (rows, columns) = super::containers::size(&query)?;
    engine.exec_resize(&id, rows, columns)?;
    Ok(StatusCode::OK.into_response())
}

async fn start(State(engine): Shared, Path(id): Path<String>, request: Request) -> Answer {
    engine.exec_check(&id)?;
    // The body is small and whole; what follows it on the connection is the input.
    let (mut parts, text) = {
        let (parts, body) = request.into_parts();
        (parts, body::collect(body, 1 << 20).await?)
    };
    let options: ExecStart = if text.is_empty() { ExecStart::default() } else { body::decode(&text)? };
    if options.detach {
        engine.exec_start(&id, options).await?.leave();
        return Ok(StatusCode::OK.into_response());
    }
    parts.headers.remove(http::header::CONTENT_LENGTH);
    let request = Request::from_parts(parts, axum::body::Body::empty());
    let framed = !options.tty;
    let owner = Arc::clone(&engine);
    Ok(hijack(&engine, request, framed, move |reader, mut writer| async move {
        match owner.exec_start(&id, options).await {
            Ok(started) => serve(started, framed, reader, writer).await,
            Err(error) => {
                let sentence = format!("{error}\r\n").into_bytes();
                let data = if framed { frame(Stream::Stdout, &sentence) } else { Bytes::from(sentence) };
                let _ = writer.write_all(&data).await;
                let _ = writer.shutdown().await;
            }
        }
    }))
}

async fn serve(mut started: ExecStarted, framed: bool, reader: Reader, writer: Writer) {
    let ExecStreams { stdin, stdout, stderr, detach_keys } = started.streams();
    let writer = tokio::sync::Mutex::new(writer);
    let copy = |stream: Stream, source: Option<Arc<coracle_engine::driver::File>>| {
        let writer = &writer;
        async move {
            let Some(source) = source else { return };
            // Once the client has gone the output is thrown away: the process must not notice.
            let mut gone = false;
            while let Ok(data) = source.read(None, CHUNK).await {
                if data.is_empty() {
                    break;
                }
                if gone {
                    continue;
                }
                let data = if framed { frame(stream, &data) } else { data };
                gone = writer.lock().await.write_all(&data).await.is_err();
            }
        }
    };
    // The exit code is there to be inspected before the client sees the end.
    let whole = async {
        tokio::join!(copy(Stream::Stdout, stdout), copy(Stream::Stderr, stderr), started.finished());
    };
    let input = feed(reader, stdin, detach_keys);
    let detached = tokio::select! {
        () = whole => false,
        () = input => true,
    };
    let _ = writer.lock().await.shutdown().await;
    if detached {
        started.detached();
        started.leave();
    }
}

/// Brings the client's input in; returns only when the detach keys were typed.
async fn feed(
    mut reader: Reader,
    stdin: Option<Arc<coracle_engine::driver::File>>,
    mut keys: Option<coracle_engine::detach::DetachKeys>,
) {
    let mut stdin = stdin;
    let mut buffer = vec![0u8; CHUNK];
    loop {
        let count = reader.read(&mut buffer).await.unwrap_or(0);
        if count == 0 {
            // A terminal is not hung up by a client that stops sending; a pipe ends.
            if keys.is_none() {
                drop(stdin.take());
            }
            return std::future::pending().await;
        }
        let data = Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default());
        let (mut data, detached) = match keys.as_mut() {
            Some(keys) => keys.scan(&data),
            None => (data, false),
        };
        while let (Some(file), false) = (&stdin, data.is_empty()) {
            match file.write(None, data.clone()).await {
                Ok(written) if written > 0 => {
                    let _ = data.split_to(written.min(data.len()));
                }
                _ => stdin = None,
            }
        }
        if detached {
            return;
        }
    }
}
