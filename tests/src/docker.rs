//! The docker CLI and the reference engine, where they are installed.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result};

/// The docker CLI's path, unless it is not installed.
pub fn docker() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join("docker")).find(|path| path.is_file())
}

/// DOCKER_HOST of a real engine to compare against (REFERENCE_HOST), if one is given.
pub fn reference() -> Option<String> {
    std::env::var("REFERENCE_HOST").ok().filter(|host| !host.is_empty())
}

/// Says aloud that a test did not run; use as `return skip("why")`.
pub fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

/// Runs the docker CLI against `host` to its end with `input` on its standard input.
pub fn run(host: &str, arguments: &[&str], input: &[u8]) -> Result<Output> {
    use std::io::Write;
    let mut child = Command::new(docker().context("no docker CLI")?)
        .args(arguments)
        .env("DOCKER_HOST", host)
        .env_remove("DOCKER_CONTEXT")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().context("standard input is piped")?;
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // The CLI may end without reading everything.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output()?;
    let _ = writer.join();
    Ok(output)
}
