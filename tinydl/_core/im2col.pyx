"""The matrix of a convolution's windows, for `unfold`, `fold` and the convolution that multiplies it: im2col, col2im.

Row (n,p,q) of `cols` holds the window of one output in the order (kh, kw, c), which is how channels-last memory lies: a
row of a window without dilation is one contiguous piece. The matrix repeats each pixel once for every window that sees
it, KH*KW/(SH*SW) times. The direct convolution reads the same pieces where they lie and never writes it.
"""

from cython.parallel cimport prange
from tinydl._core.array cimport NPY_FLOAT32, channels_last, float_type, matrix, real
from tinydl._core.conv.geometry cimport Geometry, unpack
from tinydl._core.parallel cimport check_team
from tinydl._core.vector cimport td_flush_denormals, td_restore_denormals

cdef enum:
    WORTH_THREADS = 16384   # elements below which a second thread costs more than it gains


cdef void *columns(object cols, int type_number, const Geometry *g, bint writable) except? NULL:
    """Pointer to `cols` (N*P*Q, KH*KW*C), row-major."""
    return matrix(cols, "cols", type_number, g.N * g.P * g.Q, g.KH * g.KW * g.C, writable)


cdef inline bint is_worth_threads(const Geometry *g) noexcept nogil:
    return g.N * g.P * g.Q * g.KH * g.KW * g.C > WORTH_THREADS


# The part of a window row that is inside the image, for windows without dilation: taps low .. high - 1.

cdef inline Py_ssize_t low_tap(const Geometry *g, Py_ssize_t w) noexcept nogil:
    return min(max(-w, 0), g.KW)


cdef inline Py_ssize_t high_tap(const Geometry *g, Py_ssize_t w) noexcept nogil:
    return max(min(g.W - w, g.KW), low_tap(g, w))


# Pieces are short, a few channels often: a call of memcpy would cost more than the loop.

cdef inline void copy(const real *x, real *y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = x[i]


cdef inline void zero(real *y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = 0


cdef inline void add(const real *x, real *y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = y[i] + x[i]


# --- im2col --------------------------------------------------------------------------------------------------------

cdef void window_row(const real *image, real *out, Py_ssize_t h, const Geometry *g) noexcept nogil:
    """Row h of an image as one kh of all Q windows of an output row sees it; `out` steps by a whole window."""
    cdef Py_ssize_t q, j, w, low, high, run = g.KW * g.C, step = g.KH * run
    cdef const real *row = image + h * g.W * g.C
    for q in range(g.Q):
        w = q * g.SW - g.PW
        if h < 0 or h >= g.H:
            zero(out, run)
        elif g.DW == 1:
            low, high = low_tap(g, w), high_tap(g, w)
            zero(out, low * g.C)
            copy(row + (w + low) * g.C, out + low * g.C, (high - low) * g.C)
            zero(out + high * g.C, (g.KW - high) * g.C)
        else:
            for j in range(g.KW):
                if 0 <= w + j * g.DW < g.W:
                    copy(row + (w + j * g.DW) * g.C, out + j * g.C, g.C)
                else:
                    zero(out + j * g.C, g.C)
        out = out + step


cdef void im2col_task(const real *x, real *cols, Py_ssize_t task, const Geometry *g) noexcept nogil:
    """The Q rows of `cols` of one row of outputs."""
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t n = task // g.P, p = task % g.P, i, run = g.KW * g.C
    # A row of the image at a time, for all windows that it lies in.
    for i in range(g.KH):
        window_row(x + n * g.H * g.W * g.C, cols + task * g.Q * g.KH * run + i * run, p * g.SH - g.PH + i * g.DH, g)
    td_restore_denormals(saved)


cdef void im2col_all(const real *x, real *cols, const Geometry *g, int n_threads) noexcept nogil:
    cdef Py_ssize_t task
    # A row of outputs is a task: it owns Q whole rows of the matrix.
    for task in prange(g.N * g.P, num_threads=n_threads, schedule="static", use_threads_if=is_worth_threads(g)):
        im2col_task(x, cols, task, g)


def im2col(x, cols, geometry, int n_threads, /):
    """cols[(n,p,q), (i,j,c)] = x[n, c, p*SH-PH+i*DH, q*SW-PW+j*DW], 0 outside the image.

    x : IN (N, C, H, W).  cols : OUT (N*P*Q, KH*KW*C), row-major.
    geometry : of a convolution; its O and G do not count.
    """
    check_team(n_threads)
    cdef Geometry g = unpack(geometry)
    cdef int t = float_type(x, "x")
    cdef void *x_data = channels_last(x, "x", t, g.N * g.C * g.H * g.W)
    cdef void *cols_data = columns(cols, t, &g, True)
    # Of no elements there may still be many empty rows.
    if cols.size == 0:
        return
    if t == NPY_FLOAT32:
        im2col_all(<const float *> x_data, <float *> cols_data, &g, n_threads)
    else:
        im2col_all(<const double *> x_data, <double *> cols_data, &g, n_threads)


# --- col2im --------------------------------------------------------------------------------------------------------

cdef void col2im_task(const real *cols, real *dx, Py_ssize_t task, const Geometry *g) noexcept nogil:
    """One row of one image gathers from the windows that saw it, in the order (kh, q, kw): one owner, a fixed order."""
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t n = task // g.H, h = task % g.H, i, j, p, q, w, low, high, run = g.KW * g.C
    cdef real *row = dx + task * g.W * g.C
    cdef const real *window
    zero(row, g.W * g.C)
    for i in range(g.KH):
        # The row of outputs whose windows see row h as their row i, if the stride does not step over it.
        p = h + g.PH - i * g.DH
        if p < 0 or p % g.SH != 0 or p // g.SH >= g.P:
            continue
        p = p // g.SH
        window = cols + (n * g.P + p) * g.Q * g.KH * run + i * run
        for q in range(g.Q):
            w = q * g.SW - g.PW
            if g.DW == 1:
                low, high = low_tap(g, w), high_tap(g, w)
                add(window + low * g.C, row + (w + low) * g.C, (high - low) * g.C)
            else:
                for j in range(g.KW):
                    if 0 <= w + j * g.DW < g.W:
                        add(window + j * g.C, row + (w + j * g.DW) * g.C, g.C)
            window = window + g.KH * run
    td_restore_denormals(saved)


cdef void col2im_all(const real *cols, real *dx, const Geometry *g, int n_threads) noexcept nogil:
    cdef Py_ssize_t task
    # A row of dx is a task, not a row of windows: windows of two rows of outputs overlap, rows of dx do not.
    for task in prange(g.N * g.H, num_threads=n_threads, schedule="static", use_threads_if=is_worth_threads(g)):
        col2im_task(cols, dx, task, g)


def col2im(cols, dx, geometry, int n_threads, /):
    """The adjoint of `im2col`: every element of `cols` is added to the pixel it came from.

    cols : IN (N*P*Q, KH*KW*C), row-major.  dx : OUT (N, C, H, W).
    geometry : of a convolution; its O and G do not count.
    """
    check_team(n_threads)
    cdef Geometry g = unpack(geometry)
    cdef int t = float_type(dx, "dx")
    cdef void *cols_data = columns(cols, t, &g, False)
    cdef void *dx_data = channels_last(dx, "dx", t, g.N * g.C * g.H * g.W, True)
    if dx.size == 0:
        return
    if t == NPY_FLOAT32:
        col2im_all(<const float *> cols_data, <float *> dx_data, &g, n_threads)
    else:
        col2im_all(<const double *> cols_data, <double *> dx_data, &g, n_threads)
