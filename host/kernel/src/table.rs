//! The process table: who is whose child, in which group and session, and who has ended without being waited for.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};

use coracle_vfs::Credentials;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::terminal::Terminal;
use crate::{Container, Errno, ExitStatus, Group, Process, Resource, Result, Signal, SpawnError, Usage};

/// Pids wrap above this (Linux's `pid_max` on 64-bit machines) and start again at [`PID_RESTART`].
const PID_MAX: u32 = 4_194_304;
const PID_RESTART: u32 = 300;

/// The table with its lock.
#[derive(Default)]
pub(crate) struct SharedTable {
    table: Mutex<Table>,
    /// Notified when the last process is gone.
    pub(crate) emptied: Notify,
}

#[derive(Default)]
pub(crate) struct Table {
    entries: BTreeMap<u32, Entry>,
    /// Controlling terminals by session.
    terminals: HashMap<u32, Weak<Terminal>>,
    last_pid: u32,
    /// Pids given to processes that are still being loaded.
    reserved: usize,
    /// pid 1 has ended; nothing starts any more.
    pub(crate) ended: bool,
    pub(crate) forks: u64,
}

pub(crate) struct Entry {
    pub(crate) process: Arc<Process>,
    pub(crate) parent: u32,
    pub(crate) group: u32,
    pub(crate) session: u32,
    pub(crate) children: Vec<u32>,
    /// Set while it is a zombie.
    pub(crate) ended: Option<ExitStatus>,
    /// A stop or continuation the parent has not been told of yet.
    pub(crate) stop_report: Option<Signal>,
    pub(crate) continue_report: bool,
    pub(crate) children_usage: Usage,
}

/// Whose child a new process is.
pub(crate) enum Parent {
    /// The engine's: ppid 0, gone from the table as soon as it ends.
    None,
    Process(u32),
}

pub(crate) struct NewEntry {
    pub(crate) process: Arc<Process>,
    pub(crate) parent: Parent,
    pub(crate) group: Group,
    pub(crate) new_session: bool,
}

/// A pid for a process that is being loaded; given back unless it is filled.
pub(crate) struct Reservation {
    container: Arc<Container>,
    pid: u32,
    filled: bool,
}

impl SharedTable {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock()
    }

    /// Sets a pid aside. `EAGAIN` at the container's or the user's process limit, [`SpawnError::ContainerEnded`] once
    /// pid 1 has ended.
    pub(crate) fn reserve(
        &self,
        container: &Arc<Container>,
        parent: Option<&Process>,
        credentials: &Credentials,
    ) -> Result<Reservation, SpawnError> {
        let mut table = self.table.lock();
        if table.ended || parent.is_some_and(|parent| parent.control.is_ended()) {
            return Err(SpawnError::ContainerEnded);
        }
        let live = table.entries.len() + table.reserved;
        if container.pids_limit().is_some_and(|limit| live >= limit as usize) {
            return Err(SpawnError::Errno(Errno::AGAIN));
        }
        let own = parent.and_then(|parent| parent.limit(Resource::Processes).soft);
        if let Some(limit) = own.filter(|_| !credentials.is_root()) {
            let same = table.entries.values().filter(|entry| entry.process.credentials().uid == credentials.uid);
            if same.count() as u64 >= limit {
                return Err(SpawnError::Errno(Errno::AGAIN));
            }
        }
        // The first process is pid 1 also when an earlier attempt failed to load.
        if table.entries.is_empty() && table.reserved == 0 {
            table.last_pid = 0;
        }
        let pid = table.next_pid()?;
        table.reserved += 1;
        Ok(Reservation { container: container.clone(), pid, filled: false })
    }
}

impl Reservation {
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn container(&self) -> &Arc<Container> {
        &self.container
    }

