//! What a container and a process may use: Docker's resource flags and POSIX `setrlimit()`.

use coracle_vfs::Errno;

/// The limits of a container; `None` is unlimited. They can change while it runs.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Bytes of memory of all processes together (`--memory`).
    pub memory: Option<u64>,
    /// CPU time per wall time in billionths of a CPU (`--cpus`, or quota divided by period).
    pub nano_cpus: Option<u64>,
    /// Live processes (`--pids-limit`).
    pub pids: Option<u32>,
    /// Over the memory limit, growing fails instead of killing (`--oom-kill-disable`).
    pub oom_kill_disable: bool,
    /// What the first process and those of `docker exec` start with (`--ulimit`).
    pub resources: ResourceLimits,
}

/// A resource of `getrlimit()`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resource {
    /// Seconds of CPU time: SIGXCPU at the soft limit, SIGKILL at the hard one.
    Cpu,
    /// The largest offset a file can be written at, in bytes: SIGXFSZ and `EFBIG` beyond.
    FileSize,
    /// Open files of the process: `EMFILE` beyond.
    OpenFiles,
    /// Processes of the user: `EAGAIN` beyond, user 0 excepted.
    Processes,
    /// Bytes of memory of the process; growing fails beyond.
    Memory,
    /// Bytes of stack; recorded only.
    Stack,
    /// Bytes of core file; recorded only.
    Core,
}

/// Every resource, in the order of [`ResourceLimits`].
pub const RESOURCES: [Resource; 7] = [
    Resource::Cpu,
    Resource::FileSize,
    Resource::OpenFiles,
    Resource::Processes,
    Resource::Memory,
    Resource::Stack,
    Resource::Core,
];

/// A soft limit, which acts, and the hard one up to which it may be raised; `None` is unlimited.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ResourceLimit {
    /// The one that acts.
    pub soft: Option<u64>,
    /// The ceiling of the soft one.
    pub hard: Option<u64>,
}

/// All resource limits of a process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResourceLimits([ResourceLimit; 7]);

impl Default for ResourceLimits {
    /// What containerd gives to a container, but for the number of open files, which costs the host memory.
    fn default() -> Self {
        let mut limits = ResourceLimits([ResourceLimit::default(); 7]);
        limits.put(Resource::OpenFiles, ResourceLimit { soft: Some(65_536), hard: Some(1_048_576) });
        limits.put(Resource::Stack, ResourceLimit { soft: Some(8 << 20), hard: None });
        limits.put(Resource::Core, ResourceLimit { soft: Some(0), hard: None });
        limits
    }
}

impl ResourceLimits {
    /// The limit of `resource`.
    pub fn get(&self, resource: Resource) -> ResourceLimit {
        self.0.get(resource as usize).copied().unwrap_or_default()
    }

    /// Puts a limit without any check, for `--ulimit`.
    pub fn put(&mut self, resource: Resource, limit: ResourceLimit) {
        if let Some(slot) = self.0.get_mut(resource as usize) {
            *slot = limit;
        }
    }

    /// setrlimit(): `EINVAL` for a soft limit over the hard one, `EPERM` for an unprivileged caller who raises the
    /// hard one.
    pub fn set(&mut self, resource: Resource, limit: ResourceLimit, privileged: bool) -> Result<(), Errno> {
        if over(limit.soft, limit.hard) {
            return Err(Errno::INVAL);
        }
        if !privileged && over(limit.hard, self.get(resource).hard) {
            return Err(Errno::PERM);
        }
        self.put(resource, limit);
        Ok(())
    }
}

/// Whether `a` is above `b`, `None` being infinite.
fn over(a: Option<u64>, b: Option<u64>) -> bool {
    match (a, b) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(a), Some(b)) => a > b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_privileged_raise_a_hard_limit_and_no_one_crosses_it() {
        let mut limits = ResourceLimits::default();
        let ten = ResourceLimit { soft: Some(10), hard: Some(10) };
        assert_eq!(limits.set(Resource::FileSize, ten, false), Ok(()));
        let unlimited = ResourceLimit::default();
        assert_eq!(limits.set(Resource::FileSize, unlimited, false), Err(Errno::PERM));
        let crossed = ResourceLimit { soft: None, hard: Some(5) };
        assert_eq!(limits.set(Resource::FileSize, crossed, true), Err(Errno::INVAL));
        assert_eq!(limits.get(Resource::FileSize), ten);
        assert_eq!(limits.set(Resource::FileSize, unlimited, true), Ok(()));
    }
}
