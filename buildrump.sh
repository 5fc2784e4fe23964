#!/bin/sh
# Builds, installs and proves ./rump. Thin on purpose: everything is in tools/buildrump.
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
say() { echo "buildrump.sh: $*" >&2; }

if ! command -v cargo >/dev/null 2>&1; then
    if [ -x "${CARGO_HOME:-${HOME:-}/.cargo}/bin/cargo" ]; then
        say "cargo is in ${CARGO_HOME:-$HOME/.cargo}/bin, which is not in PATH; export PATH=\"${CARGO_HOME:-$HOME/.cargo}/bin:\$PATH\""
    else
        say "cargo is not installed; it comes with Rust (https://rustup.rs, or your distribution)"
    fi
    exit 1
fi
# Older ones complain about the manifest.
oldest=$(sed -n 's/^rust-version = "1\.\([0-9]*\).*/\1/p' "$top/Cargo.toml")
version=$(cargo --version)
minor=$(echo "$version" | sed -n 's/^cargo 1\.\([0-9]*\).*/\1/p')
if [ "${minor:-$oldest}" -lt "$oldest" ]; then
    say "$version is too old, Rust 1.$oldest is needed; rustup update stable (https://rustup.rs)"
    exit 1
fi
command -v cc >/dev/null 2>&1 ||
    say "cc is not installed, and Rust links programs with it unless told otherwise; on Debian: apt-get install gcc libc6-dev"
[ -n "${CARGO_TARGET_DIR:-}" ] || { mkdir -p "$top/target" && [ -w "$top/target" ]; } 2>/dev/null ||
    say "$top/target cannot be written to, where the builder itself goes; CARGO_TARGET_DIR names another folder"
exec cargo run --quiet --manifest-path "$top/Cargo.toml" --package buildrump -- "$@"
