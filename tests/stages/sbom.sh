# Writes the software bill of materials of the server to target/sbom.cdx.json, in the CycloneDX format. It contains the crates of
# `cargo tree`, each with its license and the hash of its archive, and two runs write equal files.
python3 tests/lint/sbom.py target/sbom.cdx.json
python3 tests/lint/sbom.py "$work/sbom.cdx.json" >/dev/null
cmp target/sbom.cdx.json "$work/sbom.cdx.json"
