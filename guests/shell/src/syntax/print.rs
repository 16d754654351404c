//! The tree back as text: `declare -f`, `type`, the texts of jobs, traces.
//! The layout is bash's.

use super::ast::{
    AndOr, AndOrOperator, Arithmetic, ArrayElement, Assignment, AssignmentValue, CaseEnd, Command, Compound,
    CompoundKind, Conditional, Descriptor, Function, HereBody, List, Operation, Parameter, ParameterName, Part,
    Pipeline, Redirection, RedirectionAction, ReplaceScope, Simple, Subscript, Timing, Word,
};

/// Writes with indentation; here-documents wait for the end of the line.
struct Printer {
    out: Vec<u8>,
    indent: usize,
    /// Statements on lines of their own, rather than all on one line.
    lines: bool,
    pending: Vec<HereBody>,
}

/// A word as it could be written.
pub fn word(word: &Word) -> Vec<u8> {
    let mut printer = Printer::new(false);
    printer.word(word);
    printer.out
}

/// A simple command on one line.
pub fn simple(simple: &Simple) -> Vec<u8> {
    let mut printer = Printer::new(false);
    printer.simple(simple);
    printer.out
}

/// A list on one line.
pub fn list(list: &List) -> Vec<u8> {
    let mut printer = Printer::new(false);
    printer.list(list);
    printer.out
}

/// An and-or list on one line.
pub fn and_or(and_or: &AndOr) -> Vec<u8> {
    let mut printer = Printer::new(false);
    printer.and_or(and_or);
    printer.out
}

/// A pipeline on one line.
pub fn pipeline(pipeline: &Pipeline) -> Vec<u8> {
    let mut printer = Printer::new(false);
    printer.pipeline(pipeline);
    printer.out
}

/// A function's definition, over several lines.
pub fn function(function: &Function) -> Vec<u8> {
    let mut printer = Printer::new(true);
    printer.function(function);
    printer.here_documents();
    printer.out
}

/// An arithmetic expression's text.
pub fn arithmetic(arithmetic: &Arithmetic) -> Vec<u8> {
    let mut printer = Printer::new(false);
    printer.arithmetic(arithmetic);
    printer.out
}

/// The right side of an assignment.
pub fn assignment_value(value: &AssignmentValue) -> Vec<u8> {
    let mut printer = Printer::new(false);
    printer.value(value);
    printer.out
}

/// Whether an expression's text is white space only.
pub fn is_blank(word: &Word) -> bool {
    word.parts.iter().all(|part| match part {
        Part::Text(text) => text.iter().all(u8::is_ascii_whitespace),
        Part::Double(parts) => {
            parts.iter().all(|part| matches!(part, Part::Text(text) if text.iter().all(u8::is_ascii_whitespace)))
        }
        _ => false,
    })
}

impl Printer {
    fn new(lines: bool) -> Self {
        Self { out: Vec::new(), indent: 0, lines, pending: Vec::new() }
    }

    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn newline(&mut self) {
        if self.lines {
            self.here_documents();
            if self.out.last() != Some(&b'\n') {
                self.out.push(b'\n');
            }
            self.out.resize(self.out.len() + self.indent * 4, b' ');
        } else {
            self.out.push(b' ');
        }
    }

    fn here_documents(&mut self) {
        for body in std::mem::take(&mut self.pending) {
            self.out.push(b'\n');
            for part in &body.word.parts {
                match part {
                    Part::Double(parts) => self.double(parts, true),
                    Part::Text(text) | Part::Quoted(text) => self.out.extend_from_slice(text),
                    _ => {}
                }
            }
            self.out.extend_from_slice(&body.delimiter);
            self.out.push(b'\n');
        }
    }

    fn body(&mut self, list: &List, ends: bool) {
        self.indent += 1;
        self.newline();
        self.list(list);
        if (ends || !self.lines) && !self.out.ends_with(b"&") && self.pending.is_empty() {
            self.text(";");
        }
        self.indent -= 1;
        self.newline();
    }

    fn list(&mut self, list: &List) {
        let last = list.items.len().saturating_sub(1);
        for (index, item) in list.items.iter().enumerate() {
            self.and_or(&item.and_or);
            if item.background {
                self.text(" &");
            }
            if index < last {
                if !item.background && self.pending.is_empty() {
                    self.text(";");
                }
                self.newline();
            }
        }
    }

