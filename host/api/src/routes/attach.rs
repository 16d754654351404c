//! `POST /containers/{id}/attach` and `GET /containers/{id}/attach/ws`.

use std::sync::Arc;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use coracle_engine::Engine;
use coracle_engine::container::{AttachOptions, Attached, AttachedInput, InputEnd};
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Shared;
use crate::error::Answer;
use crate::frame::frame;
use crate::hijack::{Reader, Writer, hijack};
use crate::query::Query;

const CHUNK: usize = 32 * 1024;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new().route("/containers/{id}/attach", post(attach)).route("/containers/{id}/attach/ws", get(websocket))
}

fn options(query: &Query) -> AttachOptions {
    AttachOptions {
        logs: query.flag("logs"),
        stream: query.flag("stream"),
        stdin: query.flag("stdin"),
        stdout: query.flag("stdout"),
        stderr: query.flag("stderr"),
        detach_keys: query.text("detachKeys").to_owned(),
    }
}

async fn attach(State(engine): Shared, Path(id): Path<String>, query: Query, request: Request) -> Answer {
    let attached = engine.container_attach(&id, options(&query))?;
    let multiplexed = !attached.tty;
    Ok(hijack(&engine, request, multiplexed, move |reader, writer| serve(attached, reader, writer)))
}

async fn serve(attached: Attached, reader: Reader, mut writer: Writer) {
    let tty = attached.tty;
    let takes_input = attached.takes_input();
    let (mut output, input, detach) = attached.split();
    let out = async {
        while let Some((stream, data)) = output.next().await {
            let data = if tty { data } else { frame(stream, &data) };
            if writer.write_all(&data).await.is_err() {
                return;
            }
        }
    };
    let inward = async move {
        let end = if takes_input { feed(reader, input).await } else { watch(reader).await };
        match end {
            Some(InputEnd::Detached) => detach.detached(),
            // The client has sent everything, or the container takes no more: output goes on.
            Some(InputEnd::Closed) | None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = out => {}
        () = inward => {}
    }
    let _ = writer.shutdown().await;
}

/// Brings what the client sends to the container.
async fn feed(mut reader: Reader, mut input: AttachedInput) -> Option<InputEnd> {
    let mut buffer = vec![0u8; CHUNK];
    loop {
        match reader.read(&mut buffer).await {
            Ok(0) | Err(_) => {
                input.end().await;
                return None;
            }
            Ok(count) => {
                let data = Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default());
                if let Err(end) = input.write(data).await {
                    return Some(end);
                }
            }
        }
    }
}

/// A client without input may still send; it is thrown away.
async fn watch(mut reader: Reader) -> Option<InputEnd> {
    let mut buffer = [0u8; 512];
    while reader.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
    None
}

async fn websocket(
    State(engine): Shared,
    Path(id): Path<String>,
    query: Query,
    upgrade: WebSocketUpgrade,
) -> Answer<Response> {
    let attached = engine.container_attach(&id, options(&query))?;
    Ok(upgrade.on_upgrade(move |socket| serve_websocket(attached, socket)))
}

async fn serve_websocket(attached: Attached, socket: WebSocket) {
    let takes_input = attached.takes_input();
    let (mut output, mut input, detach) = attached.split();
    let (mut sink, mut source) = socket.split();
    let out = async {
        while let Some((_, data)) = output.next().await {
            if sink.send(Message::Binary(data)).await.is_err() {
                return;
            }
        }
        let _ = sink.send(Message::Close(None)).await;
    };
    let inward = async {
        while let Some(Ok(message)) = source.next().await {
            let data = match message {
                Message::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
                Message::Binary(data) => data,
                Message::Close(_) => break,
                Message::Ping(_) | Message::Pong(_) => continue,
            };
            if takes_input {
                match input.write(data).await {
                    Ok(()) => {}
                    Err(InputEnd::Detached) => {
                        detach.detached();
                        return;
                    }
                    Err(InputEnd::Closed) => break,
                }
            }
        }
        if takes_input {
            input.end().await;
        }
    };
    tokio::select! {
        () = out => {}
        () = inward => {}
    }
}
