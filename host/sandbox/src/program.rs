//! What a compiled component is to the kernel: a command, a shell or a toolbox.
//!
//! A component says what it is by what it exports, so a user's shell or userland
//! is taken exactly like the built-in ones. Everything that can be decided once
//! per program is decided here: its imports are resolved, its exports found and
//! its share of the pool counted, so that starting a process does none of it.

use coracle_vfs::Errno;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};

use crate::digest::ProgramDigest;
use crate::guest::Guest;

/// How a component is run; each index is a function of an exported interface.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// `wasi:cli/run`.
    Command { run: ComponentExportIndex },
    /// `coracle:container/exec`, and `interactive-shell` when it has that.
    Shell { exec: ComponentExportIndex, interactive: Option<ComponentExportIndex> },
    /// `coracle:container/applets`.
    Toolbox { run: ComponentExportIndex, list: ComponentExportIndex },
}

/// A program that is ready to be started any number of times.
pub(crate) struct Program {
    pub(crate) kind: Kind,
    pub(crate) pre: InstancePre<Guest>,
    /// Slots of the pool one instance takes.
    pub(crate) slots: u32,
}

impl Program {
    /// Resolves `component` against the interfaces of programs; `ENOEXEC`, with
    /// the reason logged, when it does not fit.
    pub(crate) fn new(linker: &Linker<Guest>, digest: ProgramDigest, component: &Component) -> Result<Self, Errno> {
        let Some(kind) = kind(component) else {
            tracing::info!(%digest, "a component that exports nothing that can be run");
            return Err(Errno::NOEXEC);
        };
        let pre = linker.instantiate_pre(component).map_err(|error| {
            tracing::info!(%digest, reason = format!("{error:#}"), "a component that asks for more than there is");
            Errno::NOEXEC
        })?;
        Ok(Self { kind, pre, slots: slots(component) })
    }
}

fn kind(component: &Component) -> Option<Kind> {
    let function = |interface: &str, name: &str| {
        let (item, instance) = component.get_export(None, interface)?;
        if !matches!(item, ComponentItem::ComponentInstance(_)) {
            return None;
        }
        let (item, function) = component.get_export(Some(&instance), name)?;
        matches!(item, ComponentItem::ComponentFunc(_)).then_some(function)
    };
    if let Some(exec) = function("coracle:container/exec@0.1.0", "run") {
        let interactive = function("coracle:container/interactive-shell@0.1.0", "run");
        return Some(Kind::Shell { exec, interactive });
    }
    if let Some(run) = function("coracle:container/applets@0.1.0", "run") {
        let list = function("coracle:container/applets@0.1.0", "list-applets")?;
        return Some(Kind::Toolbox { run, list });
    }
    let run = function("wasi:cli/run@0.2.12", "run")?;
    Some(Kind::Command { run })
}

/// A slot holds one linear memory and two tables, as nearly every program needs;
/// what needs more takes several.
fn slots(component: &Component) -> u32 {
    component.resources_required().map_or(1, |needs| needs.num_memories.max(needs.num_tables.div_ceil(2)).max(1))
}
