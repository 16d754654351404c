//! Conformance cases: a shell script that drives the docker CLI, and what it
//! prints on a real engine.
//!
//! A case is a file `tests/conformance/TOPIC/NAME.sh`; beside it `NAME.expected`
//! holds its output (standard output and standard error together) and its exit
//! status as the last line. Where a reference engine is given the case is first
//! run there, which proves the expectation, and then against Coracle.
//! `CONFORMANCE_RECORD=1` writes the expectation from the reference engine.
//!
//! The script finds `docker` pointed at the engine under test, `$name` (a fresh
//! container name), `$work` (a fresh directory) and `$run` (`docker run` without
//! network, because the reference engine has no bridge). What differs from run to
//! run (ids, times, addresses) is replaced by a placeholder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};
use regex::Regex;

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// TOPIC/NAME
    pub name: String,
    /// The script's file.
    pub script: PathBuf,
}

/// All cases below `directory`, in name order.
pub fn find(directory: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for topic in std::fs::read_dir(directory)? {
        let topic = topic?.path();
        if !topic.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&topic)? {
            let script = file?.path();
            if script.extension().is_some_and(|extension| extension == "sh") {
                let name = script.strip_prefix(directory)?.with_extension("");
                cases.push(Case { name: name.display().to_string(), script });
            }
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl Case {
    fn expectation_file(&self) -> PathBuf {
        self.script.with_extension("expected")
    }

    /// What a real engine answers.
    pub fn expected(&self) -> Result<String> {
        std::fs::read_to_string(self.expectation_file())
            .with_context(|| format!("{} has no expectation: record it on a reference engine", self.name))
    }

    /// Replaces the expectation.
    pub fn record(&self, output: &str) -> Result<()> {
        Ok(std::fs::write(self.expectation_file(), output)?)
    }

    /// Runs the script against `host`; answers its normalised output and exit status.
    pub fn run(&self, host: &str) -> Result<String> {
        let work = tempfile::tempdir()?;
        let name = format!("case-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let script = format!(
            "exec 2>&1\nset -u\nrun() {{ docker run --network none \"$@\"; }}\n\
             trap 'docker rm -fv $(docker ps -aq --filter name=$name) >/dev/null 2>&1' EXIT\n{}",
            std::fs::read_to_string(&self.script)?
        );
        // A file, not `-c`: the script's own standard input stays free.
        let file = work.path().join(".case.sh");
        std::fs::write(&file, script)?;
        let directory = work.path().join("work");
        std::fs::create_dir(&directory)?;
        let output = Command::new("timeout")
            .args(["-k", "5", "60", "bash"])
            .arg(&file)
            .current_dir(&directory)
            .env("DOCKER_HOST", host)
            .env("DOCKER_CLI_HINTS", "false")
            .env("DOCKER_BUILDKIT", "0")
            .env_remove("DOCKER_CONTEXT")
            .env("name", &name)
            .env("work", &directory)
            .stdin(Stdio::null())
            .output()?;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str("<no newline>\n");
        }
        match output.status.code() {
            Some(124) => bail!("timed out after:\n{text}"),
            status => text.push_str(&format!("status {}\n", status.unwrap_or(-1))),
        }
        Ok(normalise(&text, &name, &directory.to_string_lossy()))
    }
}

/// Replaces what differs from run to run.
fn normalise(text: &str, name: &str, work: &str) -> String {
    let mut text = text.replace(name, "NAME").replace(work, "WORK");
    for (pattern, placeholder) in [
        (r"\b(sha256:)?[0-9a-f]{64}\b", "ID"),
        (r"\b[0-9a-f]{12}\b", "ID"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "TIME"),
        (r"(?m)[ \t]+$", ""),
    ] {
        if let Ok(pattern) = Regex::new(pattern) {
            text = pattern.replace_all(&text, placeholder).into_owned();
        }
    }
    text
}
