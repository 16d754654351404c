"""Licences and sources of all dependencies against deny.toml.

cargo-deny does the same and more where it is installed; this needs nothing
but Python, so that the check runs everywhere.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
ALLOWED = set(tomllib.loads((TOP / "deny.toml").read_text())["licenses"]["allow"])


def acceptable(expression: str) -> bool:
    """Whether an SPDX expression can be met by allowed licences."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def either():
        value = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            value = both() or value
        return value

    def both():
        value = single()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            value = single() and value
        return value

    def single():
        token = tokens.pop(0)
        if token == "(":
            value = either()
            tokens.pop(0)
            return value
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token = f"{token} WITH {tokens.pop(0)}"
        return token in ALLOWED

    return either()


def main() -> int:
    faults = 0
    count = 0
    for manifest in ("Cargo.toml", "guests/Cargo.toml"):
        text = subprocess.run(
            ["cargo", "metadata", "--format-version", "1", "--locked", "--manifest-path", TOP / manifest],
            check=True, capture_output=True, text=True,
        ).stdout
        for package in json.loads(text)["packages"]:
            if package["source"] is None:
                continue
            count += 1
            name = f"{package['name']} {package['version']}"
            if "registry" not in package["source"]:
                print(f"{name} comes from {package['source']}, not from a registry")
                faults += 1
            if not package["license"] or not acceptable(package["license"]):
                print(f"{name} has the licence {package['license']!r}, which deny.toml does not allow")
                faults += 1
    print(f"licences: {count} packages, {faults} not acceptable")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
