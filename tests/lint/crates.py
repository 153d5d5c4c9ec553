"""Reads `cargo metadata`: each crate's licence allows what ours does, and no crate comes from elsewhere.

Known vulnerabilities are not looked up: their list is not part of the registry, and these tests ask nothing else.
"""
import json
import re
import sys

ALLOWED = {
    "MIT", "MIT-0", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "Unicode-3.0", "CC0-1.0",
    "CDLA-Permissive-2.0", "IJG", "Apache-2.0 WITH LLVM-exception",
}


def allowed(licence):
    """An SPDX expression: AND binds closer than OR; the old form of OR is a slash."""
    tokens = re.findall(r"[()]|WITH|AND|OR|[\w.+-]+", licence.replace("/", " OR "))

    def either():
        value = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            value = both() or value
        return value

    def both():
        value = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            value = one() and value
        return value

    def one():
        token = tokens.pop(0)
        if token == "(":
            value = either()
            tokens.pop(0)
            return value
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token = f"{token} WITH {tokens.pop(0)}"
        return token in ALLOWED

    return either() and not tokens


metadata = json.load(sys.stdin)
built = {node["id"] for node in metadata["resolve"]["nodes"]}
members = set(metadata["workspace_members"])
crates = [package for package in metadata["packages"] if package["id"] in built - members]
wrong = []
for crate in crates:
    name = f"{crate['name']} {crate['version']}"
    if not allowed(crate["license"] or "none"):
        wrong.append(f"{name} has the licence {crate['license']}")
    if not (crate["source"] or "").startswith("registry+"):
        wrong.append(f"{name} comes from {crate['source'] or 'a folder'}")
print("\n".join(wrong + [f"{len(crates)} crates, {len(wrong)} of them not to be used"]))
sys.exit(bool(wrong))
