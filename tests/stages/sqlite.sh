# All tests on SQLite.
env -u TENON_TEST_DATABASE cargo test --workspace --quiet
