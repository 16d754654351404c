//! `cd`, `pwd` and bash's directory stack.

use crate::shell::{Run, Shell};
use coracle_sdk::{Errno, fs};

/// Removes `.`, `..` and double slashes from an absolute path (XCU cd step 8).
pub fn canonical(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    let mut out = Vec::new();
    for part in parts {
        out.push(b'/');
        out.extend_from_slice(part);
    }
    if out.is_empty() {
        out.push(b'/');
    }
    out
}

impl Shell {
    /// Changes the working directory; PWD and OLDPWD follow.
    pub fn change_directory(&mut self, path: &[u8], physical: bool) -> Result<(), Errno> {
        let logical = if path.first() == Some(&b'/') {
            path.to_vec()
        } else {
            let mut full = self.directory.clone();
            full.push(b'/');
            full.extend_from_slice(path);
            full
        };
        if physical {
            fs::change_directory(path)?;
            self.directory = fs::working_directory().unwrap_or(logical);
            return Ok(());
        }
        // Every directory before a `..` must be there.
        if path.split(|byte| *byte == b'/').any(|part| part == b"..") {
            let mut prefix = Vec::new();
            for part in logical.split(|byte| *byte == b'/') {
                if part == b".." && !prefix.is_empty() {
                    let here = canonical(&prefix);
                    let attributes = fs::stat(&here)?;
                    if !attributes.is_dir() {
                        return Err(Errno::NOTDIR);
                    }
                }
                prefix.push(b'/');
                prefix.extend_from_slice(part);
            }
        }
        let target = canonical(&logical);
        match fs::change_directory(&target) {
            Ok(()) => self.directory = target,
            Err(Errno::NOENT) if path.first() != Some(&b'/') => {
                // What was believed may be gone or renamed: the real way.
                fs::change_directory(path)?;
                self.directory = fs::working_directory().unwrap_or(target);
            }
            Err(errno) => return Err(errno),
        }
        Ok(())
    }

    /// The directory stack, the working directory first.
    pub fn directory_stack_with_current(&self) -> Vec<Vec<u8>> {
        let mut stack = vec![self.directory.clone()];
        stack.extend(self.directory_stack.iter().cloned());
        stack
    }

    fn moved(&mut self, before: Vec<u8>) -> Result<(), crate::shell::Unwind> {
        self.assign_scalar(b"OLDPWD", before, false)?;
        let directory = self.directory.clone();
        self.assign_scalar(b"PWD", directory, false)
    }

    fn tilde(&self, path: &[u8]) -> Vec<u8> {
        match self.get(b"HOME") {
            Some(home)
                if home.len() > 1 && path.starts_with(&home) && matches!(path.get(home.len()), None | Some(b'/')) =>
            {
                [b"~", path.get(home.len()..).unwrap_or_default()].concat()
            }
            _ => path.to_vec(),
        }
    }
}

/// `cd [-L|-P] [directory]`
pub fn cd(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let mut physical = shell.options.physical;
    let mut options = super::Options::new(arguments);
    let operands = loop {
        match options.next(b"LPe@") {
            super::Parsed::Option(b'L') => physical = false,
            super::Parsed::Option(b'P') => physical = true,
            super::Parsed::Option(_) => {}
            super::Parsed::Bad(other) => return shell.bad_option(b"cd", other, "cd [-L|[-P [-e]] [-@]] [dir]"),
            super::Parsed::Operands(operands) => break operands,
        }
    };
    if operands.len() > 1 && shell.bash() {
        shell.builtin_error(b"cd", b"too many arguments");
        return Ok(1);
    }
    let mut show = false;
    let target = match operands.first() {
        None => match shell.get(b"HOME") {
            Some(home) => home,
            None => {
                shell.builtin_error(b"cd", b"HOME not set");
                return Ok(if shell.bash() { 1 } else { 2 });
            }
        },
        Some(dash) if dash == b"-" => match shell.get(b"OLDPWD") {
            Some(old) => {
                show = true;
                old
            }
            None => {
                shell.builtin_error(b"cd", b"OLDPWD not set");
                return Ok(if shell.bash() { 1 } else { 2 });
            }
        },
        Some(directory) => directory.clone(),
    };
    let before = shell.directory.clone();
    if target.is_empty() {
        return Ok(0);
    }
    let mut chosen = target.clone();
    let dotted = matches!(target.split(|byte| *byte == b'/').next(), Some(b"." | b".."));
    if target.first() != Some(&b'/')
        && !dotted
        && !show
        && let Some(paths) = shell.get(b"CDPATH")
    {
        for prefix in paths.split(|byte| *byte == b':') {
            let mut candidate = prefix.to_vec();
            if !candidate.is_empty() && !candidate.ends_with(b"/") {
                candidate.push(b'/');
            }
            candidate.extend_from_slice(&target);
            if fs::stat(&candidate).is_ok_and(|attributes| attributes.is_dir()) {
                show = !prefix.is_empty() && prefix != b".";
                chosen = candidate;
                break;
            }
        }
    }
    let mut answer = shell.change_directory(&chosen, physical);
    if answer.is_err()
        && shell.options.cdable_vars
        && let Some(value) = shell.get(&target)
    {
        answer = shell.change_directory(&value, physical);
        show = answer.is_ok();
    }
    if let Err(errno) = answer {
        let message = if shell.bash() {
            [&target[..], b": ", errno.message().as_bytes()].concat()
        } else {
            [b"can't cd to ", &target[..]].concat()
        };
        shell.builtin_error(b"cd", &message);
        return Ok(if shell.bash() { 1 } else { 2 });
    }
    shell.moved(before)?;
    if show {
        let line = [&shell.directory[..], b"\n"].concat();
        return shell.print("cd", &line);
    }
    Ok(0)
}

