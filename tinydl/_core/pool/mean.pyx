"""Means over windows and their gradients.

A mean divides by the number of its positions, the product of one count per axis. The gradient multiplies by 1 / count
of each axis instead: divisions then are one per window and axis, not one per element.
"""

from tinydl._core.array cimport float_type
from tinydl._core.memory cimport Block
from tinydl._core.pool.loops cimport of_type, td_mean_gather, td_mean_row, td_mean_tiles, td_pool_loop
from tinydl._core.pool.windows cimport (
    PoolCall, backward_windows, forward_windows, input_side, output_side, read_adaptive, read_geometry, run_backward,
    run_forward,
)


cdef td_pool_loop mean_loop(int dtype_num) noexcept:
    return of_type(td_mean_row, dtype_num)


cdef int forward(x, y, bint include_pad, PoolCall *k, int n_threads) except -1:
    k.pool.src = input_side(x, "x", k)
    k.pool.dst = output_side(y, "y", k, True)
    cdef Block _tables = forward_windows(k, include_pad)
    k.loop = mean_loop(k.dtype_num)
    return run_forward(k, n_threads)


cdef int backward(dy, dx, bint include_pad, PoolCall *k, int n_threads) except -1:
    k.pool.src = output_side(dy, "dy", k)
    k.pool.dst = input_side(dx, "dx", k, True)
    cdef Block _tables = backward_windows(k, include_pad)
    k.loop, k.tiles = of_type(td_mean_gather, k.dtype_num), of_type(td_mean_tiles, k.dtype_num)
    return run_backward(k, n_threads)


def avg_pool_forward(x, y, bint count_include_pad, geometry, int n_threads, /):
    """y = sum over the window / number of its positions; 0 for a window without positions.

    Positions in the padding count (as zeros) if `count_include_pad`; positions beyond the padding, which a ceil-mode
    window may have, never do.

    x : IN (N, C, H, W).  y : OUT (N, C, P, Q).
    """
    cdef PoolCall k
    read_geometry(geometry, float_type(x, "x"), &k)
    forward(x, y, count_include_pad, &k, n_threads)


def avg_pool_backward(dy, dx, bint count_include_pad, geometry, int n_threads, /):
    """dx = sum over the windows that hold the element of dy / number of positions.

    dy : IN (N, C, P, Q).  dx : OUT (N, C, H, W).
    """
    cdef PoolCall k
    read_geometry(geometry, float_type(dy, "dy"), &k)
    backward(dy, dx, count_include_pad, &k, n_threads)


def adaptive_avg_pool_forward(x, y, int n_threads, /):
    """y = mean of x over the windows floor(i H / P) .. ceil((i + 1) H / P), and so for W.

    x : IN (N, C, H, W) or (N, C, L).  y : OUT (N, C, P, Q) or (N, C, Q).
    """
    cdef PoolCall k
    read_adaptive(x, "x", y, "y", &k)
    forward(x, y, False, &k, n_threads)


def adaptive_avg_pool_backward(dy, dx, int n_threads, /):
    """dx = sum over the windows that hold the element of dy / size of the window.

    dy : IN (N, C, P, Q) or (N, C, Q).  dx : OUT (N, C, H, W) or (N, C, L).
    """
    cdef PoolCall k
    read_adaptive(dx, "dx", dy, "dy", &k)
    backward(dy, dx, False, &k, n_threads)
