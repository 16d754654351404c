//! `echo`

use crate::escapes::{Dialect, unescape};
use crate::shell::{Run, Shell};

/// `echo [-neE] [string…]`
pub fn echo(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let mut newline = true;
    let mut escapes = shell.options.xpg_echo;
    let mut operands = arguments.get(1..).unwrap_or_default();
    while let Some(first) = operands.first() {
        match first.split_first() {
            Some((b'-', letters))
                if !letters.is_empty() && letters.iter().all(|letter| matches!(letter, b'n' | b'e' | b'E')) =>
            {
                for letter in letters {
                    match letter {
                        b'n' => newline = false,
                        b'e' => escapes = true,
                        _ => escapes = false,
                    }
                }
                operands = operands.get(1..).unwrap_or_default();
            }
            _ => break,
        }
    }
    let mut out = Vec::with_capacity(operands.iter().map(|operand| operand.len() + 1).sum());
    for (index, operand) in operands.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        if escapes {
            if unescape(operand, Dialect::Echo, &mut out) {
                return shell.print("echo", &out);
            }
        } else {
            out.extend_from_slice(operand);
        }
    }
    if newline {
        out.push(b'\n');
    }
    shell.print("echo", &out)
}
