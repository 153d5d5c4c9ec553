# PostgreSQL is restarted without a shutdown, and stopped for 5 seconds, under load: no acknowledged write is lost, and
# requests fail with 503 only. RESTARTS and STOPS are the numbers, LIMIT the seconds until all clients are served again.
build
export TENON_RATE_LIMITS=off PYTHONPATH=tests/crash_recovery
fresh_database
export TENON_DATABASE_URL=$database_url
account author "$work/postgres-restarts"
# An acknowledged write is on disk. The other stages do not wait for the disk.
"$(postgres_bin)/psql" -q "$postgres_url" -c "ALTER SYSTEM SET fsync = on" -c "SELECT pg_reload_conf()" >/dev/null
cat > "$work/restart" <<SCRIPT
#!/usr/bin/env bash
. "$root/tests/stages/services.sh"
as_postgres "$(postgres_bin)/pg_ctl" -D "$work/postgres/data" -m immediate -w -l "$work/postgres/log" restart
SCRIPT
chmod +x "$work/restart"
python3 tests/drills/postgres_restarts.py "$tenon" "$work/postgres-restarts" author@acme.test "$password" \
  "$work/restart" "$work/postgres/data/postmaster.pid" "${RESTARTS:-10}" "${STOPS:-2}" "${LIMIT:-2}"
