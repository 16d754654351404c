//! The end of a process: what is closed, who inherits its children, who is told.

use super::{Origin, Process};
use crate::{ChildStatus, Container, Disposition, ExitStatus, Signal};

impl Process {
    /// Called by the task once the program is gone.
    pub(crate) fn finish(&self, status: ExitStatus) {
        drop(self.inherited());
        self.cancel_alarm();
        self.forget_program();
        drop(self.handover());
        let held = self.memory().used();
        self.memory().release(held);
        let aftermath = self.container.bury(self, status);
        let _ = self.status.set(status);
        self.forget_stop();
        self.exited.notify_waiters();
        // Locks are free from here on: each of these delivers signals.
        for group in aftermath.orphaned_groups {
            self.container.signal_group(group, Signal::HUP, Origin::Kernel);
            self.container.signal_group(group, Signal::CONT, Origin::Kernel);
        }
        if let Some(group) = aftermath.hung_up {
            self.container.signal_group(group, Signal::HUP, Origin::Kernel);
            self.container.signal_group(group, Signal::CONT, Origin::Kernel);
        }
        for parent in aftermath.told {
            parent.deliver(Signal::CHLD, Origin::Kernel);
            parent.note_child_changed();
        }
        if self.pid == 1 {
            self.container.kill_all();
        }
    }

    /// Whether its children leave no zombies behind (SIGCHLD ignored, POSIX XSH 2.4).
    fn abandons_children(&self) -> bool {
        self.disposition(Signal::CHLD) == Disposition::Ignore
    }
}

/// One that was never started gives back what was booked for it.
impl Drop for Process {
    fn drop(&mut self) {
        let held = self.memory().used();
        self.memory().release(held);
    }
}

/// What is left to do after a process has left the living, without the table's lock.
#[derive(Default)]
struct Aftermath {
    /// Parents with news.
    told: Vec<std::sync::Arc<Process>>,
    /// Groups that became orphaned and have a stopped member.
    orphaned_groups: Vec<u32>,
    /// The foreground group of a session whose leader this was.
    hung_up: Option<u32>,
}

impl Container {
    fn bury(&self, process: &Process, status: ExitStatus) -> Aftermath {
        let pid = process.pid;
        let mut aftermath = Aftermath::default();
        let mut table = self.table.lock();
        let Some(entry) = table.get_mut(pid) else { return aftermath };
        entry.ended = Some(status);
        entry.stop_report = None;
        entry.continue_report = false;
        let (parent, group, session) = (entry.parent, entry.group, entry.session);
        let children = std::mem::take(&mut entry.children);
        if pid == 1 {
            table.ended = true;
        }

        // Groups whose only tie to the rest of their session was this process: its own, and its children's.
        let mut groups: Vec<u32> = children.iter().filter_map(|child| Some(table.get(*child)?.group)).collect();
        groups.push(group);
        groups.sort_unstable();
        groups.dedup();

        // Children go to pid 1, or where that is not there, to nobody.
        let heir = table.get(1).filter(|init| pid != 1 && init.ended.is_none()).map(|init| init.process.clone());
        for child in children {
            let Some(entry) = table.get_mut(child) else { continue };
            entry.parent = u32::from(heir.is_some());
            let ended = entry.ended.is_some();
            match &heir {
                Some(init) if !(ended && init.abandons_children()) => {
                    if let Some(entry) = table.get_mut(1) {
                        entry.children.push(child);
                    }
                    if ended {
                        aftermath.told.push(init.clone());
                    }
                }
                _ if ended => {
                    table.remove(child);
                }
                _ => {}
            }
        }

        // Nearly always nobody is stopped, and the walk through the table can be saved.
        let stopped = self.stopped.load(std::sync::atomic::Ordering::Relaxed) > 0;
        groups.retain(|group| {
            stopped
                && table.is_group_orphaned(*group)
                && table.iter().any(|(_, entry)| {
                    entry.group == *group && entry.ended.is_none() && entry.process.stopped_by().is_some()
                })
        });
        aftermath.orphaned_groups = groups;

        if session == pid {
            if let Some(terminal) = table.terminal(session) {
                aftermath.hung_up = terminal.foreground();
                terminal.detach(session);
            }
            table.set_terminal(session, None);
        }

        let teller = table.get(parent).filter(|parent| parent.ended.is_none()).map(|parent| parent.process.clone());
        match teller {
            Some(parent) if parent.abandons_children() => {
                table.remove(pid);
                // Its wait() may now have nobody left to wait for.
                aftermath.told.push(parent);
            }
            Some(parent) => aftermath.told.push(parent),
            None => {
                table.remove(pid);
            }
        }
        let empty = table.is_empty();
        drop(table);
        if empty {
            self.table.emptied.notify_waiters();
        }
        aftermath
    }

    /// Tells a parent that its child stopped or went on.
    pub(crate) fn report(&self, pid: u32, change: ChildStatus) {
        let mut table = self.table.lock();
        let Some(entry) = table.get_mut(pid).filter(|entry| entry.ended.is_none()) else { return };
        match change {
            ChildStatus::Stopped(signal) => {
                entry.stop_report = Some(signal);
                entry.continue_report = false;
            }
            _ => {
                entry.stop_report = None;
                entry.continue_report = true;
            }
        }
        let parent = entry.parent;
        let parent = table.get(parent).map(|parent| parent.process.clone());
        drop(table);
        if let Some(parent) = parent {
            parent.deliver(Signal::CHLD, Origin::Kernel);
            parent.note_child_changed();
        }
    }

    /// Forgets the zombies of a parent that says it will not wait for them.
    pub(crate) fn reap_ended_children(&self, parent: u32) {
        let mut table = self.table.lock();
        let Some(entry) = table.get(parent) else { return };
        let ended: Vec<u32> = entry
            .children
            .iter()
            .copied()
            .filter(|child| table.get(*child).is_some_and(|child| child.ended.is_some()))
            .collect();
        for child in ended {
            table.remove(child);
        }
    }
}
