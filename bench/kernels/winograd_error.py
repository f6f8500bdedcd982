"""Rounding errors of the direct and the Winograd kernels in float32: python bench/kernels/winograd_error.py.

Prints a Markdown table: for the forward pass and both gradients the root mean square and the largest error against the
direct kernels in float64, in units of the result's root mean square times 2^-24 (the unit roundoff of float32).
Inputs are standard normal after ReLU, upstream gradients standard normal, weights normal with variance 2 / (9 C); the
seed is fixed.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[2]))

import tinydl as td

SHAPES = ((8, 16, 32, 16), (8, 32, 32, 32), (8, 64, 16, 64), (8, 128, 8, 128), (8, 32, 14, 64), (2, 256, 8, 256))
PASSES = ("forward", "dx", "dw")


def run(algorithm, x, w, dy):
    """(y, dx, dw) of one convolution."""
    x, w = td.tensor(x, requires_grad=True), td.Parameter(w)
    with td.conv_algorithm(algorithm):
        y = td.ops.conv2d(x, w, padding=1)
        y.backward(dy)
    return y.numpy(), x.grad, w.grad


def errors(shape, seed=0):
    """{pass: {algorithm: (rms, largest)}} of one shape (N, C, size, O), 3x3 filters with padding 1."""
    n, c, size, o = shape
    rng = np.random.default_rng(seed)
    x = np.maximum(rng.standard_normal((n, c, size, size), np.float32), 0)
    w = rng.standard_normal((o, c, 3, 3), np.float32) * np.float32(np.sqrt(2 / (9 * c)))
    dy = rng.standard_normal((n, o, size, size), np.float32)
    exact = run("direct", *(a.astype(np.float64) for a in (x, w, dy)))
    found = {name: {} for name in PASSES}
    for algorithm in ("direct", "winograd"):
        for name, want, got in zip(PASSES, exact, run(algorithm, x, w, dy), strict=True):
            unit = np.sqrt(np.mean(want**2)) * 2.0**-24
            error = np.abs(got.astype(np.float64) - want) / unit
            found[name][algorithm] = np.sqrt(np.mean(error**2)), error.max()
    return found


def main():
    print("| N, C, H = W, O | pass | direct rms | winograd rms | ratio | direct max | winograd max |")
    print("|---|---|---|---|---|---|---|")
    for shape in SHAPES:
        for name, both in errors(shape).items():
            (rms, most), (w_rms, w_most) = both["direct"], both["winograd"]
            cells = (", ".join(map(str, shape)), name, f"{rms:.1f}", f"{w_rms:.1f}", f"{w_rms / rms:.1f}",
                     f"{most:.0f}", f"{w_most:.0f}")
            print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
