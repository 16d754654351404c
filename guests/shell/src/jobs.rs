//! Children and jobs: what was started, what became of it, who has been told.

use coracle_sdk::process::{self, ExitStatus, Pid, Selector};
use std::collections::BTreeMap;

/// What is known of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not heard of since it was started or continued.
    Running,
    /// Stopped by this signal.
    Stopped(u8),
    /// Left with this status, or was ended by a signal.
    Done(ExitStatus),
}

/// A child of a job.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its process id.
    pub pid: Pid,
    /// Its state.
    pub state: State,
}

/// A pipeline or list that runs beside the shell, or was stopped.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its number, as in `%1`.
    pub number: u32,
    /// Its process group under job control.
    pub group: Option<Pid>,
    /// Its processes; the last gives the status.
    pub members: Vec<Member>,
    /// Its text.
    pub text: Vec<u8>,
    /// The state was reported.
    pub told: bool,
    /// Not ended by the shell's SIGHUP.
    pub disowned: bool,
    /// Terminal attributes when it was stopped.
    pub terminal: Option<coracle_sdk::terminal::Attributes>,
}

impl Job {
    /// The job's state: running while any member is.
    pub fn state(&self) -> State {
        if let Some(member) = self.members.iter().find(|member| matches!(member.state, State::Stopped(_)))
            && !self.members.iter().any(|member| member.state == State::Running)
        {
            return member.state;
        }
        if self.members.iter().any(|member| member.state == State::Running) {
            return State::Running;
        }
        self.members.last().map_or(State::Done(ExitStatus::Exited(0)), |member| member.state)
    }

    /// The status a shell shows for it.
    pub fn status(&self) -> i32 {
        match self.state() {
            State::Done(status) => i32::from(status.code()),
            State::Stopped(signal) => 128 + i32::from(signal),
            State::Running => 0,
        }
    }
}

/// The table of jobs.
#[derive(Debug, Default, Clone)]
pub struct Jobs {
    /// In order of their numbers.
    pub list: Vec<Job>,
    /// `%+`
    pub current: Option<u32>,
    /// `%-`
    pub previous: Option<u32>,
    /// Statuses of children that are no job's any more, for `wait pid`.
    pub ended: BTreeMap<Pid, i32>,
}

/// This many statuses of ended children are kept.
const ENDED_LIMIT: usize = 4096;

impl Jobs {
    /// Adds a job; answers its number.
    pub fn add(&mut self, group: Option<Pid>, pids: &[Pid], text: Vec<u8>) -> u32 {
        let number = self.list.iter().map(|job| job.number).max().unwrap_or(0) + 1;
        let members = pids.iter().map(|pid| Member { pid: *pid, state: State::Running }).collect();
        self.list.push(Job { number, group, members, text, told: true, disowned: false, terminal: None });
        self.make_current(number);
        number
    }

    /// Makes a job the current one.
    pub fn make_current(&mut self, number: u32) {
        if self.current != Some(number) {
            self.previous = self.current;
            self.current = Some(number);
        }
    }

    /// The job with a number.
    pub fn get(&self, number: u32) -> Option<&Job> {
        self.list.iter().find(|job| job.number == number)
    }

    /// The job with a number.
    pub fn get_mut(&mut self, number: u32) -> Option<&mut Job> {
        self.list.iter_mut().find(|job| job.number == number)
    }

    /// The job that has a process.
    pub fn of_process(&self, pid: Pid) -> Option<&Job> {
        self.list.iter().find(|job| job.members.iter().any(|member| member.pid == pid))
    }

    /// Takes a job out of the table.
    pub fn remove(&mut self, number: u32) -> Option<Job> {
        let at = self.list.iter().position(|job| job.number == number)?;
        let job = self.list.remove(at);
        if self.current == Some(number) {
            self.current = self.previous.take();
            if self.current.is_none() {
                self.current = self.list.last().map(|job| job.number);
            }
        }
        if self.previous == Some(number) || self.previous == self.current {
            self.previous = self.list.iter().rev().map(|job| job.number).find(|other| Some(*other) != self.current);
        }
        Some(job)
    }

    /// Notes what became of a child.
    pub fn note(&mut self, pid: Pid, status: ExitStatus) {
        for job in &mut self.list {
            for member in &mut job.members {
                if member.pid == pid {
                    let before = member.state;
                    member.state = match status {
                        ExitStatus::Stopped(signal) => State::Stopped(signal.number()),
                        ExitStatus::Continued => State::Running,
                        ended => State::Done(ended),
                    };
                    if before != member.state {
                        job.told = false;
                    }
                    return;
                }
            }
        }
        if !matches!(status, ExitStatus::Stopped(_) | ExitStatus::Continued) {
            self.remember(pid, i32::from(status.code()));
        }
    }

    /// Keeps an ended child's status for `wait`.
    pub fn remember(&mut self, pid: Pid, status: i32) {
        if self.ended.len() >= ENDED_LIMIT {
            self.ended.pop_first();
        }
        self.ended.insert(pid, status);
    }

    /// Takes the changes of children that have happened.
    pub fn reap(&mut self) {
        while let Ok(Some(change)) = process::wait(Selector::Any, false, true) {
            self.note(change.child, change.status);
        }
    }

    /// Whether any job has a child that runs.
    pub fn any_running(&self) -> bool {
        self.list.iter().any(|job| job.state() == State::Running)
    }

    /// The job a specification names: `%1`, `%%`, `%+`, `%-`, `%name`, `%?text`.
    pub fn find(&self, specification: &[u8]) -> Result<u32, &'static str> {
        let text = specification.strip_prefix(b"%").unwrap_or(specification);
        match text {
            b"" | b"%" | b"+" => self.current.ok_or("no such job"),
            b"-" => self.previous.or(self.current).ok_or("no such job"),
            _ => {
                if let Some(number) = std::str::from_utf8(text).ok().and_then(|text| text.parse::<u32>().ok()) {
                    return self.get(number).map(|job| job.number).ok_or("no such job");
                }
                let mut found = self.list.iter().filter(|job| match text.strip_prefix(b"?") {
                    Some(part) => !part.is_empty() && job.text.windows(part.len()).any(|window| window == part),
                    None => job.text.starts_with(text),
                });
                match (found.next(), found.next()) {
                    (Some(job), None) => Ok(job.number),
                    (Some(_), Some(_)) => Err("ambiguous job spec"),
                    _ => Err("no such job"),
                }
            }
        }
    }
}
