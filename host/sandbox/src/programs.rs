//! Finding the compiled form of a file.
//!
//! A start should cost microseconds, so the way from a file to its program is
//! remembered twice: which content a file (device, inode, size, times) has, and
//! which program a content is. Only what is in neither memory nor the directory of
//! compiled programs is compiled, once however many processes ask for it at the
//! same time.

use std::collections::HashMap;
use std::sync::Arc;

use coracle_vfs::{ContentIdentity, Errno, File, Timestamp};
use parking_lot::Mutex;
use tokio::sync::OnceCell;
use wasmtime::component::{Component, Linker};

use crate::compiler::{Compiler, MAX_PROGRAM_BYTES};
use crate::digest::ProgramDigest;
use crate::guest::Guest;
use crate::program::Program;

/// Programs kept in memory at once; a program in use stays in any case.
const MAX_PROGRAMS: usize = 512;
/// Remembered files.
const MAX_FILES: usize = 16_384;
/// What every WebAssembly binary begins with.
const MAGIC: &[u8] = b"\0asm";
/// The age from which a file's times tell every later write.
const SETTLED_SECONDS: i64 = 2;
/// Bytes read from a file at a time.
const READ_STEP: usize = 1 << 20;

type Slot = Arc<OnceCell<Result<Arc<Program>, Errno>>>;

/// Every program of the daemon.
pub(crate) struct Programs {
    linker: Linker<Guest>,
    compiler: Compiler,
    by_digest: Mutex<HashMap<ProgramDigest, Slot>>,
    by_file: Mutex<HashMap<ContentIdentity, ProgramDigest>>,
}

impl Programs {
    pub(crate) fn new(linker: Linker<Guest>, compiler: Compiler) -> Self {
        Self { linker, compiler, by_digest: Mutex::default(), by_file: Mutex::default() }
    }

    /// The digest of a file that was seen before, without reading it.
    pub(crate) fn known(&self, file: &File) -> Option<ProgramDigest> {
        let identity = file.identity()?;
        self.by_file.lock().get(&identity).copied()
    }

    /// A program that can be started right now.
    pub(crate) fn ready(&self, digest: ProgramDigest) -> Option<Arc<Program>> {
        let slot = self.by_digest.lock().get(&digest).cloned()?;
        slot.get()?.clone().ok()
    }

    /// The content of `file`: its digest and, unless it was known, its bytes.
    pub(crate) async fn identify(&self, file: &File) -> Result<(ProgramDigest, Option<Arc<[u8]>>), Errno> {
        if let Some(digest) = self.known(file) {
            return Ok((digest, None));
        }
        let (digest, bytes) = self.read(file).await?;
        Ok((digest, Some(bytes)))
    }

    /// Reads and digests a file away from the runtime's workers.
    async fn read(&self, file: &File) -> Result<(ProgramDigest, Arc<[u8]>), Errno> {
        let before = file.identity();
        let source = file.clone();
        let (digest, bytes) = tokio::task::spawn_blocking(move || {
            let bytes = read_whole(&source)?;
            Ok::<_, Errno>((ProgramDigest::of(&bytes), Arc::<[u8]>::from(bytes)))
        })
        .await
        .map_err(|_| Errno::IO)??;
        // Remembered only if nobody wrote meanwhile: same identity, same bytes.
        if let Some(identity) = before
            && file.identity().as_ref() == Some(&identity)
            && is_settled(&identity)
        {
            let mut files = self.by_file.lock();
            if files.len() >= MAX_FILES {
                files.clear();
            }
            files.insert(identity, digest);
        }
        Ok((digest, bytes))
    }

    /// The program in `file`, whose digest is known.
    pub(crate) async fn of_file(
        &self,
        file: &File,
        digest: ProgramDigest,
        bytes: Option<Arc<[u8]>>,
    ) -> Result<Arc<Program>, Errno> {
        if let Some(program) = self.ready(digest) {
            return Ok(program);
        }
        self.find(digest, async {
            match bytes {
                Some(bytes) => Ok((digest, bytes)),
                None => self.read(file).await,
            }
        })
        .await
    }

    /// The program that `bytes` are.
    pub(crate) async fn of_bytes(&self, digest: ProgramDigest, bytes: &Arc<[u8]>) -> Result<Arc<Program>, Errno> {
        if let Some(program) = self.ready(digest) {
            return Ok(program);
        }
        let bytes = Arc::clone(bytes);
        self.find(digest, async move { Ok((digest, bytes)) }).await
    }

    async fn find(
        &self,
        digest: ProgramDigest,
        source: impl Future<Output = Result<(ProgramDigest, Arc<[u8]>), Errno>>,
    ) -> Result<Arc<Program>, Errno> {
        let slot = {
            let mut programs = self.by_digest.lock();
            if programs.len() >= MAX_PROGRAMS {
                forget_unused(&mut programs);
            }
            Arc::clone(programs.entry(digest).or_default())
        };
        // Whoever comes first compiles, the others wait for it. When the first is
        // killed while it waits, the next one takes over.
        let answer = slot
            .get_or_init(|| async {
                let component = match self.compiler.load(digest) {
                    Some(component) => component,
                    None => {
                        let (found, bytes) = source.await?;
                        if found != digest {
                            // The file changed between both looks.
                            return Err(Errno::TXTBSY);
                        }
                        self.compiler.compile(digest, bytes).await?
                    }
                };
                self.resolve(digest, &component).map(Arc::new)
            })
            .await
            .clone();
        if matches!(&answer, Err(errno) if *errno != Errno::NOEXEC) {
            // Only "not a program" is a property of the content.
            self.by_digest.lock().remove(&digest);
        }
        answer
    }

    fn resolve(&self, digest: ProgramDigest, component: &Component) -> Result<Program, Errno> {
        Program::new(&self.linker, digest, component)
    }
}

/// Whether a further write would change the identity: the clock of file times is coarse, so two writes shortly after
/// each other may leave the same times.
fn is_settled(identity: &ContentIdentity) -> bool {
    Timestamp::now().seconds.saturating_sub(identity.ctime.seconds) >= SETTLED_SECONDS
}

/// Drops the programs that no process runs.
fn forget_unused(programs: &mut HashMap<ProgramDigest, Slot>) {
    programs.retain(|_, slot| match slot.get() {
        Some(Ok(program)) => Arc::strong_count(program) > 1,
        Some(Err(_)) => false,
        None => true,
    });
}

/// The bytes of a file, at most [`MAX_PROGRAM_BYTES`].
fn read_whole(file: &File) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::new();
    let mut step = vec![0; READ_STEP];
    loop {
        let read = file.read_at(&mut step, bytes.len() as u64)?;
        if read == 0 {
            return Ok(bytes);
        }
        bytes.extend_from_slice(step.get(..read).ok_or(Errno::IO)?);
        if bytes.len() >= MAGIC.len() && !bytes.starts_with(MAGIC) {
            return Err(Errno::NOEXEC);
        }
        if bytes.len() as u64 > MAX_PROGRAM_BYTES {
            return Err(Errno::NOEXEC);
        }
    }
}
