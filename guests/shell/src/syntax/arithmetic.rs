//! Arithmetic expressions (XCU 2.6.4, C's operators, bash's `**`, `,` and
//! `base#number`): found in the script's text, parsed once where the text
//! cannot change, or again each time where it can.

use super::ast::{
    Arithmetic, ArithmeticExpression as Expression, ArithmeticOperator as Operator, Operation, Parameter,
    ParameterName, Part, Word,
};
use super::error::ParseErrorKind;
use super::parser::{Parsed, Parser};
use super::word::DoubleUntil;
use super::{is_name_byte, is_name_start};

impl Parser {
    /// After `((`: the expression and `))`; `None` when this is no arithmetic
    /// but a subshell in a subshell or substitution.
    pub(super) fn arithmetic_until_close(&mut self) -> Parsed<Option<Arithmetic>> {
        let parts = match self.arithmetic_parts(b")") {
            Ok(parts) => parts,
            Err(error)
                if matches!(
                    error.kind,
                    ParseErrorKind::TooDeep | ParseErrorKind::Interrupted | ParseErrorKind::Read(_)
                ) =>
            {
                return Err(error);
            }
            Err(_) => return Ok(None),
        };
        if self.eat(b"))")? { Ok(Some(compile(parts))) } else { Ok(None) }
    }

    /// Expression text up to one of `stops` outside brackets, left unread.
    pub(super) fn arithmetic_parts(&mut self, stops: &[u8]) -> Parsed<Vec<Part>> {
        let mut parts = Vec::new();
        let mut text: Vec<u8> = Vec::new();
        let mut open: Vec<u8> = Vec::new();
        let mut conditionals = 0_u32;
        macro_rules! flush {
            () => {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
            };
        }
        while let Some(byte) = self.peek()? {
            if open.is_empty() && stops.contains(&byte) {
                if byte == b':' && conditionals > 0 {
                    conditionals -= 1;
                } else {
                    break;
                }
            }
            match byte {
                b'$' => match self.dollar(true)? {
                    Some(part) => {
                        flush!();
                        parts.push(part);
                    }
                    None => text.push(b'$'),
                },
                b'`' => {
                    flush!();
                    parts.push(self.backquoted(true)?);
                }
                b'"' => {
                    flush!();
                    self.bump();
                    let inner = self.nested(|parser| parser.double_parts(DoubleUntil::Quote))?;
                    self.bump();
                    parts.push(Part::Double(inner));
                }
                b'\\' => {
                    self.bump();
                    text.push(b'\\');
                    if let Some(next) = self.peek_raw()? {
                        self.bump();
                        text.push(next);
                    }
                }
                _ => {
                    match byte {
                        b'(' => open.push(b')'),
                        b'[' => open.push(b']'),
                        b'{' => open.push(b'}'),
                        b'?' if open.is_empty() => conditionals += 1,
                        b')' | b']' | b'}' if open.last() == Some(&byte) => {
                            open.pop();
                        }
                        _ => {}
                    }
                    text.push(byte);
                    self.bump();
                }
            }
        }
        flush!();
        Ok(parts)
    }
}

/// A parameter in the text of an expression that is being compiled.
const PARAMETER: u8 = 1;

/// Parses the expression now if its text does not change from run to run.
pub(super) fn compile(parts: Vec<Part>) -> Arithmetic {
    let compiled = try_compile(&parts);
    let text = if parts.is_empty() {
        Word::default()
    } else {
        Word { parts: vec![Part::Double(parts)], braces: false, plain: false }
    };
    Arithmetic { text, compiled }
}

fn try_compile(parts: &[Part]) -> Option<Expression> {
    let mut text = Vec::new();
    let mut parameters = Vec::new();
    let mut after_parameter = false;
    for part in parts {
        match part {
            Part::Text(bytes) => {
                let first = *bytes.first()?;
                if after_parameter && (is_name_byte(first) || first == b'#' || first == b'[') {
                    return None;
                }
                if bytes.contains(&PARAMETER) || bytes.contains(&b'\\') {
                    return None;
                }
                text.extend_from_slice(bytes);
                after_parameter = false;
            }
            Part::Parameter(parameter)
                if matches!(parameter.operation, Operation::Value | Operation::Length)
                    && !parameter.indirect
                    && parameter.index.is_none()
                    && !matches!(parameter.name, ParameterName::Special(b'@' | b'*' | b'-')) =>
            {
                if after_parameter
                    || text.last().is_some_and(|last| is_name_byte(*last) || matches!(last, b'#' | b'-' | b'+'))
                {
                    return None;
                }
                text.push(PARAMETER);
                parameters.push(parameter.as_ref().clone());
                after_parameter = true;
            }
            _ => return None,
        }
    }
    let mut reader = Reader { text: &text, at: 0, parameters, next_parameter: 0, depth: 0 };
    reader.whole().ok()
}

