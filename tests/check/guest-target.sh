#!/bin/sh
# Makes sure that the compiler can build for the guests' target.
#   guest-target.sh CARGO TARGET
set -eu
# Another cargo than the plain one brings its own target.
[ "$1" = cargo ] || exit 0
sysroot=$(rustc --print sysroot)
[ -d "$sysroot/lib/rustlib/$2/lib" ] && exit 0
command -v rustup >/dev/null || {
    echo "the Rust standard library for $2 is missing and there is no rustup to add it" >&2
    exit 1
}
rustup target add "$2"
