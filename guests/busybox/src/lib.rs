//! A userland in one component: many small programs that share one layer each
//! for options, input, output, numbers, times, modes, trees and users.
//!
//! An applet is one file that reads like its man page: its options, its usage
//! text and `run`. `registry` lists them, one line each.

mod applet;
mod archives;
mod columns;
mod escape;
mod files;
mod input;
mod locale;
mod modes;
mod network;
mod numbers;
mod options;
mod output;
mod paths;
mod processes;
mod registry;
mod terminal;
mod text;
mod times;
mod tree;
mod users;

pub use applet::{Applet, Call, Failure, Outcome};
pub use registry::{APPLETS, find, list};

/// Runs the applet that the base name of `arguments[0]` stands for; answers the
/// exit status.
pub fn run(arguments: Vec<Vec<u8>>) -> u8 {
    applet::run(arguments)
}

coracle_sdk::toolbox!(list: registry::list, run: run);
