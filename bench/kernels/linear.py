"""Linear layers of mlp, lenet5 and mnist_cnn."""

import numpy as np

from bench.kernels.case import Case, twin_check

__all__ = ["cases"]

SHAPES = [(64, 784, 256), (64, 9216, 128), (64, 400, 120), (64, 256, 10)]


def cases(only=""):
    """Forward, backward-input and backward-weight of each shape (batch, in, out)."""
    from tinydl import layout
    from tinydl._core import gemm
    from tinydl._core.reference import gemm as reference

    for n, k, o in SHAPES:
        name, group = f"linear {k}>{o} batch {n}", "linear"
        if not any(only in f"{group} {name} linear_{which}" for which in ("forward", "backward_input",
                                                                          "backward_weight")):
            continue
        rng = np.random.default_rng(0)
        x, dy = rng.standard_normal((n, k), np.float32), rng.standard_normal((n, o), np.float32)
        w, b = layout.parameter_like(rng.standard_normal((o, k), np.float32)), np.ones(o, np.float32)
        calls = {
            "linear_forward": [x, w, b, np.empty((n, o), np.float32)],
            "linear_backward_input": [dy, w, np.empty((n, k), np.float32)],
            "linear_backward_weight": [x, dy, layout.zeros_like(w), np.zeros(o, np.float32), False],
        }
        outputs = {"linear_forward": [3], "linear_backward_input": [2], "linear_backward_weight": [2, 3]}
        for kernel, args in calls.items():
            if only in f"{group} {name} {kernel}":
                run = getattr(gemm, kernel)
                yield Case(name, group, kernel, 2.0 * n * k * o, 4.0 * (n * k + k * o + n * o),
                           lambda t, run=run, args=args: run(*args, t),
                           twin_check(run, getattr(reference, kernel), args, outputs[kernel], f"{name} {kernel}"))
