//! ls: lists directories.

use std::cmp::Ordering;

use coracle_posix::calendar::{self, Moment};
use coracle_posix::zone::Zone;
use coracle_sdk::fs::{Attributes, Kind, Timestamp};
use coracle_sdk::{env, fs, stdio, terminal, time};

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::options::Options;
use crate::output::Out;
use crate::users::Database;
use crate::{columns, modes, numbers, paths, times};

pub static APPLET: Applet = Applet {
    name: "ls",
    directory: "/bin",
    summary: "List directory contents",
    usage: "[-1AaCxdLHRFplinshrSXvctukQgom] [-w WIDTH] [FILE]...

List directory contents

\t-1\tOne column output
\t-a\tInclude names starting with .
\t-A\tLike -a, but without . and ..
\t-x\tList by lines
\t-m\tList with commas
\t-d\tList directory names, not contents
\t-L\tFollow symbolic links
\t-H\tFollow symbolic links among the operands
\t-R\tRecurse
\t-p\tAppend / to names of directories
\t-F\tAppend one of */=@| to names
\t-l\tLong format
\t-n\tLong format with numeric ids
\t-g,-o\tLong format without owner, without group
\t-i\tList inode numbers
\t-s\tList allocated blocks
\t-k\tSizes in kilobytes with -s
\t-h\tSizes for people (1.5K)
\t-t\tSort by modification time
\t-c\tUse the change time
\t-u\tUse the access time
\t-S\tSort by size
\t-X\tSort by extension
\t-v\tSort by version
\t-U\tDon't sort
\t-f\tDon't sort, list all
\t-r\tSort in reverse order
\t-Q\tQuote names
\t-b,-q,-N\tEscape, replace, keep strange bytes in names
\t-w N\tThis many columns
\t--color[={always,never,auto}]
\t--full-time, --time-style=STYLE
\t--group-directories-first",
    run,
};

const OPTIONS: &str = "1 a,all A,almost-all C c d,directory F,classify:: f G,no-group g H,dereference-command-line h,human-readable \
     i,inode k,kibibytes L,dereference l m N,literal n,numeric-uid-gid o p p Q,quote-name q,hide-control-chars b,escape \
     R,recursive r,reverse S s,size t U u v w:,width X x Z,context color::,colour full-time time-style: \
     group-directories-first time: sort: si format: indicator-style: quoting-style: B,ignore-backups I:,ignore: zero \
     show-control-chars T:,tabsize author";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    One,
    Down,
    Across,
    Commas,
    Long,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Name,
    None,
    Time,
    Size,
    Extension,
    Version,
}

struct Entry {
    name: Vec<u8>,
    path: Vec<u8>,
    attributes: Option<Attributes>,
    kind: Kind,
    inode: u64,
    link: Option<(Vec<u8>, Option<Attributes>)>,
}

struct List<'a> {
    call: &'a Call,
    options: Options,
    format: Format,
    sort: Sort,
    time: u8,
    color: bool,
    classify: u8,
    width: usize,
    human: Option<u64>,
    needs_stat: bool,
    strange: u8,
    zone: Option<Zone>,
    now: Timestamp,
    users: Database,
    out: Out<'static>,
    status: u8,
    visited: Vec<(u64, u64)>,
    first: bool,
}

