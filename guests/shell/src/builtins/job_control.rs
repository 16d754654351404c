//! `jobs`, `fg`, `bg`, `wait`, `disown`, `suspend`.

use crate::jobs::State;
use crate::shell::{Run, Shell};
use coracle_sdk::process::{self, ExitStatus, Pid, Selector, Target};
use coracle_sdk::signal::Signal;
use coracle_sdk::{Errno, terminal};

impl Shell {
    /// A job's line, as `jobs` prints it.
    pub fn job_line(&self, number: u32, long: bool) -> Vec<u8> {
        let Some(job) = self.jobs.get(number) else { return Vec::new() };
        let mark = if self.jobs.current == Some(number) {
            '+'
        } else if self.jobs.previous == Some(number) {
            '-'
        } else {
            ' '
        };
        let state = job.state();
        let mut out = format!("[{number}]{mark}  ").into_bytes();
        if !self.bash() {
            out = format!("[{number}] {mark} ").into_bytes();
        }
        if long {
            out.extend_from_slice(format!("{} ", job.members.first().map_or(0, |member| member.pid)).as_bytes());
        }
        let text = Self::state_text(state);
        out.extend_from_slice(if self.bash() { format!("{text:<24}") } else { format!("{text:<27}") }.as_bytes());
        out.extend_from_slice(&job.text);
        if state == State::Running && self.bash() {
            out.extend_from_slice(b" &");
        }
        out.push(b'\n');
        out
    }

    /// Tells of jobs whose state changed, before a prompt.
    pub fn notify_jobs(&mut self) {
        self.jobs.reap();
        let changed: Vec<u32> = self.jobs.list.iter().filter(|job| !job.told).map(|job| job.number).collect();
        for number in changed {
            let line = self.job_line(number, false);
            self.write_error(&line);
            let done = match self.jobs.get_mut(number) {
                Some(job) => {
                    job.told = true;
                    matches!(job.state(), State::Done(_))
                }
                None => false,
            };
            if done {
                self.forget(number);
            }
        }
    }

    /// Takes an ended job out of the table and keeps its statuses.
    fn forget(&mut self, number: u32) {
        if let Some(job) = self.jobs.remove(number) {
            let status = job.status();
            if let Some(last) = job.members.last() {
                self.jobs.remember(last.pid, status);
            }
        }
    }

    /// Waits for a job until all its members have ended, or stopped.
    fn wait_job(&mut self, number: u32, foreground: bool) -> Result<i32, i32> {
        loop {
            let Some(job) = self.jobs.get(number) else { return Ok(127) };
            match job.state() {
                State::Done(_) => {
                    let status = job.status();
                    return Ok(status);
                }
                State::Stopped(_) if foreground || self.options.monitor => return Ok(job.status()),
                _ => {}
            }
            self.wait_any(foreground)?;
        }
    }

