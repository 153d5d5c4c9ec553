# Continuous replication of SQLite with Litestream: the database is restored to a chosen second and to the last second.
build
python_tools
export TENON_RATE_LIMITS=off
account admin "$work/point-in-time"
python3 tests/point_in_time/drill.py "$tenon" "$work/point-in-time" admin@acme.test "$password" \
  "$venv/bin/litestream" "$root/tests/point_in_time/litestream.yml"
