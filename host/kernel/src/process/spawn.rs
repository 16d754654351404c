//! Starting programs: what a spawn asks for, spawn() and exec().
//!
//! A child is made in the order fork and exec would do it: working directory, program, load; and only when all of
//! that has succeeded does it appear in the process table. A failure therefore leaves nothing behind, and the error
//! says which step failed, which Docker's messages need.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use coracle_vfs::{Caller, Credentials, File, Location};

use super::identity::{NewProcess, may_become};
use super::path::{self, Search};
use super::signals::SignalState;
use super::{Process, Running};
use crate::table::{NewEntry, Parent, Reservation};
use crate::task::Task;
use crate::{Container, Errno, ExitStatus, OpenFile, Result, Signal, SignalSet};

/// One running program. The kernel polls it when the process may run; dropping it ends the program.
pub type Program = Pin<Box<dyn Future<Output = ExitStatus> + Send>>;

/// Bytes of arguments, environment and handover that are not booked as the process's memory.
const UNBOOKED: usize = 64 << 10;
/// The most bytes `handover` may have.
const HANDOVER_MAX: usize = 16 << 20;
/// The most bytes arguments and environment may have together (Linux: a quarter of the stack limit).
const ARGUMENTS_MAX: usize = 2 << 20;

/// A file to execute.
#[derive(Clone)]
pub struct ExecImage {
    /// The file.
    pub file: File,
    /// Its path as it was found.
    pub path: Vec<u8>,
    /// The base name of an ELF file that is called like one of ours, which runs instead.
    pub builtin: Option<Vec<u8>>,
}

/// What turns a file into a running program.
#[async_trait]
pub trait Loader: Send + Sync + 'static {
    /// Compiles or finds the program and answers the future that runs it as `process`. `ENOEXEC`: not a program.
    /// Runs no guest code yet, and must not look at the process's arguments, environment or files before the future
    /// is first polled: an exec gives them to the process only then.
    async fn load(&self, image: ExecImage, process: Arc<Process>) -> Result<Program, Errno>;

    /// Whether an ELF file with this base name runs a program of ours.
    fn has_builtin(&self, name: &[u8]) -> bool;
}

/// Which program to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProgramName {
    /// A path, taken as it is (execve).
    Path(Vec<u8>),
    /// A name looked up on the PATH of the request's environment unless it has a slash (execvp).
    Search(Vec<u8>),
    /// The caller's own program.
    Myself,
}

/// The process group of a child.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Group {
    /// The parent's.
    #[default]
    Inherit,
    /// A new one that the child leads.
    Lead,
    /// An existing one of the session.
    Join(u32),
}

/// What to start and how.
#[derive(Clone)]
pub struct SpawnRequest {
    /// Which program.
    pub program: ProgramName,
    /// argv
    pub arguments: Vec<Vec<u8>>,
    /// NAME=VALUE
    pub environment: Vec<Vec<u8>>,
    /// `None`: the caller's; the root directory where there is no caller.
    pub working_directory: Option<Vec<u8>>,
    /// Descriptor numbers and the files behind them.
    pub files: Vec<(u32, Arc<OpenFile>)>,
    /// The process group; ignored by exec.
    pub group: Group,
    /// setsid() before it runs; ignored by exec. Processes without a parent always get a session of their own.
    pub new_session: bool,
    /// Make the child's group the foreground group of this terminal before it runs.
    pub foreground: Option<Arc<OpenFile>>,
    /// The controlling terminal of the new session.
    pub controlling_terminal: Option<Arc<OpenFile>>,
    /// Ignored signals, beside the caller's own ignored ones.
    pub ignored: Vec<Signal>,
    /// Signals whose action becomes the default again.
    pub defaulted: Vec<Signal>,
    /// `None`: the caller's; 022 where there is no caller.
    pub umask: Option<u32>,
    /// `None`: the caller's; user 0 where there is no caller.
    pub credentials: Option<Credentials>,
    /// Added to the caller's nice value.
    pub nice: i8,
    /// Opaque bytes for the program, at most 16 MiB.
    pub handover: Vec<u8>,
}

