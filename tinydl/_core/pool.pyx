"""Pooling: maximum and mean over windows, their gradients, adaptive windows, global mean.

Activations are (N, C, H, W) or (N, C, L), channels last in memory. What a window holds is written
down once per call in two tables of spans, one per axis (src/pool.h): for each output its taps, or for each input the
windows it lies in. Stride, padding, dilation and adaptive windows differ in the tables only. Backward kernels gather:
every element of dx is written once, by its owner, whether windows overlap or leave gaps.

geometry = (N, C, H, W, KH, KW, SH, SW, PH, PW, DH, DW, P, Q); 1-D is H = KH = SH = DH = P = 1, PH = 0.
"""

from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset
from tinydl._core.array cimport (
    NPY_FLOAT32, NPY_INT32, NPY_UINT8, PyArray_Check, PyArray_DIMS, PyArray_NDIM, PyArrayObject, channels_last, data,
    float_type, import_array, real,
)
from tinydl._core.memory cimport Block
from tinydl._core.inference.program cimport Step, make_step

from tinydl._core.memory import scratch

cdef extern from "src/vector.h" nogil:
    unsigned int td_flush_denormals() noexcept
    void td_restore_denormals(unsigned int) noexcept
    enum:
        TD_LANES_F
        TD_LANES_D

cdef extern from "src/rows.h" nogil:
    Py_ssize_t td_period(Py_ssize_t C) noexcept
    void td_total_f(const float *x, const float *scale, const float *shift, float *s, Py_ssize_t n, Py_ssize_t L,
                    int relu) noexcept
    void td_total_d(const double *x, const double *scale, const double *shift, double *s, Py_ssize_t n, Py_ssize_t L,
                    int relu) noexcept
    void td_fold_f(float *s, Py_ssize_t C, Py_ssize_t L) noexcept
    void td_fold_d(double *s, Py_ssize_t C, Py_ssize_t L) noexcept
    void td_repeat_f(const float *v, float *out, Py_ssize_t C, Py_ssize_t L) noexcept
    void td_repeat_d(const double *v, double *out, Py_ssize_t C, Py_ssize_t L) noexcept

cdef extern from "src/pool.h" nogil:
    ctypedef struct td_span:
        Py_ssize_t start, step, n
        int64_t code, code_step
    void td_max_row_f(const float *x, Py_ssize_t row, Py_ssize_t col, const td_span *r, const td_span *q,
                      const float *scale, const float *shift, int relu, float *y, void *codes, Py_ssize_t o,
                      Py_ssize_t C, Py_ssize_t count, Py_ssize_t step, int wide, int whole) noexcept
    void td_max_row_d(const double *x, Py_ssize_t row, Py_ssize_t col, const td_span *r, const td_span *q,
                      const double *scale, const double *shift, int relu, double *y, void *codes, Py_ssize_t o,
                      Py_ssize_t C, Py_ssize_t count, Py_ssize_t step, int wide, int whole) noexcept
    void td_max_gather_f(const float *dy, const void *codes, Py_ssize_t i, Py_ssize_t row, Py_ssize_t col,
                         const td_span *r, const td_span *q, float *dx, Py_ssize_t C, int wide, int whole) noexcept
    void td_max_gather_d(const double *dy, const void *codes, Py_ssize_t i, Py_ssize_t row, Py_ssize_t col,
                         const td_span *r, const td_span *q, double *dx, Py_ssize_t C, int wide, int whole) noexcept
    void td_max_tiles_f(const float *dy, const void *codes, Py_ssize_t i, int64_t code, float *dx, Py_ssize_t C,
                        Py_ssize_t n, Py_ssize_t width) noexcept
    void td_max_tiles_d(const double *dy, const void *codes, Py_ssize_t i, int64_t code, double *dx, Py_ssize_t C,
                        Py_ssize_t n, Py_ssize_t width) noexcept
    void td_mean_row_f(const float *x, Py_ssize_t row, Py_ssize_t col, const td_span *r, const td_span *q,
                       Py_ssize_t count, float *y, Py_ssize_t C, Py_ssize_t n, Py_ssize_t step, int whole) noexcept
    void td_mean_row_d(const double *x, Py_ssize_t row, Py_ssize_t col, const td_span *r, const td_span *q,
                       Py_ssize_t count, double *y, Py_ssize_t C, Py_ssize_t n, Py_ssize_t step, int whole) noexcept
    void td_mean_tiles_f(const float *dy, float share, float *dx, Py_ssize_t C, Py_ssize_t n,
                         Py_ssize_t width) noexcept
    void td_mean_tiles_d(const double *dy, double share, double *dx, Py_ssize_t C, Py_ssize_t n,
                         Py_ssize_t width) noexcept
    void td_mean_gather_f(const float *dy, Py_ssize_t row, Py_ssize_t col, const td_span *r, const td_span *q,
                          const float *share_row, const float *share_col, float *dx, Py_ssize_t C,
                          int whole) noexcept
    void td_mean_gather_d(const double *dy, Py_ssize_t row, Py_ssize_t col, const td_span *r, const td_span *q,
                          const double *share_row, const double *share_col, double *dx, Py_ssize_t C,
                          int whole) noexcept

import_array()

cdef enum:
    CHUNK = 16384  # elements, of input or output, that one task touches at least
    LIMIT = 2147483647

