//! The writing side of a container's log.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{LogOptions, LogQuery, LogReader, Stream};
use crate::error::{Error, Result};
use crate::time::Time;

/// A line longer than this is stored in parts, as Docker does.
pub(super) const LONGEST_LINE: usize = 16 * 1024;

/// How far the log has grown: what followers wait on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// How many times the file was rotated away.
    pub generation: u64,
    /// Bytes in the current file.
    pub written: u64,
    /// Whether a process may still write.
    pub producing: bool,
}

/// The log of one container.
#[derive(Debug)]
pub struct ContainerLog {
    options: LogOptions,
    writer: Mutex<Writer>,
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Default)]
struct Writer {
    file: Option<File>,
    partial: [Vec<u8>; 2],
    encoded: Vec<u8>,
}

impl ContainerLog {
    /// The log at `options.path`, which may exist from before.
    pub fn new(options: LogOptions) -> Self {
        Self { options, writer: Mutex::default(), progress: watch::Sender::new(Progress::default()) }
    }

    /// A process begins to write; followers stay from now on.
    pub fn open(&self) {
        self.progress.send_modify(|progress| progress.producing = true);
    }

    /// The process is gone: unfinished lines are written, followers end.
    pub fn close(&self) {
        {
            let mut writer = self.writer.lock();
            for stream in [Stream::Stdout, Stream::Stderr] {
                let rest = std::mem::take(writer.partial_of(stream));
                if !rest.is_empty() {
                    writer.encode(stream, &rest, Time::now(), &self.options);
                }
            }
            self.flush(&mut writer);
            writer.file = None;
        }
        self.progress.send_modify(|progress| progress.producing = false);
    }

    /// Takes what a process wrote.
    pub fn write(&self, stream: Stream, data: &[u8]) {
        if !self.options.kept {
            return;
        }
        let now = Time::now();
        let mut writer = self.writer.lock();
        let mut rest = data;
        while !rest.is_empty() {
            let pending = writer.partial_of(stream).len();
            let room = LONGEST_LINE.saturating_sub(pending);
            let line_end = rest.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let (take, complete) = match line_end {
                Some(end) if end <= room + 1 => (end, true),
                _ if rest.len() >= room => (room, true),
                _ => (rest.len(), false),
            };
            let (piece, tail) = rest.split_at_checked(take).unwrap_or((rest, &[]));
            rest = tail;
            if !complete {
                writer.partial_of(stream).extend_from_slice(piece);
            } else if pending == 0 {
                writer.encode(stream, piece, now, &self.options);
            } else {
                let mut line = std::mem::take(writer.partial_of(stream));
                line.extend_from_slice(piece);
                writer.encode(stream, &line, now, &self.options);
                line.clear();
                *writer.partial_of(stream) = line;
            }
        }
        self.flush(&mut writer);
    }

    /// Begins to read.
    ///
    /// # Errors
    /// Status 501 when nothing is kept.
    pub fn read(&self, query: LogQuery) -> Result<LogReader> {
        if !self.options.kept {
            return Err(Error::NotImplemented("configured logging driver does not support reading".into()));
        }
        LogReader::new(self.options.path.clone(), self.options.max_files, query, self.progress.subscribe())
    }

    /// Where the log is, for `inspect`.
    pub fn path(&self) -> Option<&Path> {
        self.options.kept.then_some(self.options.path.as_path())
    }

    /// Deletes every file of the log.
    pub fn remove(&self) {
        self.writer.lock().file = None;
        for number in 0..self.options.max_files.max(1) {
            if std::fs::remove_file(rotated(&self.options.path, number)).is_err() {
                break;
            }
        }
    }

