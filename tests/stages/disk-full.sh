# A full disk, in steps of 4 KiB of free space. STEPS is their number. Mounts a file system in memory, so it runs as root.
build
export TENON_RATE_LIMITS=off
mkdir -p "$work/disk"
# A step stores up to STEPS + 20 posts of 10 KiB.
steps=${STEPS:-40}
as_root mount -t tmpfs -o "size=$((256 + steps * steps / 128))m,uid=$(id -u)" tmpfs "$work/disk"
trap 'stop_services; as_root umount -l "$work/disk"' EXIT
account author "$work/disk/data"
python3 tests/crash_recovery/disk_full.py "$tenon" "$work/disk/data" author@acme.test "$password" "$steps"
