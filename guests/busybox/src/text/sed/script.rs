//! From the text of a script to its commands.

use coracle_posix::regex::{Flags, Regex};

/// Which lines a command is for.
#[derive(Debug)]
pub enum Address {
    Line(u64),
    Last,
    /// `None` is the empty expression: the last one used.
    Match(Option<usize>),
    /// `first~step`
    Step(u64, u64),
    /// `addr,+N`
    Plus(u64),
    /// `addr,~N`
    Multiple(u64),
}

#[derive(Debug)]
pub enum Part {
    Text(Vec<u8>),
    Group(usize),
    Case(Case),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    Upper,
    Lower,
    UpperOne,
    LowerOne,
    End,
}

#[derive(Debug)]
pub struct Substitute {
    pub regex: Option<usize>,
    pub parts: Vec<Part>,
    pub global: bool,
    pub print: bool,
    pub execute: bool,
    pub number: usize,
    pub file: Option<Vec<u8>>,
    /// Groups the replacement asks for.
    pub groups: bool,
}

#[derive(Debug)]
pub enum Action {
    /// Where the block's end is.
    Block(usize),
    End,
    LineNumber,
    Append(Vec<u8>),
    Insert(Vec<u8>),
    Change(Vec<u8>),
    Branch(usize),
    BranchIf(usize),
    BranchUnless(usize),
    Delete,
    DeleteFirst,
    FileName,
    Get,
    GetAppend,
    Hold,
    HoldAppend,
    List(Option<usize>),
    Next,
    NextAppend,
    Print,
    PrintFirst,
    Quit(u8),
    QuitSilent(u8),
    Read(Vec<u8>),
    ReadLine(Vec<u8>),
    Substitute(Box<Substitute>),
    Write(Vec<u8>),
    WriteFirst(Vec<u8>),
    Exchange,
    Translate(Box<Translate>),
    Execute(Vec<u8>),
    Zap,
    Nothing,
}

#[derive(Debug)]
pub struct Translate {
    pub bytes: Option<[u8; 256]>,
    pub characters: Vec<(char, char)>,
}

#[derive(Debug)]
pub struct Command {
    pub first: Option<Address>,
    pub second: Option<Address>,
    pub negated: bool,
    pub action: Action,
}

#[derive(Debug)]
pub struct Script {
    pub commands: Vec<Command>,
    pub regexes: Vec<Regex>,
}

