# Races of writers with one entity tag in If-Match, on SQLite and PostgreSQL: one of them succeeds. ROUNDS is their number.
build
export TENON_RATE_LIMITS=off PYTHONPATH=tests/crash_recovery
fresh_database
for database in sqlite postgres; do
  if [ "$database" = postgres ]; then export TENON_DATABASE_URL=$database_url; fi
  account author "$work/preconditions-$database"
  python3 tests/drills/precondition_races.py "$tenon" "$work/preconditions-$database" author@acme.test "$password" \
    "$database" "${ROUNDS:-1000}"
done
