//! What names stand for: `command`, `type`, `hash`, `alias`, `unalias`,
//! `builtin`, `enable`.

use crate::escapes;
use crate::interp::Found;
use crate::shell::{Run, Shell, Unwind};
use std::rc::Rc;

const RESERVED: &[&str] = &[
    "!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then", "until", "while",
    "[[", "]]", "function", "select", "time", "coproc",
];

fn is_reserved(shell: &Shell, name: &[u8]) -> bool {
    RESERVED.iter().take(if shell.bash() { RESERVED.len() } else { 16 }).any(|word| word.as_bytes() == name)
}

/// `command [-pVv] name [argument…]`
pub fn command(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let (mut short, mut long, mut default_path) = (false, false, false);
    let mut options = super::Options::new(arguments);
    let operands = loop {
        match options.next(b"pvV") {
            super::Parsed::Option(b'v') => short = true,
            super::Parsed::Option(b'V') => long = true,
            super::Parsed::Option(_) => default_path = true,
            super::Parsed::Bad(other) => {
                return shell.bad_option(b"command", other, "command [-pVv] command [arg ...]");
            }
            super::Parsed::Operands(operands) => break operands,
        }
    };
    if short || long {
        let mut status = 0;
        for name in operands {
            if !describe(shell, name, !long, b"command")? {
                status = if shell.bash() { 1 } else { 127 };
            }
        }
        return Ok(status);
    }
    let Some(name) = operands.first() else { return Ok(0) };
    if !shell.array_operands.is_empty() {
        let dropped = arguments.len() - operands.len();
        for array in &mut shell.array_operands {
            array.field -= dropped;
        }
    }
    if let Some(builtin) = super::find(name, shell.bash())
        .filter(|builtin| !shell.disabled_builtins.iter().any(|disabled| disabled == builtin.name.as_bytes()))
    {
        // Without its special properties: an error does not end the script.
        shell.not_special = builtin.special;
        let answer = (builtin.run)(shell, operands);
        shell.not_special = false;
        return match answer {
            Err(Unwind::Error) if builtin.special && !matches!(builtin.name, "eval" | "." | "source") => {
                Ok(shell.status)
            }
            other => other,
        };
    }
    if default_path {
        let path = shell.search_path(name, b"/usr/bin:/bin:/usr/sbin:/sbin");
        return match path {
            Ok(path) => match shell.spawn_external(&path, operands.to_vec(), &crate::interp::spawn_options()) {
                Ok(pid) => shell.wait_foreground(&[pid], Vec::new),
                Err((fields, errno)) => shell.not_found(fields, errno),
            },
            Err(errno) => shell.not_found(operands.to_vec(), errno),
        };
    }
    shell.run_external(operands.to_vec())
}

/// Says what a name stands for; whether it is anything.
fn describe(shell: &mut Shell, name: &[u8], short: bool, builtin: &[u8]) -> Result<bool, Unwind> {
    let mut out = name.to_vec();
    let newline = |mut text: Vec<u8>| {
        text.push(b'\n');
        text
    };
    let bash = shell.bash();
    if let Some(text) = shell.aliases.get(name).cloned().filter(|_| shell.options.expand_aliases || !bash) {
        let text = if short {
            [b"alias ", name, b"=", &escapes::quote_single(&text)].concat()
        } else if bash {
            [name, b" is aliased to `", &text, b"'"].concat()
        } else {
            [name, b" is an alias for ", &text].concat()
        };
        shell.print("command", &newline(text))?;
        return Ok(true);
    }
    if is_reserved(shell, name) {
        if !short {
            out.extend_from_slice(b" is a shell keyword");
        }
        shell.print("command", &newline(out))?;
        return Ok(true);
    }
    match shell.find(name) {
        Found::Function(function) => {
            if !short {
                out.extend_from_slice(if bash { b" is a function\n" } else { b" is a shell function" });
                if bash && let Some(tree) = function.tree() {
                    out.extend_from_slice(&crate::syntax::print::function(&tree));
                }
            }
            shell.print("command", &newline(out))?;
            return Ok(true);
        }
        Found::Builtin(found) => {
            if !short {
                out.extend_from_slice(if found.special && !bash {
                    b" is a special shell builtin"
                } else {
                    b" is a shell builtin"
                });
            }
            shell.print("command", &newline(out))?;
            return Ok(true);
        }
        Found::External => {}
    }
    let hashed = shell.hashed.contains_key(name);
    let path = if name.contains(&b'/') {
        coracle_sdk::fs::access(name, coracle_sdk::fs::Permission { execute: true, ..Default::default() }, true)
            .map(|()| name.to_vec())
            .ok()
    } else if let Some((path, _)) = shell.hashed.get(name) {
        Some(path.clone())
    } else {
        shell.search_path(name, &shell.path()).ok()
    };
    match path {
        Some(path) => {
            let text = if short {
                path
            } else if bash && hashed {
                [name, b" is hashed (", &path, b")"].concat()
            } else {
                [name, b" is ", &path].concat()
            };
            shell.print("command", &newline(text))?;
            Ok(true)
        }
        None => {
            if !short {
                if bash {
                    let text = [name, b": not found"].concat();
                    shell.builtin_error(builtin, &text);
                } else {
                    let text = [name, b": not found\n"].concat();
                    shell.write_error(&text);
                }
            }
            Ok(false)
        }
    }
}

