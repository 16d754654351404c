//! find: walks trees and evaluates an expression for every file.

use coracle_posix::calendar::{self, Moment};
use coracle_posix::pattern::{self, Pattern};
use coracle_posix::regex::{self, Regex};
use coracle_posix::zone::Zone;
use coracle_sdk::fs::{Attributes, Kind, Permission, Timestamp};
use coracle_sdk::process::{Command, ExitStatus};
use coracle_sdk::{Errno, File, OpenOptions, fs, time};

use super::rm::confirm;
use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::modes::{self, Mode};
use crate::output::Out;
use crate::users::Database;
use crate::{escape, numbers, paths, times};

pub static APPLET: Applet = Applet {
    name: "find",
    directory: "/usr/bin",
    summary: "Search for files",
    usage: "[-HLP] [PATH]... [OPTIONS] [EXPRESSION]

Search for files and do something with them. The default PATH is .,
the default action -print

\t-L,-H,-P\tFollow links always, for PATHs, never (default)
\t-maxdepth N, -mindepth N, -depth, -xdev

 ( EXPR ), ! EXPR, EXPR -a EXPR, EXPR -o EXPR, EXPR , EXPR
 -name, -iname, -path, -ipath, -lname PATTERN; -regex, -iregex RE (-regextype)
 -type [fdlpcbs], -xtype, -perm [-/]MODE, -user, -group, -uid, -gid, -nouser, -nogroup
 -size [+-]N[cwbkMG], -empty, -links, -inum, -samefile FILE
 -mtime, -atime, -ctime, -mmin, -amin, -cmin [+-]N; -newer, -anewer, -cnewer, -newerXY
 -readable, -writable, -executable, -true, -false
 -print, -print0, -printf FMT, -fprint FILE, -ls, -delete, -prune, -quit
 -exec CMD ARG ;, -exec CMD ARG {} +, -execdir, -ok CMD ARG ;",
    run,
};

#[derive(Clone, Copy)]
enum Sign {
    More,
    Less,
    Exactly,
}

impl Sign {
    fn holds(self, value: u64, wanted: u64) -> bool {
        match self {
            Sign::More => value > wanted,
            Sign::Less => value < wanted,
            Sign::Exactly => value == wanted,
        }
    }
}

enum Test {
    Always(bool),
    Not(Box<Test>),
    And(Vec<Test>),
    Or(Vec<Test>),
    List(Vec<Test>),
    Name(Pattern),
    Path(Pattern),
    LinkName(Pattern),
    Regex(Box<Regex>),
    Type(Vec<Kind>, bool),
    Perm(u8, u32),
    User(u32),
    Group(u32),
    Uid(Sign, u64),
    Gid(Sign, u64),
    NoUser,
    NoGroup,
    Size(Sign, u64, u64),
    Empty,
    Links(Sign, u64),
    Inode(Sign, u64),
    SameFile(u64, u64),
    Age(u8, u64, Sign, u64),
    Newer(u8, Timestamp),
    Access(Permission),
    Print(u8, Option<usize>),
    Printf(Vec<Piece>, Option<usize>),
    Ls,
    Delete,
    Prune,
    Quit,
    Exec { arguments: Vec<Vec<u8>>, directory: bool, ask: bool },
    ExecMany { arguments: Vec<Vec<u8>>, directory: bool, batch: usize },
}

enum Piece {
    Text(Vec<u8>),
    Field { flags: Vec<u8>, letter: u8, extra: u8 },
    Stop,
}

struct Entry {
    path: Vec<u8>,
    name: Vec<u8>,
    kind: Kind,
    depth: usize,
    start: usize,
    attributes: std::cell::OnceCell<Option<Attributes>>,
    follow: bool,
}

impl Entry {
    fn attributes(&self) -> Option<&Attributes> {
        self.attributes
            .get_or_init(|| {
                if self.follow {
                    fs::stat(&self.path).or_else(|_| fs::lstat(&self.path)).ok()
                } else {
                    fs::lstat(&self.path).ok()
                }
            })
            .as_ref()
    }
}

struct Batch {
    arguments: Vec<Vec<u8>>,
    files: Vec<Vec<u8>>,
    size: usize,
    directory: Option<Vec<u8>>,
}

struct Find<'a> {
    call: &'a Call,
    most: usize,
    least: usize,
    depth_first: bool,
    one_device: bool,
    follow: bool,
    follow_operands: bool,
    users: Database,
    zone: std::cell::OnceCell<Zone>,
    now: Timestamp,
    out: Out<'static>,
    files: Vec<(Vec<u8>, File)>,
    batches: Vec<Batch>,
    prune: bool,
    quit: bool,
    failed: bool,
    above: Vec<(u64, u64)>,
}

