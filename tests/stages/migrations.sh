# SIGKILL during `tenon migrate up` and `tenon migrate down` at random points, on both databases: the schema is that of a
# complete step, and the next `migrate up` succeeds. KILLS is the number of kills for each database, DATABASE_MIB the size of
# the posts in each, by default 4,000 short ones.
build
mkdir -p "$work/migrations"
python3 tests/crash_recovery/migrations.py "$tenon" "$work/migrations" sqlite "${KILLS:-40}" "${DATABASE_MIB:-0}"
fresh_database
python3 tests/crash_recovery/migrations.py "$tenon" "$work/migrations" "$database_url" "${KILLS:-40}" "${DATABASE_MIB:-0}"
