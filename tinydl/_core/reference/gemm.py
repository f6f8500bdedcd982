"""NumPy twin of the matrix kernels: products in float64, rounded once."""

import numpy as np

__all__ = ["linear_backward_input", "linear_backward_weight", "linear_forward", "matmul"]


def _wide(a):
    return a.astype(np.float64)


def linear_forward(x, w, bias, y, n_threads):
    """y = x w' + bias.

    x : IN (N, K).  w : IN (O, K), memory (K, O).  bias : IN (O,) or None.  y : OUT (N, O).
    """
    result = np.einsum("nk,ok->no", _wide(x), _wide(w))
    y[...] = result if bias is None else result + _wide(bias)


def linear_backward_input(dy, w, dx, n_threads):
    """dx = dy w.

    dy : IN (N, O).  w : IN (O, K), memory (K, O).  dx : OUT (N, K).
    """
    dx[...] = np.einsum("no,ok->nk", _wide(dy), _wide(w))


def linear_backward_weight(x, dy, dw, db, n_threads):
    """dw = dy' x; db = sum of dy over the batch; either may be None.

    x : IN (N, K).  dy : IN (N, O).  dw : OUT (O, K), memory (K, O).  db : OUT (O,).
    """
    if dw is not None:
        dw[...] = np.einsum("no,nk->ok", _wide(dy), _wide(x))
    if db is not None:
        db[...] = _wide(dy).sum(0)


def matmul(a, b, c, n_threads):
    """c = a b.

    a : IN (M, K), row-major.  b : IN (K, N), row-major.  c : OUT (M, N), row-major.
    """
    c[...] = np.einsum("mk,kn->mn", _wide(a), _wide(b))