fn run(call: &Call) -> Outcome {
    let mut arguments = call.arguments.as_slice();
    let (mut follow, mut follow_operands) = (false, false);
    while let Some((first, rest)) = arguments.split_first() {
        match first.as_slice() {
            b"-L" => (follow, follow_operands) = (true, true),
            b"-H" => (follow, follow_operands) = (false, true),
            b"-P" => (follow, follow_operands) = (false, false),
            b"--help" => return Err(Failure::Help),
            _ => break,
        }
        arguments = rest;
    }
    let is_expression = |text: &[u8]| {
        matches!(text.first(), Some(b'-' | b'(' | b')' | b',')) && text.len() > usize::from(text.first() == Some(&b'-'))
            || text == b"!"
    };
    let split = arguments.iter().position(|argument| is_expression(argument)).unwrap_or(arguments.len());
    let (operands, expression) = arguments.split_at(split);
    let find = Find {
        call,
        most: usize::MAX,
        least: 0,
        depth_first: false,
        one_device: false,
        follow,
        follow_operands,
        users: Database::default(),
        zone: std::cell::OnceCell::new(),
        now: time::now(),
        out: Out::stdout(),
        files: Vec::new(),
        batches: Vec::new(),
        prune: false,
        quit: false,
        failed: false,
        above: Vec::new(),
    };
    let mut parser = Parser { find, arguments: expression, at: 0, acts: false, regex_extended: false };
    let test = parser.list()?;
    if let Some(extra) = parser.arguments.get(parser.at) {
        return Err(Failure::new(format!("unexpected '{}'", lossy(extra))));
    }
    let test = if parser.acts { test } else { Test::And(vec![test, Test::Print(b'\n', None)]) };
    let mut find = parser.find;
    let operands = if operands.is_empty() { vec![b".".to_vec()] } else { operands.to_vec() };
    for operand in &operands {
        let shown = operand.clone();
        let name = match paths::base_name(operand) {
            b"" => operand.clone(),
            name => name.to_vec(),
        };
        let attributes = if find.follow || find.follow_operands {
            fs::stat(operand).or_else(|_| fs::lstat(operand))
        } else {
            fs::lstat(operand)
        };
        match attributes {
            Ok(attributes) => {
                let entry = Entry {
                    start: shown.len(),
                    path: shown,
                    name,
                    kind: attributes.kind,
                    depth: 0,
                    attributes: std::cell::OnceCell::from(Some(attributes)),
                    follow: find.follow || find.follow_operands,
                };
                find.visit(&test, &entry)?;
            }
            Err(errno) => find.fail(operand, errno),
        }
        if find.quit {
            break;
        }
    }
    for index in 0..find.batches.len() {
        find.run_batch(index)?;
    }
    let status = u8::from(find.failed);
    find.out.finish(status)
}

