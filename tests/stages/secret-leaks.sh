# Secrets in every secret setting and credential, log level trace, requests to all operations, failures, restarts and commands:
# no secret occurs in logs, responses, metrics, traces, the audit log, the database, requests to others or the output of
# commands.
build
# PostgreSQL admits the account with any password.
fresh_database
database=${database_url##*/} port=${database_url%/*}
fresh_database
PYTHONPATH=tests/crash_recovery PATH=$PATH:$(postgres_bin) TMPDIR=$work python3 tests/drills/secret_leaks.py "$tenon" \
  "$work/secrets" admin@acme.test "$password" "${port##*:}" "$database" "${database_url##*/}"