    /// Puts the process into the table. `EPERM` for a group that is not in the session.
    pub(crate) fn fill(mut self, new: NewEntry) -> Result<(), SpawnError> {
        let shared = &self.container.table;
        let mut table = shared.lock();
        if table.ended {
            return Err(SpawnError::ContainerEnded);
        }
        let pid = self.pid;
        let (parent, inherited) = match new.parent {
            Parent::None => (0, None),
            Parent::Process(parent) => {
                let entry = table.get(parent).filter(|entry| entry.ended.is_none());
                (parent, Some(entry.map(|entry| (entry.group, entry.session)).ok_or(SpawnError::ContainerEnded)?))
            }
        };
        let (mut group, session) = match inherited {
            Some(inherited) if !new.new_session => inherited,
            _ => (pid, pid),
        };
        match new.group {
            Group::Inherit => {}
            Group::Lead => group = pid,
            Group::Join(wanted) if wanted == pid || wanted == 0 => group = pid,
            Group::Join(wanted) => {
                if !table.entries.values().any(|entry| entry.group == wanted && entry.session == session) {
                    return Err(SpawnError::Errno(Errno::PERM));
                }
                group = wanted;
            }
        }
        if let Some(parent) = table.entries.get_mut(&parent) {
            parent.children.push(pid);
        }
        let entry = Entry {
            process: new.process,
            parent,
            group,
            session,
            children: Vec::new(),
            ended: None,
            stop_report: None,
            continue_report: false,
            children_usage: Usage::default(),
        };
        table.entries.insert(pid, entry);
        table.reserved -= 1;
        table.forks += 1;
        self.filled = true;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.filled {
            let mut table = self.container.table.lock();
            table.reserved = table.reserved.saturating_sub(1);
            let empty = table.is_empty();
            drop(table);
            if empty {
                self.container.table.emptied.notify_waiters();
            }
        }
    }
}

impl Table {
    fn next_pid(&mut self) -> Result<u32, Errno> {
        for _ in 0..PID_MAX {
            self.last_pid = if self.last_pid >= PID_MAX { PID_RESTART } else { self.last_pid + 1 };
            let pid = self.last_pid;
            // A pid that is still the name of a group or session must not come back either. Only after a wrap can
            // there be any.
            let taken = self.entries.contains_key(&pid)
                || (self.forks >= u64::from(PID_MAX - PID_RESTART)
                    && self.entries.values().any(|entry| entry.group == pid || entry.session == pid));
            if !taken {
                return Ok(pid);
            }
        }
        Err(Errno::AGAIN)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.reserved == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn last_pid(&self) -> u32 {
        self.last_pid
    }

    pub(crate) fn get(&self, pid: u32) -> Option<&Entry> {
        self.entries.get(&pid)
    }

    pub(crate) fn get_mut(&mut self, pid: u32) -> Option<&mut Entry> {
        self.entries.get_mut(&pid)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Entry)> {
        self.entries.iter().map(|(pid, entry)| (*pid, entry))
    }

    /// Takes a process out of the table and its parent's list.
    pub(crate) fn remove(&mut self, pid: u32) -> Option<Entry> {
        let entry = self.entries.remove(&pid)?;
        if let Some(parent) = self.entries.get_mut(&entry.parent) {
            parent.children.retain(|child| *child != pid);
        }
        Some(entry)
    }

    /// The live members of a group.
    pub(crate) fn members(&self, group: u32) -> Vec<Arc<Process>> {
        self.entries
            .values()
            .filter(|entry| entry.group == group && entry.ended.is_none())
            .map(|entry| entry.process.clone())
            .collect()
    }

    /// Whether `group` exists in `session`.
    pub(crate) fn has_group(&self, group: u32, session: u32) -> bool {
        self.entries.values().any(|entry| entry.group == group && entry.session == session)
    }

    /// Whether the group of `pid` is orphaned (XBD 3.264): no member has a parent in the session but outside the
    /// group.
    pub(crate) fn is_orphaned(&self, pid: u32) -> bool {
        self.entries.get(&pid).is_none_or(|entry| self.is_group_orphaned(entry.group))
    }

    pub(crate) fn is_group_orphaned(&self, group: u32) -> bool {
        !self.entries.values().filter(|entry| entry.group == group && entry.ended.is_none()).any(|entry| {
            self.entries.get(&entry.parent).is_some_and(|parent| {
                parent.ended.is_none() && parent.session == entry.session && parent.group != group
            })
        })
    }

    pub(crate) fn terminal(&self, session: u32) -> Option<Arc<Terminal>> {
        self.terminals.get(&session).and_then(Weak::upgrade)
    }

    pub(crate) fn set_terminal(&mut self, session: u32, terminal: Option<&Arc<Terminal>>) {
        match terminal {
            Some(terminal) => {
                self.terminals.insert(session, Arc::downgrade(terminal));
            }
            None => {
                self.terminals.remove(&session);
            }
        }
    }
}
