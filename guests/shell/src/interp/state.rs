//! The state a spawned subshell gets: encoded by the parent into the spawn
//! request's handover, decoded by the child before it runs its part.
//!
//! Functions travel as bytes and are decoded when they are first called, so a
//! script with hundreds of functions starts its subshells as fast as any other.

use crate::options::Options;
use crate::shell::{Frame, Run, Shell, StoredFunction};
use crate::syntax::ast::{AndOr, Command, List};
use crate::traps::Action;
use crate::variables::Variable;
use coracle_sdk::process::Pid;
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// What the subshell runs.
#[derive(Debug, Serialize)]
pub enum Body<'a> {
    /// A list.
    List(&'a List),
    /// An and-or list.
    AndOr(&'a AndOr),
    /// A stage of a pipeline.
    Command(&'a Command),
}

/// [`Body`] as it arrives.
#[derive(Debug, Deserialize)]
pub enum ReceivedBody {
    /// A list.
    List(List),
    /// An and-or list.
    AndOr(AndOr),
    /// A stage of a pipeline.
    Command(Command),
}

type Bytes = Vec<u8>;

#[derive(Serialize, Deserialize)]
struct State {
    variables: Vec<(Bytes, Variable)>,
    functions: Vec<(Bytes, Bytes, bool)>,
    aliases: Vec<(Bytes, Bytes)>,
    options: Options,
    positional: Vec<Bytes>,
    arg0: Bytes,
    status: i32,
    last_background: Option<Pid>,
    pid: Pid,
    directory: Bytes,
    directory_stack: Vec<Bytes>,
    line: u32,
    loops: u32,
    calls: u32,
    subshell: u32,
    errexit_ignored: u32,
    frames: Vec<(Bytes, Bytes, u32, bool)>,
    actions: Vec<(u8, Option<Bytes>)>,
    shown: Vec<(u8, Option<Bytes>)>,
    ignored_at_start: Vec<u8>,
    disabled: Vec<Bytes>,
    seconds_offset: i64,
    elapsed: u64,
    pipe_status: Vec<i32>,
    last_argument: Bytes,
    getopts: crate::builtins::getopts::GetoptsState,
    command_string: bool,
}

fn pack(actions: &std::collections::BTreeMap<u8, Action>) -> Vec<(u8, Option<Bytes>)> {
    actions
        .iter()
        .map(|(number, action)| {
            (
                *number,
                match action {
                    Action::Ignore => None,
                    Action::Run(text) => Some(text.to_vec()),
                },
            )
        })
        .collect()
}

fn unpack(actions: Vec<(u8, Option<Bytes>)>) -> std::collections::BTreeMap<u8, Action> {
    actions
        .into_iter()
        .map(|(number, action)| {
            (
                number,
                match action {
                    None => Action::Ignore,
                    Some(text) => Action::Run(text.into()),
                },
            )
        })
        .collect()
}

impl Shell {
    /// The bytes for a subshell that runs `body`.
    pub(super) fn encode_state(&self, body: &Body<'_>) -> Result<Vec<u8>, ()> {
        let state = State {
            variables: self.variables.iter().map(|(name, variable)| (name.to_vec(), variable.clone())).collect(),
            functions: self
                .functions
                .iter()
                .map(|(name, function)| (name.clone(), function.encode().to_vec(), function.exported.get()))
                .collect(),
            aliases: self.aliases.iter().map(|(name, text)| (name.clone(), text.clone())).collect(),
            options: self.options,
            positional: self.positional.to_vec(),
            arg0: self.arg0.to_vec(),
            status: self.status,
            last_background: self.last_background,
            pid: self.pid,
            directory: self.directory.clone(),
            directory_stack: self.directory_stack.clone(),
            line: self.line,
            loops: self.loops,
            calls: self.calls,
            subshell: self.subshell,
            errexit_ignored: self.errexit_ignored,
            frames: self
                .frames
                .iter()
                .map(|frame| (frame.function.to_vec(), frame.source.to_vec(), frame.call_line, frame.is_function))
                .collect(),
            actions: pack(&self.traps.actions),
            shown: pack(self.traps.shown.as_ref().unwrap_or(&self.traps.actions)),
            ignored_at_start: self.traps.ignored_at_start.clone(),
            disabled: self.disabled_builtins.to_vec(),
            seconds_offset: self.seconds_offset,
            elapsed: coracle_sdk::time::monotonic().saturating_sub(self.started).as_secs(),
            pipe_status: self.pipe_status.clone(),
            last_argument: self.last_argument.clone(),
            getopts: self.getopts.clone(),
            command_string: self.command_string,
        };
        let bytes = postcard::to_allocvec(&state).map_err(|_| ())?;
        postcard::to_extend(body, bytes).map_err(|_| ())
    }

    /// Takes over what a parent encoded and runs its part.
    pub fn run_handed_over(&mut self, bytes: &[u8]) -> Run {
        let Ok((state, rest)) = postcard::take_from_bytes::<State>(bytes) else {
            self.complain(b"the parent's state cannot be read");
            return Ok(2);
        };
        let Ok(body) = postcard::from_bytes::<ReceivedBody>(rest) else {
            self.complain(b"the parent's commands cannot be read");
            return Ok(2);
        };
        self.adopt(state);
        match body {
            ReceivedBody::List(list) => self.run_list(&list),
            ReceivedBody::AndOr(and_or) => self.run_and_or(&and_or),
            ReceivedBody::Command(command) => self.run_stage(&command),
        }
    }

    /// Runs a pipeline's stage as the whole of this process.
    fn run_stage(&mut self, command: &Command) -> Run {
        // A group's or loop's commands are judged by `set -e` themselves; a
        // simple command is the stage.
        self.run_command(command)
    }

    fn adopt(&mut self, state: State) {
        self.variables = crate::variables::Variables::default();
        for (name, variable) in state.variables {
            *self.variables.slot(&name) = variable;
        }
        self.variables.environment_changed();
        self.functions = Rc::new(
            state
                .functions
                .into_iter()
                .map(|(name, bytes, exported)| {
                    let function = StoredFunction::from_encoded(bytes);
                    function.exported.set(exported);
                    (name, Rc::new(function))
                })
                .collect(),
        );
        self.aliases = Rc::new(state.aliases.into_iter().collect());
        self.options = state.options;
        self.options.monitor = false;
        self.interactive = false;
        self.positional = Rc::new(state.positional);
        self.arg0 = state.arg0.into();
        self.status = state.status;
        self.last_background = state.last_background;
        self.pid = state.pid;
        self.directory = state.directory;
        self.directory_stack = state.directory_stack;
        self.line = state.line;
        self.loops = state.loops;
        self.calls = state.calls;
        self.subshell = state.subshell + 1;
        self.errexit_ignored = state.errexit_ignored;
        self.frames = state
            .frames
            .into_iter()
            .map(|(function, source, call_line, is_function)| Frame {
                function: function.into(),
                source: source.into(),
                call_line,
                is_function,
            })
            .collect();
        self.traps.actions = unpack(state.actions);
        self.traps.shown = Some(unpack(state.shown));
        self.traps.ignored_at_start = state.ignored_at_start;
        self.reset_traps_for_subshell(false);
        self.disabled_builtins = Rc::new(state.disabled);
        self.seconds_offset = state.seconds_offset + state.elapsed as i64;
        self.pipe_status = state.pipe_status;
        self.last_argument = state.last_argument;
        self.getopts = state.getopts;
        self.command_string = state.command_string;
        self.variables.stale.locale = true;
        self.variables.stale.ifs = true;
        self.refresh();
    }
}