/// `type [-afptP] name…`
pub fn type_of(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let (mut all, mut word, mut path_only, mut force_path, mut no_functions) = (false, false, false, false, false);
    let mut options = super::Options::new(arguments);
    let operands = loop {
        match options.next(if shell.bash() { b"atpPf" } else { b"" }) {
            super::Parsed::Option(b'a') => all = true,
            super::Parsed::Option(b't') => word = true,
            super::Parsed::Option(b'p') => path_only = true,
            super::Parsed::Option(b'P') => force_path = true,
            super::Parsed::Option(_) => no_functions = true,
            super::Parsed::Bad(other) => return shell.bad_option(b"type", other, "type [-afptP] name [name ...]"),
            super::Parsed::Operands(operands) => break operands,
        }
    };
    let mut status = 0;
    for name in operands {
        if force_path || path_only || word {
            let kind = if shell.aliases.contains_key(name) && shell.options.expand_aliases {
                "alias"
            } else if is_reserved(shell, name) {
                "keyword"
            } else if !no_functions && shell.functions.contains_key(name) {
                "function"
            } else if super::find(name, shell.bash()).is_some() {
                "builtin"
            } else {
                "file"
            };
            let path = shell.search_path(name, &shell.path()).ok().or_else(|| {
                name.contains(&b'/').then(|| name.clone()).filter(|name| coracle_sdk::fs::stat(name).is_ok())
            });
            if word {
                if kind != "file" || path.is_some() {
                    shell.print("type", format!("{kind}\n").as_bytes())?;
                } else {
                    status = 1;
                }
            } else if force_path || kind == "file" {
                match path {
                    Some(path) => {
                        shell.print("type", &[&path[..], b"\n"].concat())?;
                    }
                    None => status = 1,
                }
            }
            continue;
        }
        if all {
            let mut any = false;
            if shell.functions.contains_key(name)
                || super::find(name, shell.bash()).is_some()
                || is_reserved(shell, name)
                || shell.aliases.contains_key(name)
            {
                any |= describe(shell, name, false, b"type")?;
                if shell.functions.contains_key(name) && super::find(name, shell.bash()).is_some() {
                    shell.print("type", &[&name[..], b" is a shell builtin\n"].concat())?;
                }
            }
            for directory in shell.path().split(|byte| *byte == b':') {
                if let Ok(path) = shell.search_path(name, directory) {
                    any = true;
                    shell.print("type", &[&name[..], b" is ", &path, b"\n"].concat())?;
                }
            }
            if !any {
                shell.builtin_error(b"type", &[&name[..], b": not found"].concat());
                status = 1;
            }
            continue;
        }
        if !describe(shell, name, false, b"type")? {
            status = if shell.bash() { 1 } else { 127 };
        }
    }
    Ok(status)
}

/// `hash [-r] [name…]`
pub fn hash(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let mut options = super::Options::new(arguments);
    let (mut print, mut delete, mut fixed) = (false, false, None);
    let operands = loop {
        match options.next(b"rdltp") {
            super::Parsed::Option(b'r') => shell.hashed.clear(),
            super::Parsed::Option(b't') => print = true,
            super::Parsed::Option(b'd') => delete = true,
            super::Parsed::Option(b'p') => fixed = options.value().map(<[u8]>::to_vec),
            super::Parsed::Option(_) => {}
            super::Parsed::Bad(other) => {
                return shell.bad_option(b"hash", other, "hash [-lr] [-p pathname] [-dt] [name ...]");
            }
            super::Parsed::Operands(operands) => break operands,
        }
    };
    if operands.is_empty() {
        if arguments.len() > 1 {
            return Ok(0);
        }
        let mut lines: Vec<Vec<u8>> = shell
            .hashed
            .values()
            .map(|(path, hits)| {
                if shell.bash() {
                    [format!("{hits:4}\t").as_bytes(), path, b"\n"].concat()
                } else {
                    [&path[..], b"\n"].concat()
                }
            })
            .collect();
        lines.sort();
        if shell.bash() {
            if lines.is_empty() {
                return shell.print("hash", b"hash: hash table empty\n");
            }
            lines.insert(0, b"hits\tcommand\n".to_vec());
        }
        return shell.print("hash", &lines.concat());
    }
    let mut status = 0;
    for name in operands {
        if let Some(path) = &fixed {
            shell.hashed.insert(name.clone(), (path.clone(), 0));
            continue;
        }
        if delete {
            if shell.hashed.remove(name).is_none() {
                shell.builtin_error(b"hash", &[&name[..], b": not found"].concat());
                status = 1;
            }
            continue;
        }
        if print {
            match shell.hashed.get(name).map(|(path, _)| path.clone()) {
                Some(path) => {
                    shell.print("hash", &[&path[..], b"\n"].concat())?;
                }
                None => {
                    shell.builtin_error(b"hash", &[&name[..], b": not found"].concat());
                    status = 1;
                }
            }
            continue;
        }
        if !matches!(shell.find(name), Found::External) {
            continue;
        }
        match shell.search_path(name, &shell.path()) {
            Ok(path) => {
                shell.hashed.insert(name.clone(), (path, 0));
            }
            Err(_) => {
                shell.builtin_error(b"hash", &[&name[..], b": not found"].concat());
                status = 1;
            }
        }
    }
    Ok(status)
}

