"""Maxima over windows and their gradients.

The forward kernel notes for each window the number of the place that won it; the backward kernel asks each position
which of its windows it won. So a gradient is written once by its owner, and no two threads add to one element.
"""

from tinydl._core.array cimport float_type
from tinydl._core.memory cimport Block
from tinydl._core.operands cimport Map, read_repeated_map
from tinydl._core.pool.loops cimport of_type, td_max_gather, td_max_row, td_max_tiles, td_pool_loop
from tinydl._core.pool.windows cimport (
    PoolCall, backward_windows, forward_windows, input_side, output_side, read_adaptive, read_geometry, run_backward,
    run_forward, winners,
)


cdef td_pool_loop max_loop(int dtype_num) noexcept:
    return of_type(td_max_row, dtype_num)


cdef int forward(x, y, argmax, Map on_x, PoolCall *k, int n_threads) except -1:
    k.pool.src = input_side(x, "x", k)
    k.pool.dst = output_side(y, "y", k, True)
    k.pool.codes = winners(argmax, "argmax", k, True)
    # The last vector of a position reads past its channels: the vectors of the map go on where it does.
    cdef Block _vectors = read_repeated_map(on_x, &k.pool.on_x, k.dtype_num, k.C, k.padded)
    cdef Block _tables = forward_windows(k, False)
    k.loop = max_loop(k.dtype_num)
    return run_forward(k, n_threads)


cdef int backward(dy, argmax, dx, PoolCall *k, int n_threads) except -1:
    k.pool.src = output_side(dy, "dy", k)
    k.pool.codes = winners(argmax, "argmax", k)
    k.pool.dst = input_side(dx, "dx", k, True)
    cdef Block _tables = backward_windows(k, False)
    k.loop, k.tiles = of_type(td_max_gather, k.dtype_num), of_type(td_max_tiles, k.dtype_num)
    return run_backward(k, n_threads)


def max_pool_forward(x, y, argmax, geometry, Map on_x, int n_threads, /):
    """y = maximum over the window of on_x(x); argmax = the winner's number kh KW + kw in the window.

    Positions in the padding do not compete. The first maximum wins; NaN beats numbers, and the last NaN wins. A window
    that lies in the padding altogether gives -inf and the number 255 (uint8) or -1 (int32).

    x : IN (N, C, H, W).  y : OUT (N, C, P, Q).  argmax : OUT (N, C, P, Q), uint8 if KH KW <= 255, else int32.
    on_x : a `Map` over C channels, or None.
    """
    cdef PoolCall k
    read_geometry(geometry, float_type(x, "x"), &k)
    forward(x, y, argmax, on_x, &k, n_threads)


def max_pool_backward(dy, argmax, dx, geometry, int n_threads, /):
    """dx = sum of dy over the windows that the element won; 0 where it won none.

    dy, argmax : IN (N, C, P, Q).  dx : OUT (N, C, H, W).
    """
    cdef PoolCall k
    read_geometry(geometry, float_type(dy, "dy"), &k)
    backward(dy, argmax, dx, &k, n_threads)


def adaptive_max_pool_forward(x, y, argmax, int n_threads, /):
    """y = maximum over the windows floor(i H / P) .. ceil((i + 1) H / P), and so for W; argmax = the winner's position
    h W + w.

    Ties and NaN as in `max_pool_forward`.

    x : IN (N, C, H, W) or (N, C, L).  y : OUT (N, C, P, Q) or (N, C, Q).  argmax : OUT int32, as y.
    """
    cdef PoolCall k
    read_adaptive(x, "x", y, "y", &k)
    forward(x, y, argmax, None, &k, n_threads)


def adaptive_max_pool_backward(dy, argmax, dx, int n_threads, /):
    """dx = sum of dy over the windows that the element won.

    dy, argmax (int32) : IN (N, C, P, Q) or (N, C, Q).  dx : OUT (N, C, H, W) or (N, C, L).
    """
    cdef PoolCall k
    read_adaptive(dx, "dx", dy, "dy", &k)
    backward(dy, argmax, dx, &k, n_threads)
