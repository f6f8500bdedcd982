"""Verify and time the kernels at one number of threads, in a process of its own; rows of JSON on stdout."""

import json
import os
import statistics
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.compare.protocol import answer, answers, arguments
from bench.harness import bandwidth, peak_flops, round_seconds, say
from bench.kernels import convolution, linear, memory_bound


def measure(case, n_threads, memory_rate, rounds, seconds):
    """A row. The peak is probed before each round, so that both see the same machine; the best probe counts."""
    case.check(n_threads)
    rounds, peaks = round_seconds(lambda: case.call(n_threads), rounds, seconds,
                                  before_round=lambda: peak_flops(n_threads, 0.01))
    taken, peak = statistics.median(rounds), max(peaks)
    limit = case.flops / peak if case.flops else case.nbytes / memory_rate
    return {"name": case.name, "group": case.group, "kernel": case.kernel, "threads": n_threads, "ms": 1e3 * taken,
            "best_ms": 1e3 * min(rounds), "limit": "FMA peak" if case.flops else "memory", "share": limit / taken,
            "best_share": limit / min(rounds),
            "gflops": case.flops / taken / 1e9, "peak_gflops": peak / 1e9, "gbs": case.nbytes / taken / 1e9,
            "memory_gbs": memory_rate / 1e9}


def main():
    options = json.loads(os.environ.get("TINYDL_BENCH_KERNELS", "{}"))
    n_threads = arguments().threads
    out = answers()
    memory_rate = bandwidth(n_threads)
    peak = peak_flops(n_threads, 0.2)
    say(f"{n_threads} threads: peak {peak / 1e9:.0f} GFLOP/s, memory {memory_rate / 1e9:.1f} GB/s")
    for family in (convolution, linear, memory_bound):
        for case in family.cases(options.get("only", "")):
            row = measure(case, n_threads, memory_rate, options["rounds"], options["seconds"])
            rate = f"{row['gflops']:6.1f} GFLOP/s" if case.flops else ""
            say(f"  {row['kernel']:24} {row['name']:38} {row['ms']:8.3f} ms {rate:14} {row['gbs']:6.1f} GB/s "
                f"{100 * row['share']:5.1f} % of {row['limit']}")
            answer(out, row)


if __name__ == "__main__":
    main()
