//! `coracle:container/system`.

use super::Failure;
use crate::bindings::coracle::container::system::{Figures, Host, Names};
use crate::guest::Guest;

impl Host for Guest {
    fn get_names(&mut self) -> wasmtime::Result<Names> {
        let names = self.process.container().names();
        Ok(Names {
            system: names.system,
            node: names.node,
            release: names.release,
            version: names.version,
            machine: names.machine,
            domain: names.domain,
        })
    }

    fn get_figures(&mut self) -> wasmtime::Result<Figures> {
        let figures = self.process.container().figures();
        let [one, five, fifteen] = figures.load.map(hundredths);
        Ok(Figures {
            uptime_nanoseconds: u64::try_from(figures.uptime.as_nanos()).unwrap_or(u64::MAX),
            load: (one, five, fifteen),
            memory_total_bytes: figures.memory_total,
            memory_free_bytes: figures.memory_free,
            processors: figures.processors,
        })
    }

    fn set_node_name(&mut self, name: Vec<u8>) -> Result<(), Failure> {
        let container = self.process.container();
        Ok(container.set_hostname(Some(&self.process), &name)?)
    }

    fn container_id(&mut self) -> wasmtime::Result<String> {
        Ok(self.process.container().id().to_owned())
    }
}

/// A load average times 100; a cast of floats saturates.
fn hundredths(load: f64) -> u32 {
    (load * 100.0).round() as u32
}
