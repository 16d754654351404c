#!/bin/sh
# Licences and sources of the dependencies, by cargo-deny where it is installed.
set -eu
cd "$(dirname "$0")/../.."
python3 tests/check/licences.py
if ! command -v cargo-deny >/dev/null; then
    echo "cargo-deny: skipped, it is not installed (cargo install cargo-deny)"
    exit 0
fi
cargo-deny --all-features check licenses bans sources
cargo-deny --manifest-path guests/Cargo.toml --all-features check --config deny.toml licenses bans sources
