//! The instructions and how each reads its text.

use super::error::DockerfileError;
use super::lines::{self, LogicalLine};
use super::words::{flags, json_strings, pairs, words};

/// A command in exec or shell form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `["program", "argument"]`
    Exec(Vec<String>),
    /// A line for the shell.
    Shell(String),
}

/// A here-document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// Its delimiter, also the file name that `COPY` gives it.
    pub name: String,
    /// Its lines, each with its line end.
    pub content: String,
    /// Whether variables in it are substituted (`COPY`, `ADD`): not with a quoted delimiter.
    pub expand: bool,
    /// `<<-`: leading tabs are cut.
    pub strip_tabs: bool,
}

/// `RUN --mount=…`: its `name=value` fields in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount(pub Vec<(String, String)>);

impl Mount {
    /// The value of a field; a field without value counts as `true`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// Flags of `RUN`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFlags {
    /// `--mount`, in order.
    pub mounts: Vec<Mount>,
    /// `--network`
    pub network: Option<String>,
    /// `--security`
    pub security: Option<String>,
}

/// Flags of `COPY` and `ADD`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyFlags {
    /// `--from`: a stage or an image.
    pub from: Option<String>,
    /// `--chown`
    pub chown: Option<String>,
    /// `--chmod`
    pub chmod: Option<String>,
    /// `--link`
    pub link: bool,
    /// `--parents`
    pub parents: bool,
    /// `--exclude`, in order.
    pub exclude: Vec<String>,
    /// `ADD --checksum`
    pub checksum: Option<String>,
    /// `ADD --keep-git-dir`
    pub keep_git_dir: bool,
    /// `ADD --unpack`
    pub unpack: Option<bool>,
}

/// A `HEALTHCHECK`; durations as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthcheck {
    /// `--interval`
    pub interval: Option<String>,
    /// `--timeout`
    pub timeout: Option<String>,
    /// `--start-period`
    pub start_period: Option<String>,
    /// `--start-interval`
    pub start_interval: Option<String>,
    /// `--retries`
    pub retries: Option<String>,
    /// What is run.
    pub command: Command,
}

/// An instruction. Texts may hold variables and quotes unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the Dockerfile reference's")]
pub enum Instruction {
    Add {
        flags: CopyFlags,
        sources: Vec<String>,
        target: String,
        heredocs: Vec<Heredoc>,
    },
    Arg(Vec<(String, Option<String>)>),
    Cmd(Command),
    Copy {
        flags: CopyFlags,
        sources: Vec<String>,
        target: String,
        heredocs: Vec<Heredoc>,
    },
    Entrypoint(Command),
    Env(Vec<(String, String)>),
    Expose(Vec<String>),
    From {
        base: String,
        name: Option<String>,
        platform: Option<String>,
    },
    Healthcheck(Option<Healthcheck>),
    Label(Vec<(String, String)>),
    Maintainer(String),
    /// The trigger's text.
    Onbuild(String),
    Run {
        flags: RunFlags,
        command: Command,
        heredocs: Vec<Heredoc>,
    },
    Shell(Vec<String>),
    Stopsignal(String),
    User(String),
    Volume(Vec<String>),
    Workdir(String),
}

type Outcome<T> = Result<T, DockerfileError>;

/// Reads one logical line.
pub fn parse(line: &LogicalLine, escape: char) -> Outcome<Instruction> {
    let (word, rest) = line.text.split_once(char::is_whitespace).unwrap_or((line.text.as_str(), ""));
    let name = word.to_ascii_uppercase();
    let rest = rest.trim();
    let parsed = match name.as_str() {
        "ADD" | "COPY" => copy(&name, rest, line, escape)?,
        "ARG" => argument(rest, escape)?,
        "CMD" => Instruction::Cmd(command(rest)),
        "ENTRYPOINT" => Instruction::Entrypoint(command(rest)),
        "ENV" => Instruction::Env(pairs("ENV", rest, escape)?),
        "EXPOSE" => Instruction::Expose(at_least_one(&name, words(rest, escape))?),
        "FROM" => from(rest)?,
        "HEALTHCHECK" => healthcheck(rest)?,
        "LABEL" => Instruction::Label(pairs("LABEL", rest, escape)?),
        "MAINTAINER" => Instruction::Maintainer(exactly_one(&name, rest)?),
        "ONBUILD" => onbuild(rest)?,
        "RUN" => run(rest, line)?,
        "SHELL" => match json_strings(rest) {
            Some(words) if !words.is_empty() => Instruction::Shell(words),
            _ => return Err(fault("SHELL requires the arguments to be in JSON form".to_owned())),
        },
        "STOPSIGNAL" => Instruction::Stopsignal(exactly_one(&name, rest)?),
        "USER" => Instruction::User(exactly_one(&name, rest)?),
        "VOLUME" => {
            let volumes = json_strings(rest).unwrap_or_else(|| words(rest, escape));
            if volumes.iter().any(|volume| volume.trim().is_empty()) {
                return Err(fault("VOLUME specified can not be an empty string".to_owned()));
            }
            Instruction::Volume(at_least_one(&name, volumes)?)
        }
        "WORKDIR" => Instruction::Workdir(exactly_one(&name, rest)?),
        _ => return Err(fault(format!("unknown instruction: {word}{}", suggestion(&name)))),
    };
    Ok(parsed)
}

