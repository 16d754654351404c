//! `umask`, `ulimit`, `times`.

use crate::shell::{Run, Shell};
use coracle_sdk::process::{self, Limit};

/// `umask [-pS] [mask]`
pub fn umask(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let (mut symbolic, mut print) = (false, false);
    let mut options = super::Options::new(arguments);
    let operands = loop {
        match options.next(b"Sp") {
            super::Parsed::Option(b'S') => symbolic = true,
            super::Parsed::Option(b'p') => print = true,
            super::Parsed::Option(other) | super::Parsed::Bad(other) => {
                return shell.bad_option(b"umask", other, "umask [-p] [-S] [mode]");
            }
            super::Parsed::Operands(operands) => break operands,
        }
    };
    let mask = process::umask();
    let Some(text) = operands.first() else {
        let part = |shift: u32| {
            let allowed = !mask >> shift & 7;
            format!(
                "{}{}{}",
                if allowed & 4 != 0 { "r" } else { "" },
                if allowed & 2 != 0 { "w" } else { "" },
                if allowed & 1 != 0 { "x" } else { "" }
            )
        };
        let mut line =
            if symbolic { format!("u={},g={},o={}\n", part(6), part(3), part(0)) } else { format!("{mask:04o}\n") };
        if print {
            line = format!("umask {}{line}", if symbolic { "-S " } else { "" });
        }
        return shell.print("umask", line.as_bytes());
    };
    let new = if text.first().is_some_and(u8::is_ascii_digit) {
        match std::str::from_utf8(text)
            .ok()
            .and_then(|text| u32::from_str_radix(text, 8).ok())
            .filter(|mask| *mask <= 0o777)
        {
            Some(mask) => mask,
            None => {
                let message: Vec<u8> = if shell.bash() {
                    [&text[..], b": octal number out of range"].concat()
                } else {
                    [b"Illegal number: ", &text[..]].concat()
                };
                shell.builtin_error(b"umask", &message);
                return Ok(if shell.bash() { 1 } else { 2 });
            }
        }
    } else {
        match symbolic_mask(text, mask) {
            Some(mask) => mask,
            None => {
                let message: Vec<u8> = if shell.bash() {
                    [b"`", &text[..], b"': invalid symbolic mode operator"].concat()
                } else {
                    [b"Illegal mode: ", &text[..]].concat()
                };
                shell.builtin_error(b"umask", &message);
                return Ok(if shell.bash() { 1 } else { 2 });
            }
        }
    };
    let old = process::set_umask(new);
    if shell.in_place > 0 && shell.umask_known.is_none() {
        shell.umask_known = Some(old);
    }
    Ok(0)
}

/// A symbolic mode (XCU chmod) applied to what the mask allows.
fn symbolic_mask(text: &[u8], mask: u32) -> Option<u32> {
    let mut allowed = !mask & 0o777;
    for clause in text.split(|byte| *byte == b',') {
        let mut at = 0;
        let mut who = 0;
        while let Some(letter) = clause.get(at) {
            who |= match letter {
                b'u' => 0o700,
                b'g' => 0o070,
                b'o' => 0o007,
                b'a' => 0o777,
                _ => break,
            };
            at += 1;
        }
        if who == 0 {
            who = 0o777;
        }
        if at >= clause.len() {
            return None;
        }
        while let Some(operator) = clause.get(at) {
            if !matches!(operator, b'+' | b'-' | b'=') {
                return None;
            }
            at += 1;
            let mut bits = 0;
            while let Some(letter) = clause.get(at) {
                bits |= match letter {
                    b'r' => 0o444,
                    b'w' => 0o222,
                    b'x' => 0o111,
                    b'X' => {
                        if allowed & 0o111 != 0 {
                            0o111
                        } else {
                            0
                        }
                    }
                    b's' | b't' => 0,
                    b'u' => (allowed >> 6 & 7) * 0o111,
                    b'g' => (allowed >> 3 & 7) * 0o111,
                    b'o' => (allowed & 7) * 0o111,
                    _ => break,
                };
                at += 1;
            }
            match operator {
                b'+' => allowed |= bits & who,
                b'-' => allowed &= !(bits & who),
                _ => allowed = (allowed & !who) | (bits & who),
            }
        }
    }
    Some(!allowed & 0o777)
}

