# Filters as panels: for two vectors of result channels (one at the tail) all rows of a sum in the order in which the
# tiles read them, so that a tile walks through memory without a jump. Channels beyond the last are zero.

from libc.string cimport memcpy, memset
from tinydl._core.array cimport real
from tinydl._core.conv.geometry cimport Geometry
from tinydl._core.rounding cimport ceil_div, round_up
from tinydl._core.vector cimport lanes_of


cdef inline Py_ssize_t panel_width(Py_ssize_t n_channels, Py_ssize_t lanes) noexcept nogil:
    """Lanes of all panels of a group of the convolution together."""
    return round_up(n_channels, lanes)


cdef inline void pack_bias(const real *bias, real *padded, const Geometry *g) noexcept nogil:
    """The bias laid out as the panels: a tile reads whole vectors of it."""
    cdef Py_ssize_t Og = g.O // g.G, width = panel_width(Og, lanes_of[real](0)), group
    memset(padded, 0, g.G * width * sizeof(real))
    for group in range(g.G):
        memcpy(padded + group * width, bias + group * Og, Og * sizeof(real))


cdef inline void pack_forward(const real *w, real *panels, const Geometry *g, Py_ssize_t block) noexcept nogil:
    """Panel number `block` of those of all groups: [group][panel][KH*KW*C/G][lanes] from w (KH*KW, C/G, O)."""
    cdef Py_ssize_t lanes = lanes_of[real](0), Og = g.O // g.G, K = g.KH * g.KW * (g.C // g.G)
    cdef Py_ssize_t per_group = ceil_div(Og, 2 * lanes), group = block // per_group, o = block % per_group * 2 * lanes
    cdef Py_ssize_t width = min(2 * lanes, round_up(Og - o, lanes)), n = min(width, Og - o), k
    cdef real *out = panels + K * (group * panel_width(Og, lanes) + o)
    for k in range(K):
        memcpy(out + k * width, w + k * g.O + group * Og + o, n * sizeof(real))
        if n < width:
            memset(out + k * width + n, 0, (width - n) * sizeof(real))


cdef inline void pack_backward(const real *w, real *panels, const Geometry *g, const Py_ssize_t *positions,
                               Py_ssize_t n_taps, Py_ssize_t block) noexcept nogil:
    """The same for backward-input: rows are (tap, output channel), lanes are input channels.

    positions : filter positions kh*KW + kw in the order in which the grid visits them.
    """
    cdef Py_ssize_t lanes = lanes_of[real](0), Og = g.O // g.G, Cg = g.C // g.G
    cdef Py_ssize_t per_group = ceil_div(Cg, 2 * lanes), group = block // per_group, c = block % per_group * 2 * lanes
    cdef Py_ssize_t width = min(2 * lanes, round_up(Cg - c, lanes)), n = min(width, Cg - c), t, o, i
    cdef real *out = panels + n_taps * Og * (group * panel_width(Cg, lanes) + c)
    cdef const real *tap
    for t in range(n_taps):
        tap = w + (positions[t] * Cg + c) * g.O + group * Og
        # Transposed: w lies with output channels fastest.
        for o in range(Og):
            for i in range(n):
                out[i] = tap[i * g.O + o]
            for i in range(n, width):
                out[i] = 0
            out = out + width


cdef inline void pack_products(const real *w, real *panels, const Geometry *g, Py_ssize_t width) noexcept nogil:
    """Panels with rows (kh, o) and lanes (kw, c) from w (KH, KW*C, O); `width` of them, whole vectors."""
    cdef Py_ssize_t lanes = lanes_of[real](0), first = 0, n, kh, o, i, row = g.KW * g.C
    while first < width:
        n = min(2 * lanes, width - first)
        for kh in range(g.KH):
            for o in range(g.O):
                for i in range(n):
                    panels[i] = w[(kh * row + first + i) * g.O + o] if first + i < row else 0
                panels = panels + n
        first = first + n
