//! One component of a path, checked once at the edge so that file systems never meet a `/`, a `..` or a zero byte.

use crate::{Errno, Result};
use ref_cast::RefCast;
use std::fmt;

/// The longest name in bytes (`NAME_MAX`).
pub const NAME_MAX: usize = 255;

/// A validated component: 1 to 255 bytes without `/` and NUL, neither `.` nor `..`. It can be given to the host's
/// `openat` without leaving the directory it is opened in.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord, RefCast)]
#[repr(transparent)]
pub struct Name([u8]);

impl Name {
    /// Checks a component. `ENAMETOOLONG` above 255 bytes, `ENOENT` for an empty one, `EINVAL` for what no
    /// directory can hold.
    pub fn new(bytes: &[u8]) -> Result<&Self> {
        match bytes {
            [] => Err(Errno::NOENT),
            b"." | b".." => Err(Errno::INVAL),
            _ if bytes.len() > NAME_MAX => Err(Errno::NAMETOOLONG),
            _ if bytes.iter().any(|byte| matches!(byte, 0 | b'/')) => Err(Errno::INVAL),
            _ => Ok(Self::ref_cast(bytes)),
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name as the host's calls take it.
    pub fn as_os_str(&self) -> &std::ffi::OsStr {
        std::os::unix::ffi::OsStrExt::from_bytes(&self.0)
    }
}

impl AsRef<[u8]> for Name {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_single_plain_component_is_a_name() {
        assert!(Name::new(b"a b\xff\n").is_ok());
        assert!(Name::new(b"...").is_ok());
        assert_eq!(Name::new(b"").err(), Some(Errno::NOENT));
        for bad in [&b"."[..], b"..", b"a/b", b"/", b"a\0"] {
            assert_eq!(Name::new(bad).err(), Some(Errno::INVAL));
        }
        assert!(Name::new(&[b'x'; 255]).is_ok());
        assert_eq!(Name::new(&[b'x'; 256]).err(), Some(Errno::NAMETOOLONG));
    }
}
