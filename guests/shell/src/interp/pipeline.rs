//! Pipelines (XCU 2.9.2), asynchronous lists (2.9.3.1) and `time`.
//!
//! Every stage runs at the same time. A stage that is an external command is
//! spawned as it is; one other stage may run in this process while the rest
//! runs beside it; any further one is a shell of its own.

use super::external::SpawnOptions;
use super::simple::Found;
use super::state::Body;
use crate::files::{Handle, Stream};
use crate::jobs::State;
use crate::shell::{Run, Shell, Unwind};
use crate::syntax::ast::{
    AndOr, AssignmentValue, Command, Operation, ParameterName, Part, Pipeline, RedirectionAction, Simple, Timing, Word,
};
use coracle_sdk::process::{self, ExitStatus, Pid};
use coracle_sdk::signal::{Disposition, Signal};
use coracle_sdk::time;
use std::rc::Rc;

/// How a stage is run.
enum Stage {
    /// An external command: its path and words.
    External(Vec<u8>, Vec<Vec<u8>>),
    /// The shell's own work.
    Shell,
}

impl Shell {
    /// Runs a pipeline of several stages.
    pub(super) fn run_concurrent(&mut self, pipeline: &Pipeline) -> Run {
        let count = pipeline.stages.len();
        let mut stages = Vec::with_capacity(count);
        for command in &pipeline.stages {
            stages.push(self.classify(command)?);
        }
        // Under job control every stage must be a process that can be stopped.
        let in_place =
            if self.options.monitor { None } else { stages.iter().rposition(|stage| matches!(stage, Stage::Shell)) };
        let last_pipe = self.options.lastpipe && in_place == Some(count - 1);
        let mut reserved: Option<(Option<Handle>, Option<Handle>)> = None;
        let mut pids: Vec<Option<Pid>> = vec![None; count];
        let mut failed: Vec<i32> = vec![0; count];
        let mut group = None;
        let mut input: Option<Handle> = None;
        for (index, (stage, command)) in stages.into_iter().zip(&pipeline.stages).enumerate() {
            let mut next_input = None;
            let mut output = None;
            if index + 1 < count {
                match coracle_sdk::pipe() {
                    Ok((reader, writer)) => {
                        next_input = Some(Handle::File(Rc::new(reader)));
                        output = Some(Handle::File(Rc::new(writer)));
                    }
                    Err(errno) => {
                        self.complain(format!("cannot make pipe: {errno}").as_bytes());
                        self.status = 2;
                        return Err(Unwind::Error);
                    }
                }
            }
            if in_place == Some(index) {
                reserved = Some((input.take(), output));
                input = next_input;
                continue;
            }
            let mut options = SpawnOptions { group, ..SpawnOptions::default() };
            if let Some(input) = input.take() {
                options.files.push((0, Some(input)));
            }
            if let Some(output) = output {
                options.files.push((1, Some(output)));
            }
            let spawned = match stage {
                Stage::External(path, fields) => self.spawn_stage(command, &path, fields, options),
                Stage::Shell => self.spawn_subshell(Body::Command(command), options),
            };
            match spawned {
                Ok(pid) => {
                    pids[index] = Some(pid);
                    if self.options.monitor && group.is_none() {
                        group = Some(pid);
                    }
                }
                Err(status) => failed[index] = status,
            }
            input = next_input;
        }
        drop(input);
        let mut own_status = None;
        if let (Some(index), Some((input, output))) = (in_place, reserved) {
            own_status = Some((index, self.run_stage_here(&pipeline.stages[index], input, output, last_pipe)?));
        }
        let spawned: Vec<Pid> = pids.iter().flatten().copied().collect();
        let mut statuses: Vec<ExitStatus> = Vec::with_capacity(count);
        let mut stopped = None;
        for (index, pid) in pids.iter().enumerate() {
            let status = match (pid, own_status) {
                (Some(pid), _) => self.wait_child(*pid),
                (None, Some((own, status))) if own == index => ExitStatus::Exited(status as u8),
                (None, _) => ExitStatus::Exited(failed[index] as u8),
            };
            if let ExitStatus::Stopped(signal) = status {
                stopped = Some(signal);
            }
            statuses.push(status);
        }
        let codes: Vec<i32> = statuses.iter().map(|status| i32::from(status.code())).collect();
        let last_is_child = pids.last().copied().flatten().is_some();
        let mut status = if stopped.is_some() {
            let child_statuses: Vec<ExitStatus> =
                pids.iter().zip(&statuses).filter(|(pid, _)| pid.is_some()).map(|(_, status)| *status).collect();
            self.foreground_ended(&spawned, &child_statuses, stopped, || crate::syntax::print::pipeline(pipeline))?
        } else if last_is_child {
            self.foreground_ended(
                &spawned,
                statuses.last().map(std::slice::from_ref).unwrap_or_default(),
                None,
                Vec::new,
            )?
        } else {
            self.take_terminal();
            codes.last().copied().unwrap_or(0)
        };
        if self.options.pipefail && stopped.is_none() {
            status = codes.iter().rev().copied().find(|code| *code != 0).unwrap_or(0);
        }
        self.pipe_status = codes;
        Ok(status)
    }

