# All tests on PostgreSQL.
postgres
TENON_TEST_DATABASE=$postgres_url cargo test --workspace --quiet
