"""What a window holds, written down once per call in two tables of spans, one per axis (src/pool.h).

For each output they hold its taps, or for each input the windows it lies in. Stride, padding, dilation and adaptive
windows differ in the tables only. Backward kernels gather: every element of dx is written once, by its owner, whether
windows overlap or leave gaps.
"""

from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.string cimport memset
from tinydl._core.array cimport (
    NPY_FLOAT32, NPY_INT32, NPY_UINT8, PyArray_DIMS, PyArray_NDIM, PyArrayObject, channels_last, float_type, ndarray,
)
from tinydl._core.memory cimport Block
from tinydl._core.parallel cimport check_team
from tinydl._core.pool.loops cimport td_pool_run, td_span
from tinydl._core.pool.spans cimport Axis, shares, taps_of_windows, tiled, windows_of_taps
from tinydl._core.vector cimport lanes_of_size, td_flush_denormals, td_restore_denormals

cdef enum:
    # Elements, of input or output, that one task touches at least.
    CHUNK = 16384
    # Largest number of a geometry: sums of products of two of them fit 64 bits.
    LIMIT = 2147483647


# --- geometry and arrays ---------------------------------------------------------------------------------------------

# Every number of the call that nobody sets is 0 and every pointer NULL: no codes, no map, no tiles.

cdef void begin(PoolCall *k, int dtype_num) noexcept:
    memset(k, 0, sizeof(PoolCall))
    k.dtype_num, k.itemsize = dtype_num, 4 if dtype_num == NPY_FLOAT32 else 8


cdef void set_channels(PoolCall *k, Py_ssize_t N, Py_ssize_t C) noexcept:
    cdef Py_ssize_t lanes = lanes_of_size(k.itemsize)
    k.N, k.C, k.pool.C, k.padded = N, C, C, (C + lanes - 1) // lanes * lanes


cdef int read_geometry(object geometry, int dtype_num, PoolCall *k) except -1:
    """Fill sizes and axes from (N, C, H, W, KH, KW, SH, SW, PH, PW, DH, DW, P, Q)."""
    if len(geometry) != 14:
        raise ValueError(f"geometry: expected (N, C, H, W, KH, KW, SH, SW, PH, PW, DH, DW, P, Q), got {geometry}")
    cdef Py_ssize_t v[14]
    cdef int i
    geometry = tuple(geometry)  # entries of a named tuple would be asked for through a method call each
    begin(k, dtype_num)
    # Sizes and paddings may be 0: an empty batch is a call like any other. Windows, strides and dilations may not.
    for i in range(14):
        if not (1 if 4 <= i < 8 or 10 <= i < 12 else 0) <= geometry[i] <= LIMIT:
            raise ValueError(f"geometry: {geometry[i]} at place {i} of {geometry} is out of range")
        v[i] = geometry[i]
    if v[4] * v[5] > LIMIT:
        raise ValueError(f"geometry: a window of {v[4]} x {v[5]} positions is too large")
    set_channels(k, v[0], v[1])
    k.rows = Axis(size=v[2], n=v[12], window=v[4], stride=v[6], padding=v[8], dilation=v[10])
    k.cols = Axis(size=v[3], n=v[13], window=v[5], stride=v[7], padding=v[9], dilation=v[11])
    # uint8 codes keep 255 for a window that nobody won.
    k.pool.wide = v[4] * v[5] > 255
    return 0


cdef int read_adaptive(object x, str name_x, object y, str name_y, PoolCall *k) except -1:
    """Fill sizes and axes from the shapes of x (N, C, H, W) or (N, C, L) and y (N, C, P, Q) or (N, C, Q)."""
    begin(k, float_type(x, name_x))
    float_type(y, name_y)
    cdef int ndim = PyArray_NDIM(<PyArrayObject *> x)
    if not 3 <= ndim <= 4 or PyArray_NDIM(<PyArrayObject *> y) != ndim:
        raise ValueError(f"expected {name_x} and {name_y} (N, C, H, W) or (N, C, L), got shapes {x.shape}, {y.shape}")
    cdef Py_ssize_t *x_dims = PyArray_DIMS(<PyArrayObject *> x)
    cdef Py_ssize_t *y_dims = PyArray_DIMS(<PyArrayObject *> y)
    set_channels(k, x_dims[0], x_dims[1])
    # A signal is an image of one row.
    k.rows.size, k.rows.n = 1, 1
    if ndim == 4:
        k.rows.size, k.rows.n = x_dims[2], y_dims[2]
    k.cols.size, k.cols.n = x_dims[ndim - 1], y_dims[ndim - 1]
    if (k.rows.size == 0 or k.cols.size == 0) and k.rows.n * k.cols.n != 0:
        raise ValueError(f"{name_x}: cannot pool an empty image of shape {x.shape} to {y.shape}")
    if k.rows.size * k.cols.size > LIMIT:
        raise ValueError(f"{name_x}: an image of {k.rows.size} x {k.cols.size} positions is too large")
    # A code is a position of the image, of which there may be more than 255.
    k.pool.wide = True
    return 0


