//! test, [, [[, true and false.

use coracle_sdk::fs::{Attributes, Kind, Permission};
use coracle_sdk::{fs, process, stdio, terminal};

use crate::applet::{Applet, Call, Failure, Outcome, lossy};

pub static APPLET: Applet = Applet {
    name: "test",
    directory: "/usr/bin",
    summary: "Check file types and compare values",
    usage: "EXPRESSION

Check file types, compare values etc. The exit status is the answer",
    run: |call| evaluate(&call.arguments),
};

pub static BRACKET: Applet = Applet {
    name: "[",
    directory: "/usr/bin",
    summary: "Check file types and compare values",
    usage: "EXPRESSION ]",
    run: |call| bracketed(call, b"]"),
};

pub static DOUBLE_BRACKET: Applet = Applet {
    name: "[[",
    directory: "/usr/bin",
    summary: "Check file types and compare values",
    usage: "EXPRESSION ]]",
    run: |call| bracketed(call, b"]]"),
};

pub static TRUE: Applet = Applet {
    name: "true",
    directory: "/bin",
    summary: "Succeed",
    usage: "

Return an exit status of success",
    run: |_| Ok(0),
};

pub static FALSE: Applet = Applet {
    name: "false",
    directory: "/bin",
    summary: "Fail",
    usage: "

Return an exit status of failure",
    run: |_| Ok(1),
};

fn bracketed(call: &Call, end: &[u8]) -> Outcome {
    match call.arguments.split_last() {
        Some((last, rest)) if last == end => evaluate(rest),
        _ => Err(Failure::Message(format!("missing {}", lossy(&end)), 2)),
    }
}

fn evaluate(arguments: &[Vec<u8>]) -> Outcome {
    let mut test = Test { arguments, at: 0 };
    let answer = match arguments.len() {
        0 => Ok(false),
        // What POSIX says by the number of arguments comes first.
        1 => Ok(!arguments[0].is_empty()),
        2 if arguments[0] == b"!" => Ok(arguments[1].is_empty()),
        3 if is_binary(&arguments[1]) => binary(&arguments[0], &arguments[1], &arguments[2]),
        3 if arguments[0] == b"(" && arguments[2] == b")" => Ok(!arguments[1].is_empty()),
        4 if arguments[0] == b"!" && is_binary(&arguments[2]) => {
            binary(&arguments[1], &arguments[2], &arguments[3]).map(|answer| !answer)
        }
        _ => test.or().and_then(|answer| match arguments.get(test.at) {
            Some(extra) => Err(format!("{}: unknown operand", lossy(extra))),
            None => Ok(answer),
        }),
    };
    match answer {
        Ok(answer) => Ok(u8::from(!answer)),
        Err(message) => Err(Failure::Message(message, 2)),
    }
}

struct Test<'a> {
    arguments: &'a [Vec<u8>],
    at: usize,
}

impl Test<'_> {
    fn peek(&self, ahead: usize) -> Option<&[u8]> {
        self.arguments.get(self.at + ahead).map(Vec::as_slice)
    }

    fn or(&mut self) -> Result<bool, String> {
        let mut answer = self.and()?;
        while matches!(self.peek(0), Some(b"-o" | b"||")) {
            self.at += 1;
            answer |= self.and()?;
        }
        Ok(answer)
    }

    fn and(&mut self) -> Result<bool, String> {
        let mut answer = self.not()?;
        while matches!(self.peek(0), Some(b"-a" | b"&&")) {
            self.at += 1;
            answer &= self.not()?;
        }
        Ok(answer)
    }

    fn not(&mut self) -> Result<bool, String> {
        let mut negate = false;
        while self.peek(0) == Some(b"!") && self.at + 1 < self.arguments.len() {
            // `! = x` compares an exclamation mark.
            if self.peek(1).is_some_and(is_binary) && self.peek(2).is_some() {
                break;
            }
            self.at += 1;
            negate = !negate;
        }
        Ok(self.primary()? != negate)
    }

    fn primary(&mut self) -> Result<bool, String> {
        let first = self.peek(0).ok_or("argument expected")?.to_vec();
        if let (Some(operator), Some(right)) = (self.peek(1), self.peek(2))
            && is_binary(operator)
        {
            let answer = binary(&first, operator, right)?;
            self.at += 3;
            return Ok(answer);
        }
        if first == b"(" && self.at + 1 < self.arguments.len() {
            self.at += 1;
            let answer = self.or()?;
            if self.peek(0) != Some(b")") {
                return Err("closing paren expected".to_string());
            }
            self.at += 1;
            return Ok(answer);
        }
        if first.len() == 2
            && first[0] == b'-'
            && let Some(operand) = self.peek(1)
            && let Some(answer) = unary(first[1], operand)?
        {
            self.at += 2;
            return Ok(answer);
        }
        self.at += 1;
        Ok(!first.is_empty())
    }
}

