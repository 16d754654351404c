//! The shell's state: what a subshell inherits and a command may change.

use crate::builtins::getopts::GetoptsState;
use crate::files::Files;
use crate::jobs::Jobs;
use crate::options::Options;
use crate::syntax::ast::Function;
use crate::traps::Traps;
use crate::variables::{Flags, Value, Variables};
use coracle_sdk::process::Pid;
use rustc_hash::FxHashMap;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// How deep functions, `eval`, `.`, substitutions and compound commands may
/// run inside each other, in units of about 800 bytes of stack: a wasm guest
/// has 1 MiB, and running out of it would end the shell without a word.
pub const CALL_LIMIT: u32 = if cfg!(target_os = "wasi") { 900 } else { 2400 };

/// What a function, a file or a subshell costs of [`CALL_LIMIT`].
pub const CALL_COST: u32 = 3;

/// Why a command did not end in the ordinary way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwind {
    /// `break n`
    Break(u32),
    /// `continue n`
    Continue(u32),
    /// `return`; the status is in [`Shell::status`].
    Return,
    /// `exit`; the status is in [`Shell::status`].
    Exit,
    /// An error that ends a script, or the line at a prompt.
    Error,
    /// Interrupted at a prompt.
    Interrupt,
    /// A pipe without readers ended this stage of a pipeline.
    Pipe,
}

/// The result of running something: its status, or why it did not end.
pub type Run = Result<i32, Unwind>;

/// A function as it is stored: parsed, or still as a parent handed it over.
#[derive(Debug)]
pub struct StoredFunction {
    /// The encoded tree.
    pub encoded: OnceCell<Rc<[u8]>>,
    /// The tree.
    pub tree: OnceCell<Rc<Function>>,
    /// `declare -fx`
    pub exported: std::cell::Cell<bool>,
}

impl StoredFunction {
    /// A function the parser made.
    pub fn new(function: Rc<Function>) -> Self {
        let stored = Self { encoded: OnceCell::new(), tree: OnceCell::new(), exported: std::cell::Cell::new(false) };
        let _ = stored.tree.set(function);
        stored
    }
    /// A function in the form [`StoredFunction::encode`] gives.
    pub fn from_encoded(bytes: Vec<u8>) -> Self {
        let stored = Self { encoded: OnceCell::new(), tree: OnceCell::new(), exported: std::cell::Cell::new(false) };
        let _ = stored.encoded.set(bytes.into());
        stored
    }
    /// The tree; `None` when what was handed over is no function.
    pub fn tree(&self) -> Option<Rc<Function>> {
        if let Some(tree) = self.tree.get() {
            return Some(tree.clone());
        }
        let tree: Rc<Function> = Rc::new(postcard::from_bytes(self.encoded.get()?).ok()?);
        Some(self.tree.get_or_init(|| tree).clone())
    }
    /// The bytes for another process.
    pub fn encode(&self) -> Rc<[u8]> {
        self.encoded
            .get_or_init(|| {
                self.tree.get().and_then(|tree| postcard::to_allocvec(tree.as_ref()).ok()).unwrap_or_default().into()
            })
            .clone()
    }
}

/// A running function, sourced file or the main program.
#[derive(Debug, Clone)]
pub struct Frame {
    /// FUNCNAME: the function, `source` or `main`.
    pub function: Rc<[u8]>,
    /// BASH_SOURCE: the file the code stands in.
    pub source: Rc<[u8]>,
    /// BASH_LINENO: the line of the call.
    pub call_line: u32,
    /// A function rather than a file.
    pub is_function: bool,
}

/// IFS, ready for splitting.
#[derive(Debug, Clone)]
pub struct Separators {
    /// 0: no separator, 1: white space, 2: other.
    pub class: [u8; 256],
    /// What joins `"$*"`: `None` when IFS is null.
    pub joiner: Option<Vec<u8>>,
}

