# Slow, greedy and broken clients: honest requests keep being answered, and memory stays where it is.
build
export TENON_RATE_LIMITS=off TENON_TIMEOUT_SCALE=0.1
serve "$work/attacks"
account editor "$work/attacks"
python3 tests/attacks/attacks.py "$address" "$service" /openapi.json
stop "$service"