/// An expression that does not parse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArithmeticSyntaxError {
    /// bash's words.
    pub message: &'static str,
    /// dash's words.
    pub posix: &'static str,
    /// What is left of the text from the offending token on.
    pub token: Vec<u8>,
}

/// Parses an expression whose expansions are done.
pub fn parse_arithmetic(text: &[u8]) -> Result<Expression, ArithmeticSyntaxError> {
    let mut reader = Reader { text, at: 0, parameters: Vec::new(), next_parameter: 0, depth: 0 };
    reader.whole()
}

/// Reads a number as arithmetic does: decimal, octal, hexadecimal, `base#n`.
pub fn parse_number(text: &[u8]) -> Result<i64, &'static str> {
    const TOO_GREAT: &str = "value too great for base";
    let digits = |digits: &[u8], base: u32| -> Result<i64, &'static str> {
        let mut value = 0_i64;
        for digit in digits {
            let digit = match digit {
                b'0'..=b'9' => u32::from(digit - b'0'),
                b'a'..=b'z' => u32::from(digit - b'a') + 10,
                b'A'..=b'Z' if base <= 36 => u32::from(digit - b'A') + 10,
                b'A'..=b'Z' => u32::from(digit - b'A') + 36,
                b'@' => 62,
                b'_' => 63,
                _ => return Err("syntax error in expression"),
            };
            if digit >= base {
                return Err(TOO_GREAT);
            }
            value = value.wrapping_mul(i64::from(base)).wrapping_add(i64::from(digit));
        }
        Ok(value)
    };
    if let Some(hash) = text.iter().position(|byte| *byte == b'#') {
        let (base, rest) = text.split_at(hash);
        let base = u32::try_from(digits(base, 10)?).unwrap_or(0);
        let rest = rest.get(1..).unwrap_or_default();
        if !(2..=64).contains(&base) {
            return Err("invalid arithmetic base");
        }
        if rest.is_empty() {
            return Err("invalid integer constant");
        }
        return digits(rest, base);
    }
    match text {
        [b'0', b'x' | b'X', rest @ ..] => digits(rest, 16),
        [b'0', rest @ ..] => digits(rest, 8),
        _ => digits(text, 10),
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    parameters: Vec<Parameter>,
    next_parameter: usize,
    depth: u32,
}

type Read<T> = Result<T, ArithmeticSyntaxError>;

