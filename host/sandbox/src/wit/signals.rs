//! `coracle:container/signals`.

use std::sync::Arc;

use coracle_kernel::{Disposition as KernelDisposition, Process, Signal, SignalSet};
use wasmtime::component::Resource;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::{DynPollable, Pollable};

use super::Failure;
use crate::bindings::coracle::container::signals::{Disposition, Host};
use crate::guest::Guest;

/// Ready while a signal is queued for the process.
struct Queued(Arc<Process>);

#[async_trait]
impl Pollable for Queued {
    async fn ready(&mut self) {
        self.0.signal_pending().await;
    }
}

/// The signals of a list; numbers that are none are left out, as sigaddset()
/// refuses them.
pub(crate) fn signals_from_wit(numbers: &[u8]) -> Vec<Signal> {
    numbers.iter().filter_map(|number| Signal::new(*number).ok()).collect()
}

fn to_wit(disposition: KernelDisposition) -> Disposition {
    match disposition {
        KernelDisposition::Default => Disposition::Default,
        KernelDisposition::Ignore => Disposition::Ignore,
        KernelDisposition::Queue => Disposition::Queue,
    }
}

impl Host for Guest {
    fn set_disposition(&mut self, signal: u8, disposition: Disposition) -> Result<Disposition, Failure> {
        let disposition = match disposition {
            Disposition::Default => KernelDisposition::Default,
            Disposition::Ignore => KernelDisposition::Ignore,
            Disposition::Queue => KernelDisposition::Queue,
        };
        let signal = Signal::new(signal)?;
        Ok(to_wit(self.process.set_disposition(signal, disposition)?))
    }

    fn get_disposition(&mut self, signal: u8) -> wasmtime::Result<Disposition> {
        Ok(match Signal::new(signal) {
            Ok(signal) => to_wit(self.process.disposition(signal)),
            Err(_) => Disposition::Default,
        })
    }

    fn take(&mut self) -> wasmtime::Result<Option<u8>> {
        Ok(self.process.take_signal().map(Signal::number))
    }

    fn pending(&mut self) -> wasmtime::Result<Resource<DynPollable>> {
        let process = Arc::clone(&self.process);
        self.pollable(Queued(process))
    }

    fn set_blocked(&mut self, signals: Vec<u8>) -> wasmtime::Result<Vec<u8>> {
        let mut set = SignalSet::EMPTY;
        for signal in signals_from_wit(&signals) {
            set.insert(signal);
        }
        let old = self.process.set_blocked(set);
        Ok(old.iter().map(Signal::number).collect())
    }

    fn alarm(&mut self, nanoseconds: u64) -> wasmtime::Result<u64> {
        Ok(self.process.alarm(nanoseconds))
    }
}
