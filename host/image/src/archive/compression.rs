//! Compressed streams, recognised by how they begin.

use std::io::{self, BufReader, Cursor, Read};

/// The plain stream under one that is compressed with gzip, bzip2, xz or zstd, or not at all.
pub fn decompress<'a>(mut stream: impl Read + Send + 'a) -> io::Result<Box<dyn Read + Send + 'a>> {
    let mut head = Vec::with_capacity(8);
    stream.by_ref().take(6).read_to_end(&mut head)?;
    let stream = BufReader::with_capacity(128 << 10, Cursor::new(head.clone()).chain(stream));
    Ok(match head.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(stream)),
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::bufread::MultiBzDecoder::new(stream)),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Box::new(xz2::bufread::XzDecoder::new_multi_decoder(stream)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::stream::read::Decoder::with_buffer(stream)?),
        _ => Box::new(stream),
    })
}