    fn and_or(&mut self, and_or: &AndOr) {
        self.pipeline(&and_or.first);
        for (operator, pipeline) in &and_or.rest {
            self.text(match operator {
                AndOrOperator::And => " && ",
                AndOrOperator::Or => " || ",
            });
            self.pipeline(pipeline);
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        match pipeline.timing {
            Some(Timing::Format) => self.text("time "),
            Some(Timing::Posix) => self.text("time -p "),
            None => {}
        }
        if pipeline.negated {
            self.text("! ");
        }
        for (index, stage) in pipeline.stages.iter().enumerate() {
            if index > 0 {
                self.text(" | ");
            }
            self.command(stage);
        }
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::Simple(simple) => self.simple(simple),
            Command::Compound(compound) => self.compound(compound),
            Command::Function(function) => self.function(function),
        }
    }

    fn function(&mut self, function: &Function) {
        self.out.extend_from_slice(&function.name);
        self.text(" () ");
        if self.lines {
            self.newline();
        }
        match &function.body {
            Command::Compound(compound) if matches!(compound.kind, CompoundKind::Group(_)) => self.compound(compound),
            other => {
                self.text("{ ");
                self.indent += 1;
                self.newline();
                self.command(other);
                self.indent -= 1;
                if !self.lines {
                    self.text(";");
                }
                self.newline();
                self.text("}");
            }
        }
    }

    fn simple(&mut self, simple: &Simple) {
        let mut first = true;
        let mut gap = |printer: &mut Self| {
            if !std::mem::take(&mut first) {
                printer.text(" ");
            }
        };
        for assignment in &simple.assignments {
            gap(self);
            self.assignment(assignment);
        }
        for word in &simple.words {
            gap(self);
            self.word(word);
        }
        for redirection in &simple.redirections {
            gap(self);
            self.redirection(redirection);
        }
    }

    fn assignment(&mut self, assignment: &Assignment) {
        self.out.extend_from_slice(&assignment.name);
        if let Some(index) = &assignment.index {
            self.subscript(index);
        }
        self.text(if assignment.append { "+=" } else { "=" });
        self.value(&assignment.value);
    }

    fn value(&mut self, value: &AssignmentValue) {
        match value {
            AssignmentValue::Scalar(word) => self.word(word),
            AssignmentValue::Array(elements) => {
                self.text("(");
                for (index, ArrayElement { index: subscript, append, value }) in elements.iter().enumerate() {
                    if index > 0 {
                        self.text(" ");
                    }
                    if let Some(subscript) = subscript {
                        self.subscript(subscript);
                        self.text(if *append { "+=" } else { "=" });
                    }
                    self.word(value);
                }
                self.text(")");
            }
        }
    }

    fn subscript(&mut self, subscript: &Subscript) {
        self.text("[");
        match subscript {
            Subscript::At => self.text("@"),
            Subscript::Star => self.text("*"),
            Subscript::Word(word) => self.word(word),
        }
        self.text("]");
    }

    fn redirection(&mut self, redirection: &Redirection) {
        match &redirection.descriptor {
            Descriptor::Default => {}
            Descriptor::Number(number) => self.text(&number.to_string()),
            Descriptor::Variable(name) => {
                self.text("{");
                self.out.extend_from_slice(name);
                self.text("}");
            }
        }
        let (operator, word) = match &redirection.action {
            RedirectionAction::Read(word) => ("< ", word),
            RedirectionAction::Write(word) => ("> ", word),
            RedirectionAction::Clobber(word) => (">| ", word),
            RedirectionAction::Append(word) => (">> ", word),
            RedirectionAction::ReadWrite(word) => ("<> ", word),
            RedirectionAction::DuplicateInput(word) => ("<&", word),
            RedirectionAction::DuplicateOutput(word) => (">&", word),
            RedirectionAction::WriteBoth(word) => ("&> ", word),
            RedirectionAction::AppendBoth(word) => ("&>> ", word),
            RedirectionAction::HereString(word) => ("<<< ", word),
            RedirectionAction::Here(document) => {
                self.text("<<");
                if let Some(body) = document.body() {
                    if body.quoted {
                        self.out.extend_from_slice(&crate::escapes::quote_single(&body.delimiter));
                    } else {
                        self.out.extend_from_slice(&body.delimiter);
                    }
                    self.pending.push(body.clone());
                }
                return;
            }
        };
        self.text(operator);
        self.word(word);
    }

