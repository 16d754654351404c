//! Running a script over files.

use std::collections::HashMap;

use coracle_sdk::process::{Command as Process, ExitStatus};
use coracle_sdk::{Errno, File, OpenOptions, fs, pipe, stdio};

use super::script::{Action, Address, Case, Part, Script, Substitute};
use crate::applet::{Call, Failure, Outcome, lossy};
use crate::input::{Input, trimmed};
use crate::output::Out;
use crate::paths;

pub struct Settings {
    pub silent: bool,
    pub separate: bool,
    pub in_place: Option<Vec<u8>>,
    pub delimiter: u8,
    pub unbuffered: bool,
    pub posix: bool,
    pub line_length: usize,
}

enum Queued {
    Text(Vec<u8>),
    File(Vec<u8>),
    Line(Vec<u8>),
}

struct Writer {
    file: File,
    buffer: Vec<u8>,
    missing_newline: bool,
}

struct Editor<'a> {
    call: &'a Call,
    script: &'a Script,
    settings: Settings,
    files: std::vec::IntoIter<Vec<u8>>,
    input: Option<Input>,
    name: Vec<u8>,
    line: u64,
    space: Vec<u8>,
    /// Whether the line ended with the delimiter.
    ended: bool,
    hold: Vec<u8>,
    queue: Vec<Queued>,
    replaced: bool,
    last_regex: usize,
    active: Vec<Active>,
    out: Out<'static>,
    missing_newline: bool,
    /// What is written while a file is edited in place.
    place: Option<(Writer, Vec<u8>)>,
    writers: HashMap<Vec<u8>, Writer>,
    readers: HashMap<Vec<u8>, Option<Input>>,
    status: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Active {
    /// Not begun yet: a line number that was jumped over still begins it.
    Never,
    No,
    Until(u64),
    Open,
}

enum Flow {
    End,
    Restart,
    Quit(u8, bool),
    Delete,
}

pub fn run(call: &Call, script: &Script, settings: Settings, files: Vec<Vec<u8>>) -> Outcome {
    let mut out = if settings.unbuffered { Out::stdout() } else { Out::interactive() };
    if settings.unbuffered {
        out.line_buffered();
    }
    let mut editor = Editor {
        call,
        script,
        settings,
        files: files.into_iter(),
        input: None,
        name: b"-".to_vec(),
        line: 0,
        space: Vec::new(),
        ended: true,
        hold: Vec::new(),
        queue: Vec::new(),
        replaced: false,
        last_regex: usize::MAX,
        active: vec![Active::Never; script.commands.len()],
        out,
        missing_newline: false,
        place: None,
        writers: HashMap::new(),
        readers: HashMap::new(),
        status: 0,
    };
    // `w` files are made even when nothing is written.
    for command in &script.commands {
        let path = match &command.action {
            Action::Write(path) | Action::WriteFirst(path) => Some(path),
            Action::Substitute(substitute) => substitute.file.as_ref(),
            _ => None,
        };
        if let Some(path) = path {
            editor.writer(path)?;
        }
    }
    editor.all()
}

