//! Buffered standard output whose failures end the applet with a message, or
//! silently when the reader has gone.

use coracle_sdk::{Errno, File, stdio, terminal};

use crate::applet::Failure;

const FULL: usize = 1 << 16;

/// A buffered writer.
pub struct Out<'a> {
    file: Option<&'a File>,
    buffer: Vec<u8>,
    by_line: bool,
}

impl Out<'static> {
    /// Standard output.
    pub fn stdout() -> Out<'static> {
        Out::new_optional(stdio::stdout())
    }

    /// Standard output, flushed after each line when it is a terminal: for
    /// tools that read and write line by line.
    pub fn interactive() -> Out<'static> {
        let mut out = Out::stdout();
        out.by_line = out.file.is_some_and(terminal::is_terminal);
        out
    }
}

impl<'a> Out<'a> {
    /// Any file.
    pub fn new(file: &'a File) -> Out<'a> {
        Out::new_optional(Some(file))
    }

    fn new_optional(file: Option<&'a File>) -> Out<'a> {
        Out { file, buffer: Vec::new(), by_line: false }
    }

    /// Flush after every line from now on.
    pub fn line_buffered(&mut self) {
        self.by_line = true;
    }

    /// Appends bytes.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.buffer.len() + bytes.len() > FULL {
            self.spill(bytes)?;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        if self.by_line && bytes.last() == Some(&b'\n') {
            self.flush()?;
        }
        Ok(())
    }

    fn spill(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.flush()?;
        if bytes.len() >= FULL {
            return self.write(bytes);
        }
        self.buffer.reserve(FULL);
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Appends one byte.
    #[inline]
    pub fn byte(&mut self, byte: u8) -> Result<(), Failure> {
        if self.buffer.len() >= FULL || self.by_line {
            return self.put(&[byte]);
        }
        self.buffer.push(byte);
        Ok(())
    }

    /// Appends bytes and a newline.
    #[inline]
    pub fn line(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.put(bytes)?;
        self.put(b"\n")
    }

    /// Appends formatted text.
    pub fn text(&mut self, text: std::fmt::Arguments<'_>) -> Result<(), Failure> {
        match text.as_str() {
            Some(text) => self.put(text.as_bytes()),
            None => self.put(text.to_string().as_bytes()),
        }
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        let file = self.file.ok_or(Failure::Output(Errno::BADF))?;
        file.write_full(bytes).map_err(Failure::Output)
    }

    /// Writes what is buffered.
    pub fn flush(&mut self) -> Result<(), Failure> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let result = self.write(&self.buffer);
        self.buffer.clear();
        result
    }

    /// Flushes and answers `status`.
    pub fn finish(mut self, status: u8) -> Result<u8, Failure> {
        self.flush()?;
        Ok(status)
    }
}

impl Drop for Out<'_> {
    /// An applet that leaves with a message has printed its lines before it.
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

impl std::io::Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.put(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(Failure::Output(errno)) => Err(errno.into()),
            Err(_) => Err(Errno::IO.into()),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Out::flush(self).map_err(|failure| match failure {
            Failure::Output(errno) => errno.into(),
            _ => Errno::IO.into(),
        })
    }
}
