//! What steers the shell: `.` `:` `break` `continue` `eval` `exec` `exit`
//! `return` `shift`, and `true`, `false`, `let`, `caller`.

use super::number;
use crate::interp::spawn_options;
use crate::shell::{Run, Shell, Unwind};
use coracle_sdk::process::{Command, Program};
use coracle_sdk::{Errno, fs};
use std::rc::Rc;

/// `:`
pub fn colon(_: &mut Shell, _: &[Vec<u8>]) -> Run {
    Ok(0)
}

/// `true`
pub fn succeed(_: &mut Shell, _: &[Vec<u8>]) -> Run {
    Ok(0)
}

/// `false`
pub fn fail(_: &mut Shell, _: &[Vec<u8>]) -> Run {
    Ok(1)
}

fn levels(shell: &mut Shell, arguments: &[Vec<u8>]) -> Result<u32, Run> {
    let arguments = if arguments.get(1).is_some_and(|first| first == b"--") {
        arguments.get(1..).unwrap_or_default()
    } else {
        arguments
    };
    let Some(text) = arguments.get(1) else { return Ok(1) };
    let name = arguments.first().cloned().unwrap_or_default();
    match number(text) {
        Some(count) if count > 0 => Ok(u32::try_from(count).unwrap_or(u32::MAX)),
        Some(_) if shell.bash() => {
            let mut message = text.clone();
            message.extend_from_slice(b": loop count out of range");
            shell.builtin_error(b"break", &message);
            Err(Err(Unwind::Break(shell.loops.max(1))))
        }
        _ => {
            let mut message = if shell.bash() { Vec::new() } else { b"Illegal number: ".to_vec() };
            message.extend_from_slice(text);
            if shell.bash() {
                message.extend_from_slice(b": numeric argument required");
            }
            shell.builtin_error(&name, &message);
            shell.status = if shell.bash() { 128 } else { 2 };
            Err(Err(if shell.bash() { Unwind::Exit } else { Unwind::Error }))
        }
    }
}

/// `break [n]`
pub fn break_loop(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let count = match levels(shell, arguments) {
        Ok(count) => count,
        Err(answer) => return answer,
    };
    if shell.loops == 0 {
        if shell.bash() {
            shell.builtin_error(b"break", b"only meaningful in a `for', `while', or `until' loop");
        }
        return Ok(0);
    }
    shell.status = 0;
    Err(Unwind::Break(count.min(shell.loops)))
}

/// `continue [n]`
pub fn continue_loop(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let count = match levels(shell, arguments) {
        Ok(count) => count,
        Err(answer) => return answer,
    };
    if shell.loops == 0 {
        if shell.bash() {
            shell.builtin_error(b"continue", b"only meaningful in a `for', `while', or `until' loop");
        }
        return Ok(0);
    }
    shell.status = 0;
    Err(Unwind::Continue(count.min(shell.loops)))
}

fn status_operand(shell: &mut Shell, arguments: &[Vec<u8>]) -> Result<i32, Run> {
    let arguments = if arguments.get(1).is_some_and(|first| first == b"--") {
        arguments.get(1..).unwrap_or_default()
    } else {
        arguments
    };
    let Some(text) = arguments.get(1) else { return Ok(shell.status) };
    match number(text) {
        Some(status) => Ok((status & 0xff) as i32),
        None => {
            let name = arguments.first().cloned().unwrap_or_default();
            let mut message = if shell.bash() { Vec::new() } else { b"Illegal number: ".to_vec() };
            message.extend_from_slice(text);
            if shell.bash() {
                message.extend_from_slice(b": numeric argument required");
            }
            shell.builtin_error(&name, &message);
            shell.status = 2;
            Err(Err(if shell.bash() { Unwind::Exit } else { Unwind::Error }))
        }
    }
}

/// `exit [n]`
pub fn exit(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    if shell.interactive
        && !shell.exit_warned
        && shell.jobs.list.iter().any(|job| matches!(job.state(), crate::jobs::State::Stopped(_)))
    {
        shell.exit_warned = true;
        shell.write_error(b"There are stopped jobs.\n");
        return Ok(1);
    }
    match status_operand(shell, arguments) {
        Ok(status) => {
            shell.status = status;
            Err(Unwind::Exit)
        }
        Err(answer) => answer,
    }
}

/// `return [n]`
pub fn return_from(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let status = match status_operand(shell, arguments) {
        Ok(status) => status,
        Err(answer) => return answer,
    };
    if shell.bash() && shell.frames.len() <= 1 && !shell.frames.iter().any(|frame| frame.is_function) {
        shell.builtin_error(b"return", b"can only `return' from a function or sourced script");
        return Ok(1);
    }
    shell.status = status;
    Err(Unwind::Return)
}

