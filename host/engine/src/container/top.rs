//! `docker top`: what `ps` would show.

use std::time::Duration;

use coracle_kernel::{ProcessInfo, ProcessState};
use serde::Serialize;

use crate::Engine;
use crate::error::{Error, Result};
use crate::system::machine_memory;
use crate::time::Time;

/// The answer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProcessTable {
    /// A row per process.
    pub processes: Vec<Vec<String>>,
    /// The columns.
    pub titles: Vec<String>,
}

/// Columns of `ps -ef`, the default.
const FULL: [&str; 8] = ["user", "pid", "ppid", "c", "stime", "tname", "time", "cmd"];
/// Columns of `ps aux`.
const BSD: [&str; 11] = ["user", "pid", "%cpu", "%mem", "vsz", "rss", "tty", "stat", "start", "bsdtime", "command"];

impl Engine {
    /// The process table, in the columns that `ps` options ask for.
    ///
    /// # Errors
    /// 409 when it does not run; 500 when the options hide the pid, as dockerd has it.
    pub fn container_top(&self, name: &str, options: &str) -> Result<ProcessTable> {
        let container = self.containers.find(name)?;
        let Some(run) = container.running() else { return Err(Error::NotRunning(container.id.clone())) };
        let columns = columns(options)?;
        let processes = run
            .processes
            .processes()
            .iter()
            .map(|process| columns.iter().map(|(name, _)| cell(name, process)).collect())
            .collect();
        self.container_event(&container, "top", &[]);
        Ok(ProcessTable { processes, titles: columns.into_iter().map(|(_, title)| title).collect() })
    }
}

/// Columns and their titles.
fn columns(options: &str) -> Result<Vec<(String, String)>> {
    let mut chosen: Vec<(String, String)> = Vec::new();
    let mut words = options.split_whitespace().peekable();
    let mut preset: Option<Vec<&str>> = None;
    while let Some(word) = words.next() {
        // `-o LIST`, `-oLIST`, `o LIST`, and with other flags before it: `-eo LIST`.
        let flags = word.trim_start_matches('-');
        let list = match flags.find('o').and_then(|at| flags.get(at + 1..)) {
            Some("") => words.next().unwrap_or_default(),
            Some(list) => list,
            None => {
                if flags.contains('u') && !word.starts_with('-') {
                    preset = Some(BSD.to_vec());
                } else if flags.contains('f') || flags.contains('F') {
                    preset = Some(FULL.to_vec());
                } else if flags.chars().all(|flag| "aexAwTLH".contains(flag)) {
                    if preset.is_none() {
                        preset = Some(vec!["pid", "tname", "time", "comm"]);
                    }
                } else {
                    return Err(Error::System(format!("ps: error: unsupported option {word:?}")));
                }
                continue;
            }
        };
        for field in list.split(',') {
            let (name, title) = match field.split_once('=') {
                Some((name, title)) => (name, title.to_owned()),
                None => (field, title(field)?),
            };
            chosen.push((name.to_ascii_lowercase(), title));
        }
    }
    if chosen.is_empty() {
        let names = preset.unwrap_or_else(|| FULL.to_vec());
        let full = names.first() == FULL.first() && names.len() == FULL.len();
        for name in names {
            let title = if full && name == "user" { "UID".into() } else { title(name)? };
            chosen.push((name.to_owned(), title));
        }
    }
    if !chosen.iter().any(|(name, _)| name == "pid") {
        return Err(Error::System("Couldn't find PID field in ps output".into()));
    }
    Ok(chosen)
}

fn title(name: &str) -> Result<String> {
    Ok(match name {
        "user" | "euser" | "uname" => "USER",
        "uid" | "euid" => "UID",
        "gid" | "egid" => "GID",
        "group" | "egroup" => "GROUP",
        "pid" => "PID",
        "ppid" => "PPID",
        "pgid" | "pgrp" => "PGID",
        "sid" | "sess" | "session" => "SID",
        "c" => "C",
        "%cpu" | "pcpu" => "%CPU",
        "%mem" | "pmem" => "%MEM",
        "vsz" | "vsize" => "VSZ",
        "rss" | "rssize" => "RSS",
        "tty" | "tt" | "tname" => "TTY",
        "stat" => "STAT",
        "s" | "state" => "S",
        "start" => "START",
        "stime" => "STIME",
        "etime" => "ELAPSED",
        "time" | "cputime" | "bsdtime" => "TIME",
        "cmd" => "CMD",
        "args" | "command" => "COMMAND",
        "comm" | "ucmd" => "COMMAND",
        "ni" | "nice" => "NI",
        other => return Err(Error::System(format!("ps: error: unknown user-defined format specifier {other:?}"))),
    }
    .into())
}

