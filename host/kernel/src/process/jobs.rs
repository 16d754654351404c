//! Groups, sessions, controlling terminals and kill().

use std::sync::Arc;

use super::{Origin, Process};
use crate::{Container, Errno, OpenFile, Result, Signal, Target, Terminal};

impl Container {
    /// A live process or zombie by pid, 0 being `caller`. `ESRCH`.
    pub(crate) fn resolve(&self, caller: &Process, pid: u32) -> Result<Arc<Process>> {
        let pid = if pid == 0 { caller.pid } else { pid };
        self.process(pid).ok_or(Errno::SRCH)
    }

    /// Sends `signal` to every live member of a group.
    pub(crate) fn signal_group(&self, group: u32, signal: Signal, origin: Origin) {
        let members = self.table.lock().members(group);
        for member in members {
            member.deliver(signal, origin);
        }
    }
}

impl Process {
    /// getppid(); 0 for a process the engine started.
    pub fn parent(&self) -> u32 {
        self.container.table.lock().get(self.pid).map_or(0, |entry| entry.parent)
    }

    /// The process group.
    pub fn group(&self) -> u32 {
        self.container.table.lock().get(self.pid).map_or(self.pid, |entry| entry.group)
    }

    /// The session.
    pub fn session(&self) -> u32 {
        self.container.table.lock().get(self.pid).map_or(self.pid, |entry| entry.session)
    }

    /// getpgid(); 0 is the caller. `ESRCH`.
    pub fn group_of(&self, pid: u32) -> Result<u32> {
        let pid = if pid == 0 { self.pid } else { pid };
        self.container.table.lock().get(pid).map(|entry| entry.group).ok_or(Errno::SRCH)
    }

    /// getsid(); 0 is the caller. `ESRCH`.
    pub fn session_of(&self, pid: u32) -> Result<u32> {
        let pid = if pid == 0 { self.pid } else { pid };
        self.container.table.lock().get(pid).map(|entry| entry.session).ok_or(Errno::SRCH)
    }

    /// setpgid() of the caller or a child of it (XSH): `ESRCH` for any other, `EPERM` for a session leader, for another
    /// session's process or group.
    pub fn set_group(&self, pid: u32, group: u32) -> Result<()> {
        let pid = if pid == 0 { self.pid } else { pid };
        let group = if group == 0 { pid } else { group };
        let mut table = self.container.table.lock();
        let own_session = table.get(self.pid).map(|entry| entry.session).ok_or(Errno::SRCH)?;
        let target = table.get(pid).filter(|entry| entry.ended.is_none()).ok_or(Errno::SRCH)?;
        if pid != self.pid && target.parent != self.pid {
            return Err(Errno::SRCH);
        }
        if target.session != own_session || target.session == pid {
            return Err(Errno::PERM);
        }
        if group != pid && !table.has_group(group, own_session) {
            return Err(Errno::PERM);
        }
        if let Some(entry) = table.get_mut(pid) {
            entry.group = group;
        }
        Ok(())
    }

    /// setsid(): `EPERM` for a group leader.
    pub fn new_session(&self) -> Result<u32> {
        let mut table = self.container.table.lock();
        if table.iter().any(|(_, entry)| entry.group == self.pid) {
            return Err(Errno::PERM);
        }
        let entry = table.get_mut(self.pid).ok_or(Errno::SRCH)?;
        entry.group = self.pid;
        entry.session = self.pid;
        Ok(self.pid)
    }

    /// kill(): `ESRCH` when there is nobody, `EPERM` when nobody may be signaled. Without a signal it only checks. The
    /// caller awaits [`Process::settle`] afterwards, since it may have signaled itself.
    pub fn kill(&self, target: Target, signal: Option<Signal>) -> Result<()> {
        let (targets, session) = {
            let table = self.container.table.lock();
            let own = table.get(self.pid);
            let targets: Vec<(Arc<Process>, u32)> = table
                .iter()
                .filter(|(pid, entry)| match target {
                    Target::Process(wanted) => *pid == wanted,
                    Target::Group(0) => own.is_some_and(|own| own.group == entry.group),
                    Target::Group(wanted) => entry.group == wanted,
                    Target::All => *pid != 1 && *pid != self.pid,
                })
                .map(|(_, entry)| (entry.process.clone(), entry.session))
                .collect();
            (targets, own.map_or(0, |own| own.session))
        };
        if targets.is_empty() {
            return Err(Errno::SRCH);
        }
        let own = self.credentials();
        let mut permitted = false;
        for (process, of_session) in targets {
            let allowed = own.is_root()
                || process.credentials().uid == own.uid
                || (signal == Some(Signal::CONT) && of_session == session);
            if allowed {
                permitted = true;
                if let Some(signal) = signal {
                    process.deliver(signal, Origin::Inside);
                }
            }
        }
        if permitted { Ok(()) } else { Err(Errno::PERM) }
    }

