//! env and printenv: the environment, and programs in another one.

use coracle_sdk::process::Command;
use coracle_sdk::signal::Signal;
use coracle_sdk::{Errno, env};

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::output::Out;

pub static APPLET: Applet = Applet {
    name: "env",
    directory: "/usr/bin",
    summary: "Run a program in a changed environment",
    usage: "[-iu0] [-C DIR] [-S STRING] [NAME=VALUE]... [PROGRAM ARGUMENT...]

Print the environment or run PROGRAM after setting it up

\t-,-i\tStart with an empty environment
\t-0\tEnd output lines with a zero byte
\t-u NAME\tRemove a variable
\t-C DIR\tRun in DIR
\t-S STRING\tSplit STRING into arguments (for #! lines)
\t-v\tSay what is run",
    run,
};

pub static PRINTENV: Applet = Applet {
    name: "printenv",
    directory: "/usr/bin",
    summary: "Print environment variables",
    usage: "[-0] [VARIABLE]...

Print values of the VARIABLEs, or all",
    run: printenv,
};

fn printenv(call: &Call) -> Outcome {
    let options = call.options("0,null")?;
    let end = if options.has("0") { 0 } else { b'\n' };
    let mut out = Out::stdout();
    let mut status = 0;
    if options.operands.is_empty() {
        for entry in env::entries() {
            out.put(&entry)?;
            out.byte(end)?;
        }
    }
    for name in &options.operands {
        match env::get(name).filter(|_| !name.contains(&b'=')) {
            Some(value) => {
                out.put(&value)?;
                out.byte(end)?;
            }
            None => status = 1,
        }
    }
    out.finish(status)
}

/// Replaces this process; the failure has the status a shell would show.
pub fn replace(command: &Command<'_>) -> Failure {
    let name = command.arguments.first().cloned().unwrap_or_default();
    let errno = command.exec();
    let status = if errno == Errno::NOENT { 127 } else { 126 };
    Failure::Message(format!("can't execute '{}': {errno}", lossy(&name)), status)
}

fn split(text: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word = Vec::new();
    let mut quote = None;
    let mut started = false;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match (byte, quote) {
            (b'\\', None | Some(b'"')) => {
                started = true;
                match bytes.next() {
                    Some(b'n') => word.push(b'\n'),
                    Some(b't') => word.push(b'\t'),
                    Some(b'_') => word.push(b' '),
                    Some(other) => word.push(other),
                    None => {}
                }
            }
            (b'\'' | b'"', None) => {
                quote = Some(byte);
                started = true;
            }
            (byte, Some(open)) if byte == open => quote = None,
            (b' ' | b'\t' | b'\n', None) => {
                if started {
                    words.push(std::mem::take(&mut word));
                    started = false;
                }
            }
            (b'#', None) if !started => break,
            (byte, _) => {
                word.push(byte);
                started = true;
            }
        }
    }
    if started {
        words.push(word);
    }
    words
}

fn run(call: &Call) -> Outcome {
    // -S puts its words where it stands.
    let mut arguments = Vec::new();
    let mut rest = call.arguments.iter();
    while let Some(argument) = rest.next() {
        if let Some(text) = argument.strip_prefix(b"-S").or_else(|| argument.strip_prefix(b"--split-string=")) {
            let text = if text.is_empty() { rest.next().cloned().unwrap_or_default() } else { text.to_vec() };
            arguments.extend(split(&text));
            arguments.extend(rest.by_ref().cloned());
        } else if argument.starts_with(b"-") && argument != b"-" {
            arguments.push(argument.clone());
            if (argument == b"-u" || argument == b"-C")
                && let Some(value) = rest.next()
            {
                arguments.push(value.clone());
            }
        } else {
            arguments.push(argument.clone());
            arguments.extend(rest.by_ref().cloned());
        }
    }
    let inner = Call { applet: call.applet, arguments };
    let options =
        inner.options("+ i,ignore-environment 0,null u:,unset C:,chdir v,debug default-signal:: ignore-signal::")?;
    let mut operands = options.operands.as_slice();
    let mut empty = options.has("i");
    if operands.first().is_some_and(|first| first == b"-") {
        empty = true;
        operands = &operands[1..];
    }
    let mut environment = if empty { Vec::new() } else { env::entries() };
    let remove = |environment: &mut Vec<Vec<u8>>, name: &[u8]| {
        environment.retain(|entry| entry.strip_prefix(name).is_none_or(|rest| !rest.starts_with(b"=")));
    };
    for name in options.values("u") {
        remove(&mut environment, name);
    }
    while let Some((first, after)) = operands.split_first()
        && let Some(at) = first.iter().position(|byte| *byte == b'=')
    {
        let name = &first[..at];
        let place =
            environment.iter().position(|entry| entry.strip_prefix(name).is_some_and(|rest| rest.starts_with(b"=")));
        match place {
            Some(place) => environment[place] = first.clone(),
            None => environment.push(first.clone()),
        }
        operands = after;
    }
    if operands.is_empty() {
        let mut out = Out::stdout();
        for entry in environment {
            out.put(&entry)?;
            out.byte(if options.has("0") { 0 } else { b'\n' })?;
        }
        return out.finish(0);
    }
    let signals = |name: &str| -> Vec<Signal> {
        options
            .in_order()
            .filter(|(found, _)| *found == name)
            .flat_map(|(_, value)| match value {
                Some(list) => list.split(|byte| *byte == b',').filter_map(Signal::parse).collect::<Vec<_>>(),
                None => Signal::all().collect(),
            })
            .collect()
    };
    let mut command = Command::search(operands.to_vec());
    command.environment = Some(environment);
    command.working_directory = options.value("C").map(<[u8]>::to_vec);
    command.defaulted = signals("default-signal");
    command.ignored = signals("ignore-signal");
    Err(replace(&command))
}
