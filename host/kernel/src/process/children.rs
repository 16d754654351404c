//! wait(): what a parent is told of its children.

use super::Process;
use crate::table::{Entry, Table};
use crate::{ChildChange, ChildStatus, Errno, Result, Selector};

impl Process {
    /// waitpid(): the next change of a child; `None` when `block` is false and there is none. `ECHILD` without such a
    /// child, `EINTR` on a queued signal. Stops and continuations are told only with `untraced`.
    pub async fn wait(&self, selector: Selector, block: bool, untraced: bool) -> Result<Option<ChildChange>> {
        self.settle().await;
        crate::wait::until(Some(self), &self.children_changed, || match self.next_change(selector, untraced) {
            Ok(None) if block => None,
            answer => Some(answer),
        })
        .await
    }

    /// Waits until `wait` for any child would not block.
    pub async fn child_changed(&self) {
        crate::wait::until_ready(&self.children_changed, || self.is_child_changed()).await;
    }

    /// Whether `wait` for any child would not block.
    pub fn is_child_changed(&self) -> bool {
        let table = self.container.table.lock();
        let Some(own) = table.get(self.pid) else { return true };
        own.children.is_empty()
            || own
                .children
                .iter()
                .filter_map(|child| table.get(*child))
                .any(|child| child.ended.is_some() || child.stop_report.is_some() || child.continue_report)
    }

    pub(crate) fn note_child_changed(&self) {
        self.children_changed.notify_waiters();
    }

    fn next_change(&self, selector: Selector, untraced: bool) -> Result<Option<ChildChange>> {
        let mut table = self.container.table.lock();
        let own = table.get(self.pid).ok_or(Errno::CHILD)?;
        let group = match selector {
            Selector::Group(0) => own.group,
            Selector::Group(group) => group,
            _ => 0,
        };
        let mut any = false;
        let mut found = None;
        for pid in &own.children {
            let Some(child) = table.get(*pid) else { continue };
            let selected = match selector {
                Selector::Any => true,
                Selector::Process(wanted) => *pid == wanted,
                Selector::Group(_) => child.group == group,
            };
            if !selected {
                continue;
            }
            any = true;
            if let Some(status) = change_of(child, untraced) {
                found = Some((*pid, status));
                break;
            }
        }
        let Some((pid, status)) = found else {
            return if any { Ok(None) } else { Err(Errno::CHILD) };
        };
        Ok(Some(take_change(&mut table, self.pid, pid, status)))
    }
}

fn change_of(child: &Entry, untraced: bool) -> Option<ChildStatus> {
    if let Some(status) = child.ended {
        return Some(status.into());
    }
    if !untraced {
        return None;
    }
    child.stop_report.map(ChildStatus::Stopped).or(child.continue_report.then_some(ChildStatus::Continued))
}

/// Takes the change away, so that it is told once; a child that has ended leaves the table.
fn take_change(table: &mut Table, parent: u32, pid: u32, status: ChildStatus) -> ChildChange {
    let mut usage = table.get(pid).map(|child| child.process.usage()).unwrap_or_default();
    match status {
        ChildStatus::Stopped(_) | ChildStatus::Continued => {
            if let Some(child) = table.get_mut(pid) {
                child.stop_report = None;
                child.continue_report = false;
            }
        }
        ChildStatus::Exited(_) | ChildStatus::Signaled(_) => {
            if let Some(child) = table.remove(pid) {
                usage.add(&child.children_usage);
            }
            if let Some(parent) = table.get_mut(parent) {
                parent.children_usage.add(&usage);
            }
        }
    }
    ChildChange { pid, status, usage }
}
