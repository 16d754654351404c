#!/bin/bash
# Whether components/ was built from guests/ and wit/ as they stand.
#
#   components.sh                   compares; fails with what to do
#   components.sh --record DIR      writes DIR/SOURCES.sha256 after a build
#
# Two compilers of one version may lay out a component differently, so not the
# built bytes are compared but a digest of everything they are built from.
set -eu
cd "$(dirname "$0")/../.."

sources() {
    git ls-files -z --cached --others --exclude-standard -- guests wit |
        LC_ALL=C sort -z |
        while IFS= read -r -d '' file; do
            case $file in
            guests/*/cases/* | guests/*/tests/* | guests/*/fuzz/* | *.md) ;;
            *) [ -f "$file" ] && sha256sum "$file" ;;
            esac
        done | sha256sum | cut -d ' ' -f 1
}

digest=$(sources)
if [ "${1:-}" = --record ]; then
    echo "$digest" > "$2/SOURCES.sha256"
    exit
fi
recorded=$(cat components/SOURCES.sha256 2>/dev/null || echo none)
if [ "$digest" != "$recorded" ]; then
    echo "components/ was not built from guests/ and wit/ as they stand: run 'make components' and commit the result" >&2
    exit 1
fi
total=$(cat components/*.wasm | wc -c)
if [ "$total" -gt 8388608 ]; then
    echo "the components have $total bytes together; the budget is 8 MiB" >&2
    exit 1
fi
echo "components: built from these sources, $total bytes together"
