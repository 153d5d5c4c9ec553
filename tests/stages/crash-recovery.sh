# SIGKILL during uploads, publishing and webhook deliveries: no accepted write is lost. KILLS is the number of kills.
build
export TENON_RATE_LIMITS=off
account author "$work/uploads"
python3 tests/crash_recovery/uploads.py "$tenon" "$work/uploads" author@acme.test "$password" "${KILLS:-20}"
account admin "$work/publishing"
# Short leases and retry delays, so that interrupted jobs run again soon. The webhook receiver listens on loopback.
TENON_TIMEOUT_SCALE=0.1 TENON_ALLOW_PRIVATE_NETWORKS=on \
  python3 tests/crash_recovery/publishing.py "$tenon" "$work/publishing" admin@acme.test "$password" "${KILLS:-20}"
