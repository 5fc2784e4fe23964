#!/bin/sh
# Builds, installs and proves ./rump. Thin on purpose: everything is in tools/buildrump.
set -eu
top=$(cd "$(dirname "$0")" && pwd)
command -v cargo >/dev/null 2>&1 || {
    echo "buildrump.sh: cargo is not installed; it comes with Rust (https://rustup.rs, or your distribution)" >&2
    exit 1
}
exec cargo run --quiet --manifest-path "$top/Cargo.toml" --package buildrump -- "$@"