const LIMITS: &[(u8, Limit, &str, u64)] = &[
    (b'c', Limit::Core, "core file size              (blocks, -c)", 512),
    (b'f', Limit::FileSize, "file size                   (blocks, -f)", 512),
    (b'v', Limit::Memory, "virtual memory              (kbytes, -v)", 1024),
    (b'n', Limit::OpenFiles, "open files                          (-n)", 1),
    (b's', Limit::Stack, "stack size                  (kbytes, -s)", 1024),
    (b't', Limit::CpuSeconds, "cpu time                   (seconds, -t)", 1),
    (b'u', Limit::Processes, "max user processes                  (-u)", 1),
];

/// `ulimit [-HSa] [-cfnstuv [limit]]`
pub fn ulimit(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let (mut hard, mut soft, mut all, mut which) = (false, false, false, b'f');
    let mut options = super::Options::new(arguments);
    let operands = loop {
        match options.next(b"HSacdefilmnpqrstuvxPbkRT") {
            super::Parsed::Option(b'H') => hard = true,
            super::Parsed::Option(b'S') => soft = true,
            super::Parsed::Option(b'a') => all = true,
            super::Parsed::Option(letter) => which = letter,
            super::Parsed::Bad(other) => {
                return shell.bad_option(b"ulimit", other, "ulimit [-SHabcdefiklmnpqrstuvxPRT] [limit]");
            }
            super::Parsed::Operands(operands) => break operands,
        }
    };
    let show = |limit: Limit, unit: u64| {
        let (low, high) = process::limit(limit);
        match if hard { high } else { low } {
            Some(value) => (value / unit).to_string(),
            None => "unlimited".to_string(),
        }
    };
    if all {
        let mut out = String::new();
        for (_, limit, text, unit) in LIMITS {
            out.push_str(&format!(
                "{text} {}\n",
                show(*limit, if shell.bash() && *unit == 512 { 1024 } else { *unit })
            ));
        }
        return shell.print("ulimit", out.as_bytes());
    }
    let Some((_, limit, _, unit)) = LIMITS.iter().find(|(letter, ..)| *letter == which) else {
        return match operands.first() {
            None => shell.print("ulimit", b"unlimited\n"),
            Some(_) => Ok(0),
        };
    };
    let unit = if shell.bash() && *unit == 512 { 1024 } else { *unit };
    let Some(text) = operands.first() else {
        let line = format!("{}\n", show(*limit, unit));
        return shell.print("ulimit", line.as_bytes());
    };
    let (low, high) = process::limit(*limit);
    let value = match text.as_slice() {
        b"unlimited" => None,
        b"hard" => high,
        b"soft" => low,
        _ => match super::number(text).and_then(|value| u64::try_from(value).ok()) {
            Some(value) => Some(value.saturating_mul(unit)),
            None => {
                let message: Vec<u8> =
                    if shell.bash() { [&text[..], b": invalid number"].concat() } else { b"bad number".to_vec() };
                shell.builtin_error(b"ulimit", &message);
                return shell.special_failed(b"ulimit", if shell.bash() { 1 } else { 2 });
            }
        },
    };
    let new_soft = if soft || !hard { value } else { low };
    let new_hard = if hard || !soft { value } else { high };
    match process::set_limit(*limit, new_soft, new_hard) {
        Ok(()) => Ok(0),
        Err(errno) => {
            let message = if shell.bash() {
                format!("cannot modify limit: {errno}")
            } else {
                format!("error setting limit ({errno})")
            };
            shell.builtin_error(b"ulimit", message.as_bytes());
            Ok(if shell.bash() { 1 } else { 2 })
        }
    }
}

/// `times`
pub fn times(shell: &mut Shell, _: &[Vec<u8>]) -> Run {
    let (own, children) = process::usage();
    let text = |duration: std::time::Duration| {
        let seconds = duration.as_secs_f64();
        let minutes = (seconds / 60.0).floor();
        let digits = if shell.bash() { 3 } else { 6 };
        format!("{minutes}m{:.digits$}s", seconds - minutes * 60.0)
    };
    let out = format!("{} {}\n{} {}\n", text(own.user), text(own.system), text(children.user), text(children.system));
    shell.print("times", out.as_bytes())
}