fn is_binary(operator: &[u8]) -> bool {
    matches!(
        operator,
        b"=" | b"=="
            | b"!="
            | b"<"
            | b">"
            | b"-eq"
            | b"-ne"
            | b"-lt"
            | b"-le"
            | b"-gt"
            | b"-ge"
            | b"-nt"
            | b"-ot"
            | b"-ef"
    )
}

fn number(text: &[u8]) -> Result<i64, String> {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok());
    parsed.ok_or_else(|| format!("{}: bad number", lossy(&text)))
}

fn binary(left: &[u8], operator: &[u8], right: &[u8]) -> Result<bool, String> {
    let newer = |a: &[u8], b: &[u8]| match (fs::stat(a), fs::stat(b)) {
        (Ok(a), Ok(b)) => a.modified > b.modified,
        (Ok(_), Err(_)) => true,
        _ => false,
    };
    Ok(match operator {
        b"=" | b"==" => left == right,
        b"!=" => left != right,
        b"<" => left < right,
        b">" => left > right,
        b"-nt" => newer(left, right),
        b"-ot" => newer(right, left),
        b"-ef" => matches!((fs::stat(left), fs::stat(right)), (Ok(a), Ok(b)) if a.same_file(&b)),
        _ => {
            let (left, right) = (number(left)?, number(right)?);
            match operator {
                b"-eq" => left == right,
                b"-ne" => left != right,
                b"-lt" => left < right,
                b"-le" => left <= right,
                b"-gt" => left > right,
                _ => left >= right,
            }
        }
    })
}

fn unary(letter: u8, operand: &[u8]) -> Result<Option<bool>, String> {
    let stat = |check: &dyn Fn(&Attributes) -> bool| fs::stat(operand).is_ok_and(|attributes| check(&attributes));
    let kind = |kind: Kind| stat(&|attributes| attributes.kind == kind);
    let permission = |wanted: Permission| fs::access(operand, wanted, true).is_ok();
    Ok(Some(match letter {
        b'n' => !operand.is_empty(),
        b'z' => operand.is_empty(),
        b'e' | b'a' => fs::stat(operand).is_ok(),
        b'f' => kind(Kind::Regular),
        b'd' => kind(Kind::Directory),
        b'h' | b'L' => fs::lstat(operand).is_ok_and(|attributes| attributes.is_symlink()),
        b'p' => kind(Kind::Fifo),
        b'S' => kind(Kind::Socket),
        b'b' => kind(Kind::BlockDevice),
        b'c' => kind(Kind::CharacterDevice),
        b's' => stat(&|attributes| attributes.size > 0),
        b'u' => stat(&|attributes| attributes.mode & 0o4000 != 0),
        b'g' => stat(&|attributes| attributes.mode & 0o2000 != 0),
        b'k' => stat(&|attributes| attributes.mode & 0o1000 != 0),
        b'O' => stat(&|attributes| attributes.user == process::identity().user),
        b'G' => stat(&|attributes| attributes.group == process::identity().group),
        b'N' => stat(&|attributes| attributes.modified > attributes.accessed),
        b'r' => permission(Permission { read: true, ..Permission::default() }),
        b'w' => permission(Permission { write: true, ..Permission::default() }),
        b'x' => permission(Permission { execute: true, ..Permission::default() }),
        b't' => {
            let descriptor = u32::try_from(number(operand)?).unwrap_or(u32::MAX);
            stdio::descriptor(descriptor).is_some_and(terminal::is_terminal)
        }
        _ => return Ok(None),
    }))
}
