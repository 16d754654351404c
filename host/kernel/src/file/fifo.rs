//! Named pipes: which pipe a fifo's inode stands for, and the rendezvous of opening one.
//!
//! The pipe lives as long as somebody has the fifo open. It is found by device and inode number, so that a fifo in
//! a volume joins processes of all containers that mount the volume. The registry is the daemon's and its lock is
//! taken only to open a fifo.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use coracle_vfs::{Errno, Location};
use parking_lot::Mutex;

use super::pipe::{PIPE_CAPACITY, Pipe};
use super::{FileAccess, Object, OpenFile, StatusFlags, next_number};
use crate::Process;

/// Pipes by device and inode number.
type Fifos = HashMap<(u64, u64), Weak<Pipe>>;

static FIFOS: LazyLock<Mutex<Fifos>> = LazyLock::new(Mutex::default);

fn pipe_of(dev: u64, ino: u64) -> Arc<Pipe> {
    let mut fifos = FIFOS.lock();
    if let Some(pipe) = fifos.get(&(dev, ino)).and_then(Weak::upgrade) {
        return pipe;
    }
    fifos.retain(|_, pipe| pipe.strong_count() > 0);
    let pipe = Arc::new(Pipe::new(PIPE_CAPACITY, next_number()));
    fifos.insert((dev, ino), Arc::downgrade(&pipe));
    pipe
}

/// open() of a fifo: a reader waits for a writer and a writer for a reader, unless non-blocking (`ENXIO` for a
/// writer without a reader) or open for both.
pub(crate) async fn open(
    process: Option<&Process>,
    (dev, ino): (u64, u64),
    location: Location,
    access: FileAccess,
    status: StatusFlags,
) -> Result<Arc<OpenFile>, Errno> {
    let pipe = pipe_of(dev, ino);
    if access.write && !access.read && status.non_blocking && !pipe.has_readers() {
        return Err(Errno::NXIO);
    }
    let before = pipe.partners_ever(access.read);
    // Counted as open from here on, also while it waits: that is what lets the other side's open return.
    let file = OpenFile::new(Object::Pipe { pipe: pipe.clone(), location: Some(location) }, access, status);
    if access.read != access.write && !status.non_blocking {
        pipe.partner(process, access.read, before).await?;
    }
    Ok(file)
}
