"""The budget of a training step: every kernel call timed where it happens, beside the least time the machine needs.

Run by `python bench/run.py budget` in a process of its own; rows of JSON on stdout.
"""

import importlib
import json
import os
import statistics
import sys
import time
from functools import partial, wraps
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.compare.protocol import answer, answers, arguments
from bench.harness import bandwidth, peak_flops, say
from bench.networks.table import NETWORKS

MODULES = ("batchnorm", "batchnorm_backward", "elementwise", "gemm", "loss", "pool", "update")
STEPS = 15


def arrays_in(values):
    """The arrays among arguments, in tuples and operands too, each once."""
    import numpy as np

    from tinydl._core.operands import Map, Moments, Pending

    found = {}
    for value in values:
        if isinstance(value, np.ndarray):
            found[value.ctypes.data] = value
        elif isinstance(value, (tuple, list)):
            found.update(arrays_in(value))
        elif isinstance(value, (Map, Moments, Pending)):
            found.update(arrays_in(value.__reduce__()[1]))
    return found


def conv_work(name, geometry, n_results):
    """Layer, multiply-adds times two of the direct sum, and the same that the algorithm cannot do without."""
    N, C, _H, _W, O, KH, KW, SH, _SW, *_, G, P, Q = geometry
    macs = N * P * Q * O * KH * KW * (C // G)
    least = N * -(-P // 4) * -(-Q // 4) * 36 * C * O if name == "winograd" else macs
    size = f"{P}x{Q}" if KH > 1 or P > 1 else f"{Q}"
    window = f"{KH}x{KW}" if KH > 1 or P > 1 else f"{KW}"
    return f"{window}{f'/{SH}' if SH > 1 else ''} {C}>{O}, {size}", 2 * macs * n_results, 2 * least * n_results


class Watch:
    """Puts clocks around the kernels."""

    def __init__(self):
        self.details = []   # (kernel, bytes, layer, operations, least operations) of each call of a step
        self.seconds = []
        self.detailed = True    # looking at the arguments takes time that would count as Python's

    def timed(self, call, kernel, describe):
        @wraps(call)
        def run(*args, **kwargs):
            start = time.perf_counter()
            result = call(*args, **kwargs)
            self.seconds.append(time.perf_counter() - start)
            if self.detailed:
                nbytes = sum(a.nbytes for a in arrays_in([*args, *kwargs.values()]).values())
                self.details.append((kernel, nbytes, *describe(args)))
            return result

        return run

    def install(self):
        import numpy as np

        from tinydl.ops import conv_algorithm

        def shape(args):
            first = next((a for a in args if isinstance(a, np.ndarray)), None)
            return ("x".join(map(str, first.shape[1:])) if first is not None else "", 0, 0)

        def product(args):
            rows, matrix = (args[0], args[1]) if args[1].ndim == 2 else (args[0], args[0])
            flops = 2 * rows.shape[0] * matrix.size if matrix.shape[0] != rows.shape[0] else (
                2 * rows.shape[0] * rows.shape[1] * matrix.shape[1])
            return "x".join(map(str, matrix.shape)), flops, flops

        def forward(args, algorithm):
            return conv_work(algorithm, args[4], 1)

        def backward(args, algorithm):
            return conv_work(algorithm, args[6], sum(gradient is not None for gradient in args[3:5]))

        for name in ("DIRECT", "WINOGRAD", "DEPTHWISE"):
            kernels = getattr(conv_algorithm, name)
            setattr(conv_algorithm, name, kernels._replace(**{
                key: self.timed(getattr(kernels, key), f"{kernels.name} {key}", partial(work, algorithm=kernels.name))
                for key, work in (("forward", forward), ("backward", backward))}))
        for name in MODULES:
            module = importlib.import_module(f"tinydl._core.{name}")
            for key, call in list(vars(module).items()):
                # What does not take n_threads is no kernel; compiled functions carry their signature in the docstring.
                if callable(call) and "n_threads" in (call.__doc__ or "") and not isinstance(call, type):
                    setattr(module, key, self.timed(call, key, product if key.startswith("linear") else shape))


def budget(net, n_threads, peak, memory):
    """Rows of one network: calls of the same kernel on the same shape together, medians over steps."""
    from bench.compare.tinydl_peer import Peer

    class Args:
        threads = n_threads

    size = NETWORKS[net].batch
    step, _ = Peer(Args).build(NETWORKS[net], size, "train")
    for _ in range(3):
        step()
    watch = Watch()
    watch.install()
    step()
    watch.detailed = False
    steps, whole = [], []
    for _ in range(STEPS):
        watch.seconds = []
        start = time.perf_counter()
        step()
        whole.append(time.perf_counter() - start)
        steps.append(watch.seconds)
    groups = {}
    for (kernel, nbytes, layer, flops, least), *times in zip(watch.details, *steps, strict=True):
        seconds = statistics.median(times)
        limit = max(nbytes / memory, least / peak)
        row = groups.setdefault((kernel, layer), {
            "net": net, "batch": size, "threads": n_threads, "kernel": kernel, "layer": layer, "calls": 0, "ms": 0.0,
            "mbytes": 0.0, "gflop": 0.0, "limit_ms": 0.0})
        row["calls"] += 1
        for key, value in (("ms", 1e3 * seconds), ("mbytes", nbytes / 1e6), ("gflop", flops / 1e9),
                           ("limit_ms", 1e3 * limit)):
            row[key] += value
    rows = sorted(groups.values(), key=lambda row: -row["ms"])
    step_ms = 1e3 * statistics.median(whole)
    for row in rows:
        row["step_ms"] = step_ms
    return rows


def main():
    args = arguments()
    out = answers()
    peak, memory = peak_flops(args.threads, 0.2), bandwidth(args.threads)
    for net in json.loads(os.environ["TINYDL_BENCH_NETS"]):
        for row in budget(net, args.threads, peak, memory):
            row.update(peak_gflops=peak / 1e9, memory_gbs=memory / 1e9)
            say(f"  {net} {row['kernel']:24} {row['layer']:24} x{row['calls']} {row['ms']:8.3f} ms")
            answer(out, row)


if __name__ == "__main__":
    main()
