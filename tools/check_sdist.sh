#!/usr/bin/env bash
# Fails unless an sdist holds every file of the repository, but for those whose path begins with a dot.
#
#     tools/check_sdist.sh dist/tinydl_cnn-0.2.0.tar.gz
set -euo pipefail
sdist=$(realpath "$1")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git ls-files -- ':!.*' | sort > "$work/tracked"
tar -tzf "$sdist" | cut -d / -f 2- | sort > "$work/packed"
comm -23 "$work/tracked" "$work/packed" > "$work/missing"
[ ! -s "$work/missing" ] || { echo "not in $1:"; cat "$work/missing"; exit 1; } >&2
