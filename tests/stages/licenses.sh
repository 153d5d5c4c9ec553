# Every crate has an allowed licence and comes from the public registry, and the server contains one version of each. The
# rules are in deny.toml.
python3 tests/lint/licenses.py deny.toml
