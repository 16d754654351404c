//! Terminals (POSIX XBD 11): pseudo-terminals, their line discipline, and job control.

mod termios;

use std::sync::{Arc, Weak};

use bytes::Bytes;

pub use termios::{SetWhen, Size, Termios};

use crate::{Container, Process, Result};

/// A terminal.
pub struct Terminal {
    number: u32,
}

/// The controlling side of a pseudo-terminal.
pub struct Pty {
    terminal: Arc<Terminal>,
}

#[allow(unused_variables, missing_docs, clippy::todo, reason = "signatures first")]
impl Terminal {
    pub fn number(&self) -> u32 {
        self.number
    }
    pub fn name(&self) -> Vec<u8> {
        todo!()
    }
    pub fn short_name(&self) -> String {
        todo!()
    }
    pub fn attributes(&self) -> Termios {
        todo!()
    }
    pub async fn set_attributes(&self, process: Option<&Process>, attributes: Termios, when: SetWhen) -> Result<()> {
        todo!()
    }
    pub fn size(&self) -> Size {
        todo!()
    }
    /// Raises SIGWINCH in the foreground group when it changes something.
    pub fn set_size(&self, size: Size) {
        todo!()
    }
    pub fn foreground(&self) -> Option<u32> {
        todo!()
    }
    pub(crate) fn set_foreground(&self, group: u32) {
        todo!()
    }
    pub(crate) fn attach(&self, session: u32, group: u32) -> bool {
        todo!()
    }
    pub(crate) fn detach(&self, session: u32) {
        todo!()
    }
    pub(crate) fn opened(&self) {
        todo!()
    }
    pub(crate) fn closed(&self) {
        todo!()
    }
    pub(crate) fn stops_background_output(&self) -> bool {
        todo!()
    }
    pub(crate) async fn read(&self, process: Option<&Process>, max: usize) -> Result<Bytes> {
        todo!()
    }
    pub(crate) fn try_read(&self, max: usize) -> Result<Bytes> {
        todo!()
    }
    pub(crate) fn unread(&self, data: Bytes) {
        todo!()
    }
    pub(crate) async fn write(&self, process: Option<&Process>, data: Bytes) -> Result<usize> {
        todo!()
    }
    pub(crate) fn try_write(&self, data: &[u8]) -> Result<usize> {
        todo!()
    }
    pub(crate) async fn readable(&self) {
        todo!()
    }
    pub(crate) fn is_readable(&self) -> bool {
        todo!()
    }
    pub(crate) async fn writable(&self) {
        todo!()
    }
    pub(crate) fn is_writable(&self) -> bool {
        todo!()
    }
}

#[allow(unused_variables, missing_docs, clippy::todo, reason = "signatures first")]
impl Pty {
    pub(crate) fn new(container: Weak<Container>, number: u32, size: Size) -> (Arc<Pty>, Arc<Terminal>) {
        todo!()
    }
    pub fn terminal(&self) -> &Arc<Terminal> {
        &self.terminal
    }
    /// What the processes wrote, for the engine: empty once every terminal side is closed.
    pub async fn read(&self, max: usize) -> Result<Bytes> {
        todo!()
    }
    /// What the person types; waits while the processes do not read. `EIO` never.
    pub async fn write(&self, data: Bytes) -> Result<usize> {
        todo!()
    }
    /// Raises SIGWINCH in the foreground group when it changes something.
    pub fn resize(&self, size: Size) {
        todo!()
    }
    pub(crate) async fn read_as(&self, process: Option<&Process>, max: usize) -> Result<Bytes> {
        todo!()
    }
    pub(crate) async fn write_as(&self, process: Option<&Process>, data: Bytes) -> Result<usize> {
        todo!()
    }
    pub(crate) fn try_read(&self, max: usize) -> Result<Bytes> {
        todo!()
    }
    pub(crate) fn try_write(&self, data: &[u8]) -> Result<usize> {
        todo!()
    }
    pub(crate) fn unread(&self, data: Bytes) {
        todo!()
    }
    pub(crate) async fn readable(&self) {
        todo!()
    }
    pub(crate) fn is_readable(&self) -> bool {
        todo!()
    }
    pub(crate) async fn writable(&self) {
        todo!()
    }
    pub(crate) fn is_writable(&self) -> bool {
        todo!()
    }
}
