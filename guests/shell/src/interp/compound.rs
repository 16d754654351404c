//! Compound commands (XCU 2.9.4).

use crate::shell::{Run, Shell, Unwind};
use crate::syntax::ast::{Arithmetic, CaseEnd, CaseItem, Compound, CompoundKind, List, Word};

/// What a loop does after its body unwound.
enum Next {
    Go,
    Stop,
}

impl Shell {
    /// Runs a compound command with its redirections.
    pub fn run_compound(&mut self, compound: &Compound) -> Run {
        if compound.redirections.is_empty() {
            return self.run_compound_kind(compound);
        }
        self.line = compound.line;
        let undo = match self.redirect(&compound.redirections) {
            Ok(undo) => undo,
            Err(Some(unwind)) => return Err(unwind),
            Err(None) => {
                if self.errexit_ignored == 0 {
                    self.failed(self.status)?;
                }
                return Ok(self.status);
            }
        };
        let answer = self.run_compound_kind(compound);
        self.undo(undo);
        answer
    }

    fn run_compound_kind(&mut self, compound: &Compound) -> Run {
        self.enter(1)?;
        let answer = self.run_entered(compound);
        self.calls -= 1;
        answer
    }

    fn run_entered(&mut self, compound: &Compound) -> Run {
        match &compound.kind {
            CompoundKind::Group(list) => self.run_list(list),
            CompoundKind::Subshell(list) => self.run_subshell(list),
            CompoundKind::If(branches, otherwise) => {
                for (condition, body) in branches {
                    if self.without_errexit(|shell| shell.run_list(condition))? == 0 {
                        return self.run_list(body);
                    }
                }
                match otherwise {
                    Some(body) => self.run_list(body),
                    None => {
                        self.status = 0;
                        Ok(0)
                    }
                }
            }
            CompoundKind::While(condition, body) => self.run_while(condition, body, true),
            CompoundKind::Until(condition, body) => self.run_while(condition, body, false),
            CompoundKind::For { name, words, body } => self.run_for(compound.line, name, words.as_deref(), body),
            CompoundKind::Select { name, words, body } => self.run_select(name, words.as_deref(), body),
            CompoundKind::ArithmeticFor { start, condition, step, body } => {
                self.line = compound.line;
                self.run_arithmetic_for(compound.line, [start.as_ref(), condition.as_ref(), step.as_ref()], body)
            }
            CompoundKind::Case(word, items) => {
                self.line = compound.line;
                self.run_case(word, items)
            }
            CompoundKind::Arithmetic(arithmetic) => {
                self.line = compound.line;
                self.before_command(None)?;
                if self.options.xtrace {
                    let text = crate::syntax::print::arithmetic(arithmetic);
                    self.trace_line(&[b"((", text.as_slice(), b"))"].join(&b' '));
                }
                let status = match self.evaluate(arithmetic) {
                    Ok(value) => i32::from(value == 0),
                    // In bash a bad expression is a command that failed.
                    Err(Unwind::Error) if self.bash() => 1,
                    Err(unwind) => return Err(unwind),
                };
                self.status = status;
                self.pipe_status = vec![status];
                Ok(status)
            }
            CompoundKind::Conditional(expression) => {
                self.line = compound.line;
                self.before_command(None)?;
                let status = self.run_conditional(expression)?;
                self.status = status;
                self.pipe_status = vec![status];
                Ok(status)
            }
            CompoundKind::Coprocess(name, command) => self.run_coprocess(name, command),
        }
    }

    /// Runs a loop's body; tells whether the loop goes on.
    fn loop_body(&mut self, body: &List, status: &mut i32) -> Result<Next, Unwind> {
        match self.run_list(body) {
            Ok(done) => {
                *status = done;
                Ok(Next::Go)
            }
            Err(unwind) => self.loop_unwound(unwind, status),
        }
    }