    /// The controlling terminal.
    pub fn controlling_terminal(&self) -> Option<Arc<Terminal>> {
        let table = self.container.table.lock();
        table.terminal(table.get(self.pid)?.session)
    }

    /// Makes `terminal` the session's, if this process leads a session without one and the terminal has none.
    pub(crate) fn take_controlling_terminal(&self, terminal: &Arc<Terminal>) {
        let mut table = self.container.table.lock();
        let Some((group, session)) = table.get(self.pid).map(|entry| (entry.group, entry.session)) else { return };
        if session != self.pid || table.terminal(session).is_some() || !terminal.attach(session, group) {
            return;
        }
        table.set_terminal(session, Some(terminal));
        drop(table);
        if self.pid == 1 {
            self.container.set_console(terminal);
        }
    }

    fn own_terminal<'a>(&self, file: &'a OpenFile) -> Result<&'a Arc<Terminal>> {
        let terminal = file.terminal().ok_or(Errno::NOTTY)?;
        match self.controlling_terminal() {
            Some(own) if Arc::ptr_eq(&own, terminal) => Ok(terminal),
            _ => Err(Errno::NOTTY),
        }
    }

    /// tcgetpgrp(): `ENOTTY` unless it is the caller's controlling terminal.
    pub fn foreground(&self, file: &OpenFile) -> Result<u32> {
        // A terminal without a foreground group answers a group that does not exist, above all pids, as POSIX asks.
        Ok(self.own_terminal(file)?.foreground().unwrap_or(u32::MAX))
    }

    /// tcsetpgrp(): `ENOTTY`, `EPERM` for a group of another session. From the background it raises SIGTTOU first,
    /// unless that is ignored or blocked.
    pub async fn set_foreground(&self, file: &OpenFile, group: u32) -> Result<()> {
        let terminal = self.own_terminal(file)?;
        self.check_background(terminal, Signal::TTOU).await?;
        self.set_foreground_unasked(file, group)
    }

    pub(crate) fn set_foreground_unasked(&self, file: &OpenFile, group: u32) -> Result<()> {
        let terminal = self.own_terminal(file)?;
        let table = self.container.table.lock();
        let session = table.get(self.pid).ok_or(Errno::SRCH)?.session;
        if !table.has_group(group, session) {
            return Err(Errno::PERM);
        }
        terminal.set_foreground(group);
        Ok(())
    }

    /// Whether `terminal` controls this process's session and another group is in its foreground.
    pub(crate) fn is_in_background(&self, terminal: &Arc<Terminal>) -> bool {
        let table = self.container.table.lock();
        table.get(self.pid).is_some_and(|entry| {
            table.terminal(entry.session).is_some_and(|own| Arc::ptr_eq(&own, terminal))
                && terminal.foreground().is_some_and(|foreground| foreground != entry.group)
        })
    }

    /// Job control of a terminal access (XBD 11.1.4): in the background `signal` is raised in the caller's group and
    /// the access begins anew when it comes back; `EIO` where nobody could bring it back.
    pub(crate) async fn check_background(&self, terminal: &Arc<Terminal>, signal: Signal) -> Result<()> {
        loop {
            let orphaned = {
                let table = self.container.table.lock();
                let Some(entry) = table.get(self.pid) else { return Err(Errno::IO) };
                let own = table.terminal(entry.session).is_some_and(|own| Arc::ptr_eq(&own, terminal));
                if !own || terminal.foreground().is_none_or(|foreground| foreground == entry.group) {
                    return Ok(());
                }
                table.is_group_orphaned(entry.group)
            };
            if self.ignores_or_blocks(signal) {
                return if signal == Signal::TTIN { Err(Errno::IO) } else { Ok(()) };
            }
            if orphaned {
                return Err(Errno::IO);
            }
            self.container.signal_group(self.group(), signal, Origin::Kernel);
            if self.has_queued_signal() {
                return Err(Errno::INTR);
            }
            if !self.control.is_ended() && !self.control.is_stopped() {
                // Only pid 1, which keyboard stops do not stop, comes here.
                return Err(Errno::IO);
            }
            self.settle().await;
        }
    }
}
