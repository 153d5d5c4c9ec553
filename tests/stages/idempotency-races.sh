# Races of equal requests with one Idempotency-Key, on SQLite and PostgreSQL: one row each. RACES is their number.
build
export TENON_RATE_LIMITS=off PYTHONPATH=tests/crash_recovery
fresh_database
for database in sqlite postgres; do
  if [ "$database" = postgres ]; then export TENON_DATABASE_URL=$database_url; fi
  account author "$work/races-$database"
  python3 tests/drills/idempotency_races.py "$tenon" "$work/races-$database" author@acme.test "$password" \
    "$database" "${RACES:-1000}"
done
