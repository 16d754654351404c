#!/bin/bash
# Rules about the tree that no compiler knows.
set -eu
cd "$(dirname "$0")/../.."
status=0
fail() {
    echo "$1" >&2
    status=1
}

built=$(git ls-files | grep -E '\.(wasm|cwasm)$' | grep -vE '^components/' || true)
[ -z "$built" ] || fail "built files outside components/: $built"

# Imports run one way: what each crate may name.
allowed() {
    case $1 in
    vfs | net) echo "" ;;
    kernel | image) echo "vfs" ;;
    sandbox) echo "kernel vfs net" ;;
    engine) echo "image kernel net vfs" ;;
    api) echo "engine" ;;
    coracle) echo "api engine image kernel net sandbox vfs" ;;
    esac
}
for crate in vfs net kernel image sandbox engine api coracle; do
    for import in $(sed -n '/^\[dependencies\]/,/^\[/s/^coracle-\([a-z]*\).*/\1/p' "host/$crate/Cargo.toml"); do
        case " $(allowed $crate) " in
        *" $import "*) ;;
        *) fail "host/$crate imports coracle-$import, which the architecture does not allow" ;;
        esac
    done
done

sleeps=$(grep -nE '(thread|time)::sleep\(' $(git ls-files 'tests/*.rs' 'host/*/tests/*.rs' 'guests/*/tests/*.rs') /dev/null || true)
[ -z "$sleeps" ] || fail "sleeps in tests: $sleeps"

exit $status