/// `alias [name[=value]…]`
pub fn alias(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let mut operands = arguments.get(1..).unwrap_or_default();
    while operands.first().is_some_and(|first| first == b"-p" || first == b"--") {
        operands = operands.get(1..).unwrap_or_default();
    }
    let line = |shell: &Shell, name: &[u8], text: &[u8]| {
        let mut out = if shell.bash() { b"alias ".to_vec() } else { Vec::new() };
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(&escapes::quote_single(text));
        out.push(b'\n');
        out
    };
    if operands.is_empty() {
        let mut lines: Vec<Vec<u8>> = shell.aliases.iter().map(|(name, text)| line(shell, name, text)).collect();
        lines.sort();
        return shell.print("alias", &lines.concat());
    }
    let mut status = 0;
    for operand in operands {
        match operand.iter().skip(1).position(|byte| *byte == b'=') {
            Some(at) => {
                let (name, value) = operand.split_at(at + 1);
                Rc::make_mut(&mut shell.aliases).insert(name.to_vec(), value.get(1..).unwrap_or_default().to_vec());
            }
            None => match shell.aliases.get(operand) {
                Some(text) => {
                    let out = line(shell, operand, text);
                    shell.print("alias", &out)?;
                }
                None => {
                    shell.builtin_error(b"alias", &[&operand[..], b": not found"].concat());
                    status = 1;
                }
            },
        }
    }
    Ok(status)
}

/// `unalias [-a] name…`
pub fn unalias(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let mut options = super::Options::new(arguments);
    let operands = match options.next(b"a") {
        super::Parsed::Option(_) => {
            shell.aliases = Rc::default();
            return Ok(0);
        }
        super::Parsed::Bad(other) => return shell.bad_option(b"unalias", other, "unalias [-a] name [name ...]"),
        super::Parsed::Operands(operands) => operands,
    };
    let mut status = 0;
    for name in operands {
        if Rc::make_mut(&mut shell.aliases).remove(name).is_none() {
            shell.builtin_error(b"unalias", &[&name[..], b": not found"].concat());
            status = 1;
        }
    }
    Ok(status)
}

/// `builtin name [argument…]`
pub fn builtin(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let mut operands = arguments.get(1..).unwrap_or_default();
    if operands.first().is_some_and(|first| first == b"--") {
        operands = operands.get(1..).unwrap_or_default();
    }
    let Some(name) = operands.first() else { return Ok(0) };
    for array in &mut shell.array_operands {
        array.field -= 1;
    }
    match super::find(name, shell.bash()) {
        Some(found) => (found.run)(shell, operands),
        None => {
            shell.builtin_error(b"builtin", &[&name[..], b": not a shell builtin"].concat());
            Ok(1)
        }
    }
}

/// `enable [-anps] [name…]`
pub fn enable(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let (mut off, mut all) = (false, false);
    let mut options = super::Options::new(arguments);
    let operands = loop {
        match options.next(b"anps") {
            super::Parsed::Option(b'n') => off = true,
            super::Parsed::Option(b'a') => all = true,
            super::Parsed::Option(_) => {}
            super::Parsed::Bad(other) => {
                return shell.bad_option(b"enable", other, "enable [-a] [-dnps] [-f filename] [name ...]");
            }
            super::Parsed::Operands(operands) => break operands,
        }
    };
    if operands.is_empty() {
        let mut names: Vec<&str> = super::NAMES.to_vec();
        names.sort_unstable();
        let mut out = Vec::new();
        for name in names {
            let disabled = shell.disabled_builtins.iter().any(|disabled| disabled == name.as_bytes());
            if all || disabled == off {
                out.extend_from_slice(format!("enable {}{name}\n", if disabled { "-n " } else { "" }).as_bytes());
            }
        }
        return shell.print("enable", &out);
    }
    let mut status = 0;
    for name in operands {
        if super::find(name, shell.bash()).is_none() {
            shell.builtin_error(b"enable", &[&name[..], b": not a shell builtin"].concat());
            status = 1;
            continue;
        }
        let list = Rc::make_mut(&mut shell.disabled_builtins);
        list.retain(|disabled| disabled != name);
        if off {
            list.push(name.clone());
        }
    }
    Ok(status)
}