    fn compound(&mut self, compound: &Compound) {
        match &compound.kind {
            CompoundKind::Group(list) => {
                self.text("{ ");
                self.body(list, false);
                self.text("}");
            }
            CompoundKind::Subshell(list) => {
                self.text("( ");
                self.list(list);
                self.text(" )");
            }
            CompoundKind::If(branches, otherwise) => {
                for (index, (condition, body)) in branches.iter().enumerate() {
                    self.text(if index == 0 { "if " } else { "elif " });
                    self.condition_list(condition);
                    self.text("; then");
                    self.body(body, true);
                }
                if let Some(body) = otherwise {
                    self.text("else");
                    self.body(body, true);
                }
                self.text("fi");
            }
            CompoundKind::While(condition, body) | CompoundKind::Until(condition, body) => {
                self.text(if matches!(compound.kind, CompoundKind::While(..)) { "while " } else { "until " });
                self.condition_list(condition);
                self.text("; do");
                self.body(body, true);
                self.text("done");
            }
            CompoundKind::For { name, words, body } | CompoundKind::Select { name, words, body } => {
                self.text(if matches!(compound.kind, CompoundKind::For { .. }) { "for " } else { "select " });
                self.out.extend_from_slice(name);
                match words {
                    Some(words) => {
                        self.text(" in");
                        for word in words {
                            self.text(" ");
                            self.word(word);
                        }
                    }
                    None => self.text(" in \"$@\""),
                }
                self.text(";");
                self.newline();
                self.text("do");
                self.body(body, true);
                self.text("done");
            }
            CompoundKind::ArithmeticFor { start, condition, step, body } => {
                self.text("for ((");
                for (index, clause) in [start, condition, step].into_iter().enumerate() {
                    if index > 0 {
                        self.text("; ");
                    }
                    match clause {
                        Some(clause) => {
                            let text = arithmetic(clause);
                            self.out.extend_from_slice(text.trim_ascii());
                        }
                        None => self.text("1"),
                    }
                }
                self.text("))");
                self.newline();
                self.text("do");
                self.body(body, true);
                self.text("done");
            }
            CompoundKind::Case(word, items) => {
                self.text("case ");
                self.word(word);
                self.text(" in ");
                self.indent += 1;
                for item in items {
                    self.newline();
                    for (index, pattern) in item.patterns.iter().enumerate() {
                        if index > 0 {
                            self.text(" | ");
                        }
                        self.word(pattern);
                    }
                    self.text(")");
                    self.indent += 1;
                    self.newline();
                    if !item.body.items.is_empty() {
                        self.list(&item.body);
                    }
                    self.indent -= 1;
                    self.newline();
                    self.text(match item.end {
                        CaseEnd::Break => ";;",
                        CaseEnd::FallThrough => ";&",
                        CaseEnd::Continue => ";;&",
                    });
                }
                self.indent -= 1;
                self.newline();
                self.text("esac");
            }
            CompoundKind::Arithmetic(expression) => {
                self.text("((");
                self.arithmetic(expression);
                self.text("))");
            }
            CompoundKind::Conditional(expression) => {
                self.text("[[ ");
                self.conditional(expression);
                self.text(" ]]");
            }
            CompoundKind::Coprocess(name, command) => {
                self.text("coproc ");
                self.out.extend_from_slice(name);
                self.text(" ");
                self.command(command);
            }
        }
        for redirection in &compound.redirections {
            self.text(" ");
            self.redirection(redirection);
        }
    }

    /// A condition stays on the line of its keyword.
    fn condition_list(&mut self, list: &List) {
        let before = std::mem::replace(&mut self.lines, false);
        self.list(list);
        self.lines = before;
    }

    fn conditional(&mut self, expression: &Conditional) {
        match expression {
            Conditional::Not(inner) => {
                self.text("! ");
                self.conditional(inner);
            }
            Conditional::And(left, right) | Conditional::Or(left, right) => {
                self.conditional(left);
                self.text(if matches!(expression, Conditional::And(..)) { " && " } else { " || " });
                self.conditional(right);
            }
            Conditional::Group(inner) => {
                self.text("( ");
                self.conditional(inner);
                self.text(" )");
            }
            Conditional::Unary(letter, word) => {
                self.out.extend_from_slice(&[b'-', *letter, b' ']);
                self.word(word);
            }
            Conditional::Binary(operator, left, right) => {
                self.word(left);
                self.text(" ");
                self.out.extend_from_slice(operator);
                self.text(" ");
                self.word(right);
            }
            Conditional::Word(word) => {
                self.text("-n ");
                self.word(word);
            }
        }
    }

    fn arithmetic(&mut self, arithmetic: &Arithmetic) {
        for part in &arithmetic.text.parts {
            match part {
                Part::Double(parts) => self.double(parts, true),
                other => self.part(other, false),
            }
        }
    }

    fn word(&mut self, word: &Word) {
        for part in &word.parts {
            self.part(part, false);
        }
    }

    fn double(&mut self, parts: &[Part], here: bool) {
        for part in parts {
            match part {
                Part::Text(text) | Part::Quoted(text) => {
                    for byte in text {
                        if matches!(byte, b'$' | b'`' | b'\\') || (*byte == b'"' && !here) {
                            self.out.push(b'\\');
                        }
                        self.out.push(*byte);
                    }
                }
                other => self.part(other, true),
            }
        }
    }

