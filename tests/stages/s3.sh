# Images in an S3 bucket: upload, ranges, variants and deletes; a failed upload with wrong credentials; a scheduled backup
# in the bucket, which is restored.
build
npm_tools tests/s3
s3=$work/s3
mkdir -p "$s3/bucket"
port=$(free_port)
s3rver --directory "$s3/bucket" --address 127.0.0.1 --port "$port" --silent --configure-bucket images \
  > "$s3/log" 2>&1 &
track_process $!
for _ in $(seq 100); do
  python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null && break
  sleep 0.1
done
export TENON_S3_ENDPOINT=http://127.0.0.1:$port TENON_S3_BUCKET=images TENON_S3_ACCESS_KEY=S3RVER
export TENON_S3_SECRET_KEY=S3RVER TENON_RATE_LIMITS=off
serve "$s3/data"
account author "$s3/data"
python3 tests/s3/images.py accepted "$url" "$(token author)" "$s3/bucket" "$s3/data/media"
stop "$service"
TENON_S3_ACCESS_KEY=unknown serve "$s3/data"
python3 tests/s3/images.py rejected "$url" "$(token author)" "$s3/bucket" "$s3/data/media"
stop "$service"
TENON_BACKUP_SCHEDULE=24h TENON_BACKUP_S3_PREFIX=backups serve "$s3/data"
for _ in $(seq 200); do
  stored=$(find "$s3/bucket" -path '*/backups/tenon-*.tar._S3rver_object' -size +0 | head -n 1)
  if [ -n "$stored" ]; then break; fi
  sleep 0.1
done
[ -n "$stored" ] || { echo "the bucket has no scheduled backup" >&2; cat "$s3/data/log" >&2; exit 1; }
TENON_BACKUP_SCHEDULE=24h TENON_BACKUP_S3_PREFIX=backups "$tenon" doctor --data-dir "$s3/data"
stop "$service"
mkdir "$s3/restored"
cp "$s3/data/secret.key" "$s3/restored/"
cp "$stored" "$s3/backup.tar"
"$tenon" restore "$s3/backup.tar" --data-dir "$s3/restored" | grep -q "author author@acme.test (active)"
