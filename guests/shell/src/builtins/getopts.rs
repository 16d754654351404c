//! `getopts` (XCU getopts).

use crate::shell::{Run, Shell};
use serde::{Deserialize, Serialize};

/// Where getopts stands inside an argument.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetoptsState {
    inside: usize,
    index: usize,
    /// The next change of OPTIND is getopts' own.
    own: bool,
}

impl GetoptsState {
    /// OPTIND was assigned.
    pub fn reset(&mut self) {
        if !std::mem::take(&mut self.own) {
            self.inside = 0;
        }
    }
}

/// `getopts optstring name [arguments]`
pub fn getopts(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let arguments = if arguments.get(1).is_some_and(|first| first == b"--") {
        arguments.get(1..).unwrap_or_default()
    } else {
        arguments
    };
    let (Some(options), Some(name)) = (arguments.get(1), arguments.get(2)) else {
        let text: &[u8] = if shell.bash() {
            b"usage: getopts optstring name [arg ...]"
        } else {
            b"Usage: getopts optstring var [arg]"
        };
        shell.builtin_error(b"getopts", text);
        return Ok(2);
    };
    if !crate::syntax::is_name(name) {
        let mut message = if shell.bash() { vec![b'`'] } else { Vec::new() };
        message.extend_from_slice(name);
        message.extend_from_slice(if shell.bash() { b"': not a valid identifier" } else { b": bad variable name" });
        shell.builtin_error(b"getopts", &message);
        return Ok(if shell.bash() { 1 } else { 2 });
    }
    let silent = options.first() == Some(&b':');
    let quiet = shell.get(b"OPTERR").is_some_and(|value| value == b"0");
    let operands: Vec<Vec<u8>> =
        if arguments.len() > 3 { arguments.get(3..).unwrap_or_default().to_vec() } else { shell.positional.to_vec() };
    let mut index = shell.get(b"OPTIND").and_then(|text| super::number(&text)).unwrap_or(1).max(1) as usize;
    if index != shell.getopts.index {
        shell.getopts.inside = 0;
    }
    let mut inside = shell.getopts.inside;
    let mut value: Option<Vec<u8>> = None;
    let mut unset_value = true;
    let letter;
    let mut done = false;
    if inside == 0 {
        match operands.get(index - 1) {
            Some(argument) if argument == b"--" => {
                index += 1;
                done = true;
            }
            Some(argument) if argument.len() > 1 && argument.first() == Some(&b'-') => inside = 1,
            _ => done = true,
        }
    }
    let mut error = None;
    if done {
        letter = b'?';
        inside = 0;
    } else {
        let argument = operands.get(index - 1).cloned().unwrap_or_default();
        let found = argument.get(inside).copied().unwrap_or(b'?');
        inside += 1;
        let known = options.iter().position(|option| *option == found).filter(|_| found != b':');
        let takes = known.is_some_and(|at| options.get(at + 1) == Some(&b':'));
        let ends = inside >= argument.len();
        match known {
            None => {
                letter = b'?';
                if silent {
                    value = Some(vec![found]);
                    unset_value = false;
                } else {
                    error = Some((found, false));
                }
                if ends {
                    index += 1;
                    inside = 0;
                }
            }
            Some(_) if takes => {
                if !ends {
                    value = argument.get(inside..).map(<[u8]>::to_vec);
                    unset_value = false;
                    index += 1;
                    letter = found;
                } else if let Some(next) = operands.get(index) {
                    value = Some(next.clone());
                    unset_value = false;
                    index += 2;
                    letter = found;
                } else {
                    index += 1;
                    if silent {
                        letter = b':';
                        value = Some(vec![found]);
                        unset_value = false;
                    } else {
                        letter = b'?';
                        error = Some((found, true));
                    }
                }
                inside = 0;
            }
            Some(_) => {
                letter = found;
                if ends {
                    index += 1;
                    inside = 0;
                }
            }
        }
    }
    if let Some((found, missing)) = error.filter(|_| !quiet) {
        let mut message = shell.arg0.to_vec();
        if shell.bash() {
            message.extend_from_slice(if missing {
                b": option requires an argument -- "
            } else {
                b": illegal option -- "
            });
            message.push(found);
            message.push(b'\n');
        } else {
            message = Vec::new();
            message.extend_from_slice(if missing { b"No arg for -" } else { b"Illegal option -" });
            message.push(found);
            message.extend_from_slice(if missing { b" option\n" } else { b"\n" });
        }
        shell.write_error(&message);
    }
    shell.assign_scalar(b"OPTIND", index.to_string().into_bytes(), false)?;
    shell.getopts = GetoptsState { inside, index, own: false };
    match value {
        Some(value) => shell.assign_scalar(b"OPTARG", value, false)?,
        None if unset_value => shell.variables.remove(b"OPTARG"),
        None => {}
    }
    let name = name.clone();
    shell.assign_scalar(&name, vec![letter], false)?;
    Ok(i32::from(done))
}
