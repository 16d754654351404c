//! How wide text is on a terminal.

/// How many columns a name takes on a terminal: characters for UTF-8, wide ones
/// twice, combining ones not at all; bytes otherwise.
pub fn width(text: &[u8]) -> usize {
    match std::str::from_utf8(text) {
        Ok(text) => text.chars().map(character_width).sum(),
        Err(_) => text.len(),
    }
}

/// wcwidth() in short.
pub fn character_width(character: char) -> usize {
    match u32::from(character) {
        0..0x20 | 0x7f..0xa0 => 0,
        0x300..=0x36f | 0x200b..=0x200f | 0x20d0..=0x20ff | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0x33ff
        | 0x3400..=0x4dbf
        | 0x4e00..=0x9fff
        | 0xa000..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}
