#!/usr/bin/env bash
# The core under AddressSanitizer and UndefinedBehaviorSanitizer, in a folder of its own: tests/_core and a part of the
# fuzzers. Needs GCC. The folder keeps the build; a second run compiles what has changed.
#
#     tools/sanitize.sh FOLDER [arguments for pytest instead of tests/_core]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
[ $# -ge 1 ] || { sed -n '2,5p' "$0" >&2; exit 2; }
mkdir -p "$1"
build=$(cd "$1" && pwd)
shift

git -C "$root" ls-files -z | tar -C "$root" --null -T - -cf - | tar -C "$build" -xf -
cd "$build"
flags="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
TINYDL_DEBUG=1 TINYDL_LEVELS=${TINYDL_LEVELS:-v3} CFLAGS="$flags" LDFLAGS="$flags" \
    python setup.py --quiet build_ext --inplace

# NumPy and Python keep what they allocate once; requests that are too large must come back as NULL.
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=8192
export UBSAN_OPTIONS=print_stacktrace=1 PYTHONPATH=$build PYTHONMALLOC=malloc OMP_WAIT_POLICY=passive
preload="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
run() { echo "== $* =="; LD_PRELOAD=$preload "$@"; }
# The hostile calls end processes in a way of their own, which a test reads; here they run by themselves.
run python -m pytest -q -p no:cacheprovider --deselect tests/_core/test_hostile.py "${@:-tests/_core}"
last() { awk '/^WRONG/ { print before; print; wrong = 1 } { before = $0 } END { exit wrong || !/^end/ }'; }
run python tests/_core/hostile.py | last
run python tests/slow/spoilt.py 0 20000 | last
run python tests/slow/corrupt.py 2000