const NAMES: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// ` (did you mean FROM?)` where a name is at most two edits away.
fn suggestion(word: &str) -> String {
    let near = NAMES.iter().map(|name| (edits(word, name), name)).filter(|(edits, _)| *edits < 3).min();
    near.map(|(_, name)| format!(" (did you mean {name}?)")).unwrap_or_default()
}

/// The Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (index, left) in a.bytes().enumerate() {
        let mut diagonal = index;
        let mut previous = index + 1;
        for (cell, right) in row.iter_mut().skip(1).zip(b.bytes()) {
            let substituted = diagonal + usize::from(left != right);
            diagonal = *cell;
            previous = substituted.min(previous + 1).min(*cell + 1);
            *cell = previous;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

fn fault(text: String) -> DockerfileError {
    DockerfileError::Fault(text)
}

fn exactly_one(name: &str, rest: &str) -> Outcome<String> {
    if rest.is_empty() {
        return Err(fault(format!("{name} requires exactly one argument")));
    }
    Ok(rest.to_owned())
}

fn at_least_one(name: &str, words: Vec<String>) -> Outcome<Vec<String>> {
    if words.is_empty() {
        return Err(fault(format!("{name} requires at least one argument")));
    }
    Ok(words)
}

fn command(rest: &str) -> Command {
    match json_strings(rest) {
        Some(words) => Command::Exec(words),
        None => Command::Shell(rest.to_owned()),
    }
}

fn unknown_flag(name: &str) -> DockerfileError {
    fault(format!("unknown flag: --{name}"))
}

fn value(name: &str, value: Option<&str>) -> Outcome<String> {
    value.map(str::to_owned).ok_or_else(|| fault(format!("missing a value on flag: {name}")))
}

fn switch(name: &str, value: Option<&str>) -> Outcome<bool> {
    match value {
        None | Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(other) => Err(fault(format!("expecting boolean value for flag {name}, not: {other}"))),
    }
}

fn from(rest: &str) -> Outcome<Instruction> {
    let (flags, rest) = flags(rest);
    let mut platform = None;
    for (name, given) in flags {
        match name {
            "platform" => platform = Some(value(name, given)?),
            _ => return Err(unknown_flag(name)),
        }
    }
    let words: Vec<&str> = rest.split_whitespace().collect();
    match words.as_slice() {
        [base] => Ok(Instruction::From { base: (*base).to_owned(), name: None, platform }),
        [base, by, name] if by.eq_ignore_ascii_case("as") => {
            let name = name.to_ascii_lowercase();
            let mut letters = name.chars();
            let valid = letters.next().is_some_and(|first| first.is_ascii_lowercase())
                && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'));
            if !valid {
                return Err(fault(format!(
                    "invalid name for build stage: \"{name}\", name can't start with a number or contain symbols"
                )));
            }
            Ok(Instruction::From { base: (*base).to_owned(), name: Some(name), platform })
        }
        _ => Err(fault("FROM requires either one or three arguments".to_owned())),
    }
}

fn argument(rest: &str, escape: char) -> Outcome<Instruction> {
    let words = at_least_one("ARG", words(rest, escape))?;
    let arguments = words.into_iter().map(|word| match word.split_once('=') {
        Some(("", _)) => Err(fault("ARG names can not be blank".to_owned())),
        Some((name, default)) => Ok((name.to_owned(), Some(default.to_owned()))),
        None => Ok((word, None)),
    });
    Ok(Instruction::Arg(arguments.collect::<Outcome<_>>()?))
}

fn onbuild(rest: &str) -> Outcome<Instruction> {
    let trigger =
        exactly_one("ONBUILD", rest).map_err(|_| fault("ONBUILD requires at least one argument".to_owned()))?;
    let word = trigger.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    match word.as_str() {
        "ONBUILD" => Err(fault("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed".to_owned())),
        "MAINTAINER" | "FROM" => Err(fault(format!("{word} isn't allowed as an ONBUILD trigger"))),
        _ => Ok(Instruction::Onbuild(trigger)),
    }
}

fn run(rest: &str, line: &LogicalLine) -> Outcome<Instruction> {
    let (given, rest) = flags(rest);
    let mut flags = RunFlags::default();
    for (name, given) in given {
        match name {
            "mount" => flags.mounts.push(mount(&value(name, given)?)),
            "network" => flags.network = Some(value(name, given)?),
            "security" => flags.security = Some(value(name, given)?),
            _ => return Err(unknown_flag(name)),
        }
    }
    if rest.is_empty() {
        return Err(fault("RUN requires at least one argument".to_owned()));
    }
    Ok(Instruction::Run { flags, command: command(rest), heredocs: line.heredocs.clone() })
}

fn mount(text: &str) -> Mount {
    let text = text.trim_matches('"');
    Mount(
        text.split(',')
            .map(|field| {
                let (name, value) = field.split_once('=').unwrap_or((field, "true"));
                (name.trim().to_ascii_lowercase(), value.to_owned())
            })
            .collect(),
    )
}

fn copy(name: &str, rest: &str, line: &LogicalLine, escape: char) -> Outcome<Instruction> {
    let (given, rest) = flags(rest);
    let mut flags = CopyFlags::default();
    let add = name == "ADD";
    for (name, given) in given {
        match name {
            "from" if !add => flags.from = Some(value(name, given)?),
            "chown" => flags.chown = Some(value(name, given)?),
            "chmod" => flags.chmod = Some(value(name, given)?),
            "link" => flags.link = switch(name, given)?,
            "parents" if !add => flags.parents = switch(name, given)?,
            "exclude" => flags.exclude.push(value(name, given)?),
            "checksum" if add => flags.checksum = Some(value(name, given)?),
            "keep-git-dir" if add => flags.keep_git_dir = switch(name, given)?,
            "unpack" if add => flags.unpack = Some(switch(name, given)?),
            _ => return Err(unknown_flag(name)),
        }
    }
    let mut words = json_strings(rest).unwrap_or_else(|| words(rest, escape));
    let target = match (words.pop(), words.len()) {
        (Some(target), 1..) => target,
        (Some(_), 0) => {
            return Err(fault(format!(
                "{name} requires at least two arguments, but only one was provided. Destination could not be determined"
            )));
        }
        (None, _) => return Err(fault(format!("{name} requires at least two arguments"))),
    };
    let sources = words.into_iter().filter(|word| lines::heredoc_word(word).is_none()).collect();
    let heredocs = line.heredocs.clone();
    Ok(if add {
        Instruction::Add { flags, sources, target, heredocs }
    } else {
        Instruction::Copy { flags, sources, target, heredocs }
    })
}

fn healthcheck(rest: &str) -> Outcome<Instruction> {
    let (given, rest) = flags(rest);
    let (kind, command_text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    match kind.to_ascii_uppercase().as_str() {
        "" => Err(fault("HEALTHCHECK requires at least one argument".to_owned())),
        "NONE" if command_text.trim().is_empty() => Ok(Instruction::Healthcheck(None)),
        "NONE" => Err(fault("HEALTHCHECK NONE takes no arguments".to_owned())),
        "CMD" => {
            let command_text = command_text.trim();
            if command_text.is_empty() {
                return Err(fault("Missing command after HEALTHCHECK CMD".to_owned()));
            }
            let mut check = Healthcheck {
                interval: None,
                timeout: None,
                start_period: None,
                start_interval: None,
                retries: None,
                command: command(command_text),
            };
            for (name, given) in given {
                let field = match name {
                    "interval" => &mut check.interval,
                    "timeout" => &mut check.timeout,
                    "start-period" => &mut check.start_period,
                    "start-interval" => &mut check.start_interval,
                    "retries" => &mut check.retries,
                    _ => return Err(unknown_flag(name)),
                };
                *field = Some(value(name, given)?);
            }
            Ok(Instruction::Healthcheck(Some(check)))
        }
        other => Err(fault(format!("Unknown type \"{other}\" in HEALTHCHECK (try CMD)"))),
    }
}
