//! The files and commands a program writes to and reads from, by name.

use std::collections::HashMap;

use coracle_sdk::process::{self, Command, ExitStatus, Program, Selector};
use coracle_sdk::{Errno, File, OpenOptions, file, pipe, stdio};

use super::parser::Redirect;
use super::records::Records;
use crate::applet::Failure;
use crate::input::{Input, Source};
use crate::output::Out;

struct Output {
    file: Option<File>,
    /// `/dev/stdout` is our own.
    own: bool,
    buffer: Vec<u8>,
    child: Option<u32>,
}

struct InputStream {
    records: Records,
    child: Option<u32>,
}

pub struct Streams {
    pub stdout: Out<'static>,
    outputs: HashMap<Vec<u8>, Output>,
    order: Vec<Vec<u8>>,
    inputs: HashMap<Vec<u8>, InputStream>,
}

/// The status system() and close() answer.
pub fn status(status: ExitStatus) -> f64 {
    match status {
        ExitStatus::Exited(code) => f64::from(code),
        ExitStatus::Signaled(signal) => 256.0 + f64::from(signal.number()),
        _ => 0.0,
    }
}

pub fn shell(command: &[u8]) -> Command<'static> {
    let mut shell = Command::search(vec![b"sh".to_vec(), b"-c".to_vec(), command.to_vec()]);
    shell.program = Program::Path(b"/bin/sh".to_vec());
    shell
}

fn reap(child: u32) -> f64 {
    loop {
        match process::wait(Selector::Process(child), true, false) {
            Ok(Some(change)) => return status(change.status),
            Ok(None) | Err(Errno::INTR) => {}
            Err(_) => return -1.0,
        }
    }
}

impl Streams {
    pub fn new() -> Streams {
        Streams { stdout: Out::interactive(), outputs: HashMap::new(), order: Vec::new(), inputs: HashMap::new() }
    }

    pub fn write(&mut self, name: &[u8], kind: Redirect, text: &[u8]) -> Result<(), Failure> {
        if !self.outputs.contains_key(name) {
            let output = self.open(name, kind)?;
            self.outputs.insert(name.to_vec(), output);
            self.order.push(name.to_vec());
        }
        let Some(output) = self.outputs.get_mut(name) else { return Ok(()) };
        if output.own {
            return self.stdout.put(text);
        }
        output.buffer.extend_from_slice(text);
        if output.buffer.len() > 1 << 15 || name == b"/dev/stderr" {
            drain(output)?;
        }
        Ok(())
    }

    fn open(&mut self, name: &[u8], kind: Redirect) -> Result<Output, Failure> {
        let failed =
            |errno: Errno| Failure::Message(format!("can't open '{}': {errno}", String::from_utf8_lossy(name)), 2);
        let mut output = Output { file: None, own: false, buffer: Vec::new(), child: None };
        if kind == Redirect::Pipe {
            self.flush_all()?;
            let (reader, writer) = pipe().map_err(failed)?;
            output.child = Some(shell(name).file(0, &reader).spawn().map_err(failed)?);
            output.file = Some(writer);
            return Ok(output);
        }
        match name {
            b"/dev/stdout" | b"-" => output.own = true,
            b"/dev/stderr" => {
                output.file = Some(stdio::stderr().ok_or(Errno::BADF).and_then(File::share).map_err(failed)?)
            }
            _ => {
                let append = kind == Redirect::Append;
                let options = OpenOptions::new().write(true).create(true).append(append).truncate(!append);
                output.file = Some(options.open(name).map_err(failed)?);
            }
        }
        Ok(output)
    }

    /// A file or command to read from, or why it cannot be opened.
    pub fn records(&mut self, name: &[u8], command: bool) -> Result<Result<&mut Records, Errno>, Failure> {
        if !self.inputs.contains_key(name) {
            let stream = if command {
                self.flush_all()?;
                let failed = |errno: Errno| {
                    Failure::Message(format!("can't run '{}': {errno}", String::from_utf8_lossy(name)), 2)
                };
                let (reader, writer) = pipe().map_err(failed)?;
                let child = shell(name).file(1, &writer).spawn().map_err(failed)?;
                InputStream { records: Records::new(Input::new(Source::Opened(reader))), child: Some(child) }
            } else {
                let opened = match name {
                    b"-" | b"/dev/stdin" => Source::stdin(),
                    _ => file::open(name).map(Source::Opened),
                };
                match opened {
                    Ok(source) => InputStream { records: Records::new(Input::new(source)), child: None },
                    Err(errno) => return Ok(Err(errno)),
                }
            };
            self.inputs.insert(name.to_vec(), stream);
        }
        Ok(self.inputs.get_mut(name).map(|stream| &mut stream.records).ok_or(Errno::BADF))
    }

    pub fn flush_all(&mut self) -> Result<(), Failure> {
        self.stdout.flush()?;
        self.outputs.values_mut().try_for_each(drain)
    }

    /// Flushes one stream; false when there is none of the name.
    pub fn flush(&mut self, name: &[u8]) -> Result<bool, Failure> {
        match self.outputs.get_mut(name) {
            Some(output) if output.own => self.stdout.flush().map(|()| true),
            Some(output) => drain(output).map(|()| true),
            None => Ok(false),
        }
    }

    /// close(): the status of the command, 0 for a file, -1 for what is not open.
    pub fn close(&mut self, name: &[u8]) -> Result<f64, Failure> {
        let mut answer = -1.0;
        if let Some(mut output) = self.outputs.remove(name) {
            self.order.retain(|known| known != name);
            drain(&mut output)?;
            drop(output.file.take());
            answer = output.child.map_or(0.0, reap);
        }
        if let Some(stream) = self.inputs.remove(name) {
            drop(stream.records);
            answer = stream.child.map_or(0.0, reap);
        }
        Ok(answer)
    }

    /// At the end: everything is written, and every command is waited for.
    pub fn close_all(&mut self) -> Result<(), Failure> {
        self.stdout.flush()?;
        for name in std::mem::take(&mut self.order) {
            self.close(&name)?;
        }
        let names: Vec<Vec<u8>> = self.inputs.keys().cloned().collect();
        for name in names {
            self.close(&name)?;
        }
        Ok(())
    }
}

fn drain(output: &mut Output) -> Result<(), Failure> {
    let Some(file) = &output.file else { return Ok(()) };
    let done = file.write_full(&output.buffer);
    output.buffer.clear();
    match done {
        // A command that has stopped reading ends nothing but itself.
        Err(Errno::PIPE) if output.child.is_some() => Ok(()),
        other => other.map_err(Failure::Output),
    }
}
