//! Streams over regular files: every operation is done when it returns.
//!
//! A regular file is always ready, so there is nothing to wait for and nothing to
//! buffer: reads and writes go to the page cache at once, and an error is told by
//! the call that made it.

use bytes::Bytes;
use coracle_vfs::{Errno, File};
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, OutputStream, StreamError, StreamResult};

/// Most bytes one read answers and one write takes, whatever the guest asks for.
pub(crate) const MAX_TRANSFER: usize = 256 << 10;

/// An errno as a stream tells it; `filesystem-error-code` finds it again.
pub(crate) fn failed(errno: Errno) -> StreamError {
    StreamError::LastOperationFailed(wasmtime::format_err!(ErrnoError(errno)))
}

/// An errno inside a `wasi:io/error` resource.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ErrnoError(pub(crate) Errno);

impl std::fmt::Display for ErrnoError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for ErrnoError {}

/// `read-via-stream` of a regular file.
pub(crate) struct FileInput {
    pub(crate) file: File,
    pub(crate) position: u64,
}

#[async_trait]
impl Pollable for FileInput {
    async fn ready(&mut self) {}
}

#[async_trait]
impl InputStream for FileInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let mut buffer = vec![0; size.min(MAX_TRANSFER)];
        let read = self.file.read_at(&mut buffer, self.position).map_err(failed)?;
        if read == 0 {
            return Err(StreamError::Closed);
        }
        self.position = self.position.saturating_add(read as u64);
        buffer.truncate(read);
        Ok(buffer.into())
    }
}

/// `write-via-stream` (`position`) or `append-via-stream` of a regular file.
pub(crate) struct FileOutput {
    pub(crate) file: File,
    pub(crate) position: Option<u64>,
}

#[async_trait]
impl Pollable for FileOutput {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for FileOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut rest = bytes.as_ref();
        while !rest.is_empty() {
            let written = match &mut self.position {
                Some(position) => {
                    let written = self.file.write_at(rest, *position).map_err(failed)?;
                    *position = position.saturating_add(written as u64);
                    written
                }
                None => self.file.append(rest).map_err(failed)?.0,
            };
            if written == 0 {
                return Err(failed(Errno::IO));
            }
            rest = rest.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_TRANSFER)
    }
}