struct Parser<'a> {
    find: Find<'a>,
    arguments: &'a [Vec<u8>],
    at: usize,
    acts: bool,
    regex_extended: bool,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&[u8]> {
        self.arguments.get(self.at).map(Vec::as_slice)
    }

    fn list(&mut self) -> Result<Test, Failure> {
        let mut all = vec![self.or()?];
        while self.peek() == Some(b",") {
            self.at += 1;
            all.push(self.or()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Test::List(all) })
    }

    fn or(&mut self) -> Result<Test, Failure> {
        let mut all = vec![self.and()?];
        while matches!(self.peek(), Some(b"-o" | b"-or")) {
            self.at += 1;
            all.push(self.and()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Test::Or(all) })
    }

    fn and(&mut self) -> Result<Test, Failure> {
        let mut all = Vec::new();
        loop {
            match self.peek() {
                None | Some(b")" | b"," | b"-o" | b"-or") => break,
                Some(b"-a" | b"-and") => self.at += 1,
                _ => {}
            }
            all.push(self.not()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Test::And(all) })
    }

    fn not(&mut self) -> Result<Test, Failure> {
        if matches!(self.peek(), Some(b"!" | b"-not")) {
            self.at += 1;
            if self.peek().is_none() {
                return Err(Failure::new("expected an expression after '!'"));
            }
            return Ok(Test::Not(Box::new(self.not()?)));
        }
        if self.peek() == Some(b"(") {
            self.at += 1;
            let inside = self.list()?;
            if self.peek() != Some(b")") {
                return Err(Failure::new("unmatched '('"));
            }
            self.at += 1;
            return Ok(inside);
        }
        self.primary()
    }

    fn value(&mut self, name: &[u8]) -> Result<Vec<u8>, Failure> {
        let value = self.arguments.get(self.at).cloned();
        self.at += 1;
        value.ok_or_else(|| Failure::new(format!("{} requires an argument", lossy(&name))))
    }

    fn number(&mut self, name: &[u8]) -> Result<(Sign, u64), Failure> {
        let text = self.value(name)?;
        let (sign, digits) = signed(&text);
        let invalid = || Failure::new(format!("invalid number '{}'", lossy(&text)));
        numbers::parse::<f64>(digits).map_err(|_| invalid()).map(|value| (sign, value as u64))
    }

    fn output(&mut self, name: &[u8]) -> Result<usize, Failure> {
        let path = self.value(name)?;
        if let Some(index) = self.find.files.iter().position(|(known, _)| *known == path) {
            return Ok(index);
        }
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path);
        let file = file.map_err(|errno| Failure::about(&path, errno))?;
        self.find.files.push((path, file));
        Ok(self.find.files.len() - 1)
    }

    fn primary(&mut self) -> Result<Test, Failure> {
        let name = self.value(b"")?;
        let glob = |text: &[u8], fold: bool| Pattern::new(text, pattern::Flags { fold, ..pattern::Flags::default() });
        Ok(match name.as_slice() {
            b"-maxdepth" => {
                self.find.most = numbers::parse(&self.value(&name)?)?;
                Test::Always(true)
            }
            b"-mindepth" => {
                self.find.least = numbers::parse(&self.value(&name)?)?;
                Test::Always(true)
            }
            b"-depth" | b"-d" => {
                self.find.depth_first = true;
                Test::Always(true)
            }
            b"-xdev" | b"-mount" => {
                self.find.one_device = true;
                Test::Always(true)
            }
            b"-follow" => {
                (self.find.follow, self.find.follow_operands) = (true, true);
                Test::Always(true)
            }
            b"-daystart" => {
                let zone = times::zone();
                let now = Moment::at(self.find.now.seconds, 0, &zone);
                let of_day = i64::from(now.hour * 3600 + now.minute * 60 + now.second);
                self.find.now = Timestamp { seconds: self.find.now.seconds - of_day + 86400, nanoseconds: 0 };
                Test::Always(true)
            }
            b"-noleaf" | b"-warn" | b"-nowarn" | b"-ignore_readdir_race" | b"-noignore_readdir_race" => {
                Test::Always(true)
            }
            b"-regextype" => {
                let kind = self.value(&name)?;
                self.regex_extended = matches!(
                    kind.as_slice(),
                    b"posix-extended" | b"egrep" | b"posix-egrep" | b"awk" | b"gnu-awk" | b"posix-awk"
                );
                Test::Always(true)
            }
            b"-true" => Test::Always(true),
            b"-false" => Test::Always(false),
            b"-name" => Test::Name(glob(&self.value(&name)?, false)),
            b"-iname" => Test::Name(glob(&self.value(&name)?, true)),
            b"-path" | b"-wholename" => Test::Path(glob(&self.value(&name)?, false)),
            b"-ipath" | b"-iwholename" => Test::Path(glob(&self.value(&name)?, true)),
            b"-lname" => Test::LinkName(glob(&self.value(&name)?, false)),
            b"-ilname" => Test::LinkName(glob(&self.value(&name)?, true)),
            b"-regex" | b"-iregex" => {
                let text = self.value(&name)?;
                // GNU's default syntax has + and ? as operators.
                let text = if self.regex_extended { text } else { emacs(&text) };
                let flags = regex::Flags {
                    extended: true,
                    fold: name == b"-iregex",
                    utf8: crate::locale::utf8(),
                    line: true,
                    ..regex::Flags::default()
                };
                Test::Regex(Box::new(Regex::new(&text, flags).map_err(|error| Failure::new(error.to_string()))?))
            }
            b"-type" | b"-xtype" => {
                let text = self.value(&name)?;
                let mut kinds = Vec::new();
                for letter in text.split(|byte| *byte == b',') {
                    kinds.push(match letter {
                        b"f" => Kind::Regular,
                        b"d" => Kind::Directory,
                        b"l" => Kind::Symlink,
                        b"p" => Kind::Fifo,
                        b"c" => Kind::CharacterDevice,
                        b"b" => Kind::BlockDevice,
                        b"s" => Kind::Socket,
                        _ => return Err(Failure::new(format!("{}: unknown type", lossy(&text)))),
                    });
                }
                Test::Type(kinds, name == b"-xtype")
            }
            b"-perm" => {
                let text = self.value(&name)?;
                let (how, rest) = match text.first() {
                    Some(mark @ (b'-' | b'/')) => (*mark, &text[1..]),
                    Some(b'+') if text.get(1).is_some_and(u8::is_ascii_digit) => (b'/', &text[1..]),
                    _ => (b'=', text.as_slice()),
                };
                let mode = Mode::parse(rest).ok_or_else(|| Failure::new(format!("invalid mode '{}'", lossy(&text))))?;
                Test::Perm(how, mode.apply(0, false, 0))
            }
            b"-user" => {
                let text = self.value(&name)?;
                Test::User(self.find.users.user_id(&text)?)
            }
            b"-group" => {
                let text = self.value(&name)?;
                Test::Group(self.find.users.group_id(&text)?)
            }
            b"-uid" => self.number(&name).map(|(sign, value)| Test::Uid(sign, value))?,
            b"-gid" => self.number(&name).map(|(sign, value)| Test::Gid(sign, value))?,
            b"-nouser" => Test::NoUser,
            b"-nogroup" => Test::NoGroup,
            b"-size" => {
                let text = self.value(&name)?;
                let (sign, digits) = signed(&text);
                let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
                let unit = match &digits[end..] {
                    b"" | b"b" => 512,
                    b"c" => 1,
                    b"w" => 2,
                    b"k" => 1 << 10,
                    b"M" => 1 << 20,
                    b"G" => 1 << 30,
                    _ => return Err(Failure::new(format!("invalid number '{}'", lossy(&text)))),
                };
                Test::Size(sign, numbers::parse(&digits[..end])?, unit)
            }
            b"-empty" => Test::Empty,
            b"-links" => self.number(&name).map(|(sign, value)| Test::Links(sign, value))?,
            b"-inum" => self.number(&name).map(|(sign, value)| Test::Inode(sign, value))?,
            b"-samefile" => {
                let path = self.value(&name)?;
                let at = fs::stat(&path).map_err(|errno| Failure::about(&path, errno))?;
                Test::SameFile(at.device, at.inode)
            }
            b"-mtime" | b"-atime" | b"-ctime" => {
                let (sign, days) = self.number(&name)?;
                Test::Age(name[1], 86400, sign, days)
            }
            b"-mmin" | b"-amin" | b"-cmin" => {
                let (sign, minutes) = self.number(&name)?;
                Test::Age(name[1], 60, sign, minutes)
            }
            b"-readable" => Test::Access(Permission { read: true, ..Permission::default() }),
            b"-writable" => Test::Access(Permission { write: true, ..Permission::default() }),
            b"-executable" => Test::Access(Permission { execute: true, ..Permission::default() }),
            b"-newer" | b"-anewer" | b"-cnewer" => {
                let path = self.value(&name)?;
                let at = fs::stat(&path).map_err(|errno| Failure::about(&path, errno))?;
                Test::Newer(if name == b"-newer" { b'm' } else { name[1] }, at.modified)
            }
            _ if name.starts_with(b"-newer") && name.len() == 8 => {
                let reference = self.value(&name)?;
                let since = if name[7] == b't' {
                    times::parse(&reference, time::now(), &times::zone())
                        .ok_or_else(|| Failure::new(format!("invalid date '{}'", lossy(&reference))))?
                } else {
                    let at = fs::stat(&reference).map_err(|errno| Failure::about(&reference, errno))?;
                    match name[7] {
                        b'a' => at.accessed,
                        b'c' => at.changed,
                        _ => at.modified,
                    }
                };
                Test::Newer(name[6], since)
            }
            b"-print" => self.action(Test::Print(b'\n', None)),
            b"-print0" => self.action(Test::Print(0, None)),
            b"-fprint" => {
                let file = self.output(&name)?;
                self.action(Test::Print(b'\n', Some(file)))
            }
            b"-fprint0" => {
                let file = self.output(&name)?;
                self.action(Test::Print(0, Some(file)))
            }
            b"-printf" => {
                let format = self.value(&name)?;
                self.action(Test::Printf(pieces(&format), None))
            }
            b"-fprintf" => {
                let file = self.output(&name)?;
                let format = self.value(&name)?;
                self.action(Test::Printf(pieces(&format), Some(file)))
            }
            b"-ls" => self.action(Test::Ls),
            b"-delete" => {
                self.find.depth_first = true;
                self.action(Test::Delete)
            }
            b"-prune" => Test::Prune,
            b"-quit" => Test::Quit,
            b"-exec" | b"-execdir" | b"-ok" | b"-okdir" => self.exec(&name)?,
            _ => return Err(Failure::new(format!("unrecognized: {}", lossy(&name)))),
        })
    }

    fn action(&mut self, test: Test) -> Test {
        self.acts = true;
        test
    }

    fn exec(&mut self, name: &[u8]) -> Result<Test, Failure> {
        self.acts = true;
        let mut arguments = Vec::new();
        let directory = name.ends_with(b"dir");
        loop {
            let argument = self.arguments.get(self.at).cloned();
            let argument = argument.ok_or_else(|| Failure::new(format!("{} CMD must end by ';'", lossy(&name))))?;
            self.at += 1;
            if argument == b";" {
                break;
            }
            if argument == b"+"
                && arguments.last().is_some_and(|last: &Vec<u8>| last == b"{}")
                && name.starts_with(b"-exec")
            {
                arguments.pop();
                self.find.batches.push(Batch {
                    arguments: arguments.clone(),
                    files: Vec::new(),
                    size: 0,
                    directory: None,
                });
                return Ok(Test::ExecMany { arguments, directory, batch: self.find.batches.len() - 1 });
            }
            arguments.push(argument);
        }
        if arguments.is_empty() {
            return Err(Failure::new(format!("{} requires an argument", lossy(&name))));
        }
        Ok(Test::Exec { arguments, directory, ask: name.starts_with(b"-ok") })
    }
}

