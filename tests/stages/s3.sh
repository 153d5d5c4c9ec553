# Pictures in a bucket of an S3 server: kept, shown, made smaller, taken away; and one that does not know the caller
# keeps nothing.
build
npm_tools tests/s3
s3=$work/s3
mkdir -p "$s3/service"
port=$(free_port)
s3rver --directory "$s3/service" --address 127.0.0.1 --port "$port" --silent --configure-bucket pictures \
  > "$s3/log" 2>&1 &
started $!
for _ in $(seq 100); do
  python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null && break
  sleep 0.1
done
export TENON_S3_ENDPOINT=http://127.0.0.1:$port TENON_S3_BUCKET=pictures TENON_S3_ACCESS_KEY=S3RVER
export TENON_S3_SECRET_KEY=S3RVER TENON_RATE_LIMITS=off
serve "$s3/site"
account author "$s3/site"
python3 tests/s3/images.py kept "$url" "$(token author)" "$s3/service" "$s3/site/media"
stop "$service"
TENON_S3_ACCESS_KEY=nobody serve "$s3/site"
python3 tests/s3/images.py refused "$url" "$(token author)" "$s3/service" "$s3/site/media"
stop "$service"
