//! Finds the guest components that are built into the daemon: those of
//! CORACLE_COMPONENTS, else the committed ones.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-env-changed=CORACLE_COMPONENTS");
    let directory = std::env::var_os("CORACLE_COMPONENTS").map(PathBuf::from).unwrap_or_else(|| {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
        manifest.join("../../components")
    });
    for name in ["shell", "busybox"] {
        let file = directory.join(name).with_extension("wasm");
        println!("cargo:rerun-if-changed={}", file.display());
        if !file.is_file() {
            println!("cargo:warning={} is missing: run `make components`", file.display());
        }
        println!("cargo:rustc-env=CORACLE_{}={}", name.to_uppercase(), file.display());
    }
}
