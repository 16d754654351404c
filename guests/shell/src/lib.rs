//! A POSIX shell with bash's everyday language, over files and processes of
//! the container instead of fork and system calls.
//!
//! `syntax` turns bytes into a tree, `expand` words into fields, `interp` runs
//! the tree, `builtins` are the utilities that must run inside the shell,
//! `edit` talks to a person. A subshell that must run beside its parent is this
//! program again with the parent's state handed over (`interp::state`).

pub mod accounts;
mod assign;
pub mod builtins;
mod dynamic;
pub mod edit;
pub mod escapes;
pub mod expand;
pub mod files;
pub mod interp;
mod invocation;
pub mod jobs;
mod messages;
pub mod options;
pub mod pattern;
pub mod regex;
pub mod shell;
pub mod syntax;
pub mod times;
pub mod traps;
pub mod variables;

pub use invocation::run;

#[cfg(target_os = "wasi")]
fn exec(arguments: Vec<Vec<u8>>) -> u8 {
    run(arguments, false)
}

#[cfg(target_os = "wasi")]
fn interactive(arguments: Vec<Vec<u8>>) -> u8 {
    run(arguments, true)
}

coracle_sdk::shell!(exec: exec, interactive: interactive);
