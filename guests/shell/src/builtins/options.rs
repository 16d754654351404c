//! `set` and `shopt`.

use crate::options::Options;
use crate::shell::{Run, Shell};
use coracle_sdk::signal::Signal;
use std::rc::Rc;

/// `set [-+options] [-o name] [--] [argument…]`
pub fn set(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let operands = arguments.get(1..).unwrap_or_default();
    if operands.is_empty() {
        let mut all: Vec<(Vec<u8>, Vec<u8>)> = shell
            .variables
            .iter()
            .filter(|(_, variable)| variable.value != crate::variables::Value::Unset)
            .map(|(name, variable)| (name.to_vec(), super::declare::plain_line(name, variable)))
            .collect();
        all.sort();
        let mut out: Vec<u8> = all.into_iter().flat_map(|(_, line)| line).collect();
        if shell.bash() && !shell.options.posix {
            let mut names: Vec<Vec<u8>> = shell.functions.keys().cloned().collect();
            names.sort();
            for name in names {
                if let Some(tree) = shell.functions.get(&name).and_then(|function| function.tree()) {
                    out.extend_from_slice(&crate::syntax::print::function(&tree));
                    out.push(b'\n');
                }
            }
        }
        return shell.print("set", &out);
    }
    let mut at = 0;
    while let Some(argument) = operands.get(at) {
        let (on, letters) = match argument.split_first() {
            Some((b'-', letters)) => (true, letters),
            Some((b'+', letters)) if !letters.is_empty() => (false, letters),
            _ => break,
        };
        at += 1;
        if on && letters == b"-" {
            shell.positional = Rc::new(operands.get(at..).unwrap_or_default().to_vec());
            return Ok(0);
        }
        if on && letters.is_empty() {
            // `set -`: tracing off, what follows are parameters.
            shell.options.xtrace = false;
            shell.options.verbose = false;
            if at < operands.len() {
                shell.positional = Rc::new(operands.get(at..).unwrap_or_default().to_vec());
            }
            return Ok(0);
        }
        for letter in letters {
            if *letter == b'o' {
                match operands.get(at) {
                    None => {
                        let text = list(shell, on);
                        return shell.print("set", &text);
                    }
                    Some(name) => {
                        at += 1;
                        if !set_named(shell, name, on) {
                            let mut message = if shell.bash() { Vec::new() } else { b"Illegal option -o ".to_vec() };
                            message.extend_from_slice(name);
                            if shell.bash() {
                                message.extend_from_slice(b": invalid option name");
                            }
                            shell.builtin_error(b"set", &message);
                            return shell.special_failed(b"set", if shell.bash() { 1 } else { 2 });
                        }
                    }
                }
                continue;
            }
            if !set_letter(shell, *letter, on) {
                let sign = if on { b'-' } else { b'+' };
                if !shell.bash() {
                    shell.builtin_error(b"set", &[&b"Illegal option "[..], &[sign, *letter]].concat());
                    return shell.special_failed(b"set", 2);
                }
                return shell.bad_option(
                    b"set",
                    *letter,
                    "set [-abefhkmnptuvxBCEHPT] [-o option-name] [--] [-] [arg ...]",
                );
            }
        }
    }
    if at < operands.len() {
        shell.positional = Rc::new(operands.get(at..).unwrap_or_default().to_vec());
    }
    Ok(0)
}

/// Sets the option with a letter; `false` when there is none.
pub fn set_letter(shell: &mut Shell, letter: u8, on: bool) -> bool {
    match shell.options.by_letter(letter) {
        Some(slot) => {
            *slot = on;
            changed(shell, letter);
            true
        }
        None => letter == b's' || letter == b'i',
    }
}

/// Sets the option with a name; `false` when there is none.
pub fn set_named(shell: &mut Shell, name: &[u8], on: bool) -> bool {
    let letter = Options::SET.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, letter)| *letter);
    match shell.options.by_name(name) {
        Some(slot) => {
            *slot = on;
            changed(shell, letter.unwrap_or(b' '));
            if name == b"posix" && on {
                shell.options.expand_aliases = true;
                shell.options.inherit_errexit = true;
            }
            true
        }
        None => matches!(name, b"debug" | b"log"),
    }
}

