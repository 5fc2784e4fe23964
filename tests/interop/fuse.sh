#!/usr/bin/env bash
# The long campaign over FUSE: fsx, fio with verification and pjdfstest on ext4 mounted by `rump mount`, and the same on the
# kernel's own ext4 in the same run; e2fsck judges both images. Needs root and /dev/fuse; of fsx, pjdfstest (`cargo install fsx
# pjdfstest`) and fio, what is missing is left out, which is said. Ends with 1 if anything failed on ours.
# Usage: tests/interop/fuse.sh [RUMP] [OPERATIONS of fsx]
# fsx syncs after each change of mapped memory, which takes a flush of the host's disk, on either side; so a tenth of the operations
# is done that way, and all of them without. It keeps what it maps (0.3.2): each run has 10,000 operations, since with tens of
# thousands of mappings the host's kernel does little but look through them.
set -euo pipefail
cd "$(dirname "$0")/../.."
rump=$(realpath "${1:-target/release/rump}")
operations=${2:-1000000}
folder=$(mktemp -d)
# Paths near the limit of their length are among what pjdfstest makes.
point=$(mktemp -d /mnt/XXX)
failed=0
leave() {
    umount -l "$point" 2>/dev/null || true
    rmdir "$point"
    rm -rf "$folder"
}
trap leave EXIT

printf 'nomsyncafterwrite = true\n' >"$folder/fsx.toml"
cat >"$folder/pjdfstest.toml" <<'TOML'
[features]
posix_fallocate = {}
utimensat = {}
utime_now = {}
[settings]
naptime = 0.001
allow_remount = false
[dummy_auth]
entries = [["nobody", "nogroup"], ["daemon", "daemon"], ["bin", "bin"]]
TOML

# Runs a program, and says how long it took and how it ended; what it printed is shown if it failed.
try() {
    local side=$1 what=$2 begin=$SECONDS status=0
    shift 2
    local program=${1/exercise/fsx}
    if ! command -v "$program" >/dev/null; then
        echo "$side: $what: left out, there is no $program"
        return
    fi
    "$@" >"$folder/out" 2>&1 || status=$?
    echo "$side: $what: status $status after $((SECONDS - begin)) s"
    if [ "$1" = pjdfstest ]; then
        grep -E '^Summary|FAILED$' "$folder/out" || true
    elif [ "$status" != 0 ]; then
        tail -n 40 "$folder/out"
    fi
    [ "$status" = 0 ] || [ "$side" != rump ] || failed=1
}

# Runs of fsx, each with a seed of its own, one after the other: file, operations, further words.
exercise() {
    local file=$1 left=$2 seed=1
    shift 2
    while [ "$left" -gt 0 ]; do
        fsx -q -S "$seed" -N "$((left < 10000 ? left : 10000))" -P "$folder" "$@" "$file" || return
        left=$((left - 10000)) seed=$((seed + 1))
    done
}

for side in rump kernel; do
    image=$folder/$side.img
    truncate -s 1G "$image"
    mke2fs -q -F -t ext4 "$image"
    if [ "$side" = rump ]; then
        "$rump" mount -o dev,suid "$image" "$point"
    else
        mount -o loop "$image" "$point"
    fi
    try "$side" "fsx, $operations operations" exercise "$point/fsx" "$operations" -f "$folder/fsx.toml"
    try "$side" "fsx, $((operations / 10)) operations, synced" exercise "$point/synced" "$((operations / 10))"
    try "$side" "fio" fio --name=verify --directory="$point" --rw=randrw --bs=4k-64k --size=64M --numjobs=4 --fsync=64 \
        --verify=crc32c --verify_fatal=1 --verify_backlog=512 --verify_state_save=0 --ioengine=psync --thread
    mkdir "$point/p"
    try "$side" "pjdfstest" pjdfstest -c "$folder/pjdfstest.toml" -p "$point/p"
    if [ "$side" = rump ]; then
        "$rump" umount "$point"
    else
        umount "$point"
    fi
    try "$side" "e2fsck" e2fsck -fn "$image"
done
exit "$failed"
