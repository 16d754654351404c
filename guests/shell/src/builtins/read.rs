//! `read` (XCU read, bash's options) and `mapfile`.

use crate::interp::read_line_shared;
use crate::shell::{Run, Shell};
use crate::variables::{Flags, Value};
use coracle_sdk::poll::{self, Source};
use coracle_sdk::{Errno, File, terminal, time};
use std::io::SeekFrom;
use std::rc::Rc;
use std::time::Duration;

/// What read's options ask for.
#[derive(Default)]
struct Request {
    raw: bool,
    silent: bool,
    array: Option<Vec<u8>>,
    delimiter: Option<u8>,
    count: Option<usize>,
    exact: bool,
    prompt: Option<Vec<u8>>,
    timeout: Option<Duration>,
    descriptor: u32,
    initial: Vec<u8>,
}

/// A line as it was read: its bytes, and which of them a backslash protected.
#[derive(Default)]
struct Line {
    text: Vec<u8>,
    protected: Vec<bool>,
}

/// How reading ended.
enum Ended {
    Delimiter,
    Count,
    EndOfFile,
    TimedOut,
    Signal,
    Failed(Errno),
}

fn seconds(text: &[u8]) -> Option<Duration> {
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (value >= 0.0 && value.is_finite()).then(|| Duration::from_secs_f64(value.min(1e9)))
}

/// `read [-rs] [-a name] [-d char] [-n count] [-N count] [-p prompt] [-t time] [-u fd] [-i text] [name…]`
pub fn read(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let mut request = Request::default();
    let mut options = super::Options::new(arguments);
    let names = loop {
        match options.next(b"rseadnNptui") {
            super::Parsed::Option(b'r') => request.raw = true,
            super::Parsed::Option(b's') => request.silent = true,
            super::Parsed::Option(b'e') => {}
            super::Parsed::Option(letter) => {
                let Some(value) = options.value() else {
                    let text: Vec<u8> = if shell.bash() {
                        [b"-".as_slice(), &[letter], b": option requires an argument"].concat()
                    } else {
                        [b"No arg for -".as_slice(), &[letter], b" option"].concat()
                    };
                    shell.builtin_error(b"read", &text);
                    return Ok(2);
                };
                let number = super::number(value);
                match letter {
                    b'a' => request.array = Some(value.to_vec()),
                    b'd' => request.delimiter = Some(value.first().copied().unwrap_or(0)),
                    b'p' => request.prompt = Some(value.to_vec()),
                    b'i' => request.initial = value.to_vec(),
                    b't' => match seconds(value) {
                        Some(timeout) => request.timeout = Some(timeout),
                        None => {
                            shell.builtin_error(b"read", &[value, b": invalid timeout specification"].concat());
                            return Ok(1);
                        }
                    },
                    b'u' => match number.and_then(|number| u32::try_from(number).ok()) {
                        Some(descriptor) => request.descriptor = descriptor,
                        None => {
                            shell.builtin_error(b"read", &[value, b": invalid file descriptor specification"].concat());
                            return Ok(1);
                        }
                    },
                    _ => match number.and_then(|number| usize::try_from(number).ok()) {
                        Some(count) => {
                            request.count = Some(count);
                            request.exact = letter == b'N';
                        }
                        None => {
                            shell.builtin_error(b"read", &[value, b": invalid number"].concat());
                            return Ok(1);
                        }
                    },
                }
            }
            super::Parsed::Bad(other) => {
                return shell.bad_option(b"read", other, "read [-ers] [-a array] [-d delim] [-i text] [-n nchars] [-N nchars] [-p prompt] [-t timeout] [-u fd] [name ...]");
            }
            super::Parsed::Operands(operands) => break operands,
        }
    };
    for name in names {
        if !crate::syntax::is_name(name.split(|byte| *byte == b'[').next().unwrap_or_default()) {
            let mut message = if shell.bash() { vec![b'`'] } else { Vec::new() };
            message.extend_from_slice(name);
            message.extend_from_slice(if shell.bash() { b"': not a valid identifier" } else { b": bad variable name" });
            shell.builtin_error(b"read", &message);
            return Ok(if shell.bash() { 1 } else { 2 });
        }
    }
    let Some(stream) = shell.files.get(request.descriptor).cloned() else {
        let text = if shell.bash() {
            format!("read error: {}: Bad file descriptor", request.descriptor)
        } else {
            "read error: Bad file descriptor".to_string()
        };
        shell.builtin_error(b"read", text.as_bytes());
        return Ok(1);
    };
    let crate::files::Stream::File(file) = stream.as_ref() else { return Ok(1) };
    let is_terminal = terminal::is_terminal(file);
    if let Some(prompt) = &request.prompt
        && (is_terminal || !shell.bash())
    {
        shell.write_error(prompt);
    }
    if request.timeout == Some(Duration::ZERO) {
        let ready = poll::wait(&[Source::Readable(file)], Some(Duration::ZERO))
            .ok()
            .and_then(|ready| ready.first().copied())
            .unwrap_or(false);
        return Ok(i32::from(!ready));
    }
    let before = if is_terminal && (request.silent || request.count.is_some() || request.delimiter.is_some()) {
        let silent = request.silent;
        let single = request.count.is_some() || request.delimiter.is_some();
        terminal::Raw::enter_with(file, |attributes| {
            if silent {
                attributes.local &= !terminal::flags::ECHO;
            }
            if single {
                attributes.local &= !terminal::flags::ICANON;
                if let Some(slot) = attributes.characters.get_mut(terminal::flags::VMIN) {
                    *slot = 1;
                }
            }
        })
        .ok()
    } else {
        None
    };
    let (line, ended) = read_line(shell, file, &request);
    drop(before);
    let status = match ended {
        Ended::Delimiter | Ended::Count => 0,
        Ended::EndOfFile => 1,
        Ended::TimedOut => 142,
        Ended::Signal => {
            let number = shell.traps.pending.front().copied().unwrap_or(2);
            shell.run_pending_traps()?;
            128 + i32::from(number)
        }
        Ended::Failed(errno) => {
            let text = if shell.bash() {
                format!("read error: {}: {errno}", request.descriptor)
            } else {
                format!("read error: {errno}")
            };
            shell.builtin_error(b"read", text.as_bytes());
            1
        }
    };
    match assign(shell, &request, names, line) {
        Ok(()) => Ok(status),
        Err(crate::shell::Unwind::Error) if shell.bash() => Ok(1),
        Err(unwind) => Err(unwind),
    }
}

