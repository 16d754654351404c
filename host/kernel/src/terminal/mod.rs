//! Terminals (POSIX XBD 11): pseudo-terminals, their line discipline, and job control.
//!
//! [`Terminal`] is what a program has open, [`Pty`] the controlling side that a person, the engine or another program
//! holds. Between them is the pure [`discipline`]; this file puts a lock and wake-ups around it and knows the session
//! it belongs to.

mod discipline;
mod output;
mod pty;
mod termios;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use discipline::Discipline;
pub use pty::Pty;
use termios::{ICANON, TOSTOP};
pub use termios::{SetWhen, Size, Termios};

use crate::file::unless_again;
use crate::process::Origin;
use crate::{Container, Errno, Process, Result, Signal, wait};

/// A terminal.
pub struct Terminal {
    number: u32,
    container: Weak<Container>,
    state: Mutex<State>,
    /// Something was typed, or hung up: readers look again.
    typed: Notify,
    /// The controlling side took output: writers look again.
    shown: Notify,
    /// There is output, or the last terminal side closed: the controlling side's readers look again.
    written: Notify,
    /// A program read: the controlling side's writers look again.
    taken: Notify,
}

#[derive(Default)]
struct State {
    discipline: Discipline,
    size: Size,
    session: Option<u32>,
    foreground: Option<u32>,
    /// How many descriptions of the terminal side are open, and whether there ever was one.
    open: usize,
    was_open: bool,
    /// The controlling side is gone.
    hung_up: bool,
}

impl Terminal {
    fn new(container: Weak<Container>, number: u32, size: Size) -> Terminal {
        Terminal {
            number,
            container,
            state: Mutex::new(State { size, ..State::default() }),
            typed: Notify::new(),
            shown: Notify::new(),
            written: Notify::new(),
            taken: Notify::new(),
        }
    }

    /// N of `/dev/pts/N`.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// ttyname(): `/dev/pts/N`.
    pub fn name(&self) -> Vec<u8> {
        format!("/dev/pts/{}", self.number).into_bytes()
    }

    pub(crate) fn short_name(&self) -> String {
        format!("pts/{}", self.number)
    }

    /// tcgetattr()
    pub fn attributes(&self) -> Termios {
        *self.state.lock().discipline.termios()
    }

    /// tcsetattr(). From the background it raises SIGTTOU first. Output counts as passed on once it is queued for the
    /// controlling side, as on Linux's pseudo-terminals, and it has been processed by then: so there is nothing to wait
    /// for with [`SetWhen::Drain`].
    pub async fn set_attributes(
        self: &Arc<Self>,
        process: Option<&Process>,
        attributes: Termios,
        when: SetWhen,
    ) -> Result<()> {
        if let Some(process) = process {
            process.check_background(self, Signal::TTOU).await?;
        }
        let mut state = self.state.lock();
        if when == SetWhen::Flush {
            state.discipline.flush_input();
        }
        state.discipline.set_termios(attributes);
        drop(state);
        // What was typed may have become readable or no longer fill the input; held output may have been let go.
        self.typed.notify_waiters();
        self.taken.notify_waiters();
        self.written.notify_waiters();
        Ok(())
    }

    /// TIOCGWINSZ
    pub fn size(&self) -> Size {
        self.state.lock().size
    }

    /// TIOCSWINSZ: raises SIGWINCH in the foreground group when it changes something.
    pub fn set_size(&self, size: Size) {
        let mut state = self.state.lock();
        if std::mem::replace(&mut state.size, size) == size {
            return;
        }
        let foreground = state.foreground;
        drop(state);
        self.signal(foreground, Signal::WINCH);
    }

    /// The foreground process group, if there is a session.
    pub fn foreground(&self) -> Option<u32> {
        self.state.lock().foreground
    }

    /// The session whose controlling terminal it is.
    pub fn session(&self) -> Option<u32> {
        self.state.lock().session
    }

    pub(crate) fn set_foreground(&self, group: u32) {
        self.state.lock().foreground = Some(group);
    }

    /// Becomes the controlling terminal of `session`, unless it is another's.
    pub(crate) fn attach(&self, session: u32, group: u32) -> bool {
        let mut state = self.state.lock();
        if state.session.is_some_and(|other| other != session) || state.hung_up {
            return false;
        }
        state.session = Some(session);
        state.foreground = Some(group);
        true
    }

    pub(crate) fn detach(&self, session: u32) {
        let mut state = self.state.lock();
        if state.session == Some(session) {
            state.session = None;
            state.foreground = None;
        }
    }

    fn signal(&self, group: Option<u32>, signal: Signal) {
        if let (Some(container), Some(group)) = (self.container.upgrade(), group) {
            container.signal_group(group, signal, Origin::Kernel);
        }
    }

    pub(crate) fn opened(&self) {
        let mut state = self.state.lock();
        state.open += 1;
        state.was_open = true;
    }

    pub(crate) fn closed(&self) {
        let mut state = self.state.lock();
        state.open = state.open.saturating_sub(1);
        let last = state.open == 0;
        if last {
            state.discipline.release();
        }
        drop(state);
        if last {
            self.written.notify_waiters();
            self.taken.notify_waiters();
        }
    }

