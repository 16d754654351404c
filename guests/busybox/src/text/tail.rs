//! tail: the end of files, and what is added to them.
//!
//! Following waits for file events, a pipe's next bytes or the end of a process;
//! it never looks again and again.

use std::collections::VecDeque;
use std::io::SeekFrom;

use coracle_sdk::fs::{Attributes, Events, Kind, Watcher};
use coracle_sdk::poll::{self, Source as Wait};
use coracle_sdk::{Errno, fs, process, stdio};

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::input::{CHUNK, Input, Source};
use crate::output::Out;
use crate::{numbers, paths};

pub static APPLET: Applet = Applet {
    name: "tail",
    directory: "/usr/bin",
    summary: "Print the last lines of files, follow them",
    usage: "[OPTIONS] [FILE]...

Print the last 10 lines of each FILE (or standard input)

\t-n N\tThe last N lines; with +N from line N on
\t-c N\tThe last N bytes; with +N from byte N on (suffixes b, k, m…)
\t-f\tPrint what is added
\t-F\tLike -f, by name: reopen replaced files, wait for missing ones
\t--pid=PID\tWith -f, end when PID has ended
\t-s SECONDS\tIgnored: changes are told, not looked for
\t-q\tNever print headers
\t-v\tAlways print headers
\t-z\tLines end with a zero byte",
    run,
};

#[derive(Clone, Copy)]
struct Part {
    bytes: bool,
    from_start: bool,
    count: u64,
    delimiter: u8,
}

struct Followed {
    path: Vec<u8>,
    name: Vec<u8>,
    source: Option<Source>,
    watch: Option<u32>,
    parent: Option<u32>,
    identity: Option<(u64, u64)>,
    read: u64,
    /// A pipe or terminal: read when it has something.
    stream: bool,
}

fn run(call: &Call) -> Outcome {
    let mut arguments = call.arguments.clone();
    // The historic `tail +5`.
    if let Some(first) = arguments.first_mut()
        && first.len() > 1
        && first[0] == b'+'
        && first[1].is_ascii_digit()
    {
        *first = [b"-n".as_slice(), first].concat();
    }
    let call = &Call { applet: call.applet, arguments };
    let options = call.options(
        "n:,lines c:,bytes f F follow:: retry pid: s:,sleep-interval q,quiet,silent v,verbose z,zero-terminated \
         max-unchanged-stats: -NUM=n",
    )?;
    let bytes = options.last_of(&["n", "c"]) == Some("c");
    let text = options.value(if bytes { "c" } else { "n" }).unwrap_or(b"10");
    let (from_start, digits) = match text.first() {
        Some(b'+') => (true, &text[1..]),
        Some(b'-') => (false, &text[1..]),
        _ => (false, text),
    };
    let count = numbers::size(digits).map_err(|_| Failure::new(format!("invalid number '{}'", lossy(&text))))?;
    let part = Part { bytes, from_start, count, delimiter: if options.has("z") { 0 } else { b'\n' } };
    let by_name = options.has("F") || options.value("follow") == Some(b"name");
    let follow = by_name || options.has("f") || options.has("follow");
    let retry = options.has("F") || options.has("retry");
    let files = options.files();
    let headers = options.has("v") || (files.len() > 1 && !options.has("q"));
    let mut out = Out::stdout();
    let mut status = 0;
    let mut followed: Vec<Followed> = Vec::new();
    let mut last = None;
    for (index, path) in files.iter().enumerate() {
        let name = if path == b"-" { b"standard input".to_vec() } else { path.clone() };
        let mut entry = Followed {
            path: path.clone(),
            name,
            source: None,
            watch: None,
            parent: None,
            identity: None,
            read: 0,
            stream: false,
        };
        match Source::open(path) {
            Ok(source) => {
                if headers {
                    header(&mut out, &entry.name, last.is_none())?;
                }
                last = Some(index);
                let attributes = source.attributes().map_err(|errno| Failure::about(path, errno))?;
                entry.identity = Some((attributes.device, attributes.inode));
                // What a device such as /dev/null has to say is said; it is followed like a file.
                entry.stream =
                    matches!(attributes.kind, Kind::Fifo | Kind::Socket) || coracle_sdk::terminal::is_terminal(&source);
                let mut input = Input::new(source);
                if let Err(errno) = show(&mut input, &attributes, part, &mut out)? {
                    out.flush()?;
                    call.warn_about(path, errno);
                    status = 1;
                    continue;
                }
                entry.source = Some(input.into_source());
                if attributes.kind == Kind::Regular {
                    entry.read =
                        entry.source.as_ref().map_or(0, |file| file.seek_to(SeekFrom::Current(0)).unwrap_or(0));
                }
                followed.push(entry);
            }
            Err(errno) => {
                out.flush()?;
                call.warn(format_args!("can't open '{}': {errno}", lossy(path)));
                status = 1;
                if retry && by_name {
                    followed.push(entry);
                }
            }
        }
    }
    out.flush()?;
    let pid = match options.value("pid") {
        Some(text) => Some(numbers::parse::<u32>(text)?),
        None => None,
    };
    // A pipe that has ended brings nothing more.
    followed.retain(|entry| !(entry.stream && entry.path == b"-" && !is_terminal(entry)));
    if !follow || followed.is_empty() {
        return out.finish(status);
    }
    Follower { call, followed, by_name, headers, last, pid, out }.go(status)
}

