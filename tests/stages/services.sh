# What stages install, start and stop.

# Ends every service that a stage has left behind.
stop_services() {
  local pid
  # Without one, the star stands for itself.
  for pid in "$work"/pids/*; do kill "$(basename "$pid")" 2>/dev/null || true; done
  rm -rf "$work/pids"
}

stop_postgres() {
  if [ -d "$work/postgres/data" ]; then
    as_postgres "$(postgres_bin)/pg_ctl" -D "$work/postgres/data" -m immediate stop >/dev/null 2>&1
  fi
  return 0
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

debian() {
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# What a command says matters only when it fails.
quietly() {
  local log; log=$(mktemp "$work/log.XXXXXX")
  if ! "$@" > "$log" 2>&1; then cat "$log"; echo "failed: $*" >&2; return 1; fi
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

postgres_bin() {
  # Where only its client is installed, there is a folder without these.
  { ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null || true; } | sort -V | tail -n 1 | sed 's|/initdb$||'
}

# PostgreSQL does not run as root, and its user may not be allowed into this folder.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then (cd / && setpriv --reuid=postgres --regid=postgres --clear-groups "$@"); else "$@"; fi
}

# Starts PostgreSQL once a run; its address is in $postgres_url.
postgres() {
  if [ -z "$(postgres_bin)" ]; then
    debian postgresql
    # The package may have started a server of its own.
    as_root service postgresql stop >/dev/null 2>&1 || true
  fi
  local bin; bin=$(postgres_bin)
  [ -n "$bin" ] || { echo "PostgreSQL could not be installed" >&2; return 1; }
  local folder=$work/postgres
  if [ ! -f "$folder/port" ]; then
    mkdir -p "$folder"
    if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; fi
    local port; port=$(free_port)
    as_postgres "$bin/initdb" -D "$folder/data" -U tenon -A trust -E UTF8 --no-locale >/dev/null
    as_postgres "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/log" -o "-p $port -c listen_addresses=127.0.0.1 \
      -c unix_socket_directories= -c fsync=off -c max_connections=400" start >/dev/null
    echo "$port" > "$folder/port"
  fi
  postgres_url=postgres://tenon@127.0.0.1:$(cat "$folder/port")/postgres
}

# A new, empty database on that server; its address is in $database_url.
fresh_database() {
  postgres
  local name=t$RANDOM$RANDOM
  "$(postgres_bin)/psql" -q "$postgres_url" -c "CREATE DATABASE $name"
  database_url=${postgres_url%/postgres}/$name
}

tenon=$root/target/debug/tenon

# With the tests, whose dependencies ask for more of some crates: else these are compiled twice.
build() {
  cargo build --quiet --workspace --bins --tests
}

# Notes a process, so that it ends with the stage.
started() { mkdir -p "$work/pids"; : > "$work/pids/$1"; }

# Starts the service in folder $1 with further arguments; sets $url, $address and $service.
serve() {
  local folder=$1; shift
  mkdir -p "$folder"
  "$tenon" serve --listen 127.0.0.1:0 --data-dir "$folder" "$@" > "$folder/out" 2> "$folder/log" &
  service=$!
  started "$service"
  for _ in $(seq 200); do
    url=$(sed -n 's/^listening on //p' "$folder/out")
    if [ -n "$url" ]; then address=${url#http://}; return 0; fi
    kill -0 "$service" 2>/dev/null || break
    sleep 0.1
  done
  echo "the service did not start:" >&2; cat "$folder/out" "$folder/log" >&2
  return 1
}

stop() {
  kill "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
  # Its number may belong to another process soon.
  rm -f "$work/pids/$1"
}

# Makes an account of role $1 in folder $2 (and the same further arguments); its password is $password.
password='correct horse battery'
account() {
  local role=$1 folder=$2; shift 2
  printf %s "$password" | "$tenon" user create --email "$role@acme.test" --name "The $role" --role "$role" \
    --password-stdin --data-dir "$folder" "$@" >/dev/null
}

# An access token of role $1 at $url.
token() {
  python3 - "$url" "$1@acme.test" "$password" <<'PY'
import json, sys, urllib.request
url, email, password = sys.argv[1:]
body = json.dumps({"email": email, "password": password}).encode()
request = urllib.request.Request(url + "/api/auth/login", body, {"Content-Type": "application/json"})
print(json.load(urllib.request.urlopen(request, timeout=20))["accessToken"])
PY
}

# npm packages of the folder $1, installed once for each state of its package.json; sets $modules.
npm_tools() {
  local name=$1
  local hash; hash=$(sha256sum "$root/$name/package.json" | cut -c1-16)
  modules=$tools/npm-$hash
  if [ ! -f "$modules/.done" ]; then
    rm -rf "$modules"
    mkdir -p "$modules"
    cp "$root/$name/package.json" "$modules/"
    (cd "$modules" && npm install --no-package-lock --no-audit --no-fund --loglevel=error --ignore-scripts >/dev/null)
    touch "$modules/.done"
  fi
  PATH=$modules/node_modules/.bin:$PATH
}

# PyPI packages, installed once for each state of tests/requirements.txt.
python_tools() {
  local hash; hash=$(sha256sum "$root/tests/requirements.txt" | cut -c1-16)
  venv=$tools/python-$hash
  if [ ! -f "$venv/.done" ]; then
    # Debian keeps these apart from Python itself.
    python3 -c 'import ensurepip, venv' 2>/dev/null || debian python3-venv
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$root/tests/requirements.txt"
    touch "$venv/.done"
  fi
}
