//! TCP, shaped like `wasi:sockets/tcp`: every operation is non-blocking, `start-*` and
//! `finish-*` apart, readiness is polled.

mod connect;
mod end;
mod listener;
pub(crate) mod options;
mod pipe;
mod socket;
mod splice;
mod stream;

use std::sync::Arc;

pub(crate) use end::{End, EndSpec};
pub(crate) use listener::{Listener, Offer};
pub use socket::{Shutdown, TcpSocket};
pub(crate) use splice::{AbortOnDrop, reset, splice};
pub use stream::{TcpReader, TcpWriter};

/// What a TCP port leads to.
pub(crate) type Listening = Arc<Listener>;