fn read_line(shell: &mut Shell, file: &File, request: &Request) -> (Line, Ended) {
    let mut line = Line::default();
    let delimiter = request.delimiter.unwrap_or(b'\n');
    let deadline = request.timeout.map(|timeout| time::monotonic() + timeout);
    let limit = request.count.unwrap_or(usize::MAX);
    let mut characters = 0;
    let mut escaped = false;
    if request.count == Some(0) {
        return (line, Ended::Count);
    }
    // A seekable file is read in blocks and set back after the delimiter.
    let seekable = deadline.is_none()
        && request.count.is_none()
        && file.seek_to(SeekFrom::Current(0)).is_ok()
        && !terminal::is_terminal(file);
    let mut block: Vec<u8> = Vec::new();
    let mut at = 0;
    loop {
        if at >= block.len() {
            if let Some(deadline) = deadline {
                let left = deadline.saturating_sub(time::monotonic());
                let ready = poll::wait(&[Source::Readable(file)], Some(left))
                    .ok()
                    .and_then(|ready| ready.first().copied())
                    .unwrap_or(false);
                if !ready {
                    return (line, Ended::TimedOut);
                }
            }
            match file.read_some(if seekable { 512 } else { 1 }) {
                Ok(chunk) if chunk.is_empty() => return (line, Ended::EndOfFile),
                Ok(chunk) => {
                    block = chunk;
                    at = 0;
                }
                Err(Errno::INTR) => {
                    shell.collect_signals();
                    if shell
                        .traps
                        .pending
                        .iter()
                        .any(|number| shell.traps.actions.contains_key(number) || shell.interactive)
                    {
                        return (line, Ended::Signal);
                    }
                    continue;
                }
                Err(Errno::AGAIN) => {
                    // Readable again is all there is to wait for.
                    let _ = poll::wait(&[Source::Readable(file)], None);
                    continue;
                }
                Err(errno) => return (line, Ended::Failed(errno)),
            }
        }
        let Some(byte) = block.get(at).copied() else { continue };
        at += 1;
        if escaped {
            escaped = false;
            if byte == b'\n' {
                continue;
            }
            line.text.push(byte);
            line.protected.push(true);
        } else if byte == delimiter && !request.exact {
            let surplus = block.len() - at;
            if surplus > 0 {
                // Seekable: it was when it was asked above.
                let _ = file.seek_to(SeekFrom::Current(-(surplus as i64)));
            }
            return (line, Ended::Delimiter);
        } else if byte == b'\\' && !request.raw {
            escaped = true;
            continue;
        } else if byte == 0 {
            continue;
        } else {
            line.text.push(byte);
            line.protected.push(false);
        }
        // A character counts when its last byte has come.
        let complete = !shell.utf8
            || std::str::from_utf8(line.text.get(line.text.len().saturating_sub(4)..).unwrap_or_default()).is_ok()
            || byte < 0x80
            || line.text.len() < 4 && std::str::from_utf8(&line.text).is_ok();
        if complete {
            characters += 1;
        }
        if characters >= limit {
            return (line, Ended::Count);
        }
    }
}

