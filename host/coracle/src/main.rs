//! The Coracle daemon: flags, wiring, logging, shutdown.

mod components;
mod listen;
mod logging;
mod options;
mod paths;
mod sandbox;
mod serve;

use std::process::ExitCode;

use clap::Parser;

use crate::options::{Command, Options};

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.command {
        Command::Serve(options) => {
            logging::start(options.cache.log_format);
            serve::run(&options)
        }
        Command::Precompile(options) => {
            logging::start(options.log_format);
            sandbox::precompile(&options)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("coracle: {error:#}");
            ExitCode::FAILURE
        }
    }
}