fn signed(text: &[u8]) -> (Sign, &[u8]) {
    match text.first() {
        Some(b'+') => (Sign::More, &text[1..]),
        Some(b'-') => (Sign::Less, &text[1..]),
        _ => (Sign::Exactly, text),
    }
}

/// Emacs's syntax, find's default, as an extended one: groups, bars and intervals
/// are quoted there.
fn emacs(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.next() {
                Some(letter @ (b'(' | b')' | b'|')) => out.push(letter),
                Some(other) => out.extend([b'\\', other]),
                None => out.push(b'\\'),
            },
            b'(' | b')' | b'|' | b'{' | b'}' => out.extend([b'\\', byte]),
            b'[' => {
                out.push(byte);
                let mut first = true;
                for inside in bytes.by_ref() {
                    out.push(inside);
                    if inside == b']' && !first {
                        break;
                    }
                    first = first && inside == b'^';
                }
            }
            _ => out.push(byte),
        }
    }
    out
}

fn pieces(format: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = Vec::new();
    let mut at = 0;
    while at < format.len() {
        match format[at] {
            b'\\' => {
                let (escape, length) = escape::read(&format[at + 1..], escape::Dialect::Format);
                at += 1 + length;
                match escape {
                    escape::Escape::Bytes(bytes) => text.extend(bytes),
                    escape::Escape::Stop => {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                        pieces.push(Piece::Stop);
                    }
                }
            }
            b'%' => {
                at += 1;
                let end = format[at..]
                    .iter()
                    .position(|byte| !b"-+ #0123456789.".contains(byte))
                    .map_or(format.len(), |n| at + n);
                let flags = format[at..end].to_vec();
                let letter = format.get(end).copied().unwrap_or(b'%');
                at = end + 1;
                let mut extra = 0;
                if matches!(letter, b'A' | b'C' | b'T') {
                    extra = format.get(at).copied().unwrap_or(b'c');
                    at += 1;
                }
                if letter == b'%' {
                    text.push(b'%');
                    continue;
                }
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Field { flags, letter, extra });
            }
            byte => {
                text.push(byte);
                at += 1;
            }
        }
    }
    pieces.push(Piece::Text(text));
    pieces
}

