//! `trap`

use crate::escapes;
use crate::shell::{Run, Shell};
use crate::traps::{self, Action};
use coracle_sdk::signal::Signal;

/// `trap [-lp] [action condition…]`
pub fn trap(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let mut operands = arguments.get(1..).unwrap_or_default();
    let mut print = false;
    while let Some(first) = operands.first() {
        match first.as_slice() {
            b"--" => {
                operands = operands.get(1..).unwrap_or_default();
                break;
            }
            b"-l" => return super::kill::list_signals(shell),
            b"-p" | b"-P" => print = true,
            [b'-', letter, ..] if !letter.is_ascii_digit() => {
                let letter = *letter;
                return shell.bad_option(b"trap", letter, "trap [-lp] [[arg] signal_spec ...]");
            }
            _ => break,
        }
        operands = operands.get(1..).unwrap_or_default();
    }
    if operands.is_empty() || print {
        return show(shell, operands);
    }
    let first = operands.first().cloned().unwrap_or_default();
    // `trap INT` and `trap 2` reset; an action needs a condition.
    let unsigned = !first.is_empty() && first.iter().all(u8::is_ascii_digit);
    let (action, conditions) = if unsigned || (operands.len() == 1 && first != b"-") {
        (None, operands)
    } else {
        let action = match first.as_slice() {
            b"-" => None,
            b"" => Some(Action::Ignore),
            text => Some(Action::Run(text.into())),
        };
        (action, operands.get(1..).unwrap_or_default())
    };
    if operands.len() == 1 && first != b"-" && traps::number(&first).is_none() && shell.bash() {
        let text = b"trap: usage: trap [-lp] [[arg] signal_spec ...]\n";
        if !first.is_empty() && crate::syntax::is_name(&first) {
            return bad_signal(shell, &first);
        }
        shell.write_error(text);
        return Ok(2);
    }
    let mut status = 0;
    for condition in conditions {
        let pseudo_unknown = !shell.bash() && matches!(condition.to_ascii_uppercase().as_slice(), b"DEBUG" | b"RETURN");
        match traps::number(condition).filter(|_| !pseudo_unknown) {
            Some(number) => shell.set_trap(number, action.clone()),
            None => status = bad_signal(shell, condition)?,
        }
    }
    Ok(status)
}

fn bad_signal(shell: &mut Shell, text: &[u8]) -> Run {
    let message =
        if shell.bash() { [text, b": invalid signal specification"].concat() } else { [text, b": bad trap"].concat() };
    shell.builtin_error(b"trap", &message);
    Ok(1)
}

fn show(shell: &mut Shell, names: &[Vec<u8>]) -> Run {
    let actions = shell.traps.shown.clone().unwrap_or_else(|| shell.traps.actions.clone());
    let wanted: Option<Vec<u8>> =
        (!names.is_empty()).then(|| names.iter().filter_map(|name| traps::number(name)).collect());
    let mut out = Vec::new();
    for (number, action) in actions {
        if wanted.as_ref().is_some_and(|wanted| !wanted.contains(&number)) {
            continue;
        }
        out.extend_from_slice(b"trap -- ");
        match action {
            Action::Ignore => out.extend_from_slice(b"''"),
            Action::Run(text) => out.extend_from_slice(&escapes::quote_single(&text)),
        }
        out.push(b' ');
        if shell.bash() && Signal::from_number(number).is_some() && number < traps::DEBUG {
            out.extend_from_slice(b"SIG");
        }
        out.extend_from_slice(traps::name(number).as_bytes());
        out.push(b'\n');
    }
    shell.print("trap", &out)
}
