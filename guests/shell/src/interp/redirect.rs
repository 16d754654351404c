//! Redirections (XCU 2.7): changes to the descriptor table with a list that
//! undoes them.

use crate::files::{DESCRIPTOR_LIMIT, Stream};
use crate::shell::{Shell, Unwind};
use crate::syntax::ast::{Descriptor, Redirection, RedirectionAction, Word};
use coracle_sdk::{Errno, OpenOptions, fs};
use std::rc::Rc;

/// What a list of redirections changed, newest last.
#[derive(Debug, Default)]
pub struct Undo {
    changes: Vec<(u32, Option<Rc<Stream>>)>,
}

/// An error that was reported already, or one that unwinds.
type Failed = Option<Unwind>;

impl Shell {
    /// Performs redirections in order. `Err(None)`: one failed, was reported
    /// and has set the status; what was done is undone.
    pub fn redirect(&mut self, redirections: &[Redirection]) -> Result<Undo, Failed> {
        let mut undo = Undo::default();
        for redirection in redirections {
            if let Err(failed) = self.redirect_one(redirection, &mut undo) {
                self.undo(undo);
                return Err(failed);
            }
        }
        Ok(undo)
    }

    /// Takes redirections back.
    pub fn undo(&mut self, undo: Undo) {
        for (number, stream) in undo.changes.into_iter().rev() {
            self.files.set(number, stream);
        }
    }

    /// Lets redirections stay (`exec`).
    pub fn keep(&mut self, undo: Undo) {
        drop(undo);
    }

    fn put(&mut self, number: u32, stream: Option<Rc<Stream>>, undo: &mut Undo) {
        let before = self.files.set(number, stream);
        undo.changes.push((number, before));
    }

    fn redirection_failed(&mut self, message: &[u8]) -> Failed {
        self.complain(message);
        self.status = if self.bash() { 1 } else { 2 };
        None
    }

    fn target(&mut self, word: &Word) -> Result<Vec<u8>, Failed> {
        if self.bash() || self.interactive {
            let mut fields = Vec::new();
            self.expand_word(word, &mut fields).map_err(Some)?;
            let [field] = fields.as_slice() else {
                let mut message = crate::syntax::print::word(word);
                message.extend_from_slice(b": ambiguous redirect");
                return Err(self.redirection_failed(&message));
            };
            return Ok(field.clone());
        }
        self.expand_single(word).map_err(Some)
    }

    fn number_for(&mut self, descriptor: &Descriptor, default: u32) -> Result<u32, Failed> {
        match descriptor {
            Descriptor::Default => Ok(default),
            Descriptor::Number(number) if *number < DESCRIPTOR_LIMIT => Ok(*number),
            Descriptor::Number(number) => {
                let message = format!("{number}: Bad file descriptor");
                Err(self.redirection_failed(message.as_bytes()))
            }
            Descriptor::Variable(_) => Ok(self.files.free(10)),
        }
    }