fn is_terminal(entry: &Followed) -> bool {
    entry.source.as_deref().is_some_and(coracle_sdk::terminal::is_terminal)
}

fn header(out: &mut Out<'_>, name: &[u8], first: bool) -> Result<(), Failure> {
    out.put(if first { b"==> " } else { b"\n==> " })?;
    out.put(name)?;
    out.put(b" <==\n")
}

fn show(
    input: &mut Input,
    attributes: &Attributes,
    part: Part,
    out: &mut Out<'_>,
) -> Result<Result<(), Errno>, Failure> {
    macro_rules! attempt {
        ($result:expr) => {
            match $result {
                Ok(value) => value,
                Err(errno) => return Ok(Err(errno)),
            }
        };
    }
    if part.from_start {
        let mut skip = part.count.saturating_sub(1);
        if part.bytes {
            while skip > 0 {
                match attempt!(input.take(usize::try_from(skip).unwrap_or(usize::MAX))) {
                    Some(chunk) => skip -= chunk.len() as u64,
                    None => break,
                }
            }
        } else {
            while skip > 0 && attempt!(input.line(part.delimiter)).is_some() {
                skip -= 1;
            }
        }
        while let Some(chunk) = attempt!(input.chunk()) {
            out.put(chunk)?;
        }
        return Ok(Ok(()));
    }
    // From the end of a file that can be sought, no more than needed is read.
    if attributes.kind == Kind::Regular
        && let Ok(start) = input.file().seek_to(SeekFrom::Current(0))
        && attributes.size > start + CHUNK as u64
    {
        let from = if part.bytes {
            attributes.size.saturating_sub(part.count).max(start)
        } else {
            attempt!(find_lines(input, start, attributes.size, part))
        };
        attempt!(input.file().seek_to(SeekFrom::Start(from)));
        while let Some(chunk) = attempt!(input.chunk()) {
            out.put(chunk)?;
        }
        return Ok(Ok(()));
    }
    if part.bytes {
        let keep = usize::try_from(part.count).unwrap_or(usize::MAX);
        let mut held: Vec<u8> = Vec::new();
        while let Some(chunk) = attempt!(input.chunk()) {
            held.extend_from_slice(chunk);
            if held.len() > keep.saturating_mul(2).max(1 << 16) {
                held.drain(..held.len() - keep);
            }
        }
        out.put(&held[held.len().saturating_sub(keep)..])?;
        return Ok(Ok(()));
    }
    let mut held = VecDeque::new();
    while let Some(line) = attempt!(input.line(part.delimiter)) {
        if part.count > 0 {
            if held.len() as u64 == part.count {
                held.pop_front();
            }
            held.push_back(line.to_vec());
        }
    }
    for line in held {
        out.put(&line)?;
    }
    Ok(Ok(()))
}

/// Where the last lines begin, searched backwards.
fn find_lines(input: &Input, start: u64, size: u64, part: Part) -> Result<u64, Errno> {
    if part.count == 0 {
        return Ok(size);
    }
    let mut wanted = part.count;
    let mut end = size;
    let mut at_end = true;
    while end > start {
        let begin = end.saturating_sub(CHUNK as u64).max(start);
        let mut block = Vec::new();
        while (block.len() as u64) < end - begin {
            let chunk = input.file().read_at((end - begin) as usize - block.len(), begin + block.len() as u64)?;
            if chunk.is_empty() {
                break;
            }
            block.extend(chunk);
        }
        let mut rest = block.as_slice();
        if at_end && rest.last() == Some(&part.delimiter) {
            rest = &rest[..rest.len() - 1];
        }
        at_end = false;
        while let Some(at) = memchr::memrchr(part.delimiter, rest) {
            wanted -= 1;
            if wanted == 0 {
                return Ok(begin + at as u64 + 1);
            }
            rest = &rest[..at];
        }
        end = begin;
    }
    Ok(start)
}

struct Follower<'a> {
    call: &'a Call,
    followed: Vec<Followed>,
    by_name: bool,
    headers: bool,
    last: Option<usize>,
    pid: Option<u32>,
    out: Out<'static>,
}