fn run(call: &Call) -> Outcome {
    let options = call.options(OPTIONS)?;
    let terminal = stdio::stdout().is_some_and(|file| {
        // Only what depends on it asks.
        terminal::is_terminal(file)
    });
    let word = options.value("format").unwrap_or_default();
    let format = match options.last_of(&["1", "C", "x", "m", "l", "n", "g", "o", "full-time", "format"]) {
        Some("1") if options.has("l") || options.has("n") || options.has("g") || options.has("o") => Format::Long,
        Some("1") => Format::One,
        Some("C") => Format::Down,
        Some("x") => Format::Across,
        Some("m") => Format::Commas,
        Some("format") => match word {
            b"long" | b"verbose" => Format::Long,
            b"commas" => Format::Commas,
            b"horizontal" | b"across" => Format::Across,
            b"vertical" => Format::Down,
            _ => Format::One,
        },
        Some(_) => Format::Long,
        None if terminal => Format::Down,
        None => Format::One,
    };
    let time = match (options.last_of(&["c", "u", "time"]), options.value("time").unwrap_or_default()) {
        (Some("c"), _) | (_, b"ctime" | b"status") => b'c',
        (Some("u"), _) | (_, b"atime" | b"access" | b"use") => b'u',
        _ => b'm',
    };
    let sort =
        match (options.last_of(&["t", "S", "X", "v", "U", "f", "sort"]), options.value("sort").unwrap_or_default()) {
            (Some("t"), _) | (Some("sort"), b"time") => Sort::Time,
            (Some("S"), _) | (Some("sort"), b"size") => Sort::Size,
            (Some("X"), _) | (Some("sort"), b"extension") => Sort::Extension,
            (Some("v"), _) | (Some("sort"), b"version") => Sort::Version,
            (Some("U" | "f"), _) | (Some("sort"), b"none") => Sort::None,
            // -c and -u without -l sort by what they show.
            _ if (options.has("c") || options.has("u")) && format != Format::Long => Sort::Time,
            _ => Sort::Name,
        };
    let color = match options.in_order().filter(|(name, _)| *name == "color").last() {
        Some((_, None | Some(b"always" | b"yes" | b"force"))) => true,
        Some((_, Some(b"auto" | b"tty" | b"if-tty"))) => terminal,
        _ => false,
    };
    let classify = match options.last_of(&["F", "p", "indicator-style"]) {
        Some("F") => match options.value("F") {
            Some(b"never") => 0,
            Some(b"auto") if !terminal => 0,
            _ => b'F',
        },
        Some("p") => b'p',
        Some(_) => match options.value("indicator-style") {
            Some(b"classify" | b"file-type") => b'F',
            Some(b"slash") => b'p',
            _ => 0,
        },
        None => 0,
    };
    let width = match options.value("w") {
        Some(text) => match numbers::parse::<usize>(text)? {
            0 => usize::MAX,
            width => width,
        },
        None if matches!(format, Format::Down | Format::Across | Format::Commas) => terminal_width(terminal),
        None => 80,
    };
    let human = if options.has("h") {
        Some(1024)
    } else if options.has("si") {
        Some(1000)
    } else {
        None
    };
    let strange = match options.last_of(&["N", "q", "b", "Q", "show-control-chars", "quoting-style"]) {
        Some("N" | "show-control-chars") => 0,
        Some("q") => b'q',
        Some("b") => b'b',
        Some("Q") => b'Q',
        Some("quoting-style") => match options.value("quoting-style") {
            Some(b"escape") => b'b',
            Some(b"c") => b'Q',
            _ => 0,
        },
        _ if terminal => b'q',
        _ => 0,
    };
    let long = format == Format::Long;
    let mut list = List {
        call,
        needs_stat: long
            || color
            || classify == b'F'
            || matches!(sort, Sort::Time | Sort::Size)
            || options.has("s")
            || options.has("L"),
        zone: if long { Some(times::zone()) } else { None },
        now: if long { time::now() } else { Timestamp::default() },
        options,
        format,
        sort,
        time,
        color,
        classify,
        width,
        human,
        strange,
        users: Database::default(),
        out: Out::stdout(),
        status: 0,
        visited: Vec::new(),
        first: true,
    };
    list.operands()?;
    let status = list.status;
    list.out.finish(status)
}

/// COLUMNS, the terminal's width, or 80.
pub fn terminal_width(terminal: bool) -> usize {
    let columns =
        env::get("COLUMNS").and_then(|text| numbers::parse::<usize>(&text).ok()).filter(|columns| *columns > 0);
    columns
        .or_else(|| {
            let size = terminal.then(|| stdio::stdout().and_then(|file| terminal::size(file).ok())).flatten()?;
            Some(usize::from(size.columns)).filter(|columns| *columns > 0)
        })
        .unwrap_or(80)
}

