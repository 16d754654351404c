//! What a container wrote, kept as Docker's `json-file` driver keeps it.
//!
//! One JSON line per line of output, each with its stream and its own time, in a
//! file per container that outlives stop, restart and the daemon. The file is
//! made with the first output, so a silent container costs nothing.

mod reader;
mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use reader::{LogQuery, LogReader, Tail};
pub use writer::ContainerLog;

use crate::error::{Error, Result};
use crate::model::{Config, LogConfig};
use crate::time::Time;

/// Which of the two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// The number of the stream in Docker's multiplexed framing.
    pub fn number(self) -> u8 {
        match self {
            Self::Stdout => 1,
            Self::Stderr => 2,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// One line, or a part of a line longer than 16 KiB, or the unfinished last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Where it was written to.
    pub stream: Stream,
    /// When.
    pub time: Time,
    /// The bytes, with the newline if there was one.
    pub text: Vec<u8>,
    /// What `--log-opt labels/env` attach to each line.
    pub attributes: BTreeMap<String, String>,
}

/// Where and how much to keep.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// The current file; rotated ones get `.1`, `.2`, ….
    pub path: PathBuf,
    /// Whether anything is kept (`--log-driver none` keeps nothing).
    pub kept: bool,
    /// Bytes after which a new file is begun.
    pub max_size: Option<u64>,
    /// How many files there may be.
    pub max_files: usize,
    /// Attached to each line.
    pub attributes: BTreeMap<String, String>,
}

impl LogOptions {
    /// Reads a container's log configuration.
    ///
    /// # Errors
    /// For unknown drivers and options, in dockerd's words.
    pub fn parse(config: &LogConfig, path: PathBuf) -> Result<Self> {
        let (known, default_size, default_files): (&[&str], _, _) = match config.kind.as_str() {
            "" | "json-file" => (
                &[
                    "max-file",
                    "max-size",
                    "compress",
                    "labels",
                    "labels-regex",
                    "env",
                    "env-regex",
                    "tag",
                    "mode",
                    "max-buffer-size",
                ],
                None,
                1,
            ),
            "local" => (&["max-file", "max-size", "compress", "mode", "max-buffer-size"], Some(20 << 20), 5),
            "none" => (&["mode", "max-buffer-size"], None, 1),
            other => {
                return Err(Error::Invalid(format!("logger: no log driver named '{other}' is registered")));
            }
        };
        let driver = if config.kind.is_empty() { "json-file" } else { &config.kind };
        let mut options = Self {
            path,
            kept: driver != "none",
            max_size: default_size,
            max_files: default_files,
            attributes: BTreeMap::new(),
        };
        for (name, value) in config.config.iter().flatten() {
            if !known.contains(&name.as_str()) {
                return Err(Error::Invalid(format!("unknown log opt '{name}' for {driver} log driver")));
            }
            match name.as_str() {
                "max-size" if value == "-1" => options.max_size = None,
                "max-size" => {
                    options.max_size = Some(
                        parse_size(value)
                            .ok_or_else(|| Error::Invalid(format!("invalid value for max-size: {value}")))?,
                    );
                }
                "max-file" => {
                    options.max_files = match value.parse() {
                        Ok(0) => return Err(Error::Invalid("max-file cannot be less than 1".into())),
                        Ok(count) => count,
                        Err(_) => {
                            return Err(Error::Invalid(format!("strconv.Atoi: parsing \"{value}\": invalid syntax")));
                        }
                    };
                }
                _ => {}
            }
        }
        if config.config.as_ref().is_some_and(|c| c.contains_key("max-file")) && options.max_size.is_none() {
            return Err(Error::Invalid("max-file cannot be greater than 1 without max-size set".into()))
                .or_else(|error| if options.max_files > 1 { Err(error) } else { Ok(options) });
        }
        Ok(options)
    }

    /// Takes over what `labels` and `env` say to attach to each line.
    pub fn attach(&mut self, log: &LogConfig, config: &Config) {
        let names = |option: &str| {
            let value = log.config.as_ref().and_then(|options| options.get(option)).cloned().unwrap_or_default();
            value.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect::<Vec<_>>()
        };
        for name in names("labels") {
            if let Some(value) = config.labels.as_ref().and_then(|labels| labels.get(&name)) {
                self.attributes.insert(name, value.clone());
            }
        }
        for name in names("env") {
            let begin = format!("{name}=");
            if let Some(value) = config.env.iter().flatten().find_map(|variable| variable.strip_prefix(&begin)) {
                self.attributes.insert(name, value.to_owned());
            }
        }
    }
}

/// `10m`, `1g`, `512`, in powers of 1024 as Docker reads them.
pub fn parse_size(text: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at_checked(digits)?;
    let scale = match unit.trim() {
        "" | "b" => 1u64,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return None,
    };
    match number.parse::<u64>() {
        Ok(number) => number.checked_mul(scale),
        Err(_) => number.parse::<f64>().ok().map(|number| (number * scale as f64) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(kind: &str, options: &[(&str, &str)]) -> Result<LogOptions> {
        let config = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        LogOptions::parse(&LogConfig { kind: kind.into(), config: Some(config) }, PathBuf::from("x"))
    }

    #[test]
    fn options_are_checked_in_dockers_words() {
        assert_eq!(
            config("json-file", &[("bad", "1")]).unwrap_err().to_string(),
            "unknown log opt 'bad' for json-file log driver"
        );
        assert!(config("bad", &[]).unwrap_err().to_string().contains("no log driver named 'bad'"));
        assert!(config("json-file", &[("max-file", "3")]).is_err());
        let options = config("json-file", &[("max-size", "10k"), ("max-file", "3")]).unwrap();
        assert_eq!((options.max_size, options.max_files), (Some(10_240), 3));
        assert!(!config("none", &[]).unwrap().kept);
    }
}
