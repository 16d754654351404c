//! Docker's multiplexed framing: `[stream, 0, 0, 0, length as four bytes]`, then the bytes.

use bytes::{BufMut, Bytes, BytesMut};
use coracle_engine::log::Stream;

/// One frame.
pub(crate) fn frame(stream: Stream, data: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(data.len() + 8);
    put(&mut framed, stream, data);
    framed.freeze()
}

/// Appends one frame.
pub(crate) fn put(out: &mut BytesMut, stream: Stream, data: &[u8]) {
    out.reserve(data.len() + 8);
    out.put_u8(stream.number());
    out.put_bytes(0, 3);
    out.put_u32(u32::try_from(data.len()).unwrap_or(u32::MAX));
    out.put_slice(data);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_stream_and_length() {
        assert_eq!(frame(Stream::Stderr, b"ab").as_ref(), b"\x02\0\0\0\0\0\0\x02ab");
    }
}
