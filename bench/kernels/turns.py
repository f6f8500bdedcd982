"""The kernels of one revision, for `pair.py`, which says when. The revision's bench need not have this file.

    {"cmd": "source"}                            -> source, the folder of the tinydl that runs
    {"cmd": "next"}                              -> kernel, name, group; or end
    {"cmd": "round", "seconds": s}               -> ms, the mean over the calls of a round
"""

import json
import sys
import time
from pathlib import Path

# The cases are those of the revision; its tinydl is the installed one, not the source that lies beside its bench.
FOLDER, ONLY = sys.argv.pop(1), sys.argv.pop(1)
sys.path.append(FOLDER)

import tinydl  # noqa: E402 - the path comes first
from bench.compare.protocol import answer, answers, arguments  # noqa: E402 - the path comes first
from bench.kernels import convolution, linear, memory_bound  # noqa: E402


def main():
    n_threads, out, case = arguments().threads, answers(), None
    every = (case for family in (convolution, linear, memory_bound) for case in family.cases(ONLY))
    for line in sys.stdin:
        command = json.loads(line)
        if command["cmd"] == "source":
            answer(out, {"source": str(Path(tinydl.__file__).parent)})
        elif command["cmd"] == "next":
            case = None     # its arrays go before those of the next are made
            case = next(every, None)
            answer(out, {"end": True} if case is None else {"kernel": case.kernel, "name": case.name,
                                                            "group": case.group})
        else:
            calls, start = 0, time.perf_counter()
            while calls == 0 or time.perf_counter() - start < command["seconds"]:
                case.call(n_threads)
                calls += 1
            answer(out, {"ms": 1e3 * (time.perf_counter() - start) / calls})


if __name__ == "__main__":
    main()
