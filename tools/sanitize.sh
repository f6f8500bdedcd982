#!/usr/bin/env bash
# The core under sanitizers, in a folder of its own: AddressSanitizer and UndefinedBehaviorSanitizer with tests/_core and
# a part of the fuzzers, or ThreadSanitizer with two trainings in threads.
#
#     tools/sanitize.sh FOLDER [address|thread] [arguments for pytest]
#
# The folder keeps the build; a second run compiles what has changed. Needs GCC.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
[ $# -ge 1 ] || { sed -n '2,8p' "$0" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
kind=${2:-address}
shift $(($# < 2 ? $# : 2))

library() { "${SANITIZER_CC:-gcc}" -print-file-name="lib$1.so"; }
case $kind in
    address)
        flags="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
        preload="$(library asan) $(library ubsan)"
        # NumPy and Python keep what they allocate once; requests that are too large must come back as NULL.
        export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=8192:handle_segv=1
        export UBSAN_OPTIONS=print_stacktrace=1
        ;;
    thread)
        flags="-fsanitize=thread -fno-omit-frame-pointer"
        preload=$(library tsan)
        export TSAN_OPTIONS="suppressions=$root/tools/libgomp.supp ignore_noninstrumented_modules=1 exitcode=66"
        ;;
    *) echo "sanitize.sh: address or thread, not $kind" >&2; exit 2 ;;
esac

build=$folder/$kind
mkdir -p "$build"
git -C "$root" ls-files -z | tar -C "$root" --null -T - -cf - | tar -C "$build" -xf -
cd "$build"
TINYDL_DEBUG=1 TINYDL_LEVELS=${TINYDL_LEVELS:-v3} CFLAGS="$flags" LDFLAGS="$flags" \
    python setup.py --quiet build_ext --inplace

# The first exit code that is not 0 counts.
export PYTHONPATH=$build PYTHONMALLOC=malloc OMP_WAIT_POLICY=passive
run() { echo "== $* =="; LD_PRELOAD=$preload "$@"; }
if [ "$kind" = thread ]; then
    run python tests/slow/two_trainings.py
else
    run python -m pytest -q -x -p no:cacheprovider "${@:-tests/_core}"
    run python tests/slow/spoilt.py 0 20000 | awk '/^WRONG/ { print last; print } { last = $0 } END { exit !/^end/ }'
    run python tests/slow/corrupt.py 2000
fi
