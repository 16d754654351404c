//! The reading side: tail, follow, since and until.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use serde::Deserialize;
use tokio::sync::watch;

use super::writer::{Progress, rotated};
use super::{LogEntry, Stream};
use crate::error::Result;
use crate::time::Time;

const BLOCK: usize = 64 * 1024;

/// How much of the past.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tail {
    /// All of it.
    #[default]
    All,
    /// The last lines.
    Last(usize),
}

/// What to read.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Where to begin, counted from the end.
    pub tail: Tail,
    /// Only lines from then on.
    pub since: Option<Time>,
    /// Only lines up to then.
    pub until: Option<Time>,
    /// Wait for more while a process may write.
    pub follow: bool,
}

/// A log being read: batches of lines, in order.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    query: LogQuery,
    progress: watch::Receiver<Progress>,
    /// Older files first; the last one is the current file at the time of opening.
    files: Vec<File>,
    /// Generation of the current (last) file.
    generation: u64,
    pending: Vec<u8>,
    done: bool,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    log: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    stream: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    time: std::borrow::Cow<'a, str>,
    #[serde(default)]
    attrs: BTreeMap<String, String>,
}

impl LogReader {
    pub(super) fn new(
        path: PathBuf,
        max_files: usize,
        query: LogQuery,
        mut progress: watch::Receiver<Progress>,
    ) -> Result<Self> {
        // Opening while the writer rotates could mix generations up: try again until it stood still.
        let (files, generation) = loop {
            let generation = progress.borrow_and_update().generation;
            let mut files = Vec::new();
            for number in (0..max_files.max(1)).rev() {
                if let Ok(file) = File::open(rotated(&path, number)) {
                    files.push(file);
                }
            }
            if progress.borrow().generation == generation {
                break (files, generation);
            }
        };
        let mut reader = Self { path, query, progress, files, generation, pending: Vec::new(), done: false };
        if let Tail::Last(count) = reader.query.tail {
            reader.skip_to_last(count)?;
        }
        Ok(reader)
    }

    /// The next lines; `None` at the end.
    pub async fn next(&mut self) -> Option<Vec<LogEntry>> {
        while !self.done {
            let batch = self.read_block();
            if !batch.is_empty() {
                return Some(batch);
            }
            if self.done {
                break;
            }
            if self.at_end() && !self.more().await {
                // What was written between the last read and the end of the process.
                let last = self.read_block();
                if last.is_empty() {
                    self.done = true;
                } else {
                    return Some(last);
                }
            }
        }
        None
    }

    fn at_end(&self) -> bool {
        self.files.len() <= 1
    }

    /// Waits for growth or rotation; false when there will be none.
    async fn more(&mut self) -> bool {
        loop {
            let now = *self.progress.borrow_and_update();
            if now.generation > self.generation {
                return self.next_generation(now);
            }
            let read = self.files.last_mut().and_then(|file| file.stream_position().ok());
            if read.unwrap_or(0) < now.written {
                if read.is_none() {
                    // The first output made the file.
                    self.files.extend(File::open(&self.path));
                }
                return true;
            }
            if !self.query.follow || !now.producing {
                return false;
            }
            let changed = self.progress.changed();
            let changed = match self.query.until {
                None => changed.await.is_ok(),
                Some(until) => {
                    let left = u64::try_from(until.0.saturating_sub(Time::now().0)).unwrap_or(0);
                    matches!(tokio::time::timeout(std::time::Duration::from_nanos(left), changed).await, Ok(Ok(())))
                }
            };
            if !changed {
                return false;
            }
        }
    }

    /// Goes on to the file after the one that was rotated away.
    fn next_generation(&mut self, now: Progress) -> bool {
        // Whatever was appended before the rotation is still to be read from the open file.
        let behind = usize::try_from(now.generation - self.generation).unwrap_or(usize::MAX);
        let mut newer = Vec::new();
        for number in (0..behind).rev() {
            newer.extend(File::open(rotated(&self.path, number)));
        }
        if self.progress.borrow().generation != now.generation {
            // Rotated again meanwhile: the next round looks again.
            return true;
        }
        self.generation = now.generation;
        self.files.extend(newer);
        true
    }

    /// Reads one block of the oldest file; drops the file at its end if there is a newer one.
    fn read_block(&mut self) -> Vec<LogEntry> {
        let mut block = vec![0u8; BLOCK];
        let end = loop {
            let Some(file) = self.files.first_mut() else { return Vec::new() };
            let count = match file.read(&mut block) {
                Ok(0) | Err(_) if self.files.len() > 1 => {
                    self.files.remove(0);
                    continue;
                }
                Ok(0) | Err(_) => return Vec::new(),
                Ok(count) => count,
            };
            self.pending.extend_from_slice(block.get(..count).unwrap_or_default());
            if let Some(end) = self.pending.iter().rposition(|byte| *byte == b'\n') {
                break end;
            }
        };
        let rest = self.pending.split_off(end + 1);
        let complete = std::mem::replace(&mut self.pending, rest);
        let mut entries = Vec::new();
        for line in complete.split(|byte| *byte == b'\n') {
            // A line half written when the daemon was killed is not JSON: skipped.
            let Some(entry) = parse(line) else { continue };
            if self.query.since.is_some_and(|since| entry.time < since) {
                continue;
            }
            if self.query.until.is_some_and(|until| entry.time > until) {
                self.done = true;
                break;
            }
            entries.push(entry);
        }
        entries
    }

