# Backups under RATE writes per second contain every write that was acknowledged before their start, and can be restored.
# SIGKILL during a backup leaves the previous file, and during a restore the previous database or its files. BACKUPS is the
# number of backups, KILLS of kills of each command, POSTS of posts at the start.
build
# Killed commands leave temporary folders.
export TMPDIR=$work TENON_RATE_LIMITS=off PYTHONPATH=tests/crash_recovery
account author "$work/backup"
python3 tests/reads/fill.py "$work/backup/tenon.db" "${POSTS:-20000}"
python3 tests/drills/backup_under_load.py "$tenon" "$work/backup" author@acme.test "$password" "${RATE:-500}" \
  "${BACKUPS:-5}" "${KILLS:-50}"
