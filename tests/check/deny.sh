#!/bin/sh
# Licences, sources and duplicate versions of the dependencies.
set -eu
cd "$(dirname "$0")/../.."
if ! command -v cargo-deny >/dev/null; then
    echo "cargo-deny: skipped, it is not installed (cargo install cargo-deny)"
    exit 0
fi
cargo-deny --offline --all-features check licenses bans sources
cargo-deny --offline --manifest-path guests/Cargo.toml --all-features check --config deny.toml licenses bans sources
