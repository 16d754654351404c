//! The plain WASI program `guests/probe`, built as a user would build one.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::docker;

/// Builds the probe for `target` (wasm32-wasip1 or wasm32-wasip2); says why and
/// answers nothing where the compiler has no standard library for it.
pub fn build(target: &str) -> Option<PathBuf> {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests");
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().ok()?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    if !sysroot.join("lib/rustlib").join(target).join("lib").is_dir() {
        docker::skip(&format!("the Rust standard library for {target} is not installed (rustup target add {target})"));
        return None;
    }
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--release", "-p", "probe", "--target", target])
        .current_dir(&guests)
        .env_remove("CARGO_TARGET_DIR")
        .status()
        .ok()?;
    assert!(built.success(), "the probe does not build for {target}");
    Some(guests.join("target").join(target).join("release/probe.wasm"))
}
