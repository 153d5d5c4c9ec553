# Power cuts during writes, with unsynced bytes dropped or torn: no acknowledged write is lost. CUTS is their number.
build
export TENON_RATE_LIMITS=off
cc -shared -fPIC -O1 -o "$work/power_cut.so" tests/crash_recovery/power_cut.c -ldl
account author "$work/power-cut"
python3 tests/crash_recovery/power_cut.py "$tenon" "$work/power-cut" author@acme.test "$password" \
  "$work/power_cut.so" "${CUTS:-30}"
