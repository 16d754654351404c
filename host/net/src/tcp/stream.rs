//! The two streams of a connection, as `wasi:io` streams want them.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::end::End;
use crate::error::{ErrorCode, StreamError};

/// The receiving side of a connection: `wasi:io` input-stream.
#[derive(Clone)]
pub struct TcpReader {
    pub(crate) end: Arc<End>,
}

impl TcpReader {
    /// What has arrived, at most `max` bytes and not copied; empty if nothing is there now.
    /// [`StreamError::Closed`] is end of stream.
    pub fn try_read(&self, max: usize) -> Result<Bytes, StreamError> {
        self.end.read(max)
    }

    /// Ready when [`Self::try_read`] has data, end of stream or an error.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.end.poll_readable(cx)
    }

    /// As [`Self::poll_ready`].
    pub async fn ready(&self) {
        poll_fn(|cx| self.poll_ready(cx)).await;
    }

    /// Waits for data; empty at end of stream (or for `max` 0).
    pub async fn read(&self, max: usize) -> Result<Bytes, ErrorCode> {
        loop {
            match self.try_read(max) {
                Ok(data) if data.is_empty() && max > 0 => self.ready().await,
                Ok(data) => return Ok(data),
                Err(StreamError::Closed) => return Ok(Bytes::new()),
                Err(StreamError::Failed(error)) => return Err(error),
            }
        }
    }
}

/// The sending side of a connection: `wasi:io` output-stream.
#[derive(Clone)]
pub struct TcpWriter {
    pub(crate) end: Arc<End>,
}

impl TcpWriter {
    /// check-write: how many bytes the next [`Self::write`] may carry; 0 when full.
    pub fn permit(&self) -> Result<usize, StreamError> {
        self.end.permit()
    }

    /// write: takes all of `data`, which must not be longer than the last permit. Bytes of a
    /// much larger allocation keep all of it alive until they are read: hand over slices of
    /// their own.
    pub fn write(&self, data: Bytes) -> Result<(), StreamError> {
        self.end.write(data)
    }

    /// Ready when a good part of the buffer is free, or [`Self::permit`] is an error.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.end.poll_writable(cx)
    }

    /// As [`Self::poll_ready`].
    pub async fn ready(&self) {
        poll_fn(|cx| self.poll_ready(cx)).await;
    }

    /// Waits until all is queued.
    pub async fn write_all(&self, mut data: Bytes) -> Result<(), StreamError> {
        while !data.is_empty() {
            match self.permit()? {
                0 => self.ready().await,
                permit => self.write(data.split_to(permit.min(data.len())))?,
            }
        }
        Ok(())
    }
}
