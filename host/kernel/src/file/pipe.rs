//! Pipes: a bounded queue of bytes between any number of writers and readers.
//!
//! The bound is what makes `yes | head -1` end and a slow reader slow its writer down. Chunks pass through without
//! being copied: a writer's `Bytes` is what the reader gets. Small writes are gathered into one chunk, so that a
//! guest that writes byte by byte cannot make the host hold an allocation a byte.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use coracle_vfs::Errno;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::Process;
use crate::wait;

/// Bytes a pipe holds (Linux's default, and the contract's).
pub const PIPE_CAPACITY: usize = 65_536;
/// Writes up to this size go in whole or not at all (POSIX `PIPE_BUF`, Linux's value).
pub const PIPE_BUF: usize = 4_096;
/// Pipes of one container that have the full capacity.
const FULL_PIPES: usize = 1_024;
/// Writes below this are copied together; above, passed on as they are.
const GATHER: usize = 2_048;

/// A pipe, apart from who has it open.
pub(crate) struct Pipe {
    state: Mutex<State>,
    /// Something came or the last writer went.
    filled: Notify,
    /// Room came or the last reader went.
    drained: Notify,
    /// A writer or reader came: what opening a fifo waits for.
    opened: Notify,
    capacity: usize,
    /// The number in `pipe:[N]`.
    pub(crate) number: u64,
    /// The count of its container's pipes that it is part of.
    counted: Option<Arc<AtomicUsize>>,
}

#[derive(Default)]
struct State {
    chunks: VecDeque<Bytes>,
    /// Small writes not yet made a chunk; behind all of `chunks`.
    gathered: BytesMut,
    length: usize,
    readers: usize,
    writers: usize,
    /// How often either side was opened: an open that waits for its other side is let go by one that came and went.
    readers_ever: u64,
    writers_ever: u64,
}

impl State {
    fn partners_ever(&self, reader: bool) -> u64 {
        if reader { self.writers_ever } else { self.readers_ever }
    }

    fn push(&mut self, data: Bytes) {
        self.length += data.len();
        if data.len() < GATHER {
            if self.gathered.len() + data.len() > PIPE_BUF {
                let full = self.gathered.split().freeze();
                self.chunks.push_back(full);
            }
            self.gathered.extend_from_slice(&data);
        } else {
            if !self.gathered.is_empty() {
                let before = self.gathered.split().freeze();
                self.chunks.push_back(before);
            }
            self.chunks.push_back(data);
        }
    }

    /// Takes up to `max` bytes: one chunk as it is, or several small ones copied together.
    fn pull(&mut self, max: usize) -> Bytes {
        let max = max.min(self.length);
        let taken = match self.chunks.front_mut() {
            None => self.gathered.split_to(max.min(self.gathered.len())).freeze(),
            Some(front) if front.len() > max => front.split_to(max),
            // A chunk of decent size goes alone: copying it with the next would cost more than another read.
            Some(front) if front.len() == max || front.len() >= PIPE_BUF * 2 => {
                self.chunks.pop_front().unwrap_or_default()
            }
            Some(_) => {
                let mut joined = BytesMut::with_capacity(max);
                while joined.len() < max {
                    let wanted = max - joined.len();
                    match self.chunks.front_mut() {
                        Some(front) if front.len() > wanted => joined.extend_from_slice(&front.split_to(wanted)),
                        Some(_) => joined.extend_from_slice(&self.chunks.pop_front().unwrap_or_default()),
                        None => {
                            let part = wanted.min(self.gathered.len());
                            joined.extend_from_slice(&self.gathered.split_to(part));
                            break;
                        }
                    }
                }
                joined.freeze()
            }
        };
        self.length -= taken.len();
        taken
    }
}

impl Pipe {
    pub(crate) fn new(capacity: usize, number: u64) -> Pipe {
        Pipe {
            state: Mutex::default(),
            filled: Notify::new(),
            drained: Notify::new(),
            opened: Notify::new(),
            capacity: capacity.max(PIPE_BUF),
            number,
            counted: None,
        }
    }

    /// A pipe of a guest. Those beyond the first [`FULL_PIPES`] of a container hold only [`PIPE_BUF`] bytes, as Linux
    /// does past `pipe-user-pages-soft`, so that a guest cannot make the host hold gigabytes in pipes.
    pub(crate) fn counted(number: u64, count: &Arc<AtomicUsize>) -> Pipe {
        let before = count.fetch_add(1, Ordering::Relaxed);
        let capacity = if before < FULL_PIPES { PIPE_CAPACITY } else { PIPE_BUF };
        let mut pipe = Pipe::new(capacity, number);
        pipe.counted = Some(count.clone());
        pipe
    }

    pub(crate) fn add(&self, reader: bool, writer: bool) {
        let mut state = self.state.lock();
        if reader {
            state.readers += 1;
            state.readers_ever += 1;
        }
        if writer {
            state.writers += 1;
            state.writers_ever += 1;
        }
        drop(state);
        self.opened.notify_waiters();
    }

