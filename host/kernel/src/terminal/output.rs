//! The screen's side of a terminal: output processing (OPOST) and the queue the controlling side reads from.

use bytes::{Bytes, BytesMut};

use super::discipline::is_continuation;
use super::termios::{IUTF8, OCRNL, OLCUC, ONLCR, ONLRET, ONOCR, OPOST, TABDLY, Termios, XTABS};

/// Bytes of output that may wait before a writing program has to.
const QUEUE_MAX: usize = 65_536;
/// Room beyond that for echo, which must not make the person at the keyboard wait: a program that floods the screen
/// could not be interrupted otherwise. Echo beyond that is lost.
const ECHO_MAX: usize = 4_096;

#[derive(Default)]
pub(crate) struct Screen {
    queue: BytesMut,
    column: usize,
}

impl Screen {
    pub(crate) fn column(&self) -> usize {
        self.column
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.queue.len() < QUEUE_MAX
    }

    /// Processes program output while there is room; answers how much was taken. One byte may become eight.
    pub(crate) fn write(&mut self, data: &[u8], termios: &Termios) -> usize {
        let mut taken = 0;
        while let Some(rest) = data.get(taken..).filter(|rest| !rest.is_empty()) {
            let Some(room) = QUEUE_MAX.checked_sub(self.queue.len()).filter(|room| *room > 0) else { break };
            // Long stretches of plain text are copied at once.
            let plain = if termios.output(OPOST) && !termios.output(OLCUC) {
                let limit = rest.len().min(room);
                rest.iter().take(limit).position(|byte| !(b' '..=b'~').contains(byte)).unwrap_or(limit)
            } else if termios.output(OPOST) {
                0
            } else {
                rest.len().min(room)
            };
            match (rest.get(..plain), rest.first()) {
                (Some(stretch), _) if plain > 0 => {
                    self.queue.extend_from_slice(stretch);
                    self.column += plain;
                    taken += plain;
                }
                (_, Some(byte)) => {
                    self.process(*byte, termios);
                    taken += 1;
                }
                _ => break,
            }
        }
        taken
    }

    /// Shows one byte of echo.
    pub(crate) fn write_byte(&mut self, byte: u8, termios: &Termios) {
        if self.queue.len() < QUEUE_MAX + ECHO_MAX {
            self.process(byte, termios);
        }
    }

    /// Shows bytes that do not move the cursor.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        if self.queue.len() < QUEUE_MAX + ECHO_MAX {
            self.queue.extend_from_slice(bytes);
        }
    }

    /// Takes one column back, blanking it or (in a tab) just moving over it.
    pub(crate) fn rub_out(&mut self, blank: bool) {
        self.raw(if blank { b"\x08 \x08" } else { b"\x08" });
        self.column = self.column.saturating_sub(1);
    }

    fn process(&mut self, byte: u8, termios: &Termios) {
        if !termios.output(OPOST) {
            self.queue.extend_from_slice(&[byte]);
            return;
        }
        match byte {
            b'\n' => {
                if termios.output(ONLCR) {
                    self.queue.extend_from_slice(b"\r");
                }
                if termios.output(ONLCR | ONLRET) {
                    self.column = 0;
                }
                self.queue.extend_from_slice(b"\n");
            }
            b'\r' if termios.output(ONOCR) && self.column == 0 => {}
            b'\r' if termios.output(OCRNL) => {
                if termios.output(ONLRET) {
                    self.column = 0;
                }
                self.queue.extend_from_slice(b"\n");
            }
            b'\r' => {
                self.column = 0;
                self.queue.extend_from_slice(b"\r");
            }
            b'\t' => {
                let width = 8 - self.column % 8;
                self.column += width;
                if termios.output & TABDLY == XTABS {
                    self.queue.extend_from_slice(b"        ".get(..width).unwrap_or_default());
                } else {
                    self.queue.extend_from_slice(b"\t");
                }
            }
            b'\x08' => {
                self.column = self.column.saturating_sub(1);
                self.queue.extend_from_slice(&[byte]);
            }
            byte => {
                let shown = if termios.output(OLCUC) { byte.to_ascii_uppercase() } else { byte };
                let continues = termios.input(IUTF8) && is_continuation(byte);
                if !byte.is_ascii_control() && !continues {
                    self.column += 1;
                }
                self.queue.extend_from_slice(&[shown]);
            }
        }
    }

    pub(crate) fn take(&mut self, max: usize) -> Bytes {
        let count = max.min(self.queue.len());
        self.queue.split_to(count).freeze()
    }

    pub(crate) fn put_back(&mut self, data: &[u8]) {
        let mut joined = BytesMut::with_capacity(data.len() + self.queue.len());
        joined.extend_from_slice(data);
        joined.extend_from_slice(&self.queue);
        self.queue = joined;
    }

    pub(crate) fn discard(&mut self) {
        self.queue.clear();
    }
}
