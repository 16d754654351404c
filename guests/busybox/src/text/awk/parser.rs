//! From tokens to a tree whose variables are places.

use std::collections::HashMap;

use super::lexer::{Lexer, Token};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    Global(usize),
    Local(usize),
}

#[derive(Clone, Debug)]
pub enum Place {
    Variable(Variable),
    Element(Variable, Vec<Expression>),
    Field(Box<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Less,
    LessEqual,
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
}

#[derive(Clone, Debug)]
pub enum Expression {
    Number(f64),
    Text(std::rc::Rc<[u8]>),
    /// Matched against the record, unless an operator or function takes it.
    Regex(usize),
    Place(Place),
    Assign(Place, Box<Expression>),
    Update(Place, Operator, Box<Expression>),
    /// Place, difference, whether the old value is the answer.
    Step(Place, f64, bool),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Compare(Comparison, Box<Expression>, Box<Expression>),
    Concat(Box<Expression>, Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    Positive(Box<Expression>),
    Choice(Box<Expression>, Box<Expression>, Box<Expression>),
    Match(Box<Expression>, Box<Expression>, bool),
    In(Vec<Expression>, Variable),
    Group(Box<Expression>),
    /// Several in parentheses, before `in` or of print.
    List(Vec<Expression>),
    Builtin(&'static str, Vec<Expression>),
    Call(usize, Vec<Expression>),
    Getline(Source, Option<Place>),
}

#[derive(Clone, Debug)]
pub enum Source {
    Main,
    File(Box<Expression>),
    Command(Box<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirect {
    Truncate,
    Append,
    Pipe,
}

#[derive(Clone, Debug)]
pub enum Statement {
    Block(Vec<Statement>),
    Expression(Expression),
    Print(Vec<Expression>, Option<(Redirect, Expression)>),
    Printf(Vec<Expression>, Option<(Redirect, Expression)>),
    If(Expression, Box<Statement>, Option<Box<Statement>>),
    While(Expression, Box<Statement>),
    Do(Box<Statement>, Expression),
    For(Option<Box<Statement>>, Option<Expression>, Option<Box<Statement>>, Box<Statement>),
    ForIn(Place, Variable, Box<Statement>),
    Switch(Expression, Vec<(Option<Expression>, Vec<Statement>)>),
    Break,
    Continue,
    Next,
    NextFile,
    Exit(Option<Expression>),
    Return(Option<Expression>),
    Delete(Variable, Vec<Expression>),
    DeleteAll(Variable),
}

#[derive(Clone, Debug)]
pub enum Pattern {
    Begin,
    End,
    Always,
    When(Expression),
    Range(Expression, Expression),
}

#[derive(Clone, Debug, Default)]
pub struct Function {
    pub name: String,
    pub parameters: Vec<String>,
    pub arrays: Vec<bool>,
    pub body: Vec<Statement>,
    pub defined: bool,
}

#[derive(Debug, Default)]
pub struct Program {
    pub rules: Vec<(Pattern, Option<Vec<Statement>>)>,
    pub functions: Vec<Function>,
    pub globals: HashMap<String, usize>,
    pub regexes: Vec<Vec<u8>>,
}

pub fn parse(text: &[u8], file: &str, predefined: &[&str]) -> Result<Program, String> {
    let mut program = Program::default();
    for (place, name) in predefined.iter().enumerate() {
        program.globals.insert((*name).to_string(), place);
    }
    let mut parser = Parser {
        lexer: Lexer::new(text),
        token: Token::Newline,
        operand: true,
        program,
        locals: Vec::new(),
        function: None,
        no_in: 0,
        no_greater: false,
        depth: 0,
        loops: 0,
    };
    let result = parser.advance().and_then(|()| parser.program());
    let line = parser.lexer.line;
    result.map_err(|message| format!("{file}:{line}: {message}"))?;
    let mut program = parser.program;
    infer_arrays(&mut program);
    Ok(program)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token,
    operand: bool,
    program: Program,
    locals: Vec<String>,
    function: Option<usize>,
    /// Above 0 `in` belongs to the enclosing for.
    no_in: usize,
    no_greater: bool,
    depth: usize,
    loops: usize,
}

type Parsed<T> = Result<T, String>;

const UNEXPECTED: &str = "Unexpected token";

impl Parser<'_> {
    fn advance(&mut self) -> Parsed<()> {
        // Behind an operand a slash divides.
        self.operand = !matches!(
            self.token,
            Token::Number(_)
                | Token::Text(_)
                | Token::Regex(_)
                | Token::Name(_)
                | Token::Mark(")" | "]" | "$" | "++" | "--")
                | Token::Builtin(_)
        );
        self.token = self.lexer.next(self.operand)?;
        Ok(())
    }

    fn is(&self, mark: &str) -> bool {
        matches!(&self.token, Token::Mark(found) | Token::Keyword(found) if *found == mark)
    }

    fn take(&mut self, mark: &str) -> Parsed<bool> {
        if self.is(mark) {
            self.advance()?;
            return Ok(true);
        }
        Ok(false)
    }

    fn expect(&mut self, mark: &str) -> Parsed<()> {
        if self.take(mark)? { Ok(()) } else { Err(UNEXPECTED.to_string()) }
    }

    fn newlines(&mut self) -> Parsed<()> {
        while self.token == Token::Newline {
            self.advance()?;
        }
        Ok(())
    }

    fn terminators(&mut self) -> Parsed<()> {
        while self.token == Token::Newline || self.is(";") {
            self.advance()?;
        }
        Ok(())
    }

    fn program(&mut self) -> Parsed<()> {
        loop {
            self.terminators()?;
            if self.token == Token::End {
                return Ok(());
            }
            if self.take("function")? {
                self.definition()?;
                continue;
            }
            let pattern = if self.take("BEGIN")? {
                Pattern::Begin
            } else if self.take("END")? {
                Pattern::End
            } else if self.is("{") {
                Pattern::Always
            } else {
                let first = self.expression()?;
                if self.take(",")? {
                    self.newlines()?;
                    Pattern::Range(first, self.expression()?)
                } else {
                    Pattern::When(first)
                }
            };
            let body = if self.is("{") {
                Some(self.block()?)
            } else if matches!(pattern, Pattern::Begin | Pattern::End) {
                return Err(UNEXPECTED.to_string());
            } else {
                None
            };
            self.program.rules.push((pattern, body));
            if !(self.token == Token::Newline
                || self.is(";")
                || self.token == Token::End
                || self.operand_follows_block())
            {
                return Err(UNEXPECTED.to_string());
            }
        }
    }

    /// Behind a closing brace the next rule may follow at once.
    fn operand_follows_block(&self) -> bool {
        !matches!(self.token, Token::Mark("}" | ")" | "]"))
    }

    fn function_index(&mut self, name: &str) -> usize {
        if let Some(index) = self.program.functions.iter().position(|function| function.name == name) {
            return index;
        }
        self.program.functions.push(Function { name: name.to_string(), ..Function::default() });
        self.program.functions.len() - 1
    }

    fn definition(&mut self) -> Parsed<()> {
        let name = match self.token.clone() {
            Token::Name(name) | Token::Call(name) => name,
            _ => return Err(UNEXPECTED.to_string()),
        };
        self.advance()?;
        self.expect("(")?;
        let mut parameters = Vec::new();
        while let Token::Name(parameter) = self.token.clone() {
            self.advance()?;
            parameters.push(parameter);
            self.newlines()?;
            if !self.take(",")? {
                break;
            }
            self.newlines()?;
            if self.is(")") {
                return Err(UNEXPECTED.to_string());
            }
        }
        self.expect(")")?;
        self.newlines()?;
        let index = self.function_index(&name);
        if self.program.functions[index].defined {
            return Err(format!("function '{name}' is already defined"));
        }
        self.program.functions[index].arrays = vec![false; parameters.len()];
        self.program.functions[index].parameters.clone_from(&parameters);
        self.program.functions[index].defined = true;
        self.locals = parameters;
        self.function = Some(index);
        let body = self.block()?;
        self.locals.clear();
        self.function = None;
        self.program.functions[index].body = body;
        Ok(())
    }

    fn block(&mut self) -> Parsed<Vec<Statement>> {
        self.expect("{")?;
        let mut statements = Vec::new();
        loop {
            self.terminators()?;
            if self.take("}")? {
                return Ok(statements);
            }
            if self.token == Token::End {
                return Err("unexpected end of program".to_string());
            }
            statements.push(self.statement()?);
        }
    }

    fn body(&mut self) -> Parsed<Box<Statement>> {
        self.newlines()?;
        if self.take(";")? {
            return Ok(Box::new(Statement::Block(Vec::new())));
        }
        Ok(Box::new(self.statement()?))
    }

    /// The end of a simple statement.
    fn end(&mut self) -> Parsed<()> {
        match self.token {
            Token::Newline => self.advance(),
            Token::Mark(";") => self.advance(),
            Token::Mark("}") | Token::End => Ok(()),
            _ => Err(UNEXPECTED.to_string()),
        }
    }

    fn statement(&mut self) -> Parsed<Statement> {
        self.depth += 1;
        if self.depth > 400 {
            return Err("nested too deeply".to_string());
        }
        let looping = matches!(self.token, Token::Keyword("while" | "do" | "for" | "switch"));
        self.loops += usize::from(looping);
        let statement = self.any_statement();
        self.loops -= usize::from(looping);
        self.depth -= 1;
        statement
    }

    fn any_statement(&mut self) -> Parsed<Statement> {
        let keyword = match self.token {
            Token::Mark("{") => return Ok(Statement::Block(self.block()?)),
            Token::Keyword(keyword) => keyword,
            _ => "",
        };
        match keyword {
            "if" => {
                self.advance()?;
                self.expect("(")?;
                let condition = self.inside()?;
                self.expect(")")?;
                let then = self.body()?;
                // The else may come after a newline or a semicolon.
                let saved = self.skip_to_else()?;
                if saved {
                    self.advance()?;
                    return Ok(Statement::If(condition, then, Some(self.body()?)));
                }
                Ok(Statement::If(condition, then, None))
            }
            "while" => {
                self.advance()?;
                self.expect("(")?;
                let condition = self.inside()?;
                self.expect(")")?;
                if self.take(";")? {
                    return Ok(Statement::While(condition, Box::new(Statement::Block(Vec::new()))));
                }
                Ok(Statement::While(condition, self.body()?))
            }
            "do" => {
                self.advance()?;
                let body = self.body()?;
                self.terminators()?;
                self.expect("while")?;
                self.expect("(")?;
                let condition = self.inside()?;
                self.expect(")")?;
                self.end()?;
                Ok(Statement::Do(body, condition))
            }
            "for" => self.for_statement(),
            "switch" => self.switch(),
            _ => {
                let statement = self.simple()?;
                self.end()?;
                Ok(statement)
            }
        }
    }

    fn skip_to_else(&mut self) -> Parsed<bool> {
        // Terminators before something else are harmless to lose.
        while self.token == Token::Newline || self.is(";") {
            self.advance()?;
        }
        Ok(self.is("else"))
    }

    fn inside(&mut self) -> Parsed<Expression> {
        let (no_in, no_greater) = (std::mem::take(&mut self.no_in), std::mem::take(&mut self.no_greater));
        let expression = self.expression();
        (self.no_in, self.no_greater) = (no_in, no_greater);
        expression
    }

    fn for_statement(&mut self) -> Parsed<Statement> {
        self.advance()?;
        self.expect("(")?;
        let first = if self.is(";") {
            None
        } else {
            self.no_in += 1;
            let statement = self.simple();
            self.no_in -= 1;
            Some(statement?)
        };
        if self.is("in") {
            if let Some(Statement::Expression(Expression::Place(place))) = first {
                self.advance()?;
                let Token::Name(name) = self.token.clone() else {
                    return Err(UNEXPECTED.to_string());
                };
                self.advance()?;
                self.expect(")")?;
                let array = self.variable(&name);
                return Ok(Statement::ForIn(place, array, self.body()?));
            }
            return Err("unexpected 'in'".to_string());
        }
        // `for ((i, j) in a; …)` does not exist: the rest is C's form.
        self.expect(";")?;
        self.newlines()?;
        let condition = if self.is(";") { None } else { Some(self.expression()?) };
        self.expect(";")?;
        self.newlines()?;
        let step = if self.is(")") { None } else { Some(Box::new(self.simple()?)) };
        self.expect(")")?;
        if self.take(";")? {
            return Ok(Statement::For(first.map(Box::new), condition, step, Box::new(Statement::Block(Vec::new()))));
        }
        Ok(Statement::For(first.map(Box::new), condition, step, self.body()?))
    }

    fn switch(&mut self) -> Parsed<Statement> {
        self.advance()?;
        self.expect("(")?;
        let subject = self.inside()?;
        self.expect(")")?;
        self.newlines()?;
        self.expect("{")?;
        let mut cases = Vec::new();
        loop {
            self.terminators()?;
            if self.take("}")? {
                return Ok(Statement::Switch(subject, cases));
            }
            let label = if self.take("case")? {
                let (token, mut label) = (self.token.clone(), self.unary()?);
                if let Token::Regex(_) = token
                    && let Expression::Regex(index) = label
                {
                    label = Expression::Regex(index);
                }
                Some(label)
            } else {
                self.expect("default")?;
                None
            };
            self.expect(":")?;
            let mut body = Vec::new();
            loop {
                self.terminators()?;
                if self.is("case") || self.is("default") || self.is("}") {
                    break;
                }
                body.push(self.statement()?);
            }
            cases.push((label, body));
        }
    }

    fn simple(&mut self) -> Parsed<Statement> {
        let keyword = match self.token {
            Token::Keyword(keyword) => keyword,
            _ => "",
        };
        let at_end = |parser: &Self| {
            parser.token == Token::Newline || parser.is(";") || parser.is("}") || parser.token == Token::End
        };
        Ok(match keyword {
            "print" | "printf" => {
                self.advance()?;
                let before = std::mem::replace(&mut self.no_greater, true);
                let mut arguments = Vec::new();
                if !(at_end(self) || self.is(">") || self.is(">>") || self.is("|")) {
                    arguments = self.list()?;
                    // `print (a, b) > file`: the list in parentheses is it.
                    if let [Expression::List(items)] = arguments.as_slice() {
                        arguments = items.clone();
                    }
                }
                let mut redirect = None;
                for (mark, kind) in [(">", Redirect::Truncate), (">>", Redirect::Append), ("|", Redirect::Pipe)] {
                    if self.take(mark)? {
                        redirect = Some((kind, self.concatenation()?));
                        break;
                    }
                }
                self.no_greater = before;
                if keyword == "print" {
                    Statement::Print(arguments, redirect)
                } else {
                    if arguments.is_empty() {
                        return Err("printf needs a format".to_string());
                    }
                    Statement::Printf(arguments, redirect)
                }
            }
            "break" | "continue" if self.loops == 0 => return Err(format!("'{keyword}' not in a loop")),
            "break" => self.advance().map(|()| Statement::Break)?,
            "continue" => self.advance().map(|()| Statement::Continue)?,
            "next" => self.advance().map(|()| Statement::Next)?,
            "nextfile" => self.advance().map(|()| Statement::NextFile)?,
            "exit" | "return" => {
                self.advance()?;
                let value = if at_end(self) { None } else { Some(self.expression()?) };
                if keyword == "exit" {
                    Statement::Exit(value)
                } else if self.function.is_none() {
                    return Err("return outside of a function".to_string());
                } else {
                    Statement::Return(value)
                }
            }
            "delete" => {
                self.advance()?;
                let Token::Name(name) = self.token.clone() else {
                    return Err(UNEXPECTED.to_string());
                };
                self.advance()?;
                let array = self.variable(&name);
                if self.take("[")? {
                    let subscripts = self.subscripts()?;
                    Statement::Delete(array, subscripts)
                } else {
                    Statement::DeleteAll(array)
                }
            }
            _ => Statement::Expression(self.expression()?),
        })
    }

    fn subscripts(&mut self) -> Parsed<Vec<Expression>> {
        let (no_in, no_greater) = (std::mem::take(&mut self.no_in), std::mem::take(&mut self.no_greater));
        let list = self.list();
        (self.no_in, self.no_greater) = (no_in, no_greater);
        self.expect("]")?;
        list
    }

    fn list(&mut self) -> Parsed<Vec<Expression>> {
        let mut items = vec![self.expression()?];
        while self.take(",")? {
            self.newlines()?;
            items.push(self.expression()?);
        }
        Ok(items)
    }

    fn variable(&mut self, name: &str) -> Variable {
        if let Some(place) = self.locals.iter().position(|local| local == name) {
            return Variable::Local(place);
        }
        let next = self.program.globals.len();
        Variable::Global(*self.program.globals.entry(name.to_string()).or_insert(next))
    }

    fn expression(&mut self) -> Parsed<Expression> {
        self.depth += 1;
        if self.depth > 400 {
            return Err("nested too deeply".to_string());
        }
        let expression = self.assignment();
        self.depth -= 1;
        expression
    }

    fn assignment(&mut self) -> Parsed<Expression> {
        let left = self.ternary()?;
        let operator = match self.token {
            Token::Mark(mark) => mark,
            _ => return Ok(left),
        };
        let update = match operator {
            "=" => None,
            "+=" => Some(Operator::Add),
            "-=" => Some(Operator::Subtract),
            "*=" => Some(Operator::Multiply),
            "/=" => Some(Operator::Divide),
            "%=" => Some(Operator::Modulo),
            "^=" => Some(Operator::Power),
            _ => return Ok(left),
        };
        // `a && b = 1` and `!x = y` assign to the last operand, as in C grammars
        // for awk.
        self.advance()?;
        self.newlines()?;
        let right = self.expression()?;
        assign(left, update, right)
    }

    fn ternary(&mut self) -> Parsed<Expression> {
        let condition = self.or()?;
        if !self.take("?")? {
            return Ok(condition);
        }
        self.newlines()?;
        let yes = self.expression()?;
        self.newlines()?;
        self.expect(":")?;
        self.newlines()?;
        let no = self.expression()?;
        Ok(Expression::Choice(Box::new(condition), Box::new(yes), Box::new(no)))
    }

    fn or(&mut self) -> Parsed<Expression> {
        let mut left = self.and()?;
        while self.take("||")? {
            self.newlines()?;
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed<Expression> {
        let mut left = self.membership()?;
        while self.take("&&")? {
            self.newlines()?;
            left = Expression::And(Box::new(left), Box::new(self.membership()?));
        }
        Ok(left)
    }

    fn membership(&mut self) -> Parsed<Expression> {
        let mut left = self.matching()?;
        while self.no_in == 0 && self.is("in") {
            self.advance()?;
            let Token::Name(name) = self.token.clone() else {
                return Err(UNEXPECTED.to_string());
            };
            self.advance()?;
            let array = self.variable(&name);
            let subscripts = match left {
                Expression::List(items) => items,
                other => vec![other],
            };
            left = Expression::In(subscripts, array);
        }
        Ok(left)
    }

    fn matching(&mut self) -> Parsed<Expression> {
        let mut left = self.comparison()?;
        loop {
            let negated = match self.token {
                Token::Mark("~") => false,
                Token::Mark("!~") => true,
                _ => return Ok(left),
            };
            self.advance()?;
            left = Expression::Match(Box::new(left), Box::new(self.comparison()?), negated);
        }
    }

    fn comparison(&mut self) -> Parsed<Expression> {
        let left = self.concatenation()?;
        let comparison = match self.token {
            Token::Mark("<") => Comparison::Less,
            Token::Mark("<=") => Comparison::LessEqual,
            Token::Mark("==") => Comparison::Equal,
            Token::Mark("!=") => Comparison::NotEqual,
            Token::Mark(">") if !self.no_greater => Comparison::Greater,
            Token::Mark(">=") => Comparison::GreaterEqual,
            _ => return Ok(left),
        };
        self.advance()?;
        Ok(Expression::Compare(comparison, Box::new(left), Box::new(self.concatenation()?)))
    }

    fn starts_operand(&self) -> bool {
        match &self.token {
            Token::Number(_)
            | Token::Text(_)
            | Token::Regex(_)
            | Token::Name(_)
            | Token::Call(_)
            | Token::Builtin(_) => true,
            Token::Mark(mark) => matches!(*mark, "(" | "$" | "!" | "-" | "+" | "++" | "--"),
            _ => false,
        }
    }

    fn concatenation(&mut self) -> Parsed<Expression> {
        let mut left = self.additive()?;
        loop {
            // `a -1` subtracts: additive has taken that.
            if self.starts_operand() && !(self.is("in")) {
                let right = self.additive()?;
                left = Expression::Concat(Box::new(left), Box::new(right));
                continue;
            }
            // `cmd | getline` binds as tightly as concatenation.
            if self.is("|") && !self.no_pipe()? {
                left = self.piped(left)?;
                continue;
            }
            return Ok(left);
        }
    }

    /// Whether the bar is print's and not getline's.
    fn no_pipe(&mut self) -> Parsed<bool> {
        if !self.no_greater {
            return Ok(false);
        }
        // Look at the next word without taking the bar.
        let saved = self.lexer.clone_position();
        let next = self.lexer.next(true);
        self.lexer.restore_position(saved);
        Ok(next? != Token::Keyword("getline"))
    }

    fn piped(&mut self, command: Expression) -> Parsed<Expression> {
        self.expect("|")?;
        self.expect("getline")?;
        let place = self.optional_place()?;
        Ok(Expression::Getline(Source::Command(Box::new(command)), place))
    }

    fn additive(&mut self) -> Parsed<Expression> {
        let mut left = self.multiplicative()?;
        loop {
            let operator = match self.token {
                Token::Mark("+") => Operator::Add,
                Token::Mark("-") => Operator::Subtract,
                _ => return Ok(left),
            };
            self.advance()?;
            left = Expression::Binary(operator, Box::new(left), Box::new(self.multiplicative()?));
        }
    }

    fn multiplicative(&mut self) -> Parsed<Expression> {
        let mut left = self.unary()?;
        loop {
            let operator = match self.token {
                Token::Mark("*") => Operator::Multiply,
                Token::Mark("/") => Operator::Divide,
                Token::Mark("%") => Operator::Modulo,
                _ => return Ok(left),
            };
            self.advance()?;
            left = Expression::Binary(operator, Box::new(left), Box::new(self.unary()?));
        }
    }

    fn unary(&mut self) -> Parsed<Expression> {
        self.depth += 1;
        if self.depth > 800 {
            return Err("nested too deeply".to_string());
        }
        let result = self.any_unary();
        self.depth -= 1;
        result
    }

    fn any_unary(&mut self) -> Parsed<Expression> {
        if self.take("!")? {
            // `! x ~ y` negates the match.
            let inside = self.unary()?;
            if self.is("~") || self.is("!~") {
                let negated = self.is("!~");
                self.advance()?;
                let right = self.comparison()?;
                return Ok(Expression::Not(Box::new(Expression::Match(Box::new(inside), Box::new(right), negated))));
            }
            return Ok(Expression::Not(Box::new(inside)));
        }
        if self.take("-")? {
            return Ok(Expression::Negative(Box::new(self.unary()?)));
        }
        if self.take("+")? {
            return Ok(Expression::Positive(Box::new(self.unary()?)));
        }
        self.power()
    }

    fn power(&mut self) -> Parsed<Expression> {
        let base = self.postfix()?;
        if self.take("^")? {
            // Right associative, and a sign may follow.
            let exponent = if self.is("-") || self.is("+") || self.is("!") { self.unary()? } else { self.power()? };
            return Ok(Expression::Binary(Operator::Power, Box::new(base), Box::new(exponent)));
        }
        Ok(base)
    }

    fn postfix(&mut self) -> Parsed<Expression> {
        let value = self.primary()?;
        for (mark, difference) in [("++", 1.0), ("--", -1.0)] {
            if self.is(mark)
                && let Expression::Place(place) = &value
            {
                self.advance()?;
                return Ok(Expression::Step(place.clone(), difference, true));
            }
        }
        Ok(value)
    }

    fn optional_place(&mut self) -> Parsed<Option<Place>> {
        match &self.token {
            Token::Name(_) | Token::Mark("$") => match self.primary()? {
                Expression::Place(place) => Ok(Some(place)),
                _ => Err("getline needs a variable".to_string()),
            },
            _ => Ok(None),
        }
    }

    fn regex(&mut self, text: Vec<u8>) -> Expression {
        let known = self.program.regexes.iter().position(|regex| *regex == text);
        Expression::Regex(known.unwrap_or_else(|| {
            self.program.regexes.push(text);
            self.program.regexes.len() - 1
        }))
    }

    fn primary(&mut self) -> Parsed<Expression> {
        let token = self.token.clone();
        match token {
            Token::Number(number) => {
                self.advance()?;
                Ok(Expression::Number(number))
            }
            Token::Text(text) => {
                self.advance()?;
                Ok(Expression::Text(text.into()))
            }
            Token::Regex(text) => {
                self.advance()?;
                Ok(self.regex(text))
            }
            Token::Mark("$") => {
                self.advance()?;
                // `$i++` steps the field, `$++i` the variable.
                let index = if self.is("++") || self.is("--") || self.is("-") || self.is("+") || self.is("!") {
                    self.unary()?
                } else {
                    self.primary()?
                };
                Ok(Expression::Place(Place::Field(Box::new(index))))
            }
            Token::Mark(mark @ ("++" | "--")) => {
                self.advance()?;
                match self.primary()? {
                    Expression::Place(place) => {
                        Ok(Expression::Step(place, if mark == "++" { 1.0 } else { -1.0 }, false))
                    }
                    _ => Err(format!("'{mark}' needs a variable")),
                }
            }
            Token::Mark("(") => {
                self.advance()?;
                self.newlines()?;
                if self.is(")") {
                    return Err("Empty sequence".to_string());
                }
                let (no_in, no_greater) = (std::mem::take(&mut self.no_in), std::mem::take(&mut self.no_greater));
                let mut items = self.list()?;
                self.newlines()?;
                (self.no_in, self.no_greater) = (no_in, no_greater);
                self.expect(")")?;
                if items.len() == 1 {
                    return Ok(Expression::Group(Box::new(items.remove(0))));
                }
                if !(self.is("in") || self.no_greater) {
                    return Err(UNEXPECTED.to_string());
                }
                Ok(Expression::List(items))
            }
            Token::Keyword("getline") => {
                self.advance()?;
                let place = self.optional_place()?;
                if self.take("<")? {
                    let file = self.file_operand()?;
                    return Ok(Expression::Getline(Source::File(Box::new(file)), place));
                }
                Ok(Expression::Getline(Source::Main, place))
            }
            Token::Builtin(name) => {
                self.advance()?;
                if !self.is("(") {
                    if name == "length" {
                        return Ok(Expression::Builtin(name, Vec::new()));
                    }
                    return Err(UNEXPECTED.to_string());
                }
                let arguments = self.arguments()?;
                Ok(Expression::Builtin(name, arguments))
            }
            Token::Call(name) => {
                self.advance()?;
                let arguments = self.arguments()?;
                let index = self.function_index(&name);
                Ok(Expression::Call(index, arguments))
            }
            Token::Name(name) => {
                self.advance()?;
                let variable = self.variable(&name);
                if self.take("[")? {
                    let subscripts = self.subscripts()?;
                    return Ok(Expression::Place(Place::Element(variable, subscripts)));
                }
                Ok(Expression::Place(Place::Variable(variable)))
            }
            _ => Err(UNEXPECTED.to_string()),
        }
    }

    /// What follows `getline <`: a primary, concatenation ends it.
    fn file_operand(&mut self) -> Parsed<Expression> {
        self.postfix()
    }

    fn arguments(&mut self) -> Parsed<Vec<Expression>> {
        self.expect("(")?;
        self.newlines()?;
        let mut arguments = Vec::new();
        let (no_in, no_greater) = (std::mem::take(&mut self.no_in), std::mem::take(&mut self.no_greater));
        if !self.is(")") {
            loop {
                arguments.push(self.expression()?);
                self.newlines()?;
                if !self.take(",")? {
                    break;
                }
                self.newlines()?;
            }
        }
        (self.no_in, self.no_greater) = (no_in, no_greater);
        self.expect(")")?;
        Ok(arguments)
    }
}

fn assign(left: Expression, update: Option<Operator>, right: Expression) -> Parsed<Expression> {
    Ok(match left {
        Expression::Place(place) => match update {
            None => Expression::Assign(place, Box::new(right)),
            Some(operator) => Expression::Update(place, operator, Box::new(right)),
        },
        Expression::And(first, last) => Expression::And(first, Box::new(assign(*last, update, right)?)),
        Expression::Or(first, last) => Expression::Or(first, Box::new(assign(*last, update, right)?)),
        Expression::Not(inside) => Expression::Not(Box::new(assign(*inside, update, right)?)),
        Expression::Negative(inside) => Expression::Negative(Box::new(assign(*inside, update, right)?)),
        Expression::Compare(comparison, first, last) => {
            Expression::Compare(comparison, first, Box::new(assign(*last, update, right)?))
        }
        Expression::Concat(first, last) => Expression::Concat(first, Box::new(assign(*last, update, right)?)),
        Expression::Match(first, last, negated) => {
            Expression::Match(first, Box::new(assign(*last, update, right)?), negated)
        }
        Expression::Choice(condition, yes, no) => {
            Expression::Choice(condition, yes, Box::new(assign(*no, update, right)?))
        }
        _ => return Err("assignment needs a variable".to_string()),
    })
}

/// Finds the parameters that are arrays, through calls.
fn infer_arrays(program: &mut Program) {
    loop {
        let mut changed = false;
        for index in 0..program.functions.len() {
            let mut found = program.functions[index].arrays.clone();
            let mut mark = |variable: Variable| {
                if let Variable::Local(place) = variable
                    && let Some(flag) = found.get_mut(place)
                {
                    *flag = true;
                }
            };
            for statement in &program.functions[index].body {
                walk(statement, &mut |expression| arrays_of(expression, &program.functions, &mut mark), &mut |_| {});
            }
            let mut direct = Vec::new();
            for statement in &program.functions[index].body {
                walk(statement, &mut |_| {}, &mut |variable| direct.push(variable));
            }
            direct.into_iter().for_each(&mut mark);
            if found != program.functions[index].arrays {
                program.functions[index].arrays = found;
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

fn arrays_of(expression: &Expression, functions: &[Function], mark: &mut dyn FnMut(Variable)) {
    let bare = |expression: &Expression| match expression {
        Expression::Place(Place::Variable(variable)) => Some(*variable),
        _ => None,
    };
    match expression {
        Expression::Place(place)
        | Expression::Assign(place, _)
        | Expression::Update(place, ..)
        | Expression::Step(place, ..) => {
            if let Place::Element(variable, _) = place {
                mark(*variable);
            }
        }
        Expression::In(_, variable) => mark(*variable),
        Expression::Getline(_, Some(Place::Element(variable, _))) => mark(*variable),
        Expression::Builtin("split" | "patsplit" | "match", arguments) => {
            let skip = if arguments.len() > 2 || matches!(expression, Expression::Builtin("split" | "patsplit", _)) {
                1
            } else {
                9
            };
            let place = if matches!(expression, Expression::Builtin("match", _)) { 2 } else { skip };
            arguments.get(place).and_then(bare).into_iter().for_each(&mut *mark);
            if let Expression::Builtin("split" | "patsplit", _) = expression {
                arguments.get(3).and_then(bare).into_iter().for_each(&mut *mark);
            }
        }
        Expression::Builtin("asort" | "asorti", arguments) => {
            arguments.iter().take(2).filter_map(bare).for_each(&mut *mark);
        }
        Expression::Call(index, arguments) => {
            for (argument, array) in arguments.iter().zip(&functions[*index].arrays) {
                if *array && let Some(variable) = bare(argument) {
                    mark(variable);
                }
            }
        }
        _ => {}
    }
}

/// Visits every expression, and every variable that a statement names as array.
fn walk(statement: &Statement, visit: &mut dyn FnMut(&Expression), array: &mut dyn FnMut(Variable)) {
    let mut all = |items: &[&Expression]| items.iter().for_each(|item| inner(item, visit));
    match statement {
        Statement::Block(body) => body.iter().for_each(|statement| walk(statement, visit, array)),
        Statement::Expression(expression) => all(&[expression]),
        Statement::Print(items, redirect) | Statement::Printf(items, redirect) => {
            items.iter().for_each(|item| inner(item, visit));
            if let Some((_, target)) = redirect {
                inner(target, visit);
            }
        }
        Statement::If(condition, then, other) => {
            all(&[condition]);
            walk(then, visit, array);
            if let Some(other) = other {
                walk(other, visit, array);
            }
        }
        Statement::While(condition, body) | Statement::Do(body, condition) => {
            all(&[condition]);
            walk(body, visit, array);
        }
        Statement::For(first, condition, step, body) => {
            condition.iter().for_each(|item| inner(item, visit));
            for statement in [first, step].into_iter().flatten() {
                walk(statement, visit, array);
            }
            walk(body, visit, array);
        }
        Statement::ForIn(place, variable, body) => {
            inner(&Expression::Place(place.clone()), visit);
            array(*variable);
            walk(body, visit, array);
        }
        Statement::Switch(subject, cases) => {
            all(&[subject]);
            for (_, body) in cases {
                body.iter().for_each(|statement| walk(statement, visit, array));
            }
        }
        Statement::Exit(value) | Statement::Return(value) => value.iter().for_each(|item| inner(item, visit)),
        Statement::Delete(variable, subscripts) => {
            array(*variable);
            subscripts.iter().for_each(|item| inner(item, visit));
        }
        Statement::DeleteAll(variable) => array(*variable),
        Statement::Break | Statement::Continue | Statement::Next | Statement::NextFile => {}
    }
}

fn inner(expression: &Expression, visit: &mut dyn FnMut(&Expression)) {
    visit(expression);
    let place_parts = |place: &Place, visit: &mut dyn FnMut(&Expression)| match place {
        Place::Variable(_) => {}
        Place::Element(_, subscripts) => subscripts.iter().for_each(|item| inner(item, visit)),
        Place::Field(index) => inner(index, visit),
    };
    match expression {
        Expression::Number(_) | Expression::Text(_) | Expression::Regex(_) => {}
        Expression::Place(place) | Expression::Step(place, ..) => place_parts(place, visit),
        Expression::Assign(place, value) | Expression::Update(place, _, value) => {
            place_parts(place, visit);
            inner(value, visit);
        }
        Expression::Binary(_, a, b)
        | Expression::Compare(_, a, b)
        | Expression::Concat(a, b)
        | Expression::And(a, b)
        | Expression::Or(a, b)
        | Expression::Match(a, b, _) => {
            inner(a, visit);
            inner(b, visit);
        }
        Expression::Not(a) | Expression::Negative(a) | Expression::Positive(a) | Expression::Group(a) => {
            inner(a, visit)
        }
        Expression::Choice(a, b, c) => {
            inner(a, visit);
            inner(b, visit);
            inner(c, visit);
        }
        Expression::In(items, _)
        | Expression::List(items)
        | Expression::Builtin(_, items)
        | Expression::Call(_, items) => {
            items.iter().for_each(|item| inner(item, visit));
        }
        Expression::Getline(source, place) => {
            if let Source::File(operand) | Source::Command(operand) = source {
                inner(operand, visit);
            }
            if let Some(place) = place {
                place_parts(place, visit);
            }
        }
    }
}
