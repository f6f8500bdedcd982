"""A convolution written as a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl.inspect.trace import sample_shape
from tinydl.nn import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinydl.nn.module import Module

__all__ = ["ConvMatrix", "conv_matrix"]

_PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class ConvMatrix:
    """A sparse matrix A with vec(Y) = A vec(X): which tap of the weight stands where.

    Attributes
    ----------
    rows, columns : numpy.ndarray of int64
        Places of the entries. With 'reflect', 'replicate' or 'circular' padding a place may occur twice; the values add
        up then.
    taps : numpy.ndarray of int64
        Which entry of ``weight.reshape(-1)`` stands there: the same few weights over and over are what makes a
        convolution of a matrix.
    values : numpy.ndarray
        Those entries.
    shape : tuple of int
        (Y.size, X.size) for one sample.
    input_shape, output_shape : tuple of int
    bias : numpy.ndarray or None
        What is added to A vec(X), one entry per row.

    Notes
    -----
    ``A @ x`` multiplies a vector (or a matrix of columns), ``A.T`` is the transposed matrix, ``A.toarray()`` the dense
    one, ``A.toscipy()`` a ``scipy.sparse`` one.
    """

    def __init__(self, rows, columns, taps, values, shape, input_shape, output_shape, bias=None):
        self.rows, self.columns, self.taps, self.values = rows, columns, taps, values
        self.shape, self.input_shape, self.output_shape, self.bias = shape, input_shape, output_shape, bias

    @property
    def nnz(self):
        """Number of entries stored."""
        return len(self.values)

    @property
    def T(self):
        """The transposed matrix, which takes dY to dX."""
        return ConvMatrix(self.columns, self.rows, self.taps, self.values, self.shape[::-1], self.output_shape,
                          self.input_shape)

    def __matmul__(self, x):
        x = np.asarray(x)
        if x.ndim not in (1, 2) or len(x) != self.shape[1]:
            raise ValueError(f"a matrix of shape {self.shape} multiplies {self.shape[1]} entries, got shape {x.shape}; "
                             "flatten a sample with .reshape(-1)")
        y = np.zeros((self.shape[0], *x.shape[1:]), np.result_type(x, self.values))
        np.add.at(y, self.rows, self.values.reshape((-1,) + (1,) * (x.ndim - 1)) * x[self.columns])
        return y

    def toarray(self):
        """The dense matrix."""
        dense = np.zeros(self.shape, self.values.dtype)
        np.add.at(dense, (self.rows, self.columns), self.values)
        return dense

    def toscipy(self):
        """The matrix as a ``scipy.sparse.csr_array``."""
        from scipy.sparse import coo_array

        return coo_array((self.values, (self.rows, self.columns)), shape=self.shape).tocsr()

    def pattern(self):
        """The matrix as text: the number of the tap (from 1) where an entry stands, a dot where none does."""
        cells = np.full(self.shape, ".", dtype=object)
        for row, column, tap in zip(self.rows, self.columns, self.taps, strict=True):
            cells[row, column] = str(tap + 1)
        width = max((len(cell) for cell in cells.ravel()), default=1)
        return "\n".join(" ".join(cell.rjust(width) for cell in row) for row in cells)

    def __repr__(self):
        share = self.nnz / max(1, self.shape[0] * self.shape[1])
        return (f"ConvMatrix(shape={self.shape}, nnz={self.nnz} ({100 * share:.2g} %), {self.input_shape} -> "
                f"{self.output_shape})")


def conv_matrix(layer: Module, input_shape: Sequence[int]) -> ConvMatrix:
    r"""The matrix A of a convolution: vec(Y) = A vec(X) + b, vec in row-major order of (C, H, W).

    Row (o, p, q) holds weight w[o, c, i, j] in column (c, p SH - PH + i DH, q SW - PW + j DW). The backward pass is the
    transposed matrix, dX = A' dY, which for stride 1 is itself a convolution: with the filters reversed, in and out
    exchanged, and padding K - 1.

    Parameters
    ----------
    layer : Conv1d, Conv2d, ConvTranspose1d or ConvTranspose2d
        With any stride, padding, padding mode, dilation and groups.
    input_shape : tuple of int
        Shape of one sample, (C, L) or (C, H, W).

    Returns
    -------
    ConvMatrix
        Sparse; ``toarray()`` gives the dense matrix.

    Raises
    ------
    TypeError
        For other layers; `jacobian` gives their matrices.
    ValueError
        If `input_shape` does not fit the layer.

    Examples
    --------
    >>> import tinydl as td
    >>> A = conv_matrix(td.nn.Conv1d(1, 1, 3), (1, 5))
    >>> print(A.pattern())
    1 2 3 . .
    . 1 2 3 .
    . . 1 2 3
    """
    transposed = isinstance(layer, (ConvTranspose1d, ConvTranspose2d))
    if not transposed and not isinstance(layer, (Conv1d, Conv2d)):
        raise TypeError(f"conv_matrix() takes a convolution, got {type(layer).__name__}; jacobian(layer, x) gives the "
                        "matrix of any layer")
    shape = sample_shape(input_shape)
    n = len(layer.kernel_size)
    if len(shape) != n + 1 or shape[0] != layer.in_channels:
        raise ValueError(f"{type(layer).__name__} takes samples of ({layer.in_channels}, "
                         f"{'L' if n == 1 else 'H, W'}), got input_shape {shape}")
    weight = layer.weight.data
    if transposed:
        lengths, padding, more = layer.geometry(shape[1:])
        output = (layer.out_channels, *lengths)
        axes = zip(shape[1:], layer.stride, layer.dilation, layer.kernel_size, padding, more, lengths, strict=True)
        # What padding='same' cuts off behind lies in the padding too.
        widths = [(p, (size - 1) * s + d * (k - 1) + 1 - p + extra - n) for size, s, d, k, p, extra, n in axes]
        columns, rows, taps, _ = _places(output, shape[1:], layer, widths, "zeros", weight.shape)
    else:
        widths = _widths(layer, shape[1:])
        rows, columns, taps, output = _places(shape, None, layer, widths, layer.padding_mode, weight.shape)
    bias = None if layer.bias is None else np.repeat(layer.bias.data, int(np.prod(output[1:])))
    order = np.lexsort((columns, rows))
    rows, columns, taps = rows[order], columns[order], taps[order]
    values = np.ascontiguousarray(weight).reshape(-1)[taps]
    return ConvMatrix(rows, columns, taps, values, (int(np.prod(output)), int(np.prod(shape))), shape, output, bias)


def _widths(layer, spatial):
    """Padding before and behind each axis."""
    if layer.padding == "valid":
        return [(0, 0)] * len(spatial)
    if layer.padding == "same":
        widths = []
        for size, k, s, d in zip(spatial, layer.kernel_size, layer.stride, layer.dilation, strict=True):
            total = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
            widths.append((total // 2, total - total // 2))
        return widths
    return [(p, p) for p in layer.padding]


def _places(shape, out, layer, widths, mode, weight_shape):
    """(row, column, tap) of every entry of the matrix of a convolution on samples of `shape`, and its output's shape.

    `weight_shape` is (O, C / groups, *window). The positions of the input are numbered, padded and windowed as the
    values would be; -1 stands where padding with zeros leaves no entry.
    """
    n = len(shape) - 1
    number = np.arange(int(np.prod(shape))).reshape(shape)
    widths = [(0, 0), *widths]
    if mode == "zeros":
        number = np.pad(number, widths, constant_values=-1)
    else:
        number = np.pad(number, widths, mode=_PAD_MODES[mode])
    n_out, n_in = weight_shape[:2]
    kernel, per_group = weight_shape[2:], n_out // layer.groups
    if out is None:
        reach = [d * (k - 1) + 1 for k, d in zip(kernel, layer.dilation, strict=True)]
        if any(r > size for r, size in zip(reach, number.shape[1:], strict=True)):
            raise ValueError(f"the window {kernel} is larger than the padded input {number.shape[1:]}; add padding or "
                             "use a smaller window")
        out = [(size - r) // s + 1 for size, r, s in zip(number.shape[1:], reach, layer.stride, strict=True)]
    # index[axis][p, i] = where output position p finds tap i
    index = [s * np.arange(p)[:, None] + d * np.arange(k)
             for p, k, s, d in zip(out, kernel, layer.stride, layer.dilation, strict=True)]
    if n == 1:
        columns = number[:, index[0]]                                                      # (C, P, KH)
    else:
        columns = number[:, index[0][:, None, :, None], index[1][None, :, None, :]]        # (C, P, Q, KH, KW)
    groups = np.arange(n_out) // per_group
    channels = groups[:, None] * n_in + np.arange(n_in)                                    # (O, C / groups)
    columns = columns[channels]                                                            # (O, C / groups, *out, *K)
    rows = np.arange(n_out * int(np.prod(out))).reshape((n_out, 1, *out, *(1,) * n))
    taps = np.arange(int(np.prod(weight_shape))).reshape((n_out, n_in, *(1,) * n, *kernel))
    rows, taps = np.broadcast_to(rows, columns.shape), np.broadcast_to(taps, columns.shape)
    inside = columns >= 0
    return rows[inside], columns[inside], taps[inside], (n_out, *out)
