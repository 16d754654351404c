//! What a toolbox says is in it.

use std::sync::Arc;

use wasmtime::component::{ComponentType, Lift, Linker};
use wasmtime::{Engine, Store};

use crate::program::{Kind, Program};

/// An applet of the toolbox.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift)]
#[component(record)]
pub struct Applet {
    /// The name it is called by.
    pub name: String,
    /// The directory where images link it.
    pub directory: String,
    /// One line for a listing.
    pub summary: String,
}

/// Asks the toolbox for its applets. It has no container yet, so it is given no
/// interfaces at all: whatever it would call ends it.
pub(crate) async fn list(engine: &Engine, program: &Program) -> wasmtime::Result<Arc<[Applet]>> {
    let Kind::Toolbox { list, .. } = program.kind else {
        return Err(wasmtime::format_err!("it does not export coracle:container/applets"));
    };
    let component = program.pre.component();
    let mut linker = Linker::<()>::new(engine);
    linker.define_unknown_imports_as_traps(component)?;
    let mut store = Store::new(engine, ());
    // Listing takes microseconds; a toolbox that spins is stopped after a while.
    store.set_epoch_deadline(10_000);
    let instance = linker.instantiate_async(&mut store, component).await?;
    let list = instance.get_typed_func::<(), (Vec<Applet>,)>(&mut store, list)?;
    let (applets,) = list.call_async(&mut store, ()).await?;
    Ok(applets.into())
}