impl SpawnRequest {
    /// A request for `program` with nothing else set.
    pub fn new(program: ProgramName, arguments: Vec<Vec<u8>>) -> Self {
        SpawnRequest {
            program,
            arguments,
            environment: Vec::new(),
            working_directory: None,
            files: Vec::new(),
            group: Group::Inherit,
            new_session: false,
            foreground: None,
            controlling_terminal: None,
            ignored: Vec::new(),
            defaulted: Vec::new(),
            umask: None,
            credentials: None,
            nice: 0,
            handover: Vec::new(),
        }
    }
}

/// Why nothing was started.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SpawnError {
    /// No such program: `ENOENT` for a path, or not on PATH.
    #[error("no such file or directory")]
    NotFound,
    /// It is there but may not be executed, or is a directory.
    #[error("permission denied")]
    Permission,
    /// Neither a WebAssembly program, nor a script, nor the name of one of ours.
    #[error("exec format error")]
    NotExecutable,
    /// The working directory cannot be entered.
    #[error("chdir to cwd ({path:?}): {0}", path = String::from_utf8_lossy(.1))]
    WorkingDirectory(Errno, Vec<u8>),
    /// The interpreter a script names cannot be found or run.
    #[error("{path}: bad interpreter: {0}", path = String::from_utf8_lossy(.1))]
    Interpreter(Errno, Vec<u8>),
    /// The container's first process has ended.
    #[error("the container is not running")]
    ContainerEnded,
    /// Anything else, such as `EAGAIN` at the process limit.
    #[error("{0}")]
    Errno(Errno),
}

impl SpawnError {
    /// What posix_spawn() or execve() fails with.
    pub fn errno(&self) -> Errno {
        match self {
            SpawnError::NotFound => Errno::NOENT,
            SpawnError::Permission => Errno::ACCESS,
            SpawnError::NotExecutable => Errno::NOEXEC,
            SpawnError::WorkingDirectory(errno, _) | SpawnError::Interpreter(errno, _) | SpawnError::Errno(errno) => {
                *errno
            }
            SpawnError::ContainerEnded => Errno::NOMEM,
        }
    }
}

impl From<Errno> for SpawnError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => SpawnError::NotFound,
            Errno::ACCESS => SpawnError::Permission,
            Errno::NOEXEC => SpawnError::NotExecutable,
            errno => SpawnError::Errno(errno),
        }
    }
}

/// A program that was found, with the arguments it is to be given: a script's differ from the request's.
pub(crate) struct Found {
    pub(crate) image: Option<ExecImage>,
    pub(crate) arguments: Vec<Vec<u8>>,
}

/// What an exec changes, once the old program is gone.
pub(crate) struct Replacement {
    program: Program,
    running: Arc<Running>,
    files: Vec<(u32, Arc<OpenFile>)>,
    handover: Vec<u8>,
    directory: Location,
    credentials: Credentials,
    umask: u32,
    nice: i8,
    ignored: SignalSet,
    defaulted: SignalSet,
}

impl Process {
    /// Starts a child and answers its pid.
    pub async fn spawn(self: &Arc<Self>, request: SpawnRequest) -> Result<u32, Errno> {
        self.settle().await;
        let container = self.container.clone();
        let child = start(&container, Some(self), request).await.map_err(|error| error.errno())?;
        Ok(child.pid())
    }

    /// Replaces the program of this process: pid, parent, group and children stay. Answers only on failure; on
    /// success the future that called it is dropped at its next yield.
    pub async fn exec(self: &Arc<Self>, request: SpawnRequest) -> Errno {
        self.settle().await;
        match self.prepare_exec(request).await {
            Ok(replacement) => {
                self.control.replace(replacement);
                std::future::pending().await
            }
            Err(error) => error.errno(),
        }
    }

