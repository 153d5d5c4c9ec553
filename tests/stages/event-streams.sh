# Streams of CLIENTS clients, of which one in ten stops to read, while events are emitted: the memory of the server grows by at
# most LIMIT MiB, the stopped clients are disconnected within 30 seconds, and the others receive every event in order.
build
# The writer sends posts as fast as the server accepts them.
export TENON_RATE_LIMITS=off PYTHONPATH=tests/crash_recovery
account author "$work/event-streams"
python3 tests/drills/event_streams.py "$tenon" "$work/event-streams" author@acme.test "$password" "${CLIENTS:-1000}" \
  "${LIMIT:-64}"