impl Separators {
    /// From the value of IFS; unset is space, tab, newline.
    pub fn new(ifs: Option<&[u8]>, utf8: bool) -> Self {
        let text = ifs.unwrap_or(b" \t\n");
        let mut class = [0; 256];
        for byte in text {
            if let Some(slot) = class.get_mut(usize::from(*byte)) {
                *slot = if matches!(byte, b' ' | b'\t' | b'\n') { 1 } else { 2 };
            }
        }
        let length = crate::pattern::character_length(text, 0, utf8);
        Self { class, joiner: text.get(..length).filter(|first| !first.is_empty()).map(<[u8]>::to_vec) }
    }
    /// The class of a byte.
    pub fn of(&self, byte: u8) -> u8 {
        self.class.get(usize::from(byte)).copied().unwrap_or(0)
    }
}

/// The shell.
pub struct Shell {
    /// Variables.
    pub variables: Variables,
    /// Functions.
    pub functions: Rc<FxHashMap<Vec<u8>, Rc<StoredFunction>>>,
    /// Aliases.
    pub aliases: Rc<HashMap<Vec<u8>, Vec<u8>>>,
    /// `set -o` and `shopt`.
    pub options: Options,
    /// `$1` and on.
    pub positional: Rc<Vec<Vec<u8>>>,
    /// `$0`
    pub arg0: Rc<[u8]>,
    /// Open files by descriptor.
    pub files: Files,
    /// `$?`
    pub status: i32,
    /// `$!`
    pub last_background: Option<Pid>,
    /// `$$`
    pub pid: Pid,
    /// Children.
    pub jobs: Jobs,
    /// Traps.
    pub traps: Traps,
    /// What the shell believes to be its working directory (XCU cd, PWD).
    pub directory: Vec<u8>,
    /// Where external commands were found.
    pub hashed: FxHashMap<Vec<u8>, (Vec<u8>, u32)>,
    /// IFS.
    pub separators: Rc<Separators>,
    /// Characters are UTF-8.
    pub utf8: bool,
    /// `$LINENO`
    pub line: u32,
    /// Added to LINENO while a trap or eval runs.
    pub frames: Vec<Frame>,
    /// Loops around the command.
    pub loops: u32,
    /// Functions, files, substitutions around the command.
    pub calls: u32,
    /// Greater than 0 where `set -e` does not apply.
    pub errexit_ignored: u32,
    /// How many subshells deep, BASH_SUBSHELL.
    pub subshell: u32,
    /// In-place subshells around the command.
    pub in_place: u32,
    /// Status of the last command substitution of a simple command.
    pub substitution_status: Option<i32>,
    /// State of getopts.
    pub getopts: GetoptsState,
    /// pushd's stack without the working directory.
    pub directory_stack: Vec<Vec<u8>>,
    /// When the shell started, for SECONDS.
    pub started: Duration,
    /// What SECONDS was set to.
    pub seconds_offset: i64,
    /// Running as an interactive shell.
    pub interactive: bool,
    /// PIPESTATUS
    pub pipe_status: Vec<i32>,
    /// `-c`'s command text is being read, for bash's messages.
    pub command_string: bool,
    /// Set by `enable -n`.
    pub disabled_builtins: Rc<Vec<Vec<u8>>>,
    /// Processes started for `<( )` by the running command.
    pub process_substitutions: Vec<Pid>,
    /// Files of `<( )` to close after the running command.
    pub substitution_files: Vec<u32>,
    /// Words of `complete`.
    pub completions: Rc<std::collections::BTreeMap<Vec<u8>, Vec<u8>>>,
    /// Lines typed, for `history` and `fc`.
    pub history: crate::edit::history::History,
    /// `$_`
    pub last_argument: Vec<u8>,
    /// BASH_COMMAND for traps.
    pub current_command: Option<Rc<crate::syntax::ast::Simple>>,
    /// A trap is running, so DEBUG and ERR do not run in themselves.
    pub in_trap: u32,
    /// Status of a signal that ended `wait`.
    pub umask_known: Option<u32>,
    /// A job was stopped when `exit` was last refused.
    pub exit_warned: bool,
    /// Coprocess bookkeeping: name and pid.
    pub coprocesses: Vec<(Vec<u8>, Pid)>,
    /// Run by the kernel as the first process of a job-control session.
    pub terminal: Option<Rc<coracle_sdk::File>>,
    /// The shell's own process group.
    pub own_group: Pid,
    /// Outputs being captured, the innermost last.
    pub captures: Vec<Rc<crate::files::Stream>>,
    /// `exec` without a command has run: its redirections stay.
    pub keep_redirections: bool,
    /// `command` runs a special builtin: its errors end nothing.
    pub not_special: bool,
    /// `readonly -f`
    pub read_only_functions: std::collections::BTreeSet<Vec<u8>>,
    /// Depths of functions that ran `local -`.
    pub local_options: Vec<usize>,
    /// Array operands of the declaration utility about to run.
    pub array_operands: Vec<crate::interp::ArrayOperand>,
}

