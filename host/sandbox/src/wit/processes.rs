//! `coracle:container/processes`.

use std::sync::Arc;

use coracle_kernel::{
    ChildChange as KernelChange, ChildStatus, Group, Process, ProcessState, ProgramName, Resource as KernelResource,
    ResourceLimit, Selector, Signal, SpawnRequest as KernelRequest, Target as KernelTarget, Usage as KernelUsage,
};
use coracle_vfs::Credentials;
use wasmtime::component::Resource;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::{DynPollable, Pollable};

use super::Failure;
use super::errors::errno_to_wit;
use super::files::FileHandle;
use super::signals::signals_from_wit;
use crate::bindings::coracle::container::errors::Errno as WitErrno;
use crate::bindings::coracle::container::processes::{
    ChildChange, ChildSelector, ExitStatus, Host, Identity, Limit, ProcessGroup, ProcessInfo, Program, SpawnRequest,
    State, Target, Usage,
};
use crate::guest::{Exit, Guest};

/// Ready while `wait` for any child would not block.
struct ChildChanged(Arc<Process>);

#[async_trait]
impl Pollable for ChildChanged {
    async fn ready(&mut self) {
        self.0.child_changed().await;
    }
}

type Answer<T> = Result<T, Failure>;

impl Guest {
    fn request(&self, request: SpawnRequest) -> wasmtime::Result<KernelRequest> {
        let mut files = Vec::with_capacity(request.files.len());
        for (number, handle) in &request.files {
            files.push((*number, self.description(handle)?));
        }
        let foreground = match &request.foreground {
            Some(handle) => Some(self.description(handle)?),
            None => None,
        };
        Ok(KernelRequest {
            program: match request.program {
                Program::Path(path) => ProgramName::Path(path),
                Program::Search(name) => ProgramName::Search(name),
                Program::Myself => ProgramName::Myself,
            },
            arguments: request.arguments,
            environment: request.environment,
            working_directory: request.working_directory,
            files,
            group: match request.group {
                ProcessGroup::Inherit => Group::Inherit,
                ProcessGroup::Lead => Group::Lead,
                ProcessGroup::Join(group) => Group::Join(group),
            },
            new_session: request.new_session,
            foreground,
            controlling_terminal: None,
            ignored: signals_from_wit(&request.ignored),
            defaulted: signals_from_wit(&request.defaulted),
            umask: request.umask,
            credentials: request.identity.map(credentials),
            nice: request.nice,
            handover: request.handover,
        })
    }

    fn description(&self, handle: &Resource<FileHandle>) -> wasmtime::Result<Arc<coracle_kernel::OpenFile>> {
        self.file(handle)
    }
}

impl Host for Guest {
    async fn spawn(&mut self, request: SpawnRequest) -> Answer<u32> {
        let request = self.request(request)?;
        Ok(self.process.spawn(request).await?)
    }

    async fn exec(&mut self, request: SpawnRequest) -> wasmtime::Result<WitErrno> {
        let request = self.request(request)?;
        // What was written belongs before anything the next program writes.
        self.flush().await;
        Ok(errno_to_wit(self.process.exec(request).await))
    }

    fn exit(&mut self, status: u8) -> wasmtime::Result<()> {
        Err(wasmtime::format_err!(Exit(status)))
    }

    fn arguments(&mut self) -> wasmtime::Result<Vec<Vec<u8>>> {
        Ok(self.process.arguments())
    }

    fn environment(&mut self) -> wasmtime::Result<Vec<Vec<u8>>> {
        Ok(self.process.environment())
    }

    fn handover(&mut self) -> wasmtime::Result<Vec<u8>> {
        Ok(self.process.handover())
    }

    async fn wait(&mut self, children: ChildSelector, block: bool, untraced: bool) -> Answer<Option<ChildChange>> {
        let selector = match children {
            ChildSelector::Any => Selector::Any,
            ChildSelector::Process(pid) => Selector::Process(pid),
            ChildSelector::Group(group) => Selector::Group(group),
        };
        let change = self.process.wait(selector, block, untraced).await?;
        Ok(change.map(|change| change_to_wit(&change)))
    }

    fn child_changed(&mut self) -> wasmtime::Result<Resource<DynPollable>> {
        let process = Arc::clone(&self.process);
        self.pollable(ChildChanged(process))
    }

    fn kill(&mut self, target: Target, signal: Option<u8>) -> Answer<()> {
        let target = match target {
            Target::Process(pid) => KernelTarget::Process(pid),
            Target::Group(group) => KernelTarget::Group(group),
            Target::All => KernelTarget::All,
        };
        let signal = signal.map(Signal::new).transpose()?;
        Ok(self.process.kill(target, signal)?)
    }

