//! The directory that WASI programs find open, and how it is two directories.
//!
//! WASI has no working directory. The C library that today's compilers link strips
//! the leading slash of an absolute path and asks for the rest below the directory
//! it found open as `/`, and it does exactly the same with a relative path: it
//! takes the root for the working directory. A program that `docker run -w /data`
//! starts with `notes.txt` would look for `/notes.txt`.
//!
//! So where the working directory is not the root, a path that may have been either
//! is looked up: what exists below the root is meant, then what exists below the
//! working directory, then whichever of both could hold a new file. `.` is the
//! working directory and `..` begins there. A program that asks for its working
//! directory (`wasi:cli/environment.initial-cwd`) makes its paths absolute itself,
//! and the guessing ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use coracle_kernel::Process;
use coracle_vfs::Location;

/// The directory a program finds open.
#[derive(Clone)]
pub struct Preopened {
    root: Location,
    /// The working directory where that is another.
    working: Option<Location>,
    /// The program has asked for its working directory.
    knows: Arc<AtomicBool>,
}

impl Preopened {
    /// For `process`; `knows` turns true when it asks for its working directory.
    pub(crate) fn new(process: &Process, knows: Arc<AtomicBool>) -> Self {
        let root = process.container().namespace().root();
        let working = Some(process.working_directory()).filter(|working| !working.same(&root));
        Self { root, working, knows }
    }

    /// The root directory.
    pub(crate) fn root(&self) -> &Location {
        &self.root
    }

    /// The directory that `path` is meant to begin at.
    pub(crate) fn base(&self, process: &Process, path: &str) -> Location {
        let Some(working) = self.working.as_ref().filter(|_| !self.knows.load(Ordering::Relaxed)) else {
            return self.root.clone();
        };
        let namespace = process.container().namespace();
        let caller = process.caller();
        let exists = |base: &Location, path: &str| namespace.stat(base, path.as_bytes(), false, &caller).is_ok();
        let path = path.trim_end_matches('/');
        let first = path.split('/').find(|part| !part.is_empty());
        let absolute = match first {
            None | Some("." | "..") => false,
            Some(first) if !exists(&self.root, first) => false,
            // The first name alone, or what it leads to, is there.
            Some(_) if exists(&self.root, path) => true,
            Some(_) if exists(working, path) => false,
            // A new file: below the root unless only the other directory can hold it.
            Some(_) => {
                path.rsplit_once('/').is_none_or(|(parent, _)| exists(&self.root, parent) || !exists(working, parent))
            }
        };
        if absolute { self.root.clone() } else { working.clone() }
    }
}
