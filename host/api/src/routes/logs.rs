//! `GET /containers/{id}/logs`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::{BufMut, BytesMut};
use coracle_engine::log::{LogEntry, LogQuery, LogReader, Stream, Tail};
use coracle_engine::{Engine, Error, Time};
use http::header;

use super::Shared;
use crate::error::Answer;
use crate::frame;
use crate::hijack::{RAW, content_type};
use crate::query::Query;
use crate::version::ApiVersion;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new().route("/containers/{id}/logs", get(logs))
}

/// How lines are shown.
#[derive(Clone, Copy)]
struct Shape {
    stdout: bool,
    stderr: bool,
    timestamps: bool,
    details: bool,
    tty: bool,
}

/// A time of `since` or `until`; `0` is none.
pub(super) fn time(query: &Query, name: &str) -> Answer<Option<Time>> {
    match query.text(name) {
        "" | "0" => Ok(None),
        text => match Time::parse_query(text) {
            Some(time) => Ok(Some(time)),
            None => Err(Error::System(format!("strconv.ParseInt: parsing {text:?}: invalid syntax")).into()),
        },
    }
}

async fn logs(
    State(engine): Shared,
    Extension(version): Extension<ApiVersion>,
    Path(id): Path<String>,
    query: Query,
) -> Answer {
    let (stdout, stderr) = (query.flag("stdout"), query.flag("stderr"));
    if !stdout && !stderr {
        return Err(Error::Invalid("Bad parameters: you must choose at least one stream".into()).into());
    }
    let tail = match query.text("tail") {
        "" | "all" => Tail::All,
        text => text.parse().map_or(Tail::All, Tail::Last),
    };
    let wanted =
        LogQuery { tail, since: time(&query, "since")?, until: time(&query, "until")?, follow: query.flag("follow") };
    let (reader, tty) = engine.container_logs(&id, wanted)?;
    let shape = Shape { stdout, stderr, timestamps: query.flag("timestamps"), details: query.flag("details"), tty };
    let kind = if tty { RAW } else { content_type(version, true) };
    let engine = Arc::clone(&engine);
    let stream = futures::stream::unfold((reader, engine), move |(reader, engine)| async move {
        next(reader, &engine, shape).await.map(|(data, reader)| (Ok::<_, std::io::Error>(data), (reader, engine)))
    });
    Ok(([(header::CONTENT_TYPE, kind)], Body::from_stream(stream)).into_response())
}

async fn next(mut reader: LogReader, engine: &Engine, shape: Shape) -> Option<(bytes::Bytes, LogReader)> {
    loop {
        let batch = tokio::select! {
            batch = reader.next() => batch?,
            () = engine.stopping() => return None,
        };
        let mut out = BytesMut::new();
        for entry in batch {
            let wanted = match entry.stream {
                Stream::Stdout => shape.stdout,
                Stream::Stderr => shape.stderr,
            };
            if wanted {
                put(&mut out, &entry, shape);
            }
        }
        if !out.is_empty() {
            return Some((out.freeze(), reader));
        }
    }
}

fn put(out: &mut BytesMut, entry: &LogEntry, shape: Shape) {
    if !shape.timestamps && !shape.details {
        if shape.tty {
            out.put_slice(&entry.text)
        } else {
            frame::put(out, entry.stream, &entry.text)
        }
        return;
    }
    let mut line = Vec::with_capacity(entry.text.len() + 40);
    if shape.timestamps {
        line.extend_from_slice(entry.time.fixed().as_bytes());
        line.push(b' ');
    }
    if shape.details {
        let pairs: Vec<String> = entry.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        line.extend_from_slice(pairs.join(",").as_bytes());
        line.push(b' ');
    }
    line.extend_from_slice(&entry.text);
    if shape.tty { out.put_slice(&line) } else { frame::put(out, entry.stream, &line) }
}