cdef void *activation(object a, str name, int dtype_num, const Py_ssize_t *shape, bint writable) except? NULL:
    """Pointer to a channels-last (N, C, H, W), or (N, C, W) where H is 1."""
    cdef PyArrayObject *array = ndarray(a, name)
    cdef int ndim = PyArray_NDIM(array)
    cdef Py_ssize_t *dims = PyArray_DIMS(array)
    if not ((ndim == 4 and dims[2] == shape[2] or ndim == 3 and shape[2] == 1)
            and dims[0] == shape[0] and dims[1] == shape[1] and dims[ndim - 1] == shape[3]):
        raise ValueError(f"{name}: expected shape {(shape[0], shape[1], shape[2], shape[3])}, got {a.shape}")
    return channels_last(a, name, dtype_num, a.size, writable)


cdef void *input_side(object a, str name, const PoolCall *k, bint writable=False) except? NULL:
    """Pointer to x or dx (N, C, H, W)."""
    cdef Py_ssize_t *shape = [k.N, k.C, k.rows.size, k.cols.size]
    return activation(a, name, k.dtype_num, shape, writable)


cdef void *output_side(object a, str name, const PoolCall *k, bint writable=False) except? NULL:
    """Pointer to y or dy (N, C, P, Q)."""
    cdef Py_ssize_t *shape = [k.N, k.C, k.rows.n, k.cols.n]
    return activation(a, name, k.dtype_num, shape, writable)


cdef void *winners(object a, str name, const PoolCall *k, bint writable=False) except? NULL:
    """Pointer to the codes of the winners (N, C, P, Q)."""
    # Places of a window mostly fit a byte, which the backward pass then reads instead of four.
    cdef Py_ssize_t *shape = [k.N, k.C, k.rows.n, k.cols.n]
    return activation(a, name, NPY_INT32 if k.pool.wide else NPY_UINT8, shape, writable)


# --- the tables of a call --------------------------------------------------------------------------------------------

cdef inline int64_t row_code(const PoolCall *k) noexcept nogil:
    # Codes number the positions of a window row by row, those of the image where windows are adaptive. The code of a
    # tap is then a sum of one number per axis, which is all that the spans hold.
    return k.cols.window if k.cols.window else k.cols.size


