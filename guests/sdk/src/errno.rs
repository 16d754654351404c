//! Errors as POSIX numbers them, so that messages, `set -e` and tests read as
//! they do on Linux; `std::io::Error` on WASI knows other numbers and words.

use std::fmt;

/// The result of a call that fails with an [`Errno`].
pub type Result<T, E = Errno> = std::result::Result<T, E>;

/// An error of the system, by its number on Linux.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(i32);

macro_rules! errnos {
    ($($name:ident = $number:literal, $text:literal;)*) => {
        impl Errno {
            $(#[doc = concat!("E", stringify!($name), ": ", $text)] pub const $name: Errno = Errno($number);)*

            /// What strerror() says: `No such file or directory`.
            pub fn message(self) -> &'static str {
                match self.0 {
                    $($number => $text,)*
                    _ => "Unknown error",
                }
            }

            /// The constant's name in `<errno.h>`: `ENOENT`.
            pub fn name(self) -> &'static str {
                match self.0 {
                    $($number => concat!("E", stringify!($name)),)*
                    _ => "EUNKNOWN",
                }
            }
        }
    };
}

errnos! {
    PERM = 1, "Operation not permitted";
    NOENT = 2, "No such file or directory";
    SRCH = 3, "No such process";
    INTR = 4, "Interrupted system call";
    IO = 5, "Input/output error";
    NXIO = 6, "No such device or address";
    TOOBIG = 7, "Argument list too long";
    NOEXEC = 8, "Exec format error";
    BADF = 9, "Bad file descriptor";
    CHILD = 10, "No child processes";
    AGAIN = 11, "Resource temporarily unavailable";
    NOMEM = 12, "Cannot allocate memory";
    ACCES = 13, "Permission denied";
    FAULT = 14, "Bad address";
    BUSY = 16, "Device or resource busy";
    EXIST = 17, "File exists";
    XDEV = 18, "Invalid cross-device link";
    NODEV = 19, "No such device";
    NOTDIR = 20, "Not a directory";
    ISDIR = 21, "Is a directory";
    INVAL = 22, "Invalid argument";
    NFILE = 23, "Too many open files in system";
    MFILE = 24, "Too many open files";
    NOTTY = 25, "Inappropriate ioctl for device";
    TXTBSY = 26, "Text file busy";
    FBIG = 27, "File too large";
    NOSPC = 28, "No space left on device";
    SPIPE = 29, "Illegal seek";
    ROFS = 30, "Read-only file system";
    MLINK = 31, "Too many links";
    PIPE = 32, "Broken pipe";
    DOM = 33, "Numerical argument out of domain";
    RANGE = 34, "Numerical result out of range";
    DEADLK = 35, "Resource deadlock avoided";
    NAMETOOLONG = 36, "File name too long";
    NOLCK = 37, "No locks available";
    NOSYS = 38, "Function not implemented";
    NOTEMPTY = 39, "Directory not empty";
    LOOP = 40, "Too many levels of symbolic links";
    NODATA = 61, "No data available";
    OVERFLOW = 75, "Value too large for defined data type";
    ILSEQ = 84, "Invalid or incomplete multibyte or wide character";
    MSGSIZE = 90, "Message too long";
    NOTSUP = 95, "Operation not supported";
    ADDRINUSE = 98, "Address already in use";
    ADDRNOTAVAIL = 99, "Cannot assign requested address";
    NETUNREACH = 101, "Network is unreachable";
    CONNABORTED = 103, "Software caused connection abort";
    CONNRESET = 104, "Connection reset by peer";
    NOBUFS = 105, "No buffer space available";
    ISCONN = 106, "Transport endpoint is already connected";
    NOTCONN = 107, "Transport endpoint is not connected";
    TIMEDOUT = 110, "Connection timed out";
    CONNREFUSED = 111, "Connection refused";
    HOSTUNREACH = 113, "No route to host";
    STALE = 116, "Stale file handle";
    DQUOT = 122, "Disk quota exceeded";
}

impl Errno {
    /// The error with a number of Linux.
    pub const fn from_raw(number: i32) -> Errno {
        Errno(number)
    }

    /// The number on Linux.
    pub const fn raw(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.0)
    }
}

impl std::error::Error for Errno {}

impl From<Errno> for std::io::Error {
    /// The kind is never `Interrupted`: std's loops would retry for ever while
    /// the signal that interrupts them waits to be taken.
    fn from(errno: Errno) -> Self {
        use std::io::ErrorKind as K;
        let kind = match errno {
            Errno::NOENT => K::NotFound,
            Errno::ACCES | Errno::PERM => K::PermissionDenied,
            Errno::EXIST => K::AlreadyExists,
            Errno::AGAIN => K::WouldBlock,
            Errno::PIPE => K::BrokenPipe,
            Errno::INVAL => K::InvalidInput,
            Errno::NOTDIR => K::NotADirectory,
            Errno::ISDIR => K::IsADirectory,
            Errno::TIMEDOUT => K::TimedOut,
            Errno::CONNREFUSED => K::ConnectionRefused,
            Errno::CONNRESET => K::ConnectionReset,
            Errno::NOMEM => K::OutOfMemory,
            _ => K::Other,
        };
        std::io::Error::new(kind, errno)
    }
}

impl From<std::io::Error> for Errno {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind as K;
        if let Some(errno) = error.get_ref().and_then(|inner| inner.downcast_ref::<Errno>()) {
            return *errno;
        }
        #[cfg(unix)]
        if let Some(number) = error.raw_os_error() {
            return Errno(number);
        }
        match error.kind() {
            K::NotFound => Errno::NOENT,
            K::PermissionDenied => Errno::ACCES,
            K::AlreadyExists => Errno::EXIST,
            K::WouldBlock => Errno::AGAIN,
            K::BrokenPipe => Errno::PIPE,
            K::InvalidInput | K::InvalidData => Errno::INVAL,
            K::TimedOut => Errno::TIMEDOUT,
            K::ConnectionRefused => Errno::CONNREFUSED,
            K::ConnectionReset => Errno::CONNRESET,
            K::ConnectionAborted => Errno::CONNABORTED,
            K::AddrInUse => Errno::ADDRINUSE,
            K::AddrNotAvailable => Errno::ADDRNOTAVAIL,
            K::NotConnected => Errno::NOTCONN,
            K::HostUnreachable => Errno::HOSTUNREACH,
            K::NetworkUnreachable => Errno::NETUNREACH,
            K::OutOfMemory => Errno::NOMEM,
            K::Interrupted => Errno::INTR,
            _ => Errno::IO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errno_survives_the_way_through_io_error() {
        let error: std::io::Error = Errno::NOTEMPTY.into();
        assert_eq!(Errno::from(error), Errno::NOTEMPTY);
        assert_eq!(Errno::NOENT.name(), "ENOENT");
        assert_eq!(Errno::NOENT.to_string(), "No such file or directory");
    }
}
