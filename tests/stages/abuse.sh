# Slow, flooding and malformed clients: meanwhile, requests of a regular client succeed and memory use is bounded.
# P99 is the maximum latency of that client in milliseconds. The default is high, because other programs may use the
# machine.
build
export TENON_RATE_LIMITS=off TENON_TIMEOUT_SCALE=0.1
serve "$work/abuse"
account editor "$work/abuse"
python3 tests/abuse/fill.py "$url" "$(token editor)"
python3 tests/abuse/abuse.py "$address" "$service" "/api/posts?limit=10&fields=content" --p99 "${P99:-2000}"
stop "$service"
# The scenarios of a server that is out of file descriptors. It raises its soft limit, so its hard limit is set.
printf '#!/bin/sh\nulimit -n 256\nexec "%s" "$@"\n' "$tenon" > "$work/limited"
chmod +x "$work/limited"
program=$tenon
tenon=$work/limited
serve "$work/descriptors"
tenon=$program
python3 tests/abuse/abuse.py "$address" "$service" /openapi.json --descriptors
stop "$service"
