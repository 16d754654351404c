//! flock(2): advisory locks on whole files, held by open file descriptions.
//!
//! A lock belongs to the description, not to the process, so every process the description was handed to shares it
//! and it goes with the description's last close. Locks are found by device and inode number in a registry of the
//! daemon, since two containers that share a volume must exclude each other; its lock is only taken by flock itself.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use coracle_vfs::Errno;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::Process;
use crate::wait;

/// A flock(2) operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LockKind {
    /// Beside other shared locks.
    Shared,
    /// Alone.
    Exclusive,
    /// Gives the lock back.
    Unlock,
}

/// Locks by device and inode number.
type Locks = HashMap<(u64, u64), Weak<FileLock>>;

static LOCKS: LazyLock<Mutex<Locks>> = LazyLock::new(Mutex::default);

/// The locks on one inode.
#[derive(Default)]
struct FileLock {
    /// Number of shared holders, or -1 for one exclusive.
    holders: Mutex<i64>,
    released: Notify,
}

/// What one description holds.
#[derive(Default)]
pub(crate) struct HeldLock(Mutex<Option<(Arc<FileLock>, LockKind)>>);

impl HeldLock {
    /// flock(): `EAGAIN` when another description holds it and `wait` is false. Converting gives the old lock up
    /// first, as Linux does.
    pub(crate) async fn apply(
        &self,
        process: Option<&Process>,
        inode: (u64, u64),
        kind: LockKind,
        wait: bool,
    ) -> Result<(), Errno> {
        let current = self.0.lock().as_ref().map_or(LockKind::Unlock, |(_, held)| *held);
        if current == kind {
            return Ok(());
        }
        self.release();
        if kind == LockKind::Unlock {
            return Ok(());
        }
        let lock = lock_of(inode);
        let attempt = || {
            let mut holders = lock.holders.lock();
            match kind {
                LockKind::Shared if *holders >= 0 => *holders += 1,
                LockKind::Exclusive if *holders == 0 => *holders = -1,
                _ => return if wait { None } else { Some(Err(Errno::AGAIN)) },
            }
            // Noted under the same lock, so that a dropped call never leaves a lock without a holder.
            let before = self.0.lock().replace((lock.clone(), kind));
            drop(holders);
            if let Some((lock, kind)) = before {
                unlock(&lock, kind);
            }
            Some(Ok(()))
        };
        wait::until(process, &lock.released, attempt).await
    }

    fn release(&self) {
        let held = self.0.lock().take();
        if let Some((lock, kind)) = held {
            unlock(&lock, kind);
        }
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        self.release();
    }
}

fn unlock(lock: &FileLock, kind: LockKind) {
    let mut holders = lock.holders.lock();
    *holders = if kind == LockKind::Exclusive { 0 } else { (*holders - 1).max(0) };
    drop(holders);
    lock.released.notify_waiters();
}

fn lock_of(inode: (u64, u64)) -> Arc<FileLock> {
    let mut locks = LOCKS.lock();
    if let Some(lock) = locks.get(&inode).and_then(Weak::upgrade) {
        return lock;
    }
    locks.retain(|_, lock| lock.strong_count() > 0);
    let lock = Arc::new(FileLock::default());
    locks.insert(inode, Arc::downgrade(&lock));
    lock
}
