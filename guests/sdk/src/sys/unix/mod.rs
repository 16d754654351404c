//! The back end over system calls, for developing and testing guests natively.

pub mod file;
pub mod fs;
pub mod poll;
pub mod process;
pub mod signal;
pub mod system;
pub mod terminal;
pub mod time;

use std::ffi::CString;

use crate::{Errno, Result};

/// The calling thread's errno.
fn last() -> Errno {
    Errno::from_raw(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
}

/// -1 is failure.
fn check(result: libc::c_int) -> Result<libc::c_int> {
    if result < 0 { Err(last()) } else { Ok(result) }
}

/// -1 is failure.
fn check_size(result: isize) -> Result<usize> {
    usize::try_from(result).map_err(|_| last())
}

fn c_string(bytes: &[u8]) -> Result<CString> {
    CString::new(bytes).map_err(|_| Errno::INVAL)
}
