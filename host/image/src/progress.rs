//! Progress of long operations, shaped like the JSON messages Docker streams to its clients.

use serde::Serialize;
use tokio::sync::mpsc;

/// One message. Which fields are set is up to the operation, as in Docker.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Progress {
    /// A line for people (`build`, `load`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// What is going on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// How far it is.
    #[serde(rename = "progressDetail", skip_serializing_if = "Option::is_none")]
    pub detail: Option<ProgressDetail>,
    /// The same as a bar, for old clients.
    #[serde(rename = "progress", skip_serializing_if = "Option::is_none")]
    pub bar: Option<String>,
    /// What it is about: a short layer id or a tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// A result for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aux: Option<serde_json::Value>,
}

/// Bytes done and to be done; both absent is written `{}`, as Docker does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProgressDetail {
    /// Bytes done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<u64>,
    /// Bytes in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

impl Progress {
    /// A status line without a subject.
    pub fn status(text: impl Into<String>) -> Self {
        Self { status: Some(text.into()), ..Self::default() }
    }

    /// A status of `id` without figures.
    pub fn of(id: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            id: Some(id.into()),
            status: Some(text.into()),
            detail: Some(ProgressDetail::default()),
            ..Self::default()
        }
    }

    /// A status of `id` with bytes done and in all.
    pub fn bytes(id: impl Into<String>, text: impl Into<String>, current: u64, total: u64) -> Self {
        Self {
            detail: Some(ProgressDetail { current: Some(current), total: Some(total) }),
            bar: Some(bar(current, total)),
            ..Self::of(id, text)
        }
    }

    /// A line for people.
    pub fn stream(text: impl Into<String>) -> Self {
        Self { stream: Some(text.into()), ..Self::default() }
    }
}

/// Where messages go. Sending never blocks; whoever reports figures does so a few times a second.
#[derive(Clone)]
pub struct ProgressSender(Option<mpsc::UnboundedSender<Progress>>);

impl ProgressSender {
    /// A sender and its reader.
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Progress>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(Some(sender)), receiver)
    }

    /// Nobody looks.
    pub fn none() -> Self {
        Self(None)
    }

    /// Sends a message; one nobody reads is dropped.
    pub fn send(&self, progress: Progress) {
        if let Some(sender) = &self.0 {
            let _ = sender.send(progress);
        }
    }

    /// Whether the reader has gone, so that the work may stop.
    pub fn is_closed(&self) -> bool {
        self.0.as_ref().is_some_and(mpsc::UnboundedSender::is_closed)
    }
}

/// Docker's bar of 50 characters with the figures in decimal units behind it.
fn bar(current: u64, total: u64) -> String {
    if total == 0 || current > total {
        return format!("{:>8}", size(current));
    }
    let done = usize::try_from(u128::from(current) * 50 / u128::from(total)).unwrap_or(50);
    format!("[{}>{}] {:>8}/{}", "=".repeat(done), " ".repeat(50usize.saturating_sub(done)), size(current), size(total))
}

/// Four significant digits in decimal units (`go-units`, HumanSize).
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
    let mut value = bytes as f64;
    let mut unit = UNITS.iter();
    let mut name = unit.next().copied().unwrap_or("B");
    while value >= 1000.0 {
        let Some(next) = unit.next() else { break };
        value /= 1000.0;
        name = next;
    }
    let text = if value >= 1000.0 {
        format!("{value:.0}")
    } else {
        let digits = if value >= 100.0 {
            1
        } else if value >= 10.0 {
            2
        } else {
            3
        };
        format!("{value:.digits$}")
    };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_looks_like_dockers() {
        let message = Progress::bytes("abc", "Downloading", 1_048_576, 2_097_152);
        assert_eq!(
            serde_json::to_string(&message).unwrap(),
            concat!(
                r#"{"status":"Downloading","progressDetail":{"current":1048576,"total":2097152},"#,
                r#""progress":"[=========================>                         ]  1.049MB/2.097MB","id":"abc"}"#
            )
        );
        assert_eq!(
            serde_json::to_string(&Progress::of("abc", "Pull complete")).unwrap(),
            r#"{"status":"Pull complete","progressDetail":{},"id":"abc"}"#
        );
    }

    #[test]
    fn sizes_have_four_digits() {
        assert_eq!(size(0), "0B");
        assert_eq!(size(999), "999B");
        assert_eq!(size(2_060_000), "2.06MB");
        assert_eq!(size(123_456_789), "123.5MB");
    }
}