    pub(crate) fn stops_background_output(&self) -> bool {
        self.state.lock().discipline.termios().local(TOSTOP)
    }

    /// Blocks until the mode says that there is enough. `EAGAIN` when `process` has come into the background meanwhile.
    pub(crate) async fn read(self: &Arc<Self>, process: Option<&Process>, max: usize) -> Result<Bytes> {
        let (canonical, min, time) = {
            let state = self.state.lock();
            let (min, time) = state.discipline.min_and_time();
            (state.discipline.termios().local(ICANON), min, Duration::from_millis(time * 100))
        };
        if canonical || (min <= 1 && (min == 1 || time.is_zero())) {
            // One byte or one line ends the wait; MIN = TIME = 0 never waits.
            return self.when(process, || unless_again(self.try_read(max))).await;
        }
        let enough = min.max(1).min(max.max(1));
        if time.is_zero() {
            self.when(process, || self.count_if(enough)).await?;
            return self.try_read(max);
        }
        if min == 0 {
            let read = self.when(process, || unless_again(self.try_read(max)));
            return tokio::time::timeout(time, read).await.unwrap_or(Ok(Bytes::new()));
        }
        // The timer runs between bytes and starts with the first.
        let mut seen = self.when(process, || self.count_if(1)).await?;
        while seen < enough {
            let wanted = seen + 1;
            let more = self.when(process, || self.count_if(wanted));
            match tokio::time::timeout(time, more).await {
                Ok(Ok(count)) if count >= wanted => seen = count,
                _ => break,
            }
        }
        self.try_read(max)
    }

    async fn when<T>(
        self: &Arc<Self>,
        process: Option<&Process>,
        mut attempt: impl FnMut() -> Option<Result<T>>,
    ) -> Result<T> {
        wait::until(process, &self.typed, || {
            if process.is_some_and(|process| process.is_in_background(self)) {
                return Some(Err(Errno::AGAIN));
            }
            attempt()
        })
        .await
    }

    /// How many bytes are there, once there are `enough`, or nothing will come any more.
    fn count_if(&self, enough: usize) -> Option<Result<usize>> {
        let state = self.state.lock();
        let count = state.discipline.available();
        (state.hung_up || count >= enough).then_some(Ok(count))
    }

    pub(crate) fn try_read(&self, max: usize) -> Result<Bytes> {
        let mut state = self.state.lock();
        let data = match state.discipline.read(max) {
            Some(data) => data,
            None if state.hung_up => return Ok(Bytes::new()),
            None if !state.discipline.termios().local(ICANON) && state.discipline.min_and_time() == (0, 0) => {
                return Ok(Bytes::new());
            }
            None => return Err(Errno::AGAIN),
        };
        let room = !state.discipline.is_input_full();
        drop(state);
        if room {
            self.taken.notify_waiters();
        }
        Ok(data)
    }

    pub(crate) fn unread(&self, data: Bytes) {
        self.state.lock().discipline.unread(&data);
        self.typed.notify_waiters();
    }

    pub(crate) async fn write(&self, process: Option<&Process>, data: Bytes) -> Result<usize> {
        let mut written = 0;
        loop {
            let rest = data.get(written..).unwrap_or_default();
            let step = wait::until(process, &self.shown, || unless_again(self.try_write(rest))).await;
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
        let mut state = self.state.lock();
        if state.hung_up {
            return Err(Errno::IO);
        }
        let taken = state.discipline.output(data);
        drop(state);
        if taken == 0 && !data.is_empty() {
            return Err(Errno::AGAIN);
        }
        self.written.notify_waiters();
        Ok(taken)
    }

    pub(crate) fn is_readable(&self) -> bool {
        let state = self.state.lock();
        state.hung_up || state.discipline.is_readable()
    }

    pub(crate) async fn readable(&self) {
        wait::until_ready(&self.typed, || self.is_readable()).await;
    }

    pub(crate) fn is_writable(&self) -> bool {
        let state = self.state.lock();
        state.hung_up || state.discipline.has_output_room()
    }

    pub(crate) async fn writable(&self) {
        wait::until_ready(&self.shown, || self.is_writable()).await;
    }

    /// The controlling side is gone: the session is told, reads see end of file and writes fail from here on.
    fn hang_up(&self) {
        let mut state = self.state.lock();
        state.hung_up = true;
        state.discipline.flush_input();
        let session = state.session.take();
        let foreground = state.foreground.take();
        drop(state);
        self.typed.notify_waiters();
        self.shown.notify_waiters();
        let (Some(container), Some(session)) = (self.container.upgrade(), session) else { return };
        let leader = {
            let mut table = container.table.lock();
            table.set_terminal(session, None);
            table.get(session).filter(|entry| entry.ended.is_none()).map(|entry| (entry.process.clone(), entry.group))
        };
        if let Some((leader, group)) = leader {
            // Its group is told below if it is the foreground one.
            if foreground != Some(group) {
                leader.deliver(Signal::HUP, Origin::Kernel);
                leader.deliver(Signal::CONT, Origin::Kernel);
            }
        }
        self.signal(foreground, Signal::HUP);
        self.signal(foreground, Signal::CONT);
    }
}
