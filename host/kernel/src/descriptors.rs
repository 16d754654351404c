//! Descriptors: the numbers under which a process knows its open files.
//!
//! A guest holds handles, not numbers; the numbers exist for /proc/PID/fd, for lsof and for the limit on open files.
//! 0 to 2 are given only to files a process is started with, so that a file opened after standard output was closed
//! does not become standard output by accident.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::{Errno, OpenFile, Result};

/// The first number given to a file opened by the process itself.
const FIRST: u32 = 3;

/// The descriptors of one process. Weak: the handles keep files open, not the list.
#[derive(Default)]
pub(crate) struct Descriptors(Mutex<BTreeMap<u32, Weak<OpenFile>>>);

/// An open file in a process: dropping it is close(2). Dereferences to the shared description.
pub struct Descriptor {
    number: u32,
    file: Arc<OpenFile>,
    table: Arc<Descriptors>,
}

impl Descriptors {
    /// `EMFILE` when `limit` files are open.
    pub(crate) fn add(self: &Arc<Self>, file: Arc<OpenFile>, limit: Option<u64>) -> Result<Descriptor> {
        let mut table = self.0.lock();
        if limit.is_some_and(|limit| table.len() as u64 >= limit) {
            return Err(Errno::MFILE);
        }
        let mut number = FIRST;
        for used in table.range(FIRST..).map(|(used, _)| *used) {
            if used != number {
                break;
            }
            number = used.checked_add(1).ok_or(Errno::MFILE)?;
        }
        table.insert(number, Arc::downgrade(&file));
        drop(table);
        Ok(Descriptor { number, file, table: self.clone() })
    }

    /// Puts a file under a number of the caller's choice; a second file of one number replaces the first.
    pub(crate) fn put(self: &Arc<Self>, number: u32, file: Arc<OpenFile>) -> Descriptor {
        self.0.lock().insert(number, Arc::downgrade(&file));
        Descriptor { number, file, table: self.clone() }
    }

    pub(crate) fn get(&self, number: u32) -> Option<Arc<OpenFile>> {
        self.0.lock().get(&number).and_then(Weak::upgrade)
    }

    pub(crate) fn all(&self) -> Vec<(u32, Arc<OpenFile>)> {
        self.0.lock().iter().filter_map(|(number, file)| Some((*number, file.upgrade()?))).collect()
    }

    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.0.lock().keys().copied().collect()
    }
}

impl Descriptor {
    /// The descriptor's number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The description behind it.
    pub fn file(&self) -> &Arc<OpenFile> {
        &self.file
    }
}

impl Deref for Descriptor {
    type Target = Arc<OpenFile>;

    fn deref(&self) -> &Arc<OpenFile> {
        &self.file
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        let mut table = self.table.0.lock();
        // After an exec the number may stand for another file already.
        if table.get(&self.number).is_some_and(|entry| std::ptr::eq(entry.as_ptr(), Arc::as_ptr(&self.file))) {
            table.remove(&self.number);
        }
    }
}