const CHANGES: Events = Events(Events::MODIFY.0 | Events::ATTRIBUTES.0 | Events::DELETE_SELF.0 | Events::MOVE_SELF.0);
const NAMES: Events = Events(Events::CREATE.0 | Events::MOVED_TO.0 | Events::DELETE.0 | Events::MOVED_FROM.0);

impl Follower<'_> {
    fn go(mut self, status: u8) -> Outcome {
        let watcher = Watcher::new().map_err(|errno| Failure::about("can't watch files", errno))?;
        for entry in &mut self.followed {
            watch(&watcher, entry, self.by_name);
        }
        loop {
            for index in 0..self.followed.len() {
                self.news(index, &watcher)?;
            }
            self.out.flush()?;
            if let Some(pid) = self.pid
                && process::kill(process::Target::Process(pid), None) == Err(Errno::SRCH)
            {
                return Ok(status);
            }
            if self.followed.iter().all(|entry| entry.source.is_none() && !self.by_name) {
                return Ok(if status == 0 { 1 } else { status });
            }
            let mut waits = vec![Wait::Watcher(&watcher)];
            for entry in &self.followed {
                if let (true, Some(source)) = (entry.stream, &entry.source) {
                    waits.push(Wait::Readable(source));
                }
            }
            // The end of another process is no event for us: only with --pid a
            // clock is needed.
            let timeout = self.pid.map(|_| std::time::Duration::from_secs(1));
            poll::wait(&waits, timeout).map_err(|errno| Failure::about("can't wait", errno))?;
            watcher.take();
        }
    }

    fn news(&mut self, index: usize, watcher: &Watcher) -> Result<(), Failure> {
        if self.by_name {
            self.reopen(index, watcher)?;
        }
        let entry = &mut self.followed[index];
        let Some(source) = &entry.source else { return Ok(()) };
        if entry.stream {
            let ready = poll::wait(&[Wait::Readable(source)], Some(std::time::Duration::ZERO));
            if !ready.is_ok_and(|ready| ready.contains(&true)) {
                return Ok(());
            }
        } else if let Ok(attributes) = source.attributes()
            && attributes.size < entry.read
        {
            self.out.flush()?;
            self.call.warn(format_args!("{}: file truncated", lossy(&entry.name)));
            let _ = source.seek_to(SeekFrom::Start(0));
            entry.read = 0;
        }
        loop {
            let entry = &mut self.followed[index];
            let Some(source) = &entry.source else { return Ok(()) };
            let chunk = match source.read_some(CHUNK) {
                Ok(chunk) => chunk,
                Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
                Err(errno) => {
                    self.call.warn_about(&entry.name, errno);
                    entry.source = None;
                    return Ok(());
                }
            };
            if chunk.is_empty() {
                if entry.stream {
                    entry.source = None;
                }
                return Ok(());
            }
            entry.read += chunk.len() as u64;
            if self.headers && self.last != Some(index) {
                header(&mut self.out, &entry.name, self.last.is_none())?;
            }
            self.last = Some(index);
            self.out.put(&chunk)?;
            if entry.stream {
                return Ok(());
            }
        }
    }

    fn reopen(&mut self, index: usize, watcher: &Watcher) -> Result<(), Failure> {
        let entry = &mut self.followed[index];
        if entry.path == b"-" {
            return Ok(());
        }
        let now = fs::stat(&entry.path).ok().map(|at| (at.device, at.inode));
        if now == entry.identity {
            return Ok(());
        }
        self.out.flush()?;
        let name = lossy(&entry.name).into_owned();
        match now {
            None => {
                self.call.warn(format_args!("'{name}' has become inaccessible: {}", Errno::NOENT));
                entry.source = None;
            }
            Some(_) => {
                let fresh = entry.identity.is_none();
                self.call.warn(if fresh {
                    format!("'{name}' has appeared;  following new file")
                } else {
                    format!("'{name}' has been replaced;  following new file")
                });
                entry.source = Source::open(&entry.path).ok();
                entry.read = 0;
            }
        }
        entry.identity = now;
        if let Some(old) = entry.watch.take() {
            let _ = watcher.remove(old);
        }
        watch(watcher, entry, true);
        Ok(())
    }
}

fn watch(watcher: &Watcher, entry: &mut Followed, by_name: bool) {
    if entry.path == b"-" {
        if let Some(stdin) = stdio::stdin()
            && !entry.stream
            && stdin.attributes().is_ok()
        {
            entry.watch = watcher.add("/proc/self/fd/0", CHANGES).ok();
        }
        return;
    }
    entry.watch = watcher.add(&entry.path, CHANGES).ok();
    if by_name && entry.parent.is_none() {
        entry.parent = watcher.add(paths::dir_name(&entry.path), NAMES).ok();
    }
}
