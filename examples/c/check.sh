#!/bin/sh
# check.sh FOLDER: runs the examples that were built there, and compares what they print. The last line is "Success".
set -eu
programs=$(cd "$1" && pwd)
samples=$(cd "$(dirname "$0")/../../share/samples" && pwd)
work=$(mktemp -d)
running=
trap 'for process in $running; do kill "$process" 2>/dev/null || :; done; rm -rf "$work"' EXIT

# Seconds after which a program hangs.
patience=30

# same TITLE EXPECTED PROGRAM ARGUMENT...: what the program prints is what is expected.
same() {
    title=$1 expected=$2
    shift 2
    printed=$(timeout $patience "$@")
    if [ "$printed" != "$expected" ]; then
        printf '%s: printed\n%s\ninstead of\n%s\n' "$title" "$printed" "$expected" >&2
        exit 1
    fi
    echo "$title ... done"
}

# background FIRST_LINE PROGRAM ARGUMENT...: runs on until the script ends, and is ready when it has printed a line.
background() {
    first=$1
    shift
    mkfifo "$work/output"
    "$@" <"$work/input" >"$work/output" &
    running="$running $!"
    IFS= read -r line <"$work/output" || line=nothing
    rm "$work/output"
    if [ "$line" != "$first" ]; then
        echo "$1: printed $line instead of $first" >&2
        exit 1
    fi
}

# An input that does not end as long as somebody holds it.
mkfifo "$work/input"
sleep 600 >"$work/input" &
running=$!

for name in ext4 iso fat; do
    gzip -dc "$samples/$name.img.gz" >"$work/$name"
done
hello='Hello from a rump kernel.'
same 'a file of ext4' "$hello" "$programs/cat" "$work/ext4" hello.txt
for name in ext4 iso fat; do
    same "image: a file of $name" "$hello" "$programs/image" "$work/$name" /hello.txt
done
timeout $patience "$programs/image" "$work/ext4" / >"$work/listing"
same 'image: a directory' '100644           26 hello.txt' grep ' hello.txt$' "$work/listing"
if timeout $patience "$programs/image" "$work/ext4" /missing 2>"$work/complaint"; then
    echo 'image: a file that there is not was printed' >&2
    exit 1
fi
same 'image: a file that there is not' '/missing: No such file or directory' cat "$work/complaint"

background listening "$programs/echo" server "$work/near" 10.0.0.1/24
same 'echo over a bus' 'hello bus' "$programs/echo" client "$work/near" 10.0.0.2/24 10.0.0.1 'hello bus'

background routing "$programs/router" "$work/near" 10.0.0.254/24 "$work/far" 10.0.1.254/24
background listening "$programs/echo" server "$work/far" 10.0.1.1/24 10.0.1.254
same 'echo by a router' 'hello router' \
    "$programs/echo" client "$work/near" 10.0.0.2/24 10.0.1.1 'hello router' 10.0.0.254

same 'several kernels' "visited: kernel 0
visited: kernel 1
visited: kernel 2
at home: classic" "$programs/kernels"

timeout $patience "$programs/host" >"$work/host"
same 'a host of callbacks' 'at 512: hello' tail -n 1 "$work/host"

RUMP_SERVER=unix://$work/sock
export RUMP_SERVER
background serving "$programs/serve" "$work/ext4" "$RUMP_SERVER"
server=$!
same 'client: a file of a server' "$hello" "$programs/client" cat /mnt/hello.txt
same 'client: a child' 'said far away' "$programs/client" put /mnt/said 'said far away'
timeout $patience "$programs/client" halt
wait "$server"
same 'client: what was written is in the image' 'said far away' "$programs/cat" "$work/ext4" said
echo Success