    /// Runs one stage in this process with its ends of the pipes.
    fn run_stage_here(
        &mut self,
        command: &Command,
        input: Option<Handle>,
        output: Option<Handle>,
        last_pipe: bool,
    ) -> Run {
        let stream = |handle: Handle| match handle {
            Handle::Stream(stream) => Some(stream),
            Handle::File(file) => Rc::try_unwrap(file).ok().map(|file| Rc::new(Stream::File(file))),
        };
        let writes = output.is_some();
        let mut changes = Vec::new();
        if let Some(input) = input.and_then(stream) {
            changes.push((0, self.files.set(0, Some(input))));
        }
        if let Some(output) = output.and_then(stream) {
            changes.push((1, self.files.set(1, Some(output))));
        }
        let answer = if last_pipe {
            self.run_command(command)
        } else {
            // Writing to a pipe that nobody reads ends the stage, not the shell.
            let pipe = Signal::PIPE;
            let guarded =
                writes && !self.traps.is_ignored(pipe.number()) && !self.traps.queued.contains(&pipe.number());
            if guarded {
                self.set_disposition(pipe, Disposition::Queue);
            }
            let status = self.in_place_subshell(|shell| shell.run_command(command));
            if guarded {
                self.collect_signals();
                self.traps.pending.retain(|number| *number != pipe.number());
                self.set_disposition(pipe, Disposition::Default);
            }
            status
        };
        for (number, before) in changes.into_iter().rev() {
            self.files.set(number, before);
        }
        answer
    }

    /// Spawns an external stage with its own redirections and assignments.
    fn spawn_stage(
        &mut self,
        command: &Command,
        path: &[u8],
        fields: Vec<Vec<u8>>,
        options: SpawnOptions,
    ) -> Result<Pid, i32> {
        let Command::Simple(simple) = command else { return Err(126) };
        if self.options.xtrace {
            let words: Vec<Vec<u8>> = fields.iter().map(|field| crate::escapes::quote_if_needed(field)).collect();
            self.trace_line(&words.join(&b' '));
        }
        if simple.redirections.is_empty() && simple.assignments.is_empty() {
            return self
                .spawn_external(path, fields, &options)
                .map_err(|(fields, errno)| self.report_not_run(&fields.first().cloned().unwrap_or_default(), errno));
        }
        // The stage's pipe ends come before its redirections.
        let mut before = Vec::new();
        for (number, handle) in &options.files {
            let stream = match handle {
                Some(Handle::File(file)) => file.share().ok().map(|file| Rc::new(Stream::File(file))),
                Some(Handle::Stream(stream)) => Some(stream.clone()),
                None => None,
            };
            before.push((*number, self.files.set(*number, stream)));
        }
        let options = SpawnOptions { files: Vec::new(), ..options };
        let answer = match self.redirect(&simple.redirections) {
            Ok(undo) => {
                self.variables.push_scope(false);
                let mut bad = false;
                for assignment in &simple.assignments {
                    self.variables.make_local(&assignment.name);
                    bad |= self.assign(assignment).is_err();
                    self.variables.slot(&assignment.name).flags.set(crate::variables::Flags::EXPORT, true);
                    self.variables.environment_changed();
                }
                let spawned = if bad {
                    Err(1)
                } else {
                    self.spawn_external(path, fields, &options).map_err(|(fields, errno)| {
                        self.report_not_run(&fields.first().cloned().unwrap_or_default(), errno)
                    })
                };
                self.variables.pop_scope();
                if self.is_stale() {
                    self.refresh();
                }
                self.undo(undo);
                spawned
            }
            Err(_) => Err(self.status),
        };
        for (number, stream) in before.into_iter().rev() {
            self.files.set(number, stream);
        }
        answer
    }

    /// Whether a stage is an external command that can be expanded here
    /// without anybody noticing.
    fn classify(&mut self, command: &Command) -> Result<Stage, Unwind> {
        let Command::Simple(simple) = command else { return Ok(Stage::Shell) };
        if !self.is_expandable_here(simple) {
            return Ok(Stage::Shell);
        }
        self.line = simple.line;
        let mut fields = Vec::with_capacity(simple.words.len());
        self.expand_words(&simple.words, &mut fields)?;
        let Some(name) = fields.first() else { return Ok(Stage::Shell) };
        if !matches!(self.find(name), Found::External) {
            return Ok(Stage::Shell);
        }
        let name = name.clone();
        Ok(match self.find_in_path(&name) {
            Ok(path) => Stage::External(path, fields),
            Err(_) => Stage::Shell,
        })
    }

