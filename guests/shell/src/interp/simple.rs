//! Simple commands (XCU 2.9.1): expansion, assignments, redirections, and the
//! search for what the first word names.

use crate::builtins::{self, Builtin};
use crate::shell::{Run, Shell, StoredFunction, Unwind};
use crate::syntax::ast::{Assignment, AssignmentValue, Part, Simple};
use crate::traps;
use crate::variables::Flags;
use std::rc::Rc;

/// What a command name stands for.
pub enum Found {
    /// A builtin.
    Builtin(Builtin),
    /// A function.
    Function(Rc<StoredFunction>),
    /// Something to look for in PATH.
    External,
}

/// An array operand of a declaration utility: the field that names it and
/// where its elements stand in the tree.
#[derive(Clone)]
pub struct ArrayOperand {
    /// Index among the fields.
    pub field: usize,
    /// The command.
    pub command: Rc<Simple>,
    /// Index of the word.
    pub word: usize,
}

impl Shell {
    /// What runs under a name: special builtins, functions, builtins, files.
    pub fn find(&self, name: &[u8]) -> Found {
        let builtin =
            if self.disabled_builtins.is_empty() || !self.disabled_builtins.iter().any(|disabled| disabled == name) {
                builtins::find(name, self.options.bash)
            } else {
                None
            };
        if let Some(builtin) = builtin
            && builtin.special
            && !self.bash()
        {
            return Found::Builtin(builtin);
        }
        if !self.functions.is_empty()
            && let Some(function) = self.functions.get(name)
        {
            return Found::Function(function.clone());
        }
        builtin.map_or(Found::External, Found::Builtin)
    }

    /// DEBUG trap and signals before a command.
    pub fn before_command(&mut self, simple: Option<&Rc<Simple>>) -> Result<(), Unwind> {
        if self.traps.actions.is_empty() {
            return Ok(());
        }
        if let Some(simple) = simple
            && self.in_trap == 0
        {
            self.current_command = Some(simple.clone());
        }
        if self.traps.actions.contains_key(&traps::DEBUG)
            && (self.options.functrace || !self.frames.iter().any(|frame| frame.is_function))
        {
            self.run_event_trap(traps::DEBUG)?;
        }
        Ok(())
    }

    /// Runs a simple command.
    pub fn run_simple(&mut self, simple: &Rc<Simple>) -> Run {
        self.line = simple.line;
        if !self.traps.actions.is_empty() {
            self.before_command(Some(simple))?;
            self.line = simple.line;
        }
        self.substitution_status = None;
        let mut fields = Vec::with_capacity(simple.words.len());
        let mut arrays = Vec::new();
        for (index, word) in simple.words.iter().enumerate() {
            match word.parts.as_slice() {
                [Part::Assignment(assignment)] => {
                    if matches!(assignment.value, AssignmentValue::Array(_)) {
                        arrays.push(ArrayOperand { field: fields.len(), command: simple.clone(), word: index });
                        fields.push(assignment.name.clone());
                    } else {
                        fields.push(self.assignment_operand(assignment)?);
                    }
                }
                _ => self.expand_word(word, &mut fields)?,
            }
        }
        let answer = self.run_expanded(simple, fields, arrays);
        if !self.process_substitutions.is_empty() || !self.substitution_files.is_empty() {
            self.end_process_substitutions();
        }
        answer
    }

    /// `name=value` of a declaration utility, as one field.
    fn assignment_operand(&mut self, assignment: &Assignment) -> Result<Vec<u8>, Unwind> {
        let mut field = assignment.name.clone();
        if let Some(index) = &assignment.index {
            field.push(b'[');
            let text = self.subscript_text(index)?;
            field.extend_from_slice(&text);
            field.push(b']');
        }
        field.extend_from_slice(if assignment.append { b"+=" } else { b"=" });
        if let AssignmentValue::Scalar(word) = &assignment.value {
            let value = self.expand_single(word)?;
            field.extend_from_slice(&value);
        }
        Ok(field)
    }

    fn run_expanded(&mut self, simple: &Rc<Simple>, fields: Vec<Vec<u8>>, arrays: Vec<ArrayOperand>) -> Run {
        let Some(name) = fields.first() else { return self.run_nameless(simple) };
        let found = self.find(name);
        match &found {
            Found::Builtin(builtin) if simple.assignments.is_empty() && simple.redirections.is_empty() => {
                if self.options.xtrace {
                    self.trace(simple, &fields);
                }
                if !arrays.is_empty() {
                    self.array_operands = arrays;
                }
                let answer = (builtin.run)(self, &fields);
                if self.options.bash
                    && let Some(last) = fields.into_iter().next_back()
                {
                    self.last_argument = last;
                }
                answer
            }
            _ => self.run_found(simple, found, fields, arrays),
        }
    }

