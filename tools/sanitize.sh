#!/usr/bin/env bash
# The core under AddressSanitizer and UndefinedBehaviorSanitizer, or two trainings in threads under ThreadSanitizer, in a
# folder of its own, which keeps the build; a second run compiles what has changed. Needs GCC.
#
#     tools/sanitize.sh FOLDER [arguments for pytest instead of tests/_core]
#     tools/sanitize.sh FOLDER threads
#
# ThreadSanitizer does not see how the threads of libgomp wait for each other, so its build has no OpenMP: what is looked
# for are races between Python's threads in what the core keeps for the process.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
[ $# -ge 1 ] || { sed -n '2,9p' "$0" >&2; exit 2; }
mkdir -p "$1"
build=$(cd "$1" && pwd)
shift

flags="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
preload="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
if [ "${1:-}" = threads ]; then
    flags="-fsanitize=thread -fno-omit-frame-pointer"
    preload=$(gcc -print-file-name=libtsan.so)
    export TINYDL_NO_OPENMP=1
fi
git -C "$root" ls-files -z | tar -C "$root" --null -T - -cf - | tar -C "$build" -xf -
cd "$build"
TINYDL_DEBUG=1 TINYDL_LEVELS=${TINYDL_LEVELS:-v3} CFLAGS="$flags" LDFLAGS="$flags" \
    python setup.py --quiet build_ext --inplace

# Reports go to files: pytest holds what a process that ends in mid-test has written.
rm -f report.*
trap 'cat report.* 2>/dev/null || true' EXIT
export PYTHONPATH=$build PYTHONMALLOC=malloc OMP_WAIT_POLICY=passive
run() { echo "== $* =="; LD_PRELOAD=$preload "$@"; }
if [ "${1:-}" = threads ]; then
    export TSAN_OPTIONS=log_path=$build/report:suppressions=$build/tools/thread_sanitizer.supp:history_size=7
    run python tests/slow/threads.py 40
    exit
fi
# NumPy and Python keep what they allocate once; requests that are too large must come back as NULL.
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=8192:log_path=$build/report
export UBSAN_OPTIONS=print_stacktrace=1:log_path=$build/report
# The hostile calls end processes in a way of their own, which a test reads; here they run by themselves.
run python -m pytest -q -p no:cacheprovider --deselect tests/_core/test_hostile.py "${@:-tests/_core}"
last() { awk '/^WRONG/ { print before; print; wrong = 1 } { before = $0 } END { exit wrong || !/^end/ }'; }
run python tests/_core/hostile.py | last
run python tests/slow/spoilt.py 0 20000 | last
run python tests/slow/corrupt.py 2000
