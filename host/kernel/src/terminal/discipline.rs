//! The line discipline: what happens to bytes between a keyboard and a program, and between a program and a screen.
//!
//! A pure state machine: bytes go in from either side and come out at the other, and what must be done beyond that
//! (signals) is answered. No locks, no waiting, no processes; so it can be tested byte by byte. The behaviour is
//! Linux's `n_tty`, which programs and people are used to, where POSIX XBD 11.1 leaves a choice.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::output::Screen;
use super::termios::{
    ECHO, ECHOCTL, ECHOE, ECHOK, ECHOKE, ECHONL, ICANON, ICRNL, IEXTEN, IGNCR, IMAXBEL, INLCR, ISIG, ISTRIP, IUCLC,
    IUTF8, IXANY, IXON, NOFLSH, Special, Termios,
};
use crate::Signal;

/// The longest line in canonical mode, its newline included (Linux `N_TTY_BUF_SIZE`).
pub(crate) const LINE_MAX: usize = 4_096;
/// Bytes that may wait to be read before the controlling side has to wait.
const UNREAD_MAX: usize = 4_096;

#[derive(Default)]
pub(crate) struct Discipline {
    termios: Termios,
    /// The line being edited.
    line: Vec<u8>,
    /// The screen's column where it began.
    line_column: usize,
    /// What can be read, and in canonical mode where lines end in it: bytes left of each. An entry of 0 is end of file.
    unread: BytesMut,
    lines: VecDeque<usize>,
    /// The next byte is taken as it is (LNEXT).
    literal: bool,
    /// Output is held back (STOP character).
    held: bool,
    screen: Screen,
}

impl Discipline {
    pub(crate) fn termios(&self) -> &Termios {
        &self.termios
    }

    /// Changing between canonical and raw keeps what was typed: an unfinished line becomes readable, raw bytes become a
    /// line.
    pub(crate) fn set_termios(&mut self, termios: Termios) {
        let was = self.termios.local(ICANON);
        self.termios = termios;
        if was && !termios.local(ICANON) {
            self.lines.clear();
            self.unread.extend_from_slice(&self.line);
            self.line.clear();
            self.literal = false;
        } else if !was && termios.local(ICANON) {
            self.lines.clear();
            if !self.unread.is_empty() {
                self.lines.push_back(self.unread.len());
            }
            self.line_column = self.screen.column();
        }
        if !termios.input(IXON) {
            self.held = false;
        }
    }

    /// Whether the controlling side has to wait before it types more. A line that is being edited never makes it wait:
    /// what does not fit into it is discarded, or the line could never be finished.
    pub(crate) fn is_input_full(&self) -> bool {
        self.unread.len() >= UNREAD_MAX || self.lines.len() >= UNREAD_MAX
    }

    /// Takes typed bytes until the input is full; answers how many, and adds the signals they raise.
    pub(crate) fn input(&mut self, bytes: &[u8], signals: &mut Vec<Signal>) -> usize {
        for (taken, byte) in bytes.iter().enumerate() {
            if self.is_input_full() {
                return taken;
            }
            self.type_byte(*byte, signals);
        }
        bytes.len()
    }

    fn type_byte(&mut self, byte: u8, signals: &mut Vec<Signal>) {
        let termios = self.termios;
        let extended = termios.local(IEXTEN);
        let mut byte = byte;
        if termios.input(ISTRIP) {
            byte &= 0x7f;
        }
        if termios.input(IUCLC) && extended {
            byte = byte.to_ascii_lowercase();
        }
        if std::mem::take(&mut self.literal) {
            self.ordinary(byte);
            return;
        }
        if termios.input(IXON) {
            if termios.is(Special::Start, byte) {
                self.held = false;
                return;
            }
            if termios.is(Special::Stop, byte) {
                self.held = true;
                return;
            }
            if termios.input(IXANY) {
                self.held = false;
            }
        }
        if termios.local(ISIG) {
            let signal = [(Special::Intr, Signal::INT), (Special::Quit, Signal::QUIT), (Special::Susp, Signal::TSTP)]
                .into_iter()
                .find(|(special, _)| termios.is(*special, byte));
            if let Some((_, signal)) = signal {
                if !termios.local(NOFLSH) {
                    self.flush_input();
                    self.screen.discard();
                }
                self.held = false;
                if termios.local(ECHO) {
                    self.echo(byte);
                }
                signals.push(signal);
                return;
            }
        }
        match byte {
            b'\r' if termios.input(IGNCR) => return,
            b'\r' if termios.input(ICRNL) => byte = b'\n',
            b'\n' if termios.input(INLCR) => byte = b'\r',
            _ => {}
        }
        if termios.local(ICANON) { self.edit(byte) } else { self.ordinary(byte) }
    }

