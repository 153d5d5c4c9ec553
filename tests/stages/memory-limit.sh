# The server in a memory cgroup of LIMIT_MIB MiB: CONNECTIONS connections, UPLOADS uploads of large images and bursts of exports
# cause no OOM kill, and the memory returns. Requires root.
build
export TENON_RATE_LIMITS=off PYTHONPATH=tests/crash_recovery
account admin "$work/memory"
cgroup=/sys/fs/cgroup/tenon-tests-$$ limit_file=memory.max
if [ -d /sys/fs/cgroup/memory ]; then cgroup=/sys/fs/cgroup/memory/tenon-tests-$$ limit_file=memory.limit_in_bytes; fi
mkdir "$cgroup"
trap 'stop_services; rmdir "$cgroup" || true' EXIT
echo $((${LIMIT_MIB:-512} << 20)) > "$cgroup/$limit_file"
# Without swap, where the kernel counts it.
for file in memory.memsw.limit_in_bytes memory.swap.max; do
  if [ -f "$cgroup/$file" ]; then
    if [ "$file" = memory.swap.max ]; then echo 0; else echo $((${LIMIT_MIB:-512} << 20)); fi > "$cgroup/$file"
  fi
done
# The commands of the stage remain outside.
printf '#!/bin/sh\necho $$ > "%s/cgroup.procs"\nexec "%s" "$@"\n' "$cgroup" "$tenon" > "$work/limited"
chmod +x "$work/limited"
python3 tests/drills/memory_limit.py "$work/limited" "$work/memory" admin@acme.test "$password" "$cgroup" \
  "${CONNECTIONS:-5000}" "${UPLOADS:-200}" "${IDLE_MIB:-64}" "${GROWTH_MIB:-64}"
