//! Processes over `coracle:container/processes`.

use std::time::Duration;

use super::wit::processes as wit;
use crate::fs::Timestamp;
use crate::process::{
    ChildChange, Command, ExitStatus, Group, Identity, Limit, Pid, ProcessInfo, Program, Selector, State, Target, Usage,
};
use crate::signal::Signal;
use crate::{Errno, Result};

pub fn arguments() -> Vec<Vec<u8>> {
    wit::arguments()
}

pub fn environment() -> Vec<Vec<u8>> {
    wit::environment()
}

pub fn handover() -> Vec<u8> {
    wit::handover()
}

fn identity_out(identity: &Identity) -> wit::Identity {
    wit::Identity { user: identity.user, group: identity.group, groups: identity.groups.clone() }
}

fn request<'a>(command: &'a Command<'_>) -> wit::SpawnRequest<'a> {
    let numbers = |signals: &[Signal]| signals.iter().map(|signal| signal.number()).collect();
    let arguments = match (&command.program, command.arguments.is_empty()) {
        (_, false) => command.arguments.clone(),
        (Program::Path(name) | Program::Search(name), true) => vec![name.clone()],
        (Program::Myself, true) => wit::arguments().into_iter().take(1).collect(),
    };
    wit::SpawnRequest {
        program: match &command.program {
            Program::Path(path) => wit::Program::Path(path.clone()),
            Program::Search(name) => wit::Program::Search(name.clone()),
            Program::Myself => wit::Program::Myself,
        },
        arguments,
        environment: command.environment.clone().unwrap_or_else(wit::environment),
        working_directory: command.working_directory.clone(),
        files: command.files.iter().map(|(number, file)| (*number, &file.0.0)).collect(),
        group: match command.group {
            Group::Inherit => wit::ProcessGroup::Inherit,
            Group::Lead => wit::ProcessGroup::Lead,
            Group::Join(group) => wit::ProcessGroup::Join(group),
        },
        new_session: command.new_session,
        foreground: command.foreground.map(|file| &file.0.0),
        ignored: numbers(&command.ignored),
        defaulted: numbers(&command.defaulted),
        umask: command.umask,
        identity: command.identity.as_ref().map(identity_out),
        nice: command.nice,
        handover: command.handover.clone(),
    }
}

pub fn spawn(command: &Command<'_>) -> Result<Pid> {
    Ok(wit::spawn(&request(command))?)
}

pub fn exec(command: &Command<'_>) -> Errno {
    wit::exec(&request(command)).into()
}

pub fn exit(status: u8) -> ! {
    wit::exit(status);
    // The host does not come back from there.
    loop {
        std::hint::spin_loop();
    }
}

fn signal(number: u8) -> Signal {
    Signal::from_number(number).unwrap_or(Signal::KILL)
}

fn usage_in(usage: wit::Usage) -> Usage {
    Usage {
        user: Duration::from_nanos(usage.user_nanoseconds),
        system: Duration::from_nanos(usage.system_nanoseconds),
        peak_memory: usage.peak_memory_bytes,
    }
}

pub fn wait(children: Selector, block: bool, untraced: bool) -> Result<Option<ChildChange>> {
    let children = match children {
        Selector::Any => wit::ChildSelector::Any,
        Selector::Process(pid) => wit::ChildSelector::Process(pid),
        Selector::Group(group) => wit::ChildSelector::Group(group),
    };
    let change = wit::wait(children, block, untraced)?;
    Ok(change.map(|change| ChildChange {
        child: change.child,
        status: match change.status {
            wit::ExitStatus::Exited(code) => ExitStatus::Exited(code),
            wit::ExitStatus::Signaled(number) => ExitStatus::Signaled(signal(number)),
            wit::ExitStatus::Stopped(number) => ExitStatus::Stopped(signal(number)),
            wit::ExitStatus::Continued => ExitStatus::Continued,
        },
        usage: usage_in(change.usage),
    }))
}

pub fn kill(target: Target, signal: Option<Signal>) -> Result<()> {
    let target = match target {
        Target::Process(pid) => wit::Target::Process(pid),
        Target::Group(group) => wit::Target::Group(group),
        Target::All => wit::Target::All,
    };
    Ok(wit::kill(target, signal.map(Signal::number))?)
}

pub fn id() -> Pid {
    wit::self_()
}

pub fn parent_id() -> Pid {
    wit::parent()
}

pub fn group(process: Pid) -> Result<Pid> {
    Ok(wit::get_group(process)?)
}

pub fn set_group(process: Pid, group: Pid) -> Result<()> {
    Ok(wit::set_group(process, group)?)
}

pub fn session(process: Pid) -> Result<Pid> {
    Ok(wit::get_session(process)?)
}

pub fn new_session() -> Result<Pid> {
    Ok(wit::new_session()?)
}

pub fn list() -> Vec<ProcessInfo> {
    wit::list_processes()
        .into_iter()
        .map(|row| ProcessInfo {
            id: row.id,
            parent: row.parent,
            group: row.group,
            session: row.session,
            user: row.user,
            primary_group: row.primary_group,
            state: match row.state {
                wit::State::Running => State::Running,
                wit::State::Sleeping => State::Sleeping,
                wit::State::Stopped => State::Stopped,
                wit::State::Frozen => State::Frozen,
                wit::State::Zombie => State::Zombie,
            },
            nice: row.nice,
            name: row.name,
            arguments: row.arguments,
            terminal: row.terminal,
            started_at: Timestamp {
                seconds: (row.started_at / 1_000_000_000) as i64,
                nanoseconds: (row.started_at % 1_000_000_000) as u32,
            },
            usage: usage_in(row.usage),
            memory: row.memory_bytes,
            files: row.files,
            working_directory: row.working_directory,
        })
        .collect()
}

pub fn usage() -> (Usage, Usage) {
    let (own, children) = wit::own_usage();
    (usage_in(own), usage_in(children))
}

pub fn umask() -> u32 {
    wit::umask()
}

pub fn set_umask(mask: u32) -> u32 {
    wit::set_umask(mask)
}

pub fn identity() -> Identity {
    let identity = wit::own_identity();
    Identity { user: identity.user, group: identity.group, groups: identity.groups }
}

pub fn set_identity(identity: &Identity) -> Result<()> {
    Ok(wit::set_identity(&identity_out(identity))?)
}

pub fn set_nice(process: Pid, value: i8) -> Result<()> {
    Ok(wit::set_nice(process, value)?)
}

pub fn nice() -> i8 {
    let own = id();
    wit::list_processes().into_iter().find(|row| row.id == own).map_or(0, |row| row.nice)
}

fn limit_out(limit: Limit) -> wit::Limit {
    match limit {
        Limit::CpuSeconds => wit::Limit::CpuSeconds,
        Limit::FileSize => wit::Limit::FileSize,
        Limit::OpenFiles => wit::Limit::OpenFiles,
        Limit::Processes => wit::Limit::Processes,
        Limit::Memory => wit::Limit::Memory,
        Limit::Stack => wit::Limit::Stack,
        Limit::Core => wit::Limit::Core,
    }
}

pub fn limit(limit: Limit) -> (Option<u64>, Option<u64>) {
    wit::get_limit(limit_out(limit))
}

pub fn set_limit(limit: Limit, soft: Option<u64>, hard: Option<u64>) -> Result<()> {
    Ok(wit::set_limit(limit_out(limit), soft, hard)?)
}
