//! `kill`

use crate::shell::{Run, Shell};
use coracle_sdk::process::{self, Target};
use coracle_sdk::signal::Signal;

/// Every signal's number and name, as `kill -l` prints them.
pub fn list_signals(shell: &mut Shell) -> Run {
    let mut out = Vec::new();
    let all: Vec<Signal> =
        (1..=64).filter_map(Signal::from_number).filter(|signal| !matches!(signal.number(), 32 | 33)).collect();
    for (index, signal) in all.iter().enumerate() {
        if shell.bash() {
            let end = if index % 5 == 4 || index + 1 == all.len() { "\n" } else { "\t" };
            out.extend_from_slice(format!("{:2}) SIG{}{end}", signal.number(), signal.name()).as_bytes());
        } else {
            out.extend_from_slice(format!("{}\n", signal.name()).as_bytes());
        }
    }
    shell.print("kill", &out)
}

/// `kill [-s signal | -signal] pid…`, `kill -l [status]`
pub fn kill(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let mut operands = arguments.get(1..).unwrap_or_default();
    let mut signal = Some(Signal::TERM);
    if let Some(first) = operands.first().filter(|first| first.len() > 1 && first.first() == Some(&b'-')) {
        match first.as_slice() {
            b"--" => operands = operands.get(1..).unwrap_or_default(),
            b"-l" | b"-L" => return list(shell, operands.get(1..).unwrap_or_default()),
            _ => {
                let (text, used) = match first.as_slice() {
                    b"-s" | b"-n" => (operands.get(1).cloned().unwrap_or_default(), 2),
                    [b'-', b's', rest @ ..]
                        if Signal::parse(rest).is_some()
                            && Signal::parse(first.get(1..).unwrap_or_default()).is_none() =>
                    {
                        (rest.to_vec(), 1)
                    }
                    _ => (first.get(1..).unwrap_or_default().to_vec(), 1),
                };
                signal = if text == b"0" || text == b"EXIT" { None } else { Signal::parse(&text) };
                if signal.is_none() && text != b"0" && text != b"EXIT" {
                    let message = if shell.bash() {
                        [&text[..], b": invalid signal specification"].concat()
                    } else {
                        [b"invalid signal number or name: ", &text[..]].concat()
                    };
                    shell.builtin_error(b"kill", &message);
                    return Ok(1);
                }
                operands = operands.get(used..).unwrap_or_default();
                if operands.first().is_some_and(|next| next == b"--") {
                    operands = operands.get(1..).unwrap_or_default();
                }
            }
        }
    }
    if operands.is_empty() {
        shell.builtin_error(
            b"kill",
            b"usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]",
        );
        return Ok(2);
    }
    let mut status = 0;
    for operand in operands {
        let targets = if operand.first() == Some(&b'%') {
            match shell.jobs.find(operand) {
                Ok(number) => match shell.jobs.get(number) {
                    Some(job) => match job.group {
                        Some(group) => vec![Target::Group(group)],
                        None => job.members.iter().map(|member| Target::Process(member.pid)).collect(),
                    },
                    None => Vec::new(),
                },
                Err(message) => {
                    shell.builtin_error(b"kill", &[&operand[..], b": ", message.as_bytes()].concat());
                    status = 1;
                    continue;
                }
            }
        } else {
            match super::number(operand) {
                Some(-1) => vec![Target::All],
                Some(0) => vec![Target::Group(process::group(0).unwrap_or(0))],
                Some(pid) if pid < 0 => vec![Target::Group(pid.unsigned_abs() as u32)],
                Some(pid) => vec![Target::Process(pid as u32)],
                None => {
                    let message: Vec<u8> = if shell.bash() {
                        [&operand[..], b": arguments must be process or job IDs"].concat()
                    } else {
                        [b"Illegal number: ", &operand[..]].concat()
                    };
                    shell.builtin_error(b"kill", &message);
                    status = 1;
                    continue;
                }
            }
        };
        for target in targets {
            if let Err(errno) = process::kill(target, signal) {
                let message = if shell.bash() {
                    format!("({}) - {errno}", String::from_utf8_lossy(operand))
                } else {
                    errno.to_string()
                };
                shell.builtin_error(b"kill", message.as_bytes());
                status = 1;
            }
        }
        // A stopped job must run to see what it was sent.
        if operand.first() == Some(&b'%')
            && matches!(signal, Some(Signal::TERM | Signal::HUP))
            && let Ok(number) = shell.jobs.find(operand)
            && let Some(job) = shell.jobs.get(number)
            && matches!(job.state(), crate::jobs::State::Stopped(_))
            && let Some(group) = job.group
        {
            // It may be gone by now.
            let _ = process::kill(Target::Group(group), Some(Signal::CONT));
        }
    }
    shell.run_pending_traps()?;
    Ok(status)
}

fn list(shell: &mut Shell, operands: &[Vec<u8>]) -> Run {
    if operands.is_empty() {
        return list_signals(shell);
    }
    let mut out = Vec::new();
    let mut status = 0;
    for operand in operands {
        let line = match super::number(operand) {
            Some(number) => {
                let number = if number > 128 { number - 128 } else { number };
                if number == 0 {
                    Some("EXIT".to_string())
                } else {
                    u8::try_from(number).ok().and_then(Signal::from_number).map(Signal::name)
                }
            }
            None => Signal::parse(operand).map(|signal| signal.number().to_string()),
        };
        match line {
            Some(line) => {
                out.extend_from_slice(line.as_bytes());
                out.push(b'\n');
            }
            None => {
                shell.builtin_error(b"kill", &[&operand[..], b": invalid signal specification"].concat());
                status = 1;
            }
        }
    }
    let printed = shell.print("kill", &out)?;
    Ok(if printed != 0 { printed } else { status })
}