    fn loop_unwound(&mut self, unwind: Unwind, status: &mut i32) -> Result<Next, Unwind> {
        match unwind {
            Unwind::Break(1) => {
                *status = 0;
                Ok(Next::Stop)
            }
            Unwind::Break(levels) => Err(Unwind::Break(levels - 1)),
            Unwind::Continue(1) => {
                *status = 0;
                Ok(Next::Go)
            }
            Unwind::Continue(levels) => Err(Unwind::Continue(levels - 1)),
            other => Err(other),
        }
    }

    fn run_while(&mut self, condition: &List, body: &List, wanted: bool) -> Run {
        self.loops += 1;
        let mut status = 0;
        let answer = loop {
            match self.without_errexit_list(condition) {
                Ok(done) => {
                    if (done == 0) != wanted {
                        break Ok(());
                    }
                }
                Err(unwind) => match self.loop_unwound(unwind, &mut status) {
                    Ok(Next::Go) => continue,
                    Ok(Next::Stop) => break Ok(()),
                    Err(unwind) => break Err(unwind),
                },
            }
            match self.loop_body(body, &mut status) {
                Ok(Next::Go) => {}
                Ok(Next::Stop) => break Ok(()),
                Err(unwind) => break Err(unwind),
            }
        };
        self.loops -= 1;
        self.status = if answer.is_ok() { status } else { self.status };
        answer.map(|()| status)
    }

    fn without_errexit_list(&mut self, list: &List) -> Run {
        self.errexit_ignored += 1;
        let answer = self.run_list(list);
        self.errexit_ignored -= 1;
        answer
    }

    fn run_for(&mut self, line: u32, name: &[u8], words: Option<&[Word]>, body: &List) -> Run {
        self.line = line;
        let mut values = Vec::new();
        match words {
            Some(words) => self.expand_words(words, &mut values)?,
            None => values.extend(self.positional.iter().cloned()),
        }
        self.loops += 1;
        let mut status = 0;
        let mut answer = Ok(());
        for value in values {
            self.line = line;
            if self.traps.actions.contains_key(&crate::traps::DEBUG) {
                self.before_command(None)?;
            }
            if self.options.xtrace && self.bash() {
                let mut text = b"for ".to_vec();
                text.extend_from_slice(name);
                text.extend_from_slice(b" in ");
                text.extend_from_slice(
                    &words.unwrap_or_default().iter().map(crate::syntax::print::word).collect::<Vec<_>>().join(&b' '),
                );
                self.trace_line(&text);
            }
            // A nameref as loop variable gets a new target each time.
            let reference =
                self.variables.get(name).is_some_and(|variable| variable.flags.has(crate::variables::Flags::NAMEREF));
            if reference {
                self.variables.set(name, value);
            } else if let Err(unwind) = self.assign_scalar(name, value, false) {
                answer = Err(unwind);
                break;
            }
            match self.loop_body(body, &mut status) {
                Ok(Next::Go) => {}
                Ok(Next::Stop) => break,
                Err(unwind) => {
                    answer = Err(unwind);
                    break;
                }
            }
        }
        self.loops -= 1;
        self.status = if answer.is_ok() { status } else { self.status };
        answer.map(|()| status)
    }

    fn run_arithmetic_for(&mut self, line: u32, clauses: [Option<&Arithmetic>; 3], body: &List) -> Run {
        let [start, condition, step] = clauses;
        let evaluate = |shell: &mut Self, clause: Option<&Arithmetic>| -> Result<Option<i64>, Unwind> {
            shell.line = line;
            let Some(clause) = clause else { return Ok(Some(1)) };
            match shell.evaluate(clause) {
                Ok(value) => Ok(Some(value)),
                Err(Unwind::Error) => Ok(None),
                Err(unwind) => Err(unwind),
            }
        };
        if evaluate(self, start)?.is_none() {
            self.status = 1;
            return Ok(1);
        }
        self.loops += 1;
        let mut status = 0;
        let answer = loop {
            match evaluate(self, condition) {
                Ok(Some(0)) => break Ok(()),
                Ok(Some(_)) => {}
                Ok(None) => {
                    status = 1;
                    break Ok(());
                }
                Err(unwind) => break Err(unwind),
            }
            match self.loop_body(body, &mut status) {
                Ok(Next::Go) => {}
                Ok(Next::Stop) => break Ok(()),
                Err(unwind) => break Err(unwind),
            }
            match evaluate(self, step) {
                Ok(Some(_)) => {}
                Ok(None) => {
                    status = 1;
                    break Ok(());
                }
                Err(unwind) => break Err(unwind),
            }
        };
        self.loops -= 1;
        self.status = if answer.is_ok() { status } else { self.status };
        answer.map(|()| status)
    }

