//! Moving bytes from one description to another inside the host, as splice(2) and copy_file_range(2).
//!
//! The bytes never enter a guest's memory: what a pipe holds is handed to the other pipe as it is. What was read but
//! could not be written goes back to where it came from, so that an interrupted transfer loses nothing.

use bytes::Bytes;

use super::{Object, OpenFile};
use crate::{Errno, Process, Result};

/// The most bytes one call moves, so that a process comes back to its yields.
const TRANSFER_MAX: usize = 256 << 10;

impl OpenFile {
    /// Moves up to `max` bytes from `source` to `target`; 0 is end of `source`. Blocks and fails as read and write do.
    pub async fn transfer(
        process: Option<&Process>,
        source: &OpenFile,
        target: &OpenFile,
        max: usize,
    ) -> Result<usize> {
        target.may_write()?;
        let data = source.read(process, max.min(TRANSFER_MAX)).await?;
        if data.is_empty() {
            return Ok(0);
        }
        let rest = data.clone();
        match target.write(process, data).await {
            Ok(taken) => {
                source.unread(rest.slice(taken.min(rest.len())..));
                Ok(taken)
            }
            // As with a read and a write: what a broken pipe does not take is gone.
            Err(Errno::PIPE) => Err(Errno::PIPE),
            Err(errno) => {
                source.unread(rest);
                Err(errno)
            }
        }
    }

    fn unread(&self, data: Bytes) {
        if data.is_empty() {
            return;
        }
        match &self.object {
            Object::Regular { .. } | Object::Temporary(_) => self.rewind_by(data.len() as u64),
            Object::Pipe { pipe, .. } => pipe.unread(data),
            Object::Terminal(terminal) => terminal.unread(data),
            Object::Controller(pty) => pty.unread(data),
            Object::Device(_) | Object::Directory(_) => {}
        }
    }
}
