# Jumps of the system clock while requests run: no server error, and neither rate limits nor timeouts change.
build
# The library for programs with several threads, which replaces the system clock but not the monotonic clock.
faketime_library() { { ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null || true; } | head -n 1; }
[ -n "$(faketime_library)" ] || apt_install faketime
export PYTHONPATH=tests/crash_recovery
account author "$work/clock"
python3 tests/drills/clock.py "$tenon" "$work/clock" author@acme.test "$password" "$(faketime_library)"
