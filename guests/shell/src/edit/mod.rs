//! Talking to a person: line editing, history, completion.

pub mod history;
mod interactive;

pub use interactive::terminal_source;
