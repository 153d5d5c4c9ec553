# The running service against its document, as everybody who may come: nothing it answers surprises.
# EXAMPLES sets how hard it tries.
build
python_tools
export TENON_RATE_LIMITS=off PYTHONDONTWRITEBYTECODE=1

probe() { # probe NAME [TOKEN]
  local name=$1 token=${2:-} log=$work/schemathesis-$1.log
  local header=()
  # Ending one's own session, or changing what one signs in with, would end the test.
  if [ -n "$token" ]; then
    header=(-H "Authorization: Bearer $token" --exclude-operation-id sessionsLogout --exclude-operation-id mePatch)
  fi
  if ! (cd tests/schemathesis && PYTHONPATH=. TESTER=$token "$venv/bin/schemathesis" --config-file schemathesis.toml \
    run "$url/openapi.json" --checks all --phases examples,coverage,fuzzing,stateful \
    --max-examples "${EXAMPLES:-10}" --seed 1 --continue-on-failure --warnings off --no-color \
    --generation-database none "${header[@]}" > "$log" 2>&1); then
    cp "$log" "$root/target/"
    grep -vE '^\s*$' "$log" | tail -n 80
    echo "schemathesis as $name found something: see target/$(basename "$log")"
    return 1
  fi
  echo "$name: $(grep -oE '[0-9]+ generated, [0-9]+ (passed|found).*' "$log")"
}

house() { # house NAME, with further arguments for tenon
  local folder=$work/house-$1; shift
  serve "$folder" "$@"
  for role in reader author editor accountant admin; do account "$role" "$folder" "$@"; done
}

scopes=posts:read,posts:write,comments:read,comments:write,docs:read,docs:write,tags:read,tags:write

house sqlite
probe anonymous
for role in reader author editor accountant admin; do
  # Each starts with accounts of its own making: an admin may have changed or removed any of them.
  for other in reader author editor accountant admin; do account "$other" "$work/house-sqlite"; done
  probe "$role" "$(token "$role")"
done
account admin "$work/house-sqlite"
key=$("$tenon" key create --name tester --scopes "$scopes" --owner admin@acme.test --data-dir "$work/house-sqlite")
probe key "$key"
stop "$service"

fresh_database
house postgres --database-url "$database_url"
probe postgres-anonymous
probe postgres-editor "$(token editor)"
account admin "$work/house-postgres" --database-url "$database_url"
probe postgres-admin "$(token admin)"
stop "$service"
