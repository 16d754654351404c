//! Requests as bytes over a Unix socket, for what no client would send.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, Result};

/// An answer: status, head and body, the body de-chunked.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// Body bytes.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }

    /// `message` of an error body.
    pub fn message(&self) -> String {
        self.json().ok().and_then(|value| value["message"].as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// Sends one request with a JSON body (empty for none) and reads the answer to its end.
pub fn request(socket: &Path, method: &str, path: &str, body: &str) -> Result<Answer> {
    let content = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    raw(
        socket,
        format!(
            "{method} {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n{content}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    )
}

/// Sends bytes as they are and reads the answer to its end.
pub fn raw(socket: &Path, bytes: &[u8]) -> Result<Answer> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(bytes)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&answer)
}

fn parse(answer: &[u8]) -> Result<Answer> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").context("no end of headers")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no status")?;
    let mut body = answer[end + 4..].to_vec();
    if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        body = unchunk(&body)?;
    }
    Ok(Answer { status, head, body })
}

fn unchunk(mut body: &[u8]) -> Result<Vec<u8>> {
    let mut whole = Vec::new();
    while let Some(line) = body.windows(2).position(|bytes| bytes == b"\r\n") {
        let size = std::str::from_utf8(&body[..line])?.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16)?;
        if size == 0 {
            break;
        }
        let start = line + 2;
        whole.extend_from_slice(body.get(start..start + size).context("a chunk is cut")?);
        body = &body[(start + size + 2).min(body.len())..];
    }
    Ok(whole)
}
