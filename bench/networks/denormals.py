"""What denormal numbers cost a training step: the same net on ordinary and on denormal values, in turn.

Run by `python bench/run.py denormals` in a process of its own; rows of JSON on stdout.
"""

import json
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.compare.protocol import answer, answers, arguments
from bench.harness import say

TINY = 1e-40    # float32 has no normal numbers below 1.2e-38
BATCH = 64
# What is denormal: factors of (images, weights, upstream gradient).
VALUES = {"ordinary": (1, 1, 1), "images": (TINY, 1, 1), "weights": (1, TINY, 1), "gradients": (1, 1, TINY),
          "all": (TINY, TINY, TINY)}


def stepper(net_name, images, weights, gradient):
    """A function of no arguments that does one training step; the weights stay as they are."""
    import numpy as np

    import tinydl as td

    td.manual_seed(0)
    net = getattr(td.models, net_name)()
    for p in net.parameters():
        p.data[...] = p.data * np.float32(weights)
    # A rate of 0: every buffer of the optimiser fills with denormals, and no step leads out of them.
    optimiser, loss_fn = td.optim.SGD(net.parameters(), lr=0.0, momentum=0.9), td.nn.CrossEntropyLoss()
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((BATCH, *td.models.INPUT_SHAPES[net_name])) * images).astype(np.float32)
    labels = rng.integers(0, 10, BATCH)

    def step():
        optimiser.zero_grad()
        loss_fn(net(x), labels).backward(np.float32(gradient))
        optimiser.step()
    return step


def measured(net_name, rounds, seconds):
    """Milliseconds of a step by what is denormal: medians of rounds that take turns."""
    steps = {what: stepper(net_name, *factors) for what, factors in VALUES.items()}
    taken = {what: [] for what in steps}
    for step in steps.values():
        step()
    for _ in range(rounds):
        for what, step in steps.items():
            times, end = [], time.perf_counter() + seconds
            while time.perf_counter() < end or not times:
                start = time.perf_counter()
                step()
                times.append(time.perf_counter() - start)
            taken[what].append(statistics.median(times))
    return {what: 1e3 * statistics.median(times) for what, times in taken.items()}


def main():
    args = arguments()
    out = answers()
    options = json.loads(os.environ["TINYDL_BENCH_DENORMALS"])
    for net in options["nets"]:
        found = measured(net, options["rounds"], options["seconds"])
        for what, ms in found.items():
            row = {"net": net, "batch": BATCH, "threads": args.threads, "denormal": what, "ms": ms,
                   "ratio": ms / found["ordinary"]}
            say(f"  {net} {what:10} {ms:8.3f} ms, {row['ratio']:.2f} of ordinary")
            answer(out, row)


if __name__ == "__main__":
    main()
