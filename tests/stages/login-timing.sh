# Failed attempts to sign in to a known, an unknown and a disabled account: equal responses after equal times. TRIES is the
# number of attempts for each. The rate limits are enabled.
build
account author "$work/login-timing"
PYTHONPATH=tests/crash_recovery python3 tests/drills/login_timing.py "$tenon" "$work/login-timing" author@acme.test \
  "$password" "${TRIES:-500}"
