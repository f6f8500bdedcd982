"""im2col and col2im: a convolution's windows as the rows of a matrix, and back.

Row (n,p,q) of `cols` holds the window of one output in the order (kh, kw, c), which is how channels-last memory lies:
a window row without dilation is one contiguous piece. The fast convolution never writes this matrix.
"""

from cython.parallel cimport prange
from tinydl._core.array cimport NPY_FLOAT32, channels_last, float_type, import_array, real
from tinydl._core.parallel cimport check_team

cdef extern from "src/vector.h" nogil:
    unsigned int td_flush_denormals() noexcept
    void td_restore_denormals(unsigned int) noexcept

import_array()

cdef enum:
    WORTH_THREADS = 16384  # elements below which a second thread costs more than it gains

cdef struct Geometry:
    Py_ssize_t N, C, H, W, KH, KW, SH, SW, PH, PW, DH, DW, P, Q


cdef Geometry unpack(geometry) except *:
    cdef Geometry g
    n, c, h, w, _, kh, kw, sh, sw, ph, pw, dh, dw, _, p, q = geometry
    # In Python's integers: no overflow, whatever the caller sends.
    if min(n, c, h, w, ph, pw, p, q) < 0 or min(kh, kw, sh, sw, dh, dw) < 1:
        raise ValueError(f"geometry: negative sizes, or a window, stride or dilation below 1, in {tuple(geometry)}")
    if p != (h + 2 * ph - dh * (kh - 1) - 1) // sh + 1 or q != (w + 2 * pw - dw * (kw - 1) - 1) // sw + 1:
        raise ValueError(f"geometry: an input of {h}x{w} does not give {p}x{q} outputs in {tuple(geometry)}")
    if max(n, 1) * max(c, 1) * max(h + 2 * ph, p * kh, 1) * max(w + 2 * pw, q * kw, 1) >= 1 << 62:
        raise ValueError(f"geometry: too large: {tuple(geometry)}")
    g.N, g.C, g.H, g.W, g.KH, g.KW, g.SH, g.SW = n, c, h, w, kh, kw, sh, sw
    g.PH, g.PW, g.DH, g.DW, g.P, g.Q = ph, pw, dh, dw, p, q
    return g


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


cdef void window_row(const real *image, real *out, Py_ssize_t h, const Geometry *g) noexcept nogil:
    """Row h of an image, seen by one kh of all Q windows of an output row; `out` steps by a whole window."""
    cdef Py_ssize_t q, j, w, low, high, run = g.KW * g.C, step = g.KH * run
    cdef const real *row = image + h * g.W * g.C
    for q in range(g.Q):
        w = q * g.SW - g.PW
        if h < 0 or h >= g.H:
            zero(out, run)
        elif g.DW == 1:
            low = min(max(-w, 0), g.KW)
            high = max(min(g.W - w, g.KW), low)
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
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t n = task // g.P, p = task % g.P, i, run = g.KW * g.C
    for i in range(g.KH):
        window_row(x + n * g.H * g.W * g.C, cols + task * g.Q * g.KH * run + i * run, p * g.SH - g.PH + i * g.DH, g)
    td_restore_denormals(saved)


cdef void im2col_all(const real *x, real *cols, const Geometry *g, bint threads, int n_threads) noexcept nogil:
    cdef Py_ssize_t n_tasks = g.N * g.P, t
    for t in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=threads):
        im2col_task(x, cols, t, g)


def im2col(x, cols, geometry, int n_threads):
    """cols[(n,p,q), (i,j,c)] = x[n, c, p*SH-PH+i*DH, q*SW-PW+j*DW], 0 outside the image.

    x : IN (N, C, H, W).  cols : OUT (N*P*Q, KH*KW*C), row-major.  geometry : of a convolution; O and G unused.
    """
    check_team(n_threads)
    cdef Geometry g = unpack(geometry)
    cdef int t = float_type(x, "x")
    cdef Py_ssize_t n_cols = g.N * g.P * g.Q * g.KH * g.KW * g.C
    cdef void *px = channels_last(x, "x", t, g.N * g.C * g.H * g.W)
    cdef void *pc = matrix(cols, "cols", t, g, True)
    if t == NPY_FLOAT32:
        im2col_all(<float *> px, <float *> pc, &g, n_cols > WORTH_THREADS, n_threads)
    else:
        im2col_all(<double *> px, <double *> pc, &g, n_cols > WORTH_THREADS, n_threads)


cdef void *matrix(object cols, str name, int t, Geometry g, bint writable) except? NULL:
    cdef void *pointer = channels_last(cols, name, t, g.N * g.P * g.Q * g.KH * g.KW * g.C, writable)
    if cols.shape != (g.N * g.P * g.Q, g.KH * g.KW * g.C):
        raise ValueError(f"{name}: expected shape ({g.N * g.P * g.Q}, {g.KH * g.KW * g.C}), got {cols.shape}")
    return pointer


cdef void col2im_task(const real *cols, real *dx, Py_ssize_t task, const Geometry *g) noexcept nogil:
    # One row of one image gathers from the windows that saw it, in the order (kh, q, kw): one owner, a fixed order.
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t n = task // g.H, h = task % g.H, i, j, p, q, w, low, high, run = g.KW * g.C
    cdef real *row = dx + task * g.W * g.C
    cdef const real *window
    zero(row, g.W * g.C)
    for i in range(g.KH):
        p = h + g.PH - i * g.DH
        if p < 0 or p % g.SH != 0 or p // g.SH >= g.P:
            continue
        p = p // g.SH
        window = cols + (n * g.P + p) * g.Q * g.KH * run + i * run
        for q in range(g.Q):
            w = q * g.SW - g.PW
            if g.DW == 1:
                low = min(max(-w, 0), g.KW)
                high = max(min(g.W - w, g.KW), low)
                add(window + low * g.C, row + (w + low) * g.C, (high - low) * g.C)
            else:
                for j in range(g.KW):
                    if 0 <= w + j * g.DW < g.W:
                        add(window + j * g.C, row + (w + j * g.DW) * g.C, g.C)
            window = window + g.KH * run
    td_restore_denormals(saved)


cdef void col2im_all(const real *cols, real *dx, const Geometry *g, bint threads, int n_threads) noexcept nogil:
    cdef Py_ssize_t n_tasks = g.N * g.H, t
    for t in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=threads):
        col2im_task(cols, dx, t, g)


def col2im(cols, dx, geometry, int n_threads):
    """The adjoint of `im2col`: every element of `cols` is added to the pixel it came from.

    cols : IN (N*P*Q, KH*KW*C), row-major.  dx : OUT (N, C, H, W).  geometry : of a convolution; O and G unused.
    """
    check_team(n_threads)
    cdef Geometry g = unpack(geometry)
    cdef int t = float_type(dx, "dx")
    cdef Py_ssize_t n_cols = g.N * g.P * g.Q * g.KH * g.KW * g.C
    cdef void *pc = matrix(cols, "cols", t, g, False)
    cdef void *pdx = channels_last(dx, "dx", t, g.N * g.C * g.H * g.W, True)
    if t == NPY_FLOAT32:
        col2im_all(<float *> pc, <float *> pdx, &g, n_cols > WORTH_THREADS, n_threads)
    else:
        col2im_all(<double *> pc, <double *> pdx, &g, n_cols > WORTH_THREADS, n_threads)