    /// Moves to the last `count` lines.
    fn skip_to_last(&mut self, count: usize) -> Result<()> {
        let mut wanted = count;
        for index in (0..self.files.len()).rev() {
            let Some(file) = self.files.get_mut(index) else { break };
            let length = file.seek(SeekFrom::End(0))?;
            if wanted == 0 {
                self.files.drain(..=index);
                return if self.files.is_empty() { self.reopen_at_end() } else { Ok(()) };
            }
            let mut position = length;
            let mut block = vec![0u8; BLOCK];
            // The newline that ends the last line does not begin another one.
            let mut last = true;
            while position > 0 {
                let size = position.min(BLOCK as u64);
                position -= size;
                file.seek(SeekFrom::Start(position))?;
                let Some(block) = block.get_mut(..usize::try_from(size).unwrap_or(BLOCK)) else { break };
                file.read_exact(block)?;
                for (at, _) in block.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
                    if std::mem::take(&mut last) {
                        continue;
                    }
                    wanted -= 1;
                    if wanted == 0 {
                        file.seek(SeekFrom::Start(position + at as u64 + 1))?;
                        self.files.drain(..index);
                        return Ok(());
                    }
                }
            }
            if length > 0 {
                wanted = wanted.saturating_sub(1);
            }
            file.seek(SeekFrom::Start(0))?;
        }
        if count == 0 { self.reopen_at_end() } else { Ok(()) }
    }

    fn reopen_at_end(&mut self) -> Result<()> {
        self.files.clear();
        if let Ok(mut file) = File::open(&self.path) {
            file.seek(SeekFrom::End(0))?;
            self.files.push(file);
        }
        Ok(())
    }
}

fn parse(line: &[u8]) -> Option<LogEntry> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    Some(LogEntry {
        stream: if line.stream == "stderr" { Stream::Stderr } else { Stream::Stdout },
        time: Time::parse_rfc3339(&line.time)?,
        text: line.log.into_owned().into_bytes(),
        attributes: line.attrs,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{ContainerLog, LogOptions};
    use super::*;
    use crate::model::LogConfig;

    async fn last(count: usize, lines: usize) -> usize {
        let dir = tempfile::tempdir().unwrap();
        let log = ContainerLog::new(LogOptions::parse(&LogConfig::default(), dir.path().join("l")).unwrap());
        log.open();
        for number in 0..lines {
            log.write(Stream::Stdout, format!("{number}\n").as_bytes());
        }
        log.close();
        let mut reader = log.read(LogQuery { tail: Tail::Last(count), ..LogQuery::default() }).unwrap();
        let mut seen = Vec::new();
        while let Some(batch) = reader.next().await {
            seen.extend(batch);
        }
        let first = lines.saturating_sub(count);
        for (offset, entry) in seen.iter().enumerate() {
            assert_eq!(entry.text, format!("{}\n", first + offset).into_bytes());
        }
        seen.len()
    }

    #[tokio::test]
    async fn tail_counts_from_the_end() {
        assert_eq!(last(0, 5).await, 0);
        assert_eq!(last(3, 5).await, 3);
        assert_eq!(last(5, 5).await, 5);
        assert_eq!(last(50, 5).await, 5);
        assert_eq!(last(2000, 5000).await, 2000);
    }

    #[tokio::test]
    async fn since_and_until_bound_the_lines() {
        let dir = tempfile::tempdir().unwrap();
        let log = ContainerLog::new(LogOptions::parse(&LogConfig::default(), dir.path().join("l")).unwrap());
        log.open();
        log.write(Stream::Stdout, b"old\n");
        let middle = Time(Time::now().0 + 1);
        while Time::now() <= middle {
            std::hint::spin_loop();
        }
        log.write(Stream::Stdout, b"new\n");
        log.close();
        let mut after = log.read(LogQuery { since: Some(middle), ..LogQuery::default() }).unwrap();
        assert_eq!(after.next().await.unwrap()[0].text, b"new\n");
        let mut before = log.read(LogQuery { until: Some(middle), ..LogQuery::default() }).unwrap();
        let batch = before.next().await.unwrap();
        assert_eq!(batch.len(), 1);
        assert_eq!(batch[0].text, b"old\n");
        assert!(before.next().await.is_none());
    }
}
