//! What is wrong with a script's text, worded as dash and bash word it.

/// A syntax error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Where it was noticed, counted from 1.
    pub line: u32,
    /// The line's text up to its end, for bash's second line.
    pub text: Vec<u8>,
    /// What it is.
    pub kind: ParseErrorKind,
}

/// The kinds of syntax error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// A token where the grammar has none; `expecting` what would have closed
    /// the innermost compound command.
    Unexpected {
        /// `newline`, `end of file`, an operator or a word.
        token: Vec<u8>,
        /// The reserved word or operator that was needed.
        expecting: Option<&'static str>,
    },
    /// The input ended inside quotes or a substitution that `0` opened.
    Unterminated(&'static str),
    /// `${…}` that nobody understands.
    BadSubstitution,
    /// A loop variable that is no name.
    BadForVariable(Vec<u8>),
    /// A function name that is none.
    BadFunctionName(Vec<u8>),
    /// A malformed `[[ ]]`.
    Conditional(Vec<u8>),
    /// Nested deeper than the shell can follow.
    TooDeep,
    /// The person at the terminal gave the line up.
    Interrupted,
    /// Reading the script failed.
    Read(Vec<u8>),
}

impl ParseError {
    /// The input ended before the command did.
    pub fn is_end_of_input(&self) -> bool {
        match &self.kind {
            ParseErrorKind::Unexpected { token, .. } => token == b"end of file",
            ParseErrorKind::Unterminated(_) => true,
            _ => false,
        }
    }

    /// The message without its prefix, as dash words it.
    pub fn posix_message(&self) -> Vec<u8> {
        let mut out = b"Syntax error: ".to_vec();
        match &self.kind {
            ParseErrorKind::Unexpected { token, expecting } => {
                if token == b"end of file" || token == b"newline" {
                    out.extend_from_slice(token);
                } else {
                    out.push(b'"');
                    out.extend_from_slice(token);
                    out.push(b'"');
                }
                out.extend_from_slice(b" unexpected");
                if let Some(expecting) = expecting {
                    out.extend_from_slice(format!(" (expecting \"{expecting}\")").as_bytes());
                }
            }
            ParseErrorKind::Unterminated("\"" | "'") => out.extend_from_slice(b"Unterminated quoted string"),
            ParseErrorKind::Unterminated("`") => out.extend_from_slice(b"EOF in backquote substitution"),
            ParseErrorKind::Unterminated("}") => out.extend_from_slice(b"Missing '}'"),
            ParseErrorKind::Unterminated("))") => out.extend_from_slice(b"Missing '))'"),
            ParseErrorKind::Unterminated(what) => {
                out.extend_from_slice(format!("end of file unexpected (expecting \"{what}\")").as_bytes());
            }
            ParseErrorKind::BadSubstitution => out.extend_from_slice(b"Bad substitution"),
            ParseErrorKind::BadForVariable(_) => out.extend_from_slice(b"Bad for loop variable"),
            ParseErrorKind::BadFunctionName(_) => out.extend_from_slice(b"Bad function name"),
            ParseErrorKind::Conditional(token) => {
                out.extend_from_slice(b"\"");
                out.extend_from_slice(token);
                out.extend_from_slice(b"\" unexpected in conditional expression");
            }
            ParseErrorKind::TooDeep => out.extend_from_slice(b"nesting too deep"),
            ParseErrorKind::Interrupted => out.extend_from_slice(b"interrupted"),
            ParseErrorKind::Read(text) => out = text.clone(),
        }
        out
    }

    /// The message's lines without their prefix, as bash words them.
    pub fn bash_messages(&self) -> Vec<Vec<u8>> {
        let quoted = |before: &str, token: &[u8]| {
            let mut out = before.as_bytes().to_vec();
            out.push(b'`');
            out.extend_from_slice(token);
            out.push(b'\'');
            out
        };
        match &self.kind {
            ParseErrorKind::Unexpected { token, .. } if token == b"end of file" => {
                vec![b"syntax error: unexpected end of file".to_vec()]
            }
            ParseErrorKind::Unexpected { token, .. } => {
                vec![quoted("syntax error near unexpected token ", token), quoted("", &self.text)]
            }
            ParseErrorKind::Unterminated(what) => {
                let what = match *what {
                    "))" => ")",
                    other => other,
                };
                vec![quoted("unexpected EOF while looking for matching ", what.as_bytes())]
            }
            ParseErrorKind::BadSubstitution => vec![b"bad substitution".to_vec()],
            ParseErrorKind::BadForVariable(name) | ParseErrorKind::BadFunctionName(name) => {
                let mut out = quoted("", name);
                out.extend_from_slice(b": not a valid identifier");
                vec![out]
            }
            ParseErrorKind::Conditional(token) => vec![
                if token.is_empty() || token == b"newline" {
                    b"unexpected argument to conditional unary operator".to_vec()
                } else {
                    quoted("syntax error in conditional expression: unexpected token ", token)
                },
                quoted("syntax error near ", token),
                quoted("", &self.text),
            ],
            ParseErrorKind::TooDeep => vec![b"syntax error: nesting too deep".to_vec()],
            ParseErrorKind::Interrupted => vec![b"interrupted".to_vec()],
            ParseErrorKind::Read(text) => vec![text.clone()],
        }
    }
}
