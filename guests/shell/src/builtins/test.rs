//! `test` and `[` (XCU test): by the number of arguments up to four, then by
//! precedence.

use crate::shell::{Run, Shell};
use coracle_sdk::fs::{self, Attributes, Kind};
use coracle_sdk::{process, terminal};

/// `test expression`
pub fn test(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    evaluate(shell, b"test", arguments.get(1..).unwrap_or_default())
}

/// `[ expression ]`
pub fn bracket(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    match arguments.split_last() {
        Some((last, rest)) if last == b"]" && !rest.is_empty() => {
            evaluate(shell, b"[", rest.get(1..).unwrap_or_default())
        }
        _ => {
            shell.builtin_error(b"[", if shell.bash() { b"missing `]'" } else { b"missing ]" });
            Ok(2)
        }
    }
}

fn evaluate(shell: &mut Shell, name: &[u8], words: &[Vec<u8>]) -> Run {
    // The two shapes that loops are made of.
    match words {
        [left, operator, right] => {
            if let Some(result) = quick(left, operator, right) {
                return Ok(i32::from(!result));
            }
        }
        [one] => return Ok(i32::from(one.is_empty())),
        [] => return Ok(1),
        _ => {}
    }
    let mut expression = Expression { shell, words, at: 0, depth: 0 };
    match expression.whole() {
        Ok(value) => Ok(i32::from(!value)),
        Err(message) => {
            shell.builtin_error(name, &message);
            Ok(2)
        }
    }
}

fn small_number(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut value = 0_i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    Some(if negative { -value } else { value })
}

fn quick(left: &[u8], operator: &[u8], right: &[u8]) -> Option<bool> {
    match operator {
        b"=" | b"==" => Some(left == right),
        b"!=" => Some(left != right),
        b"-eq" | b"-ne" | b"-lt" | b"-le" | b"-gt" | b"-ge" => {
            Some(compare_numbers(operator, small_number(left)?, small_number(right)?))
        }
        _ => None,
    }
}

/// `-eq` and its kin.
pub fn compare_numbers(operator: &[u8], left: i64, right: i64) -> bool {
    match operator {
        b"-eq" => left == right,
        b"-ne" => left != right,
        b"-lt" => left < right,
        b"-le" => left <= right,
        b"-gt" => left > right,
        _ => left >= right,
    }
}

/// `-nt`, `-ot`, `-ef`
pub fn compare_files(operator: &[u8], left: &[u8], right: &[u8]) -> bool {
    let left = fs::stat(left).ok();
    let right = fs::stat(right).ok();
    match (operator, left, right) {
        (b"-ef", Some(left), Some(right)) => left.same_file(&right),
        (b"-nt", Some(left), Some(right)) => left.modified > right.modified,
        (b"-nt", Some(_), None) => true,
        (b"-ot", Some(left), Some(right)) => left.modified < right.modified,
        (b"-ot", None, Some(_)) => true,
        _ => false,
    }
}

