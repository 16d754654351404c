//! Functions (XCU 2.9.5): definition, calls, and the limit on their depth.

use crate::shell::{CALL_COST, CALL_LIMIT, Frame, Run, Shell, StoredFunction, Unwind};
use crate::syntax::ast::Function;
use crate::traps;
use crate::variables::{Flags, Value};
use std::rc::Rc;

impl Shell {
    /// Runs a function definition.
    pub fn define_function(&mut self, function: &Rc<Function>) -> Run {
        if self.read_only_functions.contains(&function.name) {
            let mut message = function.name.clone();
            message.extend_from_slice(b": readonly function");
            self.complain(&message);
            self.status = 1;
            return Ok(1);
        }
        if !self.bash() && crate::builtins::find(&function.name, false).is_some_and(|builtin| builtin.special) {
            let mut message = function.name.clone();
            message.extend_from_slice(b": is a special builtin");
            self.complain(&message);
            self.status = 2;
            return Err(Unwind::Error);
        }
        Rc::make_mut(&mut self.functions).insert(function.name.clone(), Rc::new(StoredFunction::new(function.clone())));
        self.status = 0;
        Ok(0)
    }

    /// Enters one level of nesting, or says that there are too many.
    pub fn enter(&mut self, cost: u32) -> Result<(), Unwind> {
        if self.calls + cost > CALL_LIMIT {
            let message: &[u8] = if self.bash() {
                b"maximum function nesting level exceeded"
            } else {
                b"maximum recursion depth exceeded"
            };
            self.complain(message);
            self.status = if self.bash() { 1 } else { 2 };
            return Err(Unwind::Error);
        }
        self.calls += cost;
        Ok(())
    }

    /// Calls a function; `fields` are its name and arguments.
    pub fn call_function(&mut self, stored: &StoredFunction, mut fields: Vec<Vec<u8>>) -> Run {
        let Some(function) = stored.tree() else {
            self.complain(b"function could not be read");
            return Ok(126);
        };
        if let Some(limit) = self.get(b"FUNCNEST").filter(|_| self.bash())
            && let Some(limit) = std::str::from_utf8(&limit).ok().and_then(|text| text.parse::<usize>().ok())
            && limit > 0
            && self.frames.iter().filter(|frame| frame.is_function).count() >= limit
        {
            let mut message = function.name.clone();
            message.extend_from_slice(format!(": maximum function nesting level exceeded ({limit})").as_bytes());
            self.complain(&message);
            self.status = 1;
            return Err(Unwind::Error);
        }
        self.enter(CALL_COST)?;
        let name = fields.remove(0);
        let positional = std::mem::replace(&mut self.positional, Rc::new(fields));
        let loops = std::mem::replace(&mut self.loops, 0);
        let call_line = self.line;
        let getopts = self.getopts.clone();
        self.frames.push(Frame {
            function: name.into(),
            source: Rc::from(function.source.as_slice()),
            call_line,
            is_function: true,
        });
        self.variables.push_scope(false);
        let options = self.options;
        let traced = self.options.functrace;
        let (debug, returning) = if traced || self.traps.actions.is_empty() {
            (None, None)
        } else {
            (self.traps.actions.remove(&traps::DEBUG), self.traps.actions.remove(&traps::RETURN))
        };
        let mut answer = match self.run_command(&function.body) {
            Err(Unwind::Return) => Ok(self.status),
            other => other,
        };
        if let Ok(status) = answer
            && self.traps.actions.contains_key(&traps::RETURN)
        {
            self.status = status;
            if let Err(unwind) = self.run_event_trap(traps::RETURN) {
                answer = Err(unwind);
            }
        }
        if let Some(action) = debug {
            self.traps.actions.entry(traps::DEBUG).or_insert(action);
        }
        if let Some(action) = returning {
            self.traps.actions.entry(traps::RETURN).or_insert(action);
        }
        if self.local_options.last() == Some(&self.frames.len()) {
            self.local_options.pop();
            self.options = options;
        }
        self.variables.pop_scope();
        if self.is_stale() {
            self.refresh();
        }
        self.frames.pop();
        if self.line != call_line {
            self.line = call_line;
        }
        self.getopts = getopts;
        self.loops = loops;
        self.positional = positional;
        self.calls -= CALL_COST;
        answer
    }

    /// `local name`: the scope of the running function keeps the old value.
    pub fn declare_local(&mut self, name: &[u8], inherit: bool) {
        let first = !self.variables.is_local(name);
        let before = self.variables.make_local(name);
        if first && !inherit {
            let exported = before.as_ref().is_some_and(|variable| variable.flags.has(Flags::EXPORT));
            let slot = self.variables.slot(name);
            slot.value = Value::Unset;
            slot.flags = Flags::default();
            slot.flags.set(Flags::EXPORT, exported);
            self.variables.environment_changed();
        }
    }
}
