//! The shell's descriptors: numbers and the open files behind them, redirected
//! without system calls, because a child gets the whole map when it is spawned.
//!
//! A command substitution that runs in this process writes into a capture: a
//! buffer, to which a pipe is added once an external command needs one.

use coracle_sdk::poll::{self, Source};
use coracle_sdk::{Errno, File, Result};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What is behind a descriptor.
#[derive(Debug)]
pub enum Stream {
    /// An open file.
    File(File),
    /// The output of a command substitution.
    Capture(Capture),
}

/// Collects output.
#[derive(Debug, Default)]
pub struct Capture {
    state: RefCell<CaptureState>,
}

#[derive(Debug, Default)]
struct CaptureState {
    data: Vec<u8>,
    reader: Option<Rc<File>>,
    writer: Option<Rc<File>>,
}

/// More output than this of one substitution is refused.
const CAPTURE_LIMIT: usize = 1 << 30;

impl Capture {
    /// Appends what a builtin writes.
    fn write(&self, contents: &[u8]) -> Result<()> {
        self.drain(false)?;
        let mut state = self.state.borrow_mut();
        if state.data.len() + contents.len() > CAPTURE_LIMIT {
            return Err(Errno::NOSPC);
        }
        state.data.extend_from_slice(contents);
        Ok(())
    }

    /// The writing end for a child.
    pub fn writer(&self) -> Result<Rc<File>> {
        let mut state = self.state.borrow_mut();
        if let Some(writer) = &state.writer {
            return Ok(writer.clone());
        }
        let (reader, writer) = coracle_sdk::pipe()?;
        let writer = Rc::new(writer);
        state.reader = Some(Rc::new(reader));
        state.writer = Some(writer.clone());
        Ok(writer)
    }

    /// Whether children may write into it.
    pub fn is_piped(&self) -> bool {
        self.state.borrow().reader.is_some()
    }

    /// The reading end, if there is a pipe.
    pub fn reader(&self) -> Option<Rc<File>> {
        self.state.borrow().reader.clone()
    }

    /// Takes what is in the pipe; with `to_end` until nobody can write any
    /// more. `EINTR` when a signal came.
    pub fn drain(&self, to_end: bool) -> Result<()> {
        loop {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            let Some(reader) = &state.reader else { return Ok(()) };
            if to_end {
                state.writer = None;
            } else if !poll::wait(&[Source::Readable(reader)], Some(std::time::Duration::ZERO))?
                .first()
                .copied()
                .unwrap_or(false)
            {
                return Ok(());
            }
            let chunk = reader.read_some(1 << 16)?;
            if chunk.is_empty() {
                if to_end {
                    state.reader = None;
                }
                return Ok(());
            }
            if state.data.len() + chunk.len() > CAPTURE_LIMIT {
                return Err(Errno::NOSPC);
            }
            state.data.extend_from_slice(&chunk);
        }
    }

    /// What was collected.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.state.borrow_mut().data)
    }
}

/// A descriptor's file as a child gets it.
#[derive(Debug, Clone)]
pub enum Handle {
    /// Through the table.
    Stream(Rc<Stream>),
    /// A pipe's end.
    File(Rc<File>),
}

impl Handle {
    /// The open file.
    pub fn file(&self) -> Option<&File> {
        match self {
            Self::Stream(stream) => match stream.as_ref() {
                Stream::File(file) => Some(file),
                Stream::Capture(_) => None,
            },
            Self::File(file) => Some(file),
        }
    }
}

/// The table of descriptors.
#[derive(Debug, Clone, Default)]
pub struct Files {
    entries: Rc<BTreeMap<u32, Rc<Stream>>>,
}

/// The greatest descriptor plus one.
pub const DESCRIPTOR_LIMIT: u32 = 1024;

impl Files {
    /// Puts a file at a number; answers what was there.
    pub fn set(&mut self, number: u32, stream: Option<Rc<Stream>>) -> Option<Rc<Stream>> {
        let entries = Rc::make_mut(&mut self.entries);
        match stream {
            Some(stream) => entries.insert(number, stream),
            None => entries.remove(&number),
        }
    }

    /// What is at a number.
    pub fn get(&self, number: u32) -> Option<&Rc<Stream>> {
        self.entries.get(&number)
    }

    /// The open file at a number; a capture is none.
    pub fn file(&self, number: u32) -> Option<&File> {
        match self.entries.get(&number)?.as_ref() {
            Stream::File(file) => Some(file),
            Stream::Capture(_) => None,
        }
    }

    /// The lowest free number not below `from`.
    pub fn free(&self, from: u32) -> u32 {
        (from..).find(|number| !self.entries.contains_key(number)).unwrap_or(from)
    }

    /// Writes all of `contents`.
    pub fn write(&self, number: u32, contents: &[u8]) -> Result<()> {
        match self.entries.get(&number).map(Rc::as_ref) {
            None => Err(Errno::BADF),
            Some(Stream::Capture(capture)) => capture.write(contents),
            Some(Stream::File(file)) => {
                if contents.is_empty() {
                    Ok(())
                } else {
                    file.write_full(contents)
                }
            }
        }
    }

    /// Every descriptor for a child.
    pub fn handles(&self) -> Result<Vec<(u32, Handle)>> {
        let mut handles = Vec::with_capacity(self.entries.len());
        for (number, stream) in self.entries.iter() {
            handles.push((
                *number,
                match stream.as_ref() {
                    Stream::File(_) => Handle::Stream(stream.clone()),
                    Stream::Capture(capture) => Handle::File(capture.writer()?),
                },
            ));
        }
        Ok(handles)
    }

    /// Every open descriptor.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        self.entries.keys().copied()
    }
}