    fn run_case(&mut self, word: &Word, items: &[CaseItem]) -> Run {
        self.substitution_status = None;
        let subject = self.expand_single(word)?;
        if self.options.xtrace && self.bash() {
            let mut text = b"case ".to_vec();
            text.extend_from_slice(&crate::syntax::print::word(word));
            text.extend_from_slice(b" in");
            self.trace_line(&text);
        }
        let mut status = self.substitution_status.take().unwrap_or(0);
        if self.bash() {
            status = 0;
        }
        let mut fall_through = false;
        for item in items {
            if !fall_through && !self.any_pattern_matches(&item.patterns, &subject)? {
                continue;
            }
            status = if item.body.items.is_empty() { 0 } else { self.run_list(&item.body)? };
            match item.end {
                CaseEnd::Break => {
                    self.status = status;
                    return Ok(status);
                }
                CaseEnd::FallThrough => fall_through = true,
                CaseEnd::Continue => fall_through = false,
            }
        }
        self.status = status;
        Ok(status)
    }

    fn any_pattern_matches(&mut self, patterns: &[Word], subject: &[u8]) -> Result<bool, Unwind> {
        for pattern in patterns {
            if let Some(text) = pattern.plain_text() {
                if !self.options.nocasematch {
                    if text == subject {
                        return Ok(true);
                    }
                    continue;
                }
            }
            if self.expand_pattern(pattern)?.matches(subject) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn run_select(&mut self, name: &[u8], words: Option<&[Word]>, body: &List) -> Run {
        let mut values = Vec::new();
        match words {
            Some(words) => self.expand_words(words, &mut values)?,
            None => values.extend(self.positional.iter().cloned()),
        }
        if values.is_empty() {
            self.status = 0;
            return Ok(0);
        }
        self.loops += 1;
        let mut status = 0;
        let mut show = true;
        let answer = loop {
            if show {
                let width = values.len().to_string().len();
                let mut menu = Vec::new();
                for (index, value) in values.iter().enumerate() {
                    menu.extend_from_slice(format!("{:width$}) ", index + 1).as_bytes());
                    menu.extend_from_slice(value);
                    menu.push(b'\n');
                }
                self.write_error(&menu);
            }
            let prompt = self.get(b"PS3").unwrap_or_else(|| b"#? ".to_vec());
            let prompt = if self.bash() { prompt } else { self.expand_prompt_text(&prompt)? };
            self.write_error(&prompt);
            let Some(line) = self.read_reply()? else {
                self.write_error(b"\n");
                status = 1;
                break Ok(());
            };
            if let Err(unwind) = self.assign_scalar(b"REPLY", line.clone(), false) {
                break Err(unwind);
            }
            let text: Vec<u8> = line.trim_ascii().to_vec();
            if text.is_empty() {
                show = true;
                continue;
            }
            show = false;
            let choice = std::str::from_utf8(&text).ok().and_then(|text| text.parse::<usize>().ok());
            let value = choice
                .and_then(|number| number.checked_sub(1))
                .and_then(|index| values.get(index))
                .cloned()
                .unwrap_or_default();
            if let Err(unwind) = self.assign_scalar(name, value, false) {
                break Err(unwind);
            }
            match self.loop_body(body, &mut status) {
                Ok(Next::Go) => {}
                Ok(Next::Stop) => break Ok(()),
                Err(unwind) => break Err(unwind),
            }
            if self.get(b"REPLY").is_none_or(|reply| reply.is_empty()) {
                show = true;
            }
        };
        self.loops -= 1;
        self.status = if answer.is_ok() { status } else { self.status };
        answer.map(|()| status)
    }
}