    async fn prepare_exec(self: &Arc<Self>, request: SpawnRequest) -> Result<Replacement, SpawnError> {
        check_sizes(&request)?;
        let before = self.credentials();
        let credentials = request.credentials.clone().unwrap_or_else(|| before.clone());
        may_become(&before, &credentials)?;
        let mut caller = self.caller();
        caller.credentials = credentials.clone();
        let directory = directory(&self.container, self.working_directory(), &request, &caller)?;
        let found = find(&self.container, Some(self), &request, &directory, &caller)?;
        let program = load(&self.container, found.image.clone(), self).await?;
        if let Some(terminal) = &request.foreground {
            self.set_foreground_unasked(terminal, self.group())?;
        }
        Ok(Replacement {
            program,
            running: Arc::new(Running::new(found.image, found.arguments, request.environment)),
            files: request.files,
            handover: request.handover,
            directory,
            credentials,
            umask: request.umask.unwrap_or_else(|| self.umask()) & 0o777,
            nice: self.nice().saturating_add(request.nice).clamp(-20, 19),
            ignored: request.ignored.into_iter().collect(),
            defaulted: request.defaulted.into_iter().collect(),
        })
    }

    /// The second half of exec, called by the task when the old program is gone.
    pub(crate) fn become_replacement(&self, replacement: Replacement) -> Program {
        let Replacement { program, running, files, handover, directory, credentials, umask, nice, ignored, defaulted } =
            replacement;
        drop(self.inherited());
        self.give_files(files);
        *self.running.lock() = running;
        *self.handover.lock() = handover;
        *self.directory.lock() = directory;
        *self.credentials.lock() = credentials;
        self.set_umask(umask);
        self.nice.store(nice, std::sync::atomic::Ordering::Relaxed);
        self.reset_signals(ignored, defaulted);
        program
    }

    pub(crate) fn give_files(&self, files: Vec<(u32, Arc<OpenFile>)>) {
        let descriptors = files.into_iter().map(|(number, file)| self.descriptors.put(number, file)).collect();
        *self.inherited.lock() = descriptors;
    }
}

/// Starts a process of `container`, as a child of `parent` or as one without a parent in the table.
pub(crate) async fn start(
    container: &Arc<Container>,
    parent: Option<&Arc<Process>>,
    request: SpawnRequest,
) -> Result<Arc<Process>, SpawnError> {
    let birth = Birth::begin(container, parent, &request)?;
    let found = find(container, parent, &request, &birth.directory, &birth.caller)?;
    let process = birth.process(parent, &request, found.arguments, found.image.clone());
    Birth::book(&process, &request)?;
    let program = load(container, found.image, &process).await?;
    birth.finish(process, parent, request, program)
}

/// Starts a process without a parent that runs a program of the host's.
pub(crate) fn start_with(
    container: &Arc<Container>,
    request: SpawnRequest,
    program: impl FnOnce(Arc<Process>) -> Program,
) -> Result<Arc<Process>, SpawnError> {
    let birth = Birth::begin(container, None, &request)?;
    let process = birth.process(None, &request, request.arguments.clone(), None);
    let program = program(process.clone());
    birth.finish(process, None, request, program)
}

/// A process on its way into the table.
struct Birth {
    reservation: Reservation,
    caller: Caller,
    directory: Location,
}

impl Birth {
    /// Reserved before the search, so that a container at its limit answers `EAGAIN` whatever was asked for.
    fn begin(
        container: &Arc<Container>,
        parent: Option<&Arc<Process>>,
        request: &SpawnRequest,
    ) -> Result<Birth, SpawnError> {
        check_sizes(request)?;
        let before = parent.map_or_else(Credentials::root, |parent| parent.credentials());
        let credentials = request.credentials.clone().unwrap_or_else(|| before.clone());
        may_become(&before, &credentials)?;
        let umask = request.umask.or(parent.map(|parent| parent.umask())).unwrap_or(0o022) & 0o777;
        let reservation = container.table.reserve(container, parent.map(|parent| parent.as_ref()), &credentials)?;
        let caller = Caller { credentials, umask, pid: reservation.pid(), file_size_limit: None };
        let base = parent.map_or_else(|| container.namespace().root(), |parent| parent.working_directory());
        let directory = directory(container, base, request, &caller)?;
        Ok(Birth { reservation, caller, directory })
    }