pub fn parse(text: &[u8], extended: bool, utf8: bool, sandbox: bool) -> Result<Script, String> {
    let mut parser = Parser {
        text,
        at: 0,
        extended,
        utf8,
        script: Script { commands: Vec::new(), regexes: Vec::new() },
        blocks: Vec::new(),
        labels: Vec::new(),
        jumps: Vec::new(),
    };
    parser.all().map_err(|message| format!("char {}: {message}", parser.at.min(text.len()).max(1)))?;
    if sandbox
        && parser.script.commands.iter().any(|command| {
            matches!(
                command.action,
                Action::Read(_) | Action::ReadLine(_) | Action::Write(_) | Action::WriteFirst(_) | Action::Execute(_)
            )
        })
    {
        return Err("char 0: e/r/w commands disabled in sandbox mode".to_string());
    }
    Ok(parser.script)
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    extended: bool,
    utf8: bool,
    script: Script,
    blocks: Vec<usize>,
    labels: Vec<(Vec<u8>, usize)>,
    jumps: Vec<(usize, Vec<u8>)>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip(&mut self, bytes: &[u8]) {
        while self.peek().is_some_and(|byte| bytes.contains(&byte)) {
            self.at += 1;
        }
    }

    fn number(&mut self) -> Option<u64> {
        let start = self.at;
        let mut value = 0u64;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            value = value.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        if self.at > start { Some(value) } else { None }
    }

    fn all(&mut self) -> Result<(), String> {
        loop {
            self.skip(b" \t\n;\x0b\x0c\r");
            if self.peek().is_none() {
                break;
            }
            self.command()?;
        }
        if !self.blocks.is_empty() {
            return Err("unmatched `{'".to_string());
        }
        let end = self.script.commands.len();
        for (index, label) in std::mem::take(&mut self.jumps) {
            let target = if label.is_empty() {
                end
            } else {
                let found = self.labels.iter().find(|(name, _)| *name == label).map(|(_, target)| *target);
                found.ok_or_else(|| format!("can't find label for jump to `{}'", String::from_utf8_lossy(&label)))?
            };
            match &mut self.script.commands[index].action {
                Action::Branch(to) | Action::BranchIf(to) | Action::BranchUnless(to) => *to = target,
                _ => {}
            }
        }
        Ok(())
    }

    fn address(&mut self, second: bool) -> Result<Option<Address>, String> {
        Ok(match self.peek() {
            Some(b'0'..=b'9') => {
                let line = self.number().unwrap_or(0);
                if self.peek() == Some(b'~') && !second {
                    self.at += 1;
                    let step = self.number().unwrap_or(0);
                    return Ok(Some(Address::Step(line, step)));
                }
                Some(Address::Line(line))
            }
            Some(b'$') => {
                self.at += 1;
                Some(Address::Last)
            }
            Some(b'+') if second => {
                self.at += 1;
                Some(Address::Plus(self.number().ok_or("expected number after +")?))
            }
            Some(b'~') if second => {
                self.at += 1;
                Some(Address::Multiple(self.number().ok_or("expected number after ~")?))
            }
            Some(b'/') => {
                self.at += 1;
                Some(self.match_address(b'/')?)
            }
            Some(b'\\') => {
                let delimiter = *self.text.get(self.at + 1).ok_or("unterminated address regex")?;
                self.at += 2;
                Some(self.match_address(delimiter)?)
            }
            _ => None,
        })
    }

    fn match_address(&mut self, delimiter: u8) -> Result<Address, String> {
        let pattern = self.delimited(delimiter, true).ok_or("unterminated address regex")?;
        let mut flags = Flags::default();
        loop {
            match self.peek() {
                Some(b'I') => flags.fold = true,
                Some(b'M') => flags.newline = true,
                _ => break,
            }
            self.at += 1;
        }
        Ok(Address::Match(self.regex(&pattern, flags)?))
    }

    fn regex(&mut self, pattern: &[u8], flags: Flags) -> Result<Option<usize>, String> {
        if pattern.is_empty() {
            return Ok(None);
        }
        let flags = Flags { extended: self.extended, utf8: self.utf8, ..flags };
        let pattern = escapes(pattern, self.extended);
        let regex = Regex::new(&pattern, flags).map_err(|error| error.to_string())?;
        self.script.regexes.push(regex);
        Ok(Some(self.script.regexes.len() - 1))
    }

    /// Up to an unquoted delimiter; a quoted one loses its backslash, and in an
    /// expression `\n` becomes a newline.
    fn delimited(&mut self, delimiter: u8, regex: bool) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let mut in_bracket = false;
        loop {
            let byte = self.peek()?;
            self.at += 1;
            if byte == b'\\' && !in_bracket {
                let next = self.peek()?;
                self.at += 1;
                if next == delimiter {
                    // `s|a\|b|…|`: what was special quoted stays literal.
                    if regex && special_literal(next) {
                        out.push(b'[');
                        out.push(next);
                        out.push(b']');
                    } else if !regex && next == b'&' {
                        out.push(b'\\');
                        out.push(next);
                    } else {
                        out.push(next);
                    }
                } else if matches!(next, b'n' | b'\n') && regex {
                    out.push(b'\n');
                } else {
                    out.push(b'\\');
                    out.push(next);
                }
                continue;
            }
            if in_bracket {
                if byte == b'\\' && self.peek() == Some(b'n') {
                    out.push(b'\n');
                    self.at += 1;
                    continue;
                }
                if byte == b'\\' && matches!(self.peek(), Some(b't' | b']' | b'\\')) && self.peek() != Some(b']') {
                    let next = self.peek()?;
                    self.at += 1;
                    out.push(if next == b't' { b'\t' } else { b'\\' });
                    if next == b'\\' {
                        out.push(b'\\');
                    }
                    continue;
                }
                if byte == b'[' && matches!(self.peek(), Some(b':' | b'.' | b'=')) {
                    let mark = self.peek()?;
                    out.push(byte);
                    let rest = &self.text[self.at..];
                    let end = rest.windows(2).skip(1).position(|pair| pair == [mark, b']'])? + 3;
                    out.extend_from_slice(&rest[..end]);
                    self.at += end;
                    continue;
                }
                if byte == b']' {
                    in_bracket = false;
                }
                if byte == b'\n' && !regex {
                    return None;
                }
                out.push(byte);
                continue;
            }
            if byte == delimiter {
                return Some(out);
            }
            if byte == b'\n' && regex {
                return None;
            }
            if byte == b'[' && regex {
                in_bracket = true;
                out.push(byte);
                if self.peek() == Some(b'^') {
                    out.push(b'^');
                    self.at += 1;
                }
                if self.peek() == Some(b']') {
                    out.push(b']');
                    self.at += 1;
                }
                continue;
            }
            out.push(byte);
        }
    }

    fn command(&mut self) -> Result<(), String> {
        let first = self.address(false)?;
        let mut second = None;
        if first.is_some() {
            self.skip(b" \t");
            if self.peek() == Some(b',') {
                self.at += 1;
                self.skip(b" \t");
                second = Some(self.address(true)?.ok_or("unexpected `,'")?);
            }
        }
        if matches!(first, Some(Address::Line(0))) && !matches!(second, Some(Address::Match(_))) {
            return Err("invalid usage of line address 0".to_string());
        }
        self.skip(b" \t");
        let mut negated = false;
        while self.peek() == Some(b'!') {
            negated = true;
            self.at += 1;
            self.skip(b" \t");
        }
        let letter = self.peek().ok_or("missing command")?;
        self.at += 1;
        let index = self.script.commands.len();
        let has_address = first.is_some();
        let mut ends = true;
        let action = match letter {
            b'{' => {
                self.blocks.push(index);
                ends = false;
                Action::Block(0)
            }
            b'}' => {
                if has_address {
                    return Err("} doesn't want any addresses".to_string());
                }
                let open = self.blocks.pop().ok_or("unexpected `}'")?;
                if let Action::Block(end) = &mut self.script.commands[open].action {
                    *end = index;
                }
                Action::End
            }
            b'#' => {
                if has_address {
                    return Err("comments don't accept any addresses".to_string());
                }
                while self.peek().is_some_and(|byte| byte != b'\n') {
                    self.at += 1;
                }
                return Ok(());
            }
            b':' => {
                if has_address {
                    return Err(": doesn't want any addresses".to_string());
                }
                let label = self.label(b"\n;");
                if label.is_empty() {
                    return Err("\":\" lacks a label".to_string());
                }
                self.labels.push((label, index));
                ends = false;
                Action::Nothing
            }
            b'=' => Action::LineNumber,
            b'a' | b'i' | b'c' => {
                let text = self.text_argument()?;
                ends = false;
                match letter {
                    b'a' => Action::Append(text),
                    b'i' => Action::Insert(text),
                    _ => Action::Change(text),
                }
            }
            b'b' | b't' | b'T' => {
                let label = self.label(b"\n;}");
                self.jumps.push((index, label));
                match letter {
                    b'b' => Action::Branch(0),
                    b't' => Action::BranchIf(0),
                    _ => Action::BranchUnless(0),
                }
            }
            b'd' => Action::Delete,
            b'D' => Action::DeleteFirst,
            b'e' => {
                self.skip(b" \t");
                Action::Execute(self.rest_of_line())
            }
            b'F' => Action::FileName,
            b'g' => Action::Get,
            b'G' => Action::GetAppend,
            b'h' => Action::Hold,
            b'H' => Action::HoldAppend,
            b'l' => {
                self.skip(b" \t");
                Action::List(self.number().map(|number| number as usize))
            }
            b'n' => Action::Next,
            b'N' => Action::NextAppend,
            b'p' => Action::Print,
            b'P' => Action::PrintFirst,
            b'q' | b'Q' => {
                if second.is_some() {
                    return Err("command only uses one address".to_string());
                }
                self.skip(b" \t");
                let status = self.number().unwrap_or(0) as u8;
                if letter == b'q' { Action::Quit(status) } else { Action::QuitSilent(status) }
            }
            b'r' | b'R' | b'w' | b'W' => {
                self.skip(b" \t");
                let path = self.rest_of_line();
                if path.is_empty() {
                    return Err("missing filename in r/R/w/W commands".to_string());
                }
                match letter {
                    b'r' => Action::Read(path),
                    b'R' => Action::ReadLine(path),
                    b'w' => Action::Write(path),
                    _ => Action::WriteFirst(path),
                }
            }
            b's' => self.substitute()?,
            b'v' => {
                self.label(b"\n;");
                Action::Nothing
            }
            b'x' => Action::Exchange,
            b'y' => self.translate()?,
            b'z' => Action::Zap,
            other => return Err(format!("unknown command: `{}'", char::from(other))),
        };
        self.script.commands.push(Command { first, second, negated, action });
        if ends {
            self.skip(b" \t\r");
            match self.peek() {
                None | Some(b'\n' | b';') => self.at += 1,
                Some(b'}' | b'#') => {}
                Some(_) => return Err("extra characters after command".to_string()),
            }
        }
        Ok(())
    }

    fn label(&mut self, ends: &[u8]) -> Vec<u8> {
        self.skip(b" \t");
        let start = self.at;
        while self.peek().is_some_and(|byte| !ends.contains(&byte)) {
            self.at += 1;
        }
        self.text[start..self.at].trim_ascii_end().to_vec()
    }

    fn rest_of_line(&mut self) -> Vec<u8> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
        self.text[start..self.at].to_vec()
    }

    /// The text of a, i and c: on the same line or after a backslash.
    fn text_argument(&mut self) -> Result<Vec<u8>, String> {
        self.skip(b" \t");
        if self.peek() == Some(b'\\') {
            self.at += 1;
            let before = self.at;
            self.skip(b" \t");
            if self.peek() == Some(b'\n') {
                // The text keeps its blanks.
                self.at += 1;
            } else if self.peek().is_some_and(|byte| b"tnrfva".contains(&byte)) {
                // `a\text` begins with an escape.
                self.at = before - 1;
            } else {
                self.at = before;
            }
        }
        if self.peek().is_none() {
            return Err("expected \\ after `a', `c' or `i'".to_string());
        }
        let mut out = Vec::new();
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => {
                    if let Some(next) = self.peek() {
                        self.at += 1;
                        out.push(match next {
                            b't' => b'\t',
                            b'n' => b'\n',
                            b'r' => b'\r',
                            b'f' => 12,
                            b'v' => 11,
                            b'a' => 7,
                            other => other,
                        });
                    }
                }
                b'\n' => break,
                _ => out.push(byte),
            }
        }
        out.push(b'\n');
        Ok(out)
    }

    fn substitute(&mut self) -> Result<Action, String> {
        let unterminated = "unterminated `s' command";
        let delimiter = self.peek().filter(|byte| !matches!(byte, b'\n' | b'\\')).ok_or(unterminated)?;
        self.at += 1;
        let pattern = self.delimited(delimiter, true).ok_or(unterminated)?;
        let replacement = self.delimited(delimiter, false).ok_or(unterminated)?;
        let mut flags = Flags::default();
        let mut command = Substitute {
            regex: None,
            parts: Vec::new(),
            global: false,
            print: false,
            execute: false,
            number: 0,
            file: None,
            groups: false,
        };
        loop {
            match self.peek() {
                Some(b'g') => command.global = true,
                Some(b'p') => command.print = true,
                Some(b'i' | b'I') => flags.fold = true,
                Some(b'm' | b'M') => flags.newline = true,
                Some(b'e') => command.execute = true,
                Some(b'0'..=b'9') => {
                    command.number = self.number().unwrap_or(0) as usize;
                    if command.number == 0 {
                        return Err("number option to `s' command may not be zero".to_string());
                    }
                    continue;
                }
                Some(b'w') => {
                    self.at += 1;
                    self.skip(b" \t");
                    let path = self.rest_of_line();
                    if path.is_empty() {
                        return Err("missing filename in r/R/w/W commands".to_string());
                    }
                    command.file = Some(path);
                    break;
                }
                Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'}' | b'#') | None => break,
                Some(_) => return Err("unknown option to `s'".to_string()),
            }
            self.at += 1;
        }
        command.regex = self.regex(&pattern, flags)?;
        command.parts = parts(&replacement);
        let most =
            command.parts.iter().filter_map(|part| if let Part::Group(n) = part { Some(*n) } else { None }).max();
        if let (Some(most), Some(index)) = (most, command.regex)
            && most > self.script.regexes[index].groups()
        {
            return Err(format!("invalid reference \\{most} on `s' command's RHS"));
        }
        command.groups = most.is_some_and(|most| most > 0);
        Ok(Action::Substitute(Box::new(command)))
    }

    fn translate(&mut self) -> Result<Action, String> {
        let unterminated = "unterminated `y' command";
        let delimiter = self.peek().ok_or(unterminated)?;
        self.at += 1;
        let mut side = || -> Result<Vec<u8>, String> {
            let raw = self.delimited(delimiter, false).ok_or(unterminated)?;
            let mut out = Vec::new();
            let mut bytes = raw.into_iter();
            while let Some(byte) = bytes.next() {
                if byte != b'\\' {
                    out.push(byte);
                    continue;
                }
                match bytes.next() {
                    Some(b'n') => out.push(b'\n'),
                    Some(b't') => out.push(b'\t'),
                    Some(b'\\') | None => out.push(b'\\'),
                    Some(other) => out.extend([b'\\', other]),
                }
            }
            Ok(out)
        };
        let (from, to) = (side()?, side()?);
        let uneven = || "strings for `y' command are different lengths".to_string();
        if self.utf8
            && !(from.is_ascii() && to.is_ascii())
            && let (Ok(from), Ok(to)) = (std::str::from_utf8(&from), std::str::from_utf8(&to))
        {
            if from.chars().count() != to.chars().count() {
                return Err(uneven());
            }
            let characters = from.chars().zip(to.chars()).collect();
            return Ok(Action::Translate(Box::new(Translate { bytes: None, characters })));
        }
        if from.len() != to.len() {
            return Err(uneven());
        }
        let mut table: [u8; 256] = std::array::from_fn(|byte| byte as u8);
        for (from, to) in from.iter().zip(&to) {
            table[usize::from(*from)] = *to;
        }
        Ok(Action::Translate(Box::new(Translate { bytes: Some(table), characters: Vec::new() })))
    }
}

