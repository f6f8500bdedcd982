"""Convolution as a matrix product, the textbook's way: write all windows out as the rows of a matrix, multiply, fold.

With cols = im2col(x), (N P Q, KH KW C), and the weight as it lies in memory, (KH KW C, O),

    y = cols w + b      dw = cols' dy      dx = col2im(dy w')

It is there to be compared: an answer that shares no loop with the direct convolution, and a measure of what that one
saves. The matrix holds each input pixel once for every window that sees it, KH KW / (SH SW) times; it is written and
read in the forward pass, and again for dw and for dx. Maps that wait on x and gradients that wait are computed first,
as arrays.

Source: K. Chellapilla, S. Puri and P. Simard, High performance convolutional neural networks for document processing,
2006.
"""

import numpy as np

from tinydl import layout
from tinydl._core import batchnorm_backward, gemm, im2col
from tinydl._core.operands import Pending
from tinydl._core.reference.activations import ROWS
from tinydl.ops.columns import columns

__all__ = ["backward", "forward"]


def forward(x, w, bias, y, geometry, on_x, moments, n_threads):
    """y and its moments; the arguments are those of `conv_forward`."""
    x, matrix = _mapped(x, on_x), _matrix(w)
    for inputs, outputs, part in _groups(geometry):
        cols = columns(x[:, inputs], part, n_threads)
        share = layout.empty((cols.shape[0], part[4]), y.dtype)
        gemm.linear_forward(cols, np.ascontiguousarray(matrix[:, outputs]).T, None if bias is None else bias[outputs],
                            share, n_threads)
        _rows(y)[:, outputs] = share
    if moments is not None:
        off = y - _column(moments.about, y)
        _sums(off, off, moments)


def backward(x, dy, w, dx, dw, db, geometry, on_x, residual, moments, n_threads):
    """The gradients; the arguments are those of `conv_backward`, but db is not asked for without dw."""
    if isinstance(dy, Pending):
        pending, dy = dy, layout.empty_like(dy.dz)
        batchnorm_backward.backward_apply(pending, dy, n_threads)
    z = None if dw is None else _mapped(x, on_x)
    for inputs, outputs, part in _groups(geometry):
        rows = np.ascontiguousarray(_rows(dy)[:, outputs])
        if dw is not None:
            share = layout.empty((part[5] * part[6] * part[1], part[4]), dw.dtype)
            gemm.linear_backward_weight(columns(z[:, inputs], part, n_threads), rows, share.T,
                                        None if db is None else db[outputs], n_threads)
            _matrix(dw)[:, outputs] = share
        if dx is not None:
            matrix = np.ascontiguousarray(_matrix(w)[:, outputs])
            cols = layout.empty((rows.shape[0], matrix.shape[0]), dx.dtype)
            gemm.linear_backward_input(rows, matrix.T, cols, n_threads)
            share = layout.empty((*dx.shape[:1], part[1], *dx.shape[2:]), dx.dtype)
            im2col.col2im(cols, share, part, n_threads)
            dx[:, inputs] = share
    if dx is not None and residual is not None:
        dx += residual
    if moments is not None:
        dz = dx
        if on_x is not None and on_x.activation:
            dz = ROWS[on_x.activation].masked(_mapped(x, on_x, False), dx, on_x.parameter)
        _sums(dz, x - _column(moments.about, x), moments)


def _groups(geometry):
    """(input channels, output channels, geometry) of each group."""
    N, C, H, W, O, *window, G, P, Q = geometry
    c, o = C // G, O // G
    for g in range(G):
        yield slice(g * c, (g + 1) * c), slice(g * o, (g + 1) * o), (N, c, H, W, o, *window, 1, P, Q)


def _rows(y):
    """A channels-last (N, O, *spatial) as the matrix (N P Q, O) that it is in memory."""
    return np.moveaxis(y, 1, -1).reshape(-1, y.shape[1])


def _matrix(w):
    """A weight (O, C/G, *window) as the matrix (window C/G, O) that it is in memory."""
    return w.transpose((*range(2, w.ndim), 1, 0)).reshape(-1, w.shape[0])


def _column(values, like):
    """Values per channel that broadcast against (N, C, ...)."""
    return values.reshape(-1, *[1] * (like.ndim - 2))


def _mapped(x, m, activated=True):
    """What the map m makes of x, with or without its activation."""
    if m is None:
        return x
    z = x
    if m.scale is not None:
        z = _column(m.scale, x) * (x - _column(m.centre, x)) + _column(m.shift, x)
    return ROWS[m.activation].at(z, m.parameter) if m.activation and activated else z


def _sums(v, off, moments):
    """Per image the sums of v and v * off, in float64: NumPy adds along these axes one by one."""
    axes = tuple(range(2, v.ndim))
    moments.sums[:, 0] = v.sum(axes, np.float64)
    moments.sums[:, 1] = (v * off).sum(axes, np.float64)