    fn flush(&self, writer: &mut Writer) {
        if writer.encoded.is_empty() {
            return;
        }
        if writer.file.is_none() {
            if let Some(parent) = self.options.path.parent() {
                let _ = std::fs::create_dir_all(parent);
            }
            match OpenOptions::new().append(true).create(true).open(&self.options.path) {
                Ok(file) => {
                    let written = file.metadata().map(|m| m.len()).unwrap_or(0);
                    self.progress.send_modify(|progress| progress.written = written);
                    writer.file = Some(file);
                }
                Err(error) => {
                    tracing::warn!(path = %self.options.path.display(), %error, "container log cannot be opened");
                    writer.encoded.clear();
                    return;
                }
            }
        }
        if self.options.max_size.is_some_and(|limit| self.progress.borrow().written >= limit) {
            self.rotate(writer);
        }
        if let Some(file) = writer.file.as_mut() {
            match file.write_all(&writer.encoded) {
                Ok(()) => {
                    let count = writer.encoded.len() as u64;
                    self.progress.send_modify(|progress| progress.written += count);
                }
                Err(error) => tracing::warn!(path = %self.options.path.display(), %error, "container log"),
            }
        }
        writer.encoded.clear();
        writer.encoded.shrink_to(64 * 1024);
    }

    fn rotate(&self, writer: &mut Writer) {
        writer.file = None;
        let path = &self.options.path;
        if self.options.max_files > 1 {
            for number in (1..self.options.max_files).rev() {
                let _ = std::fs::rename(rotated(path, number - 1), rotated(path, number));
            }
        } else {
            let _ = std::fs::remove_file(path);
        }
        match OpenOptions::new().append(true).create(true).open(path) {
            Ok(file) => writer.file = Some(file),
            Err(error) => tracing::warn!(path = %path.display(), %error, "container log cannot be rotated"),
        }
        self.progress.send_modify(|progress| {
            progress.generation += 1;
            progress.written = 0;
        });
    }
}

impl Writer {
    fn partial_of(&mut self, stream: Stream) -> &mut Vec<u8> {
        let [stdout, stderr] = &mut self.partial;
        match stream {
            Stream::Stdout => stdout,
            Stream::Stderr => stderr,
        }
    }

    fn encode(&mut self, stream: Stream, text: &[u8], time: Time, options: &LogOptions) {
        let out = &mut self.encoded;
        out.extend_from_slice(b"{\"log\":\"");
        escape(text, out);
        let _ = write!(out, "\",\"stream\":\"{}\"", stream.name());
        if !options.attributes.is_empty() {
            out.extend_from_slice(b",\"attrs\":");
            let _ = serde_json::to_writer(&mut *out, &options.attributes);
        }
        let _ = writeln!(out, ",\"time\":\"{time}\"}}");
    }
}

/// The name of the file that was rotated `number` times; 0 is the current one.
pub(super) fn rotated(path: &Path, number: usize) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

