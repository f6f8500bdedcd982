"""How far a kernel may be from its twin in float64: one table for the tests of all kernels.

The error of a result is that of its rounding: u = eps / 2 of each operation. A sum of n products is off by at most
gamma_n = n u / (1 - n u) of the sum of their sizes (Higham, Accuracy and Stability of Numerical Algorithms, 2002, 3.1);
what the roundings of random numbers, whose signs differ, leave of it grows as sqrt(n) u of the norm of the results
(ibid. 2.8). The tests draw random numbers and compare norms, so the table has the second; gamma_n is no test of
anything, being thousands of times the error that kernels have.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike

__all__ = ["BOUNDS", "bound"]

# In units of u, of a result that is a sum of n terms.
BOUNDS: dict[str, Callable[[int], float]] = {
    # a convolution, a matrix product and their gradients: n products one after the other, maps before and behind them
    "sum": lambda n: 6 + 2 * math.sqrt(n),
    # F(4x4, 3x3): its transforms lose six bits whatever n is; n is that of the sum over channels or tiles
    "winograd": lambda n: 100 + 2 * BOUNDS["sum"](n),
    # an activation or its derivative: a polynomial or the exponential function, and an operation before and behind it
    "activation": lambda n: 3.3,
    # of a window, whose few numbers are added in pairs
    "window": lambda n: 3.3,
    # a batch norm with an activation and its derivative, its statistics and their gradients, which are sums in float64
    "normalisation": lambda n: 16,
    # softmax, its logarithm, cross-entropy and their gradients: the sum over the classes is made in float64
    "softmax": lambda n: 6.5,
    # a step of an optimiser: the longest, NAdam's, is a dozen operations
    "update": lambda n: 8,
    # a pixel between four others
    "warp": lambda n: 4,
}
_ALIKE = {"activation", "window"}  # the twin in float64 rounds little, or as the kernel does


def bound(kernel: str, dtype: DTypeLike, n: int = 1) -> float:
    """Largest norm-wise error of a kernel's result, for `assert_close`.

    Parameters
    ----------
    kernel : str
        A key of `BOUNDS`.
    dtype : dtype
        In float64 the twin rounds too: twice the bound, but where it does so alike.
    n : int
        Terms of the sum.
    """
    u = float(np.finfo(dtype).eps) / 2
    rounds = 2 if np.dtype(dtype) == np.float64 and kernel not in _ALIKE else 1
    return BOUNDS[kernel](max(n, 1)) * u * rounds