    /// Canonical mode: editing characters and the ends of lines.
    fn edit(&mut self, byte: u8) {
        let termios = self.termios;
        let extended = termios.local(IEXTEN);
        if termios.is(Special::Erase, byte) {
            self.erase(byte, Self::last_character);
        } else if termios.is(Special::Kill, byte) {
            self.kill(byte);
        } else if extended && termios.is(Special::WordErase, byte) {
            self.erase(byte, Self::last_word);
        } else if extended && termios.is(Special::LiteralNext, byte) {
            self.literal = true;
            if termios.local(ECHO) && termios.local(ECHOCTL) {
                self.screen.raw(b"^\x08");
            }
        } else if extended && termios.local(ECHO) && termios.is(Special::Reprint, byte) {
            self.echo(byte);
            self.screen.write_byte(b'\n', &termios);
            self.line_column = self.screen.column();
            for typed in self.line.clone() {
                self.echo(typed);
            }
        } else if byte == b'\n' {
            if termios.local(ECHO) || termios.local(ECHONL) {
                self.screen.write_byte(b'\n', &termios);
            }
            self.end_line(Some(byte));
        } else if termios.is(Special::Eof, byte) {
            self.end_line(None);
        } else if termios.is(Special::Eol, byte) || (extended && termios.is(Special::Eol2, byte)) {
            if termios.local(ECHO) {
                self.echo(byte);
            }
            self.end_line(Some(byte));
        } else {
            self.ordinary(byte);
        }
    }

    fn ordinary(&mut self, byte: u8) {
        let canonical = self.termios.local(ICANON);
        // One place is kept for the newline.
        if canonical && self.line.len() + 1 >= LINE_MAX {
            if self.termios.input(IMAXBEL) {
                self.screen.raw(b"\x07");
            }
            return;
        }
        if canonical && self.line.is_empty() {
            self.line_column = self.screen.column();
        }
        if self.termios.local(ECHO) {
            if byte == b'\n' {
                self.screen.write_byte(byte, &self.termios);
            } else {
                self.echo(byte);
            }
        }
        if canonical {
            self.line.push(byte);
        } else {
            self.unread.extend_from_slice(&[byte]);
        }
    }

    fn end_line(&mut self, terminator: Option<u8>) {
        self.line.extend(terminator);
        self.unread.extend_from_slice(&self.line);
        self.lines.push_back(self.line.len());
        self.line.clear();
    }

    /// Shows a typed byte, control characters as `^X` where ECHOCTL asks for that.
    fn echo(&mut self, byte: u8) {
        if self.termios.local(ECHOCTL) && byte.is_ascii_control() && byte != b'\t' {
            self.screen.write_byte(b'^', &self.termios);
            self.screen.write_byte(byte ^ 0x40, &self.termios);
        } else {
            self.screen.write_byte(byte, &self.termios);
        }
    }

    /// Where the last character of the line begins.
    fn last_character(&self) -> usize {
        let mut start = self.line.len().saturating_sub(1);
        if self.termios.input(IUTF8) {
            while start > 0 && self.line.get(start).is_some_and(|byte| is_continuation(*byte)) {
                start -= 1;
            }
        }
        start
    }

    /// Where the last word begins: trailing other characters, then letters, digits and underscores.
    fn last_word(&self) -> usize {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
        let end = self.line.iter().rposition(is_word).map_or(0, |last| last + 1);
        let before = self.line.get(..end).unwrap_or_default();
        before.iter().rposition(|byte| !is_word(byte)).map_or(0, |other| other + 1)
    }

    fn erase(&mut self, byte: u8, start: fn(&Self) -> usize) {
        if self.line.is_empty() {
            return;
        }
        let start = start(self);
        if !self.termios.local(ECHO) {
            self.line.truncate(start);
        } else if self.termios.local(ECHOE) {
            self.rub_out(start);
        } else {
            self.line.truncate(start);
            self.echo(byte);
        }
    }

