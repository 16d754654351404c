//! Runs programs: the wasmtime engine, the compile cache and the WIT shims.
