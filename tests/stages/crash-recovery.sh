# The service is killed in the middle of its work: KILLS says how often.
build
export TENON_RATE_LIMITS=off
account author "$work/uploads"
python3 tests/crash_recovery/uploads.py "$tenon" "$work/uploads" author@acme.test "$password" "${KILLS:-20}"
account admin "$work/publishing"
# Leases and pauses are shorter, so that what was broken off goes on soon; calls within this machine are allowed.
TENON_TIMEOUT_SCALE=0.1 TENON_ALLOW_PRIVATE_NETWORKS=on \
  python3 tests/crash_recovery/publishing.py "$tenon" "$work/publishing" admin@acme.test "$password" "${KILLS:-20}"