    fn kill(&mut self, byte: u8) {
        let termios = self.termios;
        if termios.local(ECHO) && termios.local(ECHOK) && termios.local(ECHOKE) && termios.local(ECHOE) {
            self.rub_out(0);
            return;
        }
        self.line.clear();
        if termios.local(ECHO) {
            self.echo(byte);
            if termios.local(ECHOK) {
                self.screen.write_byte(b'\n', &termios);
            }
        }
    }

    /// Takes the line back to `start`, on the screen too.
    fn rub_out(&mut self, start: usize) {
        while self.line.len() > start {
            let before = self.width(self.line.len());
            let character = self.last_character().max(start);
            let tab = self.line.get(character) == Some(&b'\t');
            let after = self.width(character);
            self.line.truncate(character);
            for _ in after..before {
                self.screen.rub_out(!tab);
            }
        }
    }

    /// The screen column behind the first `length` bytes of the line.
    fn width(&self, length: usize) -> usize {
        let mut column = self.line_column;
        for byte in self.line.iter().take(length) {
            column += match byte {
                b'\t' => 8 - column % 8,
                byte if byte.is_ascii_control() => {
                    if self.termios.local(ECHOCTL) {
                        2
                    } else {
                        0
                    }
                }
                byte if self.termios.input(IUTF8) && is_continuation(*byte) => 0,
                _ => 1,
            };
        }
        column
    }

    /// tcflush(TCIFLUSH)
    pub(crate) fn flush_input(&mut self) {
        self.line.clear();
        self.unread.clear();
        self.lines.clear();
        self.literal = false;
    }

    /// Lets held output go: nobody is left who could.
    pub(crate) fn release(&mut self) {
        self.held = false;
    }

    /// Bytes a read could take now; in canonical mode those of the first line.
    pub(crate) fn available(&self) -> usize {
        if self.termios.local(ICANON) { self.lines.front().copied().unwrap_or(0) } else { self.unread.len() }
    }

    /// Whether poll() calls the terminal readable: a line, or in raw mode MIN bytes where there is no timer.
    pub(crate) fn is_readable(&self) -> bool {
        if self.termios.local(ICANON) {
            return !self.lines.is_empty();
        }
        let (min, time) = self.min_and_time();
        let wanted = if time == 0 { min.max(1) } else { 1 };
        self.unread.len() >= wanted
    }

    /// MIN bytes and TIME tenths of a second, as they count in raw mode.
    pub(crate) fn min_and_time(&self) -> (usize, u64) {
        (self.termios.character(Special::Min).into(), self.termios.character(Special::Time).into())
    }

    /// Takes up to `max` bytes, in canonical mode of one line; `None` when there is nothing, empty at end of file.
    pub(crate) fn read(&mut self, max: usize) -> Option<Bytes> {
        if !self.termios.local(ICANON) {
            if self.unread.is_empty() {
                return None;
            }
            let count = max.min(self.unread.len());
            return Some(self.unread.split_to(count).freeze());
        }
        let left = self.lines.front_mut()?;
        let count = max.min(*left).min(self.unread.len());
        *left -= count;
        if *left == 0 {
            self.lines.pop_front();
        }
        Some(self.unread.split_to(count).freeze())
    }

    /// Puts back what `read` took.
    pub(crate) fn unread(&mut self, data: &[u8]) {
        let mut joined = BytesMut::with_capacity(data.len() + self.unread.len());
        joined.extend_from_slice(data);
        joined.extend_from_slice(&self.unread);
        self.unread = joined;
        if self.termios.local(ICANON) {
            match self.lines.front_mut() {
                // It was the end of a line, or a line as a whole.
                Some(left) if data.last() != Some(&b'\n') => *left += data.len(),
                _ => self.lines.push_front(data.len()),
            }
        }
    }

    /// What a program writes, as far as there is room; answers how much was taken.
    pub(crate) fn output(&mut self, data: &[u8]) -> usize {
        self.screen.write(data, &self.termios)
    }

    pub(crate) fn has_output_room(&self) -> bool {
        self.screen.has_room()
    }

    pub(crate) fn has_output(&self) -> bool {
        !self.held && !self.screen.is_empty()
    }

    /// What the controlling side sees: nothing while output is held back.
    pub(crate) fn take_output(&mut self, max: usize) -> Bytes {
        if self.held { Bytes::new() } else { self.screen.take(max) }
    }

    pub(crate) fn untake_output(&mut self, data: &[u8]) {
        self.screen.put_back(data);
    }
}

pub(crate) fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}
