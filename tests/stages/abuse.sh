# Slow, flooding and malformed clients: meanwhile, requests of a regular client succeed and memory use is bounded.
# P99 is the maximum latency of that client in milliseconds. The default is high, because other programs may use the
# machine. SCALE is the part of the timeouts that the server waits, ONLY the name of a scenario.
build
scale=${SCALE:-0.1}
export TENON_RATE_LIMITS=off TENON_TIMEOUT_SCALE=$scale
serve "$work/abuse"
account editor "$work/abuse"
python3 tests/abuse/fill.py "$url" "$(token editor)"
python3 tests/abuse/abuse.py "$address" "$service" "/api/posts?limit=10&fields=content" --p99 "${P99:-2000}" \
  --scale "$scale" ${ONLY:+--only "$ONLY"}
stop "$service"
[ -z "${ONLY:-}" ] || return 0
# The scenarios of a server that is out of file descriptors. It raises its soft limit, so its hard limit is set.
printf '#!/bin/sh\nulimit -n 256\nexec "%s" "$@"\n' "$tenon" > "$work/limited"
chmod +x "$work/limited"
program=$tenon
tenon=$work/limited
serve "$work/descriptors"
tenon=$program
python3 tests/abuse/abuse.py "$address" "$service" /openapi.json --descriptors --scale "$scale"
stop "$service"
