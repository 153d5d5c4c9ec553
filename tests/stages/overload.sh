# 10 times the connections of the capacity: the throughput remains, and further requests are rejected. Ratios depend on the
# machine, so the stage runs by name only. SECONDS_EACH is the duration of each load.
build
export TENON_RATE_LIMITS=off TENON_CACHE_BYTES=0 PYTHONPATH=tests/crash_recovery
account author "$work/overload"
python3 tests/drills/overload.py "$tenon" "$work/overload" author@acme.test "$password" "${SECONDS_EACH:-20}"
