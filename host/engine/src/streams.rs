//! The output of a container, on its way to everybody who attached, and their input.
//!
//! Every attached client has a queue of 32 chunks. When one is full, the pump
//! waits: the container's own pipe fills and the process blocks, as with dockerd.
//! So nothing is lost and nothing grows. A client that has gone is dropped.

use std::sync::Arc;

use bytes::Bytes;
use coracle_kernel::{OpenFile, Pty};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use crate::log::{ContainerLog, Stream};

/// Chunks a client may be behind.
const QUEUE: usize = 32;
/// The largest chunk.
const CHUNK: usize = 32 * 1024;

/// A piece of output.
pub type Piece = (Stream, Bytes);

/// Where a run takes its input.
#[derive(Clone, Default)]
pub(crate) struct Input {
    /// Which run; a client that attached for one must not feed the next.
    pub run: u64,
    /// The pipe or terminal; `None` before the start and after its end was closed.
    pub file: Option<Arc<OpenFile>>,
    /// To resize.
    pub pty: Option<Arc<Pty>>,
}

/// Who attached to one run (or to the next one, before it begins).
#[derive(Default)]
pub(crate) struct Clients {
    senders: Mutex<Vec<mpsc::Sender<Piece>>>,
}

/// The streams of one container, over all its runs.
pub(crate) struct Streams {
    clients: Mutex<Arc<Clients>>,
    input: watch::Sender<Input>,
}

impl Default for Streams {
    fn default() -> Self {
        Self { clients: Mutex::default(), input: watch::Sender::new(Input::default()) }
    }
}

impl Streams {
    /// A new client: everything that is written from now until the end of the run.
    pub fn subscribe(&self) -> mpsc::Receiver<Piece> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        self.clients.lock().senders.lock().push(sender);
        receiver
    }

    /// Where input goes, now and later.
    pub fn input(&self) -> watch::Receiver<Input> {
        self.input.subscribe()
    }

    /// A run begins: the clients its output goes to.
    pub fn begin(&self, file: Option<Arc<OpenFile>>, pty: Option<Arc<Pty>>) -> Arc<Clients> {
        self.input.send_modify(|input| {
            input.run += 1;
            input.file = file;
            input.pty = pty;
        });
        Arc::clone(&self.clients.lock())
    }

    /// Closes the container's standard input.
    pub fn close_input(&self) {
        self.input.send_modify(|input| input.file = None);
    }

    /// The run has ended: who subscribes from now on waits for the next one.
    /// The clients of this one see the end when its pump lets go of them.
    pub fn end(&self) {
        *self.clients.lock() = Arc::default();
        self.input.send_modify(|input| {
            input.file = None;
            input.pty = None;
        });
    }

    /// The container is gone: nobody waits for another run.
    pub fn close(&self) {
        self.clients.lock().senders.lock().clear();
        self.end();
    }

    /// The terminal of the present run.
    pub fn terminal(&self) -> Option<Arc<Pty>> {
        self.input.borrow().pty.clone()
    }
}

impl Clients {
    /// Brings everything that comes out of `source` to the log and to the clients, until its end.
    pub async fn pump(&self, stream: Stream, source: &OpenFile, log: &ContainerLog) {
        // The end of a pipe is an empty read, that of a terminal an error.
        while let Ok(data) = source.read(None, CHUNK).await {
            if data.is_empty() {
                break;
            }
            log.write(stream, &data);
            self.deliver(stream, data).await;
        }
    }

    async fn deliver(&self, stream: Stream, data: Bytes) {
        let mut gone = false;
        let mut full = Vec::new();
        for client in self.senders.lock().iter() {
            match client.try_send((stream, data.clone())) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Closed(_)) => gone = true,
                Err(mpsc::error::TrySendError::Full(_)) => full.push(client.clone()),
            }
        }
        for client in full {
            gone |= client.send((stream, data.clone())).await.is_err();
        }
        if gone {
            self.senders.lock().retain(|client| !client.is_closed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_client_holds_the_writer_and_loses_nothing() {
        let streams = Streams::default();
        let mut slow = streams.subscribe();
        let mut quick = streams.subscribe();
        let pump = {
            let clients = streams.begin(None, None);
            streams.end();
            tokio::spawn(async move {
                for number in 0..200u32 {
                    clients.deliver(Stream::Stdout, Bytes::copy_from_slice(&number.to_be_bytes())).await;
                }
            })
        };
        let reader = tokio::spawn(async move {
            let mut count = 0;
            while quick.recv().await.is_some() {
                count += 1;
            }
            count
        });
        let mut next = 0u32;
        while let Some((_, data)) = slow.recv().await {
            assert_eq!(data.as_ref(), next.to_be_bytes());
            next += 1;
            tokio::task::yield_now().await;
        }
        pump.await.unwrap();
        assert_eq!((next, reader.await.unwrap()), (200, 200));
    }

    #[tokio::test]
    async fn a_client_that_left_is_forgotten() {
        let streams = Streams::default();
        drop(streams.subscribe());
        let clients = streams.begin(None, None);
        clients.deliver(Stream::Stdout, Bytes::from_static(b"x")).await;
        assert!(clients.senders.lock().is_empty());
    }
}
