//! Bodies: JSON in, JSON out, in the manner of Go's encoder.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use coracle_engine::Error;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::error::Answer;

/// Larger JSON bodies are refused: no request of the API comes near it.
const LARGEST_JSON: usize = 4 << 20;

/// A JSON answer with the newline that Go's encoder ends it with.
pub(crate) fn json_text<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(mut text) => {
            text.push(b'\n');
            (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "answer cannot be encoded");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Status 200 with JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> Answer {
    Ok(json_text(StatusCode::OK, value))
}

/// Status 201 with JSON.
pub(crate) fn created<T: Serialize>(value: &T) -> Answer {
    Ok(json_text(StatusCode::CREATED, value))
}

/// Status 204.
pub(crate) fn no_content() -> Answer {
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Reads a JSON body that must be there.
pub(crate) async fn read<T: DeserializeOwned>(request: Request) -> Answer<T> {
    Ok(read_optional(request).await?.ok_or_else(|| invalid("got EOF while reading request body"))?)
}

/// Reads a JSON body that may be missing.
pub(crate) async fn read_optional<T: DeserializeOwned>(request: Request) -> Answer<Option<T>> {
    let (parts, body) = request.into_parts();
    let text = collect(body, LARGEST_JSON).await?;
    if text.is_empty() {
        return Ok(None);
    }
    check_content_type(&parts.headers)?;
    decode(&text).map(Some)
}

/// A whole body, up to a limit.
pub(crate) async fn collect(body: Body, limit: usize) -> Answer<Bytes> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Error::Invalid("http: request body too large".into()).into())
        }
        Err(error) => Err(Error::Invalid(error.to_string()).into()),
    }
}

fn check_content_type(headers: &HeaderMap) -> Answer<()> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = value.to_str().unwrap_or_default();
    let kind = text.split(';').next().unwrap_or_default().trim();
    if kind.is_empty() || kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Error::Invalid(format!("unsupported Content-Type header ({kind}): must be 'application/json'")).into())
}

/// Decodes JSON and words what is wrong as Go's decoder does.
pub(crate) fn decode<T: DeserializeOwned>(text: &[u8]) -> Answer<T> {
    let mut stream = serde_json::Deserializer::from_slice(text).into_iter::<serde_json::Value>();
    let mut value = match stream.next() {
        Some(Ok(value)) => value,
        None => return Err(invalid("got EOF while reading request body").into()),
        Some(Err(error)) => {
            return Err(match error.classify() {
                Category::Eof => invalid("unexpected EOF"),
                _ => invalid(&syntax(text, &error)),
            }
            .into());
        }
    };
    let rest = text.get(stream.byte_offset()..).unwrap_or_default();
    if !rest.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::Invalid("unexpected content after JSON".into()).into());
    }
    coracle_engine::model::strip_nulls(&mut value);
    if value.is_null() {
        value = serde_json::Value::Object(serde_json::Map::new());
    }
    from_value(value)
}

/// Reads a struct out of decoded JSON, wording what does not fit.
pub(crate) fn from_value<T: DeserializeOwned>(value: serde_json::Value) -> Answer<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner().to_string();
        invalid(&mismatch(&path, &inner)).into()
    })
}

fn invalid(what: &str) -> Error {
    Error::Invalid(format!("invalid JSON: {what}"))
}

fn syntax(text: &[u8], error: &serde_json::Error) -> String {
    let line = text.split(|b| *b == b'\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let found = line.get(error.column().saturating_sub(1)).copied().unwrap_or(b' ');
    let shown = match found {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        other => format!("'{}'", char::from(other)),
    };
    let place = error.to_string();
    let place = match () {
        () if place.contains("key must be a string") => "looking for beginning of object key string",
        () if place.contains("expected `:`") => "after object key",
        () if place.contains("expected `,` or `}`") => "after object key:value pair",
        () if place.contains("expected `,` or `]`") => "after array element",
        () => "looking for beginning of value",
    };
    format!("invalid character {shown} {place}")
}

/// `json: cannot unmarshal number into Go struct field .Image of type string`
fn mismatch(path: &str, inner: &str) -> String {
    let found = match inner.split("invalid type: ").nth(1).and_then(|rest| rest.split([' ', ',']).next()) {
        Some("integer" | "floating") => "number",
        Some("string") => "string",
        Some("boolean") => "bool",
        Some("sequence") => "array",
        Some("map") => "object",
        _ => return format!("json: cannot unmarshal {path}: {inner}"),
    };
    let wanted = match inner.split("expected ").nth(1).unwrap_or_default() {
        text if text.starts_with("a string") || text.starts_with("string") => "string",
        text if text.starts_with("a boolean") => "bool",
        text if text.starts_with("a sequence") => "[]string",
        text if text.starts_with('i') || text.starts_with('u') => "int64",
        _ => "object",
    };
    format!("json: cannot unmarshal {found} into Go struct field .{path} of type {wanted}")
}
