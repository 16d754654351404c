//! The controlling side of a pseudo-terminal: what a person types goes in, what programs show comes out.
//!
//! Dropping it hangs the terminal up.

use std::sync::{Arc, Weak};

use bytes::Bytes;

use super::{Size, Terminal};
use crate::file::unless_again;
use crate::{Container, Errno, Process, Result, wait};

/// The controlling side of a pseudo-terminal. The engine holds it for `docker run -t`; a program gets one by opening
/// `/dev/ptmx`.
pub struct Pty {
    terminal: Arc<Terminal>,
}

impl Pty {
    pub(crate) fn new(container: Weak<Container>, number: u32, size: Size) -> (Arc<Pty>, Arc<Terminal>) {
        let terminal = Arc::new(Terminal::new(container, number, size));
        (Arc::new(Pty { terminal: terminal.clone() }), terminal)
    }

    /// The terminal it controls.
    pub fn terminal(&self) -> &Arc<Terminal> {
        &self.terminal
    }

    /// What programs showed; empty once nobody has the terminal open any more.
    pub async fn read(&self, max: usize) -> Result<Bytes> {
        match self.read_as(None, max).await {
            Err(Errno::IO) => Ok(Bytes::new()),
            answer => answer,
        }
    }

    /// Types `data`; waits while programs do not read. Answers how much was taken: less than given only when nobody
    /// has the terminal open any more.
    pub async fn write(&self, data: Bytes) -> Result<usize> {
        self.write_as(None, data).await
    }

    /// Changes the size; SIGWINCH tells the foreground group.
    pub fn resize(&self, size: Size) {
        self.terminal.set_size(size);
    }

    /// As `read`, but `EIO` where nobody has the terminal open, which is what programs look for.
    pub(crate) async fn read_as(&self, process: Option<&Process>, max: usize) -> Result<Bytes> {
        wait::until(process, &self.terminal.written, || unless_again(self.try_read(max))).await
    }

    pub(crate) fn try_read(&self, max: usize) -> Result<Bytes> {
        if max == 0 {
            return Ok(Bytes::new());
        }
        let mut state = self.terminal.state.lock();
        let data = state.discipline.take_output(max);
        if data.is_empty() {
            // Held output is shown no more once nobody is there to ask for it.
            return Err(if state.was_open && state.open == 0 { Errno::IO } else { Errno::AGAIN });
        }
        let room = state.discipline.has_output_room();
        drop(state);
        if room {
            self.terminal.shown.notify_waiters();
        }
        Ok(data)
    }

    pub(crate) async fn write_as(&self, process: Option<&Process>, data: Bytes) -> Result<usize> {
        let mut written = 0;
        loop {
            let rest = data.get(written..).unwrap_or_default();
            let step = wait::until(process, &self.terminal.taken, || unless_again(self.try_write(rest))).await;
            match step {
                Ok(taken) => written += taken,
                Err(_) if written > 0 => return Ok(written),
                Err(errno) => return Err(errno),
            }
            if written >= data.len() {
                return Ok(written);
            }
        }
    }

    pub(crate) fn try_write(&self, data: &[u8]) -> Result<usize> {
        let mut signals = Vec::new();
        let mut state = self.terminal.state.lock();
        let taken = state.discipline.input(data, &mut signals);
        let foreground = state.foreground;
        let closed = state.was_open && state.open == 0;
        drop(state);
        if taken > 0 {
            self.terminal.typed.notify_waiters();
            // Echo, or output that was held or discarded.
            self.terminal.written.notify_waiters();
            self.terminal.shown.notify_waiters();
        }
        for signal in signals {
            self.terminal.signal(foreground, signal);
        }
        match taken {
            0 if data.is_empty() => Ok(0),
            0 if closed => Err(Errno::IO),
            0 => Err(Errno::AGAIN),
            taken => Ok(taken),
        }
    }

    pub(crate) fn unread(&self, data: Bytes) {
        self.terminal.state.lock().discipline.untake_output(&data);
        self.terminal.written.notify_waiters();
    }

    pub(crate) fn is_readable(&self) -> bool {
        let state = self.terminal.state.lock();
        state.discipline.has_output() || (state.was_open && state.open == 0)
    }

    pub(crate) async fn readable(&self) {
        wait::until_ready(&self.terminal.written, || self.is_readable()).await;
    }

    pub(crate) fn is_writable(&self) -> bool {
        let state = self.terminal.state.lock();
        !state.discipline.is_input_full() || (state.was_open && state.open == 0)
    }

    pub(crate) async fn writable(&self) {
        wait::until_ready(&self.terminal.taken, || self.is_writable()).await;
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        self.terminal.hang_up();
    }
}
