//! Arithmetic evaluation: 64 bits, wrapping, variables by name, values that
//! are expressions themselves.

use super::{Expanded, Mode};
use crate::expand::FieldBuilder;
use crate::shell::{Shell, Unwind};
use crate::syntax::ast::{
    Arithmetic, ArithmeticExpression as Expression, ArithmeticOperator as Operator, Operation, ParameterName,
};
use crate::syntax::parse_arithmetic;
use crate::variables::{Flags, Value};

/// What went wrong inside an expression; the message is printed by the caller.
enum Trouble {
    /// A message and the text it is about.
    Message(&'static str, Vec<u8>),
    /// The expansion failed and has told so.
    Unwind(Unwind),
    /// A parameter's value is no number: evaluate the text instead.
    Textual,
}

impl From<Unwind> for Trouble {
    fn from(unwind: Unwind) -> Self {
        Self::Unwind(unwind)
    }
}

type Evaluated = Result<i64, Trouble>;

/// How deep values that are expressions may refer to each other.
const REFERENCE_LIMIT: u32 = 64;

/// A decimal number with an optional sign, the common case of a value.
fn plain_number(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 18 || (digits.len() > 1 && digits.first() == Some(&b'0')) {
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

impl Shell {
    /// Evaluates `$((…))`, `((…))` and the like.
    pub fn evaluate(&mut self, arithmetic: &Arithmetic) -> Expanded<i64> {
        if let Some(compiled) = &arithmetic.compiled {
            match self.compute(compiled, 0) {
                Ok(value) => return Ok(value),
                Err(Trouble::Textual) => {}
                Err(other) => {
                    let text = match &other {
                        Trouble::Message(..) => self.arithmetic_text(arithmetic)?,
                        _ => Vec::new(),
                    };
                    return Err(self.arithmetic_failed(&text, other));
                }
            }
        }
        let text = self.arithmetic_text(arithmetic)?;
        self.evaluate_text(&text)
    }

    fn arithmetic_text(&mut self, arithmetic: &Arithmetic) -> Expanded<Vec<u8>> {
        let mut builder = FieldBuilder::new(Mode::Single);
        self.expand_parts(&arithmetic.text.parts, true, &mut builder)?;
        Ok(builder.into_single())
    }

    /// Evaluates text whose expansions are done.
    pub fn evaluate_text(&mut self, text: &[u8]) -> Expanded<i64> {
        if let Some(number) = plain_number(text) {
            return Ok(number);
        }
        let unescaped: Vec<u8>;
        let source = if text.contains(&b'\\') {
            unescaped = text.iter().copied().filter(|byte| *byte != b'\\').collect();
            &unescaped
        } else {
            text
        };
        match self.compute_text(source, 0) {
            Ok(value) => Ok(value),
            Err(trouble) => Err(self.arithmetic_failed(text, trouble)),
        }
    }

    fn arithmetic_failed(&mut self, text: &[u8], trouble: Trouble) -> Unwind {
        match trouble {
            Trouble::Unwind(unwind) => unwind,
            Trouble::Textual => Unwind::Error,
            Trouble::Message(message, token) => {
                let mut out = Vec::new();
                if self.bash() {
                    let start = text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
                    out.extend_from_slice(text.get(start..).unwrap_or_default());
                    out.extend_from_slice(b": ");
                    out.extend_from_slice(message.as_bytes());
                    out.extend_from_slice(b" (error token is \"");
                    out.extend_from_slice(&token);
                    out.extend_from_slice(b"\")");
                } else {
                    match message {
                        "division by 0" => out.extend_from_slice(b"arithmetic expression: division by zero: \""),
                        "Illegal number" => {
                            out.extend_from_slice(b"Illegal number: ");
                            out.extend_from_slice(&token);
                        }
                        other => {
                            out.extend_from_slice(b"arithmetic expression: ");
                            out.extend_from_slice(other.as_bytes());
                            out.extend_from_slice(b": \"");
                        }
                    }
                    if out.ends_with(b"\"") {
                        out.extend_from_slice(text);
                        out.push(b'"');
                    }
                }
                self.complain(&out);
                self.status = if self.bash() { 1 } else { 2 };
                Unwind::Error
            }
        }
    }

    fn compute_text(&mut self, text: &[u8], depth: u32) -> Evaluated {
        if depth > REFERENCE_LIMIT {
            return Err(Trouble::Message("expression recursion level exceeded", text.to_vec()));
        }
        match parse_arithmetic(text) {
            Ok(expression) => self.compute(&expression, depth),
            Err(error) => Err(Trouble::Message(if self.bash() { error.message } else { error.posix }, error.token)),
        }
    }

    fn number_of(&mut self, text: &[u8], depth: u32) -> Evaluated {
        match plain_number(text) {
            Some(number) => Ok(number),
            None => self.compute_text(text, depth + 1),
        }
    }

    fn compute(&mut self, expression: &Expression, depth: u32) -> Evaluated {
        match expression {
            Expression::Number(number) => Ok(*number),
            Expression::Variable(name) => self.variable_number(name, depth),
            Expression::Element(name, subscript) => {
                let text = self.element_text(name, subscript)?;
                match text {
                    Some(text) => self.number_of(&text, depth),
                    None => Ok(0),
                }
            }
            Expression::Parameter(parameter) => {
                if let (ParameterName::Variable(name), Operation::Value) = (&parameter.name, &parameter.operation)
                    && let Some(variable) = self.variables.get(name)
                    && !variable.flags.has(Flags::DYNAMIC)
                    && let Value::Scalar(text) = &variable.value
                {
                    return plain_number(text).ok_or(Trouble::Textual);
                }
                let mut builder = FieldBuilder::new(Mode::Single);
                self.expand_parameter(parameter, true, &mut builder)?;
                plain_number(&builder.into_single()).ok_or(Trouble::Textual)
            }
            Expression::Unary(operator, operand) => {
                let value = self.compute(operand, depth)?;
                Ok(match operator {
                    b'-' => value.wrapping_neg(),
                    b'!' => i64::from(value == 0),
                    b'~' => !value,
                    _ => value,
                })
            }
            Expression::Binary(operator, left, right) => {
                let first = self.compute(left, depth)?;
                match operator {
                    Operator::And => {
                        return Ok(if first == 0 { 0 } else { i64::from(self.compute(right, depth)? != 0) });
                    }
                    Operator::Or => {
                        return Ok(if first != 0 { 1 } else { i64::from(self.compute(right, depth)? != 0) });
                    }
                    _ => {}
                }
                let second = self.compute(right, depth)?;
                apply(*operator, first, second)
            }
            Expression::Conditional(condition, yes, no) => {
                if self.compute(condition, depth)? != 0 {
                    self.compute(yes, depth)
                } else {
                    self.compute(no, depth)
                }
            }
            Expression::Assign(operator, target, value) => {
                let value = self.compute(value, depth)?;
                let value = match operator {
                    None => value,
                    Some(operator) => apply(*operator, self.compute(target, depth)?, value)?,
                };
                self.assign_number(target, value)?;
                Ok(value)
            }
            Expression::PreStep(step, target) => {
                let value = self.compute(target, depth)?.wrapping_add(*step);
                self.assign_number(target, value)?;
                Ok(value)
            }
            Expression::PostStep(step, target) => {
                let value = self.compute(target, depth)?;
                self.assign_number(target, value.wrapping_add(*step))?;
                Ok(value)
            }
        }
    }

    fn variable_number(&mut self, name: &[u8], depth: u32) -> Evaluated {
        if let Some(variable) = self.variables.get(name) {
            if let (Value::Scalar(text), false) =
                (&variable.value, variable.flags.has(Flags::DYNAMIC) || variable.flags.has(Flags::NAMEREF))
            {
                if let Some(number) = plain_number(text) {
                    return Ok(number);
                }
                let text = text.clone();
                return self.value_number(&text, depth);
            }
            if let Some(text) = self.get(name) {
                return self.value_number(&text, depth);
            }
        }
        if self.options.nounset {
            self.unbound(name);
            return Err(Trouble::Unwind(Unwind::Error));
        }
        Ok(0)
    }

    fn value_number(&mut self, text: &[u8], depth: u32) -> Evaluated {
        if text.iter().all(u8::is_ascii_whitespace) {
            return Ok(0);
        }
        self.number_of(text, depth)
    }

    /// The value of an element, its subscript still text.
    fn element_text(&mut self, name: &[u8], subscript: &[u8]) -> Result<Option<Vec<u8>>, Trouble> {
        let name = self.resolve_name(name);
        let key = self.element_key(&name, subscript)?;
        Ok(self.element(&name, &key))
    }

    fn element_key(&mut self, name: &[u8], subscript: &[u8]) -> Result<super::parameter::Key, Trouble> {
        let associative = self.variables.get(name).is_some_and(|variable| variable.flags.has(Flags::ASSOCIATIVE));
        if associative {
            let text = subscript.iter().copied().filter(|byte| !matches!(byte, b'"' | b'\'')).collect();
            return Ok(super::parameter::Key::Text(text));
        }
        let index = self.evaluate_text(subscript)?;
        Ok(super::parameter::Key::Number(index))
    }

    fn assign_number(&mut self, target: &Expression, value: i64) -> Result<(), Trouble> {
        match target {
            Expression::Variable(name) => {
                // The common case: a plain variable that exists.
                if let Some(variable) = self.variables.get(name)
                    && variable.flags == Flags::default()
                    && matches!(variable.value, Value::Scalar(_))
                    && !self.options.allexport
                {
                    let mut buffer = itoa(value);
                    if let Value::Scalar(text) = &mut self.variables.slot(name).value {
                        text.clear();
                        text.extend_from_slice(buffer.as_bytes());
                    }
                    buffer.clear();
                    return Ok(());
                }
                self.assign_scalar(name, value.to_string().into_bytes(), false)?;
                Ok(())
            }
            Expression::Element(name, subscript) => {
                let name = self.resolve_name(name);
                let key = self.element_key(&name, subscript)?;
                self.assign_element(&name, key, value.to_string().into_bytes(), false)?;
                Ok(())
            }
            _ => Err(Trouble::Message("attempted assignment to non-variable", Vec::new())),
        }
    }
}

fn itoa(value: i64) -> String {
    value.to_string()
}

fn apply(operator: Operator, left: i64, right: i64) -> Evaluated {
    Ok(match operator {
        Operator::Multiply => left.wrapping_mul(right),
        Operator::Divide | Operator::Remainder if right == 0 => {
            return Err(Trouble::Message("division by 0", b"0".to_vec()));
        }
        Operator::Divide => left.wrapping_div(right),
        Operator::Remainder => left.wrapping_rem(right),
        Operator::Power => {
            if right < 0 {
                return Err(Trouble::Message("exponent less than 0", right.to_string().into_bytes()));
            }
            let mut base = left;
            let mut exponent = right;
            let mut value = 1_i64;
            while exponent > 0 {
                if exponent & 1 == 1 {
                    value = value.wrapping_mul(base);
                }
                base = base.wrapping_mul(base);
                exponent >>= 1;
            }
            value
        }
        Operator::Add => left.wrapping_add(right),
        Operator::Subtract => left.wrapping_sub(right),
        Operator::ShiftLeft => left.wrapping_shl(right as u32),
        Operator::ShiftRight => left.wrapping_shr(right as u32),
        Operator::Less => i64::from(left < right),
        Operator::LessEqual => i64::from(left <= right),
        Operator::Greater => i64::from(left > right),
        Operator::GreaterEqual => i64::from(left >= right),
        Operator::Equal => i64::from(left == right),
        Operator::NotEqual => i64::from(left != right),
        Operator::BitAnd => left & right,
        Operator::BitXor => left ^ right,
        Operator::BitOr => left | right,
        Operator::And => i64::from(left != 0 && right != 0),
        Operator::Or => i64::from(left != 0 || right != 0),
        Operator::Comma => right,
    })
}
