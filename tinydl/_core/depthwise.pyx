"""Depthwise convolution: one filter a channel (groups = C = O), channels as vector lanes.

A group of one channel would leave fifteen of sixteen lanes of the dense tiles empty. Here a row of outputs stays in L1
while every tap adds its product of a row of x and a row of filters, all channels at once.

Geometry as in `conv`: (N, C, H, W, O, KH, KW, SH, SW, PH, PW, DH, DW, G, P, Q) with G = C = O.
"""

from cython.parallel cimport prange
from libc.string cimport memcpy, memset
from tinydl._core.array cimport NPY_FLOAT32, channels_last, data, float_type, import_array, real
from tinydl._core.conv.geometry cimport Geometry, unpack, weight
from tinydl._core.memory cimport Block
from tinydl._core.parallel cimport check_team
from tinydl._core.rounding cimport ceil_div
from tinydl._core.vector cimport td_flush_denormals, td_restore_denormals

import_array()

cdef enum:
    MAX_PARTS = 16      # parts of the batch whose filter gradients are summed apart and added in index order

cdef struct Call:
    Geometry g
    const void *x       # (N, H, W, C)
    const void *w       # (KH, KW, C)
    const void *bias    # (C), or NULL
    const void *dy      # (N, P, Q, C)
    void *y             # (N, P, Q, C)
    void *dx            # (N, H, W, C)
    void *dw            # (KH, KW, C), or NULL
    void *db            # (C), or NULL
    Py_ssize_t n_parts, images  # of the batch for dw; images of a part
    void *parts         # scratch (n_parts, KH*KW + 1, C): dw and db of a part


cdef Geometry depthwise_geometry(object geometry) except *:
    cdef Geometry g = unpack(geometry)
    if g.G != g.C or g.O != g.C:
        raise ValueError(f"geometry {geometry} is no depthwise convolution: groups, C and O must be equal")
    return g


# Taps that fall outside the image are left out by the range of columns, not by a test in the loop over them.

cdef inline Py_ssize_t first_column(const Geometry *g, Py_ssize_t kw) noexcept nogil:
    """Smallest q whose input column q*SW - PW + kw*DW is inside the image."""
    cdef Py_ssize_t start = g.PW - kw * g.DW
    return 0 if start <= 0 else ceil_div(start, g.SW)