/// A unary test: `-letter operand`.
pub fn unary(shell: &mut Shell, letter: u8, operand: &[u8]) -> Result<bool, Vec<u8>> {
    let is = |kind: Kind| fs::stat(operand).is_ok_and(|attributes| attributes.kind == kind);
    let allowed = |read, write, execute| fs::access(operand, fs::Permission { read, write, execute }, true).is_ok();
    let has = |check: fn(&Attributes) -> bool| fs::stat(operand).is_ok_and(|attributes| check(&attributes));
    Ok(match letter {
        b'n' => !operand.is_empty(),
        b'z' => operand.is_empty(),
        b'a' | b'e' => fs::stat(operand).is_ok(),
        b'f' => is(Kind::Regular),
        b'd' => is(Kind::Directory),
        b'b' => is(Kind::BlockDevice),
        b'c' => is(Kind::CharacterDevice),
        b'p' => is(Kind::Fifo),
        b'S' => is(Kind::Socket),
        b'h' | b'L' => fs::lstat(operand).is_ok_and(|attributes| attributes.is_symlink()),
        b's' => has(|attributes| attributes.size > 0),
        b'g' => has(|attributes| attributes.mode & 0o2000 != 0),
        b'u' => has(|attributes| attributes.mode & 0o4000 != 0),
        b'k' => has(|attributes| attributes.mode & 0o1000 != 0),
        b'r' => allowed(true, false, false),
        b'w' => allowed(false, true, false),
        b'x' => {
            // Root may read anything but runs only what somebody may run.
            allowed(false, false, true) && has(|attributes| attributes.is_dir() || attributes.mode & 0o111 != 0)
        }
        b'O' => has(|attributes| attributes.user == process::identity().user),
        b'G' => has(|attributes| attributes.group == process::identity().group),
        b'N' => has(|attributes| attributes.modified > attributes.accessed),
        b't' => {
            let Some(number) = super::number(operand) else {
                let mut message = if shell.bash() { Vec::new() } else { b"Illegal number: ".to_vec() };
                message.extend_from_slice(operand);
                if shell.bash() {
                    message.extend_from_slice(b": integer expression expected");
                }
                return Err(message);
            };
            u32::try_from(number).ok().and_then(|number| shell.files.file(number)).is_some_and(terminal::is_terminal)
        }
        b'o' => shell.options.by_name(operand).is_some_and(|on| *on),
        b'v' => match operand.iter().position(|byte| *byte == b'[') {
            Some(open) if operand.ends_with(b"]") => {
                let (name, rest) = operand.split_at(open);
                let inner = rest.get(1..rest.len() - 1).unwrap_or_default();
                if matches!(inner, b"@" | b"*") {
                    !shell.keys(name).is_empty()
                } else {
                    match shell.key_from_text(name, inner) {
                        Ok(key) => shell.element(name, &key).is_some(),
                        Err(_) => false,
                    }
                }
            }
            _ if !operand.is_empty() && operand.iter().all(u8::is_ascii_digit) => {
                super::number(operand).is_some_and(|number| number == 0 || number as usize <= shell.positional.len())
            }
            _ => shell.get(operand).is_some(),
        },
        b'R' => {
            shell.variables.get(operand).is_some_and(|variable| variable.flags.has(crate::variables::Flags::NAMEREF))
        }
        other => {
            let mut message = vec![b'-', other];
            message.extend_from_slice(if shell.bash() {
                b": unary operator expected"
            } else {
                b": unexpected operator"
            });
            return Err(message);
        }
    })
}

/// Whether a word is a binary operator.
fn is_binary(word: &[u8]) -> bool {
    matches!(
        word,
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
            | b"=~"
    )
}

fn unary_letter(word: &[u8]) -> Option<u8> {
    match word {
        [b'-', letter] if b"abcdefghknoprstuvwxzGLNORS".contains(letter) => Some(*letter),
        _ => None,
    }
}

struct Expression<'a> {
    shell: &'a mut Shell,
    words: &'a [Vec<u8>],
    at: usize,
    depth: u32,
}

type Tested = Result<bool, Vec<u8>>;

