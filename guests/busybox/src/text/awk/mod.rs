//! awk: pattern scanning and processing, POSIX with the gawk functions that
//! scripts use.

mod builtins;
mod lexer;
mod machine;
mod parser;
mod records;
mod streams;
mod value;

use crate::applet::{Applet, Call, Failure, Outcome};
use crate::input::Input;

pub static APPLET: Applet = Applet {
    name: "awk",
    directory: "/usr/bin",
    summary: "Pattern scanning and processing language",
    usage: "[-v VAR=VAL]... [-F SEP] [-f FILE | -e PROGRAM | PROGRAM] [FILE]...

\t-v VAR=VAL\tSet variable
\t-F SEP\tUse SEP as field separator
\t-f FILE, -e TEXT\tRead the program from FILE, from TEXT",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call
        .options("+ v:,assign F:,field-separator f:,file e:,source W: posix traditional re-interval E:")
        .map_err(|failure| failure.status(2))?;
    let mut text: Option<Vec<u8>> = None;
    for (name, value) in options.in_order() {
        let part = match (name, value) {
            ("f" | "E", Some(path)) => {
                let about = |errno| Failure::about(path, errno).status(2);
                Input::open(path).map_err(about)?.rest().map_err(about)?
            }
            ("e", Some(part)) => part.to_vec(),
            _ => continue,
        };
        let whole = text.get_or_insert_with(Vec::new);
        whole.extend_from_slice(&part);
        whole.push(b'\n');
    }
    let mut operands = options.operands.clone();
    let text = match text {
        Some(text) => text,
        None if operands.is_empty() => return Err(call.misuse("").status(2)),
        None => operands.remove(0),
    };
    let file = options.value("f").map_or("cmd. line".into(), |path| String::from_utf8_lossy(path).into_owned());
    let program = parser::parse(&text, &file, &machine::PREDEFINED).map_err(|message| Failure::Message(message, 1))?;
    let mut machine = machine::Machine::new(program, &operands);
    if let Some(separator) = options.value("F") {
        let separator = if separator == b"t" { b"\t".to_vec() } else { machine::unescape(separator) };
        machine.assign_named("FS", &separator)?;
    }
    for text in options.values("v") {
        let at = text.iter().position(|byte| *byte == b'=').filter(|at| *at > 0);
        let at = at.ok_or_else(|| call.misuse("-v needs NAME=VALUE").status(2))?;
        machine.assign_named(&String::from_utf8_lossy(&text[..at]), &machine::unescape(&text[at + 1..]))?;
    }
    machine.run()
}
