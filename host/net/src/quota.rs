//! Bounds of one stack. Nothing here ever waits: a socket over the count is refused at once,
//! and a queue over the byte budget shrinks to a floor that every queue keeps, so that
//! connections of one container cannot dead-lock one another by filling a shared budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::ErrorCode;

/// What one container may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Sockets, connections waiting to be accepted included.
    pub sockets: usize,
    /// Bytes queued for it beyond the 16 KiB that every queue may always hold.
    pub buffered_bytes: usize,
}

impl Default for Quota {
    fn default() -> Self {
        Self { sockets: 16_384, buffered_bytes: 256 << 20 }
    }
}

/// What one container holds.
#[derive(Debug)]
pub(crate) struct Usage {
    quota: Quota,
    sockets: AtomicUsize,
    bytes: AtomicUsize,
}

impl Usage {
    pub(crate) fn new(quota: Quota) -> Arc<Self> {
        Arc::new(Self { quota, sockets: AtomicUsize::new(0), bytes: AtomicUsize::new(0) })
    }

    /// Counts one more socket until the answer is dropped.
    pub(crate) fn socket(self: &Arc<Self>) -> Result<SocketPermit, ErrorCode> {
        if self.sockets.fetch_add(1, Ordering::Relaxed) >= self.quota.sockets {
            self.sockets.fetch_sub(1, Ordering::Relaxed);
            return Err(ErrorCode::NewSocketLimit);
        }
        Ok(SocketPermit(self.clone()))
    }

    pub(crate) fn bytes_left(&self) -> usize {
        self.quota.buffered_bytes.saturating_sub(self.bytes.load(Ordering::Relaxed))
    }

    pub(crate) fn add_bytes(&self, count: usize) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn remove_bytes(&self, count: usize) {
        self.bytes.fetch_sub(count, Ordering::Relaxed);
    }
}

/// One counted socket.
#[derive(Debug)]
pub(crate) struct SocketPermit(Arc<Usage>);

impl Drop for SocketPermit {
    fn drop(&mut self) {
        self.0.sockets.fetch_sub(1, Ordering::Relaxed);
    }
}
