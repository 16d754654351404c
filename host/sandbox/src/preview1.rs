//! WASI preview 1 modules as components.
//!
//! A core module that imports `wasi_snapshot_preview1` runs behind the official
//! adapter, so there is one implementation of files, clocks and streams for
//! every program. The adapter would turn each failure status into 1, because it
//! only knows `wasi:cli/exit.exit(result)`; so before the module is wrapped its
//! import of `proc_exit` becomes an import of `exit-with-code`, which has the
//! same core signature and keeps all of 0 to 255.

use anyhow::{Context, Result, bail};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{EntityType, ImportSection, Module, RawSection};
use wasmparser::{Imports, Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What the rewritten import refers to, as the adapter's own world has it.
const EXIT_WORLD: &str = "
    package coracle:preview1;

    package wasi:cli@0.2.12 {
        interface exit {
            exit: func(status: result);
            exit-with-code: func(status-code: u8);
        }
    }

    world exit-code {
        import wasi:cli/exit@0.2.12;
    }
";

/// The component that runs the preview 1 command `module`.
pub(crate) fn componentize(module: &[u8]) -> Result<Vec<u8>> {
    let (mut module, exits) = keep_exit_status(module)?;
    if exits {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("preview1.wit", EXIT_WORLD)?;
        let world = resolve.select_world(&[package], Some("exit-code"))?;
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    }
    ComponentEncoder::default()
        .module(&module)
        .context("not a module the adapter takes")?
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)
        .context("the preview 1 adapter is unusable")?
        .validate(true)
        .encode()
        .context("not a WASI preview 1 command")
}

/// Renames the import of `proc_exit`; tells whether there was one.
fn keep_exit_status(module: &[u8]) -> Result<(Vec<u8>, bool)> {
    let mut output = Module::new();
    let mut renamed = false;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        if let Payload::ImportSection(imports) = &payload {
            let mut section = ImportSection::new();
            for group in imports.clone() {
                let Imports::Single(_, import) = group? else {
                    bail!("compact import sections are not supported");
                };
                let entity: EntityType =
                    RoundtripReencoder.entity_type(import.ty).map_err(|error| anyhow::anyhow!("{error}"))?;
                if import.module == WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME && import.name == "proc_exit" {
                    renamed = true;
                    section.import("wasi:cli/exit@0.2.12", "exit-with-code", entity);
                } else {
                    section.import(import.module, import.name, entity);
                }
            }
            output.section(&section);
        } else if let Some((id, range)) = payload.as_section() {
            let data = module.get(range).context("a section that is longer than its module")?;
            output.section(&RawSection { id, data });
        }
    }
    Ok((output.finish(), renamed))
}
