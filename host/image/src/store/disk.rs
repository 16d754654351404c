//! The directories of the store: blobs by digest, layers by diff id, and a place for what is not yet whole.

use crate::{Digest, ImageError, Result};
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt};
use coracle_vfs::archive::Limits;
use coracle_vfs::layer::{Layer, Unpacked, unpack};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

pub(crate) struct Disk {
    pub root: Dir,
    blobs: Dir,
    layers: Dir,
    staging: Arc<Dir>,
    limits: Limits,
    open: Mutex<HashMap<Digest, Weak<Layer>>>,
}

impl Disk {
    pub fn open(root: Dir, limits: Limits) -> io::Result<Self> {
        for name in ["blobs", "blobs/sha256", "layers", "staging"] {
            make(&root, name)?;
        }
        let (blobs, layers, staging) =
            (root.open_dir("blobs/sha256")?, root.open_dir("layers")?, Arc::new(root.open_dir("staging")?));
        Ok(Self { root, blobs, layers, staging, limits, open: Mutex::new(HashMap::new()) })
    }

    /// Removes what no record names and what was never finished.
    pub fn sweep(&self, blobs: impl Fn(&Digest) -> bool, layers: impl Fn(&Digest) -> bool) -> io::Result<()> {
        for entry in self.staging.entries()? {
            remove(&self.staging, &entry?)?;
        }
        for (directory, keep) in [(&self.blobs, &blobs as &dyn Fn(&Digest) -> bool), (&self.layers, &layers)] {
            for entry in directory.entries()? {
                let entry = entry?;
                let name = entry.file_name();
                let digest = name.to_str().and_then(|name| format!("sha256:{name}").parse::<Digest>().ok());
                if !digest.is_some_and(|digest| keep(&digest)) {
                    tracing::info!(name = %name.display(), "removing what no image needs");
                    remove(directory, &entry)?;
                }
            }
        }
        Ok(())
    }

    /// Reads a blob and checks that it is what its name says.
    pub fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>> {
        let bytes = self.blobs.read(digest.hex())?;
        if Digest::of(&bytes) != *digest {
            return Err(ImageError::Invalid(format!("content of {digest} does not have this digest")));
        }
        Ok(bytes)
    }

    pub fn write_blob(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        if !self.blobs.exists(digest.hex()) {
            let name = stage_name();
            self.staging.write(&name, bytes)?;
            self.staging.rename(&name, &self.blobs, digest.hex())?;
        }
        Ok(digest)
    }

    pub fn remove_blob(&self, digest: &Digest) {
        forgive(self.blobs.remove_file(digest.hex()), digest);
    }

    pub fn has_layer(&self, digest: &Digest) -> bool {
        self.layers.exists(digest.hex())
    }

    /// Unpacks a layer. If it is there already, what was unpacked is thrown away.
    pub fn add_layer(&self, tar: impl Read) -> Result<Unpacked> {
        let staged = self.stage_directory()?;
        let unpacked = unpack(tar, &staged.directory, self.limits)?;
        self.place_layer(staged, &Digest::from_sum(unpacked.diff_id))?;
        Ok(unpacked)
    }

    /// A directory of its own that is removed again unless it is placed.
    pub fn stage_directory(&self) -> Result<Staged> {
        let name = stage_name();
        make(&self.staging, &name)?;
        let directory = self.staging.open_dir(&name)?;
        Ok(Staged { parent: Arc::clone(&self.staging), name: Some(name), directory })
    }

    pub fn unpack_into(&self, staged: &Staged, tar: impl Read) -> Result<Unpacked> {
        Ok(unpack(tar, &staged.directory, self.limits)?)
    }

    /// Gives an unpacked layer its name.
    pub fn place_layer(&self, mut staged: Staged, digest: &Digest) -> Result<()> {
        let Some(name) = staged.name.as_ref() else { return Ok(()) };
        match self.staging.rename(name, &self.layers, digest.hex()) {
            Ok(()) => {
                staged.name = None;
                Ok(())
            }
            // The same layer, unpacked by somebody else meanwhile.
            Err(_) if self.has_layer(digest) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A layer, opened once and shared as long as somebody holds it.
    pub fn layer(&self, digest: &Digest) -> Result<Arc<Layer>> {
        let mut open = self.open.lock();
        if let Some(layer) = open.get(digest).and_then(Weak::upgrade) {
            return Ok(layer);
        }
        let layer = Layer::open(&self.layers.open_dir(digest.hex())?)?;
        open.retain(|_, layer| layer.strong_count() > 0);
        open.insert(*digest, Arc::downgrade(&layer));
        Ok(layer)
    }

    pub fn remove_layer(&self, digest: &Digest) {
        self.open.lock().remove(digest);
        // First out of the way under another name: half a layer must not stay under its own.
        let name = stage_name();
        match self.layers.rename(digest.hex(), &self.staging, &name) {
            Ok(()) => forgive(self.staging.remove_dir_all(&name), digest),
            Err(error) => forgive(Err(error), digest),
        }
    }
}

/// A directory in the staging place.
pub(crate) struct Staged {
    parent: Arc<Dir>,
    name: Option<String>,
    pub directory: Dir,
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = self.parent.remove_dir_all(name);
        }
    }
}

fn stage_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{:x}-{:x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn make(parent: &Dir, name: &str) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    match parent.create_dir_with(name, &builder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn remove(directory: &Dir, entry: &cap_std::fs::DirEntry) -> io::Result<()> {
    if entry.file_type()?.is_dir() {
        directory.remove_dir_all(entry.file_name())
    } else {
        directory.remove_file(entry.file_name())
    }
}

/// What cannot be removed now is removed at the next start.
fn forgive(removed: io::Result<()>, digest: &Digest) {
    if let Err(error) = removed
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, %digest, "removing what no image needs");
    }
}