impl Find<'_> {
    fn fail(&mut self, path: &[u8], errno: Errno) {
        let _ = self.out.flush();
        self.call.warn_about(path, errno);
        self.failed = true;
    }

    fn visit(&mut self, test: &Test, entry: &Entry) -> Result<(), Failure> {
        self.prune = false;
        if !self.depth_first && entry.depth >= self.least {
            self.test(test, entry)?;
        }
        if self.quit {
            return Ok(());
        }
        let pruned = std::mem::take(&mut self.prune) && !self.depth_first;
        let kind = if entry.follow && entry.kind == Kind::Symlink {
            entry.attributes().map_or(entry.kind, |at| at.kind)
        } else {
            entry.kind
        };
        if kind == Kind::Directory && !pruned && entry.depth < self.most {
            self.children(test, entry)?;
        }
        if self.depth_first && entry.depth >= self.least && !self.quit {
            self.test(test, entry)?;
        }
        Ok(())
    }

    fn children(&mut self, test: &Test, entry: &Entry) -> Result<(), Failure> {
        let mut above = false;
        if self.one_device || self.follow {
            let Some(at) = entry.attributes() else { return Ok(()) };
            let identity = (at.device, at.inode);
            if self.one_device && entry.depth > 0 && self.above.first().is_some_and(|(device, _)| *device != at.device)
            {
                return Ok(());
            }
            if self.above.contains(&identity) {
                let path = entry.path.clone();
                self.out.flush()?;
                self.call.warn(format_args!("'{}': loop in the file hierarchy", lossy(&path)));
                self.failed = true;
                return Ok(());
            }
            self.above.push(identity);
            above = true;
        }
        match fs::read_dir(&entry.path) {
            Ok(entries) => {
                for found in entries {
                    let found = match found {
                        Ok(found) => found,
                        Err(errno) => {
                            self.fail(&entry.path, errno);
                            break;
                        }
                    };
                    let child = Entry {
                        path: paths::join(&entry.path, &found.name),
                        name: found.name,
                        kind: found.kind,
                        depth: entry.depth + 1,
                        start: entry.start,
                        attributes: std::cell::OnceCell::new(),
                        follow: self.follow,
                    };
                    self.visit(test, &child)?;
                    if self.quit {
                        break;
                    }
                }
            }
            Err(errno) => self.fail(&entry.path, errno),
        }
        if above {
            self.above.pop();
        }
        Ok(())
    }

    fn test(&mut self, test: &Test, entry: &Entry) -> Result<bool, Failure> {
        let with = |check: &dyn Fn(&Attributes) -> bool| entry.attributes().is_some_and(check);
        Ok(match test {
            Test::Always(answer) => *answer,
            Test::Not(inside) => !self.test(inside, entry)?,
            Test::And(all) => {
                for test in all {
                    if !self.test(test, entry)? || self.quit {
                        return Ok(false);
                    }
                }
                true
            }
            Test::Or(all) => {
                for test in all {
                    if self.test(test, entry)? || self.quit {
                        return Ok(true);
                    }
                }
                false
            }
            Test::List(all) => {
                let mut last = false;
                for test in all {
                    last = self.test(test, entry)?;
                }
                last
            }
            Test::Name(pattern) => pattern.matches(&entry.name),
            Test::Path(pattern) => pattern.matches(&entry.path),
            Test::LinkName(pattern) => fs::read_link(&entry.path).is_ok_and(|target| pattern.matches(&target)),
            Test::Regex(regex) => regex.is_match(&entry.path),
            Test::Type(kinds, follow) => {
                let kind = if *follow {
                    fs::stat(&entry.path).ok().or_else(|| fs::lstat(&entry.path).ok()).map_or(entry.kind, |at| at.kind)
                } else if entry.follow && entry.kind == Kind::Symlink {
                    entry.attributes().map_or(entry.kind, |at| at.kind)
                } else {
                    entry.kind
                };
                kinds.contains(&kind)
            }
            Test::Perm(how, bits) => with(&|at| match how {
                b'-' => at.mode & bits == *bits,
                b'/' => *bits == 0 || at.mode & bits != 0,
                _ => at.mode == *bits,
            }),
            Test::User(id) => with(&|at| at.user == *id),
            Test::Group(id) => with(&|at| at.group == *id),
            Test::Uid(sign, id) => with(&|at| sign.holds(u64::from(at.user), *id)),
            Test::Gid(sign, id) => with(&|at| sign.holds(u64::from(at.group), *id)),
            Test::NoUser => with(&|at| self.users.user(at.user).is_none()),
            Test::NoGroup => with(&|at| self.users.group(at.group).is_none()),
            Test::Size(sign, size, unit) => with(&|at| sign.holds(at.size.div_ceil(*unit), *size)),
            Test::Empty => match entry.kind {
                Kind::Regular => with(&|at| at.size == 0),
                Kind::Directory => fs::read_dir(&entry.path).is_ok_and(|mut entries| entries.next().is_none()),
                _ => false,
            },
            Test::Links(sign, count) => with(&|at| sign.holds(at.links, *count)),
            Test::Inode(sign, inode) => with(&|at| sign.holds(at.inode, *inode)),
            Test::SameFile(device, inode) => with(&|at| at.device == *device && at.inode == *inode),
            Test::Age(which, unit, sign, count) => with(&|at| {
                let age = self.now.seconds - stamp(at, *which).seconds;
                let units = age.div_euclid(*unit as i64);
                // -mmin -5 counts whole minutes begun.
                match sign {
                    Sign::Less => age < (*count * *unit) as i64,
                    Sign::More => units > *count as i64,
                    Sign::Exactly => units == *count as i64,
                }
            }),
            Test::Newer(which, since) => with(&|at| stamp(at, *which) > *since),
            Test::Access(permission) => fs::access(&entry.path, *permission, true).is_ok(),
            Test::Print(end, file) => {
                let line = [entry.path.as_slice(), &[*end]].concat();
                self.put(*file, &line)?;
                true
            }
            Test::Printf(pieces, file) => {
                let text = self.format(pieces, entry);
                self.put(*file, &text)?;
                true
            }
            Test::Ls => {
                let line = self.long(entry);
                self.out.put(&line)?;
                true
            }
            Test::Delete => {
                if entry.path == b"." || entry.path == b"./" {
                    return Ok(true);
                }
                let removed =
                    if entry.kind == Kind::Directory { fs::remove_dir(&entry.path) } else { fs::unlink(&entry.path) };
                if let Err(errno) = removed {
                    self.fail(&entry.path.clone(), errno);
                }
                removed.is_ok()
            }
            Test::Prune => {
                self.prune = true;
                true
            }
            Test::Quit => {
                self.quit = true;
                true
            }
            Test::Exec { arguments, directory, ask } => {
                let (path, at) = self.place(entry, *directory);
                let arguments: Vec<Vec<u8>> = arguments.iter().map(|argument| substitute(argument, &path)).collect();
                if *ask {
                    let text: Vec<_> = arguments.iter().map(|argument| lossy(argument).into_owned()).collect();
                    self.out.flush()?;
                    if !confirm(&format!("{} ?", text.join(" "))) {
                        return Ok(false);
                    }
                }
                self.execute(arguments, at)?
            }
            Test::ExecMany { arguments, directory, batch } => {
                let (path, at) = self.place(entry, *directory);
                let base: usize = arguments.iter().map(|argument| argument.len() + 1).sum();
                let size = base + self.batches[*batch].size + path.len() + 1;
                let elsewhere = self.batches[*batch].directory != at && !self.batches[*batch].files.is_empty();
                if size > 128 * 1024 || elsewhere {
                    self.run_batch(*batch)?;
                }
                let queued = &mut self.batches[*batch];
                queued.size += path.len() + 1;
                queued.files.push(path);
                queued.directory = at;
                true
            }
        })
    }

    fn put(&mut self, file: Option<usize>, bytes: &[u8]) -> Result<(), Failure> {
        match file {
            None => self.out.put(bytes),
            Some(index) => self.files[index].1.write_full(bytes).map_err(Failure::Output),
        }
    }

    /// The path a program is given, and where it is run.
    fn place(&self, entry: &Entry, directory: bool) -> (Vec<u8>, Option<Vec<u8>>) {
        if !directory {
            return (entry.path.clone(), None);
        }
        ([b"./".as_slice(), &entry.name].concat(), Some(paths::dir_name(&entry.path).to_vec()))
    }

    fn execute(&mut self, arguments: Vec<Vec<u8>>, directory: Option<Vec<u8>>) -> Result<bool, Failure> {
        self.out.flush()?;
        let name = arguments.first().cloned().unwrap_or_default();
        let mut command = Command::search(arguments);
        command.working_directory = directory;
        match command.status() {
            Ok(status) => Ok(status == ExitStatus::Exited(0)),
            Err(errno) => {
                self.call.warn_about(&name, errno);
                Ok(false)
            }
        }
    }

    fn run_batch(&mut self, index: usize) -> Result<(), Failure> {
        let batch = &mut self.batches[index];
        if batch.files.is_empty() {
            return Ok(());
        }
        let mut arguments = batch.arguments.clone();
        arguments.append(&mut batch.files);
        batch.size = 0;
        let directory = batch.directory.take();
        if !self.execute(arguments, directory)? {
            self.failed = true;
        }
        Ok(())
    }

    fn zone(&self) -> &Zone {
        self.zone.get_or_init(times::zone)
    }

    fn long(&self, entry: &Entry) -> Vec<u8> {
        let Some(at) = entry.attributes() else { return Vec::new() };
        let moment = Moment::at(at.modified.seconds, 0, self.zone());
        let recent = self.now.seconds - at.modified.seconds < 15_778_476;
        let date = calendar::format(if recent { b"%b %e %H:%M" } else { b"%b %e  %Y" }, &moment);
        let mut line = format!("{:9} {:6} ", at.inode, at.blocks.div_ceil(2)).into_bytes();
        line.extend_from_slice(&modes::show(at.kind, at.mode));
        let (user, group) = (self.users.user_name(at.user), self.users.group_name(at.group));
        line.extend_from_slice(
            format!(" {:3} {:<8} {:<8} {:8} ", at.links, lossy(&user), lossy(&group), at.size).as_bytes(),
        );
        line.extend_from_slice(&date);
        line.push(b' ');
        line.extend_from_slice(&entry.path);
        if at.is_symlink()
            && let Ok(target) = fs::read_link(&entry.path)
        {
            line.extend_from_slice(b" -> ");
            line.extend_from_slice(&target);
        }
        line.push(b'\n');
        line
    }

    fn format(&self, pieces: &[Piece], entry: &Entry) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Stop => break,
                Piece::Field { flags, letter, extra } => {
                    let value = self.field(*letter, *extra, entry);
                    let left = flags.contains(&b'-');
                    let zero = flags.first() == Some(&b'0');
                    let mut parts = flags.split(|byte| *byte == b'.');
                    let digits = |part: Option<&[u8]>| {
                        let part: Vec<u8> = part?.iter().copied().filter(u8::is_ascii_digit).collect();
                        std::str::from_utf8(&part).ok()?.parse::<usize>().ok()
                    };
                    let width = digits(parts.next()).unwrap_or(0).min(4096);
                    let mut value = value;
                    if let Some(precision) = digits(parts.next()) {
                        value.truncate(precision);
                    }
                    if flags.contains(&b'#') && *letter == b'm' {
                        value.insert(0, b'0');
                    }
                    let fill = width.saturating_sub(value.len());
                    if !left {
                        out.extend(std::iter::repeat_n(if zero { b'0' } else { b' ' }, fill));
                    }
                    out.extend_from_slice(&value);
                    if left {
                        out.extend(std::iter::repeat_n(b' ', fill));
                    }
                }
            }
        }
        out
    }

    fn field(&self, letter: u8, extra: u8, entry: &Entry) -> Vec<u8> {
        let simple = match letter {
            b'p' => Some(entry.path.clone()),
            b'f' => Some(entry.name.clone()),
            b'h' => Some(match entry.path.iter().rposition(|byte| *byte == b'/') {
                Some(0) => b"/".to_vec(),
                Some(at) => entry.path[..at].to_vec(),
                None => b".".to_vec(),
            }),
            b'P' => {
                let rest = entry.path.get(entry.start..).unwrap_or_default();
                Some(rest.strip_prefix(b"/").unwrap_or(rest).to_vec())
            }
            b'H' => Some(entry.path[..entry.start].to_vec()),
            b'd' => Some(entry.depth.to_string().into_bytes()),
            b'l' => Some(fs::read_link(&entry.path).unwrap_or_default()),
            _ => None,
        };
        if let Some(text) = simple {
            return text;
        }
        let Some(at) = entry.attributes() else { return Vec::new() };
        let whole = |time: Timestamp| {
            calendar::format(b"%a %b %e %H:%M:%S.%N0 %Y", &Moment::at(time.seconds, time.nanoseconds, self.zone()))
        };
        let part = |time: Timestamp| match extra {
            b'@' => format!("{}.{:09}0", time.seconds, time.nanoseconds).into_bytes(),
            b'+' => {
                calendar::format(b"%Y-%m-%d+%H:%M:%S.%N0", &Moment::at(time.seconds, time.nanoseconds, self.zone()))
            }
            b'S' | b'T' => {
                let format: &[u8] = if extra == b'S' { b"%S.%N0" } else { b"%H:%M:%S.%N0" };
                calendar::format(format, &Moment::at(time.seconds, time.nanoseconds, self.zone()))
            }
            letter => calendar::format(&[b'%', letter], &Moment::at(time.seconds, time.nanoseconds, self.zone())),
        };
        match letter {
            b's' => at.size.to_string().into_bytes(),
            b'm' => format!("{:o}", at.mode).into_bytes(),
            b'M' => modes::show(at.kind, at.mode).to_vec(),
            b'u' => self.users.user_name(at.user),
            b'g' => self.users.group_name(at.group),
            b'U' => at.user.to_string().into_bytes(),
            b'G' => at.group.to_string().into_bytes(),
            b'i' => at.inode.to_string().into_bytes(),
            b'n' => at.links.to_string().into_bytes(),
            b'D' => at.device.to_string().into_bytes(),
            b'b' => at.blocks.to_string().into_bytes(),
            b'k' => at.blocks.div_ceil(2).to_string().into_bytes(),
            b'y' => vec![if at.kind == Kind::Regular { b'f' } else { at.kind.letter() }],
            b'Y' => match fs::stat(&entry.path) {
                Ok(target) => vec![if target.kind == Kind::Regular { b'f' } else { target.kind.letter() }],
                Err(Errno::LOOP) => b"L".to_vec(),
                Err(_) => b"N".to_vec(),
            },
            b'a' => whole(at.accessed),
            b'c' => whole(at.changed),
            b't' => whole(at.modified),
            b'A' => part(at.accessed),
            b'C' => part(at.changed),
            b'T' => part(at.modified),
            b'F' => fs::figures(&entry.path).map(|figures| figures.kind.into_bytes()).unwrap_or_default(),
            other => vec![b'%', other],
        }
    }
}

fn stamp(at: &Attributes, which: u8) -> Timestamp {
    match which {
        b'a' => at.accessed,
        b'c' => at.changed,
        _ => at.modified,
    }
}

fn substitute(argument: &[u8], path: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = argument;
    while let Some(at) = memchr::memmem::find(rest, b"{}") {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(path);
        rest = &rest[at + 2..];
    }
    out.extend_from_slice(rest);
    out
}
