# The running service against its document, as everybody who may come: nothing it answers surprises.
# EXAMPLES sets how hard it tries, PHASES in which ways.
build
python_tools
postgres
export TENON_RATE_LIMITS=off PYTHONDONTWRITEBYTECODE=1
scopes=posts:read,posts:write,comments:read,comments:write,documents:read,documents:write,tags:read,tags:write
# It keeps notes where it runs.
mkdir -p "$work/tester"
cp tests/schemathesis/hooks.py tests/schemathesis/schemathesis.toml "$work/tester/"
: > "$work/surprises"

probe() { # probe NAME [TOKEN]
  local name=$1 token=${2:-} log=$work/schemathesis-$1.log begin=$SECONDS phases examples=${EXAMPLES:-10}
  # Every edge of every bound is tried by those who may do most, and by keys on one of the databases; for the others
  # it is the same check again, with fewer tries.
  case $name in
    *-reader | *-author | *-accountant | sqlite-key)
      phases=examples,fuzzing,stateful
      examples=$(( (examples + 2) / 3 )) ;;
    *) phases=examples,coverage,fuzzing,stateful ;;
  esac
  # A stream of events has no end to wait for, nobody but a provider can sign a webhook (the stage webhooks does), and
  # no schema says how to make a picture (the tests of uploads do).
  local header=(--exclude-operation-id eventsStream --exclude-operation-id webhookEventsReceiveStripe)
  header+=(--exclude-operation-id webhookEventsReceiveGithub --exclude-operation-id webhookEventsReceivePaypal)
  header+=(--exclude-operation-id mediaUpload)
  # Ending one's own session, or changing what one signs in with, would end the test.
  if [ -n "$token" ]; then
    header+=(-H "Authorization: Bearer $token" --exclude-operation-id sessionsLogout --exclude-operation-id meUpdate)
  fi
  if (cd "$work/tester" && PYTHONPATH=. TESTER=$token "$venv/bin/schemathesis" --config-file schemathesis.toml \
    run "$url/openapi.json" --checks all --phases "${PHASES:-$phases}" \
    --max-examples "$examples" --seed 1 --continue-on-failure --suppress-health-check too_slow --warnings off --no-color \
    --generation-database none "${header[@]}" > "$log" 2>&1); then
    echo "$name: $(grep -oE '[0-9]+ generated, [0-9]+ passed.*' "$log") ($((SECONDS - begin)) s)"
  else
    cp "$log" "$root/target/"
    grep -vE '^\s*$' "$log" | tail -n 80
    echo "target/$(basename "$log")" >> "$work/surprises"
  fi
}

house() { # house NAME "ROLES", with further arguments for tenon
  local name=$1 roles=$2 folder=$work/house-$1; shift 2
  serve "$folder" "$@"
  probe "$name-anonymous"
  for role in $roles; do
    account "$role" "$folder" "$@"
    probe "$name-$role" "$(token "$role")"
  done
  # The admin before may have changed any account, its own too.
  account admin "$folder" "$@"
  probe "$name-key" "$("$tenon" api-key create --name tester --scopes "$scopes" --owner admin@acme.test --data-dir "$folder" "$@")"
  stop "$service"
}

# Both at once: the tester has one thread for each.
fresh_database
house sqlite "reader author editor accountant admin" & one=$!
# The same contract on the other database: what differs between them shows in fewer tries, and to fewer.
EXAMPLES=$(( (${EXAMPLES:-10} + 2) / 3 )) house postgres "editor admin" --database-url "$database_url" & other=$!
broken=0
wait "$one" || broken=1
wait "$other" || broken=1
if [ "$broken" = 1 ]; then echo "a service or the tester did not start"; exit 1; fi
if [ -s "$work/surprises" ]; then echo "it was surprised; see $(paste -sd ' ' "$work/surprises")"; exit 1; fi
