//! External commands (XCU 2.9.1.4): the search in PATH, spawning with the
//! shell's descriptors, waiting while traps and captures are looked after.

use crate::files::{Capture, Handle, Stream};
use crate::jobs::State;
use crate::shell::{Run, Shell, Unwind};
use coracle_sdk::poll::{self, Source};
use coracle_sdk::process::{self, Command, ExitStatus, Group, Pid, Program, Selector};
use coracle_sdk::signal::Signal;
use coracle_sdk::{Errno, fs, terminal};
use std::rc::Rc;

/// What a child is started with besides its program.
#[derive(Debug, Clone, Default)]
pub struct SpawnOptions {
    /// Descriptors that replace the shell's.
    pub files: Vec<(u32, Option<Handle>)>,
    /// The process group to join, under job control.
    pub group: Option<Pid>,
    /// Runs beside the shell.
    pub background: bool,
    /// For a subshell: its state.
    pub handover: Vec<u8>,
}

impl Shell {
    /// Where a command is, by PATH and the table of known places.
    pub fn find_in_path(&mut self, name: &[u8]) -> Result<Vec<u8>, Errno> {
        if name.contains(&b'/') {
            return Ok(name.to_vec());
        }
        if let Some((path, hits)) = self.hashed.get_mut(name) {
            *hits += 1;
            return Ok(path.clone());
        }
        let path = self.search_path(name, self.path().as_slice())?;
        if self.options.hashall {
            self.hashed.insert(name.to_vec(), (path.clone(), 1));
        }
        Ok(path)
    }

    /// PATH, or what is used without one.
    pub fn path(&self) -> Vec<u8> {
        self.get(b"PATH").unwrap_or_else(|| b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_vec())
    }

    /// Looks a name up in the directories of `path`.
    pub fn search_path(&self, name: &[u8], path: &[u8]) -> Result<Vec<u8>, Errno> {
        if name.is_empty() {
            return Err(Errno::NOENT);
        }
        let mut answer = Errno::NOENT;
        for directory in path.split(|byte| *byte == b':') {
            let mut candidate = directory.to_vec();
            if !candidate.is_empty() && !candidate.ends_with(b"/") {
                candidate.push(b'/');
            }
            candidate.extend_from_slice(name);
            match fs::stat(&candidate) {
                Ok(attributes) if attributes.is_file() => {
                    let allowed = attributes.mode & 0o111 != 0
                        && fs::access(&candidate, fs::Permission { execute: true, ..fs::Permission::default() }, true)
                            .is_ok();
                    if allowed {
                        return Ok(candidate);
                    }
                    answer = Errno::ACCES;
                }
                _ => {}
            }
        }
        Err(answer)
    }

    /// Runs an external command and waits for it.
    pub fn run_external(&mut self, fields: Vec<Vec<u8>>) -> Run {
        let Some(name) = fields.first().cloned() else { return Ok(0) };
        let path = match self.find_in_path(&name) {
            Ok(path) => path,
            Err(errno) => return self.not_found(fields, errno),
        };
        match self.spawn_external(&path, fields, &SpawnOptions::default()) {
            Ok(pid) => self.wait_foreground(&[pid], || name.clone()),
            Err((fields, errno)) => self.not_found(fields, errno),
        }
    }

    /// Says why a command could not be run; its status.
    pub fn not_found(&mut self, fields: Vec<Vec<u8>>, errno: Errno) -> Run {
        let name = fields.first().cloned().unwrap_or_default();
        if errno == Errno::NOENT
            && self.bash()
            && !name.contains(&b'/')
            && let Some(handler) = self.functions.get(&b"command_not_found_handle"[..]).cloned()
        {
            let mut call = vec![b"command_not_found_handle".to_vec()];
            call.extend(fields);
            return self.call_function(&handler, call);
        }
        let status = self.report_not_run(&name, errno);
        self.status = status;
        Ok(status)
    }

