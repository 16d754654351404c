//! Compiled programs on disk.
//!
//! Compiling a program takes seconds and loading its compiled form less than a
//! millisecond, so the result is kept in a directory that belongs to the daemon
//! alone. Loading maps machine code and runs it: a file somebody else could
//! write there would be a way out of the sandbox. That is why the directory must
//! be ours and closed to everybody else, why files appear by rename only, and why
//! nothing a user brings is ever loaded as compiled code.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::digest::ProgramDigest;
use crate::error::SandboxError;

/// Changes when the bytes that are compiled for a program change although the
/// program does not, for example with another preview 1 adapter.
const GENERATION: u32 = 1;

/// The directory of compiled programs for one engine configuration.
#[derive(Debug)]
pub(crate) struct CompiledPrograms {
    directory: PathBuf,
}

impl CompiledPrograms {
    /// Opens or makes `cache`, which must belong to this user alone, and in it
    /// the directory for this wasmtime, its settings and this machine's CPU.
    pub(crate) fn open(cache: &Path, engine: &Engine) -> Result<Self, SandboxError> {
        let failed = |source| SandboxError::Cache { path: cache.to_owned(), source };
        private_directory(cache).map_err(failed)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        GENERATION.hash(&mut hasher);
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        let directory = cache.join(format!("{:016x}", hasher.finish()));
        private_directory(&directory).map_err(failed)?;
        Ok(Self { directory })
    }

    fn path(&self, digest: ProgramDigest) -> PathBuf {
        self.directory.join(format!("{digest}.cwasm"))
    }

    /// The compiled program, if it was kept and still fits the engine.
    pub(crate) fn load(&self, engine: &Engine, digest: ProgramDigest) -> Option<Component> {
        let path = self.path(digest);
        let metadata = std::fs::symlink_metadata(&path).ok()?;
        if !metadata.is_file() || !owned_by_us(&metadata) {
            tracing::warn!(path = %path.display(), "a compiled program that is not ours is ignored");
            return None;
        }
        #[allow(
            unsafe_code,
            reason = "the one way to map compiled code; the directory is private to this user \
                      and files in it are only ever created by `store`, complete, by rename"
        )]
        // SAFETY: the bytes were written by `store` from `Engine::precompile_component`;
        // nobody else can write to the directory, and its files are never changed in place.
        let loaded = unsafe { Component::deserialize_file(engine, &path) };
        match loaded {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiling again");
                None
            }
        }
    }

    /// Keeps a compiled program; it is complete or not there at all.
    pub(crate) fn store(&self, digest: ProgramDigest, compiled: &[u8]) -> std::io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".compiling").tempfile_in(&self.directory)?;
        file.write_all(compiled)?;
        // A crash may lose the file, but must not leave half of it under its name.
        file.as_file().sync_data()?;
        file.persist(self.path(digest))?;
        Ok(())
    }
}

/// Makes `path` or takes it if it is a directory only this user can write to.
fn private_directory(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let metadata = std::fs::symlink_metadata(path)?;
    if !metadata.is_dir() || !owned_by_us(&metadata) {
        return Err(std::io::Error::new(
            std::io::ErrorKind::PermissionDenied,
            "it must be a directory of the daemon's own user",
        ));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn owned_by_us(metadata: &std::fs::Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiled_program_is_found_again_and_a_damaged_one_is_not() {
        let engine = Engine::default();
        let cache = tempfile::tempdir().unwrap();
        let programs = CompiledPrograms::open(&cache.path().join("programs"), &engine).unwrap();
        let source = wat::parse_str("(component)").unwrap();
        let digest = ProgramDigest::of(&source);
        assert!(programs.load(&engine, digest).is_none());
        let compiled = engine.precompile_component(&source).unwrap();
        programs.store(digest, &compiled).unwrap();
        assert!(programs.load(&engine, digest).is_some());
        programs.store(digest, b"not compiled code").unwrap();
        assert!(programs.load(&engine, digest).is_none());
    }

    #[test]
    fn the_directory_is_closed_to_others() {
        let engine = Engine::default();
        let cache = tempfile::tempdir().unwrap();
        let path = cache.path().join("programs");
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        CompiledPrograms::open(&path, &engine).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
