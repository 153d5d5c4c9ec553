# A full disk, in steps of 4 KiB of free space. STEPS is their number. Mounts a file system in memory, so it runs as root.
build
export TENON_RATE_LIMITS=off
mkdir -p "$work/disk"
as_root mount -t tmpfs -o "size=512m,uid=$(id -u)" tmpfs "$work/disk"
trap 'stop_services; as_root umount -l "$work/disk"' EXIT
account author "$work/disk/data"
python3 tests/crash_recovery/disk_full.py "$tenon" "$work/disk/data" author@acme.test "$password" "${STEPS:-40}"
