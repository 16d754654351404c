//! From bytes to a component, off the request path and within limits.
//!
//! Compiling is the one thing a stranger's program makes the daemon do before it
//! is confined, and it can take seconds. It runs on threads of its own with a low
//! priority, so that neither the API nor running guests wait for it; its input is
//! bounded; and compiled code in the input is refused, since that would be
//! machine code of unknown origin.

use std::sync::Arc;
use std::time::Instant;

use coracle_vfs::Errno;
use wasmparser::Parser;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compiled::CompiledPrograms;
use crate::digest::ProgramDigest;
use crate::error::SandboxError;
use crate::preview1;

/// The largest program that is compiled.
pub(crate) const MAX_PROGRAM_BYTES: u64 = 64 << 20;
/// How much nicer than the rest of the daemon compiling is.
const NICENESS: i32 = 10;

/// What happens to a program that was not compiled yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Compiling began; the program has so many bytes.
    Started {
        /// The program.
        digest: ProgramDigest,
        /// Its size.
        bytes: usize,
    },
    /// The program can be run.
    Finished {
        /// The program.
        digest: ProgramDigest,
        /// How long it took.
        took: std::time::Duration,
    },
    /// The program cannot be run.
    Failed {
        /// The program.
        digest: ProgramDigest,
        /// Why not, for people.
        reason: String,
    },
}

/// Told about every compilation; called on the compiler's threads.
pub type ProgressCallback = Arc<dyn Fn(&Progress) + Send + Sync>;

/// Compiles programs on its own threads.
pub(crate) struct Compiler {
    engine: Engine,
    kept: Arc<CompiledPrograms>,
    threads: rayon::ThreadPool,
    progress: Option<ProgressCallback>,
}

impl Compiler {
    pub(crate) fn new(
        engine: &Engine,
        kept: CompiledPrograms,
        progress: Option<ProgressCallback>,
    ) -> Result<Self, SandboxError> {
        let threads = rayon::ThreadPoolBuilder::new()
            .thread_name(|index| format!("compiler-{index}"))
            .panic_handler(|_| tracing::error!("the compiler panicked"))
            .start_handler(|_| {
                // On Linux the calling thread alone; without it compiling is only
                // less polite.
                let _ = rustix::process::setpriority_process(None, NICENESS);
            })
            .build()
            .map_err(|error| SandboxError::Threads(std::io::Error::other(error)))?;
        Ok(Self { engine: engine.clone(), kept: Arc::new(kept), threads, progress })
    }

    /// The program as compiled before, without compiling it.
    pub(crate) fn load(&self, digest: ProgramDigest) -> Option<Component> {
        self.kept.load(&self.engine, digest)
    }

    /// Compiles `bytes`; `ENOEXEC` when they are no program.
    pub(crate) async fn compile(&self, digest: ProgramDigest, bytes: Arc<[u8]>) -> Result<Component, Errno> {
        let (answer, compiled) = tokio::sync::oneshot::channel();
        let engine = self.engine.clone();
        let kept = Arc::clone(&self.kept);
        let progress = self.progress.clone();
        self.threads.spawn(move || {
            let tell = |event: Progress| {
                if let Some(progress) = &progress {
                    progress(&event);
                }
            };
            let started = Instant::now();
            tracing::info!(%digest, bytes = bytes.len(), "compiling a program");
            tell(Progress::Started { digest, bytes: bytes.len() });
            let compiled = compile(&engine, &kept, digest, &bytes);
            match &compiled {
                Ok(_) => {
                    let took = started.elapsed();
                    tracing::info!(%digest, ?took, "compiled a program");
                    tell(Progress::Finished { digest, took });
                }
                Err(error) => {
                    let reason = format!("{error:#}");
                    tracing::info!(%digest, reason, "not a program");
                    tell(Progress::Failed { digest, reason });
                }
            }
            // Nobody waits any more when the process that asked was killed; the
            // result is kept on disk for the next one.
            let _ = answer.send(compiled.map_err(|_| Errno::NOEXEC));
        });
        // The sender is only lost if the compiler panicked.
        compiled.await.unwrap_or(Err(Errno::NOEXEC))
    }
}

/// One compilation, on a compiler thread.
fn compile(engine: &Engine, kept: &CompiledPrograms, digest: ProgramDigest, bytes: &[u8]) -> anyhow::Result<Component> {
    anyhow::ensure!(Engine::detect_precompiled(bytes).is_none(), "compiled code is not taken from anybody");
    let wrapped;
    let component = if Parser::is_component(bytes) {
        bytes
    } else if Parser::is_core_wasm(bytes) {
        wrapped = preview1::componentize(bytes)?;
        wrapped.as_slice()
    } else {
        anyhow::bail!("neither a WebAssembly component nor a module");
    };
    let compiled = engine.precompile_component(component).map_err(readable)?;
    if let Err(error) = kept.store(digest, &compiled) {
        tracing::warn!(%digest, %error, "the compiled program is not kept");
    } else if let Some(component) = kept.load(engine, digest) {
        return Ok(component);
    }
    // No place on disk: the same bytes from memory.
    #[allow(unsafe_code, reason = "the bytes come from `precompile_component` three lines above")]
    // SAFETY: see the reason.
    let component = unsafe { Component::deserialize(engine, &compiled) };
    component.map_err(readable)
}

fn readable(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}