# One axis of a pool: `size` inputs, `n` windows. window 0 stands for adaptive windows.
cdef struct Axis:
    Py_ssize_t size, n, window, stride, padding, dilation

# What a task needs to know.
cdef struct Job:
    Py_ssize_t N, C, H, W, P, Q
    Py_ssize_t rows         # output rows (of y or of dx) of one task
    Py_ssize_t n_tasks
    Py_ssize_t padded       # C rounded up to whole vectors
    Py_ssize_t n_in, n_out  # elements of the side (N, C, H, W) and of the side (N, C, P, Q)
    Py_ssize_t first, last  # output columns first <= q < last have all their taps inside the input
    Py_ssize_t step         # elements between the windows of two neighbours among these
    Py_ssize_t tile         # width of windows that tile the input exactly, without padding; else 0
    int wide                # winner codes are int32, not uint8
    td_span *row_spans
    td_span *col_spans
    Py_ssize_t *row_counts
    Py_ssize_t *col_counts
    void *row_shares
    void *col_shares
    void *scale
    void *shift
    int relu


cdef inline Py_ssize_t ceil_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    # b > 0; C division rounds towards zero.
    return -((-a) // b) if a <= 0 else (a + b - 1) // b


cdef inline Py_ssize_t clip(Py_ssize_t v, Py_ssize_t low, Py_ssize_t high) noexcept nogil:
    return low if v < low else (high if v > high else v)


cdef inline Py_ssize_t gcd(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    while b != 0:
        a, b = b, a % b
    return a


cdef void taps_of_windows(td_span *s, const Axis *a, int64_t code) noexcept nogil:
    # For each window its taps inside the input; tap k has the code k * code, or position * code if adaptive.
    cdef Py_ssize_t i, start, first, last
    for i in range(a.n):
        if a.window == 0:
            s[i].start = i * a.size // a.n
            s[i].step = 1
            s[i].n = ceil_div((i + 1) * a.size, a.n) - s[i].start
            s[i].code = s[i].start * code
        else:
            start = i * a.stride - a.padding
            first = clip(ceil_div(-start, a.dilation), 0, a.window)
            last = clip(ceil_div(a.size - start, a.dilation), first, a.window)
            s[i].start = start + first * a.dilation
            s[i].step = a.dilation
            s[i].n = last - first
            s[i].code = first * code
        s[i].code_step = code
        if s[i].n == 0:
            s[i].start = 0


cdef void windows_of_taps(td_span *s, const Axis *a, int64_t code) noexcept nogil:
    # For each input position the windows that hold it, with the code it has in each.
    # Windows are `step` apart, the least number for which step * stride is a multiple of the dilation.
    cdef Py_ssize_t h, first, last, step = a.dilation // gcd(a.stride, a.dilation) if a.window != 0 else 1
    for h in range(a.size):
        if a.window == 0:
            first = h * a.n // a.size
            last = ceil_div((h + 1) * a.n, a.size)
            s[h].code = h * code
            s[h].code_step = 0
        else:
            first = clip(ceil_div(h + a.padding - (a.window - 1) * a.dilation, a.stride), 0, a.n)
            last = clip((h + a.padding) // a.stride + 1, first, a.n)
            while first < last and (h + a.padding - first * a.stride) % a.dilation != 0:
                first += 1
            s[h].code = (h + a.padding - first * a.stride) // a.dilation * code
            s[h].code_step = -(step * a.stride // a.dilation) * code
        s[h].start = first if first < last else 0
        s[h].step = step
        s[h].n = ceil_div(last - first, step)


cdef void count_taps(Py_ssize_t *count, const Axis *a, const td_span *taps, bint include_pad) noexcept nogil:
    # Positions a mean divides by: with `include_pad` those in the padding too, but none beyond it.
    cdef Py_ssize_t i
    for i in range(a.n):
        if include_pad and a.window != 0:
            count[i] = clip(ceil_div(a.size + 2 * a.padding - i * a.stride, a.dilation), 0, a.window)
        else:
            count[i] = taps[i].n


cdef int read_geometry(object geometry, Job *k, Axis *rows, Axis *cols) except -1:
    if len(geometry) != 14:
        raise ValueError(f"geometry: expected (N, C, H, W, KH, KW, SH, SW, PH, PW, DH, DW, P, Q), got {geometry}")
    cdef Py_ssize_t v[14]
    cdef int i
    for i in range(14):
        if not (1 if 4 <= i < 8 or 10 <= i < 12 else 0) <= geometry[i] <= LIMIT:
            raise ValueError(f"geometry: {geometry[i]} at place {i} of {geometry} is out of range")
        v[i] = geometry[i]
    if v[4] * v[5] > LIMIT:
        raise ValueError(f"geometry: a window of {v[4]} x {v[5]} positions is too large")
    k.N, k.C, k.H, k.W, k.P, k.Q = v[0], v[1], v[2], v[3], v[12], v[13]
    rows.size, rows.n, rows.window, rows.stride, rows.padding, rows.dilation = v[2], v[12], v[4], v[6], v[8], v[10]
    cols.size, cols.n, cols.window, cols.stride, cols.padding, cols.dilation = v[3], v[13], v[5], v[7], v[9], v[11]
    k.wide = v[4] * v[5] > 255
    return 0


cdef int read_adaptive(object x, str name_x, object y, str name_y, Job *k, Axis *rows, Axis *cols) except -1:
    float_type(x, name_x)
    float_type(y, name_y)
    cdef int ndim = PyArray_NDIM(<PyArrayObject *> x)
    if not 3 <= ndim <= 4 or PyArray_NDIM(<PyArrayObject *> y) != ndim:
        raise ValueError(f"expected {name_x} and {name_y} (N, C, H, W) or (N, C, L), got shapes {x.shape}, {y.shape}")
    cdef Py_ssize_t *dx = PyArray_DIMS(<PyArrayObject *> x)
    cdef Py_ssize_t *dy = PyArray_DIMS(<PyArrayObject *> y)
    k.N, k.C, k.H, k.W = dx[0], dx[1], dx[2] if ndim == 4 else 1, dx[ndim - 1]
    k.P, k.Q = dy[2] if ndim == 4 else 1, dy[ndim - 1]
    if (k.H == 0 or k.W == 0) and k.P * k.Q != 0:
        raise ValueError(f"{name_x}: cannot pool an empty image of shape {x.shape} to {y.shape}")
    if k.H * k.W > LIMIT:
        raise ValueError(f"{name_x}: an image of {k.H} x {k.W} positions is too large")
    memset(rows, 0, sizeof(Axis))
    memset(cols, 0, sizeof(Axis))
    rows.size, rows.n, cols.size, cols.n = k.H, k.P, k.W, k.Q
    k.wide = True
    return 0


cdef void *activation(object a, str name, int t, Py_ssize_t N, Py_ssize_t C, Py_ssize_t H, Py_ssize_t W,
                      bint writable=False) except? NULL:
    """Pointer to a channels-last (N, C, H, W), or (N, C, W) where H is 1."""
    if not PyArray_Check(a):
        raise TypeError(f"{name}: expected a NumPy array, got {type(a).__name__}")
    cdef int ndim = PyArray_NDIM(<PyArrayObject *> a)
    cdef Py_ssize_t *dims = PyArray_DIMS(<PyArrayObject *> a)
    if not ((ndim == 4 and dims[2] == H or ndim == 3 and H == 1)
            and dims[0] == N and dims[1] == C and dims[ndim - 1] == W):
        raise ValueError(f"{name}: expected shape {(N, C, H, W)}, got {a.shape}")
    return channels_last(a, name, t, a.size, writable)


cdef Block tables(Job *k, const Axis *rows, const Axis *cols, int t, bint backward, bint share, bint include_pad):
    """Fill the tables of spans, counts and shares in one block, and decide the tasks."""
    cdef Py_ssize_t lanes = TD_LANES_F if t == NPY_FLOAT32 else TD_LANES_D
    k.scale = k.shift = NULL
    k.relu = False
    k.padded = (k.C + lanes - 1) // lanes * lanes
    k.n_in = k.N * k.C * k.H * k.W
    k.n_out = k.N * k.C * k.P * k.Q
    k.n_tasks = 0
    if (k.n_in if backward else k.n_out) == 0:
        return None
    cdef Py_ssize_t m = max(rows.size, rows.n), n = max(cols.size, cols.n), i
    cdef int64_t row_code = cols.window if cols.window else cols.size
    cdef Block block = scratch((m + n) * (sizeof(td_span) + 2 * sizeof(Py_ssize_t)) + 64)
    k.row_spans = <td_span *> block.address
    k.col_spans = k.row_spans + m
    k.row_counts = <Py_ssize_t *> (k.col_spans + n)
    k.col_counts = k.row_counts + m
    k.row_shares = k.col_counts + n
    k.col_shares = <double *> k.row_shares + m
    taps_of_windows(k.row_spans, rows, row_code)
    taps_of_windows(k.col_spans, cols, 1)
    if share or not backward:
        count_taps(k.row_counts, rows, k.row_spans, include_pad)
        count_taps(k.col_counts, cols, k.col_spans, include_pad)
    if share:
        for i in range(rows.n):
            set_share(k.row_shares, i, k.row_counts[i], t)
        for i in range(cols.n):
            set_share(k.col_shares, i, k.col_counts[i], t)
    if backward:
        windows_of_taps(k.row_spans, rows, row_code)
        windows_of_taps(k.col_spans, cols, 1)
        k.tile = cols.window if (tiled(rows) and tiled(cols) and not k.wide) else 0
    k.first = k.last = 0
    if cols.window and not backward:
        while k.first < cols.n and k.col_spans[k.first].n < cols.window:
            k.first += 1
        k.last = k.first
        while k.last < cols.n and k.col_spans[k.last].n == cols.window:
            k.last += 1
    k.step = cols.stride * k.C
    cdef Py_ssize_t n_rows = k.N * (k.H if backward else k.P)
    k.rows = max(CHUNK // max(max(k.n_in, k.n_out) // max(n_rows, 1), 1), 1)
    k.n_tasks = (n_rows + k.rows - 1) // k.rows
    return block


cdef inline bint tiled(const Axis *a) noexcept:
    # Windows lie side by side from the first position on, so that only a rest at the end may belong to none.
    return a.window == a.stride and a.dilation == 1 and a.padding == 0 and a.n * a.window <= a.size


cdef void set_share(void *shares, Py_ssize_t i, Py_ssize_t count, int t) noexcept:
    cdef double share = 1.0 / count if count else 0.0
    if t == NPY_FLOAT32:
        (<float *> shares)[i] = <float> share
    else:
        (<double *> shares)[i] = share


# A vector may reach beyond the channels of its position where that stays inside the arrays and inside the task's part
# of the output: `room` says so for positions that end just before the elements `read` and `written`.

cdef inline bint room(const Job *k, Py_ssize_t read, Py_ssize_t n_read, Py_ssize_t written,
                      Py_ssize_t stop) noexcept nogil:
    cdef Py_ssize_t extra = k.padded - k.C
    return extra == 0 or (read + extra <= n_read and written + extra <= stop)


cdef inline Py_ssize_t reach(const td_span *r, const td_span *q, Py_ssize_t row) noexcept nogil:
    # From the first to behind the last position of a window, `row` positions to a row.
    return (r.n - 1) * r.step * row + (q.n - 1) * q.step + 1


cdef void max_forward_task(const real *x, real *y, void *codes, const Job *k, Py_ssize_t t) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t stop = min(k.N * k.P, (t + 1) * k.rows), row, n, q, i, o, end = stop * k.Q * k.C, count
    cdef const td_span *r
    cdef const td_span *s
    cdef bint whole, row_room
    for row in range(t * k.rows, stop):
        n = row // k.P
        r = &k.row_spans[row - n * k.P]
        row_room = room(k, (n * k.H + r.start + (r.n - 1) * r.step + 1) * k.W * k.C, k.n_in, (row + 1) * k.Q * k.C,
                        end)
        q = 0
        while q < k.Q:
            s = &k.col_spans[q]
            i = ((n * k.H + r.start) * k.W + s.start) * k.C
            o = (row * k.Q + q) * k.C
            count = k.last - q if row_room and k.first <= q < k.last else 1
            whole = row_room or room(k, i + reach(r, s, k.W) * k.C, k.n_in, o + k.C, end)
            q += count
            if real is float:
                td_max_row_f(x + i, k.W * k.C, k.C, r, s, <float *> k.scale, <float *> k.shift, k.relu, y, codes, o,
                             k.C, count, k.step, k.wide, whole)
            else:
                td_max_row_d(x + i, k.W * k.C, k.C, r, s, <double *> k.scale, <double *> k.shift, k.relu, y, codes, o,
                             k.C, count, k.step, k.wide, whole)
    td_restore_denormals(saved)


cdef void max_forward_all(const real *x, real *y, void *codes, const Job *k, int n_threads) noexcept nogil:
    cdef Py_ssize_t t
    for t in prange(k.n_tasks, num_threads=n_threads, schedule="static", use_threads_if=k.n_tasks > 1):
        max_forward_task(x, y, codes, k, t)


cdef void max_backward_task(const real *dy, const void *codes, real *dx, const Job *k, Py_ssize_t t) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t stop = min(k.N * k.H, (t + 1) * k.rows), row, n, w, i, o, end = stop * k.W * k.C
    cdef const td_span *r
    cdef const td_span *s
    cdef bint whole
    for row in range(t * k.rows, stop):
        n = row // k.H
        r = &k.row_spans[row - n * k.H]
        if r.n == 0:
            memset(dx + row * k.W * k.C, 0, k.W * k.C * sizeof(real))
            continue
        if k.tile and room(k, (n * k.P + r.start + 1) * k.Q * k.C, k.n_out, (row + 1) * k.W * k.C, end):
            i = (n * k.P + r.start) * k.Q * k.C
            if real is float:
                td_max_tiles_f(dy, codes, i, r.code, dx + row * k.W * k.C, k.C, k.Q, k.tile)
            else:
                td_max_tiles_d(dy, codes, i, r.code, dx + row * k.W * k.C, k.C, k.Q, k.tile)
            w = k.Q * k.tile
            memset(dx + (row * k.W + w) * k.C, 0, (k.W - w) * k.C * sizeof(real))
            continue
        for w in range(k.W):
            s = &k.col_spans[w]
            i = ((n * k.P + r.start) * k.Q + s.start) * k.C
            o = (row * k.W + w) * k.C
            whole = room(k, i + reach(r, s, k.Q) * k.C, k.n_out, o + k.C, end)
            if real is float:
                td_max_gather_f(dy, codes, i, k.Q * k.C, k.C, r, s, dx + o, k.C, k.wide, whole)
            else:
                td_max_gather_d(dy, codes, i, k.Q * k.C, k.C, r, s, dx + o, k.C, k.wide, whole)
    td_restore_denormals(saved)


cdef void max_backward_all(const real *dy, const void *codes, real *dx, const Job *k, int n_threads) noexcept nogil:
    cdef Py_ssize_t t
    for t in prange(k.n_tasks, num_threads=n_threads, schedule="static", use_threads_if=k.n_tasks > 1):
        max_backward_task(dy, codes, dx, k, t)


cdef void mean_forward_task(const real *x, real *y, const Job *k, Py_ssize_t t) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t stop = min(k.N * k.P, (t + 1) * k.rows), row, n, p, q, i, o, end = stop * k.Q * k.C, count, taps
    cdef const td_span *r
    cdef const td_span *s
    cdef bint whole, row_room
    for row in range(t * k.rows, stop):
        n = row // k.P
        p = row - n * k.P
        r = &k.row_spans[p]
        row_room = room(k, (n * k.H + r.start + (r.n - 1) * r.step + 1) * k.W * k.C, k.n_in, (row + 1) * k.Q * k.C,
                        end)
        q = 0
        while q < k.Q:
            s = &k.col_spans[q]
            i = ((n * k.H + r.start) * k.W + s.start) * k.C
            o = (row * k.Q + q) * k.C
            count = k.last - q if row_room and k.first <= q < k.last else 1
            taps = k.row_counts[p] * k.col_counts[q]
            whole = row_room or room(k, i + reach(r, s, k.W) * k.C, k.n_in, o + k.C, end)
            q += count
            if real is float:
                td_mean_row_f(x + i, k.W * k.C, k.C, r, s, taps, y + o, k.C, count, k.step, whole)
            else:
                td_mean_row_d(x + i, k.W * k.C, k.C, r, s, taps, y + o, k.C, count, k.step, whole)
    td_restore_denormals(saved)


cdef void mean_forward_all(const real *x, real *y, const Job *k, int n_threads) noexcept nogil:
    cdef Py_ssize_t t
    for t in prange(k.n_tasks, num_threads=n_threads, schedule="static", use_threads_if=k.n_tasks > 1):
        mean_forward_task(x, y, k, t)


cdef void mean_backward_task(const real *dy, real *dx, const Job *k, Py_ssize_t t) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t stop = min(k.N * k.H, (t + 1) * k.rows), row, n, w, i, o, end = stop * k.W * k.C
    cdef const td_span *r
    cdef const td_span *s
    cdef bint whole
    cdef real share
    for row in range(t * k.rows, stop):
        n = row // k.H
        r = &k.row_spans[row - n * k.H]
        if r.n == 0:
            memset(dx + row * k.W * k.C, 0, k.W * k.C * sizeof(real))
            continue
        if k.tile and room(k, (n * k.P + r.start + 1) * k.Q * k.C, k.n_out, (row + 1) * k.W * k.C, end):
            i = (n * k.P + r.start) * k.Q * k.C
            share = (<real *> k.row_shares)[0] * (<real *> k.col_shares)[0]
            if real is float:
                td_mean_tiles_f(dy + i, share, dx + row * k.W * k.C, k.C, k.Q, k.tile)
            else:
                td_mean_tiles_d(dy + i, share, dx + row * k.W * k.C, k.C, k.Q, k.tile)
            w = k.Q * k.tile
            memset(dx + (row * k.W + w) * k.C, 0, (k.W - w) * k.C * sizeof(real))
            continue
        for w in range(k.W):
            s = &k.col_spans[w]
            i = ((n * k.P + r.start) * k.Q + s.start) * k.C
            o = (row * k.W + w) * k.C
            whole = room(k, i + reach(r, s, k.Q) * k.C, k.n_out, o + k.C, end)
            if real is float:
                td_mean_gather_f(dy + i, k.Q * k.C, k.C, r, s, <float *> k.row_shares, <float *> k.col_shares,
                                 dx + o, k.C, whole)
            else:
                td_mean_gather_d(dy + i, k.Q * k.C, k.C, r, s, <double *> k.row_shares, <double *> k.col_shares,
                                 dx + o, k.C, whole)
    td_restore_denormals(saved)


cdef void mean_backward_all(const real *dy, real *dx, const Job *k, int n_threads) noexcept nogil:
    cdef Py_ssize_t t
    for t in prange(k.n_tasks, num_threads=n_threads, schedule="static", use_threads_if=k.n_tasks > 1):
        mean_backward_task(dy, dx, k, t)


cdef Block padded_pair(object scale, object shift, int t, Job *k):
    """Copies of scale and shift that end in whole vectors; both arrays are given, or neither."""
    if (scale is None) != (shift is None):
        raise ValueError("scale and shift are given together or not at all")
    if scale is None:
        return None
    cdef Py_ssize_t size = 4 if t == NPY_FLOAT32 else 8
    cdef void *a = data(scale, "scale", t, k.C)
    cdef void *b = data(shift, "shift", t, k.C)
    cdef Block block = scratch(2 * k.padded * size)
    memset(block.address, 0, 2 * k.padded * size)
    k.scale = block.address
    k.shift = <char *> block.address + k.padded * size
    memcpy(k.scale, a, k.C * size)
    memcpy(k.shift, b, k.C * size)
    return block


def max_pool_forward(x, scale, shift, bint relu, y, argmax, geometry, int n_threads):
    """y = maximum over the window of [relu](scale x + shift); argmax = the winner's number kh KW + kw in the window.

    Positions in the padding do not compete. The first maximum wins; NaN beats numbers, and the last NaN wins. A window
    that lies in the padding altogether gives -inf and the number 255 (uint8) or -1 (int32).

    x : IN (N, C, H, W).  scale, shift : IN (C,), or None.  y : OUT (N, C, P, Q).
    argmax : OUT (N, C, P, Q), uint8 if KH KW <= 255, else int32.
    """
    cdef Job k
    cdef Axis rows, cols
    cdef int t = float_type(x, "x")
    read_geometry(geometry, &k, &rows, &cols)
    cdef void *px = activation(x, "x", t, k.N, k.C, k.H, k.W)
    cdef void *py = activation(y, "y", t, k.N, k.C, k.P, k.Q, True)
    cdef void *pa = activation(argmax, "argmax", NPY_INT32 if k.wide else NPY_UINT8, k.N, k.C, k.P, k.Q, True)
    cdef Block _tables = tables(&k, &rows, &cols, t, False, False, False)
    cdef Block _pair = padded_pair(scale, shift, t, &k)
    k.relu = relu
    with nogil:
        if t == NPY_FLOAT32:
            max_forward_all(<float *> px, <float *> py, pa, &k, n_threads)
        else:
            max_forward_all(<double *> px, <double *> py, pa, &k, n_threads)


def max_pool_backward(dy, argmax, dx, geometry, int n_threads):
    """dx = sum of dy over the windows that the element won; 0 where it won none.

    dy, argmax : IN (N, C, P, Q).  dx : OUT (N, C, H, W).
    """
    cdef Job k
    cdef Axis rows, cols
    cdef int t = float_type(dy, "dy")
    read_geometry(geometry, &k, &rows, &cols)
    cdef void *py = activation(dy, "dy", t, k.N, k.C, k.P, k.Q)
    cdef void *pa = activation(argmax, "argmax", NPY_INT32 if k.wide else NPY_UINT8, k.N, k.C, k.P, k.Q)
    cdef void *px = activation(dx, "dx", t, k.N, k.C, k.H, k.W, True)
    cdef Block _tables = tables(&k, &rows, &cols, t, True, False, False)
    with nogil:
        if t == NPY_FLOAT32:
            max_backward_all(<float *> py, pa, <float *> px, &k, n_threads)
        else:
            max_backward_all(<double *> py, pa, <double *> px, &k, n_threads)


def avg_pool_forward(x, y, bint count_include_pad, geometry, int n_threads):
    """y = sum over the window / number of its positions; 0 for a window without positions.

    Positions in the padding count (as zeros) if `count_include_pad`; positions beyond the padding, which a ceil-mode
    window may have, never do.

    x : IN (N, C, H, W).  y : OUT (N, C, P, Q).
    """
    cdef Job k
    cdef Axis rows, cols
    cdef int t = float_type(x, "x")
    read_geometry(geometry, &k, &rows, &cols)
    cdef void *px = activation(x, "x", t, k.N, k.C, k.H, k.W)
    cdef void *py = activation(y, "y", t, k.N, k.C, k.P, k.Q, True)
    cdef Block _tables = tables(&k, &rows, &cols, t, False, False, count_include_pad)
    with nogil:
        if t == NPY_FLOAT32:
            mean_forward_all(<float *> px, <float *> py, &k, n_threads)
        else:
            mean_forward_all(<double *> px, <double *> py, &k, n_threads)


def avg_pool_backward(dy, dx, bint count_include_pad, geometry, int n_threads):
    """dx = sum over the windows that hold the element of dy / number of positions.

    dy : IN (N, C, P, Q).  dx : OUT (N, C, H, W).
    """
    cdef Job k
    cdef Axis rows, cols
    cdef int t = float_type(dy, "dy")
    read_geometry(geometry, &k, &rows, &cols)
    cdef void *py = activation(dy, "dy", t, k.N, k.C, k.P, k.Q)
    cdef void *px = activation(dx, "dx", t, k.N, k.C, k.H, k.W, True)
    cdef Block _tables = tables(&k, &rows, &cols, t, True, True, count_include_pad)
    with nogil:
        if t == NPY_FLOAT32:
            mean_backward_all(<float *> py, <float *> px, &k, n_threads)
        else:
            mean_backward_all(<double *> py, <double *> px, &k, n_threads)


def adaptive_avg_pool_forward(x, y, int n_threads):
    """y = mean of x over the windows floor(i H / P) .. ceil((i + 1) H / P), and so for W.

    x : IN (N, C, H, W) or (N, C, L).  y : OUT (N, C, P, Q) or (N, C, Q).
    """
    cdef Job k
    cdef Axis rows, cols
    read_adaptive(x, "x", y, "y", &k, &rows, &cols)
    cdef int t = float_type(x, "x")
    cdef void *px = activation(x, "x", t, k.N, k.C, k.H, k.W)
    cdef void *py = activation(y, "y", t, k.N, k.C, k.P, k.Q, True)
    cdef Block _tables = tables(&k, &rows, &cols, t, False, False, False)
    with nogil:
        if t == NPY_FLOAT32:
            mean_forward_all(<float *> px, <float *> py, &k, n_threads)
        else:
            mean_forward_all(<double *> px, <double *> py, &k, n_threads)


def adaptive_avg_pool_backward(dy, dx, int n_threads):
    """dx = sum over the windows that hold the element of dy / size of the window.

    dy : IN (N, C, P, Q) or (N, C, Q).  dx : OUT (N, C, H, W) or (N, C, L).
    """
    cdef Job k
    cdef Axis rows, cols
    read_adaptive(dx, "dx", dy, "dy", &k, &rows, &cols)
    cdef int t = float_type(dy, "dy")
    cdef void *py = activation(dy, "dy", t, k.N, k.C, k.P, k.Q)
    cdef void *px = activation(dx, "dx", t, k.N, k.C, k.H, k.W, True)
    cdef Block _tables = tables(&k, &rows, &cols, t, True, True, False)
    with nogil:
        if t == NPY_FLOAT32:
            mean_backward_all(<float *> py, <float *> px, &k, n_threads)
        else:
            mean_backward_all(<double *> py, <double *> px, &k, n_threads)


def adaptive_max_pool_forward(x, y, argmax, int n_threads):
    """y = maximum over the windows of `adaptive_avg_pool_forward`, argmax = the winner's position h W + w.

    Ties and NaN as in `max_pool_forward`.

    x : IN (N, C, H, W) or (N, C, L).  y : OUT (N, C, P, Q) or (N, C, Q).  argmax : OUT int32, as y.
    """
    cdef Job k
    cdef Axis rows, cols
    read_adaptive(x, "x", y, "y", &k, &rows, &cols)
    cdef int t = float_type(x, "x")
    cdef void *px = activation(x, "x", t, k.N, k.C, k.H, k.W)
    cdef void *py = activation(y, "y", t, k.N, k.C, k.P, k.Q, True)
    cdef void *pa = activation(argmax, "argmax", NPY_INT32, k.N, k.C, k.P, k.Q, True)
    cdef Block _tables = tables(&k, &rows, &cols, t, False, False, False)
    with nogil:
        if t == NPY_FLOAT32:
            max_forward_all(<float *> px, <float *> py, pa, &k, n_threads)
        else:
            max_forward_all(<double *> px, <double *> py, pa, &k, n_threads)


def adaptive_max_pool_backward(dy, argmax, dx, int n_threads):
    """dx = sum of dy over the windows that the element won.

    dy, argmax (int32) : IN (N, C, P, Q) or (N, C, Q).  dx : OUT (N, C, H, W) or (N, C, L).
    """
    cdef Job k
    cdef Axis rows, cols
    read_adaptive(dx, "dx", dy, "dy", &k, &rows, &cols)
    cdef int t = float_type(dy, "dy")
    cdef void *py = activation(dy, "dy", t, k.N, k.C, k.P, k.Q)
    cdef void *pa = activation(argmax, "argmax", NPY_INT32, k.N, k.C, k.P, k.Q)
    cdef void *px = activation(dx, "dx", t, k.N, k.C, k.H, k.W, True)
    cdef Block _tables = tables(&k, &rows, &cols, t, True, False, False)
    with nogil:
        if t == NPY_FLOAT32:
            max_backward_all(<float *> py, pa, <float *> px, &k, n_threads)
        else:
            max_backward_all(<double *> py, pa, <double *> px, &k, n_threads)


cdef void global_forward_task(const real *x, const real *scale, const real *shift, int relu, real *sums, real *y,
                              Py_ssize_t C, Py_ssize_t size, Py_ssize_t L, Py_ssize_t n) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t c
    sums += n * L
    memset(sums, 0, L * sizeof(real))
    if real is float:
        td_total_f(x + n * size * C, scale, shift, sums, size * C, L, relu)
        td_fold_f(sums, C, L)
    else:
        td_total_d(x + n * size * C, scale, shift, sums, size * C, L, relu)
        td_fold_d(sums, C, L)
    for c in range(C):
        y[n * C + c] = sums[c] / size
    td_restore_denormals(saved)


cdef void global_forward_all(const real *x, const real *scale, const real *shift, int relu, real *vectors, real *y,
                             Py_ssize_t N, Py_ssize_t C, Py_ssize_t size, Py_ssize_t L, int n_threads) noexcept nogil:
    cdef real *sums = vectors + 2 * L
    cdef Py_ssize_t n
    if scale != NULL:
        if real is float:
            td_repeat_f(scale, vectors, C, L)
            td_repeat_f(shift, vectors + L, C, L)
        else:
            td_repeat_d(scale, vectors, C, L)
            td_repeat_d(shift, vectors + L, C, L)
        scale = vectors
        shift = vectors + L
    for n in prange(N, num_threads=n_threads, schedule="static", use_threads_if=N * C * size > CHUNK):
        global_forward_task(x, scale, shift, relu, sums, y, C, size, L, n)


def global_avg_pool_forward(x, scale, shift, bint relu, y, int n_threads):
    """y = mean over all positions of [relu](scale x + shift), per image and channel.

    x : IN (N, C, *spatial).  scale, shift : IN (C,), or None.  y : OUT (N, C), or (N, C, 1, ...).
    """
    cdef int t = float_type(x, "x")
    cdef int ndim = PyArray_NDIM(<PyArrayObject *> x)
    if ndim < 2:
        raise ValueError(f"x: expected (N, C, *spatial), got shape {x.shape}")
    if (scale is None) != (shift is None):
        raise ValueError("scale and shift are given together or not at all")
    cdef Py_ssize_t N = x.shape[0], C = x.shape[1], total = x.size
    cdef void *px = channels_last(x, "x", t, total)
    cdef void *py = channels_last(y, "y", t, N * C, True)
    cdef void *ps = NULL
    cdef void *pt = NULL
    if scale is not None:
        ps = data(scale, "scale", t, C)
        pt = data(shift, "shift", t, C)
    if total == 0:
        if N * C != 0:
            raise ValueError(f"x: cannot take the mean of empty images, shape {x.shape}")
        return
    cdef Py_ssize_t L = td_period(C)
    cdef Block vectors = scratch((N + 2) * L * (4 if t == NPY_FLOAT32 else 8))
    with nogil:
        if t == NPY_FLOAT32:
            global_forward_all(<float *> px, <float *> ps, <float *> pt, relu, <float *> vectors.address,
                               <float *> py, N, C, total // (N * C), L, n_threads)
        else:
            global_forward_all(<double *> px, <double *> ps, <double *> pt, relu, <double *> vectors.address,
                               <double *> py, N, C, total // (N * C), L, n_threads)


cdef void global_backward_task(const real *dy, real *dx, Py_ssize_t C, Py_ssize_t size, Py_ssize_t n) noexcept nogil:
    # The first position is divided, then copied to as many as there are already: 1, 2, 4, ...
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t c, done = C, m
    dx += n * size * C
    for c in range(C):
        dx[c] = dy[n * C + c] / size
    while done < size * C:
        m = min(min(done, <Py_ssize_t> 1024 // C * C + C), size * C - done)
        memcpy(dx + done, dx, m * sizeof(real))
        done += m
    td_restore_denormals(saved)


cdef void global_backward_all(const real *dy, real *dx, Py_ssize_t N, Py_ssize_t C, Py_ssize_t size,
                              int n_threads) noexcept nogil:
    cdef Py_ssize_t n
    for n in prange(N, num_threads=n_threads, schedule="static", use_threads_if=N * C * size > CHUNK):
        global_backward_task(dy, dx, C, size, n)


def global_avg_pool_backward(dy, dx, int n_threads):
    """dx = dy / number of positions, at every position.

    dy : IN (N, C), or (N, C, 1, ...).  dx : OUT (N, C, *spatial).
    """
    cdef int t = float_type(dy, "dy")
    float_type(dx, "dx")
    if PyArray_NDIM(<PyArrayObject *> dx) < 2:
        raise ValueError(f"dx: expected (N, C, *spatial), got shape {dx.shape}")
    cdef Py_ssize_t N = dx.shape[0], C = dx.shape[1], total = dx.size
    cdef void *py = channels_last(dy, "dy", t, N * C)
    cdef void *px = channels_last(dx, "dx", t, total, True)
    if total == 0:
        return
    with nogil:
        if t == NPY_FLOAT32:
            global_backward_all(<float *> py, <float *> px, N, C, total // (N * C), n_threads)
        else:
            global_backward_all(<double *> py, <double *> px, N, C, total // (N * C), n_threads)


# --- steps of a program --------------------------------------------------------------------------------------------

cdef enum Kind:
    MAXIMUM, MEAN, GLOBAL_MEAN

cdef struct Frozen:
    Job k                   # of one image
    Kind kind
    Py_ssize_t size, L      # of a global mean: positions, and the period of its sums


cdef void frozen_task(const void *state, Py_ssize_t task, Py_ssize_t n, const float *x, float *y, const float *addend,
                      float *sums) noexcept nogil:
    cdef const Frozen *f = <const Frozen *> state
    cdef Py_ssize_t image = task // f.k.n_tasks, part = task % f.k.n_tasks
    x += image * f.k.n_in
    y += image * f.k.n_out
    if f.kind == MAXIMUM:
        max_forward_task(x, y, NULL, &f.k, part)
    elif f.kind == MEAN:
        mean_forward_task(x, y, &f.k, part)
    else:
        global_forward_task(x, <const float *> NULL, <const float *> NULL, False, sums, y, f.k.C, f.size, f.L, 0)


cdef Step frozen_step(Block state, object held, Py_ssize_t n_scratch):
    cdef Frozen *f = <Frozen *> state.address
    return make_step(frozen_task, state, held, 1, f.k.n_tasks, f.k.n_in, f.k.n_out, n_scratch, False)


cdef Step window_step(Kind kind, geometry, bint count_include_pad):
    cdef Block state = scratch(sizeof(Frozen))
    cdef Frozen *f = <Frozen *> state.address
    cdef Axis rows, cols
    read_geometry((1, *geometry[1:]), &f.k, &rows, &cols)
    cdef Block held = tables(&f.k, &rows, &cols, NPY_FLOAT32, False, False, count_include_pad)
    f.kind = kind
    return frozen_step(state, held, 0)


def max_pool_step(geometry):
    """A `Step`: the maximum of each window; float32, the N of `geometry` does not count."""
    return window_step(MAXIMUM, geometry, False)


def avg_pool_step(geometry, bint count_include_pad):
    """A `Step`: the mean of each window, as `avg_pool_forward` takes it."""
    return window_step(MEAN, geometry, count_include_pad)


def global_avg_pool_step(Py_ssize_t C, Py_ssize_t size):
    """A `Step`: the mean of `size` positions of C channels."""
    if C < 1 or size < 1 or C > LIMIT or size > LIMIT:
        raise ValueError(f"global_avg_pool_step: {size} positions of {C} channels")
    cdef Block state = scratch(sizeof(Frozen))
    cdef Frozen *f = <Frozen *> state.address
    memset(f, 0, sizeof(Frozen))
    f.kind, f.size, f.L = GLOBAL_MEAN, size, td_period(C)
    f.k.C, f.k.n_in, f.k.n_out, f.k.n_tasks = C, C * size, C, 1
    return frozen_step(state, None, f.L)