    /// Assignments and redirections without a command.
    fn run_nameless(&mut self, simple: &Rc<Simple>) -> Run {
        if simple.redirections.is_empty() {
            for assignment in &simple.assignments {
                self.assign(assignment)?;
            }
            if self.options.xtrace {
                self.trace(simple, &[]);
            }
            return Ok(self.substitution_status.take().unwrap_or(0));
        }
        let undo = match self.redirect(&simple.redirections) {
            Ok(undo) => undo,
            Err(Some(unwind)) => return Err(unwind),
            Err(None) => return Ok(self.status),
        };
        let mut answer = Ok(());
        for assignment in &simple.assignments {
            answer = self.assign(assignment);
            if answer.is_err() {
                break;
            }
        }
        self.undo(undo);
        answer?;
        if self.options.xtrace {
            self.trace(simple, &[]);
        }
        Ok(self.substitution_status.take().unwrap_or(0))
    }

    fn run_found(&mut self, simple: &Rc<Simple>, found: Found, fields: Vec<Vec<u8>>, arrays: Vec<ArrayOperand>) -> Run {
        let special = matches!(&found, Found::Builtin(builtin) if builtin.special) && !self.bash();
        let undo = match self.redirect(&simple.redirections) {
            Ok(undo) => undo,
            Err(Some(unwind)) => return Err(unwind),
            Err(None) if special && !self.interactive => return Err(Unwind::Error),
            Err(None) => return Ok(self.status),
        };
        let is_exec = matches!(&found, Found::Builtin(builtin) if builtin.name == "exec");
        let temporary = !simple.assignments.is_empty() && !special;
        if temporary {
            self.variables.push_scope(false);
        }
        let mut answer = Ok(0);
        for assignment in &simple.assignments {
            if temporary {
                self.variables.make_local(&assignment.name);
            }
            let done = self.assign(assignment);
            if let Err(unwind) = done {
                answer = Err(unwind);
                break;
            }
            if temporary {
                let name = self.resolve_name(&assignment.name);
                self.variables.slot(&name).flags.set(Flags::EXPORT, true);
                self.variables.environment_changed();
            }
        }
        // bash calls a failed assignment before a command a failed command.
        if answer == Err(Unwind::Error) && temporary && self.bash() {
            answer = Ok(self.status);
        } else if answer.is_ok() {
            if self.options.xtrace {
                self.trace(simple, &fields);
            }
            if self.options.bash
                && let Some(last) = fields.last()
            {
                self.last_argument.clone_from(last);
            }
            answer = match found {
                Found::Builtin(builtin) => {
                    if !arrays.is_empty() {
                        self.array_operands = arrays;
                    }
                    (builtin.run)(self, &fields)
                }
                Found::Function(function) => self.call_function(&function, fields),
                Found::External => self.run_external(fields),
            };
        }
        if temporary {
            self.variables.pop_scope();
            if self.is_stale() {
                self.refresh();
            }
        }
        if is_exec && answer.is_ok() && std::mem::take(&mut self.keep_redirections) {
            self.keep(undo);
        } else {
            self.undo(undo);
        }
        answer
    }

    /// `set -x`: the command with what it became.
    fn trace(&mut self, simple: &Simple, fields: &[Vec<u8>]) {
        let mut words = Vec::new();
        for assignment in &simple.assignments {
            let value = match &assignment.value {
                AssignmentValue::Scalar(_) => self.get(&assignment.name).unwrap_or_default(),
                AssignmentValue::Array(_) => crate::syntax::print::assignment_value(&assignment.value),
            };
            let mut word = assignment.name.clone();
            word.push(b'=');
            match &assignment.value {
                AssignmentValue::Scalar(_) => word.extend_from_slice(&crate::escapes::quote_if_needed(&value)),
                AssignmentValue::Array(_) => word.extend_from_slice(&value),
            }
            words.push(word);
        }
        words.extend(
            fields
                .iter()
                .map(|field| if field.is_empty() { b"''".to_vec() } else { crate::escapes::quote_if_needed(field) }),
        );
        self.trace_line(&words.join(&b' '));
    }

    /// PS4 and a line of trace.
    pub fn trace_line(&mut self, text: &[u8]) {
        let prompt = self.get(b"PS4").unwrap_or_else(|| b"+ ".to_vec());
        let tracing = std::mem::replace(&mut self.options.xtrace, false);
        let status = self.status;
        let substituted = self.substitution_status;
        let mut out = self.expand_prompt_text(&prompt).unwrap_or(prompt);
        self.substitution_status = substituted;
        self.status = status;
        self.options.xtrace = tracing;
        if self.subshell > 0
            && self.bash()
            && let Some(first) = out.first().copied()
        {
            for _ in 0..self.subshell {
                out.insert(0, first);
            }
        }
        out.extend_from_slice(text);
        out.push(b'\n');
        let descriptor = self
            .get(b"BASH_XTRACEFD")
            .and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok())
            .filter(|_| self.bash())
            .unwrap_or(2);
        // As with every diagnostic, a failure has nowhere to go.
        let _ = self.files.write(descriptor, &out);
    }
}