    fn redirect_one(&mut self, redirection: &Redirection, undo: &mut Undo) -> Result<(), Failed> {
        let descriptor = &redirection.descriptor;
        let (number, stream) = match &redirection.action {
            RedirectionAction::Read(word) => {
                let path = self.target(word)?;
                let stream = self.open(&path, &OpenOptions::new().read(true), false)?;
                (self.number_for(descriptor, 0)?, Some(stream))
            }
            RedirectionAction::ReadWrite(word) => {
                let path = self.target(word)?;
                let stream = self.open(&path, &OpenOptions::new().read(true).write(true).create(true), true)?;
                (self.number_for(descriptor, 0)?, Some(stream))
            }
            RedirectionAction::Write(word) => {
                let path = self.target(word)?;
                (self.number_for(descriptor, 1)?, Some(self.open_for_writing(&path)?))
            }
            RedirectionAction::Clobber(word) => {
                let path = self.target(word)?;
                let stream = self.open(&path, &OpenOptions::new().write(true).create(true).truncate(true), true)?;
                (self.number_for(descriptor, 1)?, Some(stream))
            }
            RedirectionAction::Append(word) => {
                let path = self.target(word)?;
                let stream = self.open(&path, &OpenOptions::new().append(true).create(true), true)?;
                (self.number_for(descriptor, 1)?, Some(stream))
            }
            RedirectionAction::WriteBoth(word) | RedirectionAction::AppendBoth(word) => {
                let path = self.target(word)?;
                if let (RedirectionAction::WriteBoth(_), true) =
                    (&redirection.action, path == b"-" || (!path.is_empty() && path.iter().all(u8::is_ascii_digit)))
                {
                    return self.duplicate(descriptor, 1, &path, undo);
                }
                let stream = if matches!(redirection.action, RedirectionAction::AppendBoth(_)) {
                    self.open(&path, &OpenOptions::new().append(true).create(true), true)?
                } else {
                    self.open_for_writing(&path)?
                };
                self.put(1, Some(stream.clone()), undo);
                self.put(2, Some(stream), undo);
                return Ok(());
            }
            RedirectionAction::DuplicateInput(word) => {
                let text = self.target(word)?;
                return self.duplicate(descriptor, 0, &text, undo);
            }
            RedirectionAction::DuplicateOutput(word) => {
                let text = self.target(word)?;
                if self.bash() && *descriptor == Descriptor::Default && !is_duplicate(&text) {
                    let stream = self.open_for_writing(&text)?;
                    self.put(1, Some(stream.clone()), undo);
                    self.put(2, Some(stream), undo);
                    return Ok(());
                }
                return self.duplicate(descriptor, 1, &text, undo);
            }
            RedirectionAction::Here(document) => {
                let text = match document.body() {
                    Some(body) => self.expand_single(&body.word).map_err(Some)?,
                    None => Vec::new(),
                };
                (self.number_for(descriptor, 0)?, Some(self.here_file(&text)?))
            }
            RedirectionAction::HereString(word) => {
                let mut text = self.expand_single(word).map_err(Some)?;
                text.push(b'\n');
                (self.number_for(descriptor, 0)?, Some(self.here_file(&text)?))
            }
        };
        self.place(descriptor, number, stream, undo)
    }

    /// Puts an opened file where the descriptor says; `{name}` keeps it open.
    fn place(
        &mut self,
        descriptor: &Descriptor,
        number: u32,
        stream: Option<Rc<Stream>>,
        undo: &mut Undo,
    ) -> Result<(), Failed> {
        if let Descriptor::Variable(name) = descriptor {
            self.files.set(number, stream);
            self.assign_scalar(name, number.to_string().into_bytes(), false).map_err(Some)?;
            return Ok(());
        }
        self.put(number, stream, undo);
        Ok(())
    }

