//! The sandbox: which program a file is, and the futures that run it.

use std::path::PathBuf;
use std::sync::Arc;

use coracle_kernel::{Errno, ExecImage, Loader, Process, Program as KernelProgram, ShellOverride};
use coracle_vfs::{Caller, File, OpenOptions, Opened};
use tokio::sync::Semaphore;
use wasmtime::Engine;

use crate::applets::{self, Applet};
use crate::compiled::CompiledPrograms;
use crate::compiler::{Compiler, ProgressCallback};
use crate::digest::ProgramDigest;
use crate::engine::{self, Capacity};
use crate::error::SandboxError;
use crate::linker;
use crate::program::Program;
use crate::programs::Programs;
use crate::run;
use crate::ticker::Ticker;

/// Names under which a shell is started.
const SHELL_NAMES: [&[u8]; 4] = [b"sh", b"ash", b"bash", b"dash"];

/// What a sandbox is made of.
pub struct SandboxOptions {
    /// Where compiled programs are kept; made, and closed to other users.
    pub cache_dir: PathBuf,
    /// The built-in shell: a component of the world `shell`.
    pub builtin_shell: Arc<[u8]>,
    /// The built-in userland: a component of the world `toolbox`.
    pub builtin_toolbox: Arc<[u8]>,
    /// The daemon's shell instead of the built-in one (`--shell`).
    pub shell: Option<PathBuf>,
    /// Threads that run guests; by default one for each CPU.
    pub workers: Option<usize>,
    /// Processes that may live at once; by default 10,000.
    pub max_processes: Option<u32>,
    /// Told about every compilation.
    pub progress: Option<ProgressCallback>,
}

/// A component that came with the daemon or its command line.
struct Given {
    digest: ProgramDigest,
    bytes: Arc<[u8]>,
}

impl Given {
    fn new(bytes: Arc<[u8]>) -> Self {
        Self { digest: ProgramDigest::of(&bytes), bytes }
    }
}

/// Runs every process of every container.
pub struct Sandbox {
    engine: Engine,
    capacity: Capacity,
    ticker: Arc<Ticker>,
    programs: Programs,
    slots: Arc<Semaphore>,
    builtin_shell: ProgramDigest,
    shell: Given,
    toolbox: Given,
    applets: tokio::sync::OnceCell<Arc<[Applet]>>,
    runtime: tokio::runtime::Handle,
    /// Dropping a runtime waits for its threads, which must not happen on one of
    /// them or inside another runtime; see `Drop`.
    owned_runtime: Option<tokio::runtime::Runtime>,
}

impl Sandbox {
    /// Starts the engine and its threads. Compiles nothing: [`Self::prepare`] does.
    pub fn new(options: SandboxOptions) -> Result<Arc<Self>, SandboxError> {
        let (engine, capacity) = engine::build(options.max_processes.unwrap_or(10_000))?;
        let ticker = Ticker::start(engine.weak()).map_err(SandboxError::Threads)?;
        let kept = CompiledPrograms::open(&options.cache_dir, &engine)?;
        let compiler = Compiler::new(&engine, kept, options.progress)?;
        let linker = linker::build(&engine).map_err(SandboxError::Linker)?;
        let mut threads = tokio::runtime::Builder::new_multi_thread();
        if let Some(workers) = options.workers {
            threads.worker_threads(workers.max(1));
        }
        let runtime = threads.thread_name("guest").enable_all().build().map_err(SandboxError::Threads)?;
        let builtin_shell = Given::new(options.builtin_shell);
        let builtin = builtin_shell.digest;
        let shell = match options.shell {
            None => builtin_shell,
            Some(path) => match std::fs::read(&path) {
                Ok(bytes) => Given::new(bytes.into()),
                Err(source) => return Err(SandboxError::ShellFile { path, source }),
            },
        };
        Ok(Arc::new(Self {
            programs: Programs::new(linker, compiler),
            engine,
            capacity,
            ticker: Arc::new(ticker),
            slots: Arc::new(Semaphore::new(capacity.processes as usize)),
            builtin_shell: builtin,
            shell,
            toolbox: Given::new(options.builtin_toolbox),
            applets: tokio::sync::OnceCell::new(),
            runtime: runtime.handle().clone(),
            owned_runtime: Some(runtime),
        }))
    }

    /// The runtime that guests run on. Containers' kernels spawn their tasks here,
    /// so that a guest never delays the API.
    pub fn runtime(&self) -> &tokio::runtime::Handle {
        &self.runtime
    }

