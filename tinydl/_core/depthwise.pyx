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

cdef extern from "src/vector.h" nogil:
    unsigned int td_flush_denormals() noexcept
    void td_restore_denormals(unsigned int) noexcept

import_array()

cdef enum:
    MAX_GROUPS = 16     # groups of images whose filter gradients are summed apart and added in index order


cdef Geometry depthwise_geometry(object geometry) except *:
    cdef Geometry g = unpack(geometry)
    if g.G != g.C or g.O != g.C:
        raise ValueError(f"geometry {geometry} is no depthwise convolution: groups, C and O must be equal")
    return g


cdef inline Py_ssize_t first_column(const Geometry *g, Py_ssize_t kw) noexcept nogil:
    # Smallest q whose input column q*SW - PW + kw*DW is inside the image.
    cdef Py_ssize_t start = g.PW - kw * g.DW
    return 0 if start <= 0 else (start + g.SW - 1) // g.SW


cdef inline Py_ssize_t end_column(const Geometry *g, Py_ssize_t kw) noexcept nogil:
    cdef Py_ssize_t room = g.W - 1 + g.PW - kw * g.DW
    return 0 if room < 0 else min(g.Q, room // g.SW + 1)


cdef void forward_image(const Geometry *g, const real *x, const real *w, const real *bias, real *y) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t p, q, kh, kw, h, c, C = g.C
    cdef const real *xs
    cdef const real *ws
    cdef real *row
    cdef real *ys
    for p in range(g.P):
        row = y + p * g.Q * C
        if bias == NULL:
            memset(row, 0, g.Q * C * sizeof(real))
        else:
            for q in range(g.Q):
                memcpy(row + q * C, bias, C * sizeof(real))
        for kh in range(g.KH):
            h = p * g.SH - g.PH + kh * g.DH
            if h < 0 or h >= g.H:
                continue
            for kw in range(g.KW):
                ws = w + (kh * g.KW + kw) * C
                for q in range(first_column(g, kw), end_column(g, kw)):
                    xs = x + (h * g.W + q * g.SW - g.PW + kw * g.DW) * C
                    ys = row + q * C
                    for c in range(C):
                        ys[c] = ys[c] + xs[c] * ws[c]
    td_restore_denormals(saved)


cdef void backward_input_image(const Geometry *g, const real *dy, const real *w, real *dx) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t p, q, kh, kw, h, c, C = g.C
    cdef const real *dys
    cdef const real *ws
    cdef real *dxs
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


cdef void backward_weight_images(const Geometry *g, const real *x, const real *dy, Py_ssize_t n_images, real *dw,
                                 real *db) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t n, p, q, kh, kw, h, c, C = g.C
    cdef const real *xs
    cdef const real *dys
    cdef real *dws
    memset(dw, 0, g.KH * g.KW * C * sizeof(real))
    memset(db, 0, C * sizeof(real))
    for n in range(n_images):
        for p in range(g.P):
            for q in range(g.Q):
                dys = dy + ((n * g.P + p) * g.Q + q) * C
                for c in range(C):
                    db[c] = db[c] + dys[c]
            for kh in range(g.KH):
                h = p * g.SH - g.PH + kh * g.DH
                if h < 0 or h >= g.H:
                    continue
                for kw in range(g.KW):
                    dws = dw + (kh * g.KW + kw) * C
                    for q in range(first_column(g, kw), end_column(g, kw)):
                        xs = x + ((n * g.H + h) * g.W + q * g.SW - g.PW + kw * g.DW) * C
                        dys = dy + ((n * g.P + p) * g.Q + q) * C
                        for c in range(C):
                            dws[c] = dws[c] + xs[c] * dys[c]
    td_restore_denormals(saved)


cdef void forward_all(const Geometry *g, const real *x, const real *w, const real *bias, real *y,
                      int n_threads) noexcept nogil:
    cdef Py_ssize_t n
    for n in prange(g.N, num_threads=n_threads, schedule="static", use_threads_if=g.N > 1):
        forward_image(g, x + n * g.H * g.W * g.C, w, bias, y + n * g.P * g.Q * g.C)


cdef void backward_input_all(const Geometry *g, const real *dy, const real *w, real *dx, int n_threads) noexcept nogil:
    cdef Py_ssize_t n
    for n in prange(g.N, num_threads=n_threads, schedule="static", use_threads_if=g.N > 1):
        backward_input_image(g, dy + n * g.P * g.Q * g.C, w, dx + n * g.H * g.W * g.C)


cdef void backward_weight_all(const Geometry *g, const real *x, const real *dy, real *dw, real *db, bint accumulate,
                              real *parts, Py_ssize_t n_groups, Py_ssize_t images, int n_threads) noexcept nogil:
    cdef Py_ssize_t t, i, n_w = g.KH * g.KW * g.C, stride = n_w + g.C
    for t in prange(n_groups, num_threads=n_threads, schedule="static", use_threads_if=n_groups > 1):
        backward_weight_images(g, x + t * images * g.H * g.W * g.C, dy + t * images * g.P * g.Q * g.C,
                               min(images, g.N - t * images), parts + t * stride, parts + t * stride + n_w)
    if not accumulate:
        if dw != NULL:
            memset(dw, 0, n_w * sizeof(real))
        if db != NULL:
            memset(db, 0, g.C * sizeof(real))
    for t in range(n_groups):
        if dw != NULL:
            for i in range(n_w):
                dw[i] = dw[i] + parts[t * stride + i]
        if db != NULL:
            for i in range(g.C):
                db[i] = db[i] + parts[t * stride + n_w + i]


def depthwise_forward(x, w, bias, y, geometry, int n_threads):
    """y[n,c,p,q] = bias[c] + sum over kh,kw of x[n, c, p*SH - PH + kh*DH, q*SW - PW + kw*DW] * w[c,0,kh,kw].

    x : IN (N, C, H, W), w : IN (C, 1, KH, KW) over (KH, KW, 1, C), bias : IN (C,) or None, y : OUT (N, C, P, Q).
    """
    cdef Geometry g = depthwise_geometry(geometry)
    cdef int t = float_type(x, "x")
    cdef void *px = channels_last(x, "x", t, g.N * g.C * g.H * g.W)
    cdef void *pw = weight(w, "w", t, g.KH * g.KW * g.C)
    cdef void *pb = NULL if bias is None else data(bias, "bias", t, g.C)
    cdef void *py = channels_last(y, "y", t, g.N * g.C * g.P * g.Q, True)
    if t == NPY_FLOAT32:
        forward_all(&g, <float *> px, <float *> pw, <float *> pb, <float *> py, n_threads)
    else:
        forward_all(&g, <double *> px, <double *> pw, <double *> pb, <double *> py, n_threads)


def depthwise_backward_input(dy, w, dx, geometry, int n_threads):
    """dx (N, C, H, W) OUT from dy IN (N, C, P, Q) and w IN (C, 1, KH, KW)."""
    cdef Geometry g = depthwise_geometry(geometry)
    cdef int t = float_type(dy, "dy")
    cdef void *pdy = channels_last(dy, "dy", t, g.N * g.C * g.P * g.Q)
    cdef void *pw = weight(w, "w", t, g.KH * g.KW * g.C)
    cdef void *pdx = channels_last(dx, "dx", t, g.N * g.C * g.H * g.W, True)
    if t == NPY_FLOAT32:
        backward_input_all(&g, <float *> pdy, <float *> pw, <float *> pdx, n_threads)
    else:
        backward_input_all(&g, <double *> pdy, <double *> pw, <double *> pdx, n_threads)


def depthwise_backward_weight(x, dy, dw, db, bint accumulate, geometry, int n_threads):
    """dw (C, 1, KH, KW) OUT (+)= the sum over images and pixels of dy * x; db (C,) OUT (+)= that of dy; or None."""
    cdef Geometry g = depthwise_geometry(geometry)
    cdef int t = float_type(dy, "dy")
    cdef void *px = channels_last(x, "x", t, g.N * g.C * g.H * g.W)
    cdef void *pdy = channels_last(dy, "dy", t, g.N * g.C * g.P * g.Q)
    cdef void *pdw = NULL if dw is None else weight(dw, "dw", t, g.KH * g.KW * g.C, True)
    cdef void *pdb = NULL if db is None else data(db, "db", t, g.C, True)
    cdef Py_ssize_t images = (g.N + MAX_GROUPS - 1) // MAX_GROUPS
    cdef Py_ssize_t n_groups = (g.N + images - 1) // images if g.N else 0
    cdef Block scratch = Block((n_groups * (g.KH * g.KW + 1) * g.C + 1) * (4 if t == NPY_FLOAT32 else 8))
    if t == NPY_FLOAT32:
        backward_weight_all(&g, <float *> px, <float *> pdy, <float *> pdw, <float *> pdb, accumulate,
                            <float *> scratch.address, n_groups, images, n_threads)
    else:
        backward_weight_all(&g, <double *> px, <double *> pdy, <double *> pdw, <double *> pdb, accumulate,
                            <double *> scratch.address, n_groups, images, n_threads)
