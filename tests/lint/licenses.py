"""Checks the crates of the workspace against deny.toml: licences, sources and duplicate versions.

The offline part of `cargo deny check`. Advisories need its database, so they are not checked here.
"""
import collections
import re
import subprocess
import sys
import tomllib


def is_allowed(licence, allowed):
    """Evaluates an SPDX expression: AND binds closer than OR; the old form of OR is a slash."""
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
        return token in allowed

    return either() and not tokens


def crates(edges):
    """Returns (name, version, licence, source) of each crate that is built for this machine."""
    command = ["cargo", "tree", "--workspace", "--locked", "--edges", edges, "--prefix", "none"]
    tree = subprocess.run([*command, "--format", "{p}\t{l}"], check=True, stdout=subprocess.PIPE, text=True)
    found = set()
    for line in filter(None, tree.stdout.splitlines()):
        package, licence = line.removesuffix(" (*)").split("\t")
        name, version, *rest = package.replace(" (proc-macro)", "").split(" ", 2)
        source = "".join(rest).strip("()")
        # Crates of this workspace have an absolute path as their source.
        if not source.startswith(WORKSPACE):
            found.add((name, version.removeprefix("v"), licence, source))
    return sorted(found)


WORKSPACE = subprocess.run(["git", "rev-parse", "--show-toplevel"], check=True, stdout=subprocess.PIPE, text=True)
WORKSPACE = WORKSPACE.stdout.strip()
with open(sys.argv[1], "rb") as file:
    rules = tomllib.load(file)
allowed = set(rules["licenses"]["allow"])
skipped = {entry["crate"] for entry in rules["bans"]["skip"]}

problems = []
built = crates("normal,build,dev")
for name, version, licence, source in built:
    if not is_allowed(licence or "none", allowed):
        problems.append(f"{name} {version}: the licence {licence} is not allowed")
    if source:
        problems.append(f"{name} {version}: the source {source} is not the public registry")
versions = collections.defaultdict(list)
for name, version, *_ in crates("normal,build"):
    versions[name].append(version)
duplicates = {name for name, found in versions.items() if len(found) > 1}
for name in sorted(duplicates - skipped):
    problems.append(f"{name}: duplicate versions {', '.join(versions[name])}")
for name in sorted(skipped - duplicates):
    problems.append(f"{name}: bans.skip lists it, but it has no duplicate version")
print(*problems, sep="\n", end="\n" if problems else "")
print(f"{len(built)} crates, {len(duplicates)} of them in two versions, {len(problems)} problems")
sys.exit(bool(problems))