    fn part(&mut self, part: &Part, quoted: bool) {
        match part {
            Part::Text(text) => self.out.extend_from_slice(text),
            Part::Quoted(text) => {
                if text.len() == 1 && text != b"\n" {
                    self.out.push(b'\\');
                    self.out.extend_from_slice(text);
                } else if text.iter().any(|byte| *byte < 0x20 && *byte != b'\n' && *byte != b'\t') {
                    self.out.extend_from_slice(&crate::escapes::quote_ansi_c(text));
                } else {
                    self.out.extend_from_slice(&crate::escapes::quote_single(text));
                }
            }
            Part::Double(parts) => {
                self.out.push(b'"');
                self.double(parts, false);
                self.out.push(b'"');
            }
            Part::Tilde(user) => {
                self.out.push(b'~');
                self.out.extend_from_slice(user);
            }
            Part::Parameter(parameter) => self.parameter(parameter, quoted),
            Part::Command(substitution) => {
                self.text("$(");
                let text = list(&substitution.body);
                self.out.extend_from_slice(&text);
                self.text(")");
            }
            Part::Arithmetic(expression) => {
                self.text("$((");
                self.arithmetic(expression);
                self.text("))");
            }
            Part::Process(process) => {
                self.text(if process.output { ">(" } else { "<(" });
                let text = list(&process.body);
                self.out.extend_from_slice(&text);
                self.text(")");
            }
            Part::Assignment(assignment) => self.assignment(assignment),
        }
    }

    fn operand(&mut self, word: &Word) {
        match word.parts.as_slice() {
            [Part::Double(parts)] => self.double(parts, true),
            _ => self.word(word),
        }
    }

    fn parameter(&mut self, parameter: &Parameter, _quoted: bool) {
        let name = match &parameter.name {
            ParameterName::Variable(name) => name.clone(),
            ParameterName::Positional(number) => number.to_string().into_bytes(),
            ParameterName::Special(byte) => vec![*byte],
        };
        if !parameter.braced {
            self.out.push(b'$');
            self.out.extend_from_slice(&name);
            return;
        }
        self.text("${");
        if let Operation::Bad(text) = &parameter.operation {
            self.out.extend_from_slice(text);
            self.text("}");
            return;
        }
        if parameter.operation == Operation::Length {
            self.text("#");
        }
        if parameter.indirect || matches!(parameter.operation, Operation::Keys { .. }) {
            self.text("!");
        }
        self.out.extend_from_slice(&name);
        if let Some(index) = &parameter.index {
            self.subscript(index);
        }
        let colon = |colon: &bool| if *colon { ":" } else { "" };
        match &parameter.operation {
            Operation::Value | Operation::Length | Operation::Bad(_) => {}
            Operation::Default { colon: with, word } => {
                self.text(colon(with));
                self.text("-");
                self.operand(word);
            }
            Operation::Assign { colon: with, word } => {
                self.text(colon(with));
                self.text("=");
                self.operand(word);
            }
            Operation::Error { colon: with, word } => {
                self.text(colon(with));
                self.text("?");
                if let Some(word) = word {
                    self.operand(word);
                }
            }
            Operation::Alternative { colon: with, word } => {
                self.text(colon(with));
                self.text("+");
                self.operand(word);
            }
            Operation::RemovePrefix { longest, pattern } => {
                self.text(if *longest { "##" } else { "#" });
                self.word(pattern);
            }
            Operation::RemoveSuffix { longest, pattern } => {
                self.text(if *longest { "%%" } else { "%" });
                self.word(pattern);
            }
            Operation::Replace { scope, pattern, replacement } => {
                self.text(match scope {
                    ReplaceScope::First => "/",
                    ReplaceScope::All => "//",
                    ReplaceScope::Prefix => "/#",
                    ReplaceScope::Suffix => "/%",
                });
                self.word(pattern);
                self.text("/");
                self.word(replacement);
            }
            Operation::Substring { offset, length } => {
                self.text(":");
                self.arithmetic(offset);
                if let Some(length) = length {
                    self.text(":");
                    self.arithmetic(length);
                }
            }
            Operation::Case { kind, all, pattern } => {
                self.out.push(*kind);
                if *all {
                    self.out.push(*kind);
                }
                if let Some(pattern) = pattern {
                    self.word(pattern);
                }
            }
            Operation::Transform(letter) => {
                self.text("@");
                self.out.push(*letter);
            }
            Operation::Names { at } => self.text(if *at { "@" } else { "*" }),
            Operation::Keys { at } => self.text(if *at { "[@]" } else { "[*]" }),
        }
        self.text("}");
    }
}