/// JSON string content as Go's encoder has it; what is not UTF-8 becomes U+FFFD.
fn escape(text: &[u8], out: &mut Vec<u8>) {
    for chunk in text.utf8_chunks() {
        let mut plain = chunk.valid().as_bytes();
        while let Some(at) = plain.iter().position(|b| matches!(b, 0..=0x1f | b'"' | b'\\' | b'<' | b'>' | b'&' | 0x7f))
        {
            let (before, rest) = plain.split_at_checked(at).unwrap_or((plain, &[]));
            out.extend_from_slice(before);
            if let Some((byte, after)) = rest.split_first() {
                match byte {
                    b'"' => out.extend_from_slice(b"\\\""),
                    b'\\' => out.extend_from_slice(b"\\\\"),
                    b'\n' => out.extend_from_slice(b"\\n"),
                    b'\r' => out.extend_from_slice(b"\\r"),
                    b'\t' => out.extend_from_slice(b"\\t"),
                    other => {
                        let _ = write!(out, "\\u{other:04x}");
                    }
                }
                plain = after;
            } else {
                plain = &[];
            }
        }
        out.extend_from_slice(plain);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::LogEntry;
    use crate::model::LogConfig;

    fn log(dir: &Path, options: &[(&str, &str)]) -> ContainerLog {
        let config = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let config = LogConfig { kind: "json-file".into(), config: Some(config) };
        ContainerLog::new(LogOptions::parse(&config, dir.join("c-json.log")).unwrap())
    }

    async fn everything(log: &ContainerLog, query: LogQuery) -> Vec<LogEntry> {
        let mut reader = log.read(query).unwrap();
        let mut all = Vec::new();
        while let Some(batch) = reader.next().await {
            all.extend(batch);
        }
        all
    }

    fn texts(entries: &[LogEntry]) -> Vec<String> {
        entries.iter().map(|entry| String::from_utf8_lossy(&entry.text).into_owned()).collect()
    }

    #[tokio::test]
    async fn lines_come_back_whole_with_their_stream_and_rising_times() {
        let dir = tempfile::tempdir().unwrap();
        let log = log(dir.path(), &[]);
        log.open();
        log.write(Stream::Stdout, b"on");
        log.write(Stream::Stderr, b"err\n");
        log.write(Stream::Stdout, b"e\ntwo \"q\" <&>\\\ntail");
        log.close();
        let all = everything(&log, LogQuery::default()).await;
        assert_eq!(texts(&all), ["err\n", "one\n", "two \"q\" <&>\\\n", "tail"]);
        assert_eq!(all[0].stream, Stream::Stderr);
        assert!(all.windows(2).all(|pair| pair[0].time <= pair[1].time));
    }

    #[tokio::test]
    async fn a_very_long_line_is_kept_in_parts_without_loss() {
        let dir = tempfile::tempdir().unwrap();
        let log = log(dir.path(), &[]);
        let long = vec![b'x'; 3 * LONGEST_LINE + 7];
        log.open();
        log.write(Stream::Stdout, &long);
        log.write(Stream::Stdout, b"\nnext\n");
        log.close();
        let all = everything(&log, LogQuery::default()).await;
        let joined: Vec<u8> = all.iter().flat_map(|entry| entry.text.clone()).collect();
        assert_eq!(joined.len(), long.len() + 6);
        assert!(all.iter().all(|entry| entry.text.len() <= LONGEST_LINE + 1));
    }

    #[tokio::test]
    async fn rotation_keeps_the_newest_files() {
        let dir = tempfile::tempdir().unwrap();
        let log = log(dir.path(), &[("max-size", "1k"), ("max-file", "3")]);
        log.open();
        for number in 0..100 {
            log.write(Stream::Stdout, format!("line {number}\n").as_bytes());
        }
        log.close();
        let files = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(files, 3);
        let all = texts(&everything(&log, LogQuery::default()).await);
        assert_eq!(all.last().unwrap(), "line 99\n");
        assert!(all.len() < 100 && all.len() > 20);
        log.remove();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_follower_misses_nothing_over_rotations() {
        let dir = tempfile::tempdir().unwrap();
        let log = std::sync::Arc::new(log(dir.path(), &[("max-size", "1k"), ("max-file", "50")]));
        log.open();
        log.write(Stream::Stdout, b"line 0\n");
        let mut reader = log.read(LogQuery { follow: true, ..LogQuery::default() }).unwrap();
        let follower = tokio::spawn(async move {
            let mut count = 0;
            while let Some(batch) = reader.next().await {
                for entry in batch {
                    assert_eq!(entry.text, format!("line {count}\n").into_bytes());
                    count += 1;
                }
            }
            count
        });
        for number in 1..300 {
            log.write(Stream::Stdout, format!("line {number}\n").as_bytes());
            if number % 16 == 0 {
                tokio::task::yield_now().await;
            }
        }
        log.close();
        assert_eq!(follower.await.unwrap(), 300);
    }

    #[test]
    fn nothing_is_made_for_a_silent_container() {
        let dir = tempfile::tempdir().unwrap();
        let log = log(dir.path(), &[]);
        log.open();
        log.close();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