/// `shift [n]`
pub fn shift(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let arguments = if arguments.get(1).is_some_and(|first| first == b"--") {
        arguments.get(1..).unwrap_or_default()
    } else {
        arguments
    };
    let count = match arguments.get(1) {
        None => 1,
        Some(text) => match number(text) {
            Some(count) if count >= 0 => count as usize,
            other => {
                let mut message = if shell.bash() { Vec::new() } else { b"Illegal number: ".to_vec() };
                message.extend_from_slice(text);
                if shell.bash() {
                    message.extend_from_slice(if other.is_some() {
                        b": shift count out of range"
                    } else {
                        b": numeric argument required"
                    });
                }
                shell.builtin_error(b"shift", &message);
                return shell.special_failed(b"shift", if shell.bash() { 1 } else { 2 });
            }
        },
    };
    if count > shell.positional.len() {
        if shell.bash() {
            if shell.options.shift_verbose {
                shell.builtin_error(b"shift", format!("{count}: shift count out of range").as_bytes());
            }
            return Ok(1);
        }
        shell.builtin_error(b"shift", b"can't shift that many");
        return shell.special_failed(b"shift", 2);
    }
    Rc::make_mut(&mut shell.positional).drain(..count);
    Ok(0)
}

/// `eval [arguments]`
pub fn eval(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let operands = arguments.get(1..).unwrap_or_default();
    let operands = match operands.first() {
        Some(first) if first == b"--" => operands.get(1..).unwrap_or_default(),
        _ => operands,
    };
    let text = operands.join(&b' ');
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(0);
    }
    let line = shell.line;
    shell.run_text(text.into(), line, "eval")
}

/// `. file [arguments]`
pub fn dot(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let name = arguments.first().cloned().unwrap_or_default();
    let operands = arguments.get(1..).unwrap_or_default();
    let operands = match operands.first() {
        Some(first) if first == b"--" => operands.get(1..).unwrap_or_default(),
        _ => operands,
    };
    let Some(file) = operands.first() else {
        if shell.bash() {
            shell.builtin_error(&name, b"filename argument required");
            return Ok(2);
        }
        return Ok(0);
    };
    let path = if file.contains(&b'/') { Some(file.clone()) } else { find_sourced(shell, file) };
    let opened = match &path {
        Some(path) => match fs::stat(path) {
            Ok(attributes) if attributes.is_dir() => Err(Errno::ISDIR),
            _ => coracle_sdk::open(path),
        },
        None => Err(Errno::NOENT),
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(errno) => {
            if shell.bash() {
                let mut message = Vec::new();
                if errno == Errno::ISDIR {
                    message.extend_from_slice(&name);
                    message.extend_from_slice(b": ");
                }
                message.extend_from_slice(file);
                message.extend_from_slice(
                    match errno {
                        Errno::ISDIR => b": is a directory".to_vec(),
                        other => format!(": {other}").into_bytes(),
                    }
                    .as_slice(),
                );
                shell.complain(&message);
                return Ok(1);
            }
            let mut message = if file.contains(&b'/') { b"cannot open ".to_vec() } else { Vec::new() };
            message.extend_from_slice(file);
            message.extend_from_slice(
                if file.contains(&b'/') && errno == Errno::NOENT {
                    b": No such file".to_vec()
                } else if errno == Errno::NOENT {
                    b": not found".to_vec()
                } else {
                    format!(": {errno}").into_bytes()
                }
                .as_slice(),
            );
            shell.builtin_error(b".", &message);
            return shell.special_failed(&name, 2);
        }
    };
    let mut before = None;
    if operands.len() > 1 {
        before =
            Some(std::mem::replace(&mut shell.positional, Rc::new(operands.get(1..).unwrap_or_default().to_vec())));
    }
    let given = shell.positional.clone();
    let answer = shell.run_file(opened, path.as_deref().unwrap_or(file));
    if let Some(before) = before
        && (Rc::ptr_eq(&given, &shell.positional) || !shell.bash())
    {
        shell.positional = before;
    }
    answer
}

fn find_sourced(shell: &Shell, name: &[u8]) -> Option<Vec<u8>> {
    for directory in shell.path().split(|byte| *byte == b':') {
        let mut candidate = directory.to_vec();
        if !candidate.is_empty() {
            candidate.push(b'/');
        }
        candidate.extend_from_slice(name);
        if fs::stat(&candidate).is_ok_and(|attributes| !attributes.is_dir()) {
            return Some(candidate);
        }
    }
    // bash looks in the working directory too; POSIX's shells do not.
    (shell.bash() && fs::stat(name).is_ok()).then(|| name.to_vec())
}

