"""Writes the software bill of materials of the server as CycloneDX 1.5: the crates that are compiled for this machine, with
build scripts and macros, without the dependencies of tests. The file has no time and no random number, so equal lock files
have equal bills.

    sbom.py FILE
"""
import json
import os
import subprocess
import sys
import tomllib

ROOT = "tenon"


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


host = next(line.split()[1] for line in cargo("--version", "--verbose").splitlines() if line.startswith("host: "))
metadata = json.loads(cargo("metadata", "--format-version", "1", "--locked", "--filter-platform", host))
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
with open("Cargo.lock", "rb") as lock:
    checksums = {(crate["name"], crate["version"]): crate.get("checksum") for crate in tomllib.load(lock)["package"]}

# `cargo metadata` also resolves optional dependencies that no feature enables.
tree = cargo("tree", "--package", ROOT, "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}")
used = {tuple(line.split()[:2]) for line in tree.splitlines() if line}


def is_used(package):
    return (package["name"], f"v{package['version']}") in used


root = next(package["id"] for package in packages.values() if package["name"] == ROOT and package["source"] is None)
dependencies, waiting = {}, [root]
while waiting:
    current = waiting.pop()
    if current not in dependencies:
        kept = [link["pkg"] for link in nodes[current]["deps"]
                if is_used(packages[link["pkg"]]) and any(kind["kind"] != "dev" for kind in link["dep_kinds"])]
        dependencies[current] = sorted(purl(packages[name]) for name in set(kept))
        waiting += kept


def component(package):
    described = {"type": "application" if package["id"] == root else "library", "bom-ref": purl(package),
                 "name": package["name"], "version": package["version"], "purl": purl(package)}
    if package["license"]:
        # The older form of OR is not an SPDX expression.
        described["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if checksum := checksums[package["name"], package["version"]]:
        described["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        described["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return described


components = sorted((component(packages[name]) for name in dependencies), key=lambda part: part["bom-ref"])
bill = {
    "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
    "metadata": {"component": component(packages[root])},
    "components": [part for part in components if part["bom-ref"] != purl(packages[root])],
    "dependencies": [{"ref": ref, "dependsOn": on} for ref, on in
                     sorted((purl(packages[name]), on) for name, on in dependencies.items())],
}
os.makedirs(os.path.dirname(sys.argv[1]) or ".", exist_ok=True)
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(bill, file, indent=1, ensure_ascii=False)
    file.write("\n")

listed = {(part["name"], "v" + part["version"]) for part in [*bill["components"], bill["metadata"]["component"]]}
problems = [f"{name} {version} is not in the bill" for name, version in sorted(used - listed)]
for part in bill["components"]:
    is_own = any(package["source"] is None and package["name"] == part["name"] for package in packages.values())
    if not is_own and not {"licenses", "hashes"} <= set(part):
        problems.append(f"{part['purl']} has no license or no hash")
if problems:
    sys.exit("\n".join(problems))
print(f"{len(bill['components'])} crates in {sys.argv[1]}, those of `cargo tree`, each with its license and hash")
