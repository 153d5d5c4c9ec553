# TLS to PostgreSQL: each sslmode, against a server of its own with a certificate of a private authority.
build
postgres
folder=$work/postgres-tls
mkdir -p "$folder"
(
  cd "$folder"
  # Two authorities: the one of the server, and another one.
  for name in ca other; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$name" \
      -addext basicConstraints=critical,CA:TRUE -keyout $name.key -out $name.crt 2>/dev/null
  done
  # Signs the certificate $1 with the subject $2 and the extensions $3.
  sign() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$2" -keyout "$1.key" -out "$1.csr" 2>/dev/null
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out "$1.crt" \
      -extfile <(printf '%s\n' "$3") 2>/dev/null
  }
  sign server /CN=localhost subjectAltName=DNS:localhost
  sign client /CN=tenon extendedKeyUsage=clientAuth
  chmod 600 ./*.key
)
if [ "$(id -u)" = 0 ]; then chown -R postgres "$folder"; fi
bin=$(postgres_bin)
as_postgres "$bin/initdb" -D "$folder/data" -U tenon -A trust -E UTF8 --no-locale >/dev/null
cat > "$folder/data/pg_hba.conf" <<'HBA'
# The database certificates requires a client certificate.
hostssl certificates all all cert
host all all all scram-sha-256
HBA
port=$(free_port)
stop_tls() { as_postgres "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true; }
trap 'stop_tls; stop_services' EXIT
# Single-user mode needs no authentication.
echo "ALTER USER tenon PASSWORD 'geheim-passwort'" | as_postgres "$bin/postgres" --single -D "$folder/data" postgres >/dev/null 2>&1
echo "CREATE DATABASE certificates" | as_postgres "$bin/postgres" --single -D "$folder/data" postgres >/dev/null 2>&1
as_postgres "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/log" -o "-p $port -c listen_addresses=127.0.0.1 \
  -c unix_socket_directories=$folder -c fsync=off -c ssl=on -c ssl_cert_file=$folder/server.crt \
  -c ssl_key_file=$folder/server.key -c ssl_ca_file=$folder/ca.crt" start >/dev/null || { cat "$folder/log"; false; }

# The client reads the files as this user.
for file in ca.crt other.crt client.crt client.key; do install -m 600 "$folder/$file" "$work/$file"; done
url() { printf 'postgres://tenon:geheim-passwort@%s:%s/%s?%s' "$1" "$port" "$2" "$3"; }

# Runs a command with the database $1; its output is in $output.
run() {
  local url=$1; shift
  output=$(TENON_DATABASE_URL=$url "$tenon" "$@" --data-dir "$folder-data" 2>&1)
}
accepted() {
  run "$1" migrate up || { echo "must be accepted: $1"; echo "$output"; false; }
}
# The connection with the URL $1 is rejected with a message that contains the other arguments, and never the password.
rejected() {
  local url=$1; shift
  if run "$url" migrate up; then echo "must be rejected: $url"; false; fi
  for text in "$@" 'cannot connect to PostgreSQL at'; do
    case $output in *"$text"*) ;; *) echo "no '$text' in: $output"; false;; esac
  done
  case $output in *geheim*) echo "the password is printed: $output"; false;; esac
}

ca="sslrootcert=$work/ca.crt"
accepted "$(url localhost postgres sslmode=disable)"
accepted "$(url localhost postgres sslmode=prefer)"
accepted "$(url localhost postgres sslmode=require)"
accepted "$(url localhost postgres "sslmode=verify-ca&$ca")"
accepted "$(url localhost postgres "sslmode=verify-full&$ca")"
# The certificate names localhost only.
accepted "$(url 127.0.0.1 postgres "sslmode=verify-ca&$ca")"
rejected "$(url 127.0.0.1 postgres "sslmode=verify-full&$ca")" 'Check the host in database_url: sslmode=verify-full'
for mode in verify-ca verify-full; do
  rejected "$(url localhost postgres "sslmode=$mode&sslrootcert=$work/other.crt")" 'Check sslrootcert in database_url'
  # The authorities of the public web.
  rejected "$(url localhost postgres "sslmode=$mode")" 'Check sslrootcert in database_url'
  rejected "$(url localhost postgres "sslmode=$mode&sslrootcert=$work/missing.crt")" 'a file does not exist'
done
# A client certificate.
rejected "$(url localhost certificates "sslmode=verify-full&$ca")" 'certificate'
accepted "$(url localhost certificates "sslmode=verify-full&$ca&sslcert=$work/client.crt&sslkey=$work/client.key")"
# The tools for backups get the same parameters.
run "$(url localhost postgres "sslmode=verify-full&$ca")" backup "$work/tls.tar" || { echo "$output"; false; }
if run "$(url localhost postgres "sslmode=verify-full&sslrootcert=$work/other.crt")" backup "$work/no.tar"; then false; fi
# The connection is encrypted.
encrypted=$(PGPASSWORD=geheim-passwort "$bin/psql" -At "host=localhost port=$port user=tenon dbname=postgres sslmode=verify-full $ca" \
  -c 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
[ "$encrypted" = t ]
# A server without TLS.
rejected "${postgres_url/127.0.0.1/localhost}?sslmode=verify-full&$ca" 'Check sslmode in database_url'
echo "all modes have the expected result"
