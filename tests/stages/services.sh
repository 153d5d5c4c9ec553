# Functions for the stages: install tools, start and stop servers.

# Stops the processes that the stage has not stopped.
stop_services() {
  local pid
  # If no file matches, the loop runs once with the pattern, and `kill` fails.
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

apt_install() {
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Prints the output of a command only if it fails.
quietly() {
  local log; log=$(mktemp "$work/log.XXXXXX")
  if ! "$@" > "$log" 2>&1; then cat "$log"; echo "failed: $*" >&2; return 1; fi
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

postgres_bin() {
  # An installation of the client alone has a folder without initdb.
  { ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null || true; } | sort -V | tail -n 1 | sed 's|/initdb$||'
}

# PostgreSQL does not start as root. Its user may have no access to the current folder.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then (cd / && setpriv --reuid=postgres --regid=postgres --clear-groups "$@"); else "$@"; fi
}

# Starts PostgreSQL, once per run; sets $postgres_url.
postgres() {
  if [ -z "$(postgres_bin)" ]; then
    apt_install postgresql
    # The package may start a server.
    as_root service postgresql stop >/dev/null 2>&1 || true
  fi
  local bin; bin=$(postgres_bin)
  [ -n "$bin" ] || { echo "PostgreSQL is not installed: no initdb below /usr/lib/postgresql" >&2; return 1; }
  local folder=$work/postgres
  if [ ! -f "$folder/port" ]; then
    mkdir -p "$folder"
    if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; fi
    local port; port=$(free_port)
    as_postgres "$bin/initdb" -D "$folder/data" -U tenon -A trust -E UTF8 --no-locale >/dev/null
    # In the file, so that ALTER SYSTEM can set another value.
    echo "fsync = off" >> "$folder/data/postgresql.conf"
    as_postgres "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/log" -o "-p $port -c listen_addresses=127.0.0.1 \
      -c unix_socket_directories= -c max_connections=400" start >/dev/null
    echo "$port" > "$folder/port"
  fi
  postgres_url=postgres://tenon@127.0.0.1:$(cat "$folder/port")/postgres
}

# Creates an empty database on that server; sets $database_url.
fresh_database() {
  postgres
  local name=t$RANDOM$RANDOM
  "$(postgres_bin)/psql" -q "$postgres_url" -c "CREATE DATABASE $name"
  database_url=${postgres_url%/postgres}/$name
}

tenon=$root/target/debug/tenon

# Builds the program, unless TENON names one, for example a release build. Builds the tests too: they enable more features of
# some dependencies, which would otherwise be compiled twice.
build() {
  if [ -n "${TENON:-}" ]; then tenon=$TENON; else cargo build --quiet --workspace --bins --tests; fi
}

# Records a process, so that it is stopped at the end of the stage.
track_process() { mkdir -p "$work/pids"; : > "$work/pids/$1"; }

# Starts the server with the data folder $1 and further arguments; sets $url, $address and $service (its process id).
serve() {
  local folder=$1; shift
  mkdir -p "$folder"
  "$tenon" serve --listen 127.0.0.1:0 --data-dir "$folder" "$@" > "$folder/out" 2> "$folder/log" &
  service=$!
  track_process "$service"
  for _ in $(seq 200); do
    url=$(sed -n 's/.* listening on \(http:[^ ]*\)$/\1/p' "$folder/log")
    if [ -n "$url" ]; then address=${url#http://}; return 0; fi
    kill -0 "$service" 2>/dev/null || break
    sleep 0.1
  done
  echo "the server did not start:" >&2; cat "$folder/out" "$folder/log" >&2
  return 1
}

stop() {
  kill "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
  # The process id can be reused.
  rm -f "$work/pids/$1"
}

# Creates or resets the account of role $1 in the data folder $2, with further arguments; its password is $password.
password='correct horse battery'
account() {
  local role=$1 folder=$2; shift 2
  printf %s "$password" | "$tenon" user create --email "$role@acme.test" --name "The $role" --role "$role" \
    --password-stdin --data-dir "$folder" "$@" >/dev/null
}

# Prints an access token of the account of role $1 at $url.
token() {
  python3 - "$url" "$1@acme.test" "$password" <<'PY'
import json, sys, urllib.request
url, email, password = sys.argv[1:]
body = json.dumps({"email": email, "password": password}).encode()
request = urllib.request.Request(url + "/api/auth/login", body, {"Content-Type": "application/json"})
print(json.load(urllib.request.urlopen(request, timeout=20))["accessToken"])
PY
}

# Installs the npm packages of folder $1, once per content of its package.json; sets $modules.
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

# Installs the packages of a list, by default tests/requirements.txt, once per content of that file; sets $venv.
python_tools() {
  local list=$root/${1:-tests/requirements.txt}
  local hash; hash=$(sha256sum "$list" | cut -c1-16)
  venv=$tools/python-$hash
  if [ ! -f "$venv/.done" ]; then
    # On Debian, venv is a separate package.
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$list"
    touch "$venv/.done"
  fi
}
