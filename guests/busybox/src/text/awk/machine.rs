//! The machine that runs a program over records.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use coracle_posix::regex::{Flags, Regex};
use coracle_sdk::env;

use super::lexer;
use super::parser::{Comparison, Expression, Operator, Pattern, Place, Program, Source, Statement, Variable};
use super::records::{Records, Separator};
use super::streams::Streams;
use super::value::{Array, Value, leading_number};
use crate::applet::{Failure, Outcome, lossy};
use crate::input::Input;

/// Variables with a meaning, in the order of their places.
pub const PREDEFINED: [&str; 20] = [
    "NF",
    "NR",
    "FNR",
    "FS",
    "OFS",
    "ORS",
    "RS",
    "FILENAME",
    "SUBSEP",
    "RSTART",
    "RLENGTH",
    "CONVFMT",
    "OFMT",
    "ENVIRON",
    "ARGC",
    "ARGV",
    "IGNORECASE",
    "RT",
    "FPAT",
    "ERRNO",
];

const NF: usize = 0;
const NR: usize = 1;
const FNR: usize = 2;
const FS: usize = 3;
const OFS: usize = 4;
const ORS: usize = 5;
const RS: usize = 6;
const FILENAME: usize = 7;
const SUBSEP: usize = 8;
pub const RSTART: usize = 9;
pub const RLENGTH: usize = 10;
const CONVFMT: usize = 11;
const OFMT: usize = 12;
const ENVIRON: usize = 13;
const ARGC: usize = 14;
const ARGV: usize = 15;
const IGNORECASE: usize = 16;
const RT: usize = 17;
const FPAT: usize = 18;
const ERRNO: usize = 19;

/// How deep functions may call each other.
const CALLS_MOST: usize = if cfg!(target_os = "wasi") { 1000 } else { 10_000 };

pub type Shared = Rc<RefCell<Array>>;

#[derive(Clone, Debug, Default)]
pub enum Cell {
    #[default]
    Unset,
    Value(Value),
    Array(Shared),
}

#[derive(Clone, Debug)]
enum Fields {
    Blanks,
    Byte(u8),
    Expression(Rc<Regex>),
    /// Every character by itself.
    Each,
    /// What fields look like (FPAT).
    Content(Rc<Regex>),
}

pub enum Flow {
    Normal,
    Break,
    Continue,
    Next,
    NextFile,
    Exit,
    Return(Value),
}

pub struct Machine {
    program: Rc<Program>,
    regexes: Vec<Option<Rc<Regex>>>,
    dynamic: HashMap<Vec<u8>, Rc<Regex>>,
    globals: Vec<Cell>,
    frames: Vec<Vec<Cell>>,
    record: Vec<u8>,
    /// The memory of the record before.
    spare: Vec<u8>,
    spans: Vec<(usize, usize)>,
    /// The fields once one was assigned.
    owned: Option<Vec<Value>>,
    split: bool,
    /// The record must be put together again from its fields.
    stale: bool,
    separator: Fields,
    nr: f64,
    fnr: f64,
    records: Separator,
    subsep: Rc<[u8]>,
    pub convfmt: Rc<[u8]>,
    ofmt: Rc<[u8]>,
    ofs: Rc<[u8]>,
    ors: Rc<[u8]>,
    pub fold: bool,
    pub streams: Streams,
    main: Option<Records>,
    next_argument: usize,
    used_file: bool,
    end_mark: Vec<u8>,
    status: u8,
    active: Vec<bool>,
    pub random: Random,
}

pub struct Random {
    pub state: u64,
    pub seed: f64,
}

/// Escapes of -v and command line assignments.
pub fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if text[at] == b'\\' {
            let (bytes, length) = lexer::escape(&text[at + 1..]);
            out.extend(bytes);
            at += 1 + length;
        } else {
            out.push(text[at]);
            at += 1;
        }
    }
    out
}

/// An awk expression as an extended one: its own escapes written out.
fn translate(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    let mut bracket = false;
    while at < text.len() {
        let byte = text[at];
        at += 1;
        match byte {
            b'[' if !bracket => {
                bracket = true;
                out.push(byte);
                for mark in [b'^', b']'] {
                    if text.get(at) == Some(&mark) {
                        out.push(mark);
                        at += 1;
                    }
                }
            }
            b'[' if matches!(text.get(at), Some(b':')) => {
                let rest = &text[at..];
                let end = rest.windows(2).skip(1).position(|pair| pair == b":]").map_or(0, |n| n + 3);
                out.push(byte);
                out.extend_from_slice(&rest[..end]);
                at += end;
            }
            b']' => {
                bracket = false;
                out.push(byte);
            }
            b'\\' if at < text.len() => {
                let letter = text[at];
                let plain = match letter {
                    b'n' => Some(b'\n'),
                    b't' => Some(b'\t'),
                    b'r' => Some(b'\r'),
                    b'f' => Some(12),
                    b'v' => Some(11),
                    b'a' => Some(7),
                    b'"' | b'/' | b'&' => Some(letter),
                    _ => None,
                };
                match plain {
                    Some(byte) => {
                        out.push(byte);
                        at += 1;
                    }
                    None if bracket => {
                        // In brackets a backslash quotes.
                        at += 1;
                        match letter {
                            b'\\' => out.extend_from_slice(b"\\"),
                            b']' => out.extend_from_slice(b"[.].]"),
                            b'-' => out.extend_from_slice(b"[.-.]"),
                            b'^' => out.extend_from_slice(b"[.^.]"),
                            other => out.push(other),
                        }
                    }
                    None if letter.is_ascii_digit() && letter < b'8' => {
                        let (bytes, length) = lexer::escape(&text[at..]);
                        for byte in bytes {
                            if b"\\.[]*^$+?(){}|".contains(&byte) {
                                out.push(b'\\');
                            }
                            out.push(byte);
                        }
                        at += length;
                    }
                    None => {
                        out.push(b'\\');
                        out.push(if letter == b'y' { b'b' } else { letter });
                        at += 1;
                    }
                }
            }
            _ => out.push(byte),
        }
    }
    out
}

