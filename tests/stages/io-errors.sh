# EIO at the n-th read, write and sync of the database: no acknowledged write is lost, and the process exits. FAULTS is the
# largest n.
build
export TENON_RATE_LIMITS=off
cc -shared -fPIC -O1 -o "$work/io_errors.so" tests/crash_recovery/io_errors.c -ldl
account author "$work/io-errors"
python3 tests/crash_recovery/io_errors.py "$tenon" "$work/io-errors" author@acme.test "$password" \
  "$work/io_errors.so" "${FAULTS:-30}"
