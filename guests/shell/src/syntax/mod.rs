//! From bytes to a syntax tree: one complete command at a time, so that a
//! script on standard input shares that input with the commands it runs, and
//! aliases and options set by one line are known to the next.

mod arithmetic;
pub mod ast;
mod command;
mod compound;
mod conditional;
mod error;
mod here;
mod input;
mod parameter;
mod parser;
pub mod print;
mod word;

pub use arithmetic::{ArithmeticSyntaxError, parse_arithmetic};
pub use error::{ParseError, ParseErrorKind};
pub use input::{MemorySource, Source, SourceError};
pub use parser::{Parser, Settings};

/// Whether `byte` may start a name (XBD 3.216).
pub fn is_name_start(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphabetic()
}

/// Whether `byte` may stand in a name after its first byte.
pub fn is_name_byte(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

/// Whether `text` is a name.
pub fn is_name(text: &[u8]) -> bool {
    matches!(text.split_first(), Some((first, rest)) if is_name_start(*first) && rest.iter().all(|byte| is_name_byte(*byte)))
}