impl Reader<'_> {
    fn error<T>(&self, message: &'static str, posix: &'static str) -> Read<T> {
        let mut at = self.at;
        while self.text.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        Err(ArithmeticSyntaxError { message, posix, token: self.text.get(at..).unwrap_or_default().to_vec() })
    }

    fn skip(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn next(&mut self) -> Option<u8> {
        self.skip();
        self.text.get(self.at).copied()
    }

    fn ahead(&self, by: usize) -> Option<u8> {
        self.text.get(self.at + by).copied()
    }

    fn whole(&mut self) -> Read<Expression> {
        if self.next().is_none() {
            return Ok(Expression::Number(0));
        }
        let expression = self.comma()?;
        if self.next().is_some() {
            return self.error("syntax error in expression", "expecting EOF");
        }
        Ok(expression)
    }

    fn comma(&mut self) -> Read<Expression> {
        let mut left = self.assignment()?;
        while self.next() == Some(b',') {
            self.at += 1;
            let right = self.assignment()?;
            left = Expression::Binary(Operator::Comma, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth >= 128 {
            return self.error("expression recursion level exceeded", "expression too deep");
        }
        self.depth += 1;
        let answer = read(self);
        self.depth -= 1;
        answer
    }

    fn assignment(&mut self) -> Read<Expression> {
        self.deeper(|reader| {
            let left = reader.conditional()?;
            let Some(operator) = reader.assignment_operator() else { return Ok(left) };
            if !matches!(left, Expression::Variable(_) | Expression::Element(..)) {
                return reader.error("attempted assignment to non-variable", "expecting primary");
            }
            reader.at += match operator {
                None => 1,
                Some(Operator::ShiftLeft | Operator::ShiftRight) => 3,
                Some(_) => 2,
            };
            let right = reader.assignment()?;
            Ok(Expression::Assign(operator, Box::new(left), Box::new(right)))
        })
    }

    /// The assignment operator at the position, not read.
    fn assignment_operator(&mut self) -> Option<Option<Operator>> {
        let first = self.next()?;
        match (first, self.ahead(1), self.ahead(2)) {
            (b'=', second, _) if second != Some(b'=') => Some(None),
            (b'*', Some(b'='), _) => Some(Some(Operator::Multiply)),
            (b'/', Some(b'='), _) => Some(Some(Operator::Divide)),
            (b'%', Some(b'='), _) => Some(Some(Operator::Remainder)),
            (b'+', Some(b'='), _) => Some(Some(Operator::Add)),
            (b'-', Some(b'='), _) => Some(Some(Operator::Subtract)),
            (b'<', Some(b'<'), Some(b'=')) => Some(Some(Operator::ShiftLeft)),
            (b'>', Some(b'>'), Some(b'=')) => Some(Some(Operator::ShiftRight)),
            (b'&', Some(b'='), _) => Some(Some(Operator::BitAnd)),
            (b'^', Some(b'='), _) => Some(Some(Operator::BitXor)),
            (b'|', Some(b'='), _) => Some(Some(Operator::BitOr)),
            _ => None,
        }
    }

    fn conditional(&mut self) -> Read<Expression> {
        let condition = self.binary(0)?;
        if self.next() != Some(b'?') {
            return Ok(condition);
        }
        self.at += 1;
        let yes = self.deeper(Self::comma)?;
        if self.next() != Some(b':') {
            return self.error("`:' expected for conditional expression", "expecting ':'");
        }
        self.at += 1;
        let no = self.assignment()?;
        Ok(Expression::Conditional(Box::new(condition), Box::new(yes), Box::new(no)))
    }

    /// The binary operator at the position: it, its rank, its length.
    fn binary_operator(&mut self) -> Option<(Operator, u8, usize)> {
        let first = self.next()?;
        let second = self.ahead(1);
        let third = self.ahead(2);
        Some(match (first, second) {
            (b'|', Some(b'|')) => (Operator::Or, 1, 2),
            (b'&', Some(b'&')) => (Operator::And, 2, 2),
            (b'|' | b'^' | b'&' | b'+' | b'-' | b'/' | b'%', Some(b'=')) => return None,
            (b'|', _) => (Operator::BitOr, 3, 1),
            (b'^', _) => (Operator::BitXor, 4, 1),
            (b'&', _) => (Operator::BitAnd, 5, 1),
            (b'=', Some(b'=')) => (Operator::Equal, 6, 2),
            (b'!', Some(b'=')) => (Operator::NotEqual, 6, 2),
            (b'<', Some(b'<')) | (b'>', Some(b'>')) => {
                if third == Some(b'=') {
                    return None;
                }
                (if first == b'<' { Operator::ShiftLeft } else { Operator::ShiftRight }, 8, 2)
            }
            (b'<', Some(b'=')) => (Operator::LessEqual, 7, 2),
            (b'>', Some(b'=')) => (Operator::GreaterEqual, 7, 2),
            (b'<', _) => (Operator::Less, 7, 1),
            (b'>', _) => (Operator::Greater, 7, 1),
            (b'+', _) => (Operator::Add, 9, 1),
            (b'-', _) => (Operator::Subtract, 9, 1),
            (b'*', Some(b'*')) => (Operator::Power, 11, 2),
            (b'*', Some(b'=')) => return None,
            (b'*', _) => (Operator::Multiply, 10, 1),
            (b'/', _) => (Operator::Divide, 10, 1),
            (b'%', _) => (Operator::Remainder, 10, 1),
            _ => return None,
        })
    }

    fn binary(&mut self, minimum: u8) -> Read<Expression> {
        let mut left = self.unary()?;
        while let Some((operator, rank, length)) = self.binary_operator() {
            if rank < minimum {
                break;
            }
            self.at += length;
            // `**` alone groups from the right.
            let right =
                self.deeper(|reader| reader.binary(if operator == Operator::Power { rank } else { rank + 1 }))?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Read<Expression> {
        match self.next() {
            Some(sign @ (b'+' | b'-')) if self.ahead(1) == Some(sign) => {
                let mark = self.at;
                self.at += 2;
                let step = if sign == b'+' { 1 } else { -1 };
                if self.next().is_some_and(is_name_start) {
                    let operand = self.deeper(Self::postfix)?;
                    return Ok(Expression::PreStep(step, Box::new(operand)));
                }
                // Two signs before something that is no variable.
                self.at = mark + 1;
                let operand = self.deeper(Self::unary)?;
                Ok(Expression::Unary(sign, Box::new(operand)))
            }
            Some(operator @ (b'+' | b'-' | b'!' | b'~')) => {
                self.at += 1;
                let operand = self.deeper(Self::unary)?;
                Ok(Expression::Unary(operator, Box::new(operand)))
            }
            _ => self.postfix(),
        }
    }

    fn postfix(&mut self) -> Read<Expression> {
        let operand = self.primary()?;
        if matches!(operand, Expression::Variable(_) | Expression::Element(..)) {
            match (self.next(), self.ahead(1)) {
                (Some(b'+'), Some(b'+')) => {
                    self.at += 2;
                    return Ok(Expression::PostStep(1, Box::new(operand)));
                }
                (Some(b'-'), Some(b'-')) => {
                    self.at += 2;
                    return Ok(Expression::PostStep(-1, Box::new(operand)));
                }
                _ => {}
            }
        }
        Ok(operand)
    }

    fn primary(&mut self) -> Read<Expression> {
        match self.next() {
            Some(b'(') => {
                self.at += 1;
                let inner = self.deeper(Self::comma)?;
                if self.next() != Some(b')') {
                    return self.error("missing `)'", "expecting ')'");
                }
                self.at += 1;
                Ok(inner)
            }
            Some(b'0'..=b'9') => {
                let start = self.at;
                while self.ahead(0).is_some_and(|byte| is_name_byte(byte) || byte == b'#' || byte == b'@') {
                    self.at += 1;
                }
                match parse_number(self.text.get(start..self.at).unwrap_or_default()) {
                    Ok(number) => Ok(Expression::Number(number)),
                    Err(message) => {
                        self.at = start;
                        self.error(message, "expecting EOF")
                    }
                }
            }
            Some(PARAMETER) if self.next_parameter < self.parameters.len() => {
                self.at += 1;
                let parameter = self.parameters.get(self.next_parameter).cloned();
                self.next_parameter += 1;
                match parameter {
                    Some(parameter) => Ok(Expression::Parameter(Box::new(parameter))),
                    None => self.error("syntax error: operand expected", "expecting primary"),
                }
            }
            Some(byte) if is_name_start(byte) => {
                let start = self.at;
                while self.ahead(0).is_some_and(is_name_byte) {
                    self.at += 1;
                }
                let name = self.text.get(start..self.at).unwrap_or_default().to_vec();
                if self.ahead(0) != Some(b'[') {
                    return Ok(Expression::Variable(name));
                }
                let open = self.at + 1;
                let mut depth = 0_u32;
                loop {
                    match self.ahead(0) {
                        None => return self.error("bad array subscript", "expecting ']'"),
                        Some(b'[') => depth += 1,
                        Some(b']') => {
                            depth -= 1;
                            if depth == 0 {
                                break;
                            }
                        }
                        Some(_) => {}
                    }
                    self.at += 1;
                }
                let subscript = self.text.get(open..self.at).unwrap_or_default().to_vec();
                self.at += 1;
                if subscript.contains(&PARAMETER) && !self.parameters.is_empty() {
                    return self.error("bad array subscript", "expecting ']'");
                }
                Ok(Expression::Element(name, subscript))
            }
            _ => self.error("syntax error: operand expected", "expecting primary"),
        }
    }
}
