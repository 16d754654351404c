//! `docker attach`: the streams of a container, before, while and after it runs.

use std::sync::Arc;

use bytes::Bytes;
use coracle_kernel::OpenFile;
use tokio::sync::{mpsc, watch};

use super::Container;
use super::state::Phase;
use crate::Engine;
use crate::detach::DetachKeys;
use crate::error::{Error, Result};
use crate::log::{LogQuery, LogReader, Stream, Tail};
use crate::streams::{Input, Piece};

/// A piece of what an attached client sees.
pub type Chunk = (Stream, Bytes);

/// The query of attach.
#[derive(Debug, Clone, Default)]
pub struct AttachOptions {
    /// First what was written before.
    pub logs: bool,
    /// Then what is written from now on.
    pub stream: bool,
    /// Send input.
    pub stdin: bool,
    /// See standard output.
    pub stdout: bool,
    /// See standard error.
    pub stderr: bool,
    /// Keys that leave; empty means ctrl-p,ctrl-q.
    pub detach_keys: String,
}

/// An attached client.
pub struct Attached {
    engine: Arc<Engine>,
    container: Arc<Container>,
    options: AttachOptions,
    /// The container has a terminal: one raw stream.
    pub tty: bool,
    keys: DetachKeys,
    past: Option<LogReader>,
    live: Option<mpsc::Receiver<Piece>>,
    input: watch::Receiver<Input>,
}

/// The two directions, to be driven at once.
pub struct AttachedOutput {
    options: AttachOptions,
    past: Option<LogReader>,
    queued: std::collections::VecDeque<Chunk>,
    live: Option<mpsc::Receiver<Piece>>,
}

/// Where an attached client's input goes.
pub struct AttachedInput {
    container: Arc<Container>,
    input: watch::Receiver<Input>,
    keys: Option<DetachKeys>,
    close: bool,
    began: u64,
}

impl Engine {
    /// Attaches. Everything written after this returns is seen.
    ///
    /// # Errors
    /// 404, 409 for a paused container, 400 for bad detach keys.
    pub fn container_attach(self: &Arc<Self>, name: &str, options: AttachOptions) -> Result<Attached> {
        let keys = DetachKeys::parse(&options.detach_keys)
            .map_err(|_| Error::Invalid(format!("Invalid detach keys ({}) provided", options.detach_keys)))?;
        let container = self.containers.find(name)?;
        match container.with_state(|state| state.phase) {
            Phase::Paused => {
                return Err(Error::Conflict(format!(
                    "container {name} is paused, unpause the container before attach"
                )));
            }
            Phase::Restarting => {
                return Err(Error::Conflict(format!(
                    "container {name} is restarting, wait until the container is running"
                )));
            }
            _ => {}
        }
        let spec = container.spec();
        let input = container.streams.input();
        let live = options.stream.then(|| container.streams.subscribe());
        let past = if options.logs {
            Some(container.log.read(LogQuery { tail: Tail::All, ..LogQuery::default() })?)
        } else {
            None
        };
        self.container_event(&container, "attach", &[]);
        Ok(Attached { engine: Arc::clone(self), tty: spec.config.tty, keys, past, live, input, options, container })
    }
}

impl Attached {
    /// Whether input is wanted and the container takes any.
    pub fn takes_input(&self) -> bool {
        self.options.stdin && self.options.stream && self.container.spec().config.open_stdin
    }

    /// Splits into the direction to the client and the one from it.
    pub fn split(self) -> (AttachedOutput, AttachedInput, DetachGuard) {
        let spec = self.container.spec();
        let began = self.input.borrow().run;
        let output =
            AttachedOutput { options: self.options, past: self.past, queued: Default::default(), live: self.live };
        let input = AttachedInput {
            container: Arc::clone(&self.container),
            input: self.input,
            keys: spec.config.tty.then_some(self.keys),
            close: spec.config.stdin_once && !spec.config.tty,
            began,
        };
        (output, input, DetachGuard { engine: self.engine, container: self.container })
    }
}

/// Says that a client has left with the detach keys.
pub struct DetachGuard {
    engine: Arc<Engine>,
    container: Arc<Container>,
}

impl DetachGuard {
    /// The client typed the detach keys.
    pub fn detached(&self) {
        self.engine.container_event(&self.container, "detach", &[]);
    }
}

impl AttachedOutput {
    /// The next piece; `None` at the end of the run.
    pub async fn next(&mut self) -> Option<Chunk> {
        loop {
            if let Some(chunk) = self.queued.pop_front() {
                return Some(chunk);
            }
            if let Some(past) = self.past.as_mut() {
                match past.next().await {
                    Some(batch) => {
                        self.queued.extend(
                            batch
                                .into_iter()
                                .filter(|entry| wants(&self.options, entry.stream))
                                .map(|entry| (entry.stream, Bytes::from(entry.text))),
                        );
                    }
                    None => self.past = None,
                }
                continue;
            }
            let (stream, data) = self.live.as_mut()?.recv().await?;
            if wants(&self.options, stream) {
                return Some((stream, data));
            }
        }
    }
}

fn wants(options: &AttachOptions, stream: Stream) -> bool {
    match stream {
        Stream::Stdout => options.stdout,
        Stream::Stderr => options.stderr,
    }
}

/// Why input ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputEnd {
    /// The detach keys were typed.
    Detached,
    /// The container takes no more.
    Closed,
}

impl AttachedInput {
    /// Writes what the client sent, waiting for the container to start and to
    /// read. `Err` says why there is no point in sending more.
    ///
    /// # Errors
    /// [`InputEnd`].
    pub async fn write(&mut self, data: Bytes) -> Result<(), InputEnd> {
        let (data, detached) = match self.keys.as_mut() {
            Some(keys) => keys.scan(&data),
            None => (data, false),
        };
        if !data.is_empty() {
            let file = self.file().await.ok_or(InputEnd::Closed)?;
            write_all(&file, data).await.map_err(|_| InputEnd::Closed)?;
        }
        if detached { Err(InputEnd::Detached) } else { Ok(()) }
    }

    /// The client sends no more.
    pub async fn end(&mut self) {
        if self.close && self.file().await.is_some() {
            self.container.streams.close_input();
        }
    }

    /// The input of the run this client attached to, once it has begun.
    async fn file(&mut self) -> Option<Arc<OpenFile>> {
        let running = self.input.borrow().file.is_some();
        if running && self.began == 0 {
            self.began = self.input.borrow().run;
        }
        let began = self.began;
        let waiting = !running && began == self.input.borrow().run;
        if waiting {
            // Not begun: wait for the next run. An ended one is known by the closed output.
            let input = self.input.wait_for(|input| input.run > began && input.file.is_some()).await.ok()?;
            let (run, file) = (input.run, input.file.clone());
            drop(input);
            self.began = run;
            return file;
        }
        let input = self.input.borrow();
        (input.run == began).then(|| input.file.clone()).flatten()
    }
}

/// Writes everything, however small the pipe.
async fn write_all(file: &OpenFile, mut data: Bytes) -> coracle_kernel::Result<()> {
    while !data.is_empty() {
        let written = file.write(None, data.clone()).await?;
        if written == 0 {
            return Err(coracle_kernel::Errno::PIPE);
        }
        let _ = data.split_to(written.min(data.len()));
    }
    Ok(())
}
