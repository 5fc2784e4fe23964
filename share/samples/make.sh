#!/bin/sh
# Makes the sample images that `buildrump.sh tests` reads: small trees of our own, packed with gzip, each
# with the listing it must give (SHA-256 and path, sorted). Needs root, mke2fs, sfdisk, mkfs.vfat, mcopy, xorriso and gzip.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export E2FSPROGS_FAKE_TIME=1700000000 LC_ALL=C
uuid=72756d70-0000-4000-8000-00000000000

tree=$work/tree
mkdir -p "$tree/etc" "$tree/deep/er/still"
echo 'Hello from a rump kernel.' > "$tree/hello.txt"
printf 'root:0\nuser:1000\n' > "$tree/etc/names"
: > "$tree/empty"
seq 1 3000 > "$tree/deep/er/still/numbers"
printf 'start' > "$tree/sparse"
truncate -s 300000 "$tree/sparse"
printf 'end' >> "$tree/sparse"
ln -s ../hello.txt "$tree/etc/link"
ln "$tree/hello.txt" "$tree/deep/same-file"
for number in $(seq 1 200); do echo "$number" > "$tree/deep/er/a-file-with-number-$number"; done
find "$tree" -exec touch -h -d @1700000000 {} +

make() { # name, kilobytes, options of mke2fs
    name=$1 size=$2
    shift 2
    truncate -s "${size}K" "$work/$name"
    mke2fs -q -F -E "hash_seed=${uuid}9,root_owner=0:0" -d "$tree" "$@" "$work/$name"
}

pack() { # name
    gzip -9n < "$work/$1" > "$1.img.gz"
    (cd "$tree" && find . -type f | sed 's,^\.,,' | sort | while read -r path; do
        printf '%s  %s\n' "$(sha256sum < ".$path" | cut -d' ' -f1)" "$path"
    done) > "$1.sha256"
}

make ext2-1k 2048 -t ext2 -b 1024 -U "${uuid}1"
make ext4 8192 -t ext4 -U "${uuid}2"
make part 6144 -t ext4 -b 1024 -O ^has_journal -U "${uuid}3"
for scheme in mbr gpt; do
    truncate -s 8M "$work/disk-$scheme"
    label=$scheme type=83
    [ "$scheme" = mbr ] && label=dos
    [ "$scheme" = gpt ] && type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
    {
        echo "label: $label"
        [ "$scheme" = mbr ] && echo 'label-id: 0x72756d70' || echo "label-id: ${uuid}4"
        [ "$scheme" = gpt ] && echo "start=2048, size=12288, type=$type, uuid=${uuid}5" ||
            echo "start=2048, size=12288, type=$type"
    } | sfdisk -q "$work/disk-$scheme"
    dd if="$work/part" of="$work/disk-$scheme" bs=1M seek=1 conv=notrunc status=none
done
# What FAT has no place for is left out of it: names that lead to files, and what is not there in files.
truncate -s 4M "$work/fat"
mkfs.vfat -i 72756d70 -n RUMP "$work/fat" > /dev/null
mcopy -s -m -i "$work/fat" "$tree/hello.txt" "$tree/empty" "$tree/sparse" "$tree/deep" ::
mmd -i "$work/fat" ::etc
mcopy -m -i "$work/fat" "$tree/etc/names" ::etc
xorriso -as mkisofs -quiet -R -J -V RUMP --modification-date=2023111422132000 -o "$work/iso" "$tree"
for name in ext2-1k ext4 disk-mbr disk-gpt fat iso; do pack "$name"; done
ls -l ./*.gz