/// Whether a delimiter means something in an expression when it is not quoted.
fn special_literal(byte: u8) -> bool {
    b".*[$+?|(){}".contains(&byte)
}

/// GNU's escapes for characters that are hard to type.
fn escapes(pattern: &[u8], extended: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    let quote = |out: &mut Vec<u8>, byte: u8| {
        let special = if extended { b".*[]^$+?|(){}\\".contains(&byte) } else { b".*[]^$\\".contains(&byte) };
        if special {
            out.push(b'\\');
        }
        out.push(byte);
    };
    while at < pattern.len() {
        if pattern[at] != b'\\' || at + 1 >= pattern.len() {
            out.push(pattern[at]);
            at += 1;
            continue;
        }
        let letter = pattern[at + 1];
        at += 2;
        match letter {
            b't' => out.push(b'\t'),
            b'f' => out.push(12),
            b'v' => out.push(11),
            b'a' => out.push(7),
            b'r' => out.push(b'\r'),
            b'd' | b'o' | b'x' => match coded(letter, &pattern[at..]) {
                Some((byte, length)) => {
                    quote(&mut out, byte);
                    at += length;
                }
                None => out.push(letter),
            },
            b'c' if at < pattern.len() => {
                quote(&mut out, pattern[at].to_ascii_uppercase() ^ 0x40);
                at += 1;
            }
            _ => out.extend([b'\\', letter]),
        }
    }
    out
}