    /// `n<&word` and `n>&word`.
    fn duplicate(&mut self, descriptor: &Descriptor, default: u32, text: &[u8], undo: &mut Undo) -> Result<(), Failed> {
        if text == b"-" {
            if let Descriptor::Variable(name) = descriptor {
                let number = self.get(name).and_then(|value| std::str::from_utf8(&value).ok()?.parse::<u32>().ok());
                return match number {
                    Some(number) => {
                        self.files.set(number, None);
                        Ok(())
                    }
                    None => {
                        let mut message = name.clone();
                        message.extend_from_slice(b": Bad file descriptor");
                        Err(self.redirection_failed(&message))
                    }
                };
            }
            let number = self.number_for(descriptor, default)?;
            self.put(number, None, undo);
            return Ok(());
        }
        let (digits, moving) = match text.strip_suffix(b"-") {
            Some(digits) if self.bash() => (digits, true),
            _ => (text, false),
        };
        let source = std::str::from_utf8(digits)
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse::<u32>().ok());
        let Some(source) = source else {
            let mut message = text.to_vec();
            if self.bash() {
                message.extend_from_slice(b": ambiguous redirect");
            } else {
                message = b"Syntax error: Bad fd number".to_vec();
                self.complain(&message);
                self.status = 2;
                return Err(Some(Unwind::Error));
            }
            return Err(self.redirection_failed(&message));
        };
        let Some(stream) = self.files.get(source).cloned() else {
            let mut message = source.to_string().into_bytes();
            message.extend_from_slice(b": Bad file descriptor");
            return Err(self.redirection_failed(&message));
        };
        let number = self.number_for(descriptor, default)?;
        self.place(descriptor, number, Some(stream), undo)?;
        if moving && source != number {
            self.put(source, None, undo);
        }
        Ok(())
    }

    fn open_for_writing(&mut self, path: &[u8]) -> Result<Rc<Stream>, Failed> {
        if !self.options.noclobber {
            return self.open(path, &OpenOptions::new().write(true).create(true).truncate(true), true);
        }
        // XCU 2.7.2: only an existing regular file is protected.
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(file) => Ok(Rc::new(Stream::File(file))),
            Err(Errno::EXIST) => {
                if fs::stat(path).is_ok_and(|attributes| attributes.is_file()) {
                    let mut message = if self.bash() { path.to_vec() } else { b"cannot create ".to_vec() };
                    if self.bash() {
                        message.extend_from_slice(b": cannot overwrite existing file");
                    } else {
                        message.extend_from_slice(path);
                        message.extend_from_slice(b": File exists");
                    }
                    return Err(self.redirection_failed(&message));
                }
                self.open(path, &OpenOptions::new().write(true), true)
            }
            Err(errno) => Err(self.open_failed(path, errno, true)),
        }
    }

    fn open(&mut self, path: &[u8], options: &OpenOptions, creating: bool) -> Result<Rc<Stream>, Failed> {
        if let Some(number) = path.strip_prefix(b"/dev/fd/").or(match path {
            b"/dev/stdin" => Some(b"0"),
            b"/dev/stdout" => Some(b"1"),
            b"/dev/stderr" => Some(b"2"),
            _ => None,
        }) && let Some(number) = std::str::from_utf8(number).ok().and_then(|text| text.parse::<u32>().ok())
            && let Some(stream) = self.files.get(number)
        {
            // The shell's own descriptors are not the process's.
            return Ok(stream.clone());
        }
        loop {
            match options.open(path) {
                Ok(file) => return Ok(Rc::new(Stream::File(file))),
                Err(Errno::INTR) => {
                    self.collect_signals();
                    self.run_pending_traps().map_err(Some)?;
                }
                Err(errno) => return Err(self.open_failed(path, errno, creating)),
            }
        }
    }

    fn open_failed(&mut self, path: &[u8], errno: Errno, creating: bool) -> Failed {
        let mut message = Vec::new();
        if self.bash() {
            message.extend_from_slice(path);
            message.extend_from_slice(format!(": {errno}").as_bytes());
        } else {
            message.extend_from_slice(if creating { b"cannot create " } else { b"cannot open " });
            message.extend_from_slice(path);
            let text = match errno {
                Errno::NOENT if creating => "Directory nonexistent",
                Errno::NOENT => "No such file",
                other => other.message(),
            };
            message.extend_from_slice(format!(": {text}").as_bytes());
        }
        self.redirection_failed(&message)
    }

    /// A file that reads as `text`.
    fn here_file(&mut self, text: &[u8]) -> Result<Rc<Stream>, Failed> {
        let made = if text.len() <= 4096 {
            // Fits a pipe's buffer whatever its size: nobody has to wait.
            coracle_sdk::pipe().and_then(|(reader, writer)| writer.write_full(text).map(|()| reader))
        } else {
            coracle_sdk::temporary().and_then(|file| {
                file.write_full(text)?;
                file.seek_to(std::io::SeekFrom::Start(0))?;
                Ok(file)
            })
        };
        match made {
            Ok(file) => Ok(Rc::new(Stream::File(file))),
            Err(errno) => {
                let message = format!("cannot create temporary file for here-document: {errno}");
                Err(self.redirection_failed(message.as_bytes()))
            }
        }
    }
}

/// Whether the text after `>&` names a descriptor or closes one.
fn is_duplicate(text: &[u8]) -> bool {
    let digits = text.strip_suffix(b"-").unwrap_or(text);
    text == b"-" || (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
}
