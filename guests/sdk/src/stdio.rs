//! The standard streams of a program that does not manage descriptors itself.
//!
//! The first use takes everything the process inherited; dropping is left to the
//! end of the process. A shell, which must close and move them, calls
//! [`crate::inherited`] instead.

use std::sync::OnceLock;

use crate::File;

static INHERITED: OnceLock<Vec<(u32, File)>> = OnceLock::new();

fn table() -> &'static [(u32, File)] {
    INHERITED.get_or_init(crate::file::inherited)
}

/// Every inherited descriptor.
pub fn all() -> impl Iterator<Item = (u32, &'static File)> {
    table().iter().map(|(number, file)| (*number, file))
}

/// Descriptor `number`, unless the process was started without it.
pub fn descriptor(number: u32) -> Option<&'static File> {
    table().iter().find(|(other, _)| *other == number).map(|(_, file)| file)
}

/// Standard input.
pub fn stdin() -> Option<&'static File> {
    descriptor(0)
}

/// Standard output.
pub fn stdout() -> Option<&'static File> {
    descriptor(1)
}

/// Standard error.
pub fn stderr() -> Option<&'static File> {
    descriptor(2)
}
