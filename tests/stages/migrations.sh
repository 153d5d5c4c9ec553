# SIGKILL during `tenon migrate up` and `tenon migrate down` at random points, on both databases: the schema is that of a
# complete step, and the next `migrate up` succeeds. KILLS is the number of kills for each database.
build
mkdir -p "$work/migrations"
python3 tests/crash_recovery/migrations.py "$tenon" "$work/migrations" sqlite "${KILLS:-40}"
fresh_database
python3 tests/crash_recovery/migrations.py "$tenon" "$work/migrations" "$database_url" "${KILLS:-40}"