    pub(crate) fn remove(&self, reader: bool, writer: bool) {
        let mut state = self.state.lock();
        if reader {
            state.readers = state.readers.saturating_sub(1);
        }
        if writer {
            state.writers = state.writers.saturating_sub(1);
        }
        let (readers, writers) = (state.readers, state.writers);
        // Nobody can come back to an unnamed pipe, and a fifo forgets its bytes with its last descriptor.
        if readers == 0 && writers == 0 {
            state.chunks = VecDeque::new();
            state.gathered = BytesMut::new();
            state.length = 0;
        }
        drop(state);
        if reader && readers == 0 {
            self.drained.notify_waiters();
        }
        if writer && writers == 0 {
            self.filled.notify_waiters();
        }
    }

    pub(crate) fn try_read(&self, max: usize) -> Result<Bytes, Errno> {
        let mut state = self.state.lock();
        if max == 0 {
            return Ok(Bytes::new());
        }
        if state.length == 0 {
            return if state.writers == 0 { Ok(Bytes::new()) } else { Err(Errno::AGAIN) };
        }
        let room_before = self.capacity.saturating_sub(state.length);
        let data = state.pull(max);
        let room = self.capacity.saturating_sub(state.length);
        drop(state);
        if room_before < PIPE_BUF && room >= PIPE_BUF {
            self.drained.notify_waiters();
        }
        Ok(data)
    }

    /// Takes what fits; `EAGAIN` when nothing does, or when a write of at most [`PIPE_BUF`] does not fit whole.
    pub(crate) fn try_write(&self, data: &mut Bytes) -> Result<usize, Errno> {
        let mut state = self.state.lock();
        if state.readers == 0 {
            return Err(Errno::PIPE);
        }
        let room = self.capacity.saturating_sub(state.length);
        let wanted = data.len();
        if wanted == 0 {
            return Ok(0);
        }
        // Less than PIPE_BUF of room counts as full: readers then wake writers once per PIPE_BUF, not once per byte.
        if room < wanted.min(PIPE_BUF) {
            return Err(Errno::AGAIN);
        }
        let part = data.split_to(room.min(wanted));
        let taken = part.len();
        let was_empty = state.length == 0;
        state.push(part);
        drop(state);
        if was_empty {
            self.filled.notify_waiters();
        }
        Ok(taken)
    }

    /// Puts back what was read and could not be passed on; the bound may be exceeded by that much.
    pub(crate) fn unread(&self, data: Bytes) {
        if data.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        state.length += data.len();
        state.chunks.push_front(data);
        drop(state);
        self.filled.notify_waiters();
    }

    pub(crate) async fn read(&self, process: Option<&Process>, max: usize) -> Result<Bytes, Errno> {
        wait::until(process, &self.filled, || unless_again(self.try_read(max))).await
    }

    /// Writes all of `data`, unless a signal or the readers' end comes in between: then what was taken counts.
    pub(crate) async fn write(&self, process: Option<&Process>, mut data: Bytes) -> Result<usize, Errno> {
        let mut written = 0;
        loop {
            let step = wait::until(process, &self.drained, || unless_again(self.try_write(&mut data))).await;
            match step {
                Ok(taken) => written += taken,
                Err(_) if written > 0 => return Ok(written),
                Err(errno) => return Err(errno),
            }
            if data.is_empty() {
                return Ok(written);
            }
        }
    }

    pub(crate) fn is_readable(&self) -> bool {
        let state = self.state.lock();
        state.length > 0 || state.writers == 0
    }

    pub(crate) fn is_writable(&self) -> bool {
        let state = self.state.lock();
        self.capacity.saturating_sub(state.length) >= PIPE_BUF || state.readers == 0
    }

    pub(crate) async fn readable(&self) {
        wait::until_ready(&self.filled, || self.is_readable()).await;
    }

    pub(crate) async fn writable(&self) {
        wait::until_ready(&self.drained, || self.is_writable()).await;
    }

    /// Whether anybody has the reading side open.
    pub(crate) fn has_readers(&self) -> bool {
        self.state.lock().readers > 0
    }

    /// How often the side opposite to a reader's or writer's was opened.
    pub(crate) fn partners_ever(&self, reader: bool) -> u64 {
        self.state.lock().partners_ever(reader)
    }

    /// Waits until the other side of a fifo is open, or has been opened since `before` was counted (XSH open()).
    pub(crate) async fn partner(&self, process: Option<&Process>, reader: bool, before: u64) -> Result<(), Errno> {
        wait::until(process, &self.opened, || {
            let state = self.state.lock();
            let there = if reader { state.writers } else { state.readers };
            (there > 0 || state.partners_ever(reader) != before).then_some(Ok(()))
        })
        .await
    }

    /// Bytes waiting to be read.
    pub(crate) fn length(&self) -> usize {
        self.state.lock().length
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        if let Some(count) = &self.counted {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// `None` for `EAGAIN`: what the waiting loop takes for "not yet".
pub(crate) fn unless_again<T>(result: Result<T, Errno>) -> Option<Result<T, Errno>> {
    match result {
        Err(Errno::AGAIN) => None,
        other => Some(other),
    }
}
