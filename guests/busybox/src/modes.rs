//! File modes: chmod's symbolic and octal language, and `-rwxr-xr-x`.

use coracle_sdk::fs::Kind;

/// A parsed mode operand of chmod, mkdir -m, install -m, find -perm.
#[derive(Debug, Clone)]
pub struct Mode {
    clauses: Vec<Clause>,
}

#[derive(Debug, Clone)]
struct Clause {
    /// Bits of `ugoa` as 0700, 0070, 0007; 0 when nobody was named.
    who: u32,
    operation: u8,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    /// Permission bits for everyone, set-id and sticky bits.
    Bits { bits: u32, conditional: bool },
    /// The present permissions of u, g or o.
    Copy(u32),
    /// An octal number: everything; with 5 digits also the set-id bits of directories.
    Octal { bits: u32, whole: bool },
}

impl Mode {
    /// `u+rwx,go=`, `755`, `+x`; `None` when it is neither.
    pub fn parse(text: &[u8]) -> Option<Mode> {
        if text.first().is_some_and(u8::is_ascii_digit) {
            let bits = octal(text)?;
            let what = What::Octal { bits, whole: text.len() > 4 };
            return Some(Mode { clauses: vec![Clause { who: 0o777, operation: b'=', what }] });
        }
        let mut clauses = Vec::new();
        for part in text.split(|byte| *byte == b',') {
            let mut who = 0;
            let mut at = 0;
            while let Some(letter) = part.get(at) {
                who |= match letter {
                    b'u' => 0o700,
                    b'g' => 0o070,
                    b'o' => 0o007,
                    b'a' => 0o777,
                    _ => break,
                };
                at += 1;
            }
            if at >= part.len() {
                return None;
            }
            while at < part.len() {
                let operation = part[at];
                if !matches!(operation, b'+' | b'-' | b'=') {
                    return None;
                }
                at += 1;
                let end = part[at..].iter().position(|byte| b"+-=".contains(byte)).map_or(part.len(), |n| at + n);
                let letters = &part[at..end];
                at = end;
                let what = match letters {
                    b"u" => What::Copy(6),
                    b"g" => What::Copy(3),
                    b"o" => What::Copy(0),
                    _ if letters.first().is_some_and(u8::is_ascii_digit) => {
                        What::Octal { bits: octal(letters)?, whole: true }
                    }
                    _ => {
                        let mut bits = 0;
                        let mut conditional = false;
                        for letter in letters {
                            match letter {
                                b'r' => bits |= 0o444,
                                b'w' => bits |= 0o222,
                                b'x' => bits |= 0o111,
                                b'X' => conditional = true,
                                b's' => bits |= 0o6000,
                                b't' => bits |= 0o1000,
                                _ => return None,
                            }
                        }
                        What::Bits { bits, conditional }
                    }
                };
                clauses.push(Clause { who, operation, what });
            }
        }
        Some(Mode { clauses })
    }

    /// The mode that follows from `mode`; `umask` cuts what names nobody.
    pub fn apply(&self, mode: u32, directory: bool, umask: u32) -> u32 {
        let mut mode = mode;
        for clause in &self.clauses {
            let named = clause.who != 0;
            let who = if named { clause.who } else { 0o777 };
            let (bits, mut affected) = match clause.what {
                What::Octal { bits, whole } => {
                    let keep = if directory && !whole { mode & 0o6000 } else { 0 };
                    (bits | keep, 0o7777)
                }
                What::Copy(shift) => {
                    let bits = (mode >> shift) & 7;
                    (bits | bits << 3 | bits << 6, 0o777 & who)
                }
                What::Bits { bits, conditional } => {
                    let bits = bits | if conditional && (directory || mode & 0o111 != 0) { 0o111 } else { 0 };
                    let mut affected = who;
                    affected |= if who & 0o700 != 0 { 0o4000 } else { 0 };
                    affected |= if who & 0o070 != 0 { 0o2000 } else { 0 };
                    affected |= if !named || who == 0o777 { 0o1000 } else { 0 };
                    (bits, affected)
                }
            };
            let octal = matches!(clause.what, What::Octal { .. });
            if !named && !octal {
                affected &= !umask;
            }
            let bits = bits & affected;
            mode = match clause.operation {
                b'+' => mode | bits,
                b'-' => mode & !bits,
                _ if octal => bits,
                _ => {
                    // `=` on a directory keeps the set-id bits it does not name.
                    let keep = if directory { affected & 0o6000 } else { 0 };
                    let cleared = if named { affected } else { (who | 0o7000) & 0o7777 };
                    (mode & !(cleared & !keep)) | bits
                }
            };
        }
        mode
    }
}

/// An octal number up to 07777.
pub fn octal(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?;
    u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= 0o7777 && !text.starts_with('+'))
}

/// `drwxr-xr-x`
pub fn show(kind: Kind, mode: u32) -> [u8; 10] {
    let mut text = *b"----------";
    text[0] = kind.letter();
    for (index, letter) in text[1..].iter_mut().enumerate() {
        if mode & (0o400 >> index) != 0 {
            *letter = b"rwx"[index % 3];
        }
    }
    for (index, bit, set, unset) in [(3, 0o4000, b's', b'S'), (6, 0o2000, b's', b'S'), (9, 0o1000, b't', b'T')] {
        if mode & bit != 0 {
            text[index] = if text[index] == b'x' { set } else { unset };
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(text: &str, mode: u32, directory: bool) -> u32 {
        Mode::parse(text.as_bytes()).unwrap().apply(mode, directory, 0o022)
    }

    #[test]
    fn symbolic_modes_follow_posix() {
        assert_eq!(applied("755", 0o644, false), 0o755);
        assert_eq!(applied("+x", 0o644, false), 0o755);
        assert_eq!(applied("+w", 0o444, false), 0o644);
        assert_eq!(applied("u=rwx,go=", 0o644, false), 0o700);
        assert_eq!(applied("g=u", 0o640, false), 0o660);
        assert_eq!(applied("a+X", 0o644, false), 0o644);
        assert_eq!(applied("a+X", 0o644, true), 0o755);
        assert_eq!(applied("u+s,+t", 0o755, false), 0o5755);
        assert_eq!(applied("755", 0o2755, true), 0o2755);
        assert_eq!(applied("00755", 0o2755, true), 0o755);
        assert_eq!(applied("u+x-w", 0o644, false), 0o544);
        for bad in ["8", "u", "z+x", "u+q", "17777", ""] {
            assert!(Mode::parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn modes_read_as_ls_prints_them() {
        assert_eq!(&show(Kind::Directory, 0o1777), b"drwxrwxrwt");
        assert_eq!(&show(Kind::Regular, 0o4644), b"-rwSr--r--");
    }
}