fn assign(shell: &mut Shell, request: &Request, names: &[Vec<u8>], line: Line) -> Result<(), crate::shell::Unwind> {
    let separators = shell.separators.clone();
    let class = |at: usize| {
        if line.protected.get(at) == Some(&true) { 0 } else { line.text.get(at).map_or(0, |byte| separators.of(*byte)) }
    };
    if let Some(array) = &request.array {
        let mut fields = Vec::new();
        split(&line, &class, usize::MAX, &mut fields);
        let slot = shell.variables.slot(array);
        slot.value = Value::Indexed(Rc::new(
            fields.into_iter().enumerate().map(|(index, field)| (index as i64, field)).collect(),
        ));
        slot.flags.set(Flags::INDEXED, true);
        return Ok(());
    }
    if names.is_empty() {
        return shell.assign_scalar(b"REPLY", line.text, false);
    }
    if request.exact {
        for (index, name) in names.iter().enumerate() {
            shell.assign_scalar(name, if index == 0 { line.text.clone() } else { Vec::new() }, false)?;
        }
        return Ok(());
    }
    let mut fields = Vec::new();
    split(&line, &class, names.len(), &mut fields);
    let mut fields = fields.into_iter();
    for name in names {
        let value = fields.next().unwrap_or_default();
        match name.iter().position(|byte| *byte == b'[') {
            Some(open) if name.ends_with(b"]") => {
                let (base, rest) = name.split_at(open);
                let key = shell.key_from_text(base, rest.get(1..rest.len() - 1).unwrap_or_default())?;
                shell.assign_element(base, key, value, false)?;
            }
            _ => shell.assign_scalar(name, value, false)?,
        }
    }
    Ok(())
}

/// Splits as XCU read says: the last field takes the rest of the line.
fn split(line: &Line, class: &dyn Fn(usize) -> u8, max: usize, fields: &mut Vec<Vec<u8>>) {
    let length = line.text.len();
    let mut at = 0;
    while at < length && class(at) == 1 {
        at += 1;
    }
    while at < length {
        if fields.len() + 1 == max {
            // Trailing white space goes; one other separator too, if the
            // rest is a single field that it ends.
            let mut end = length;
            while end > at && class(end - 1) == 1 {
                end -= 1;
            }
            let separators = (at..end).filter(|place| class(*place) == 2).count();
            if separators == 1
                && class(end - 1) == 2
                && !(at..end - 1).any(|place| {
                    class(place) == 1 && {
                        let mut next = place;
                        while next < end - 1 && class(next) == 1 {
                            next += 1;
                        }
                        next < end - 1
                    }
                })
            {
                end -= 1;
                while end > at && class(end - 1) == 1 {
                    end -= 1;
                }
            }
            fields.push(line.text.get(at..end).unwrap_or_default().to_vec());
            return;
        }
        let start = at;
        while at < length && class(at) == 0 {
            at += 1;
        }
        fields.push(line.text.get(start..at).unwrap_or_default().to_vec());
        while at < length && class(at) == 1 {
            at += 1;
        }
        if at < length && class(at) == 2 {
            at += 1;
            while at < length && class(at) == 1 {
                at += 1;
            }
        }
    }
}

impl Shell {
    /// One line of standard input, for `select`; `None` at its end.
    pub fn read_reply(&mut self) -> Result<Option<Vec<u8>>, crate::shell::Unwind> {
        let Some(stream) = self.files.get(0).cloned() else { return Ok(None) };
        let crate::files::Stream::File(file) = stream.as_ref() else { return Ok(None) };
        let line = loop {
            match read_line_shared(file, b'\n', usize::MAX, false) {
                Ok(line) => break line,
                Err((_, Errno::INTR)) => {
                    self.collect_signals();
                    self.run_pending_traps()?;
                }
                Err(_) => return Ok(None),
            }
        };
        match line.strip_suffix(b"\n") {
            Some(text) => Ok(Some(text.to_vec())),
            None if line.is_empty() => Ok(None),
            None => Ok(Some(line)),
        }
    }
}

