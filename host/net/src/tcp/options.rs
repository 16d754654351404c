//! Options of a TCP socket. Inside the fabric only the receive buffer has an effect; the
//! others are kept, inherited and told as a guest expects.

use std::time::Duration;

use crate::error::ErrorCode;

/// Bytes a connection buffers in each direction unless told otherwise.
pub(crate) const DEFAULT_BUFFER: usize = 512 << 10;
const MIN_BUFFER: u64 = 4 << 10;
const MAX_BUFFER: u64 = 4 << 20;
const MAX_SECONDS: u64 = 32_767;

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) backlog: usize,
    pub(crate) keep_alive: bool,
    pub(crate) keep_alive_idle: Duration,
    pub(crate) keep_alive_interval: Duration,
    pub(crate) keep_alive_count: u32,
    pub(crate) hop_limit: u8,
    pub(crate) receive_buffer: usize,
    pub(crate) send_buffer: usize,
    pub(crate) no_delay: bool,
    /// Accepts and reaches IPv4 through an IPv6 socket; WASI never asks for it.
    pub(crate) dual: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            backlog: 128,
            keep_alive: false,
            keep_alive_idle: Duration::from_secs(7200),
            keep_alive_interval: Duration::from_secs(75),
            keep_alive_count: 9,
            hop_limit: 64,
            receive_buffer: DEFAULT_BUFFER,
            send_buffer: DEFAULT_BUFFER,
            no_delay: false,
            dual: false,
        }
    }
}

/// Whole seconds as Linux keeps them: rounded up, within 1–32767.
pub(crate) fn seconds(value: Duration) -> Result<Duration, ErrorCode> {
    if value.is_zero() {
        return Err(ErrorCode::InvalidArgument);
    }
    let rounded = value.as_secs().saturating_add(u64::from(value.subsec_nanos() > 0));
    Ok(Duration::from_secs(rounded.min(MAX_SECONDS)))
}

/// A buffer size within bounds.
pub(crate) fn buffer(value: u64) -> Result<usize, ErrorCode> {
    if value == 0 {
        return Err(ErrorCode::InvalidArgument);
    }
    usize::try_from(value.clamp(MIN_BUFFER, MAX_BUFFER)).map_err(|_| ErrorCode::InvalidArgument)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_up_and_bounded() {
        assert_eq!(seconds(Duration::from_nanos(1)), Ok(Duration::from_secs(1)));
        assert_eq!(seconds(Duration::from_millis(2500)), Ok(Duration::from_secs(3)));
        assert_eq!(seconds(Duration::MAX), Ok(Duration::from_secs(32_767)));
        assert_eq!(seconds(Duration::ZERO), Err(ErrorCode::InvalidArgument));
    }
}