fn changed(shell: &mut Shell, letter: u8) {
    if letter == b'm' {
        let monitor = shell.options.monitor;
        if monitor && shell.terminal.is_none() {
            shell.find_terminal();
        }
        if shell.interactive {
            for signal in [Signal::TSTP, Signal::TTIN, Signal::TTOU] {
                if !shell.traps.actions.contains_key(&signal.number()) {
                    let disposition = shell.default_disposition(signal);
                    shell.set_disposition(signal, disposition);
                }
            }
        }
    }
}

fn list(shell: &Shell, readable: bool) -> Vec<u8> {
    let mut options = shell.options;
    let mut out = Vec::new();
    if readable && !shell.bash() {
        out.extend_from_slice(b"Current option settings\n");
    }
    for (name, _) in Options::SET {
        let on = options.by_name(name.as_bytes()).is_some_and(|on| *on);
        let line = if readable {
            if shell.bash() {
                format!("{name:<15}\t{}\n", if on { "on" } else { "off" })
            } else {
                format!("{name:<16}{}\n", if on { "on" } else { "off" })
            }
        } else {
            format!("set {}o {name}\n", if on { '-' } else { '+' })
        };
        out.extend_from_slice(line.as_bytes());
    }
    out
}

/// `shopt [-pqsu] [-o] [name…]`
pub fn shopt(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let (mut set, mut unset, mut print, mut quiet, mut of_set) = (false, false, false, false, false);
    let mut options = super::Options::new(arguments);
    let names = loop {
        match options.next(b"suqpo") {
            super::Parsed::Option(b's') => set = true,
            super::Parsed::Option(b'u') => unset = true,
            super::Parsed::Option(b'p') => print = true,
            super::Parsed::Option(b'q') => quiet = true,
            super::Parsed::Option(b'o') => of_set = true,
            super::Parsed::Option(other) | super::Parsed::Bad(other) => {
                return shell.bad_option(b"shopt", other, "shopt [-pqsu] [-o] [optname ...]");
            }
            super::Parsed::Operands(operands) => break operands,
        }
    };
    let all: Vec<Vec<u8>> = if of_set {
        Options::SET.iter().map(|(name, _)| name.as_bytes().to_vec()).collect()
    } else {
        Options::SHOPT.iter().map(|name| name.as_bytes().to_vec()).collect()
    };
    let mut status = 0;
    let listing = names.is_empty();
    let mut out = Vec::new();
    for name in if listing { &all } else { names } {
        let current =
            if of_set { shell.options.by_name(name).map(|on| *on) } else { shell.options.by_shopt(name).map(|on| *on) };
        let Some(current) = current else {
            let mut message = name.clone();
            message.extend_from_slice(b": invalid shell option name");
            shell.builtin_error(b"shopt", &message);
            status = 1;
            continue;
        };
        if (set || unset) && !listing {
            if of_set {
                set_named(shell, name, set);
            } else if let Some(slot) = shell.options.by_shopt(name) {
                *slot = set;
            }
            continue;
        }
        if listing && ((set && !current) || (unset && current)) {
            continue;
        }
        if !current && !listing {
            status = 1;
        }
        if quiet {
            continue;
        }
        let text = String::from_utf8_lossy(name).into_owned();
        let line = match (print, of_set) {
            (true, true) => format!("set {}o {text}\n", if current { '-' } else { '+' }),
            (true, false) => format!("shopt -{} {text}\n", if current { 's' } else { 'u' }),
            _ => format!("{text:<15}\t{}\n", if current { "on" } else { "off" }),
        };
        out.extend_from_slice(line.as_bytes());
    }
    let printed = shell.print("shopt", &out)?;
    Ok(if printed != 0 { printed } else { status })
}
