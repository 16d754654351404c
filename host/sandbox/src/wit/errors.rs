//! `coracle:container/errors`: errno values on their way to the guest.

use coracle_vfs::Errno;
use wasmtime::component::ResourceTableError;

use crate::bindings::coracle::container::errors::{Errno as WitErrno, Host};
use crate::guest::Guest;

/// How a call of our own interfaces fails: with an errno the guest sees, or in a
/// way that ends the guest.
#[derive(Debug)]
pub enum Failure {
    /// The answer of the call.
    Errno(Errno),
    /// The guest broke the rules of its interface, or asked for too much.
    Trap(wasmtime::Error),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<ResourceTableError> for Failure {
    fn from(error: ResourceTableError) -> Self {
        match error {
            ResourceTableError::Full => Self::Errno(Errno::MFILE),
            error => Self::Trap(error.into()),
        }
    }
}

impl From<wasmtime::Error> for Failure {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Errno(errno) => std::fmt::Display::fmt(errno, f),
            Self::Trap(error) => std::fmt::Display::fmt(error, f),
        }
    }
}

impl std::error::Error for Failure {}

impl Host for Guest {
    fn convert_errno(&mut self, failure: Failure) -> wasmtime::Result<WitErrno> {
        match failure {
            Failure::Errno(errno) => Ok(errno_to_wit(errno)),
            Failure::Trap(error) => Err(error),
        }
    }
}

/// The errno's name in the interface; what has none there is `io`.
pub(crate) fn errno_to_wit(errno: Errno) -> WitErrno {
    match errno {
        Errno::ACCESS => WitErrno::Acces,
        Errno::ADDRINUSE => WitErrno::Addrinuse,
        Errno::ADDRNOTAVAIL => WitErrno::Addrnotavail,
        Errno::AGAIN => WitErrno::Again,
        Errno::BADF => WitErrno::Badf,
        Errno::BUSY => WitErrno::Busy,
        Errno::CHILD => WitErrno::Child,
        Errno::CONNABORTED => WitErrno::Connaborted,
        Errno::CONNREFUSED => WitErrno::Connrefused,
        Errno::CONNRESET => WitErrno::Connreset,
        Errno::DEADLK => WitErrno::Deadlk,
        Errno::DOM => WitErrno::Dom,
        Errno::DQUOT => WitErrno::Dquot,
        Errno::EXIST => WitErrno::Exist,
        Errno::FAULT => WitErrno::Fault,
        Errno::FBIG => WitErrno::Fbig,
        Errno::HOSTUNREACH => WitErrno::Hostunreach,
        Errno::ILSEQ => WitErrno::Ilseq,
        Errno::INTR => WitErrno::Intr,
        Errno::INVAL => WitErrno::Inval,
        Errno::ISCONN => WitErrno::Isconn,
        Errno::ISDIR => WitErrno::Isdir,
        Errno::LOOP => WitErrno::Loop,
        Errno::MFILE => WitErrno::Mfile,
        Errno::MLINK => WitErrno::Mlink,
        Errno::MSGSIZE => WitErrno::Msgsize,
        Errno::NAMETOOLONG => WitErrno::Nametoolong,
        Errno::NETUNREACH => WitErrno::Netunreach,
        Errno::NFILE => WitErrno::Nfile,
        Errno::NOBUFS => WitErrno::Nobufs,
        Errno::NODATA => WitErrno::Nodata,
        Errno::NODEV => WitErrno::Nodev,
        Errno::NOENT => WitErrno::Noent,
        Errno::NOEXEC => WitErrno::Noexec,
        Errno::NOLCK => WitErrno::Nolck,
        Errno::NOMEM => WitErrno::Nomem,
        Errno::NOSPC => WitErrno::Nospc,
        Errno::NOSYS => WitErrno::Nosys,
        Errno::NOTCONN => WitErrno::Notconn,
        Errno::NOTDIR => WitErrno::Notdir,
        Errno::NOTEMPTY => WitErrno::Notempty,
        Errno::NOTSUP => WitErrno::Notsup,
        Errno::NOTTY => WitErrno::Notty,
        Errno::NXIO => WitErrno::Nxio,
        Errno::OVERFLOW => WitErrno::Overflow,
        Errno::PERM => WitErrno::Perm,
        Errno::PIPE => WitErrno::Pipe,
        Errno::RANGE => WitErrno::Range,
        Errno::ROFS => WitErrno::Rofs,
        Errno::SPIPE => WitErrno::Spipe,
        Errno::SRCH => WitErrno::Srch,
        Errno::STALE => WitErrno::Stale,
        Errno::TIMEDOUT => WitErrno::Timedout,
        Errno::TOOBIG => WitErrno::Toobig,
        Errno::TXTBSY => WitErrno::Txtbsy,
        Errno::XDEV => WitErrno::Xdev,
        _ => WitErrno::Io,
    }
}
