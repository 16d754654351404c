//! Traps: what signals and events run, and what a subshell inherits of it.

use crate::shell::{Run, Shell, Unwind};
use coracle_sdk::signal::{self, Disposition, Signal};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// The numbers of what is no signal.
pub const EXIT: u8 = 0;
/// `trap … DEBUG`
pub const DEBUG: u8 = 100;
/// `trap … ERR`
pub const ERR: u8 = 101;
/// `trap … RETURN`
pub const RETURN: u8 = 102;

/// What a trap does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `trap '' SIGNAL`
    Ignore,
    /// Runs commands.
    Run(Rc<[u8]>),
}

/// All traps.
#[derive(Debug, Clone, Default)]
pub struct Traps {
    /// By number.
    pub actions: BTreeMap<u8, Action>,
    /// The parent's, which a subshell shows until it sets its own.
    pub shown: Option<BTreeMap<u8, Action>>,
    /// Ignored when the shell started: they stay so.
    pub ignored_at_start: Vec<u8>,
    /// Delivered and not yet handled.
    pub pending: VecDeque<u8>,
    /// Signals whose disposition is to queue, whatever the reason.
    pub queued: Vec<u8>,
}

impl Traps {
    /// Whether a signal is ignored by a trap or was when the shell started.
    pub fn is_ignored(&self, number: u8) -> bool {
        self.actions.get(&number) == Some(&Action::Ignore) || self.ignored_at_start.contains(&number)
    }
}

/// A trap's name without `SIG`.
pub fn name(number: u8) -> String {
    match number {
        EXIT => "EXIT".to_string(),
        DEBUG => "DEBUG".to_string(),
        ERR => "ERR".to_string(),
        RETURN => "RETURN".to_string(),
        other => Signal::from_number(other).map_or_else(|| other.to_string(), Signal::name),
    }
}

/// The number behind a name or number as `trap` takes it.
pub fn number(text: &[u8]) -> Option<u8> {
    match text.to_ascii_uppercase().as_slice() {
        b"EXIT" | b"0" | b"SIGEXIT" => Some(EXIT),
        b"DEBUG" => Some(DEBUG),
        b"ERR" => Some(ERR),
        b"RETURN" => Some(RETURN),
        _ => Signal::parse(text).map(Signal::number),
    }
}

impl Shell {
    /// Sets, resets (`None`) or ignores what a signal does.
    pub fn set_trap(&mut self, number: u8, action: Option<Action>) {
        self.traps.shown = None;
        if let Some(signal) = Signal::from_number(number).filter(|_| number < DEBUG) {
            if self.traps.ignored_at_start.contains(&number) && !self.interactive {
                return;
            }
            let disposition = match &action {
                None => self.default_disposition(signal),
                Some(Action::Ignore) => Disposition::Ignore,
                Some(Action::Run(_)) => Disposition::Queue,
            };
            self.set_disposition(signal, disposition);
        }
        match action {
            Some(action) => {
                self.traps.actions.insert(number, action);
            }
            None => {
                self.traps.actions.remove(&number);
            }
        }
    }

    /// What the shell itself does with a signal that has no trap.
    pub fn default_disposition(&self, signal: Signal) -> Disposition {
        if self.interactive {
            match signal {
                Signal::INT => return Disposition::Queue,
                Signal::TERM => return Disposition::Ignore,
                Signal::QUIT => return Disposition::Ignore,
                Signal::TSTP | Signal::TTIN | Signal::TTOU if self.options.monitor => return Disposition::Ignore,
                _ => {}
            }
        }
        Disposition::Default
    }

    /// Tells the kernel, and remembers which signals may be queued.
    pub fn set_disposition(&mut self, signal: Signal, disposition: Disposition) {
        // KILL and STOP cannot be set; a trap on them is kept and never runs.
        let _ = signal::set_disposition(signal, disposition);
        self.traps.queued.retain(|number| *number != signal.number());
        if disposition == Disposition::Queue {
            self.traps.queued.push(signal.number());
        }
    }

    /// Moves delivered signals from the kernel's queue to the shell's.
    pub fn collect_signals(&mut self) {
        if self.traps.queued.is_empty() {
            return;
        }
        while let Some(signal) = signal::take() {
            self.traps.pending.push_back(signal.number());
        }
    }

    /// Runs the traps of delivered signals, between two commands.
    pub fn run_pending_traps(&mut self) -> Result<(), Unwind> {
        if self.traps.queued.is_empty() && self.traps.pending.is_empty() {
            return Ok(());
        }
        self.collect_signals();
        while let Some(number) = self.traps.pending.pop_front() {
            match self.traps.actions.get(&number) {
                Some(Action::Run(text)) => {
                    let text = text.clone();
                    self.run_trap(&text)?;
                }
                Some(Action::Ignore) => {}
                None if number == Signal::INT.number() && self.interactive => {
                    self.status = 130;
                    return Err(Unwind::Interrupt);
                }
                None if number == Signal::PIPE.number() && self.in_place > 0 => return Err(Unwind::Pipe),
                None => {}
            }
        }
        Ok(())
    }

    /// Runs a trap's commands; the status is what it was before.
    pub fn run_trap(&mut self, text: &Rc<[u8]>) -> Result<(), Unwind> {
        let status = self.status;
        let line = self.line;
        let pipe_status = self.pipe_status.clone();
        self.in_trap += 1;
        let answer = self.run_text(text.clone(), line, "trap");
        self.in_trap -= 1;
        self.line = line;
        match answer {
            Ok(_) => {
                self.status = status;
                self.pipe_status = pipe_status;
                Ok(())
            }
            Err(unwind) => Err(unwind),
        }
    }

    /// Runs the trap of an event, if there is one.
    pub fn run_event_trap(&mut self, event: u8) -> Result<(), Unwind> {
        if let Some(Action::Run(text)) = self.traps.actions.get(&event)
            && self.in_trap == 0
        {
            let text = text.clone();
            self.run_trap(&text)?;
        }
        Ok(())
    }

    /// Runs the EXIT trap once; answers the status to leave with.
    pub fn run_exit_trap(&mut self) -> i32 {
        if let Some(Action::Run(text)) = self.traps.actions.remove(&EXIT) {
            let status = self.status;
            self.loops = 0;
            let before = std::mem::replace(&mut self.errexit_ignored, 0);
            let in_trap = std::mem::replace(&mut self.in_trap, 0);
            match self.run_text(text, self.line, "exit trap") {
                Ok(_) => self.status = status,
                Err(Unwind::Exit | Unwind::Error) => {}
                Err(_) => self.status = status,
            }
            self.in_trap = in_trap;
            self.errexit_ignored = before;
        }
        self.status
    }

    /// A subshell keeps ignored signals; what would run commands is the
    /// default again (XCU 2.12).
    pub fn reset_traps_for_subshell(&mut self, in_place: bool) {
        let shown = self.traps.shown.take().unwrap_or_else(|| self.traps.actions.clone());
        let keep_error = self.options.errtrace;
        let keep_debug = self.options.functrace;
        self.traps.actions.retain(|number, action| {
            *action == Action::Ignore
                || (*number == ERR && keep_error)
                || (matches!(*number, DEBUG | RETURN) && keep_debug)
        });
        self.traps.shown = Some(shown);
        if !in_place {
            self.traps.pending.clear();
            self.traps.queued.clear();
        }
    }

    /// The status of a run that ended this way, for a shell that leaves.
    pub fn unwound_status(&self, run: Run) -> i32 {
        match run {
            Ok(status) => status,
            Err(Unwind::Pipe) => 141,
            Err(_) => self.status,
        }
    }
}