    fn self_(&mut self) -> wasmtime::Result<u32> {
        Ok(self.process.pid())
    }

    fn parent(&mut self) -> wasmtime::Result<u32> {
        Ok(self.process.parent())
    }

    fn get_group(&mut self, process: u32) -> Answer<u32> {
        Ok(self.process.group_of(process)?)
    }

    fn set_group(&mut self, process: u32, group: u32) -> Answer<()> {
        Ok(self.process.set_group(process, group)?)
    }

    fn get_session(&mut self, process: u32) -> Answer<u32> {
        Ok(self.process.session_of(process)?)
    }

    fn new_session(&mut self) -> Answer<u32> {
        Ok(self.process.new_session()?)
    }

    fn list_processes(&mut self) -> wasmtime::Result<Vec<ProcessInfo>> {
        Ok(self.process.container().processes().into_iter().map(process_to_wit).collect())
    }

    fn own_usage(&mut self) -> wasmtime::Result<(Usage, Usage)> {
        Ok((usage_to_wit(&self.process.usage()), usage_to_wit(&self.process.children_usage())))
    }

    fn umask(&mut self) -> wasmtime::Result<u32> {
        Ok(self.process.umask())
    }

    fn set_umask(&mut self, mask: u32) -> wasmtime::Result<u32> {
        Ok(self.process.set_umask(mask))
    }

    fn own_identity(&mut self) -> wasmtime::Result<Identity> {
        let credentials = self.process.credentials();
        Ok(Identity { user: credentials.uid, group: credentials.gid, groups: credentials.groups.to_vec() })
    }

    fn set_identity(&mut self, identity: Identity) -> Answer<()> {
        Ok(self.process.set_identity(credentials(identity))?)
    }

    fn set_nice(&mut self, process: u32, value: i8) -> Answer<()> {
        Ok(self.process.set_nice(process, value)?)
    }

    fn get_limit(&mut self, limit: Limit) -> wasmtime::Result<(Option<u64>, Option<u64>)> {
        let limit = self.process.limit(resource(limit));
        Ok((limit.soft, limit.hard))
    }

    fn set_limit(&mut self, limit: Limit, soft: Option<u64>, hard: Option<u64>) -> Answer<()> {
        let new = ResourceLimit { soft, hard };
        Ok(self.process.set_limit(resource(limit), new)?)
    }
}

fn credentials(identity: Identity) -> Credentials {
    Credentials { uid: identity.user, gid: identity.group, groups: identity.groups.into() }
}

fn resource(limit: Limit) -> KernelResource {
    match limit {
        Limit::CpuSeconds => KernelResource::Cpu,
        Limit::FileSize => KernelResource::FileSize,
        Limit::OpenFiles => KernelResource::OpenFiles,
        Limit::Processes => KernelResource::Processes,
        Limit::Memory => KernelResource::Memory,
        Limit::Stack => KernelResource::Stack,
        Limit::Core => KernelResource::Core,
    }
}

fn nanoseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn usage_to_wit(usage: &KernelUsage) -> Usage {
    Usage {
        user_nanoseconds: nanoseconds(usage.user),
        system_nanoseconds: nanoseconds(usage.system),
        peak_memory_bytes: usage.peak_memory,
    }
}

fn change_to_wit(change: &KernelChange) -> ChildChange {
    ChildChange {
        child: change.pid,
        status: match change.status {
            ChildStatus::Exited(code) => ExitStatus::Exited(code),
            ChildStatus::Signaled(signal) => ExitStatus::Signaled(signal.number()),
            ChildStatus::Stopped(signal) => ExitStatus::Stopped(signal.number()),
            ChildStatus::Continued => ExitStatus::Continued,
        },
        usage: usage_to_wit(&change.usage),
    }
}

fn process_to_wit(info: coracle_kernel::ProcessInfo) -> ProcessInfo {
    ProcessInfo {
        id: info.pid,
        parent: info.parent,
        group: info.group,
        session: info.session,
        user: info.user,
        primary_group: info.primary_group,
        state: match info.state {
            ProcessState::Running => State::Running,
            ProcessState::Sleeping => State::Sleeping,
            ProcessState::Stopped => State::Stopped,
            ProcessState::Frozen => State::Frozen,
            ProcessState::Zombie => State::Zombie,
        },
        nice: info.nice,
        name: info.name,
        arguments: info.arguments,
        terminal: info.terminal,
        started_at: info.started_at,
        usage: usage_to_wit(&info.usage),
        memory_bytes: info.memory,
        files: info.files,
        working_directory: info.working_directory,
    }
}