/// `mapfile [-d delim] [-n count] [-O origin] [-s count] [-t] [-u fd] [-C callback] [-c quantum] [array]`
pub fn mapfile(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let mut options = super::Options::new(arguments);
    let (mut delimiter, mut count, mut origin, mut skip, mut trim, mut descriptor) =
        (b'\n', 0_usize, None, 0_usize, false, 0_u32);
    let (mut callback, mut quantum) = (None, 5000_usize);
    let operands = loop {
        match options.next(b"tdnOsuCc") {
            super::Parsed::Option(b't') => trim = true,
            super::Parsed::Option(letter) => {
                let Some(value) = options.value() else { return Ok(2) };
                let number = super::number(value);
                match letter {
                    b'd' => delimiter = value.first().copied().unwrap_or(0),
                    b'n' => count = number.unwrap_or(0).max(0) as usize,
                    b'O' => origin = Some(number.unwrap_or(0)),
                    b's' => skip = number.unwrap_or(0).max(0) as usize,
                    b'C' => callback = Some(value.to_vec()),
                    b'c' => quantum = number.unwrap_or(5000).max(1) as usize,
                    _ => descriptor = number.and_then(|number| u32::try_from(number).ok()).unwrap_or(u32::MAX),
                }
            }
            super::Parsed::Bad(letter) => return shell.bad_option(
                b"mapfile",
                letter,
                "mapfile [-d delim] [-n count] [-O origin] [-s count] [-t] [-u fd] [-C callback] [-c quantum] [array]",
            ),
            super::Parsed::Operands(operands) => break operands,
        }
    };
    let name = operands.first().cloned().unwrap_or_else(|| b"MAPFILE".to_vec());
    let Some(stream) = shell.files.get(descriptor).cloned() else {
        shell.builtin_error(
            b"mapfile",
            format!("{descriptor}: invalid file descriptor: Bad file descriptor").as_bytes(),
        );
        return Ok(1);
    };
    let crate::files::Stream::File(file) = stream.as_ref() else { return Ok(1) };
    {
        let slot = shell.variables.slot(&name);
        if slot.flags.has(Flags::READONLY) {
            return Err(shell.read_only(&name));
        }
        if origin.is_none() || !matches!(slot.value, Value::Indexed(_)) {
            slot.value = Value::Indexed(Rc::default());
        }
        slot.flags.set(Flags::INDEXED, true);
    }
    let mut index = origin.unwrap_or(0);
    let mut taken = 0;
    // Without a limit the rest of the file is all wanted: no byte too many.
    let mut whole = None;
    if count == 0 {
        let mut text = Vec::new();
        loop {
            match file.read_all(&mut text) {
                Ok(()) => break,
                Err(Errno::INTR) => shell.collect_signals(),
                Err(errno) => {
                    shell.builtin_error(b"mapfile", format!("read error: {errno}").as_bytes());
                    return Ok(1);
                }
            }
        }
        whole = Some((text, 0_usize));
    }
    loop {
        if count > 0 && taken >= count {
            break;
        }
        let mut line = match &mut whole {
            Some((text, at)) => {
                let rest = text.get(*at..).unwrap_or_default();
                let length = rest.iter().position(|byte| *byte == delimiter).map_or(rest.len(), |place| place + 1);
                *at += length;
                rest.get(..length).unwrap_or_default().to_vec()
            }
            None => match read_line_shared(file, delimiter, usize::MAX, true) {
                Ok(line) => line,
                Err(_) => break,
            },
        };
        if line.is_empty() {
            break;
        }
        if skip > 0 {
            skip -= 1;
            continue;
        }
        taken += 1;
        if trim && line.last() == Some(&delimiter) {
            line.pop();
        }
        line.retain(|byte| *byte != 0);
        if let Some(callback) = &callback
            && taken % quantum == 0
        {
            let mut text = callback.clone();
            text.extend_from_slice(format!(" {index} ").as_bytes());
            text.extend_from_slice(&crate::escapes::quote_single(&line));
            let at = shell.line;
            shell.run_text(text.into(), at, "mapfile")?;
        }
        if let Value::Indexed(elements) = &mut shell.variables.slot(&name).value {
            Rc::make_mut(elements).insert(index, line);
        }
        index += 1;
    }
    Ok(0)
}
