"""A kernel call to verify and to time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Case", "close", "twin_check"]


@dataclass
class Case:
    """One kernel on one shape. `call(n_threads)` runs it; `check(n_threads)` raises when its result is wrong.

    flops counts multiply-adds twice; nbytes is the least traffic: every array once.
    """

    name: str
    group: str
    kernel: str
    flops: float
    nbytes: float
    call: Callable
    check: Callable


def close(got, want, what):
    """Raise unless the norm-wise error against the reference is that of float32 sums. NaN fails."""
    from tinydl.testing.compare import assert_close

    assert_close(got, want, 1e-5 if got.dtype.kind == "f" else None, what)


def twin_check(kernel, reference, args, outputs, what):
    """A check that runs the NumPy twin on the same inputs and compares `outputs` (positions in `args`)."""
    def check(n_threads):
        theirs = [a.copy(order="K") if isinstance(a, np.ndarray) else a for a in args]
        kernel(*args, n_threads)
        reference(*theirs, n_threads)
        for k in outputs:
            close(args[k], theirs[k], f"{what}, argument {k}")

    return check