    fn is_expandable_here(&self, simple: &Simple) -> bool {
        !simple.words.is_empty()
            && !self.traps.actions.contains_key(&crate::traps::DEBUG)
            && simple.words.iter().all(|word| self.is_pure(word))
            && simple.assignments.iter().all(|assignment| {
                assignment.index.is_none()
                    && !matches!(assignment.name.as_slice(), b"PATH")
                    && match &assignment.value {
                        AssignmentValue::Scalar(word) => self.is_pure(word),
                        AssignmentValue::Array(_) => false,
                    }
                    && !self.variables.get(&assignment.name).is_some_and(|variable| variable.flags.has(crate::variables::Flags::READONLY))
            })
            && simple.redirections.iter().all(|redirection| match &redirection.action {
                RedirectionAction::Here(document) => document.body().is_some_and(|body| self.is_pure(&body.word)),
                RedirectionAction::Read(word)
                | RedirectionAction::Write(word)
                | RedirectionAction::Clobber(word)
                | RedirectionAction::Append(word)
                | RedirectionAction::ReadWrite(word)
                | RedirectionAction::DuplicateInput(word)
                | RedirectionAction::DuplicateOutput(word)
                | RedirectionAction::WriteBoth(word)
                | RedirectionAction::AppendBoth(word)
                | RedirectionAction::HereString(word) => self.is_pure(word),
            } && !matches!(redirection.descriptor, crate::syntax::ast::Descriptor::Variable(_)))
    }

    /// Whether expanding a word changes nothing, reads nothing and cannot fail.
    fn is_pure(&self, word: &Word) -> bool {
        word.parts.iter().all(|part| self.is_pure_part(part))
    }

    fn is_pure_part(&self, part: &Part) -> bool {
        match part {
            Part::Text(_) | Part::Quoted(_) | Part::Tilde(_) => true,
            Part::Double(parts) => parts.iter().all(|part| self.is_pure_part(part)),
            Part::Parameter(parameter) => {
                !parameter.indirect
                    && parameter.index.is_none()
                    && !matches!(&parameter.name, ParameterName::Variable(name) if matches!(name.as_slice(), b"RANDOM" | b"BASHPID" | b"BASH_SUBSHELL"))
                    && (!self.options.nounset
                        || match &parameter.name {
                            ParameterName::Variable(name) => self.variables.scalar(name).is_some(),
                            ParameterName::Positional(number) => *number as usize <= self.positional.len(),
                            ParameterName::Special(_) => true,
                        })
                    && match &parameter.operation {
                        Operation::Value | Operation::Length => true,
                        Operation::Default { word, .. } | Operation::Alternative { word, .. } => self.is_pure(word),
                        Operation::RemovePrefix { pattern, .. } | Operation::RemoveSuffix { pattern, .. } => {
                            self.is_pure(pattern)
                        }
                        Operation::Replace { pattern, replacement, .. } => {
                            self.is_pure(pattern) && self.is_pure(replacement)
                        }
                        _ => false,
                    }
            }
            _ => false,
        }
    }

    /// Starts an and-or list that the shell does not wait for.
    pub(super) fn run_background(&mut self, and_or: &AndOr) -> Run {
        self.jobs.reap();
        let mut options = SpawnOptions { background: true, ..SpawnOptions::default() };
        if !self.options.monitor {
            // XCU 2.9.3.1: standard input is as if from /dev/null.
            let null = coracle_sdk::open(b"/dev/null").ok().map(|file| Handle::File(Rc::new(file)));
            options.files.push((0, null));
        }
        let simple =
            match (and_or.rest.is_empty(), and_or.first.stages.as_slice(), and_or.first.negated, and_or.first.timing) {
                (true, [command @ Command::Simple(_)], false, None) => Some(command),
                _ => None,
            };
        let spawned = match simple {
            Some(command) => match self.classify(command)? {
                Stage::External(path, fields) => self.spawn_stage(command, &path, fields, options),
                Stage::Shell => self.spawn_subshell(Body::Command(command), options),
            },
            None => self.spawn_subshell(Body::AndOr(and_or), options),
        };
        match spawned {
            Ok(pid) => {
                let number = self.jobs.add(
                    Some(pid).filter(|_| self.options.monitor),
                    &[pid],
                    crate::syntax::print::and_or(and_or),
                );
                self.last_background = Some(pid);
                if self.interactive {
                    let text = format!("[{number}] {pid}\n");
                    self.write_error(text.as_bytes());
                }
                self.status = 0;
                Ok(0)
            }
            Err(status) => {
                self.status = status;
                // The child would have had this status.
                Ok(0)
            }
        }
    }

