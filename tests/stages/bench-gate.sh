# Fails if the CPU time of a request to a debug build grows to twice the usual multiple of bare hyper's. CPU times depend
# little on other processes.
command -v sqlite3 >/dev/null || apt_install sqlite3
build
cargo bench --quiet --profile dev --bench whole -- --gate --seconds 1
