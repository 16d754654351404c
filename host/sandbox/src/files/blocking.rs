//! Streams over open files that can block: the standard ones, devices, fifos.
//!
//! The files behind descriptors 0 to 2 are shared with other processes, so none of
//! these streams may assume that what was writable a moment ago still is: what a
//! pipe does not take at once waits here, at most one transfer per descriptor, and
//! goes out before anything later. The waiting part belongs to the process, not to
//! the stream, so that it is not lost when the program drops the stream or ends.
//!
//! Upstream's default waiting loops give up with a trap after ten rounds; another
//! process may well be faster than us ten times, so the waiting calls are our own.

use std::sync::Arc;

use bytes::Bytes;
use coracle_kernel::{Descriptor, OpenFile, Process};
use coracle_vfs::Errno;
use parking_lot::Mutex;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, OutputStream, StreamError, StreamResult};

use super::stream::{MAX_TRANSFER, failed};

/// What one write to a standard stream may hold before it went out.
const MAX_PENDING: usize = 64 << 10;

/// Which open file a stream is over.
enum Source {
    /// A standard descriptor, as long as the process has it open.
    Standard(u32),
    /// A file the stream keeps open.
    Open(Arc<Descriptor>),
}

impl Source {
    fn file(&self, process: &Process) -> StreamResult<Arc<OpenFile>> {
        match self {
            Self::Standard(number) => process.standard(*number).ok_or(StreamError::Closed),
            Self::Open(file) => Ok(Arc::clone(file.file())),
        }
    }
}

/// An open file as an input stream.
pub(crate) struct BlockingInput {
    process: Arc<Process>,
    source: Source,
}

impl BlockingInput {
    /// Standard input.
    pub(crate) fn standard(process: Arc<Process>) -> Self {
        Self { process, source: Source::Standard(0) }
    }

    /// An open device or fifo.
    pub(crate) fn open(process: Arc<Process>, file: Arc<Descriptor>) -> Self {
        Self { process, source: Source::Open(file) }
    }

    fn file(&self) -> StreamResult<Arc<OpenFile>> {
        self.source.file(&self.process)
    }
}

/// A read's answer in stream terms: nothing is the end.
fn input(answer: Result<Bytes, Errno>) -> StreamResult<Bytes> {
    match answer {
        Ok(bytes) if bytes.is_empty() => Err(StreamError::Closed),
        Ok(bytes) => Ok(bytes),
        Err(errno) => Err(failed(errno)),
    }
}

#[async_trait]
impl Pollable for BlockingInput {
    async fn ready(&mut self) {
        if let Ok(file) = self.file() {
            file.readable().await;
        }
    }
}

#[async_trait]
impl InputStream for BlockingInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        match self.file()?.try_read(size.min(MAX_TRANSFER)) {
            Err(Errno::AGAIN) => Ok(Bytes::new()),
            answer => input(answer),
        }
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let file = self.file()?;
        input(file.read(Some(&self.process), size.min(MAX_TRANSFER)).await)
    }
}

/// What a process wrote to one of its standard files and has not gone out yet.
#[derive(Default)]
pub(crate) struct Outgoing {
    pending: Mutex<Bytes>,
    failure: Mutex<Option<Errno>>,
}

impl Outgoing {
    /// Writes what waits. A queued signal ends it, as it ends write().
    async fn drain(&self, process: &Process, file: &OpenFile) {
        loop {
            let waiting = self.pending.lock().clone();
            if waiting.is_empty() {
                return;
            }
            let answer = file.write(Some(process), waiting).await;
            if !self.taken(answer) {
                return;
            }
        }
    }

    /// As [`Self::drain`], but it may be cancelled at any point without losing or
    /// repeating a byte.
    async fn drain_while_polled(&self, process: &Process, file: &OpenFile) {
        loop {
            let waiting = self.pending.lock().clone();
            if waiting.is_empty() {
                return;
            }
            match file.try_write(waiting.clone()) {
                Err(Errno::AGAIN) => file.writable().await,
                // The blocking call raises the signal that belongs to the error.
                Err(_) => {
                    let answer = file.write(Some(process), waiting).await;
                    if !self.taken(answer) {
                        return;
                    }
                }
                Ok(written) => {
                    self.taken(Ok(written));
                }
            }
        }
    }

