"""Verify and time the kernels at one number of threads, in a process of its own; rows of JSON on stdout."""

import json
import os
import statistics
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.compare.protocol import arguments
from bench.harness import bandwidth, median_seconds, peak_flops, say
from bench.kernels import convolution, linear, memory_bound


def measure(case, n_threads, memory_rate, rounds, seconds):
    """A row: the peak is measured before each round, so that both see the same state of the machine."""
    case.check(n_threads)
    taken, peaks = median_seconds(lambda: case.call(n_threads), rounds, seconds,
                                  before_round=lambda: peak_flops(n_threads, 0.01))
    peak = statistics.median(peaks)
    return {"name": case.name, "group": case.group, "kernel": case.kernel, "threads": n_threads, "ms": 1e3 * taken,
            "gflops": case.flops / taken / 1e9, "peak_gflops": peak / 1e9, "share_of_peak": case.flops / taken / peak,
            "gbs": case.nbytes / taken / 1e9, "memory_gbs": memory_rate / 1e9,
            "share_of_memory": case.nbytes / taken / memory_rate}


def main():
    options = json.loads(os.environ.get("TINYDL_BENCH_KERNELS", "{}"))
    n_threads = arguments().threads
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    memory_rate = bandwidth(n_threads)
    peak = peak_flops(n_threads, 0.2)
    say(f"{n_threads} threads: peak {peak / 1e9:.0f} GFLOP/s, memory {memory_rate / 1e9:.1f} GB/s")
    for family in (convolution, linear, memory_bound):
        for case in family.cases(options.get("only", "")):
            row = measure(case, n_threads, memory_rate, options["rounds"], options["seconds"])
            say(f"  {row['kernel']:24} {row['name']:34} {row['ms']:8.3f} ms {row['gflops']:7.1f} GFLOP/s "
                f"{100 * row['share_of_peak']:5.1f} % of peak {row['gbs']:6.1f} GB/s")
            answers.write(json.dumps(row) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
