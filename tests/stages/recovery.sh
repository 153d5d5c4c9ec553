# The time to the first 200 of /readyz after SIGKILL, with a large database and write-ahead log. RECOVERIES is the number
# of kills, DATABASE_MIB and LOG_MIB are the sizes, LIMIT the milliseconds for 99 % of them.
build
export TENON_RATE_LIMITS=off PYTHONPATH=tests/crash_recovery
account author "$work/recovery"
python3 tests/drills/recovery.py "$tenon" "$work/recovery" author@acme.test "$password" "${RECOVERIES:-20}" \
  "${DATABASE_MIB:-1024}" "${LOG_MIB:-64}" "${LIMIT:-500}"