impl Expression<'_> {
    fn word(&self, ahead: usize) -> Option<&[u8]> {
        self.words.get(self.at + ahead).map(Vec::as_slice)
    }

    fn left(&self) -> usize {
        self.words.len() - self.at
    }

    fn whole(&mut self) -> Tested {
        let value = self.counted(self.words.len())?;
        match self.word(0) {
            None => Ok(value),
            Some(word) => Err(if self.shell.bash() {
                b"too many arguments".to_vec()
            } else {
                [word, b": unexpected operator"].concat()
            }),
        }
    }

    /// POSIX's rules for few arguments.
    fn counted(&mut self, count: usize) -> Tested {
        match count {
            0 => Ok(false),
            1 => self.string(),
            2 => {
                if self.word(0) == Some(b"!") {
                    self.at += 1;
                    return Ok(!self.string()?);
                }
                match self.word(0).and_then(unary_letter) {
                    Some(letter) => self.unary(letter),
                    None => {
                        let word = self.word(0).unwrap_or_default().to_vec();
                        Err([
                            &word[..],
                            if self.shell.bash() { b": unary operator expected" } else { b": unexpected operator" },
                        ]
                        .concat())
                    }
                }
            }
            3 => {
                if self.word(1).is_some_and(is_binary) {
                    return self.binary();
                }
                match self.word(1) {
                    Some(b"-a") => {
                        let (left, right) = (
                            self.word(0).is_some_and(|word| !word.is_empty()),
                            self.word(2).is_some_and(|word| !word.is_empty()),
                        );
                        self.at += 3;
                        return Ok(left && right);
                    }
                    Some(b"-o") => {
                        let (left, right) = (
                            self.word(0).is_some_and(|word| !word.is_empty()),
                            self.word(2).is_some_and(|word| !word.is_empty()),
                        );
                        self.at += 3;
                        return Ok(left || right);
                    }
                    _ => {}
                }
                if self.word(0) == Some(b"!") {
                    self.at += 1;
                    return Ok(!self.counted(2)?);
                }
                if self.word(0) == Some(b"(") && self.word(2) == Some(b")") {
                    let value = self.word(1).is_some_and(|word| !word.is_empty());
                    self.at += 3;
                    return Ok(value);
                }
                let word = self.word(1).unwrap_or_default().to_vec();
                Err([
                    &word[..],
                    if self.shell.bash() { b": binary operator expected" } else { b": unexpected operator" },
                ]
                .concat())
            }
            4 if self.word(0) == Some(b"!") => {
                self.at += 1;
                Ok(!self.counted(3)?)
            }
            4 if self.word(0) == Some(b"(") && self.word(3) == Some(b")") => {
                self.at += 1;
                let value = self.counted(2)?;
                self.at += 1;
                Ok(value)
            }
            _ => self.or(),
        }
    }

    fn or(&mut self) -> Tested {
        let mut value = self.and()?;
        while self.word(0) == Some(b"-o") {
            self.at += 1;
            let right = self.and()?;
            value = value || right;
        }
        Ok(value)
    }

    fn and(&mut self) -> Tested {
        let mut value = self.not()?;
        while self.word(0) == Some(b"-a") {
            self.at += 1;
            let right = self.not()?;
            value = value && right;
        }
        Ok(value)
    }

    fn not(&mut self) -> Tested {
        if self.word(0) == Some(b"!")
            && self.left() > 1
            && !self.word(1).is_some_and(|word| is_binary(word) && self.left() > 2)
        {
            self.at += 1;
            self.depth += 1;
            if self.depth > 200 {
                return Err(b"expression too deep".to_vec());
            }
            let value = self.not()?;
            self.depth -= 1;
            return Ok(!value);
        }
        self.primary()
    }

    fn primary(&mut self) -> Tested {
        if self.left() == 0 {
            return Err(b"argument expected".to_vec());
        }
        if self.left() >= 3 && self.word(1).is_some_and(is_binary) {
            return self.binary();
        }
        if self.word(0) == Some(b"(") {
            self.at += 1;
            self.depth += 1;
            if self.depth > 200 {
                return Err(b"expression too deep".to_vec());
            }
            let value = self.or()?;
            self.depth -= 1;
            if self.word(0) != Some(b")") {
                return Err(if self.shell.bash() {
                    b"`)' expected".to_vec()
                } else {
                    b"closing paren expected".to_vec()
                });
            }
            self.at += 1;
            return Ok(value);
        }
        if let Some(letter) = self.word(0).and_then(unary_letter)
            && self.left() >= 2
        {
            return self.unary(letter);
        }
        self.string()
    }

    fn string(&mut self) -> Tested {
        let value = self.word(0).is_some_and(|word| !word.is_empty());
        self.at += 1;
        Ok(value)
    }

    fn unary(&mut self, letter: u8) -> Tested {
        let operand = self.word(1).unwrap_or_default().to_vec();
        self.at += 2;
        unary(self.shell, letter, &operand)
    }

    fn binary(&mut self) -> Tested {
        let (Some(left), Some(operator), Some(right)) = (self.word(0), self.word(1), self.word(2)) else {
            return Err(b"argument expected".to_vec());
        };
        let (left, operator, right) = (left.to_vec(), operator.to_vec(), right.to_vec());
        self.at += 3;
        match operator.as_slice() {
            b"=" | b"==" => Ok(left == right),
            b"!=" => Ok(left != right),
            b"<" => Ok(left < right),
            b">" => Ok(left > right),
            b"-nt" | b"-ot" | b"-ef" => Ok(compare_files(&operator, &left, &right)),
            b"=~" => match crate::regex::search(&right, &left, false, self.shell.utf8) {
                Ok(found) => Ok(found.is_some()),
                Err(_) => Err(b"bad regular expression".to_vec()),
            },
            _ => {
                let left = self.integer(&left)?;
                let right = self.integer(&right)?;
                Ok(compare_numbers(&operator, left, right))
            }
        }
    }

    fn integer(&self, text: &[u8]) -> Result<i64, Vec<u8>> {
        let trimmed = text.trim_ascii();
        let unsigned =
            trimmed.strip_prefix(b"+").filter(|rest| rest.first().is_some_and(u8::is_ascii_digit)).unwrap_or(trimmed);
        super::number(unsigned).filter(|_| !unsigned.is_empty()).ok_or_else(|| {
            if self.shell.bash() {
                [text, b": integer expression expected"].concat()
            } else {
                [b"Illegal number: ", text].concat()
            }
        })
    }
}