/// `exec [command]`
pub fn exec(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let mut operands = arguments.get(1..).unwrap_or_default();
    let mut name = None;
    let mut clean = false;
    while let Some(first) = operands.first() {
        match first.as_slice() {
            b"--" => {
                operands = operands.get(1..).unwrap_or_default();
                break;
            }
            b"-a" if shell.bash() || operands.len() > 2 => {
                name = operands.get(1).cloned();
                operands = operands.get(2..).unwrap_or_default();
            }
            b"-c" if shell.bash() => {
                clean = true;
                operands = operands.get(1..).unwrap_or_default();
            }
            b"-l" if shell.bash() => {
                let mut login = b"-".to_vec();
                login.extend_from_slice(operands.get(1).map(Vec::as_slice).unwrap_or_default());
                name = Some(login);
                operands = operands.get(1..).unwrap_or_default();
            }
            _ => break,
        }
    }
    let Some(command) = operands.first() else {
        shell.keep_redirections = true;
        return Ok(0);
    };
    let mut fields = operands.to_vec();
    if let (Some(name), Some(first)) = (name, fields.first_mut()) {
        *first = name;
    }
    let path = shell.find_in_path(command);
    let errno = match path {
        Err(errno) => errno,
        Ok(path) => {
            if shell.in_place > 0 {
                // Only this subshell is replaced.
                match shell.spawn_external(&path, fields, &spawn_options()) {
                    Ok(pid) => {
                        shell.status = shell.wait_foreground(&[pid], Vec::new)?;
                        shell.traps.actions.remove(&crate::traps::EXIT);
                        return Err(Unwind::Exit);
                    }
                    Err((_, errno)) => errno,
                }
            } else {
                exec_program(shell, &path, fields, clean)
            }
        }
    };
    let command = command.clone();
    if shell.bash() && errno == Errno::NOENT {
        let mut message = b"exec: ".to_vec();
        message.extend_from_slice(&command);
        message.extend_from_slice(if command.contains(&b'/') {
            b": cannot execute: No such file or directory"
        } else {
            b": not found"
        });
        shell.complain(&message);
        shell.status = 127;
    } else if shell.bash() {
        let mut message = command.clone();
        message.extend_from_slice(format!(": {errno}").as_bytes());
        shell.builtin_error(b"exec", &message);
        shell.status = 126;
    } else {
        let mut message = command;
        message.extend_from_slice(
            if errno == Errno::NOENT { b": not found".to_vec() } else { format!(": {errno}").into_bytes() }.as_slice(),
        );
        shell.builtin_error(b"exec", &message);
        shell.status = if errno == Errno::NOENT { 127 } else { 126 };
    }
    if shell.interactive || (shell.bash() && shell.options.execfail) {
        return Ok(shell.status);
    }
    Err(Unwind::Exit)
}

/// Replaces the process; answers why it could not.
fn exec_program(shell: &mut Shell, path: &[u8], fields: Vec<Vec<u8>>, clean: bool) -> Errno {
    let handles = match shell.files.handles() {
        Ok(handles) => handles,
        Err(errno) => return errno,
    };
    let mut command = Command::new(Program::Path(path.to_vec()));
    command.environment = Some(if clean { Vec::new() } else { shell.variables.environment().to_vec() });
    command.files = handles.iter().filter_map(|(number, handle)| Some((*number, handle.file()?))).collect();
    command.arguments = fields;
    command.defaulted = shell.restored_signals();
    let errno = command.exec();
    if errno != Errno::NOEXEC || !crate::interp::is_script(path) {
        return errno;
    }
    let mut arguments = vec![shell.arg0.to_vec(), path.to_vec()];
    arguments.extend(command.arguments.iter().skip(1).cloned());
    command.program = Program::Myself;
    command.arguments = arguments;
    command.exec()
}

/// `let expression…`
pub fn let_expression(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let mut value = 0;
    if arguments.len() < 2 {
        shell.builtin_error(b"let", b"expression expected");
        return Ok(1);
    }
    for text in arguments.iter().skip(1) {
        match shell.evaluate_text(text) {
            Ok(number) => value = number,
            Err(Unwind::Error) if shell.bash() => return Ok(1),
            Err(unwind) => return Err(unwind),
        }
    }
    Ok(i32::from(value == 0))
}

/// `caller [n]`
pub fn caller(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let depth = arguments.get(1).and_then(|text| number(text)).unwrap_or(0).max(0) as usize;
    let frames: Vec<_> = shell.frames.iter().rev().cloned().collect();
    let (Some(frame), Some(outer)) = (frames.get(depth), frames.get(depth + 1)) else { return Ok(1) };
    let mut out = frame.call_line.to_string().into_bytes();
    out.push(b' ');
    if arguments.len() > 1 {
        out.extend_from_slice(&outer.function);
        out.push(b' ');
    }
    out.extend_from_slice(if outer.source.is_empty() { b"NULL" } else { &outer.source });
    out.push(b'\n');
    shell.print("caller", &out)
}