    /// `time pipeline`
    pub(super) fn run_timed(&mut self, pipeline: &Pipeline) -> Run {
        let start = time::monotonic();
        let (own_before, children_before) = process::usage();
        let plain = Pipeline { timing: None, ..pipeline.clone() };
        let answer = if plain.stages.is_empty() { Ok(i32::from(plain.negated)) } else { self.run_pipeline(&plain) };
        let (own, children) = process::usage();
        let real = time::monotonic().saturating_sub(start).as_secs_f64();
        let user = (own.user + children.user).saturating_sub(own_before.user + children_before.user).as_secs_f64();
        let system =
            (own.system + children.system).saturating_sub(own_before.system + children_before.system).as_secs_f64();
        let format = match pipeline.timing {
            Some(Timing::Posix) => b"real %2R\nuser %2U\nsys %2S".to_vec(),
            _ => self.get(b"TIMEFORMAT").unwrap_or_else(|| b"\nreal\t%3lR\nuser\t%3lU\nsys\t%3lS".to_vec()),
        };
        if !format.is_empty() {
            let mut text = format_times(&format, real, user, system);
            text.push(b'\n');
            self.write_error(&text);
        }
        answer
    }

    /// Starts `coproc`.
    pub(super) fn run_coprocess(&mut self, name: &[u8], command: &Command) -> Run {
        let pipes = coracle_sdk::pipe().and_then(|to| coracle_sdk::pipe().map(|from| (to, from)));
        let ((child_in, to_child), (from_child, child_out)) = match pipes {
            Ok(pipes) => pipes,
            Err(errno) => {
                self.complain(format!("cannot make pipe: {errno}").as_bytes());
                return Ok(1);
            }
        };
        let mut options = SpawnOptions { background: true, ..SpawnOptions::default() };
        options.files.push((0, Some(Handle::File(Rc::new(child_in)))));
        options.files.push((1, Some(Handle::File(Rc::new(child_out)))));
        let pid = match self.spawn_subshell(Body::Command(command), options) {
            Ok(pid) => pid,
            Err(status) => return Ok(status),
        };
        let read_at = self.files.free(60);
        self.files.set(read_at, Some(Rc::new(Stream::File(from_child))));
        let write_at = self.files.free(60);
        self.files.set(write_at, Some(Rc::new(Stream::File(to_child))));
        self.assign_element(name, crate::expand::Key::Number(0), read_at.to_string().into_bytes(), false)?;
        self.assign_element(name, crate::expand::Key::Number(1), write_at.to_string().into_bytes(), false)?;
        let mut pid_name = name.to_vec();
        pid_name.extend_from_slice(b"_PID");
        self.variables.set(&pid_name, pid.to_string());
        self.jobs.add(None, &[pid], b"coproc".to_vec());
        self.last_background = Some(pid);
        self.coprocesses.push((name.to_vec(), pid));
        self.status = 0;
        Ok(0)
    }

    /// A job's state in words.
    pub fn state_text(state: State) -> String {
        match state {
            State::Running => "Running".to_string(),
            State::Stopped(signal) => match Signal::from_number(signal) {
                Some(Signal::TSTP) | None => "Stopped".to_string(),
                Some(other) => format!("Stopped ({})", other.name()),
            },
            State::Done(ExitStatus::Exited(0)) => "Done".to_string(),
            State::Done(ExitStatus::Exited(code)) => format!("Exit {code}"),
            State::Done(ExitStatus::Signaled(signal)) => signal.description(),
            State::Done(_) => "Done".to_string(),
        }
    }
}

/// TIMEFORMAT (bash): `%[p][l]R`, `U`, `S`, `%P`, `%%`.
fn format_times(format: &[u8], real: f64, user: f64, system: f64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = format.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut precision = 3_usize;
        let mut long = false;
        if let Some(digit @ b'0'..=b'9') = bytes.peek().copied() {
            precision = usize::from(digit - b'0').min(6);
            bytes.next();
        }
        if bytes.peek() == Some(&b'l') {
            long = true;
            bytes.next();
        }
        let seconds = match bytes.next() {
            Some(b'R') => real,
            Some(b'U') => user,
            Some(b'S') => system,
            Some(b'P') => {
                let percent = if real > 0.0 { (user + system) / real * 100.0 } else { 0.0 };
                out.extend_from_slice(format!("{percent:.2}").as_bytes());
                continue;
            }
            Some(b'%') => {
                out.push(b'%');
                continue;
            }
            Some(other) => {
                out.extend_from_slice(&[b'%', other]);
                continue;
            }
            None => break,
        };
        if long {
            let minutes = (seconds / 60.0).floor();
            out.extend_from_slice(format!("{minutes}m{:.precision$}s", seconds - minutes * 60.0).as_bytes());
        } else {
            out.extend_from_slice(format!("{seconds:.precision$}").as_bytes());
        }
    }
    out
}
