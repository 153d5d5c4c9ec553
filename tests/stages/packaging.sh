# The container image, the Compose file and the systemd unit, as far as they can be checked without pulling images.
# Starts the server under the restrictions of the image and of the unit: a read-only root, uid 65534, no capabilities.
build
python_tools tests/packaging/requirements.txt
"$venv/bin/hadolint" --config tests/packaging/hadolint.yaml Dockerfile
"$venv/bin/check-jsonschema" --builtin-schema vendor.compose-spec compose.yaml
if docker compose version >/dev/null 2>&1; then
  POSTGRES_PASSWORD=x S3_SECRET_KEY=x docker compose config --quiet
fi
[ -x /usr/bin/systemd-analyze ] || apt_install systemd
[ -x /usr/bin/strace ] || apt_install strace
# Of 100. An unrestricted service has 96.
systemd-analyze security --offline=true --threshold=15 --no-pager contrib/tenon.service >/dev/null
# The command of the unit must exist.
sed "s|/usr/local/bin/tenon|$tenon|" contrib/tenon.service > "$work/tenon.service"
systemd-analyze verify "$work/tenon.service"

folder=$work/packaging
install -d -m 755 "$folder"
install -m 755 "$tenon" "$folder/tenon"
install -d -m 700 "$folder/data"
as_root chown 65534:65534 "$folder/data"
# Mounts of a namespace of its own: the root and the folders of temporary files are read-only, the data folder is not.
cat > "$folder/restricted" <<'SH'
set -eu
for point in /tmp /dev/shm /var/tmp; do mount --bind "$point" "$point"; mount -o remount,bind,ro "$point"; done
mount --bind "$1" "$1"
mount -o remount,bind,rw "$1"
mount -o remount,bind,ro /
cd /
exec setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
  prlimit --nofile=1024:16384 "${@:2}"
SH
restricted() { as_root unshare --mount --propagation private bash "$folder/restricted" "$folder/data" "$@"; }
if restricted touch "$folder/tenon" /tmp/tenon-packaging 2>/dev/null; then echo "the root is writable" >&2; exit 1; fi
port=$(free_port)
trace=$folder/trace
# strace opens it as uid 65534. The server writes nothing to standard output.
: > "$trace"; chmod 666 "$trace"
restricted env "TENON_DATA_DIR=$folder/data" "TMPDIR=$folder/data" "TENON_LISTEN=127.0.0.1:$port" TENON_TIMEOUT_SCALE=0.2 \
  strace -f -qq -o /dev/stdout "$folder/tenon" serve >> "$trace" 2> "$folder/log" &
supervisor=$!
healthy() { TENON_DATA_DIR=$folder/none TENON_LISTEN=127.0.0.1:$port "$tenon" health "$@" >/dev/null 2>&1; }
for _ in $(seq 300); do if healthy --ready; then break; fi; kill -0 "$supervisor" 2>/dev/null || break; sleep 0.1; done
server=$(pgrep -f "^$folder/tenon serve" || true)
[ -z "$server" ] || track_process "$server"
healthy --ready || { echo "the server did not become ready:" >&2; tail -n 20 "$folder/log" >&2; exit 1; }
printf %s "$password" | restricted env "TMPDIR=$folder/data" "$folder/tenon" user create --email admin@acme.test --name Admin --role admin \
  --password-stdin --data-dir "$folder/data" >/dev/null
url=http://127.0.0.1:$port
bearer=$(token admin)
curl -sS --fail-with-body -H "Authorization: Bearer $bearer" -H 'Content-Type: application/json' -d '{"title":"Oak","content":"A tree that is older than its village."}' \
  "$url/api/posts" > "$folder/post" || { cat "$folder/post" >&2; tail -n 5 "$folder/log" >&2; exit 1; }
as_root kill -TERM "$server"
wait "$supervisor"
if healthy; then echo "the server did not stop" >&2; exit 1; fi
python3 tests/packaging/syscalls.py "$trace" contrib/tenon.service
