# Checks the crates against deny.toml: allowed licenses, the public registry as the only source, and one version of each
# crate in the server.
python3 tests/lint/licenses.py deny.toml
