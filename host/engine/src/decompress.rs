//! Streams that may be compressed: told by their first bytes, as dockerd does.

use std::io::{BufRead, BufReader, Read};

/// The plain content of a stream that is gzip, zstd, xz or nothing of the kind.
///
/// # Errors
/// When it cannot be read.
pub fn decompress<'a>(stream: impl Read + Send + 'a) -> std::io::Result<Box<dyn Read + Send + 'a>> {
    let mut stream = BufReader::with_capacity(64 * 1024, stream);
    let head = stream.fill_buf()?;
    Ok(match head {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(stream)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::stream::read::Decoder::with_buffer(stream)?),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Box::new(xz2::bufread::XzDecoder::new_multi_decoder(stream)),
        _ => Box::new(stream),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn compression_is_told_by_the_first_bytes() {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(b"hello").unwrap();
        let zs = zstd::encode_all(&b"hello"[..], 1).unwrap();
        for packed in [gz.finish().unwrap(), zs, b"hello".to_vec()] {
            let mut plain = Vec::new();
            decompress(packed.as_slice()).unwrap().read_to_end(&mut plain).unwrap();
            assert_eq!(plain, b"hello");
        }
    }
}