    fn process(
        &self,
        parent: Option<&Arc<Process>>,
        request: &SpawnRequest,
        arguments: Vec<Vec<u8>>,
        image: Option<ExecImage>,
    ) -> Arc<Process> {
        let container = self.reservation.container();
        let signals = SignalState::inherit(
            parent.map(|parent| parent.as_ref()),
            &request.ignored.iter().copied().collect(),
            &request.defaulted.iter().copied().collect(),
        );
        let process = Arc::new(Process::new(NewProcess {
            pid: self.reservation.pid(),
            container: container.clone(),
            running: Running::new(image, arguments, request.environment.clone()),
            handover: request.handover.clone(),
            directory: self.directory.clone(),
            credentials: self.caller.credentials.clone(),
            umask: self.caller.umask,
            nice: parent.map_or(0, |parent| parent.nice()).saturating_add(request.nice).clamp(-20, 19),
            limits: parent.map_or_else(|| container.default_resources(), |parent| parent.limits()),
            signals,
        }));
        process.give_files(request.files.clone());
        process
    }

    /// Books the larger texts a process is started with, which the host holds for it. `ENOMEM`.
    fn book(process: &Process, request: &SpawnRequest) -> Result<(), SpawnError> {
        let size = text_size(request).saturating_add(request.handover.len());
        match size.checked_sub(UNBOOKED) {
            Some(size) => process.memory().grow(size as u64).map_err(|_| SpawnError::Errno(Errno::NOMEM)),
            None => Ok(()),
        }
    }

    fn finish(
        self,
        process: Arc<Process>,
        parent: Option<&Arc<Process>>,
        request: SpawnRequest,
        program: Program,
    ) -> Result<Arc<Process>, SpawnError> {
        self.reservation.fill(NewEntry {
            process: process.clone(),
            parent: parent.map_or(Parent::None, |parent| Parent::Process(parent.pid())),
            group: request.group,
            new_session: request.new_session || parent.is_none(),
        })?;
        if let Some(terminal) = request.controlling_terminal.as_ref().and_then(|file| file.terminal()) {
            process.take_controlling_terminal(terminal);
        }
        if let Some(terminal) = &request.foreground {
            // The child runs in any case: that the terminal is not its own is no reason to lose it.
            let _ = process.set_foreground_unasked(terminal, process.group());
        }
        process.container().runtime().spawn(Task::new(process.clone(), program));
        Ok(process)
    }
}

/// Bytes of arguments and environment as Linux counts them: each with its zero byte and pointer.
fn text_size(request: &SpawnRequest) -> usize {
    request.arguments.iter().chain(&request.environment).map(|text| text.len() + 9).sum()
}

fn check_sizes(request: &SpawnRequest) -> Result<(), Errno> {
    if text_size(request) > ARGUMENTS_MAX || request.handover.len() > HANDOVER_MAX {
        return Err(Errno::TOOBIG);
    }
    Ok(())
}

fn directory(
    container: &Container,
    base: Location,
    request: &SpawnRequest,
    caller: &Caller,
) -> Result<Location, SpawnError> {
    match &request.working_directory {
        None => Ok(base),
        Some(path) => container
            .namespace()
            .directory(&base, path, caller)
            .map_err(|errno| SpawnError::WorkingDirectory(errno, path.clone())),
    }
}

fn find(
    container: &Container,
    parent: Option<&Arc<Process>>,
    request: &SpawnRequest,
    directory: &Location,
    caller: &Caller,
) -> Result<Found, SpawnError> {
    let search = Search { namespace: container.namespace(), loader: container.loader().as_ref(), directory, caller };
    match &request.program {
        ProgramName::Path(path) => search.path(path, &request.arguments),
        ProgramName::Search(name) => search.name(name, path::search_path(&request.environment), &request.arguments),
        ProgramName::Myself => {
            let image = parent.and_then(|parent| parent.image());
            Ok(Found { image, arguments: request.arguments.clone() })
        }
    }
}

async fn load(container: &Container, image: Option<ExecImage>, process: &Arc<Process>) -> Result<Program, SpawnError> {
    match image {
        Some(image) => Ok(container.loader().load(image, process.clone()).await?),
        None => Err(SpawnError::NotExecutable),
    }
}
