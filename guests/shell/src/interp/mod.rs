//! The interpreter: walks the tree (XCU 2.9).

mod compound;
mod conditional;
pub mod external;
mod function;
mod pipeline;
mod redirect;
mod script;
mod simple;
pub mod state;
mod subshell;

pub use external::is_script;
pub use redirect::Undo;
pub use script::{FileSource, StandardInput, read_line_shared};
pub use simple::{ArrayOperand, Found};

/// A child in the foreground with the shell's descriptors.
pub fn spawn_options() -> external::SpawnOptions {
    external::SpawnOptions::default()
}

use crate::shell::{Run, Shell, Unwind};
use crate::syntax::ast::{AndOr, AndOrOperator, Command, CompoundKind, List, Pipeline};
use crate::traps;

impl Shell {
    /// Runs a list.
    pub fn run_list(&mut self, list: &List) -> Run {
        let mut status = 0;
        for item in &list.items {
            status = if item.background { self.run_background(&item.and_or)? } else { self.run_and_or(&item.and_or)? };
        }
        Ok(status)
    }

    /// Runs an and-or list.
    pub fn run_and_or(&mut self, and_or: &AndOr) -> Run {
        if and_or.rest.is_empty() {
            return self.run_pipeline(&and_or.first);
        }
        let last = and_or.rest.len() - 1;
        let mut status = self.without_errexit(|shell| shell.run_pipeline(&and_or.first))?;
        for (index, (operator, pipeline)) in and_or.rest.iter().enumerate() {
            let wanted = match operator {
                AndOrOperator::And => status == 0,
                AndOrOperator::Or => status != 0,
            };
            if !wanted {
                continue;
            }
            status = if index == last {
                self.run_pipeline(pipeline)?
            } else {
                self.without_errexit(|shell| shell.run_pipeline(pipeline))?
            };
        }
        Ok(status)
    }

    /// Runs something whose failure `set -e` does not mind.
    pub fn without_errexit(&mut self, run: impl FnOnce(&mut Self) -> Run) -> Run {
        self.errexit_ignored += 1;
        let answer = run(self);
        self.errexit_ignored -= 1;
        answer
    }

    /// Runs a pipeline with `!`, `time` and `set -e`.
    pub fn run_pipeline(&mut self, pipeline: &Pipeline) -> Run {
        if pipeline.timing.is_some() {
            return self.run_timed(pipeline);
        }
        if pipeline.negated {
            let status = self.without_errexit(|shell| shell.run_stages(pipeline))?;
            self.status = i32::from(status == 0);
            return Ok(self.status);
        }
        let status = self.run_stages(pipeline)?;
        if status != 0
            && self.errexit_ignored == 0
            && (self.options.errexit || self.traps.actions.contains_key(&traps::ERR))
            && counts(pipeline)
        {
            self.failed(status)?;
        }
        Ok(status)
    }

    fn run_stages(&mut self, pipeline: &Pipeline) -> Run {
        let status = match pipeline.stages.as_slice() {
            [] => 0,
            [command] => self.run_command(command)?,
            _ => self.run_concurrent(pipeline)?,
        };
        self.status = status;
        if !self.traps.queued.is_empty() || !self.traps.pending.is_empty() {
            self.run_pending_traps()?;
        }
        Ok(status)
    }

    /// A command failed where that counts: ERR trap and `set -e`.
    pub fn failed(&mut self, status: i32) -> Result<(), Unwind> {
        self.status = status;
        if self.traps.actions.contains_key(&traps::ERR)
            && (self.options.errtrace || !self.frames.iter().any(|frame| frame.is_function))
        {
            self.run_event_trap(traps::ERR)?;
            self.status = status;
        }
        if self.options.errexit {
            return Err(Unwind::Exit);
        }
        Ok(())
    }

    /// Runs one stage of a pipeline in this process.
    pub fn run_command(&mut self, command: &Command) -> Run {
        match command {
            Command::Simple(simple) => {
                let status = self.run_simple(simple)?;
                self.status = status;
                if self.options.bash {
                    self.pipe_status.clear();
                    self.pipe_status.push(status);
                }
                Ok(status)
            }
            Command::Compound(compound) => {
                let status = self.run_compound(compound)?;
                self.status = status;
                Ok(status)
            }
            Command::Function(function) => self.define_function(function),
        }
    }
}

/// Whether a failing pipeline is what `set -e` looks at: a compound command's
/// own commands have been looked at before.
fn counts(pipeline: &Pipeline) -> bool {
    match pipeline.stages.as_slice() {
        [Command::Simple(_)] => true,
        [Command::Compound(compound)] => {
            matches!(
                compound.kind,
                CompoundKind::Subshell(_)
                    | CompoundKind::Arithmetic(_)
                    | CompoundKind::Conditional(_)
                    | CompoundKind::Coprocess(..)
            )
        }
        [Command::Function(_)] => false,
        _ => true,
    }
}
