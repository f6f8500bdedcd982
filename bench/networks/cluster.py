"""Step time of a cluster on paper: what `bench/run.py distributed` measured, put together for any number of ranks.

    python bench/networks/cluster.py RESULTS.json                                  # the transport of the results
    python bench/networks/cluster.py RESULTS.json --latency 2e-6 --bandwidth 1e10    # another one

See docs/scaling.md for the model.
"""

import argparse
import json
import math
import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

import numpy as np

from bench.harness import table

__all__ = ["Transport", "curve_of", "messages", "step", "transport_of"]

CORES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Transport:
    """Seconds of a message, and bytes a second of its content."""

    def __init__(self, latency, bandwidth):
        self.latency, self.bandwidth = latency, bandwidth

    def exact_sum(self, n, size):
        """Seconds of the sum of `size` bytes over n ranks: two rounds of n - 1 messages of size / n."""
        return 2 * (n - 1) * (self.latency + size / n / self.bandwidth)

    def gather(self, n, size):
        """Seconds until all n ranks have `size` bytes of each."""
        return math.ceil(math.log2(n)) * self.latency + (n - 1) * size / self.bandwidth


def transport_of(rows):
    """Latency and bandwidth from sums over n ranks: 2 (n - 1) (latency + size / n / bandwidth)."""
    exact = [row for row in rows if row["net"] == "sum" and row["system"] == f"tinydl, {row['ranks']} ranks of 1"]
    n, sums = exact[0]["ranks"], {row["batch"]: row["ms"] / 1e3 for row in exact}
    small, large = min(sums), 1 << 18  # a megabyte, as the gradients of these nets
    return Transport(sums[small] / (2 * (n - 1)), 2 * (n - 1) / n * 4 * (large - small) / (sums[large] - sums[small]))


def curve_of(rows, net):
    """(samples, seconds) of steps of one rank alone."""
    found = sorted((row["batch"], row["ms"] / 1e3) for row in rows if row["net"] == net and row["system"] == "alone")
    return [n for n, _ in found], [s for _, s in found]


def messages(transport, n, gradient, parameters, buffers):
    """Seconds of all messages of a step: numbers of shards, running statistics, gradient.

    Parameters
    ----------
    gradient : int
        Its bytes.
    parameters, buffers : int
        Tensors with a gradient; numbers in running statistics, of 8 bytes each.
    """
    if n == 1:
        return 0.0
    statistics = transport.exact_sum(n, 8 * buffers) if buffers else 0.0
    return transport.gather(n, 8 * (parameters + 8)) + statistics + transport.exact_sum(n, gradient)


def step(curve, transport, n, batch, facts, cores=None):
    """Seconds of a step of n ranks with one shard each; on fewer cores than ranks they take turns."""
    turns = 1 if cores is None else math.ceil(n / cores)
    return turns * float(np.interp(batch / n, *curve)) + messages(transport, n, *facts)


def facts_of(net):
    """(bytes of the gradient, parameters, numbers in running statistics)."""
    from tinydl import models

    model = getattr(models, net)()
    params = [*model.parameters()]
    floats = sum(b.size for _, b in model.named_buffers() if b is not None and b.dtype.kind == "f")
    return 4 * sum(p.size for p in params), len(params), floats


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--latency", type=float, metavar="SECONDS", help="of a message, Python's part included")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="of the machine of the results")
    parser.add_argument("--bandwidth", type=float, metavar="BYTES", help="a second")
    args = parser.parse_args()
    rows = json.loads(args.results.read_text())["distributed"]["rows"]
    transport = transport_of(rows)
    transport = Transport(args.latency or transport.latency, args.bandwidth or transport.bandwidth)
    print(f"latency {1e6 * transport.latency:.0f} us, bandwidth {transport.bandwidth / 1e9:.2f} GB/s\n")
    cells = []
    for net in dict.fromkeys(row["net"] for row in rows if row["system"] == "alone"):
        curve, facts = curve_of(rows, net), facts_of(net)
        whole = max(row["batch"] for row in rows if row["net"] == net)
        for row in rows:
            if row["net"] == net and row["ranks"] > 1 and row["system"].endswith("ranks of 1") \
                    and row["system"].startswith("tinydl"):
                said = 1e3 * step(curve, transport, row["ranks"], row["batch"], facts, args.cores)
                print(f"{net}, batch {row['batch']}, {row['ranks']} ranks: {said:.1f} ms on paper, {row['ms']:.1f} "
                      f"measured, {said / row['ms'] - 1:+.1%}")
        each = min(64, whole // 2)  # samples a core where the batch grows with the cores
        alone = float(np.interp(each, *curve))
        for n in CORES:
            fixed = step(curve, transport, n, max(whole, n), facts) if n <= whole else None
            grown = step(curve, transport, n, each * n, facts)
            cells.append([net if n == 1 else "", n, f"{1e3 * fixed:.2f}" if fixed else "-",
                          f"{step(curve, transport, 1, whole, facts) / fixed / n:.2f}" if fixed else "-",
                          f"{1e3 * grown:.2f}", f"{alone / grown:.2f}"])
    print("\n" + table(["net", "cores", "ms, fixed batch", "efficiency", "ms, batch grows", "efficiency"], cells))


if __name__ == "__main__":
    main()
