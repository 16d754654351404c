//! `wasi:cli`: arguments, environment, standard streams and the end.
//!
//! WASI has text where POSIX has bytes: arguments and variables that are not UTF-8
//! arrive with replacement characters. Programs that need the bytes use
//! `coracle:container/processes`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use wasmtime::component::Resource;
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

use crate::bindings::wasi::cli::{
    environment, exit, stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr, terminal_stdin,
    terminal_stdout,
};
use crate::files::blocking::{BlockingInput, BlockingOutput};
use crate::guest::{Exit, Guest};

/// Standard input is a terminal.
pub struct TerminalInput;
/// Standard output or standard error is a terminal.
pub struct TerminalOutput;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl environment::Host for Guest {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self
            .process
            .environment()
            .iter()
            .filter_map(|variable| {
                // A name may begin with `=`, as some programs rely on.
                let split = variable.iter().skip(1).position(|byte| *byte == b'=')? + 1;
                let (name, value) = variable.split_at_checked(split)?;
                Some((text(name), text(value.get(1..)?)))
            })
            .collect())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.process.arguments().iter().map(|argument| text(argument)).collect())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        self.knows_directory.store(true, Ordering::Relaxed);
        let namespace = self.process.container().namespace();
        Ok(Some(text(&namespace.path_of(&self.process.working_directory()))))
    }
}

impl exit::Host for Guest {
    fn exit(&mut self, status: Result<(), ()>) -> wasmtime::Result<()> {
        Err(wasmtime::format_err!(Exit(u8::from(status.is_err()))))
    }

    fn exit_with_code(&mut self, status: u8) -> wasmtime::Result<()> {
        Err(wasmtime::format_err!(Exit(status)))
    }
}

impl stdin::Host for Guest {
    fn get_stdin(&mut self) -> wasmtime::Result<Resource<DynInputStream>> {
        let stream: DynInputStream = Box::new(BlockingInput::standard(Arc::clone(&self.process)));
        Ok(self.table.push(stream)?)
    }
}

impl Guest {
    fn standard_output(&mut self, descriptor: u32) -> wasmtime::Result<Resource<DynOutputStream>> {
        let outgoing = match descriptor {
            1 => &self.outgoing.stdout,
            _ => &self.outgoing.stderr,
        };
        let stream: DynOutputStream =
            Box::new(BlockingOutput::standard(Arc::clone(&self.process), descriptor, Arc::clone(outgoing)));
        Ok(self.table.push(stream)?)
    }

    fn is_terminal(&self, descriptor: u32) -> bool {
        self.process.standard(descriptor).is_some_and(|file| file.terminal().is_some())
    }
}

impl stdout::Host for Guest {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.standard_output(1)
    }
}

impl stderr::Host for Guest {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.standard_output(2)
    }
}

impl terminal_input::Host for Guest {}

impl terminal_input::HostTerminalInput for Guest {
    fn drop(&mut self, terminal: Resource<TerminalInput>) -> wasmtime::Result<()> {
        self.table.delete(terminal)?;
        Ok(())
    }
}

impl terminal_output::Host for Guest {}

impl terminal_output::HostTerminalOutput for Guest {
    fn drop(&mut self, terminal: Resource<TerminalOutput>) -> wasmtime::Result<()> {
        self.table.delete(terminal)?;
        Ok(())
    }
}

impl terminal_stdin::Host for Guest {
    fn get_terminal_stdin(&mut self) -> wasmtime::Result<Option<Resource<TerminalInput>>> {
        if !self.is_terminal(0) {
            return Ok(None);
        }
        Ok(Some(self.table.push(TerminalInput)?))
    }
}

impl terminal_stdout::Host for Guest {
    fn get_terminal_stdout(&mut self) -> wasmtime::Result<Option<Resource<TerminalOutput>>> {
        if !self.is_terminal(1) {
            return Ok(None);
        }
        Ok(Some(self.table.push(TerminalOutput)?))
    }
}

impl terminal_stderr::Host for Guest {
    fn get_terminal_stderr(&mut self) -> wasmtime::Result<Option<Resource<TerminalOutput>>> {
        if !self.is_terminal(2) {
            return Ok(None);
        }
        Ok(Some(self.table.push(TerminalOutput)?))
    }
}