    /// Notes what a write came to; false ends the writing.
    fn taken(&self, answer: Result<usize, Errno>) -> bool {
        match answer {
            Ok(written) => {
                let mut pending = self.pending.lock();
                let taken = written.min(pending.len());
                let _ = pending.split_to(taken);
                true
            }
            Err(errno) => {
                self.pending.lock().clear();
                *self.failure.lock() = Some(errno);
                false
            }
        }
    }

    /// Before the process ends: what it wrote goes out.
    pub(crate) async fn finish(&self, process: &Process, descriptor: u32) {
        if self.pending.lock().is_empty() {
            return;
        }
        if let Some(file) = process.standard(descriptor) {
            self.drain(process, &file).await;
        }
    }
}

/// An open file as an output stream.
pub(crate) struct BlockingOutput {
    process: Arc<Process>,
    source: Source,
    outgoing: Arc<Outgoing>,
}

impl BlockingOutput {
    /// Standard output or standard error; `outgoing` is the process's for that.
    pub(crate) fn standard(process: Arc<Process>, descriptor: u32, outgoing: Arc<Outgoing>) -> Self {
        Self { process, source: Source::Standard(descriptor), outgoing }
    }

    /// An open device or fifo.
    pub(crate) fn open(process: Arc<Process>, file: Arc<Descriptor>) -> Self {
        Self { process, source: Source::Open(file), outgoing: Arc::default() }
    }

    fn file(&self) -> StreamResult<Arc<OpenFile>> {
        self.source.file(&self.process)
    }

    /// The error of an earlier write, once.
    fn failure(&self) -> StreamResult<()> {
        match self.outgoing.failure.lock().take() {
            Some(Errno::PIPE) => Err(StreamError::Closed),
            Some(errno) => Err(failed(errno)),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Pollable for BlockingOutput {
    async fn ready(&mut self) {
        if let Ok(file) = self.file() {
            self.outgoing.drain_while_polled(&self.process, &file).await;
            if self.outgoing.failure.lock().is_none() {
                file.writable().await;
            }
        }
    }
}

#[async_trait]
impl OutputStream for BlockingOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.failure()?;
        let mut pending = self.outgoing.pending.lock();
        if pending.is_empty() {
            *pending = bytes;
        } else {
            if pending.len().saturating_add(bytes.len()) > MAX_PENDING {
                return Err(StreamError::trap("wrote more than check-write allowed"));
            }
            *pending = [pending.as_ref(), bytes.as_ref()].concat().into();
        }
        // Usually the pipe takes it now, and `check-write` has nothing to wait for.
        // What fails stays, so that the call that waits for it meets the error and
        // raises its signal.
        let file = self.file()?;
        while !pending.is_empty() {
            let Ok(written) = file.try_write(pending.clone()) else {
                break;
            };
            let taken = written.min(pending.len());
            let _ = pending.split_to(taken);
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.failure()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.failure()?;
        self.file()?;
        let waiting = self.outgoing.pending.lock().len();
        Ok(if waiting == 0 { MAX_PENDING } else { 0 })
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        let file = self.file()?;
        {
            let mut pending = self.outgoing.pending.lock();
            if pending.is_empty() {
                *pending = bytes;
            } else {
                *pending = [pending.as_ref(), bytes.as_ref()].concat().into();
            }
        }
        self.outgoing.drain(&self.process, &file).await;
        self.failure()
    }

    async fn cancel(&mut self) {
        // The stream is dropped: what it took goes out first.
        if let (Source::Open(_), Ok(file)) = (&self.source, self.file()) {
            self.outgoing.drain(&self.process, &file).await;
        }
    }

    async fn write_ready(&mut self) -> StreamResult<usize> {
        let file = self.file()?;
        self.outgoing.drain(&self.process, &file).await;
        self.failure()?;
        Ok(MAX_PENDING)
    }
}