fn cell(name: &str, process: &ProcessInfo) -> String {
    let user = |id: u32| if id == 0 { "root".to_owned() } else { id.to_string() };
    let started = Time(i64::try_from(process.started_at).unwrap_or(0));
    let busy = process.usage.user + process.usage.system;
    let lived = started.elapsed();
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole * 100.0 } else { 0.0 };
    let clock = || started.to_string().get(11..16).unwrap_or_default().to_owned();
    let line = || {
        let words: Vec<_> = process.arguments.iter().map(|word| String::from_utf8_lossy(word)).collect();
        if words.is_empty() { format!("[{}]", String::from_utf8_lossy(&process.name)) } else { words.join(" ") }
    };
    let letter = match process.state {
        ProcessState::Running => "R",
        ProcessState::Sleeping => "S",
        ProcessState::Stopped => "T",
        ProcessState::Frozen => "D",
        ProcessState::Zombie => "Z",
    };
    match name {
        "user" | "euser" | "uname" => user(process.user),
        "uid" | "euid" => process.user.to_string(),
        "gid" | "egid" => process.primary_group.to_string(),
        "group" | "egroup" => user(process.primary_group),
        "pid" => process.pid.to_string(),
        "ppid" => process.parent.to_string(),
        "pgid" | "pgrp" => process.group.to_string(),
        "sid" | "sess" | "session" => process.session.to_string(),
        "c" => format!("{:.0}", share(busy.as_secs_f64(), lived.as_secs_f64()).min(99.0)),
        "%cpu" | "pcpu" => format!("{:.1}", share(busy.as_secs_f64(), lived.as_secs_f64())),
        "%mem" | "pmem" => format!("{:.1}", share(process.memory as f64, machine_memory() as f64)),
        "vsz" | "vsize" | "rss" | "rssize" => (process.memory / 1024).to_string(),
        "tty" | "tt" | "tname" => process.terminal.clone().unwrap_or_else(|| "?".into()),
        "stat" => format!("{letter}{}", if process.session == process.pid { "s" } else { "" }),
        "s" | "state" => letter.into(),
        "start" | "stime" => clock(),
        "etime" => elapsed(lived),
        "time" | "cputime" => {
            let seconds = busy.as_secs();
            format!("{:02}:{:02}:{:02}", seconds / 3600, seconds % 3600 / 60, seconds % 60)
        }
        "bsdtime" => format!("{}:{:02}", busy.as_secs() / 60, busy.as_secs() % 60),
        "comm" | "ucmd" => String::from_utf8_lossy(&process.name).into_owned(),
        "ni" | "nice" => process.nice.to_string(),
        _ => line(),
    }
}

fn elapsed(span: Duration) -> String {
    let seconds = span.as_secs();
    if seconds >= 3600 {
        format!("{:02}:{:02}:{:02}", seconds / 3600, seconds % 3600 / 60, seconds % 60)
    } else {
        format!("{:02}:{:02}", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(options: &str) -> Result<Vec<String>> {
        columns(options).map(|columns| columns.into_iter().map(|(_, title)| title).collect())
    }

    #[test]
    fn options_choose_the_columns() {
        assert_eq!(titles("").unwrap(), ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
        assert_eq!(
            titles("aux").unwrap(),
            ["USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME", "COMMAND"]
        );
        assert_eq!(titles("-o pid,comm").unwrap(), ["PID", "COMMAND"]);
        assert_eq!(titles("-eo pid,args").unwrap(), ["PID", "COMMAND"]);
        assert!(titles("x-z").is_err());
        assert_eq!(titles("-o comm").unwrap_err().to_string(), "Couldn't find PID field in ps output");
    }
}