impl Machine {
    pub fn new(program: Program, operands: &[Vec<u8>]) -> Machine {
        let count = program.globals.len();
        let rules = program.rules.len();
        let regexes = vec![None; program.regexes.len()];
        let space: Rc<[u8]> = Rc::from(&b" "[..]);
        let newline: Rc<[u8]> = Rc::from(&b"\n"[..]);
        let mut machine = Machine {
            program: Rc::new(program),
            regexes,
            dynamic: HashMap::new(),
            globals: vec![Cell::Unset; count],
            frames: Vec::new(),
            record: Vec::new(),
            spare: Vec::new(),
            spans: Vec::new(),
            owned: None,
            split: true,
            stale: false,
            separator: Fields::Blanks,
            nr: 0.0,
            fnr: 0.0,
            records: Separator::Byte(b'\n'),
            subsep: Rc::from(&b"\x1c"[..]),
            convfmt: Rc::from(&b"%.6g"[..]),
            ofmt: Rc::from(&b"%.6g"[..]),
            ofs: space.clone(),
            ors: newline.clone(),
            fold: false,
            streams: Streams::new(),
            main: None,
            next_argument: 1,
            used_file: false,
            end_mark: Vec::new(),
            status: 0,
            active: vec![false; rules],
            random: Random { state: 0x2545_f491_4f6c_dd1d, seed: 0.0 },
        };
        for (place, value) in [
            (FS, &b" "[..]),
            (OFS, b" "),
            (ORS, b"\n"),
            (RS, b"\n"),
            (SUBSEP, b"\x1c"),
            (CONVFMT, b"%.6g"),
            (OFMT, b"%.6g"),
        ] {
            machine.globals[place] = Cell::Value(Value::text(value));
        }
        machine.globals[RSTART] = Cell::Value(Value::Number(0.0));
        machine.globals[RLENGTH] = Cell::Value(Value::Number(-1.0));
        let mut environ = Array::default();
        for entry in env::entries() {
            if let Some(at) = entry.iter().position(|byte| *byte == b'=') {
                *environ.entry(&entry[..at]) = Value::input(&entry[at + 1..]);
            }
        }
        machine.globals[ENVIRON] = Cell::Array(Rc::new(RefCell::new(environ)));
        let mut argv = Array::default();
        *argv.entry(b"0") = Value::input(b"awk");
        for (index, operand) in operands.iter().enumerate() {
            *argv.entry((index + 1).to_string().as_bytes()) = Value::input(operand);
        }
        machine.globals[ARGV] = Cell::Array(Rc::new(RefCell::new(argv)));
        machine.globals[ARGC] = Cell::Value(Value::Number(operands.len() as f64 + 1.0));
        machine
    }

    /// `NAME=value` from the command line.
    pub fn assign_named(&mut self, name: &str, value: &[u8]) -> Result<(), Failure> {
        let Some(place) = self.program.globals.get(name).copied() else { return Ok(()) };
        if matches!(self.globals[place], Cell::Array(_)) {
            return Err(Failure::Message(format!("can't assign to {name}; it's an array name."), 2));
        }
        self.set(Variable::Global(place), Value::input(value))
    }

    pub fn run(mut self) -> Outcome {
        let result = self.everything();
        let closed = self.streams.close_all();
        result?;
        closed?;
        Ok(self.status)
    }

