# Instances are replaced under load, behind a proxy that polls /readyz: no request fails. DEPLOYS is the number of
# replacements, RATE the number of requests per second.
build
export TENON_RATE_LIMITS=off TENON_TRUSTED_PROXIES=127.0.0.1 PYTHONPATH=tests/crash_recovery
account author "$work/deploys"
python3 tests/drills/deploys.py "$tenon" "$work/deploys" author@acme.test "$password" "${DEPLOYS:-5}" "${RATE:-500}"