    /// Waits for any child's change; `Err`: a trapped signal came first.
    fn wait_any(&mut self, foreground: bool) -> Result<(), i32> {
        if !foreground {
            self.signal_first()?;
        }
        match process::wait(Selector::Any, true, self.options.monitor) {
            Ok(Some(change)) => self.jobs.note(change.child, change.status),
            Ok(None) => {}
            Err(Errno::INTR) => {
                self.collect_signals();
                if !foreground {
                    self.signal_first()?;
                }
            }
            Err(_) => {
                // No children: whatever the table says has ended unseen.
                for job in &mut self.jobs.list {
                    for member in &mut job.members {
                        if !matches!(member.state, State::Done(_)) {
                            member.state = State::Done(ExitStatus::Exited(127));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn signal_first(&mut self) -> Result<(), i32> {
        self.collect_signals();
        let found = self.traps.pending.iter().copied().find(|number| {
            (matches!(self.traps.actions.get(number), Some(crate::traps::Action::Run(_)))
                && *number != Signal::CHLD.number())
                || (self.interactive && *number == Signal::INT.number())
        });
        match found {
            Some(number) => Err(128 + i32::from(number)),
            None => Ok(()),
        }
    }
}

/// `jobs [-lnprs] [job…]`
pub fn jobs(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let (mut long, mut pids, mut running, mut stopped, mut changed) = (false, false, false, false, false);
    let mut options = super::Options::new(arguments);
    let operands = loop {
        match options.next(b"lpnrs") {
            super::Parsed::Option(b'l') => long = true,
            super::Parsed::Option(b'p') => pids = true,
            super::Parsed::Option(b'r') => running = true,
            super::Parsed::Option(b's') => stopped = true,
            super::Parsed::Option(b'n') => changed = true,
            super::Parsed::Option(other) | super::Parsed::Bad(other) => {
                return shell.bad_option(b"jobs", other, "jobs [-lnprs] [jobspec ...]");
            }
            super::Parsed::Operands(operands) => break operands,
        }
    };
    shell.jobs.reap();
    let mut status = 0;
    let mut numbers = Vec::new();
    if operands.is_empty() {
        numbers.extend(shell.jobs.list.iter().map(|job| job.number));
    }
    for operand in operands {
        match shell.jobs.find(operand) {
            Ok(number) => numbers.push(number),
            Err(message) => {
                shell.builtin_error(b"jobs", &[&operand[..], b": ", message.as_bytes()].concat());
                status = if shell.bash() { 1 } else { 2 };
            }
        }
    }
    let mut out = Vec::new();
    let mut ended = Vec::new();
    for number in numbers {
        let Some(job) = shell.jobs.get(number) else { continue };
        let state = job.state();
        let wanted = (!running || state == State::Running)
            && (!stopped || matches!(state, State::Stopped(_)))
            && (!changed || !job.told);
        if wanted {
            if pids {
                out.extend_from_slice(format!("{}\n", job.members.first().map_or(0, |member| member.pid)).as_bytes());
            } else {
                out.extend_from_slice(&shell.job_line(number, long));
            }
        }
        if let Some(job) = shell.jobs.get_mut(number) {
            job.told = true;
        }
        if matches!(state, State::Done(_)) && !pids {
            ended.push(number);
        }
    }
    for number in ended {
        shell.forget(number);
    }
    let printed = shell.print("jobs", &out)?;
    Ok(if printed != 0 { printed } else { status })
}

fn operand_job(shell: &mut Shell, name: &[u8], operand: Option<&Vec<u8>>) -> Result<u32, Run> {
    let text = operand.cloned().unwrap_or_else(|| b"%%".to_vec());
    shell.jobs.find(&text).map_err(|message| {
        let subject = if operand.is_none() { b"current".to_vec() } else { text };
        shell.builtin_error(name, &[&subject[..], b": ", message.as_bytes()].concat());
        Ok(if shell.bash() { 1 } else { 2 })
    })
}

/// `fg [job]`
pub fn fg(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    if !shell.options.monitor {
        shell.builtin_error(b"fg", if shell.bash() { b"no job control" } else { b"job control is not enabled" });
        return Ok(1);
    }
    shell.jobs.reap();
    let number = match operand_job(shell, b"fg", arguments.get(1)) {
        Ok(number) => number,
        Err(answer) => return answer,
    };
    let Some(job) = shell.jobs.get(number) else { return Ok(1) };
    let (group, text, attributes) = (job.group, job.text.clone(), job.terminal.clone());
    shell.print("fg", &[&text[..], b"\n"].concat())?;
    if let Some(terminal) = shell.terminal.clone() {
        if let Some(attributes) = attributes {
            // A terminal that refuses its own attributes keeps the present ones.
            let _ = terminal::set_attributes(&terminal, &attributes, terminal::When::Drain);
        }
        if let Some(group) = group {
            // The group may have ended in the meantime; waiting tells.
            let _ = terminal::set_foreground(&terminal, group);
        }
    }
    resume(shell, number);
    shell.jobs.make_current(number);
    let status = shell.wait_job(number, true).unwrap_or_else(|status| status);
    shell.take_terminal();
    let ended = shell.jobs.get(number).is_none_or(|job| matches!(job.state(), State::Done(_)));
    if ended {
        shell.forget(number);
    } else {
        if let Some(terminal) = shell.terminal.clone() {
            let attributes = terminal::attributes(&terminal).ok();
            if let Some(job) = shell.jobs.get_mut(number) {
                job.terminal = attributes;
                job.told = true;
            }
        }
        let line = shell.job_line(number, false);
        shell.write_error(b"\n");
        shell.write_error(&line);
    }
    Ok(status)
}

fn resume(shell: &mut Shell, number: u32) {
    let Some(job) = shell.jobs.get_mut(number) else { return };
    for member in &mut job.members {
        if matches!(member.state, State::Stopped(_)) {
            member.state = State::Running;
        }
    }
    let target = match job.group {
        Some(group) => Target::Group(group),
        None => Target::Process(job.members.first().map_or(0, |member| member.pid)),
    };
    // Ended already: waiting tells.
    let _ = process::kill(target, Some(Signal::CONT));
}

/// `bg [job…]`
pub fn bg(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    if !shell.options.monitor {
        shell.builtin_error(b"bg", if shell.bash() { b"no job control" } else { b"job control is not enabled" });
        return Ok(1);
    }
    shell.jobs.reap();
    let operands: Vec<Option<&Vec<u8>>> =
        if arguments.len() > 1 { arguments.iter().skip(1).map(Some).collect() } else { vec![None] };
    for operand in operands {
        let number = match operand_job(shell, b"bg", operand) {
            Ok(number) => number,
            Err(answer) => return answer,
        };
        resume(shell, number);
        let text = shell.jobs.get(number).map(|job| job.text.clone()).unwrap_or_default();
        let line = [format!("[{number}] ").as_bytes(), &text, b" &\n"].concat();
        shell.print("bg", &line)?;
    }
    Ok(0)
}

/// `wait [-n] [-p name] [pid | job]…`
pub fn wait(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let (mut next, mut variable) = (false, None);
    let mut options = super::Options::new(arguments);
    let operands = loop {
        match options.next(b"nfp") {
            super::Parsed::Option(b'n') => next = true,
            super::Parsed::Option(b'p') => variable = options.value().map(<[u8]>::to_vec),
            super::Parsed::Option(_) => {}
            super::Parsed::Bad(other) => return shell.bad_option(b"wait", other, "wait [-fn] [-p var] [id ...]"),
            super::Parsed::Operands(operands) => break operands,
        }
    };
    shell.jobs.reap();
    let interrupted = |shell: &mut Shell, status: i32| -> Run {
        shell.run_pending_traps()?;
        Ok(status)
    };
    if let Some(name) = &variable {
        shell.variables.remove(name);
    }
    if next {
        let wanted: Option<Vec<u32>> = if operands.is_empty() {
            None
        } else {
            Some(operands.iter().filter_map(|operand| job_of(shell, operand)).collect())
        };
        loop {
            let ended = shell
                .jobs
                .list
                .iter()
                .find(|job| {
                    matches!(job.state(), State::Done(_))
                        && wanted.as_ref().is_none_or(|wanted| wanted.contains(&job.number))
                })
                .map(|job| (job.number, job.status(), job.members.last().map_or(0, |member| member.pid)));
            if let Some((number, status, pid)) = ended {
                shell.jobs.remove(number);
                if let Some(name) = variable {
                    shell.assign_scalar(&name, pid.to_string().into_bytes(), false)?;
                }
                return Ok(status);
            }
            if !shell.jobs.list.iter().any(|job| {
                job.state() == State::Running && wanted.as_ref().is_none_or(|wanted| wanted.contains(&job.number))
            }) {
                return Ok(127);
            }
            if let Err(status) = shell.wait_any(false) {
                return interrupted(shell, status);
            }
        }
    }
    if operands.is_empty() {
        while let Some(number) = shell.jobs.list.iter().find(|job| job.state() == State::Running).map(|job| job.number)
        {
            if let Err(status) = shell.wait_job(number, false) {
                return interrupted(shell, status);
            }
        }
        if !shell.interactive {
            let ended: Vec<u32> = shell
                .jobs
                .list
                .iter()
                .filter(|job| matches!(job.state(), State::Done(_)))
                .map(|job| job.number)
                .collect();
            for number in ended {
                shell.jobs.remove(number);
            }
            shell.jobs.ended.clear();
        }
        return Ok(0);
    }
    let mut status = 0;
    for operand in operands {
        let number = job_of(shell, operand);
        status = match number {
            Some(number) => match shell.wait_job(number, false) {
                Ok(status) => {
                    let pid = shell.jobs.get(number).and_then(|job| job.members.last().map(|member| member.pid));
                    if let (Some(name), Some(pid)) = (&variable, pid) {
                        shell.assign_scalar(name, pid.to_string().into_bytes(), false)?;
                    }
                    if shell.jobs.get(number).is_some_and(|job| matches!(job.state(), State::Done(_))) {
                        shell.forget(number);
                    }
                    status
                }
                Err(status) => return interrupted(shell, status),
            },
            None if operand.first() == Some(&b'%') => {
                shell.builtin_error(b"wait", &[&operand[..], b": no such job"].concat());
                127
            }
            None => match super::number(operand).and_then(|pid| Pid::try_from(pid).ok()) {
                Some(pid) => match shell.jobs.ended.get(&pid) {
                    Some(status) => *status,
                    // A child that is no job: of `<( )`.
                    None => match process::wait(Selector::Process(pid), true, false) {
                        Ok(Some(change)) => {
                            let status = i32::from(change.status.code());
                            shell.jobs.remember(pid, status);
                            status
                        }
                        Err(Errno::INTR) => {
                            shell.collect_signals();
                            let status = shell.traps.pending.front().map_or(127, |number| 128 + i32::from(*number));
                            return interrupted(shell, status);
                        }
                        _ => {
                            if shell.bash() {
                                shell.builtin_error(
                                    b"wait",
                                    format!("pid {pid} is not a child of this shell").as_bytes(),
                                );
                            }
                            127
                        }
                    },
                },
                None => {
                    let message: Vec<u8> = if shell.bash() {
                        [b"`", &operand[..], b"': not a pid or valid job spec"].concat()
                    } else {
                        [b"Illegal number: ", &operand[..]].concat()
                    };
                    shell.builtin_error(b"wait", &message);
                    if shell.bash() { 1 } else { 2 }
                }
            },
        };
    }
    Ok(status)
}

fn job_of(shell: &Shell, operand: &[u8]) -> Option<u32> {
    if operand.first() == Some(&b'%') {
        return shell.jobs.find(operand).ok();
    }
    let pid = super::number(operand).and_then(|pid| Pid::try_from(pid).ok())?;
    shell.jobs.of_process(pid).map(|job| job.number)
}

/// `disown [-ahr] [job…]`
pub fn disown(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let (mut all, mut keep) = (false, false);
    let mut options = super::Options::new(arguments);
    let operands = loop {
        match options.next(b"ahr") {
            super::Parsed::Option(b'a') => all = true,
            super::Parsed::Option(b'h') => keep = true,
            super::Parsed::Option(_) => {}
            super::Parsed::Bad(other) => {
                return shell.bad_option(b"disown", other, "disown [-h] [-ar] [jobspec ... | pid ...]");
            }
            super::Parsed::Operands(operands) => break operands,
        }
    };
    let numbers: Vec<u32> = if all {
        shell.jobs.list.iter().map(|job| job.number).collect()
    } else if operands.is_empty() {
        shell.jobs.current.into_iter().collect()
    } else {
        let mut numbers = Vec::new();
        for operand in operands {
            match job_of(shell, operand) {
                Some(number) => numbers.push(number),
                None => {
                    shell.builtin_error(b"disown", &[&operand[..], b": no such job"].concat());
                    return Ok(1);
                }
            }
        }
        numbers
    };
    for number in numbers {
        if keep {
            if let Some(job) = shell.jobs.get_mut(number) {
                job.disowned = true;
            }
        } else {
            shell.jobs.remove(number);
        }
    }
    Ok(0)
}

/// `suspend`
pub fn suspend(shell: &mut Shell, _: &[Vec<u8>]) -> Run {
    match process::kill(Target::Process(process::id()), Some(Signal::STOP)) {
        Ok(()) => Ok(0),
        Err(errno) => {
            shell.builtin_error(b"suspend", errno.message().as_bytes());
            Ok(1)
        }
    }
}