impl Shell {
    /// The name in front of messages.
    pub fn program_name(&self) -> Vec<u8> {
        self.arg0.to_vec()
    }

    /// bash's reading where it differs from POSIX.
    pub fn bash(&self) -> bool {
        self.options.bash
    }

    /// A variable's string value, dynamic ones computed.
    pub fn get(&self, name: &[u8]) -> Option<Vec<u8>> {
        let Some(variable) = self.variables.get(name) else { return self.dynamic(name) };
        if variable.flags.has(Flags::NAMEREF)
            && let Some(target) = variable.value.scalar()
            && target != name
            && !target.is_empty()
        {
            let target = target.clone();
            return self.get_reference(&target, 0);
        }
        variable.value.scalar().cloned()
    }

    fn get_reference(&self, target: &[u8], depth: u32) -> Option<Vec<u8>> {
        if depth > 8 {
            return None;
        }
        if let Some(open) = target.iter().position(|byte| *byte == b'[') {
            let (name, rest) = target.split_at(open);
            let index = rest.get(1..rest.len().saturating_sub(1)).unwrap_or_default();
            return match &self.variables.get(name)?.value {
                Value::Associative(elements) => elements.get(index).cloned(),
                Value::Indexed(elements) => elements.get(&std::str::from_utf8(index).ok()?.parse().ok()?).cloned(),
                _ => None,
            };
        }
        let variable = self.variables.get(target)?;
        if variable.flags.has(Flags::NAMEREF) {
            let next = variable.value.scalar()?.clone();
            return self.get_reference(&next, depth + 1);
        }
        self.get(target)
    }

    /// The name a nameref chain ends in.
    pub fn resolve_name(&self, name: &[u8]) -> Vec<u8> {
        let mut name = name.to_vec();
        for _ in 0..8 {
            match self.variables.get(&name) {
                Some(variable) if variable.flags.has(Flags::NAMEREF) => match variable.value.scalar() {
                    Some(target) if !target.is_empty() && *target != name => name = target.clone(),
                    _ => break,
                },
                _ => break,
            }
        }
        name
    }

    /// What the shell splits fields with, after changes to IFS and locale.
    pub fn refresh(&mut self) {
        let stale = std::mem::take(&mut self.variables.stale);
        if stale.locale {
            let locale = [&b"LC_ALL"[..], b"LC_CTYPE", b"LANG"]
                .iter()
                .find_map(|name| self.variables.scalar(name).filter(|value| !value.is_empty()).cloned())
                .unwrap_or_default();
            let upper = locale.to_ascii_uppercase();
            self.utf8 =
                upper.windows(5).any(|window| window == b"UTF-8") || upper.windows(4).any(|window| window == b"UTF8");
        }
        if stale.ifs || stale.locale {
            self.separators = Rc::new(Separators::new(self.variables.scalar(b"IFS").map(Vec::as_slice), self.utf8));
        }
        if stale.path {
            self.hashed.clear();
        }
        if stale.options {
            self.getopts.reset();
        }
    }

    /// Whether something `refresh` looks after has changed.
    pub fn is_stale(&self) -> bool {
        let stale = self.variables.stale;
        stale.ifs || stale.path || stale.locale || stale.options
    }

    /// How patterns match now.
    pub fn pattern_options(&self) -> crate::pattern::Options {
        crate::pattern::Options { utf8: self.utf8, extended: self.options.extglob, fold_case: self.options.nocasematch }
    }

    /// What the parser must know.
    pub fn parser_settings(&self) -> crate::syntax::Settings {
        crate::syntax::Settings {
            bash: self.options.bash,
            extglob: self.options.extglob,
            expand_aliases: self.options.expand_aliases,
            braces: self.options.braceexpand,
            aliases: self.aliases.clone(),
            source_name: self.frames.last().map_or_else(|| Rc::from(&b""[..]), |frame| frame.source.clone()),
        }
    }
}