impl List<'_> {
    fn warn(&mut self, path: &[u8], errno: coracle_sdk::Errno, serious: bool) {
        let _ = self.out.flush();
        self.call.warn_about(path, errno);
        self.status = self.status.max(if serious { 2 } else { 1 });
        // BusyBox knows one failure only, GNU tells operands from the rest.
        self.status = self.status.min(1);
    }

    fn operands(&mut self) -> Result<(), Failure> {
        let operands =
            if self.options.operands.is_empty() { vec![b".".to_vec()] } else { self.options.operands.clone() };
        let (mut files, mut directories) = (Vec::new(), Vec::new());
        let several = operands.len() > 1;
        for path in operands {
            let long = self.format == Format::Long;
            let follow = self.options.has("L")
                || self.options.has("H")
                || !(long || self.options.has("d") || self.classify == b'F');
            let attributes = if follow { fs::stat(&path).or_else(|_| fs::lstat(&path)) } else { fs::lstat(&path) };
            match attributes {
                Ok(attributes) => {
                    let is_dir = attributes.is_dir() && !self.options.has("d");
                    let entry = self.entry(path.clone(), path, attributes);
                    if is_dir { directories.push(entry) } else { files.push(entry) }
                }
                Err(errno) => self.warn(&path, errno, true),
            }
        }
        self.arrange(&mut files);
        self.arrange(&mut directories);
        if !files.is_empty() {
            self.print(&files, false)?;
            self.first = false;
        }
        for directory in directories {
            self.directory(&directory.path, several || self.options.has("R"))?;
        }
        Ok(())
    }

    fn entry(&self, name: Vec<u8>, path: Vec<u8>, attributes: Attributes) -> Entry {
        let link = if attributes.is_symlink() && (self.format == Format::Long || self.color) {
            fs::read_link(&path).ok().map(|target| (target, fs::stat(&path).ok()))
        } else {
            None
        };
        Entry { name, path, kind: attributes.kind, inode: attributes.inode, attributes: Some(attributes), link }
    }

    fn directory(&mut self, path: &[u8], title: bool) -> Result<(), Failure> {
        let names = match fs::read_dir(path).and_then(|entries| entries.collect::<coracle_sdk::Result<Vec<_>>>()) {
            Ok(names) => names,
            Err(errno) => {
                self.warn(path, errno, false);
                return Ok(());
            }
        };
        let identity = if self.options.has("R") { fs::stat(path).ok().map(|at| (at.device, at.inode)) } else { None };
        if let Some(identity) = identity {
            if self.visited.contains(&identity) {
                self.out.flush()?;
                self.call.warn(format_args!("{}: not listing already-listed directory", lossy(&path)));
                self.status = 1;
                return Ok(());
            }
            self.visited.push(identity);
        }
        let all = self.options.has("a") || self.options.has("f");
        let almost = all || self.options.has("A");
        let mut entries = Vec::new();
        if all {
            for name in [b".".as_slice(), b".."] {
                let at = paths::join(path, name);
                match fs::lstat(&at) {
                    Ok(attributes) => entries.push(self.entry(name.to_vec(), at, attributes)),
                    Err(errno) => self.warn(&at, errno, false),
                }
            }
        }
        let ignored: Vec<coracle_posix::pattern::Pattern> = self
            .options
            .values("I")
            .map(|pattern| coracle_posix::pattern::Pattern::new(pattern, coracle_posix::pattern::Flags::default()))
            .collect();
        for found in names {
            let hidden = found.name.first() == Some(&b'.');
            if (hidden && !almost)
                || (self.options.has("B") && found.name.last() == Some(&b'~'))
                || ignored.iter().any(|pattern| pattern.matches(&found.name))
            {
                continue;
            }
            let at = paths::join(path, &found.name);
            if !self.needs_stat {
                let entry = Entry {
                    name: found.name,
                    path: at,
                    attributes: None,
                    kind: found.kind,
                    inode: found.inode,
                    link: None,
                };
                entries.push(entry);
                continue;
            }
            let attributes =
                if self.options.has("L") { fs::stat(&at).or_else(|_| fs::lstat(&at)) } else { fs::lstat(&at) };
            match attributes {
                Ok(attributes) => entries.push(self.entry(found.name, at, attributes)),
                Err(errno) => self.warn(&at, errno, false),
            }
        }
        self.arrange(&mut entries);
        if title {
            if !self.first {
                self.out.byte(b'\n')?;
            }
            let title = self.shown_name(path);
            self.out.put(&title)?;
            self.out.put(b":\n")?;
        }
        self.first = false;
        self.print(&entries, true)?;
        if self.options.has("R") {
            for entry in &entries {
                let dots = entry.name == b"." || entry.name == b"..";
                let is_dir = entry.attributes.as_ref().map_or(entry.kind == Kind::Directory, Attributes::is_dir);
                if is_dir && !dots {
                    self.directory(&entry.path, true)?;
                }
            }
        }
        if identity.is_some() {
            self.visited.pop();
        }
        Ok(())
    }

    fn time_of(&self, attributes: &Attributes) -> Timestamp {
        match self.time {
            b'c' => attributes.changed,
            b'u' => attributes.accessed,
            _ => attributes.modified,
        }
    }

    fn arrange(&self, entries: &mut [Entry]) {
        let by_name = |a: &Entry, b: &Entry| a.name.cmp(&b.name);
        let order = |a: &Entry, b: &Entry| {
            let attributes = a.attributes.as_ref().zip(b.attributes.as_ref());
            let first = match self.sort {
                Sort::Time => attributes.map(|(a, b)| self.time_of(b).cmp(&self.time_of(a))),
                Sort::Size => attributes.map(|(a, b)| b.size.cmp(&a.size)),
                Sort::Extension => Some(extension(&a.name).cmp(extension(&b.name))),
                Sort::Version => Some(version(&a.name, &b.name)),
                Sort::Name | Sort::None => None,
            };
            first.unwrap_or(Ordering::Equal).then_with(|| by_name(a, b))
        };
        if self.sort != Sort::None {
            entries.sort_by(order);
            if self.options.has("r") {
                entries.reverse();
            }
        }
        if self.options.has("group-directories-first") {
            entries.sort_by_key(|entry| entry.kind != Kind::Directory);
        }
    }

    fn blocks(&self, attributes: &Attributes) -> String {
        match self.human {
            Some(base) => numbers::human(attributes.blocks * 512, base),
            None => attributes.blocks.div_ceil(2).to_string(),
        }
    }

    fn print(&mut self, entries: &[Entry], directory: bool) -> Result<(), Failure> {
        let end = if self.options.has("zero") { 0 } else { b'\n' };
        if (self.format == Format::Long || self.options.has("s")) && directory {
            let total: u64 = entries.iter().filter_map(|entry| entry.attributes.as_ref()).map(|at| at.blocks).sum();
            let total = match self.human {
                Some(base) => numbers::human(total * 512, base),
                None => total.div_ceil(2).to_string(),
            };
            self.out.text(format_args!("total {total}\n"))?;
        }
        if self.format == Format::Long {
            return self.long(entries, end);
        }
        let sizes: Vec<String> = if self.options.has("s") {
            entries
                .iter()
                .map(|entry| entry.attributes.as_ref().map_or_else(|| "?".into(), |at| self.blocks(at)))
                .collect()
        } else {
            Vec::new()
        };
        let mut cells = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let mut cell = Vec::new();
            if self.options.has("i") {
                cell.extend_from_slice(format!("{:>7} ", entry.inode).as_bytes());
            }
            if let Some(size) = sizes.get(index) {
                cell.extend_from_slice(format!("{size:>6} ").as_bytes());
            }
            let mut width = columns::width(&cell);
            let name = self.shown_name(&entry.name);
            width += columns::width(&name);
            self.colored(
                &mut cell,
                &name,
                entry.kind,
                entry.attributes.as_ref(),
                entry.link.as_ref().map(|(_, at)| at.is_some()),
            );
            if let Some(mark) = self.mark(entry.kind, entry.attributes.as_ref()) {
                cell.push(mark);
                width += 1;
            }
            cells.push((cell, width));
        }
        match self.format {
            Format::One | Format::Long => {
                for (cell, _) in &cells {
                    self.out.put(cell)?;
                    self.out.byte(end)?;
                }
            }
            Format::Commas => {
                let mut column = 0;
                for (index, (cell, width)) in cells.iter().enumerate() {
                    let last = index + 1 == cells.len();
                    let needed = width + if last { 0 } else { 1 };
                    if column > 0 {
                        if column + 1 + needed > self.width {
                            self.out.byte(b'\n')?;
                            column = 0;
                        } else {
                            self.out.byte(b' ')?;
                            column += 1;
                        }
                    }
                    self.out.put(cell)?;
                    column += needed;
                    if !last {
                        self.out.byte(b',')?;
                    }
                }
                if !cells.is_empty() {
                    self.out.byte(b'\n')?;
                }
            }
            Format::Down | Format::Across => self.grid(&cells)?,
        }
        Ok(())
    }

    /// Columns of one width, as BusyBox has them.
    fn grid(&mut self, cells: &[(Vec<u8>, usize)]) -> Result<(), Failure> {
        let down = self.format == Format::Down;
        let size = cells.iter().map(|(_, width)| *width).max().unwrap_or(0) + 2;
        let columns = (self.width / size).max(1);
        let rows = cells.len().div_ceil(columns);
        for row in 0..rows {
            let mut pending = 0;
            for column in 0..columns {
                let index = if down { column * rows + row } else { row * columns + column };
                let Some((cell, width)) = cells.get(index) else { continue };
                self.out.put(&vec![b' '; pending])?;
                self.out.put(cell)?;
                pending = size - width;
            }
            self.out.byte(b'\n')?;
        }
        Ok(())
    }

    fn long(&mut self, entries: &[Entry], end: u8) -> Result<(), Failure> {
        let zone = self.zone.take().unwrap_or_else(Zone::utc);
        let numeric = self.options.has("n");
        for entry in entries {
            let Some(at) = &entry.attributes else { continue };
            let owner = if numeric { at.user.to_string().into_bytes() } else { self.users.user_name(at.user) };
            let group = if numeric { at.group.to_string().into_bytes() } else { self.users.group_name(at.group) };
            let mut line = Vec::new();
            if self.options.has("i") {
                line.extend_from_slice(format!("{:>7} ", entry.inode).as_bytes());
            }
            if self.options.has("s") {
                line.extend_from_slice(format!("{:>6} ", self.blocks(at)).as_bytes());
            }
            line.extend_from_slice(&modes::show(at.kind, at.mode));
            line.extend_from_slice(format!(" {:>4} ", at.links).as_bytes());
            let pad = |line: &mut Vec<u8>, text: &[u8]| {
                line.extend_from_slice(text);
                line.extend(std::iter::repeat_n(b' ', 8usize.saturating_sub(columns::width(text)) + 1));
            };
            if !self.options.has("g") {
                pad(&mut line, &owner);
            }
            if !self.options.has("o") && !self.options.has("G") {
                pad(&mut line, &group);
            }
            let size = match (at.kind, self.human) {
                (Kind::CharacterDevice | Kind::BlockDevice, _) => {
                    let (major, minor) = fs::device_parts(at.represents);
                    format!("{major:>4}, {minor:>3} ")
                }
                (_, Some(base)) => format!("{:>7} ", numbers::human(at.size, base)),
                (_, None) => format!("{:>9} ", at.size),
            };
            line.extend_from_slice(size.as_bytes());
            line.extend_from_slice(&self.date(self.time_of(at), &zone));
            line.push(b' ');
            let name = self.shown_name(&entry.name);
            let sound = entry.link.as_ref().map(|(_, target)| target.is_some());
            self.colored(&mut line, &name, at.kind, Some(at), sound);
            if let Some((target, attributes)) = &entry.link {
                line.extend_from_slice(b" -> ");
                let shown = self.shown_name(target);
                match attributes {
                    Some(target) => {
                        self.colored(&mut line, &shown, target.kind, Some(target), None);
                        if self.classify != 0
                            && let Some(mark) = self.mark(target.kind, Some(target))
                        {
                            line.push(mark);
                        }
                    }
                    None => line.extend_from_slice(&shown),
                }
            } else if let Some(mark) = self.mark(at.kind, Some(at)) {
                line.push(mark);
            }
            line.push(end);
            self.out.put(&line)?;
        }
        self.zone = Some(zone);
        Ok(())
    }

    fn date(&self, at: Timestamp, zone: &Zone) -> Vec<u8> {
        let moment = Moment::at(at.seconds, at.nanoseconds, zone);
        let recent = at.seconds <= self.now.seconds && at.seconds > self.now.seconds - 31_556_952 / 2;
        let style = self.options.value("time-style").unwrap_or_default();
        let format: &[u8] = match style {
            b"full-iso" => b"%Y-%m-%d %H:%M:%S.%N %z",
            b"long-iso" => b"%Y-%m-%d %H:%M",
            b"iso" if recent => b"%m-%d %H:%M",
            b"iso" => b"%Y-%m-%d ",
            _ if style.starts_with(b"+") => &style[1..],
            _ if self.options.has("full-time") => b"%Y-%m-%d %H:%M:%S %z",
            _ if recent => b"%b %e %H:%M",
            _ => b"%b %e  %Y",
        };
        calendar::format(format, &moment)
    }

    fn mark(&self, kind: Kind, attributes: Option<&Attributes>) -> Option<u8> {
        match (self.classify, kind) {
            (b'F' | b'p', Kind::Directory) => Some(b'/'),
            (b'F', Kind::Symlink) => Some(b'@'),
            (b'F', Kind::Fifo) => Some(b'|'),
            (b'F', Kind::Socket) => Some(b'='),
            (b'F', Kind::Regular) if attributes.is_some_and(|at| at.mode & 0o111 != 0) => Some(b'*'),
            _ => None,
        }
    }

    fn shown_name(&self, name: &[u8]) -> Vec<u8> {
        match self.strange {
            b'q' => match std::str::from_utf8(name) {
                Ok(text) if !text.chars().any(char::is_control) => name.to_vec(),
                Ok(text) => text.chars().map(|c| if c.is_control() { '?' } else { c }).collect::<String>().into_bytes(),
                Err(_) => name.iter().map(|byte| if (32..127).contains(byte) { *byte } else { b'?' }).collect(),
            },
            b'b' | b'Q' => {
                let quoted = self.strange == b'Q';
                let mut shown = Vec::new();
                let utf8 = std::str::from_utf8(name).is_ok();
                for &byte in name {
                    match byte {
                        b'\n' => shown.extend_from_slice(b"\\n"),
                        b'\t' => shown.extend_from_slice(b"\\t"),
                        b'\r' => shown.extend_from_slice(b"\\r"),
                        b'\\' => shown.extend_from_slice(b"\\\\"),
                        b'"' if quoted => shown.extend_from_slice(b"\\\""),
                        b' ' if !quoted => shown.extend_from_slice(b"\\ "),
                        32..=126 => shown.push(byte),
                        128.. if utf8 => shown.push(byte),
                        _ => shown.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
                    }
                }
                if quoted { [b"\"".as_slice(), &shown, b"\""].concat() } else { shown }
            }
            _ => name.to_vec(),
        }
    }

    fn colored(
        &self,
        line: &mut Vec<u8>,
        name: &[u8],
        kind: Kind,
        attributes: Option<&Attributes>,
        sound: Option<bool>,
    ) {
        let code = if !self.color {
            None
        } else {
            match kind {
                _ if sound == Some(false) => Some("1;31"),
                Kind::Directory => Some("1;34"),
                Kind::Symlink => Some("1;36"),
                Kind::Fifo => Some("33"),
                Kind::Socket => Some("1;35"),
                Kind::CharacterDevice | Kind::BlockDevice => Some("1;33"),
                Kind::Regular if attributes.is_some_and(|at| at.mode & 0o111 != 0) => Some("1;32"),
                Kind::Regular => None,
            }
        };
        match code {
            Some(code) => {
                line.extend_from_slice(format!("\x1b[{code}m").as_bytes());
                line.extend_from_slice(name);
                line.extend_from_slice(b"\x1b[m");
            }
            None => line.extend_from_slice(name),
        }
    }
}

fn extension(name: &[u8]) -> &[u8] {
    name.iter().rposition(|byte| *byte == b'.').map_or(b"", |at| &name[at..])
}

/// strverscmp(): runs of digits compare as numbers.
pub fn version(a: &[u8], b: &[u8]) -> Ordering {
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        if a[i].is_ascii_digit() && b[j].is_ascii_digit() {
            let end = |text: &[u8], at: usize| {
                text[at..].iter().position(|byte| !byte.is_ascii_digit()).map_or(text.len(), |n| at + n)
            };
            let (left, right) = (&a[i..end(a, i)], &b[j..end(b, j)]);
            let strip = |text: &[u8]| text.iter().position(|byte| *byte != b'0').unwrap_or(text.len());
            let (x, y) = (&left[strip(left)..], &right[strip(right)..]);
            let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y)).then_with(|| right.len().cmp(&left.len()));
            if order != Ordering::Equal {
                return order;
            }
            i += left.len();
            j += right.len();
        } else {
            match a[i].cmp(&b[j]) {
                Ordering::Equal => {
                    i += 1;
                    j += 1;
                }
                order => return order,
            }
        }
    }
    (a.len() - i).cmp(&(b.len() - j))
}