cdef inline Py_ssize_t end_column(const Geometry *g, Py_ssize_t kw) noexcept nogil:
    """One more than the largest such q."""
    cdef Py_ssize_t room = g.W - 1 + g.PW - kw * g.DW
    return 0 if room < 0 else min(g.Q, room // g.SW + 1)


# --- forward -------------------------------------------------------------------------------------------------------

cdef void forward_image(const Geometry *g, const real *x, const real *w, const real *bias, real *y) noexcept nogil:
    """y (P, Q, C) of one image x (H, W, C)."""
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t p, q, kh, kw, h, c, C = g.C
    cdef const real *xs
    cdef const real *ws
    cdef real *row
    cdef real *ys
    for p in range(g.P):
        # The row starts as the bias and gathers tap after tap. Channels are the innermost loop: they lie side by side.
        row = y + p * g.Q * C
        if bias == NULL:
            memset(row, 0, g.Q * C * sizeof(real))
        else:
            for q in range(g.Q):
                memcpy(row + q * C, bias, C * sizeof(real))
        for kh in range(g.KH):
            h = p * g.SH - g.PH + kh * g.DH
            # A row of padding adds nothing.
            if h < 0 or h >= g.H:
                continue
            for kw in range(g.KW):
                ws = w + (kh * g.KW + kw) * C
                for q in range(first_column(g, kw), end_column(g, kw)):
                    # Seek to x[h, q*SW - PW + kw*DW, 0], which the range of q keeps inside the row.
                    xs = x + (h * g.W + q * g.SW - g.PW + kw * g.DW) * C
                    ys = row + q * C
                    for c in range(C):
                        ys[c] = ys[c] + xs[c] * ws[c]
    td_restore_denormals(saved)


cdef void forward_all(const Call *a, real *y, int n_threads) noexcept nogil:
    cdef const Geometry *g = &a.g
    cdef Py_ssize_t n
    # An image is a task: its outputs have one owner, and no sum leaves it.
    for n in prange(g.N, num_threads=n_threads, schedule="static", use_threads_if=g.N > 1):
        forward_image(g, <const real *> a.x + n * g.H * g.W * g.C, <const real *> a.w, <const real *> a.bias,
                      y + n * g.P * g.Q * g.C)


def depthwise_forward(x, w, bias, y, geometry, int n_threads):
    """y[n,c,p,q] = bias[c] + sum over kh,kw of x[n, c, p*SH - PH + kh*DH, q*SW - PW + kw*DW] * w[c,0,kh,kw].

    x : IN (N, C, H, W), w : IN (C, 1, KH, KW) over (KH, KW, 1, C), bias : IN (C,) or None, y : OUT (N, C, P, Q).
    """
    check_team(n_threads)
    cdef Call a
    a.g = depthwise_geometry(geometry)
    cdef int t = float_type(x, "x")
    a.x = channels_last(x, "x", t, a.g.N * a.g.C * a.g.H * a.g.W)
    a.w = weight(w, "w", t, a.g.KH * a.g.KW * a.g.C)
    a.bias = NULL if bias is None else data(bias, "bias", t, a.g.C)
    a.y = channels_last(y, "y", t, a.g.N * a.g.C * a.g.P * a.g.Q, True)
    if t == NPY_FLOAT32:
        forward_all(&a, <float *> a.y, n_threads)
    else:
        forward_all(&a, <double *> a.y, n_threads)


# --- backward ------------------------------------------------------------------------------------------------------

cdef void backward_input_image(const Geometry *g, const real *dy, const real *w, real *dx) noexcept nogil:
    """dx (H, W, C) of one image from dy (P, Q, C): each product goes back to the pixel it came from."""
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t p, q, kh, kw, h, c, C = g.C
    cdef const real *dys
    cdef const real *ws
    cdef real *dxs
    # Windows overlap, so products are added; within an image the order is that of the loops.
    memset(dx, 0, g.H * g.W * C * sizeof(real))
    for p in range(g.P):
        for kh in range(g.KH):
            h = p * g.SH - g.PH + kh * g.DH
            if h < 0 or h >= g.H:
                continue
            for kw in range(g.KW):
                ws = w + (kh * g.KW + kw) * C
                for q in range(first_column(g, kw), end_column(g, kw)):
                    dxs = dx + (h * g.W + q * g.SW - g.PW + kw * g.DW) * C
                    dys = dy + (p * g.Q + q) * C
                    for c in range(C):
                        dxs[c] = dxs[c] + dys[c] * ws[c]
    td_restore_denormals(saved)


cdef void backward_input_all(const Call *a, real *dx, int n_threads) noexcept nogil:
    cdef const Geometry *g = &a.g
    cdef Py_ssize_t n
    for n in prange(g.N, num_threads=n_threads, schedule="static", use_threads_if=g.N > 1):
        backward_input_image(g, <const real *> a.dy + n * g.P * g.Q * g.C, <const real *> a.w,
                             dx + n * g.H * g.W * g.C)


def depthwise_backward_input(dy, w, dx, geometry, int n_threads):
    """dx (N, C, H, W) OUT from dy IN (N, C, P, Q) and w IN (C, 1, KH, KW)."""
    check_team(n_threads)
    cdef Call a
    a.g = depthwise_geometry(geometry)
    cdef int t = float_type(dy, "dy")
    a.dy = channels_last(dy, "dy", t, a.g.N * a.g.C * a.g.P * a.g.Q)
    a.w = weight(w, "w", t, a.g.KH * a.g.KW * a.g.C)
    a.dx = channels_last(dx, "dx", t, a.g.N * a.g.C * a.g.H * a.g.W, True)
    if t == NPY_FLOAT32:
        backward_input_all(&a, <float *> a.dx, n_threads)
    else:
        backward_input_all(&a, <double *> a.dx, n_threads)


cdef void backward_weight_part(const Call *a, Py_ssize_t part, real *dw) noexcept nogil:
    """dw (KH, KW, C), and db (C) behind it, of the images of one part of the batch."""
    cdef unsigned int saved = td_flush_denormals()
    cdef const Geometry *g = &a.g
    cdef Py_ssize_t n, p, q, kh, kw, h, c, C = g.C, first = part * a.images
    cdef const real *xs
    cdef const real *dys
    cdef real *dws
    cdef real *db = dw + g.KH * g.KW * C
    memset(dw, 0, (g.KH * g.KW + 1) * C * sizeof(real))
    for n in range(first, min(g.N, first + a.images)):
        for p in range(g.P):
            # db of the row first, which leaves its dy in L1 for the taps.
            for q in range(g.Q):
                dys = <const real *> a.dy + ((n * g.P + p) * g.Q + q) * C
                for c in range(C):
                    db[c] = db[c] + dys[c]
            for kh in range(g.KH):
                h = p * g.SH - g.PH + kh * g.DH
                if h < 0 or h >= g.H:
                    continue
                for kw in range(g.KW):
                    dws = dw + (kh * g.KW + kw) * C
                    # The C sums of a tap stay in L1 while the row passes by.
                    for q in range(first_column(g, kw), end_column(g, kw)):
                        xs = <const real *> a.x + ((n * g.H + h) * g.W + q * g.SW - g.PW + kw * g.DW) * C
                        dys = <const real *> a.dy + ((n * g.P + p) * g.Q + q) * C
                        for c in range(C):
                            dws[c] = dws[c] + xs[c] * dys[c]
    td_restore_denormals(saved)


cdef void add_parts(const Call *a, const real *parts, real *out, Py_ssize_t n) noexcept nogil:
    """The first n elements of each part, added in index order; zeros where there is no image."""
    cdef Py_ssize_t part, i, stride = (a.g.KH * a.g.KW + 1) * a.g.C
    memset(out, 0, n * sizeof(real))
    for part in range(a.n_parts):
        for i in range(n):
            out[i] = out[i] + parts[part * stride + i]


cdef void backward_weight_all(const Call *a, real *parts, int n_threads) noexcept nogil:
    cdef Py_ssize_t part, n_w = a.g.KH * a.g.KW * a.g.C
    # Parts follow from N alone, and each sums into a place of its own.
    for part in prange(a.n_parts, num_threads=n_threads, schedule="static", use_threads_if=a.n_parts > 1):
        backward_weight_part(a, part, parts + part * (n_w + a.g.C))
    if a.dw != NULL:
        add_parts(a, parts, <real *> a.dw, n_w)
    if a.db != NULL:
        add_parts(a, parts + n_w, <real *> a.db, a.g.C)


def depthwise_backward_weight(x, dy, dw, db, geometry, int n_threads):
    """dw (C, 1, KH, KW) OUT = the sum over images and pixels of dy * x; db (C,) OUT = that of dy; either may be None.

    x : IN (N, C, H, W), dy : IN (N, C, P, Q).
    """
    check_team(n_threads)
    cdef Call a
    a.g = depthwise_geometry(geometry)
    cdef int t = float_type(dy, "dy")
    a.x = channels_last(x, "x", t, a.g.N * a.g.C * a.g.H * a.g.W)
    a.dy = channels_last(dy, "dy", t, a.g.N * a.g.C * a.g.P * a.g.Q)
    a.dw = NULL if dw is None else weight(dw, "dw", t, a.g.KH * a.g.KW * a.g.C, True)
    a.db = NULL if db is None else data(db, "db", t, a.g.C, True)
    # At most MAX_PARTS parts; an empty batch has none, and its sums are 0.
    a.images = ceil_div(a.g.N, MAX_PARTS)
    a.n_parts = ceil_div(a.g.N, a.images) if a.g.N else 0
    # Of each part dw (KH, KW, C), then db (C). One element more: a size above 0 even without parts.
    cdef Block scratch = Block((a.n_parts * (a.g.KH * a.g.KW + 1) * a.g.C + 1) * (4 if t == NPY_FLOAT32 else 8))
    a.parts = scratch.address
    if t == NPY_FLOAT32:
        backward_weight_all(&a, <float *> a.parts, n_threads)
    else:
        backward_weight_all(&a, <double *> a.parts, n_threads)