impl Editor<'_> {
    fn all(mut self) -> Outcome {
        let mut status = 0;
        let mut restart = false;
        while restart || self.read()? {
            restart = false;
            match self.cycle()? {
                Flow::End => self.end_of_cycle(true)?,
                Flow::Delete => self.end_of_cycle(false)?,
                Flow::Restart => {
                    self.end_of_cycle(false)?;
                    restart = true;
                }
                Flow::Quit(code, print) => {
                    status = code;
                    if print {
                        self.end_of_cycle(true)?;
                    }
                    self.copy_rest()?;
                    break;
                }
            }
        }
        self.close_place()?;
        for (_, mut writer) in std::mem::take(&mut self.writers) {
            flush(&mut writer)?;
        }
        let status = if status != 0 { status } else { self.status };
        self.out.finish(status)
    }

    /// The next line into the pattern space; false at the end of all input.
    fn read(&mut self) -> Result<bool, Failure> {
        loop {
            if let Some(input) = &mut self.input {
                let delimiter = self.settings.delimiter;
                match input.line(delimiter) {
                    Ok(Some(line)) => {
                        let text = trimmed(line, delimiter);
                        self.ended = text.len() < line.len();
                        self.space.clear();
                        self.space.extend_from_slice(text);
                        self.line += 1;
                        return Ok(true);
                    }
                    Ok(None) => {}
                    Err(errno) => {
                        self.out.flush()?;
                        self.call.warn(format_args!("couldn't read {}: {errno}", lossy(&self.name)));
                        self.status = 4;
                    }
                }
                self.input = None;
                self.close_place()?;
            }
            if !self.open_next()? {
                return Ok(false);
            }
        }
    }

    fn open_next(&mut self) -> Result<bool, Failure> {
        let Some(path) = self.files.next() else { return Ok(false) };
        let opened = if fs::stat(&path).is_ok_and(|at| at.is_dir()) && path != b"-" {
            self.out.flush()?;
            let text = if self.settings.in_place.is_some() { "couldn't edit" } else { "read error on" };
            let end = if self.settings.in_place.is_some() { "not a regular file" } else { "Is a directory" };
            self.call.warn(format_args!("{text} {}: {end}", lossy(&path)));
            self.status = if self.settings.in_place.is_some() { 4 } else { 2 };
            return Ok(true);
        } else {
            Input::open(&path)
        };
        match opened {
            Ok(input) => {
                if self.settings.separate {
                    self.line = if self.settings.in_place.is_some() || self.settings.separate { 0 } else { self.line };
                }
                self.name = path.clone();
                if self.settings.in_place.is_some() && path != b"-" {
                    self.open_place(&path)?;
                }
                self.input = Some(input);
            }
            Err(errno) => {
                self.out.flush()?;
                self.call.warn(format_args!("can't read {}: {errno}", lossy(&path)));
                self.status = 2;
            }
        }
        Ok(true)
    }

    fn open_place(&mut self, path: &[u8]) -> Result<(), Failure> {
        let about = |errno| Failure::Message(format!("couldn't open temporary file for {}: {errno}", lossy(&path)), 4);
        let temporary = paths::join(paths::dir_name(path), format!("sed{:06x}", coracle_sdk::process::id()).as_bytes());
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).map_err(about)?;
        self.place = Some((Writer { file, buffer: Vec::new(), missing_newline: false }, temporary));
        Ok(())
    }

    fn close_place(&mut self) -> Result<(), Failure> {
        let Some((mut writer, temporary)) = self.place.take() else { return Ok(()) };
        let about = |errno| Failure::Message(format!("can't write {}: {errno}", lossy(&self.name)), 4);
        flush(&mut writer)?;
        if let Ok(attributes) = fs::stat(&self.name) {
            let _ = writer.file.set_owner(Some(attributes.user), Some(attributes.group));
            writer.file.set_mode(attributes.mode).map_err(about)?;
        }
        drop(writer);
        if let Some(suffix) = self.settings.in_place.as_ref().filter(|suffix| !suffix.is_empty()) {
            let base = paths::base_name(&self.name);
            let backup = if suffix.contains(&b'*') {
                suffix.split(|byte| *byte == b'*').collect::<Vec<_>>().join(base)
            } else {
                [base, suffix].concat()
            };
            let backup = if backup.contains(&b'/') { backup } else { sibling(&self.name, &backup) };
            fs::rename(&self.name, &backup).map_err(about)?;
        }
        fs::rename(&temporary, &self.name).map_err(about)
    }

    /// After `q` in place, the rest of the file stays as it is.
    fn copy_rest(&mut self) -> Result<(), Failure> {
        if self.place.is_some()
            && let Some(mut input) = self.input.take()
            && let Ok(rest) = input.rest()
        {
            self.write(&rest, true)?;
        }
        Ok(())
    }

    fn is_last(&mut self) -> bool {
        loop {
            if let Some(input) = &mut self.input
                && matches!(input.peek(), Ok(Some(_)))
            {
                return false;
            }
            if self.settings.separate {
                return true;
            }
            // Look into the following files, leaving the current name alone.
            let name = self.name.clone();
            match self.open_next() {
                Ok(true) => {}
                _ => {
                    self.name = name;
                    return true;
                }
            }
        }
    }

    fn write(&mut self, bytes: &[u8], ended: bool) -> Result<(), Failure> {
        let delimiter = self.settings.delimiter;
        if let Some((writer, _)) = &mut self.place {
            if std::mem::take(&mut writer.missing_newline) {
                writer.buffer.push(delimiter);
            }
            writer.buffer.extend_from_slice(bytes);
            writer.missing_newline = !ended;
            if writer.buffer.len() > 1 << 16 {
                drain(writer)?;
            }
            return Ok(());
        }
        if std::mem::take(&mut self.missing_newline) {
            self.out.byte(delimiter)?;
        }
        self.missing_newline = !ended;
        self.out.put(bytes)
    }

    /// The pattern space (or its beginning) as a line.
    fn print(&mut self, length: usize) -> Result<(), Failure> {
        let ended = self.ended || length < self.space.len();
        let space = std::mem::take(&mut self.space);
        let done = self.write(&space[..length], true);
        if done.is_ok() && ended {
            let delimiter = self.settings.delimiter;
            match &mut self.place {
                Some((writer, _)) => writer.buffer.push(delimiter),
                None => self.out.byte(delimiter)?,
            }
        } else if let Some((writer, _)) = &mut self.place {
            writer.missing_newline = true;
        } else {
            self.missing_newline = true;
        }
        self.space = space;
        done
    }

    fn end_of_cycle(&mut self, print: bool) -> Result<(), Failure> {
        if print && !self.settings.silent {
            self.print(self.space.len())?;
        }
        for queued in std::mem::take(&mut self.queue) {
            match queued {
                Queued::Text(text) => self.write(&text, true)?,
                Queued::File(path) => {
                    if let Ok(mut input) = Input::open(if path == b"/dev/stdin" { b"-" } else { &path })
                        && let Ok(text) = input.rest()
                        && !text.is_empty()
                    {
                        let ended = text.last() == Some(&b'\n');
                        self.write(&text, ended)?;
                    }
                }
                Queued::Line(path) => {
                    let reader = self.readers.entry(path.clone()).or_insert_with(|| Input::open(&path).ok());
                    let line = match reader {
                        Some(input) => input.line(b'\n').ok().flatten().map(<[u8]>::to_vec),
                        None => None,
                    };
                    if let Some(mut line) = line {
                        if line.last() != Some(&b'\n') {
                            line.push(b'\n');
                        }
                        self.write(&line, true)?;
                    }
                }
            }
        }
        if self.settings.unbuffered {
            self.out.flush()?;
        }
        Ok(())
    }

    fn matches(&mut self, regex: Option<usize>) -> Result<bool, Failure> {
        let index = self.regex(regex)?;
        Ok(self.script.regexes[index].is_match(&self.space))
    }

    fn regex(&mut self, regex: Option<usize>) -> Result<usize, Failure> {
        let index = regex.unwrap_or(self.last_regex);
        if index == usize::MAX {
            return Err(Failure::new("no previous regular expression"));
        }
        self.last_regex = index;
        Ok(index)
    }

    fn selected(&mut self, index: usize) -> Result<bool, Failure> {
        let script = self.script;
        let command = &script.commands[index];
        let Some(first) = &command.first else { return Ok(!command.negated) };
        let Some(second) = &command.second else {
            let yes = self.one(first)?;
            return Ok(yes != command.negated);
        };
        let inside = match self.active[index] {
            state @ (Active::Never | Active::No) => {
                let begins = match first {
                    // `0,/re/` may end on the first line.
                    Address::Line(0) => self.line == 1,
                    Address::Line(line) if state == Active::Never => self.line >= *line,
                    first => self.one(first)?,
                };
                if begins {
                    self.active[index] = match second {
                        Address::Line(line) if *line <= self.line => Active::No,
                        Address::Line(line) => Active::Until(*line),
                        Address::Plus(0) => Active::No,
                        Address::Plus(count) => Active::Until(self.line + count),
                        Address::Multiple(step) if *step == 0 || self.line % step == 0 => Active::No,
                        Address::Multiple(step) => Active::Until(self.line.next_multiple_of(*step)),
                        Address::Match(regex) if matches!(first, Address::Line(0)) && self.matches(*regex)? => {
                            Active::No
                        }
                        Address::Last if self.is_last() => Active::No,
                        _ => Active::Open,
                    };
                }
                begins
            }
            Active::Until(end) => {
                if self.line >= end {
                    self.active[index] = Active::No;
                }
                // A range by numbers that was jumped over is over.
                if self.line > end && matches!(second, Address::Line(_)) {
                    let begins = self.one(first)?;
                    return Ok(begins != command.negated);
                }
                true
            }
            Active::Open => {
                let over = match second {
                    Address::Match(regex) => self.matches(*regex)?,
                    Address::Last => self.is_last(),
                    _ => false,
                };
                if over {
                    self.active[index] = Active::No;
                }
                true
            }
        };
        Ok(inside != command.negated)
    }

    fn one(&mut self, address: &Address) -> Result<bool, Failure> {
        Ok(match address {
            Address::Line(line) => self.line == *line,
            Address::Last => self.is_last(),
            Address::Match(regex) => self.matches(*regex)?,
            Address::Step(first, 0) => self.line == *first,
            Address::Step(first, step) => self.line >= *first && (self.line - first) % step == 0,
            Address::Plus(_) | Address::Multiple(_) => false,
        })
    }

    fn cycle(&mut self) -> Result<Flow, Failure> {
        self.replaced = false;
        let script = self.script;
        let mut at = 0;
        while at < script.commands.len() {
            let index = at;
            at += 1;
            let selected = self.selected(index)?;
            let action = &script.commands[index].action;
            if !selected {
                if let Action::Block(end) = action {
                    at = *end + 1;
                }
                continue;
            }
            match action {
                Action::Block(_) | Action::End | Action::Nothing => {}
                Action::LineNumber => {
                    let text = format!("{}\n", self.line);
                    self.write(text.as_bytes(), true)?;
                }
                Action::Append(text) => self.queue.push(Queued::Text(text.clone())),
                Action::Insert(text) => self.write(text, true)?,
                Action::Change(text) => {
                    let command = &script.commands[index];
                    // A range is changed as a whole, at its end.
                    let in_range = command.second.is_some()
                        && !command.negated
                        && matches!(self.active[index], Active::Until(_) | Active::Open);
                    if !in_range {
                        self.write(text, true)?;
                    }
                    return Ok(Flow::Delete);
                }
                Action::Branch(to) => at = *to,
                Action::BranchIf(to) => {
                    if std::mem::take(&mut self.replaced) {
                        at = *to;
                    }
                }
                Action::BranchUnless(to) => {
                    if !std::mem::take(&mut self.replaced) {
                        at = *to;
                    }
                }
                Action::Delete => return Ok(Flow::Delete),
                Action::DeleteFirst => match memchr::memchr(b'\n', &self.space) {
                    Some(end) => {
                        self.space.drain(..=end);
                        return Ok(Flow::Restart);
                    }
                    None => return Ok(Flow::Delete),
                },
                Action::FileName => {
                    let mut name = self.name.clone();
                    name.push(b'\n');
                    self.write(&name, true)?;
                }
                Action::Get => self.space.clone_from(&self.hold),
                Action::GetAppend => {
                    self.space.push(self.settings.delimiter);
                    self.space.extend_from_slice(&self.hold);
                }
                Action::Hold => self.hold.clone_from(&self.space),
                Action::HoldAppend => {
                    self.hold.push(self.settings.delimiter);
                    self.hold.extend_from_slice(&self.space);
                }
                Action::List(width) => {
                    let text = listed(&self.space, width.unwrap_or(self.settings.line_length));
                    self.write(&text, true)?;
                }
                Action::Next => {
                    if self.is_last() {
                        // GNU prints the pattern space, POSIX does not.
                        return Ok(if self.settings.posix { Flow::Quit(0, false) } else { Flow::Quit(0, true) });
                    }
                    self.end_of_cycle(true)?;
                    if !self.read()? {
                        return Ok(Flow::Quit(0, false));
                    }
                }
                Action::NextAppend => {
                    if self.is_last() {
                        return Ok(if self.settings.posix { Flow::Quit(0, false) } else { Flow::Quit(0, true) });
                    }
                    self.end_of_cycle(false)?;
                    let mut before = std::mem::take(&mut self.space);
                    if !self.read()? {
                        self.space = before;
                        return Ok(Flow::Quit(0, true));
                    }
                    before.push(self.settings.delimiter);
                    before.extend_from_slice(&self.space);
                    self.space = before;
                }
                Action::Print => self.print(self.space.len())?,
                Action::PrintFirst => {
                    let end = memchr::memchr(b'\n', &self.space).unwrap_or(self.space.len());
                    self.print(end)?;
                }
                Action::Quit(status) => return Ok(Flow::Quit(*status, true)),
                Action::QuitSilent(status) => return Ok(Flow::Quit(*status, false)),
                Action::Read(path) => self.queue.push(Queued::File(path.clone())),
                Action::ReadLine(path) => self.queue.push(Queued::Line(path.clone())),
                Action::Substitute(substitute) => self.substitute(substitute)?,
                Action::Write(path) => self.write_to(path, self.space.len())?,
                Action::WriteFirst(path) => {
                    let end = memchr::memchr(b'\n', &self.space).unwrap_or(self.space.len());
                    self.write_to(path, end)?;
                }
                Action::Exchange => std::mem::swap(&mut self.space, &mut self.hold),
                Action::Translate(translate) => match &translate.bytes {
                    Some(table) => self.space.iter_mut().for_each(|byte| *byte = table[usize::from(*byte)]),
                    None => {
                        let text = String::from_utf8_lossy(&self.space).into_owned();
                        let map =
                            |c: char| translate.characters.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to);
                        self.space = text.chars().map(map).collect::<String>().into_bytes();
                    }
                },
                Action::Execute(command) => {
                    let replace = command.is_empty();
                    let text = shell(if replace { &self.space } else { command })?;
                    if replace {
                        self.space = text.strip_suffix(b"\n").unwrap_or(&text).to_vec();
                    } else {
                        self.write(&text, true)?;
                    }
                }
                Action::Zap => self.space.clear(),
            }
        }
        Ok(Flow::End)
    }

    fn substitute(&mut self, command: &Substitute) -> Result<(), Failure> {
        let script = self.script;
        let index = self.regex(command.regex)?;
        let regex = &script.regexes[index];
        let mut out = Vec::new();
        let mut count = 0;
        // What is copied already, and where the next match may begin.
        let (mut copied, mut at) = (0, 0);
        let mut last_end = None;
        let mut changed = false;
        while at <= self.space.len() {
            let spans;
            let (start, end) = if command.groups {
                match regex.captures_at(&self.space, at) {
                    Some(found) => {
                        spans = found;
                        spans[0].unwrap_or((at, at))
                    }
                    None => break,
                }
            } else {
                match regex.find_at(&self.space, at) {
                    Some(span) => {
                        spans = vec![Some(span)];
                        span
                    }
                    None => break,
                }
            };
            // Right behind a match an empty one does not count.
            if start == end && last_end == Some(start) {
                at = self.step(end);
                continue;
            }
            count += 1;
            if count >= command.number.max(1) {
                out.extend_from_slice(&self.space[copied..start]);
                replacement(&mut out, &command.parts, &self.space, &spans);
                copied = end;
                changed = true;
                if !command.global {
                    break;
                }
            }
            last_end = Some(end);
            at = if end > start { end } else { self.step(end) };
        }
        if !changed {
            return Ok(());
        }
        out.extend_from_slice(&self.space[copied..]);
        self.space = out;
        self.replaced = true;
        if command.execute {
            let text = shell(&self.space)?;
            self.space = text.strip_suffix(b"\n").unwrap_or(&text).to_vec();
        }
        if command.print {
            self.print(self.space.len())?;
        }
        if let Some(path) = &command.file {
            self.write_to(path, self.space.len())?;
        }
        Ok(())
    }

    /// The place after the character here.
    fn step(&self, at: usize) -> usize {
        let rest = self.space.get(at..).unwrap_or_default();
        at + coracle_posix::bracket::decode(rest, true).map_or(1, |(_, length)| length)
    }

    fn writer(&mut self, path: &[u8]) -> Result<(), Failure> {
        if path == b"/dev/stdout" || self.writers.contains_key(path) {
            return Ok(());
        }
        let opened = if path == b"/dev/stderr" {
            stdio::stderr().ok_or(Errno::BADF).and_then(File::share)
        } else {
            OpenOptions::new().write(true).create(true).truncate(true).open(path)
        };
        let file =
            opened.map_err(|errno| Failure::Message(format!("couldn't open file {}: {errno}", lossy(&path)), 4))?;
        self.writers.insert(path.to_vec(), Writer { file, buffer: Vec::new(), missing_newline: false });
        Ok(())
    }

    fn write_to(&mut self, path: &[u8], length: usize) -> Result<(), Failure> {
        if path == b"/dev/stdout" {
            return self.print(length);
        }
        let ended = self.ended || length < self.space.len();
        let Some(writer) = self.writers.get_mut(path) else { return Ok(()) };
        if std::mem::take(&mut writer.missing_newline) {
            writer.buffer.push(b'\n');
        }
        writer.buffer.extend_from_slice(&self.space[..length]);
        if ended {
            writer.buffer.push(b'\n');
        } else {
            writer.missing_newline = true;
        }
        // A later `r` of the same script sees it.
        drain(writer)
    }
}

