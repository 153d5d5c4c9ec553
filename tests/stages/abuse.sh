# Slow, greedy and broken clients: honest requests keep being answered, and memory stays where it is. P99 is what they
# may wait at most, in milliseconds: here only so long that nobody starves, as other work may run on the machine.
build
export TENON_RATE_LIMITS=off TENON_TIMEOUT_SCALE=0.1
serve "$work/abuse"
account editor "$work/abuse"
python3 tests/abuse/fill.py "$url" "$(token editor)"
python3 tests/abuse/abuse.py "$address" "$service" "/api/posts?limit=10&fields=content" --p99 "${P99:-2000}"
stop "$service"
# The same with hardly a descriptor to spare.
descriptors=$(ulimit -Sn)
ulimit -Sn 256
serve "$work/descriptors"
ulimit -Sn "$descriptors"
python3 tests/abuse/abuse.py "$address" "$service" /openapi.json --descriptors
stop "$service"