    /// How many processes may live at once.
    pub fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// Compiles what comes with the daemon, or finds it compiled, and checks that
    /// the shell is a shell and the toolbox a toolbox. Containers may be started
    /// meanwhile: their first process waits for its program.
    pub async fn prepare(&self) -> Result<(), SandboxError> {
        let unusable = |place| move |errno: Errno| SandboxError::Component { place, reason: errno.to_string() };
        let shell = self.given(&self.shell).await.map_err(unusable("shell"))?;
        if !matches!(shell.kind, crate::program::Kind::Shell { .. }) {
            return Err(SandboxError::Component {
                place: "shell",
                reason: "it does not export coracle:container/exec".to_owned(),
            });
        }
        self.applets().await.map(|_| ())
    }

    /// The applets of the toolbox, as it lists them itself.
    pub async fn applets(&self) -> Result<Arc<[Applet]>, SandboxError> {
        let list = self
            .applets
            .get_or_try_init(|| async {
                let unusable = |reason: String| SandboxError::Component { place: "toolbox", reason };
                let program = self.given(&self.toolbox).await.map_err(|errno| unusable(errno.to_string()))?;
                applets::list(&self.engine, &program).await.map_err(|error| unusable(format!("{error:#}")))
            })
            .await?;
        Ok(Arc::clone(list))
    }

    /// Compiles `bytes`, or finds them compiled, and says whether they can be run;
    /// for checking a shell before a container is made with it.
    pub async fn check_shell(&self, bytes: Arc<[u8]>) -> Result<(), Errno> {
        let program = self.given(&Given::new(bytes)).await?;
        match program.kind {
            crate::program::Kind::Shell { .. } => Ok(()),
            _ => Err(Errno::NOEXEC),
        }
    }

    async fn given(&self, given: &Given) -> Result<Arc<Program>, Errno> {
        self.programs.of_bytes(given.digest, &given.bytes).await
    }

    /// The shell of the process's container.
    async fn shell_of(&self, process: &Process) -> Result<Arc<Program>, Errno> {
        let container = process.container();
        match container.extensions().get::<ShellOverride>().as_deref() {
            None => self.given(&self.shell).await,
            Some(ShellOverride::Bytes(bytes)) => self.given(&Given::new(Arc::clone(bytes))).await,
            Some(ShellOverride::Path(path)) => {
                let namespace = container.namespace();
                let options = OpenOptions { read: true, ..OpenOptions::default() };
                let opened = namespace.open(&namespace.root(), path, &options, &Caller::root())?;
                let Opened::File(file) = opened else {
                    return Err(Errno::ACCESS);
                };
                let (digest, bytes) = self.programs.identify(&file).await?;
                self.programs.of_file(&file, digest, bytes).await
            }
        }
    }

    async fn program_of(&self, file: &File, process: &Process) -> Result<Arc<Program>, Errno> {
        let (digest, bytes) = self.programs.identify(file).await?;
        if digest == self.builtin_shell {
            return self.shell_of(process).await;
        }
        if digest == self.toolbox.digest {
            return self.given(&self.toolbox).await;
        }
        self.programs.of_file(file, digest, bytes).await
    }

    async fn find(&self, image: &ExecImage, process: &Process) -> Result<Arc<Program>, Errno> {
        match image.builtin.as_deref() {
            Some(name) if SHELL_NAMES.contains(&name) => self.shell_of(process).await,
            Some(name) => {
                let applets = self.applets().await.map_err(|_| Errno::NOEXEC)?;
                if !is_applet(&applets, name) {
                    return Err(Errno::NOEXEC);
                }
                self.given(&self.toolbox).await
            }
            None => self.program_of(&image.file, process).await,
        }
    }
}

fn is_applet(applets: &[Applet], name: &[u8]) -> bool {
    applets.iter().any(|applet| applet.name.as_bytes() == name)
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(runtime) = self.owned_runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[async_trait::async_trait]
impl Loader for Sandbox {
    async fn load(&self, image: ExecImage, process: Arc<Process>) -> Result<KernelProgram, Errno> {
        let program = self.find(&image, &process).await?;
        // A full pool is the machine's process limit: fork() says EAGAIN.
        let slots = Arc::clone(&self.slots).try_acquire_many_owned(program.slots).map_err(|_| Errno::AGAIN)?;
        Ok(Box::pin(run::run(&self.engine, &self.ticker, program, process, slots)))
    }

    fn has_builtin(&self, name: &[u8]) -> bool {
        if SHELL_NAMES.contains(&name) {
            return true;
        }
        match self.applets.get() {
            Some(applets) => is_applet(applets, name),
            // Before the toolbox is compiled its names are not known: `load` waits for
            // it and looks again.
            None => true,
        }
    }
}