    /// Says why a command could not be run; its status.
    pub fn report_not_run(&mut self, name: &[u8], errno: Errno) -> i32 {
        let directory = name.contains(&b'/') && fs::stat(name).is_ok_and(|attributes| attributes.is_dir());
        let slash = name.contains(&b'/');
        let text = match errno {
            Errno::NOENT | Errno::NOTDIR if !self.bash() => "not found".to_string(),
            Errno::NOENT if !slash => "command not found".to_string(),
            _ if directory && self.bash() => "Is a directory".to_string(),
            other => other.to_string(),
        };
        self.complain_about(name, &text);
        match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::LOOP => 127,
            _ => 126,
        }
    }

    /// Signals whose action a child starts with anew: those the shell itself
    /// ignores because it is interactive.
    pub fn restored_signals(&self) -> Vec<Signal> {
        if !self.interactive {
            return Vec::new();
        }
        let mut signals = vec![Signal::TERM, Signal::QUIT, Signal::INT];
        if self.options.monitor {
            signals.extend([Signal::TSTP, Signal::TTIN, Signal::TTOU]);
        }
        signals.retain(|signal| !self.traps.is_ignored(signal.number()));
        signals
    }

    /// Starts a program with the shell's descriptors and environment.
    pub fn spawn_external(
        &mut self,
        path: &[u8],
        fields: Vec<Vec<u8>>,
        options: &SpawnOptions,
    ) -> Result<Pid, (Vec<Vec<u8>>, Errno)> {
        match self.spawn(Program::Path(path.to_vec()), fields, options) {
            Err((fields, Errno::NOENT)) if !fields.first().is_some_and(|name| name.contains(&b'/')) => {
                // The place was remembered and is gone: look again, once.
                let Some(name) = fields.first().cloned() else { return Err((fields, Errno::NOENT)) };
                if self.hashed.remove(&name).is_none() {
                    return Err((fields, Errno::NOENT));
                }
                match self.find_in_path(&name) {
                    Ok(path) => self.spawn(Program::Path(path), fields, options),
                    Err(errno) => Err((fields, errno)),
                }
            }
            Err((fields, Errno::NOEXEC)) => {
                if !is_script(path) {
                    return Err((fields, Errno::NOEXEC));
                }
                // XCU 2.9.1.4: a file that is no program is a script for us.
                let mut arguments = vec![self.arg0.to_vec(), path.to_vec()];
                arguments.extend(fields.iter().skip(1).cloned());
                self.spawn(Program::Myself, arguments, options).map_err(|(_, errno)| (fields, errno))
            }
            other => other,
        }
    }

    /// Starts a child.
    pub fn spawn(
        &mut self,
        program: Program,
        arguments: Vec<Vec<u8>>,
        options: &SpawnOptions,
    ) -> Result<Pid, (Vec<Vec<u8>>, Errno)> {
        let mut handles = match self.files.handles() {
            Ok(handles) => handles,
            Err(errno) => return Err((arguments, errno)),
        };
        for (number, handle) in &options.files {
            handles.retain(|(other, _)| other != number);
            if let Some(handle) = handle {
                handles.push((*number, handle.clone()));
            }
        }
        let mut command = Command::new(program);
        command.arguments = arguments;
        command.environment = Some(self.variables.environment().to_vec());
        command.files = handles.iter().filter_map(|(number, handle)| Some((*number, handle.file()?))).collect();
        command.handover.clone_from(&options.handover);
        command.defaulted = self.restored_signals();
        let terminal = self.terminal.clone();
        if self.options.monitor {
            command.group = match options.group {
                Some(group) => Group::Join(group),
                None => Group::Lead,
            };
            if !options.background
                && let Some(terminal) = &terminal
            {
                command.foreground = Some(terminal);
            }
        } else if options.background {
            // XCU 2.11: not to be disturbed from the terminal.
            command.ignored = vec![Signal::INT, Signal::QUIT];
            command.defaulted.retain(|signal| !command.ignored.contains(signal));
        }
        let answer = command.spawn();
        let arguments = std::mem::take(&mut command.arguments);
        answer.map_err(|errno| (arguments, errno))
    }

    /// Waits for the processes of a foreground pipeline; the last one's status.
    pub fn wait_foreground(&mut self, pids: &[Pid], text: impl FnOnce() -> Vec<u8>) -> Run {
        let mut statuses = Vec::with_capacity(pids.len());
        let mut stopped = None;
        for pid in pids {
            let status = self.wait_child(*pid);
            if let ExitStatus::Stopped(signal) = status {
                stopped = Some(signal);
            }
            statuses.push(status);
        }
        self.foreground_ended(pids, &statuses, stopped, text)
    }

    /// After a foreground pipeline ended or stopped: the terminal comes back.
    pub fn foreground_ended(
        &mut self,
        pids: &[Pid],
        statuses: &[ExitStatus],
        stopped: Option<Signal>,
        text: impl FnOnce() -> Vec<u8>,
    ) -> Run {
        let last = statuses.last().copied().unwrap_or(ExitStatus::Exited(0));
        if let Some(signal) = stopped {
            let number = self.jobs.add(pids.first().copied().filter(|_| self.options.monitor), pids, text());
            if let Some(job) = self.jobs.get_mut(number) {
                for (member, status) in job.members.iter_mut().zip(statuses) {
                    member.state = match status {
                        ExitStatus::Stopped(signal) => State::Stopped(signal.number()),
                        other => State::Done(*other),
                    };
                }
                job.told = true;
                job.terminal = self.terminal.as_ref().and_then(|terminal| terminal::attributes(terminal).ok());
            }
            self.take_terminal();
            let line = self.job_line(number, false);
            self.write_error(b"\n");
            self.write_error(&line);
            return Ok(128 + i32::from(signal.number()));
        }
        self.take_terminal();
        if let ExitStatus::Signaled(signal) = last {
            self.report_signal(signal, pids.last().copied().unwrap_or(0));
        }
        Ok(i32::from(last.code()))
    }

    /// Makes the shell's group the terminal's foreground group again.
    pub fn take_terminal(&mut self) {
        if self.options.monitor
            && let Some(terminal) = &self.terminal
        {
            // Not ours any more: then there is nothing to take back.
            let _ = terminal::set_foreground(terminal, self.own_group);
        }
    }

    fn report_signal(&mut self, signal: Signal, pid: Pid) {
        if matches!(signal, Signal::INT | Signal::PIPE) {
            if signal == Signal::INT && self.interactive {
                self.write_error(b"\n");
            }
            return;
        }
        if self.interactive {
            let mut text = signal.description().into_bytes();
            text.push(b'\n');
            self.write_error(&text);
        } else if self.bash() {
            if signal != Signal::TERM {
                let text = format!("{pid} {}", signal.description());
                self.complain(text.as_bytes());
            }
        } else if self.subshell == 0 {
            let mut text = signal.description().into_bytes();
            text.push(b'\n');
            self.write_error(&text);
        }
    }

    /// Waits for one child; captures are emptied meanwhile. What other
    /// children do is noted in the table of jobs.
    pub fn wait_child(&mut self, pid: Pid) -> ExitStatus {
        loop {
            let piped = self
                .captures
                .iter()
                .any(|capture| matches!(capture.as_ref(), Stream::Capture(capture) if capture.is_piped()));
            let answer = if piped {
                match process::wait(Selector::Any, false, self.options.monitor) {
                    Ok(None) => {
                        self.wait_with_captures();
                        continue;
                    }
                    Ok(Some(change)) if change.child != pid => {
                        self.jobs.note(change.child, change.status);
                        continue;
                    }
                    other => other,
                }
            } else {
                process::wait(Selector::Process(pid), true, self.options.monitor)
            };
            match answer {
                Ok(Some(change)) => match change.status {
                    ExitStatus::Continued => {}
                    status => return status,
                },
                Ok(None) => {}
                Err(Errno::INTR) => self.collect_signals(),
                // Reaped already, through the table of jobs.
                Err(_) => {
                    return match self.jobs.ended.remove(&pid) {
                        Some(status) => ExitStatus::Exited(status as u8),
                        None => ExitStatus::Exited(127),
                    };
                }
            }
        }
    }

    /// Waits until a child changes, emptying the captures.
    fn wait_with_captures(&mut self) {
        let captures: Vec<Rc<Stream>> = self.captures.clone();
        let piped: Vec<(&Capture, Rc<coracle_sdk::File>)> = captures
            .iter()
            .filter_map(|stream| match stream.as_ref() {
                Stream::Capture(capture) => Some((capture, capture.reader()?)),
                Stream::File(_) => None,
            })
            .collect();
        let mut sources = vec![Source::Child];
        sources.extend(piped.iter().map(|(_, reader)| Source::Readable(reader)));
        if !self.traps.queued.is_empty() {
            sources.push(Source::Signal);
        }
        if poll::wait(&sources, None).is_err() || !self.traps.queued.is_empty() {
            self.collect_signals();
        }
        for (capture, _) in &piped {
            // A full buffer or an interruption shows again the next time.
            let _ = capture.drain(false);
        }
    }

    /// Waits until every writer of the innermost capture is gone.
    pub fn drain_capture(&mut self, stream: &Rc<Stream>) -> Result<(), Unwind> {
        if let Stream::Capture(capture) = stream.as_ref() {
            loop {
                match capture.drain(true) {
                    Ok(()) => break,
                    Err(Errno::INTR) => self.collect_signals(),
                    Err(errno) => {
                        self.complain(format!("cannot read from pipe: {errno}").as_bytes());
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether a file that is no program reads as text.
pub fn is_script(path: &[u8]) -> bool {
    let Ok(file) = coracle_sdk::open(path) else { return false };
    let Ok(start) = file.read_some(256) else { return false };
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    !line.contains(&0) && !start.starts_with(b"\x7fELF") && !start.starts_with(b"\0asm")
}
