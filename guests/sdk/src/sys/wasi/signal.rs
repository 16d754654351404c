//! Signals over `coracle:container/signals`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::wit::signals as wit;
use crate::Result;
use crate::signal::{Disposition, Signal};

static QUEUES: AtomicBool = AtomicBool::new(false);

/// Whether this process ever asked for a signal to be queued.
pub fn any_queued() -> bool {
    QUEUES.load(Ordering::Relaxed)
}

fn convert(disposition: wit::Disposition) -> Disposition {
    match disposition {
        wit::Disposition::Default => Disposition::Default,
        wit::Disposition::Ignore => Disposition::Ignore,
        wit::Disposition::Queue => Disposition::Queue,
    }
}

pub fn set_disposition(signal: Signal, disposition: Disposition) -> Result<Disposition> {
    let disposition = match disposition {
        Disposition::Default => wit::Disposition::Default,
        Disposition::Ignore => wit::Disposition::Ignore,
        Disposition::Queue => {
            QUEUES.store(true, Ordering::Relaxed);
            wit::Disposition::Queue
        }
    };
    Ok(convert(wit::set_disposition(signal.number(), disposition)?))
}

pub fn disposition(signal: Signal) -> Disposition {
    convert(wit::get_disposition(signal.number()))
}

pub fn take() -> Option<Signal> {
    wit::take().and_then(Signal::from_number)
}

pub fn set_blocked(signals: &[Signal]) -> Vec<Signal> {
    let numbers: Vec<u8> = signals.iter().map(|signal| signal.number()).collect();
    wit::set_blocked(&numbers).into_iter().filter_map(Signal::from_number).collect()
}

pub fn alarm(after: Duration) -> Duration {
    Duration::from_nanos(wit::alarm(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX)))
}