cdef void split(PoolCall *k, Py_ssize_t n_rows) noexcept nogil:
    # Tasks are whole rows of dst, as many as touch CHUNK elements: a function of the shape alone. No sum crosses a row.
    k.task_rows = max(CHUNK // max(max(k.n_src, k.n_dst) // max(n_rows, 1), 1), 1)
    k.n_tasks = (n_rows + k.task_rows - 1) // k.task_rows


cdef Block forward_windows(PoolCall *k, bint include_pad):
    """Spans of the taps of each window; `include_pad` is about the counts of a mean."""
    k.n_src, k.n_dst = k.N * k.C * k.rows.size * k.cols.size, k.N * k.C * k.rows.n * k.cols.n
    k.pool.row, k.pool.step = k.cols.size * k.C, k.cols.stride * k.C
    if k.n_dst == 0:
        # No tasks and no tables.
        return None
    cdef Block block = Block((k.rows.n + k.cols.n) * sizeof(td_span))
    k.row_spans = <td_span *> block.address
    k.col_spans = k.row_spans + k.rows.n
    taps_of_windows(k.row_spans, &k.rows, row_code(k), include_pad)
    taps_of_windows(k.col_spans, &k.cols, 1, include_pad)
    # Columns with all their taps inside are alike but for a shift. Adaptive windows differ from column to column.
    if k.cols.window:
        while k.first < k.cols.n and k.col_spans[k.first].n < k.cols.window:
            k.first += 1
        k.last = k.first
        while k.last < k.cols.n and k.col_spans[k.last].n == k.cols.window:
            k.last += 1
    split(k, k.N * k.rows.n)
    return block


cdef Block backward_windows(PoolCall *k, bint include_pad):
    """Spans of the windows of each input position, and the shares of a mean's gradient."""
    k.n_src, k.n_dst = k.N * k.C * k.rows.n * k.cols.n, k.N * k.C * k.rows.size * k.cols.size
    k.pool.row = k.cols.n * k.C
    if k.n_dst == 0:
        # No tasks and no tables.
        return None
    cdef Py_ssize_t m = max(k.rows.size, k.rows.n), n = max(k.cols.size, k.cols.n)
    # The tables serve twice: shares come from the spans of windows, which the spans of positions then replace.
    cdef Block block = Block((m + n) * (sizeof(td_span) + sizeof(double)))
    k.row_spans = <td_span *> block.address
    k.col_spans = k.row_spans + m
    cdef double *row_share = <double *> (k.col_spans + n)
    k.pool.row_share, k.pool.col_share = row_share, row_share + m
    taps_of_windows(k.row_spans, &k.rows, row_code(k), include_pad)
    taps_of_windows(k.col_spans, &k.cols, 1, include_pad)
    shares(k.row_spans, row_share, k.rows.n, k.dtype_num)
    shares(k.col_spans, row_share + m, k.cols.n, k.dtype_num)
    windows_of_taps(k.row_spans, &k.rows, row_code(k))
    windows_of_taps(k.col_spans, &k.cols, 1)
    # The loop over tiles reads a row of dy once instead of asking each position for its window; codes are uint8 there.
    k.pool.tile = k.cols.window if tiled(&k.rows) and tiled(&k.cols) and not k.pool.wide else 0
    split(k, k.N * k.rows.size)
    return block


# --- tasks -----------------------------------------------------------------------------------------------------------

# A vector may reach beyond the channels of its position where that stays inside the arrays and inside the task's part
# of the output (what it overwrites there is written later): `room` says so for positions that end just before the
# elements `read` and `written`. Elsewhere the loop cuts its last vector.

cdef inline bint room(const PoolCall *k, Py_ssize_t read, Py_ssize_t written, Py_ssize_t stop) noexcept nogil:
    cdef Py_ssize_t extra = k.padded - k.C
    return extra == 0 or (read + extra <= k.n_src and written + extra <= stop)


cdef inline Py_ssize_t reach(const td_pool_run *run, Py_ssize_t width) noexcept nogil:
    # From the first to behind the last position of a window, `width` positions to a row.
    return (run.rows.n - 1) * run.rows.step * width + (run.cols.n - 1) * run.cols.step + 1


cdef void forward_task(const PoolCall *k, Py_ssize_t task) noexcept nogil:
    """Rows of y. Neighbours whose windows are alike, which is all but those at the border, are one run of the loop."""
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t P = k.rows.n, Q = k.cols.n, W = k.cols.size, top, n, row, q, stop, end
    cdef td_pool_run run
    cdef bint row_room
    stop = min(k.N * P, (task + 1) * k.task_rows)
    end = stop * Q * k.C
    for row in range(task * k.task_rows, stop):
        n = row // P
        run.rows = &k.row_spans[row - n * P]
        top = n * k.rows.size + run.rows.start
        # Where the last window of the row has room all have, as they are written from left to right.
        row_room = room(k, (top + (run.rows.n - 1) * run.rows.step + 1) * W * k.C, (row + 1) * Q * k.C, end)
        q = 0
        while q < Q:
            run.cols = &k.col_spans[q]
            run.src = (top * W + run.cols.start) * k.C
            run.dst = (row * Q + q) * k.C
            run.count = k.last - q if row_room and k.first <= q < k.last else 1
            run.whole = row_room or room(k, run.src + reach(&run, W) * k.C, run.dst + k.C, end)
            k.loop(&k.pool, &run)
            q += run.count
    td_restore_denormals(saved)


cdef void backward_task(const PoolCall *k, Py_ssize_t task) noexcept nogil:
    """Rows of dx. A row under windows that tile the input is one run, else each position gathers from its windows."""
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t H = k.rows.size, W = k.cols.size, P = k.rows.n, Q = k.cols.n, top, n, row, w, stop, end
    cdef Py_ssize_t item = k.itemsize
    cdef char *dst = <char *> k.pool.dst
    cdef td_pool_run run
    stop = min(k.N * H, (task + 1) * k.task_rows)
    end = stop * W * k.C
    for row in range(task * k.task_rows, stop):
        n = row // H
        run.rows = &k.row_spans[row - n * H]
        run.dst = row * W * k.C
        # A row between the windows, where strides are larger than they are.
        if run.rows.n == 0:
            memset(dst + run.dst * item, 0, W * k.C * item)
            continue
        top = n * P + run.rows.start
        if k.pool.tile and room(k, (top + 1) * Q * k.C, (row + 1) * W * k.C, end):
            run.src, run.count = top * Q * k.C, Q
            k.tiles(&k.pool, &run)
            # The rest of the row, narrower than a window, belongs to none.
            w = Q * k.pool.tile
            memset(dst + (run.dst + w * k.C) * item, 0, (W - w) * k.C * item)
            continue
        run.count = 1
        for w in range(W):
            run.cols = &k.col_spans[w]
            run.src = (top * Q + run.cols.start) * k.C
            run.dst = (row * W + w) * k.C
            run.whole = room(k, run.src + reach(&run, Q) * k.C, run.dst + k.C, end)
            k.loop(&k.pool, &run)
    td_restore_denormals(saved)


cdef int run_forward(const PoolCall *k, int n_threads) except -1:
    cdef Py_ssize_t task
    check_team(n_threads)
    for task in prange(k.n_tasks, nogil=True, num_threads=n_threads, schedule="static", use_threads_if=k.n_tasks > 1):
        forward_task(k, task)
    return 0


cdef int run_backward(const PoolCall *k, int n_threads) except -1:
    cdef Py_ssize_t task
    check_team(n_threads)
    for task in prange(k.n_tasks, nogil=True, num_threads=n_threads, schedule="static", use_threads_if=k.n_tasks > 1):
        backward_task(k, task)
    return 0
