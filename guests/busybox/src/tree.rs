//! Walking file trees: entries by name, in order, without following links
//! unless asked, never into a loop.

use coracle_sdk::{Result, fs};

/// The names in a directory, sorted as bytes.
pub fn names(directory: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut names = fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.name)).collect::<Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}

/// The names in a directory in its own order.
pub fn unsorted_names(directory: &[u8]) -> Result<Vec<Vec<u8>>> {
    fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.name)).collect()
}
