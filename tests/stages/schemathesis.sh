# Property-based tests of a running server against its OpenAPI document: anonymous, with each role and with an API key.
# EXAMPLES is the number of cases per operation and phase, PHASES the list of phases.
build
python_tools
postgres
export TENON_RATE_LIMITS=off PYTHONDONTWRITEBYTECODE=1
scopes=posts:read,posts:write,comments:read,comments:write,documents:read,documents:write,tags:read,tags:write
# schemathesis writes files to its current folder.
mkdir -p "$work/schemathesis"
cp tests/schemathesis/hooks.py tests/schemathesis/schemathesis.toml "$work/schemathesis/"
: > "$work/failures"

test_contract() { # test_contract NAME [TOKEN]
  local name=$1 token=${2:-} log=$work/schemathesis-$1.log begin=$SECONDS phases examples=${EXAMPLES:-10}
  # The phase `coverage` runs for the callers with most permissions. For the others it would repeat the same checks.
  case $name in
    *-reader | *-author | *-accountant | sqlite-key)
      phases=examples,fuzzing,stateful
      examples=$(( (examples + 2) / 3 )) ;;
    *) phases=examples,coverage,fuzzing,stateful ;;
  esac
  # Excluded: the event stream does not end, webhooks need a signature (stage webhooks), and a schema cannot describe
  # the bytes of an image (tests/api/media.rs).
  local arguments=(--exclude-operation-id eventsStream --exclude-operation-id-regex '^webhookEventsReceive')
  arguments+=(--exclude-operation-id mediaUpload)
  # Excluded too: these end the session of the test or change its password.
  if [ -n "$token" ]; then
    arguments+=(-H "Authorization: Bearer $token" --exclude-operation-id sessionsLogout --exclude-operation-id meUpdate)
  fi
  if (cd "$work/schemathesis" && PYTHONPATH=. TOKEN=$token "$venv/bin/schemathesis" --config-file schemathesis.toml \
    run "$url/openapi.json" --checks all --phases "${PHASES:-$phases}" \
    --max-examples "$examples" --seed 1 --continue-on-failure --suppress-health-check too_slow --warnings off --no-color \
    --generation-database none "${arguments[@]}" > "$log" 2>&1); then
    echo "$name: $(grep -oE '[0-9]+ generated, [0-9]+ passed.*' "$log") ($((SECONDS - begin)) s)"
  else
    cp "$log" "$root/target/"
    grep -vE '^\s*$' "$log" | tail -n 80
    echo "target/$(basename "$log")" >> "$work/failures"
  fi
}

test_callers() { # test_callers NAME "ROLES" [ARGUMENT OF tenon …]
  local name=$1 roles=$2 folder=$work/server-$1; shift 2
  serve "$folder" "$@"
  test_contract "$name-anonymous"
  for role in $roles; do
    account "$role" "$folder" "$@"
    test_contract "$name-$role" "$(token "$role")"
  done
  # The run of the admin may have changed any account.
  account admin "$folder" "$@"
  test_contract "$name-key" "$("$tenon" api-key create --name schemathesis --scopes "$scopes" --owner admin@acme.test --data-dir "$folder" "$@")"
  stop "$service"
}

# In parallel, because schemathesis has one thread.
fresh_database
test_callers sqlite "reader author editor accountant admin" & sqlite=$!
# Fewer cases and roles on PostgreSQL: only differences between the databases matter here.
EXAMPLES=$(( (${EXAMPLES:-10} + 2) / 3 )) test_callers postgres "editor admin" --database-url "$database_url" & postgres=$!
exit_code=0
wait "$sqlite" || exit_code=1
wait "$postgres" || exit_code=1
if [ "$exit_code" = 1 ]; then echo "a server or schemathesis did not start"; exit 1; fi
if [ -s "$work/failures" ]; then echo "contract violations: see $(paste -sd ' ' "$work/failures")"; exit 1; fi
