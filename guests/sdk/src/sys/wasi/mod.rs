//! The back end over the `coracle:container` WIT package.

pub mod errno;
pub mod exports;
pub mod file;
pub mod fs;
pub mod poll;
pub mod process;
pub mod signal;
pub mod system;
pub mod terminal;
pub mod time;

#[allow(missing_docs, clippy::all)]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "container", generate_all });
}

use bindings::coracle::container as wit;

/// Takes the place of wasi-libc's `_Exit`, which knows only success and failure,
/// so that every way out of a program keeps its status.
#[unsafe(no_mangle)]
extern "C" fn _Exit(code: i32) -> ! {
    process::exit(code as u8)
}
