"""Time direct and Winograd 3x3 convolutions side by side and print the table that the choice between them rests on.

    python bench/kernels/winograd_table.py [--threads 1,2] [--rounds 7]

For every shape and pass both kernels run in turn; a round is one call of each, a figure the median over rounds. The
ratio is direct / Winograd: above 1 Winograd is faster. tinydl/ops/conv_algorithm.py holds the rule drawn from it.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[2]))

from tinydl import layout
from tinydl._core import conv, isa, peak

# Batch, input channels, height = width, output channels.
SHAPES = [
    (128, 8, 32, 8), (128, 16, 32, 16), (128, 16, 16, 16), (128, 16, 16, 32), (128, 32, 32, 32), (128, 32, 16, 32),
    (128, 32, 16, 64), (64, 32, 28, 64), (128, 64, 32, 64), (128, 64, 16, 64), (128, 64, 8, 64), (128, 64, 8, 128),
    (128, 128, 8, 128), (128, 64, 7, 64), (128, 64, 5, 64), (128, 128, 4, 128), (1, 32, 32, 32), (1, 128, 8, 128),
]


def passes(N, C, H, O):
    """{name: (direct call, Winograd call)} for one shape, each taking the number of threads."""
    rng = np.random.default_rng(0)

    def activation(*shape):
        return layout.channels_last(rng.standard_normal(shape).astype(np.float32))

    geo = (N, C, H, H, O, 3, 3, 1, 1, 1, 1, 1, 1, 1, H, H)
    x, dy, w = activation(N, C, H, H), activation(N, O, H, H), layout.parameter_like(
        rng.standard_normal((O, C, 3, 3)).astype(np.float32))
    y, dx, dw = layout.empty_like(dy), layout.empty_like(x), layout.empty_like(w)

    def each(forward, backward):
        return (lambda n: forward(x, w, None, y, geo, None, None, n),
                lambda n: backward(None, dy, w, dx, None, None, geo, None, None, None, n),
                lambda n: backward(x, dy, None, None, dw, None, geo, None, None, None, n))

    both = zip(each(conv.conv_forward, conv.conv_backward),
               each(conv.winograd_forward, conv.winograd_backward), strict=True)
    return dict(zip(("forward", "backward-input", "backward-weight"), both, strict=True))


def seconds(call, n):
    start = time.perf_counter()
    call(n)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    threads = [int(n) for n in options.threads.split(",")]
    peaks = {n: peak.fma_peak(0.5, n) for n in threads}
    limits = ", ".join(f"{p / 1e9:.0f} GFLOP/s on {n}" for n, p in peaks.items())
    print(f"Level {isa.level}; FMA peak {limits}.\n")
    print("| N, C, H = W, O | pass | " + " | ".join(f"direct, % of peak, {n} | Winograd, % of peak, {n} | ratio, {n}"
                                                     for n in threads) + " |")
    print("|---|---|" + "--:|" * 3 * len(threads))
    for shape in SHAPES:
        N, C, H, O = shape
        flops = 2 * 9 * N * H * H * C * O
        for name, (direct, wino) in passes(*shape).items():
            cells = []
            for n in threads:
                seconds(direct, n), seconds(wino, n)
                pairs = [(seconds(direct, n), seconds(wino, n)) for _ in range(options.rounds)]
                a, b = (statistics.median(times) for times in zip(*pairs, strict=True))
                cells += [f"{100 * flops / t / peaks[n]:.0f}" for t in (a, b)] + [f"{a / b:.2f}"]
            print(f"| {', '.join(map(str, shape))} | {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