    fn everything(&mut self) -> Result<(), Failure> {
        let program = self.program.clone();
        let mut exiting = false;
        for (pattern, body) in &program.rules {
            if let (Pattern::Begin, Some(body)) = (pattern, body)
                && let Flow::Exit = self.block(body)?
            {
                exiting = true;
                break;
            }
        }
        let has_end = program.rules.iter().any(|(pattern, _)| matches!(pattern, Pattern::End));
        let has_main = program.rules.iter().any(|(pattern, _)| !matches!(pattern, Pattern::Begin | Pattern::End));
        if !exiting && (has_main || has_end) {
            'records: while self.next_record()? {
                for (index, (pattern, body)) in program.rules.iter().enumerate() {
                    if !self.matches(pattern, index)? {
                        continue;
                    }
                    let flow = match body {
                        Some(body) => self.block(body)?,
                        None => {
                            self.rebuild();
                            self.streams.stdout.put(&self.record)?;
                            self.streams.stdout.put(&self.ors)?;
                            Flow::Normal
                        }
                    };
                    match flow {
                        Flow::Exit => {
                            exiting = true;
                            break 'records;
                        }
                        Flow::Next => continue 'records,
                        Flow::NextFile => {
                            self.main = None;
                            continue 'records;
                        }
                        _ => {}
                    }
                }
            }
        }
        // After exit in BEGIN or a rule END still runs, an exit in it ends all.
        let _ = exiting;
        for (pattern, body) in &program.rules {
            if let (Pattern::End, Some(body)) = (pattern, body)
                && let Flow::Exit = self.block(body)?
            {
                break;
            }
        }
        Ok(())
    }

    fn matches(&mut self, pattern: &Pattern, index: usize) -> Result<bool, Failure> {
        match pattern {
            Pattern::Begin | Pattern::End => Ok(false),
            Pattern::Always => Ok(true),
            Pattern::When(expression) => self.truth(expression),
            Pattern::Range(first, last) => {
                if !self.active[index] && !self.truth(first)? {
                    return Ok(false);
                }
                self.active[index] = !self.truth(last)?;
                Ok(true)
            }
        }
    }

    /// Opens the next input file; false when there is none left.
    fn next_file(&mut self) -> Result<bool, Failure> {
        loop {
            let count = self.get(Variable::Global(ARGC))?.number() as usize;
            if self.next_argument >= count {
                if self.used_file {
                    return Ok(false);
                }
                self.used_file = true;
                self.main =
                    Some(Records::new(Input::stdin().map_err(|errno| Failure::about("stdin", errno).status(2))?));
                self.fnr = 0.0;
                return Ok(true);
            }
            let argv = self.array(Variable::Global(ARGV))?;
            let key = self.next_argument.to_string();
            self.next_argument += 1;
            let Some(operand) = argv.borrow().get(key.as_bytes()).map(|value| value.bytes(&self.convfmt)) else {
                continue;
            };
            if operand.is_empty() {
                continue;
            }
            if let Some(at) = operand.iter().position(|byte| *byte == b'=') {
                let name = &operand[..at];
                let is_name = name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
                    && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
                if is_name {
                    self.assign_named(&lossy(&name), &unescape(&operand[at + 1..]))?;
                    continue;
                }
            }
            self.used_file = true;
            match Input::open(&operand) {
                Ok(input) if !coracle_sdk::fs::stat(&operand).is_ok_and(|at| at.is_dir()) || &*operand == b"-" => {
                    self.globals[FILENAME] = Cell::Value(Value::Input(operand));
                    self.fnr = 0.0;
                    self.main = Some(Records::new(input));
                    return Ok(true);
                }
                opened => {
                    let errno = opened.err().unwrap_or(coracle_sdk::Errno::ISDIR);
                    self.streams.stdout.flush()?;
                    crate::applet::say(&format!("awk: {}: {errno}\n", lossy(&operand)));
                    self.status = 2;
                }
            }
        }
    }

    /// The next main record into `record` or, for getline, elsewhere.
    fn main_record(&mut self, into: &mut Vec<u8>) -> Result<bool, Failure> {
        loop {
            if self.main.is_none() && !self.next_file()? {
                return Ok(false);
            }
            if let Some(records) = &mut self.main {
                let found = records.next(&self.records, into, &mut self.end_mark);
                match found {
                    Ok(true) => {
                        self.nr += 1.0;
                        self.fnr += 1.0;
                        return Ok(true);
                    }
                    Ok(false) => {}
                    Err(errno) => {
                        crate::applet::say(&format!("awk: read error: {errno}\n"));
                        self.status = 2;
                    }
                }
            }
            self.main = None;
        }
    }

    fn next_record(&mut self) -> Result<bool, Failure> {
        // In END $0 is still the last record.
        let mut next = std::mem::take(&mut self.spare);
        let found = self.main_record(&mut next)?;
        if found {
            std::mem::swap(&mut self.record, &mut next);
            self.changed_record();
        }
        self.spare = next;
        Ok(found)
    }

    fn changed_record(&mut self) {
        self.split = false;
        self.stale = false;
        self.owned = None;
    }

    // Fields

    fn ensure_split(&mut self) {
        if self.split {
            return;
        }
        self.split = true;
        self.spans.clear();
        let record = &self.record;
        let spans = &mut self.spans;
        let paragraph = matches!(self.records, Separator::Paragraph);
        match &self.separator {
            Fields::Blanks => {
                let blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n');
                let mut at = 0;
                loop {
                    while at < record.len() && blank(record[at]) {
                        at += 1;
                    }
                    if at >= record.len() {
                        break;
                    }
                    let start = at;
                    while at < record.len() && !blank(record[at]) {
                        at += 1;
                    }
                    spans.push((start, at));
                }
            }
            _ if record.is_empty() => {}
            Fields::Byte(byte) => {
                let mut start = 0;
                if paragraph {
                    for at in memchr::memchr2_iter(*byte, b'\n', record) {
                        spans.push((start, at));
                        start = at + 1;
                    }
                } else {
                    for at in memchr::memchr_iter(*byte, record) {
                        spans.push((start, at));
                        start = at + 1;
                    }
                }
                spans.push((start, record.len()));
            }
            Fields::Each => {
                let mut at = 0;
                while let Some((_, length)) = coracle_posix::bracket::decode(&record[at..], crate::locale::utf8()) {
                    spans.push((at, at + length));
                    at += length;
                }
            }
            Fields::Expression(regex) => {
                let (mut start, mut at) = (0, 0);
                while let Some((from, to)) = regex.find_at(record, at) {
                    if to == from {
                        at = to + 1;
                        continue;
                    }
                    spans.push((start, from));
                    (start, at) = (to, to);
                }
                spans.push((start, record.len()));
            }
            Fields::Content(regex) => {
                let mut at = 0;
                while let Some((from, to)) = regex.find_at(record, at) {
                    if to > from {
                        spans.push((from, to));
                    }
                    at = if to > from { to } else { to + 1 };
                }
            }
        }
    }

    fn count(&mut self) -> usize {
        self.ensure_split();
        self.owned.as_ref().map_or(self.spans.len(), Vec::len)
    }

    /// Puts the record together from its fields.
    fn rebuild(&mut self) {
        if !self.stale {
            return;
        }
        self.stale = false;
        if let Some(fields) = &self.owned {
            let mut record = Vec::new();
            for (index, field) in fields.iter().enumerate() {
                if index > 0 {
                    record.extend_from_slice(&self.ofs);
                }
                field.append_to(&mut record, &self.convfmt);
            }
            self.record = record;
        }
    }

    fn own_fields(&mut self) -> &mut Vec<Value> {
        self.ensure_split();
        let (record, spans) = (&self.record, &self.spans);
        self.owned.get_or_insert_with(|| spans.iter().map(|(start, end)| Value::input(&record[*start..*end])).collect())
    }

    fn field(&mut self, index: usize) -> Value {
        if index == 0 {
            self.rebuild();
            return Value::input(&self.record);
        }
        self.ensure_split();
        match &self.owned {
            Some(fields) => fields.get(index - 1).cloned().unwrap_or_else(|| Value::input(b"")),
            None => self
                .spans
                .get(index - 1)
                .map_or_else(|| Value::input(b""), |(start, end)| Value::input(&self.record[*start..*end])),
        }
    }

    fn field_index(&mut self, expression: &Expression) -> Result<usize, Failure> {
        let index = self.number(expression)?;
        if index < 0.0 || index.is_nan() {
            return Err(Failure::Message("cmd. line:1: Access to negative field".to_string(), 2));
        }
        if index > 10_000_000.0 {
            return Err(Failure::Message("field number too large".to_string(), 2));
        }
        Ok(index as usize)
    }

    fn set_field(&mut self, index: usize, value: Value) {
        if index == 0 {
            self.record = value.bytes(&self.convfmt).to_vec();
            self.changed_record();
            return;
        }
        let text = match value {
            Value::Number(_) => Value::Input(value.bytes(&self.convfmt)),
            Value::Unset => Value::input(b""),
            other => other,
        };
        let fields = self.own_fields();
        if fields.len() < index {
            fields.resize(index, Value::input(b""));
        }
        fields[index - 1] = text;
        self.stale = true;
    }

    fn set_count(&mut self, count: usize) {
        let fields = self.own_fields();
        fields.resize(count, Value::input(b""));
        self.stale = true;
    }

    // Variables

    fn cell(&mut self, variable: Variable) -> &mut Cell {
        match variable {
            Variable::Global(place) => &mut self.globals[place],
            Variable::Local(place) => {
                let frame = self.frames.len() - 1;
                &mut self.frames[frame][place]
            }
        }
    }

    pub fn get(&mut self, variable: Variable) -> Result<Value, Failure> {
        match variable {
            Variable::Global(NF) => return Ok(Value::Number(self.count() as f64)),
            Variable::Global(NR) => return Ok(Value::Number(self.nr)),
            Variable::Global(FNR) => return Ok(Value::Number(self.fnr)),
            Variable::Global(RT) => return Ok(Value::text(self.end_mark.as_slice())),
            _ => {}
        }
        match self.cell(variable) {
            Cell::Unset => Ok(Value::Unset),
            Cell::Value(value) => Ok(value.clone()),
            Cell::Array(_) => Err(Failure::Message("attempt to use an array in a scalar context".to_string(), 2)),
        }
    }

    pub fn array(&mut self, variable: Variable) -> Result<Shared, Failure> {
        let cell = self.cell(variable);
        match cell {
            Cell::Array(array) => Ok(array.clone()),
            Cell::Unset => {
                let array = Shared::default();
                *cell = Cell::Array(array.clone());
                Ok(array)
            }
            Cell::Value(_) => Err(Failure::Message("attempt to use a scalar as an array".to_string(), 2)),
        }
    }

    pub fn set(&mut self, variable: Variable, value: Value) -> Result<(), Failure> {
        if let Variable::Global(place) = variable
            && place < PREDEFINED.len()
        {
            self.special(place, &value)?;
        }
        let cell = self.cell(variable);
        if matches!(cell, Cell::Array(_)) {
            return Err(Failure::Message("attempt to use an array in a scalar context".to_string(), 2));
        }
        *cell = Cell::Value(value);
        Ok(())
    }

    fn special(&mut self, place: usize, value: &Value) -> Result<(), Failure> {
        let text = value.bytes(&self.convfmt);
        match place {
            NF => {
                let count = value.number();
                if !(0.0..=10_000_000.0).contains(&count) {
                    return Err(Failure::Message("NF set to negative value".to_string(), 2));
                }
                self.set_count(count as usize);
            }
            NR => self.nr = value.number(),
            FNR => self.fnr = value.number(),
            FS => {
                // What was read before is split as it was then.
                self.ensure_split();
                self.separator = self.separator_of(&text)?;
            }
            FPAT => {
                self.ensure_split();
                self.separator = Fields::Content(self.compile(&text)?);
            }
            OFS => {
                self.rebuild();
                self.ofs = text;
            }
            ORS => self.ors = text,
            RS => {
                self.records = match &*text {
                    b"" => Separator::Paragraph,
                    [byte] => Separator::Byte(*byte),
                    _ => Separator::Expression(self.compile(&text)?),
                };
                if let (Separator::Paragraph, Fields::Expression(_)) = (&self.records, &self.separator) {
                    let separator = self.get(Variable::Global(FS))?.bytes(&self.convfmt);
                    self.separator = self.separator_of(&separator)?;
                }
            }
            SUBSEP => self.subsep = text,
            CONVFMT => self.convfmt = text,
            OFMT => self.ofmt = text,
            IGNORECASE => {
                self.fold = value.truth();
                self.dynamic.clear();
                self.regexes.fill(None);
            }
            _ => {}
        }
        Ok(())
    }

    fn separator_of(&mut self, text: &[u8]) -> Result<Fields, Failure> {
        Ok(match text {
            b" " => Fields::Blanks,
            b"" => Fields::Each,
            [byte] if *byte != b'\\' && !(self.fold && byte.is_ascii_alphabetic()) => Fields::Byte(*byte),
            [byte] => Fields::Byte(*byte),
            _ if matches!(self.records, Separator::Paragraph) => {
                let with_newline = [b"(".as_slice(), text, b")|\n"].concat();
                Fields::Expression(self.compile(&with_newline)?)
            }
            _ => Fields::Expression(self.compile(text)?),
        })
    }

    /// split() by a separator given at run time.
    pub fn split_text(
        &mut self,
        text: &[u8],
        separator: Option<&[u8]>,
        regex: Option<Rc<Regex>>,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let fields = match (regex, separator) {
            (Some(regex), _) => Fields::Expression(regex),
            (None, Some(text)) => self.separator_of(text)?,
            (None, None) => self.separator.clone(),
        };
        let record = std::mem::replace(&mut self.record, text.to_vec());
        let spans = std::mem::take(&mut self.spans);
        let before = std::mem::replace(&mut self.separator, fields);
        let split = std::mem::replace(&mut self.split, false);
        self.ensure_split();
        let parts = self.spans.iter().map(|(start, end)| self.record[*start..*end].to_vec()).collect();
        self.record = record;
        self.spans = spans;
        self.separator = before;
        self.split = split;
        Ok(parts)
    }

    // Expressions of the other kind

    pub fn compile(&mut self, text: &[u8]) -> Result<Rc<Regex>, Failure> {
        if let Some(regex) = self.dynamic.get(text) {
            return Ok(regex.clone());
        }
        let flags = Flags { extended: true, fold: self.fold, utf8: crate::locale::utf8(), ..Flags::default() };
        let regex = Regex::new(&translate(text), flags)
            .map_err(|error| Failure::Message(format!("bad regex '{}': {error}", lossy(&text)), 2))?;
        if self.dynamic.len() > 500 {
            self.dynamic.clear();
        }
        let regex = Rc::new(regex);
        self.dynamic.insert(text.to_vec(), regex.clone());
        Ok(regex)
    }

    /// The expression an operand stands for: a literal one, or its value's text.
    pub fn regex_of(&mut self, expression: &Expression) -> Result<Rc<Regex>, Failure> {
        match expression {
            Expression::Regex(index) => {
                if let Some(Some(regex)) = self.regexes.get(*index) {
                    return Ok(regex.clone());
                }
                let program = self.program.clone();
                let regex = self.compile(&program.regexes[*index])?;
                self.regexes[*index] = Some(regex.clone());
                Ok(regex)
            }
            Expression::Group(inside) if matches!(**inside, Expression::Regex(_)) => self.regex_of(inside),
            other => {
                let text = self.value(other)?.bytes(&self.convfmt.clone());
                self.compile(&text)
            }
        }
    }

    pub fn subscript(&mut self, subscripts: &[Expression]) -> Result<Vec<u8>, Failure> {
        let mut key = Vec::new();
        for (index, subscript) in subscripts.iter().enumerate() {
            if index > 0 {
                key.extend_from_slice(&self.subsep);
            }
            let value = self.value(subscript)?;
            value.append_to(&mut key, &self.convfmt);
        }
        Ok(key)
    }

    pub fn truth(&mut self, expression: &Expression) -> Result<bool, Failure> {
        match expression {
            Expression::Regex(_) => {
                let regex = self.regex_of(expression)?;
                self.rebuild();
                Ok(regex.is_match(&self.record))
            }
            Expression::Compare(..)
            | Expression::Match(..)
            | Expression::And(..)
            | Expression::Or(..)
            | Expression::Not(_) => Ok(self.number(expression)? != 0.0),
            other => Ok(self.value(other)?.truth()),
        }
    }

    /// A value as a number, without making the value where that can be spared.
    pub fn number(&mut self, expression: &Expression) -> Result<f64, Failure> {
        Ok(match expression {
            Expression::Number(number) => *number,
            Expression::Group(inside) => return self.number(inside),
            Expression::Place(Place::Field(index)) => {
                let index = self.field_index(index)?;
                self.ensure_split();
                match (&self.owned, index) {
                    (None, 1..) => {
                        let (start, end) = self.spans.get(index - 1).copied().unwrap_or((0, 0));
                        leading_number(&self.record[start..end]).0
                    }
                    _ => self.field(index).number(),
                }
            }
            Expression::Binary(operator, left, right) => {
                let left = self.number(left)?;
                let right = self.number(right)?;
                calculate(*operator, left, right)?
            }
            Expression::Negative(inside) => -self.number(inside)?,
            Expression::Positive(inside) => self.number(inside)?,
            Expression::Not(inside) => f64::from(u8::from(!self.truth(inside)?)),
            Expression::And(left, right) => f64::from(u8::from(self.truth(left)? && self.truth(right)?)),
            Expression::Or(left, right) => f64::from(u8::from(self.truth(left)? || self.truth(right)?)),
            Expression::Compare(comparison, left, right) => {
                let left = self.value(left)?;
                let right = self.value(right)?;
                let order = left.compare(&right, &self.convfmt);
                let holds = match comparison {
                    Comparison::Less => order.is_lt(),
                    Comparison::LessEqual => order.is_le(),
                    Comparison::Equal => order.is_eq(),
                    Comparison::NotEqual => order.is_ne(),
                    Comparison::Greater => order.is_gt(),
                    Comparison::GreaterEqual => order.is_ge(),
                };
                f64::from(u8::from(holds))
            }
            Expression::Match(left, right, negated) => {
                let regex = self.regex_of(right)?;
                let found = match &**left {
                    Expression::Place(Place::Field(index)) if matches!(**index, Expression::Number(0.0)) => {
                        self.rebuild();
                        regex.is_match(&self.record)
                    }
                    other => {
                        let text = self.value(other)?.bytes(&self.convfmt);
                        regex.is_match(&text)
                    }
                };
                f64::from(u8::from(found != *negated))
            }
            other => self.value(other)?.number(),
        })
    }

    pub fn value(&mut self, expression: &Expression) -> Result<Value, Failure> {
        Ok(match expression {
            Expression::Number(number) => Value::Number(*number),
            Expression::Text(text) => Value::Text(text.clone()),
            Expression::Regex(_) => Value::Number(f64::from(u8::from(self.truth(expression)?))),
            Expression::Group(inside) => self.value(inside)?,
            Expression::List(items) => {
                let key = self.subscript(items)?;
                Value::text(key)
            }
            Expression::Place(place) => self.read(place)?,
            Expression::Assign(place, value) => {
                let value = self.value(value)?;
                self.write(place, value.clone())?;
                value
            }
            Expression::Update(place, operator, value) => {
                let right = self.number(value)?;
                self.modify(place, |left| calculate(*operator, left, right), false)?
            }
            Expression::Step(place, difference, old) => self.modify(place, |left| Ok(left + difference), *old)?,
            Expression::Binary(..)
            | Expression::Compare(..)
            | Expression::And(..)
            | Expression::Or(..)
            | Expression::Not(_)
            | Expression::Negative(_)
            | Expression::Positive(_)
            | Expression::Match(..) => Value::Number(self.number(expression)?),
            Expression::Concat(..) => {
                let mut text = Vec::new();
                self.append(expression, &mut text)?;
                Value::text(text)
            }
            Expression::Choice(condition, yes, no) => {
                if self.truth(condition)? {
                    self.value(yes)?
                } else {
                    self.value(no)?
                }
            }
            Expression::In(subscripts, variable) => {
                let key = self.subscript(subscripts)?;
                let array = self.array(*variable)?;
                let found = array.borrow().contains(&key);
                Value::Number(f64::from(u8::from(found)))
            }
            Expression::Builtin(name, arguments) => self.builtin(name, arguments)?,
            Expression::Call(index, arguments) => self.call(*index, arguments)?,
            Expression::Getline(source, place) => Value::Number(self.getline(source, place.as_ref())?),
        })
    }

    /// Appends an expression's text, concatenations without values between.
    pub fn append(&mut self, expression: &Expression, out: &mut Vec<u8>) -> Result<(), Failure> {
        match expression {
            Expression::Concat(left, right) => {
                self.append(left, out)?;
                self.append(right, out)
            }
            Expression::Text(text) => {
                out.extend_from_slice(text);
                Ok(())
            }
            other => {
                let value = self.value(other)?;
                value.append_to(out, &self.convfmt);
                Ok(())
            }
        }
    }

    fn read(&mut self, place: &Place) -> Result<Value, Failure> {
        match place {
            Place::Variable(variable) => self.get(*variable),
            Place::Field(index) => {
                let index = self.field_index(index)?;
                Ok(self.field(index))
            }
            Place::Element(variable, subscripts) => {
                let key = self.subscript(subscripts)?;
                let array = self.array(*variable)?;
                let value = array.borrow_mut().entry(&key).clone();
                Ok(value)
            }
        }
    }

    pub fn write(&mut self, place: &Place, value: Value) -> Result<(), Failure> {
        match place {
            Place::Variable(variable) => self.set(*variable, value),
            Place::Field(index) => {
                let index = self.field_index(index)?;
                self.set_field(index, value);
                Ok(())
            }
            Place::Element(variable, subscripts) => {
                let key = self.subscript(subscripts)?;
                let array = self.array(*variable)?;
                *array.borrow_mut().entry(&key) = value;
                Ok(())
            }
        }
    }

    fn modify(
        &mut self,
        place: &Place,
        change: impl FnOnce(f64) -> Result<f64, Failure>,
        old: bool,
    ) -> Result<Value, Failure> {
        match place {
            Place::Element(variable, subscripts) => {
                let key = self.subscript(subscripts)?;
                let array = self.array(*variable)?;
                let mut array = array.borrow_mut();
                let slot = array.entry(&key);
                let before = slot.number();
                let after = change(before)?;
                *slot = Value::Number(after);
                Ok(Value::Number(if old { before } else { after }))
            }
            Place::Variable(variable) => {
                let before = self.get(*variable)?.number();
                let after = change(before)?;
                self.set(*variable, Value::Number(after))?;
                Ok(Value::Number(if old { before } else { after }))
            }
            Place::Field(index) => {
                let index = self.field_index(index)?;
                let before = self.field(index).number();
                let after = change(before)?;
                self.set_field(index, Value::Number(after));
                Ok(Value::Number(if old { before } else { after }))
            }
        }
    }

    fn call(&mut self, index: usize, arguments: &[Expression]) -> Result<Value, Failure> {
        if self.frames.len() >= CALLS_MOST {
            return Err(Failure::Message("functions call each other too deeply".to_string(), 2));
        }
        let program = self.program.clone();
        let function = &program.functions[index];
        if !function.defined {
            return Err(Failure::Message("cmd. line:1: Call to undefined function".to_string(), 1));
        }
        let mut frame = Vec::with_capacity(function.parameters.len());
        for (place, argument) in arguments.iter().enumerate() {
            let is_array = function.arrays.get(place).copied().unwrap_or(false);
            let bare = match argument {
                Expression::Place(Place::Variable(variable)) => Some(*variable),
                _ => None,
            };
            let cell = match bare {
                Some(variable) if is_array => Cell::Array(self.array(variable)?),
                Some(Variable::Global(place)) if place < PREDEFINED.len() && place != ENVIRON && place != ARGV => {
                    Cell::Value(self.get(Variable::Global(place))?)
                }
                Some(variable) => match self.cell(variable) {
                    Cell::Unset => Cell::Unset,
                    Cell::Value(value) => Cell::Value(value.clone()),
                    Cell::Array(array) => Cell::Array(array.clone()),
                },
                None => Cell::Value(self.value(argument)?),
            };
            frame.push(cell);
        }
        // What there is no parameter for was evaluated all the same.
        frame.resize(function.parameters.len(), Cell::Unset);
        self.frames.push(frame);
        let flow = self.block(&function.body);
        self.frames.pop();
        match flow? {
            Flow::Return(value) => Ok(value),
            Flow::Exit => Err(Failure::Silent(255)),
            _ => Ok(Value::Unset),
        }
    }

    fn getline(&mut self, source: &Source, place: Option<&Place>) -> Result<f64, Failure> {
        let mut record = Vec::new();
        let found = match source {
            Source::Main => self.main_record(&mut record)?,
            Source::File(operand) | Source::Command(operand) => {
                let name = self.value(operand)?.bytes(&self.convfmt);
                let is_command = matches!(source, Source::Command(_));
                let records = match self.streams.records(&name, is_command)? {
                    Ok(records) => records,
                    Err(errno) => {
                        self.globals[ERRNO] = Cell::Value(Value::Number(f64::from(errno.raw())));
                        return Ok(-1.0);
                    }
                };
                let found = match records.next(&self.records, &mut record, &mut self.end_mark) {
                    Ok(found) => found,
                    Err(_) => return Ok(-1.0),
                };
                if found && is_command {
                    self.nr += 1.0;
                }
                found
            }
        };
        if !found {
            return Ok(0.0);
        }
        match place {
            Some(place) => self.write(place, Value::input(&record))?,
            None => {
                self.record = record;
                self.changed_record();
            }
        }
        Ok(1.0)
    }

    // Statements

    pub fn block(&mut self, statements: &[Statement]) -> Result<Flow, Failure> {
        for statement in statements {
            match self.statement(statement)? {
                Flow::Normal => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Normal)
    }

    fn statement(&mut self, statement: &Statement) -> Result<Flow, Failure> {
        macro_rules! looped {
            ($body:expr) => {
                match self.statement($body)? {
                    Flow::Normal | Flow::Continue => {}
                    Flow::Break => break,
                    other => return Ok(other),
                }
            };
        }
        match statement {
            Statement::Block(body) => return self.block(body),
            Statement::Expression(expression) => {
                // exit within a function ends everything from inside an expression.
                match self.value(expression) {
                    Err(Failure::Silent(255)) => return Ok(Flow::Exit),
                    other => {
                        other?;
                    }
                }
            }
            Statement::Print(items, redirect) => {
                let mut text = Vec::new();
                if items.is_empty() {
                    self.rebuild();
                    text.extend_from_slice(&self.record);
                }
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        text.extend_from_slice(&self.ofs);
                    }
                    let value = self.value(item)?;
                    let format = self.ofmt.clone();
                    value.append_to(&mut text, &format);
                }
                text.extend_from_slice(&self.ors);
                self.emit(&text, redirect.as_ref())?;
            }
            Statement::Printf(items, redirect) => {
                let text = self.formatted(items)?;
                self.emit(&text, redirect.as_ref())?;
            }
            Statement::If(condition, then, other) => {
                if self.truth(condition)? {
                    return self.statement(then);
                }
                if let Some(other) = other {
                    return self.statement(other);
                }
            }
            Statement::While(condition, body) => {
                while self.truth(condition)? {
                    looped!(body);
                }
            }
            Statement::Do(body, condition) => loop {
                looped!(body);
                if !self.truth(condition)? {
                    break;
                }
            },
            Statement::For(first, condition, step, body) => {
                if let Some(first) = first {
                    self.statement(first)?;
                }
                loop {
                    if let Some(condition) = condition
                        && !self.truth(condition)?
                    {
                        break;
                    }
                    looped!(body);
                    if let Some(step) = step {
                        self.statement(step)?;
                    }
                }
            }
            Statement::ForIn(place, variable, body) => {
                let array = self.array(*variable)?;
                let keys = array.borrow().keys();
                for key in keys {
                    if !array.borrow().contains(&key) {
                        continue;
                    }
                    self.write(place, Value::Input(key))?;
                    looped!(body);
                }
            }
            Statement::Switch(subject, cases) => return self.switch(subject, cases),
            Statement::Break => return Ok(Flow::Break),
            Statement::Continue => return Ok(Flow::Continue),
            Statement::Next => return Ok(Flow::Next),
            Statement::NextFile => return Ok(Flow::NextFile),
            Statement::Exit(value) => {
                if let Some(value) = value {
                    self.status = self.number(value)? as i64 as u8;
                }
                return Ok(Flow::Exit);
            }
            Statement::Return(value) => {
                let value = match value {
                    Some(value) => self.value(value)?,
                    None => Value::Unset,
                };
                return Ok(Flow::Return(value));
            }
            Statement::Delete(variable, subscripts) => {
                let key = self.subscript(subscripts)?;
                self.array(*variable)?.borrow_mut().remove(&key);
            }
            Statement::DeleteAll(variable) => self.array(*variable)?.borrow_mut().clear(),
        }
        Ok(Flow::Normal)
    }

    fn switch(
        &mut self,
        subject: &Expression,
        cases: &[(Option<Expression>, Vec<Statement>)],
    ) -> Result<Flow, Failure> {
        let subject = self.value(subject)?;
        let mut chosen = None;
        for (index, (label, _)) in cases.iter().enumerate() {
            let Some(label) = label else { continue };
            let matches = match label {
                Expression::Regex(_) => self.regex_of(label)?.is_match(&subject.bytes(&self.convfmt)),
                other => {
                    let label = self.value(other)?;
                    subject.compare(&label, &self.convfmt).is_eq()
                }
            };
            if matches {
                chosen = Some(index);
                break;
            }
        }
        let chosen = chosen.or_else(|| cases.iter().position(|(label, _)| label.is_none()));
        for (_, body) in cases.iter().skip(chosen.unwrap_or(cases.len())) {
            match self.block(body)? {
                Flow::Normal => {}
                Flow::Break => break,
                other => return Ok(other),
            }
        }
        Ok(Flow::Normal)
    }

    fn emit(&mut self, text: &[u8], redirect: Option<&(super::parser::Redirect, Expression)>) -> Result<(), Failure> {
        match redirect {
            None => self.streams.stdout.put(text),
            Some((kind, target)) => {
                let name = self.value(target)?.bytes(&self.convfmt);
                self.streams.write(&name, *kind, text)
            }
        }
    }

    /// The record as a string, for functions whose default it is.
    pub fn record_value(&mut self) -> Value {
        self.field(0)
    }
}

fn calculate(operator: Operator, left: f64, right: f64) -> Result<f64, Failure> {
    Ok(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide if right == 0.0 => {
            return Err(Failure::Message("cmd. line:1: Division by zero".to_string(), 2));
        }
        Operator::Divide => left / right,
        Operator::Modulo if right == 0.0 => return Err(Failure::Message("division by zero in %".to_string(), 2)),
        Operator::Modulo => left % right,
        Operator::Power => left.powf(right),
    })
}