fn sibling(path: &[u8], name: &[u8]) -> Vec<u8> {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => [&path[..=at], name].concat(),
        None => name.to_vec(),
    }
}

fn drain(writer: &mut Writer) -> Result<(), Failure> {
    let done = writer.file.write_full(&writer.buffer);
    writer.buffer.clear();
    done.map_err(Failure::Output)
}

fn flush(writer: &mut Writer) -> Result<(), Failure> {
    drain(writer)
}

/// The output of `sh -c`.
fn shell(command: &[u8]) -> Result<Vec<u8>, Failure> {
    let failed = |errno: Errno| Failure::new(format!("can't run a command: {errno}"));
    let (reader, writer) = pipe().map_err(failed)?;
    let child = Process::search(vec![b"sh".to_vec(), b"-c".to_vec(), command.to_vec()])
        .file(1, &writer)
        .spawn()
        .map_err(failed)?;
    drop(writer);
    let mut text = Vec::new();
    reader.read_all(&mut text).map_err(failed)?;
    use coracle_sdk::process::{Selector, wait};
    match wait(Selector::Process(child), true, false) {
        Ok(Some(change)) if matches!(change.status, ExitStatus::Exited(_)) => {}
        _ => {}
    }
    Ok(text)
}

fn replacement(out: &mut Vec<u8>, parts: &[Part], text: &[u8], spans: &[coracle_posix::regex::Span]) {
    let mut lasting = Case::End;
    let mut once = Case::End;
    for part in parts {
        let piece = match part {
            Part::Text(piece) => piece.as_slice(),
            Part::Group(number) => {
                spans.get(*number).copied().flatten().and_then(|(start, end)| text.get(start..end)).unwrap_or_default()
            }
            Part::Case(case) => {
                match case {
                    Case::UpperOne | Case::LowerOne => once = *case,
                    _ => {
                        lasting = *case;
                        once = Case::End;
                    }
                }
                continue;
            }
        };
        if lasting == Case::End && once == Case::End {
            out.extend_from_slice(piece);
            continue;
        }
        let mut first = true;
        let text = String::from_utf8_lossy(piece);
        for character in text.chars() {
            let case = if first && once != Case::End { once } else { lasting };
            match case {
                Case::Upper | Case::UpperOne => character.to_uppercase().for_each(|c| push(out, c)),
                Case::Lower | Case::LowerOne => character.to_lowercase().for_each(|c| push(out, c)),
                Case::End => push(out, character),
            }
            first = false;
        }
        if !piece.is_empty() {
            once = Case::End;
        }
    }
}

fn push(out: &mut Vec<u8>, character: char) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// What `l` prints.
fn listed(space: &[u8], width: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut column = 0;
    for &byte in space {
        let piece = match byte {
            b'\\' => b"\\\\".to_vec(),
            7 => b"\\a".to_vec(),
            8 => b"\\b".to_vec(),
            12 => b"\\f".to_vec(),
            b'\n' => b"\\n".to_vec(),
            b'\r' => b"\\r".to_vec(),
            b'\t' => b"\\t".to_vec(),
            11 => b"\\v".to_vec(),
            32..127 => vec![byte],
            other => format!("\\{other:03o}").into_bytes(),
        };
        if width > 1 && column + piece.len() > width - 1 {
            out.extend_from_slice(b"\\\n");
            column = 0;
        }
        column += piece.len();
        out.extend(piece);
    }
    out.extend_from_slice(b"$\n");
    out
}
