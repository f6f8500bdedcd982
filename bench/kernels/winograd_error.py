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

from tinydl import layout
from tinydl._core.reference.conv import geometry
from tinydl.ops.conv_algorithm import DIRECT, WINOGRAD

SHAPES = ((8, 16, 32, 16), (8, 32, 32, 32), (8, 64, 16, 64), (8, 128, 8, 128), (8, 32, 14, 64), (2, 256, 8, 256))
PASSES = ("forward", "dx", "dw")


def run(kernels, x, w, dy, geo):
    """(y, dx, dw) of one convolution."""
    y = layout.empty(dy.shape, dy.dtype)
    dx, dw = layout.empty_like(x), layout.empty_like(w)
    kernels.forward(x, w, None, y, geo, 1, None, None, False, None, None)
    kernels.backward(x, dy, w, dx, dw, None, False, geo, 1, None, None, False, None, None, None)
    return y, dx, dw


def errors(shape, seed=0):
    """{pass: {kernels: (rms, largest)}} of one shape (N, C, size, O), 3x3 filters with padding 1."""
    n, c, size, o = shape
    rng = np.random.default_rng(seed)
    x = layout.channels_last(np.maximum(rng.standard_normal((n, c, size, size), np.float32), 0))
    w = layout.parameter_like(rng.standard_normal((o, c, 3, 3), np.float32) * np.float32(np.sqrt(2 / (9 * c))))
    dy = layout.channels_last(rng.standard_normal((n, o, size, size), np.float32))
    geo = geometry(x.shape, w.shape, 1, 1)
    exact = run(DIRECT, *(layout.parameter_like(a, np.float64) if a is w else layout.channels_last(a.astype(np.float64))
                          for a in (x, w, dy)), geo)
    found = {name: {} for name in PASSES}
    for kernels in (DIRECT, WINOGRAD):
        for name, want, got in zip(PASSES, exact, run(kernels, x, w, dy, geo), strict=True):
            unit = np.sqrt(np.mean(want**2)) * 2.0**-24
            error = np.abs(got.astype(np.float64) - want) / unit
            found[name][kernels.name] = np.sqrt(np.mean(error**2)), error.max()
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
