//! Request bodies for code that blocks: the connection feeds a short queue that
//! the reader empties at its own pace.

use std::io::Read;

use axum::body::Body;
use bytes::{Buf, Bytes};
use futures::StreamExt;
use tokio::sync::mpsc;

const AHEAD: usize = 8;

/// The blocking end.
pub(crate) struct BodyReader {
    pieces: mpsc::Receiver<std::io::Result<Bytes>>,
    current: Bytes,
}

/// A reader, and the future that must run beside it.
pub(crate) fn body_reader(body: Body) -> (BodyReader, impl Future<Output = ()> + Send + 'static) {
    let (sender, pieces) = mpsc::channel(AHEAD);
    let feed = async move {
        let mut stream = body.into_data_stream();
        while let Some(piece) = stream.next().await {
            if sender.send(piece.map_err(std::io::Error::other)).await.is_err() {
                break;
            }
        }
    };
    (BodyReader { pieces, current: Bytes::new() }, feed)
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.current = piece?,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.current.len());
        self.current.copy_to_slice(buffer.get_mut(..count).unwrap_or_default());
        Ok(count)
    }
}