/// `pwd [-L|-P]`
pub fn pwd(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let mut physical = shell.options.physical;
    let mut options = super::Options::new(arguments);
    loop {
        match options.next(b"LP") {
            super::Parsed::Option(b'P') => physical = true,
            super::Parsed::Option(_) => physical = false,
            super::Parsed::Bad(other) => return shell.bad_option(b"pwd", other, "pwd [-LP]"),
            super::Parsed::Operands(_) => break,
        }
    }
    let directory = if physical {
        match fs::working_directory() {
            Ok(directory) => fs::real_path(&directory).unwrap_or(directory),
            Err(errno) => {
                shell.builtin_error(b"pwd", errno.message().as_bytes());
                return Ok(1);
            }
        }
    } else {
        shell.directory.clone()
    };
    shell.print("pwd", &[&directory[..], b"\n"].concat())
}

/// `dirs [-clpv]`
pub fn dirs(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let (mut clear, mut long, mut lines, mut numbered) = (false, false, false, false);
    let mut index = None;
    for argument in arguments.iter().skip(1) {
        match argument.as_slice() {
            b"-c" => clear = true,
            b"-l" => long = true,
            b"-p" => lines = true,
            b"-v" => numbered = true,
            other => match stack_index(shell, other) {
                Some(at) => index = Some(at),
                None => {
                    shell.builtin_error(b"dirs", &[other, b": invalid option"].concat());
                    return Ok(2);
                }
            },
        }
    }
    if clear {
        shell.directory_stack.clear();
        return Ok(0);
    }
    let stack: Vec<Vec<u8>> = shell
        .directory_stack_with_current()
        .iter()
        .map(|path| if long { path.clone() } else { shell.tilde(path) })
        .collect();
    let stack = match index {
        Some(at) => stack.get(at).cloned().into_iter().collect(),
        None => stack,
    };
    let mut out = Vec::new();
    for (number, path) in stack.iter().enumerate() {
        if numbered {
            out.extend_from_slice(format!("{number:2}  ").as_bytes());
        }
        out.extend_from_slice(path);
        out.push(if lines || numbered || number + 1 == stack.len() { b'\n' } else { b' ' });
    }
    shell.print("dirs", &out)
}

/// `+n` and `-n`
fn stack_index(shell: &Shell, text: &[u8]) -> Option<usize> {
    let count = shell.directory_stack.len() + 1;
    match text.split_first() {
        Some((b'+', rest)) => super::number(rest).and_then(|at| usize::try_from(at).ok()).filter(|at| *at < count),
        Some((b'-', rest)) => {
            super::number(rest).and_then(|at| usize::try_from(at).ok()).and_then(|at| (count - 1).checked_sub(at))
        }
        _ => None,
    }
}

/// `pushd [-n] [directory | +n | -n]`
pub fn pushd(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let before = shell.directory.clone();
    let mut stack = shell.directory_stack_with_current();
    let operand =
        arguments.iter().skip(1).find(|argument| argument.as_slice() != b"-n" && argument.as_slice() != b"--").cloned();
    let stay = arguments.iter().skip(1).any(|argument| argument == b"-n");
    match operand {
        None => {
            if stack.len() < 2 {
                shell.builtin_error(b"pushd", b"no other directory");
                return Ok(1);
            }
            stack.swap(0, 1);
        }
        Some(text) if matches!(text.first(), Some(b'+' | b'-')) && text.len() > 1 => match stack_index(shell, &text) {
            Some(at) => stack.rotate_left(at),
            None => {
                shell.builtin_error(b"pushd", &[&text[..], b": directory stack index out of range"].concat());
                return Ok(1);
            }
        },
        Some(text) => {
            if stay {
                stack.insert(1, text);
            } else {
                stack.insert(0, text);
            }
        }
    }
    go(shell, "pushd", stack, before)
}

/// Makes the first of `stack` the working directory and shows the stack.
fn go(shell: &mut Shell, name: &str, stack: Vec<Vec<u8>>, before: Vec<u8>) -> Run {
    let Some((first, rest)) = stack.split_first() else { return Ok(1) };
    if *first != before
        && let Err(errno) = shell.change_directory(first, false)
    {
        shell.builtin_error(name.as_bytes(), &[&first[..], b": ", errno.message().as_bytes()].concat());
        return Ok(1);
    }
    shell.directory_stack = rest.to_vec();
    shell.moved(before)?;
    dirs(shell, &[b"dirs".to_vec()])
}

/// `popd [-n] [+n | -n]`
pub fn popd(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let before = shell.directory.clone();
    let mut stack = shell.directory_stack_with_current();
    let at = match arguments.get(1) {
        None => 0,
        Some(text) => match stack_index(shell, text) {
            Some(at) => at,
            None => {
                shell.builtin_error(b"popd", &[&text[..], b": directory stack index out of range"].concat());
                return Ok(1);
            }
        },
    };
    if stack.len() < 2 {
        shell.builtin_error(b"popd", b"directory stack empty");
        return Ok(1);
    }
    stack.remove(at);
    go(shell, "popd", stack, before)
}
