//! Words of the awk language (XCU awk, "Lexical Conventions").

#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    Number(f64),
    Text(Vec<u8>),
    Regex(Vec<u8>),
    Name(String),
    /// A name with `(` right behind it.
    Call(String),
    Builtin(&'static str),
    Keyword(&'static str),
    Mark(&'static str),
    Newline,
    End,
}

const KEYWORDS: [&str; 21] = [
    "BEGIN", "END", "function", "func", "if", "else", "while", "for", "do", "break", "continue", "next", "nextfile",
    "exit", "return", "delete", "in", "getline", "print", "printf", "switch",
];

const MORE_KEYWORDS: [&str; 2] = ["case", "default"];

const BUILTINS: [&str; 38] = [
    "length", "substr", "index", "split", "sub", "gsub", "match", "sprintf", "sin", "cos", "atan2", "exp", "log",
    "sqrt", "int", "rand", "srand", "tolower", "toupper", "system", "close", "fflush", "gensub", "strftime", "systime",
    "mktime", "and", "or", "xor", "lshift", "rshift", "compl", "strtonum", "asort", "asorti", "patsplit", "isarray",
    "typeof",
];

const MARKS: [&str; 45] = [
    "**=", "&&", "||", "==", "<=", ">=", "!=", "!~", "++", "--", "+=", "-=", "*=", "/=", "%=", "^=", ">>", "**", "|&",
    "{", "}", "(", ")", "[", "]", ";", ",", "+", "-", "*", "/", "%", "^", "!", "<", ">", "|", "?", ":", "~", "$", "=",
    "&", "@", "\\",
];

pub struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    pub line: usize,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a [u8]) -> Lexer<'a> {
        Lexer { text, at: 0, line: 1 }
    }

    /// Where reading stands, to come back to.
    pub fn clone_position(&self) -> (usize, usize) {
        (self.at, self.line)
    }

    pub fn restore_position(&mut self, (at, line): (usize, usize)) {
        (self.at, self.line) = (at, line);
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The next token; where an operand may stand, `/` begins an expression.
    pub fn next(&mut self, operand: bool) -> Result<Token, String> {
        loop {
            match self.peek() {
                None => return Ok(Token::End),
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\\') if matches!(self.text.get(self.at + 1), Some(b'\n')) => {
                    self.at += 2;
                    self.line += 1;
                }
                Some(b'\\') if self.text[self.at + 1..].starts_with(b"\r\n") => {
                    self.at += 3;
                    self.line += 1;
                }
                Some(b'#') => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                Some(b'\n') => {
                    self.at += 1;
                    self.line += 1;
                    return Ok(Token::Newline);
                }
                Some(_) => break,
            }
        }
        let first = self.text[self.at];
        if first == b'"' {
            return self.string();
        }
        if first == b'/' && operand {
            return self.regex();
        }
        if first.is_ascii_digit() || (first == b'.' && self.text.get(self.at + 1).is_some_and(u8::is_ascii_digit)) {
            return Ok(self.number());
        }
        if first.is_ascii_alphabetic() || first == b'_' {
            let start = self.at;
            while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                self.at += 1;
            }
            let name = String::from_utf8_lossy(&self.text[start..self.at]).into_owned();
            if let Some(keyword) = KEYWORDS.iter().chain(&MORE_KEYWORDS).find(|keyword| **keyword == name) {
                return Ok(Token::Keyword(if *keyword == "func" { "function" } else { keyword }));
            }
            if let Some(builtin) = BUILTINS.iter().find(|builtin| **builtin == name) {
                return Ok(Token::Builtin(builtin));
            }
            return Ok(if self.peek() == Some(b'(') { Token::Call(name) } else { Token::Name(name) });
        }
        for mark in MARKS {
            if self.text[self.at..].starts_with(mark.as_bytes()) {
                self.at += mark.len();
                return Ok(Token::Mark(match mark {
                    "**" => "^",
                    "**=" => "^=",
                    other => other,
                }));
            }
        }
        Err(format!("unexpected character '{}'", char::from(first)))
    }

    fn number(&mut self) -> Token {
        let rest = &self.text[self.at..];
        if matches!(rest, [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit()) {
            let length = rest[2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            let digits = String::from_utf8_lossy(&rest[2..2 + length]).into_owned();
            self.at += 2 + length;
            return Token::Number(u64::from_str_radix(&digits, 16).map_or(f64::INFINITY, |value| value as f64));
        }
        let (value, length) = super::value::leading_number(rest);
        self.at += length.max(1);
        Token::Number(value)
    }

    fn string(&mut self) -> Result<Token, String> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            match self.peek() {
                None | Some(b'\n') => return Err("unterminated string".to_string()),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Token::Text(out));
                }
                Some(b'\\') => {
                    let (bytes, length) = escape(&self.text[self.at + 1..]);
                    if self.text.get(self.at + 1) == Some(&b'\n') {
                        self.line += 1;
                    }
                    out.extend(bytes);
                    self.at += 1 + length;
                }
                Some(byte) => {
                    out.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    fn regex(&mut self) -> Result<Token, String> {
        self.at += 1;
        let mut out = Vec::new();
        let mut bracket = false;
        loop {
            match self.peek() {
                None | Some(b'\n') => return Err("unterminated regexp".to_string()),
                Some(b'/') if !bracket => {
                    self.at += 1;
                    return Ok(Token::Regex(out));
                }
                Some(b'\\') => {
                    out.push(b'\\');
                    self.at += 1;
                    if let Some(byte) = self.peek() {
                        out.push(byte);
                        self.at += 1;
                    }
                }
                Some(b'[') if !bracket => {
                    bracket = true;
                    out.push(b'[');
                    self.at += 1;
                    for mark in [b'^', b']'] {
                        if self.peek() == Some(mark) {
                            out.push(mark);
                            self.at += 1;
                        }
                    }
                }
                Some(b'[') if matches!(self.text.get(self.at + 1), Some(b':' | b'.' | b'=')) => {
                    let mark = self.text[self.at + 1];
                    let rest = &self.text[self.at..];
                    let end = rest.windows(2).skip(2).position(|pair| pair == [mark, b']']).map_or(1, |n| n + 4);
                    out.extend_from_slice(&rest[..end]);
                    self.at += end;
                }
                Some(byte) => {
                    bracket = bracket && byte != b']';
                    out.push(byte);
                    self.at += 1;
                }
            }
        }
    }
}

/// The escape behind a backslash in a string.
pub fn escape(text: &[u8]) -> (Vec<u8>, usize) {
    let Some(&letter) = text.first() else { return (b"\\".to_vec(), 0) };
    let one = |byte: u8| (vec![byte], 1);
    match letter {
        b'a' => one(7),
        b'b' => one(8),
        b'f' => one(12),
        b'n' => one(b'\n'),
        b'r' => one(b'\r'),
        b't' => one(b'\t'),
        b'v' => one(11),
        b'\\' | b'"' | b'/' => one(letter),
        b'\n' => (Vec::new(), 1),
        b'0'..=b'7' => {
            let length = text.iter().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
            let value = text[..length].iter().fold(0u32, |value, digit| value * 8 + u32::from(digit - b'0'));
            (vec![value as u8], length)
        }
        b'x' if text.get(1).is_some_and(u8::is_ascii_hexdigit) => {
            let length = text[1..].iter().take(2).take_while(|byte| byte.is_ascii_hexdigit()).count();
            let digits = std::str::from_utf8(&text[1..1 + length]).unwrap_or("0");
            (vec![u8::from_str_radix(digits, 16).unwrap_or(0)], length + 1)
        }
        other => (vec![b'\\', other], 1),
    }
}
