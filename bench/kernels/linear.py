"""Linear layers of the benchmark networks."""

import numpy as np

from bench.kernels.case import Case, twin_check

__all__ = ["cases"]

OUTPUTS = {"linear_forward": [3], "linear_backward_input": [2], "linear_backward_weight": [2, 3]}


def cases(only=""):
    """Forward, backward-input and backward-weight of each layer with 100 or more outputs; the rest are tiny."""
    from tinydl import layout
    from tinydl._core import gemm
    from tinydl._core.reference import gemm as reference
    from tinydl.testing.problems import LINEARS, select

    for problem in select(LINEARS, "bench"):
        if problem.O < 100:
            continue
        n, k, o = problem.N, problem.K, problem.O
        group = f"linear {k}>{o}"
        if not any(only in f"{group} {problem.name} {kernel}" for kernel in OUTPUTS):
            continue
        rng = np.random.default_rng(0)
        x, dy = rng.standard_normal((n, k), np.float32), rng.standard_normal((n, o), np.float32)
        w, b = layout.parameter_like(rng.standard_normal((o, k), np.float32)), np.ones(o, np.float32)
        calls = {
            "linear_forward": [x, w, b, np.empty((n, o), np.float32)],
            "linear_backward_input": [dy, w, np.empty((n, k), np.float32)],
            "linear_backward_weight": [x, dy, layout.zeros_like(w), np.zeros(o, np.float32)],
        }
        for kernel, args in calls.items():
            if only in f"{group} {problem.name} {kernel}":
                run = getattr(gemm, kernel)
                yield Case(problem.name, group, kernel, 2.0 * problem.macs, 4.0 * (n * k + k * o + n * o),
                           lambda t, run=run, args=args: run(*args, t),
                           twin_check(run, getattr(reference, kernel), args, OUTPUTS[kernel],
                                      f"{problem.name} {kernel}"))
