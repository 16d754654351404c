//! Buffered input by chunk and by line; a line stays in memory, a file does not.

use coracle_sdk::{Errno, File, Result, file, stdio};

/// A file that was opened, or standard input.
#[derive(Debug)]
pub enum Source {
    /// Opened by the applet.
    Opened(File),
    /// Inherited.
    Inherited(&'static File),
}

impl Source {
    /// Opens `path`; `-` is standard input.
    pub fn open(path: &[u8]) -> Result<Source> {
        if path == b"-" { Source::stdin() } else { file::open(path).map(Source::Opened) }
    }

    /// Standard input.
    pub fn stdin() -> Result<Source> {
        stdio::stdin().map(Source::Inherited).ok_or(Errno::BADF)
    }
}

impl std::ops::Deref for Source {
    type Target = File;

    fn deref(&self) -> &File {
        match self {
            Source::Opened(file) => file,
            Source::Inherited(file) => file,
        }
    }
}

/// How much is asked for at once.
pub const CHUNK: usize = 1 << 16;

/// A buffered reader.
#[derive(Debug)]
pub struct Input {
    source: Source,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
}

impl Input {
    /// Opens `path`; `-` is standard input.
    pub fn open(path: &[u8]) -> Result<Input> {
        Source::open(path).map(Input::new)
    }

    /// Standard input.
    pub fn stdin() -> Result<Input> {
        Source::stdin().map(Input::new)
    }

    /// Reads from `source`.
    pub fn new(source: Source) -> Input {
        Input { source, buffer: Vec::new(), start: 0, ended: false }
    }

    /// The file, without what is buffered.
    pub fn into_source(self) -> Source {
        self.source
    }

    /// The file behind it.
    pub fn file(&self) -> &File {
        &self.source
    }

    /// Reads more behind what is buffered; false at the end.
    fn fill(&mut self) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let chunk = self.source.read_some(CHUNK)?;
        if chunk.is_empty() {
            self.ended = true;
            return Ok(false);
        }
        if self.start == self.buffer.len() {
            self.buffer = chunk;
            self.start = 0;
        } else {
            if self.start > 0 {
                self.buffer.drain(..self.start);
                self.start = 0;
            }
            self.buffer.extend_from_slice(&chunk);
        }
        Ok(true)
    }

    /// The next line with its delimiter; the last one may lack it.
    #[inline]
    pub fn line(&mut self, delimiter: u8) -> Result<Option<&[u8]>> {
        let mut searched = 0;
        loop {
            let pending = &self.buffer[self.start..];
            if let Some(at) = memchr::memchr(delimiter, &pending[searched..]) {
                let start = self.start;
                self.start += searched + at + 1;
                return Ok(Some(&self.buffer[start..self.start]));
            }
            searched = pending.len();
            if !self.fill()? {
                let start = self.start;
                self.start = self.buffer.len();
                return Ok(if start < self.start { Some(&self.buffer[start..]) } else { None });
            }
        }
    }

    /// The next chunk of whole lines, or what is left at the end.
    pub fn lines(&mut self, delimiter: u8) -> Result<Option<&[u8]>> {
        loop {
            let pending = &self.buffer[self.start..];
            if let Some(at) = memchr::memrchr(delimiter, pending) {
                let start = self.start;
                self.start += at + 1;
                return Ok(Some(&self.buffer[start..self.start]));
            }
            if !self.fill()? {
                let start = self.start;
                self.start = self.buffer.len();
                return Ok(if start < self.start { Some(&self.buffer[start..]) } else { None });
            }
        }
    }

    /// The next bytes, whatever they are; `None` at the end.
    pub fn chunk(&mut self) -> Result<Option<&[u8]>> {
        if self.start == self.buffer.len() && !self.fill()? {
            return Ok(None);
        }
        let start = self.start;
        self.start = self.buffer.len();
        Ok(Some(&self.buffer[start..]))
    }

    /// At most `most` of the next bytes; `None` at the end.
    pub fn take(&mut self, most: usize) -> Result<Option<&[u8]>> {
        if self.start == self.buffer.len() && !self.fill()? {
            return Ok(None);
        }
        let start = self.start;
        self.start = self.buffer.len().min(start.saturating_add(most));
        Ok(Some(&self.buffer[start..self.start]))
    }

    /// How many bytes were read but not asked for.
    pub fn pending(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// The next byte.
    #[inline]
    pub fn byte(&mut self) -> Result<Option<u8>> {
        if self.start == self.buffer.len() && !self.fill()? {
            return Ok(None);
        }
        let byte = self.buffer[self.start];
        self.start += 1;
        Ok(Some(byte))
    }

    /// The next byte, left where it is.
    pub fn peek(&mut self) -> Result<Option<u8>> {
        if self.start == self.buffer.len() && !self.fill()? {
            return Ok(None);
        }
        Ok(Some(self.buffer[self.start]))
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> Result<Vec<u8>> {
        let mut all = self.buffer.split_off(self.start);
        self.buffer.clear();
        self.start = 0;
        if !self.ended {
            self.source.read_all(&mut all)?;
            self.ended = true;
        }
        Ok(all)
    }
}

impl std::io::Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.start == self.buffer.len() && !self.fill()? {
            return Ok(0);
        }
        let available = &self.buffer[self.start..];
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.start += count;
        Ok(count)
    }
}

impl std::io::BufRead for Input {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.start == self.buffer.len() {
            self.fill()?;
        }
        Ok(&self.buffer[self.start..])
    }

    fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.buffer.len());
    }
}

/// A line without its delimiter.
#[inline]
pub fn trimmed(line: &[u8], delimiter: u8) -> &[u8] {
    match line.split_last() {
        Some((last, rest)) if *last == delimiter => rest,
        _ => line,
    }
}
