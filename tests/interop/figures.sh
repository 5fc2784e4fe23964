#!/usr/bin/env bash
# Peak memory and time of `rump ls -aR` and `rump sum` on each damaged image of the corpus: the worst of each, and
# the median. Needs GNU time. Usage: tests/interop/figures.sh [RUMP] [CORPUS]
set -euo pipefail
cd "$(dirname "$0")/../.."
rump=${1:-target/release/rump}
corpus=${2:-${RUMP_CORPUS:-../shared/corpus}}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

for packed in "$corpus"/e2fsprogs/*.gz "$corpus"/e2fsprogs/*image.bz2; do
    name=$(basename "$packed" | sed 's/__.*//')
    case $packed in *.gz) unpack=gzip ;; *) unpack=bzip2 ;; esac
    "$unpack" -dc "$packed" | dd of="$folder/image" bs=64k conv=sparse status=none
    for verb in "ls -aR" sum; do
        # shellcheck disable=SC2086
        /usr/bin/time -q -a -o "$folder/times" -f "%M %e %x $name $verb" \
            timeout 60 "$rump" $verb "$folder/image:/" >"$folder/out" 2>"$folder/err" || true
    done
    rm "$folder/image"
done
echo "commands: $(wc -l <"$folder/times")"
echo "exit statuses: $(cut -d' ' -f3 "$folder/times" | sort | uniq -c | awk '{printf "%s (%s times) ", $2, $1}')"
echo "most memory: $(sort -n "$folder/times" | tail -1 | awk '{printf "%d KiB, %s", $1, $4}')"
echo "median memory: $(sort -n "$folder/times" | awk '{a[NR]=$1} END {print a[int((NR+1)/2)] " KiB"}')"
echo "longest: $(sort -n -k2 "$folder/times" | tail -1 | awk '{printf "%s s, %s %s", $2, $4, $5}')"
echo "median time: $(sort -n -k2 "$folder/times" | awk '{a[NR]=$2} END {print a[int((NR+1)/2)] " s"}')"