/// `\dNNN`, `\oNNN`, `\xHH`
fn coded(letter: u8, rest: &[u8]) -> Option<(u8, usize)> {
    let (base, most) = match letter {
        b'd' => (10, 3),
        b'o' => (8, 3),
        _ => (16, 2),
    };
    let length = rest.iter().take(most).take_while(|byte| char::from(**byte).is_digit(base)).count();
    let text = std::str::from_utf8(&rest[..length]).ok()?;
    Some((u32::from_str_radix(text, base).ok()? as u8, length))
}

/// The pieces of a replacement.
fn parts(text: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut literal = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        at += 1;
        let special = match byte {
            b'&' => Some(Part::Group(0)),
            b'\\' if at < text.len() => {
                let letter = text[at];
                at += 1;
                match letter {
                    b'0'..=b'9' => Some(Part::Group(usize::from(letter - b'0'))),
                    b'U' => Some(Part::Case(Case::Upper)),
                    b'L' => Some(Part::Case(Case::Lower)),
                    b'u' => Some(Part::Case(Case::UpperOne)),
                    b'l' => Some(Part::Case(Case::LowerOne)),
                    b'E' => Some(Part::Case(Case::End)),
                    b'n' => {
                        literal.push(b'\n');
                        None
                    }
                    b't' => {
                        literal.push(b'\t');
                        None
                    }
                    b'r' => {
                        literal.push(b'\r');
                        None
                    }
                    b'f' => {
                        literal.push(12);
                        None
                    }
                    b'v' => {
                        literal.push(11);
                        None
                    }
                    b'a' => {
                        literal.push(7);
                        None
                    }
                    b'c' if at < text.len() => {
                        literal.push(text[at].to_ascii_uppercase() ^ 0x40);
                        at += 1;
                        None
                    }
                    b'd' | b'o' | b'x' => {
                        match coded(letter, &text[at..]) {
                            Some((byte, length)) => {
                                literal.push(byte);
                                at += length;
                            }
                            None => literal.push(letter),
                        }
                        None
                    }
                    other => {
                        literal.push(other);
                        None
                    }
                }
            }
            other => {
                literal.push(other);
                None
            }
        };
        if let Some(part) = special {
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(part);
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    parts
}
